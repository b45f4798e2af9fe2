"""The control plane, under `/_sandbox`: what a test asks of the emulator itself. JSON in and out;
no token.

It is for whoever runs the sandbox. Requests that name another host than this machine are refused (a
web page could have its own name point here), and so is a body that is not declared as JSON (a web
page could post a form).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from lastpage_sandbox.faults import check
from lastpage_sandbox.handmade import Handmade, moment_ms
from lastpage_sandbox.moments import DAY_MS, stamp
from lastpage_sandbox.openapi import description
from lastpage_sandbox.record.names import name_id
from lastpage_sandbox.replies import Asked, Reply
from lastpage_sandbox.server import is_loopback
from lastpage_sandbox.skeleton import Skeleton

if TYPE_CHECKING:
    from lastpage_sandbox.app import Sandbox

Model = TypeVar("Model", bound=msgspec.Struct)
PLANE = "/_sandbox"
#: More days are not drawn, and more records not rendered, for one answer.
TRUTH_DAYS_MAX = 366
TRUTH_RECORDS_MAX = 10_000


class Words(msgspec.Struct, forbid_unknown_fields=True):
    """What PUT and POST of faults take."""

    words: list[str]


class Turn(msgspec.Struct, forbid_unknown_fields=True):
    """What the clock takes: a moment, seconds to skip, a pace; one or several."""

    set: str | None = None
    advance_s: float | None = None
    rate: float | None = None


class Control:
    """Answers what is asked below `/_sandbox`. Handlers return JSON; a ValueError of theirs is a
    400 that says the sentence.
    """

    def __init__(self, box: Sandbox) -> None:
        self._box = box
        self._made = 0
        self._routes = [
            (method, re.compile(PLANE + re.sub(r"\{\w+\}", "([^/]+)", path)), getattr(self, name))
            for method, path, name, _ in ROUTES
        ]

    def answer(self, asked: Asked) -> Reply:
        """One request to the plane."""
        if refused := self._guarded(asked):
            return refused
        for method, pattern, handler in self._routes:
            if method == asked.method and (found := pattern.fullmatch(asked.path.rstrip("/"))):
                return self._handled(handler, asked, found.groups())
        return _wrong(
            404, f"there is no {asked.method} {asked.path}; GET {PLANE} says what there is"
        )

    def _guarded(self, asked: Asked) -> Reply | None:
        host = asked.headers.get("host", "")
        if host and not self._box.open_to_others and not is_loopback(_host_name(host)):
            return _wrong(403, f"the control plane answers to this machine only, not to {host}")
        kind = asked.headers.get("content-type", "").partition(";")[0].strip().lower()
        if asked.method in ("POST", "PUT") and kind != "application/json":
            return _wrong(415, "send it with Content-Type: application/json")
        return None

    def _handled(self, handler: Callable[..., Any], asked: Asked, names: tuple[str, ...]) -> Reply:
        try:
            with self._box.turn:
                body = handler(asked, *names)
        except msgspec.MsgspecError as problem:
            return _wrong(400, f"the body is not what this takes: {problem}")
        except ValueError as problem:
            return _wrong(400, str(problem))
        return Reply(204) if body is None else Reply(200, body)

    # What can be asked
    # ----------------------------------------------------------------------------------------

    def index(self, _: Asked) -> Any:
        return {
            "endpoints": [
                {"method": m, "path": PLANE + path, "does": does} for m, path, _, does in ROUTES
            ]
        }

    def faults(self, _: Asked) -> Any:
        return {"pending": self._box.faults.pending}

    def add_faults(self, asked: Asked, endpoint: str) -> Any:
        self._box.faults.put(endpoint, *_decoded(asked, Words).words)
        return self.faults(asked)

    def replace_faults(self, asked: Asked, endpoint: str) -> Any:
        words = _decoded(asked, Words).words
        check(endpoint, words)
        self._box.faults.clear(endpoint)
        self._box.faults.put(endpoint, *words)
        return self.faults(asked)

    def clear_faults(self, _: Asked, endpoint: str | None = None) -> None:
        if endpoint is not None:
            check(endpoint, ())
        self._box.faults.clear(endpoint)

    def receipts(self, _: Asked) -> Any:
        return {
            "receipts": [
                {"endpoint": endpoint, "word": word} for endpoint, word in self._box.faults.receipts
            ]
        }

    def clear_receipts(self, _: Asked) -> None:
        self._box.faults.receipts.clear()

    def clock(self, _: Asked) -> Any:
        return {"now": stamp(round(self._box.now() * 1000)), "rate": self._box.clock.rate}

    def turn_clock(self, asked: Asked) -> Any:
        turn = _decoded(asked, Turn)
        if turn == Turn():
            raise ValueError(
                "give set (a date and time), advance_s (seconds) or rate, or several of them"
            )
        clock = self._box.clock
        if turn.set is not None:
            clock.set(moment_ms(turn.set) / 1000)
        if turn.advance_s is not None:
            clock.advance(turn.advance_s)
        if turn.rate is not None:
            clock.run(turn.rate)
        return self.clock(asked)

    def truth(self, asked: Asked) -> Any:
        start, end = _interval(asked.query.get("interval", ""))
        now_ms = round(self._box.now() * 1000)
        seen = self._box.world.visible(start, end, now_ms)
        match asked.query.get("show", "count"):
            case "count":
                return {"count": len(seen)}
            case "days":
                return {"days": Counter(stamp(each.start_ms)[:10] for each in seen)}
            case "ids":
                return {"ids": [each.id for each in seen]}
            case "records":
                return {"conversations": self._records(seen, now_ms)}
            case other:
                raise ValueError(f"show is one of count, days, ids, records; not {other!r}")

    def counters(self, _: Asked) -> Any:
        return {"requests": self._box.counters, "total": self._box.counters.total()}

    def log(self, asked: Asked) -> Any:
        last = asked.query.get("last", "100")
        if not (last.isascii() and last.isdigit() and 0 < int(last) <= 10_000):
            raise ValueError(f"last is a number from 1 to 10000; not {last!r}")
        return {"requests": [asdict(entry) for entry in self._box.log[-int(last) :]]}

    def jobs(self, _: Asked) -> Any:
        return {"live": self._box.jobs.live}

    def reset(self, _: Asked) -> None:
        self._box.reset()
        self._made = 0

    def add_conversation(self, asked: Asked) -> Any:
        self._made += 1
        skeleton = _decoded(asked, Handmade).skeleton(
            name_id(self._box.settings.seed, "made by hand", self._made)
        )
        self._box.world.add(skeleton)
        return {"conversationId": skeleton.id}

    def remove_conversation(self, _: Asked, name: str) -> None:
        if self._box.world.find(name) is None:
            raise ValueError(f"there is no conversation {name}")
        self._box.world.remove(name)

    def settings(self, _: Asked) -> Any:
        settings = asdict(self._box.settings)
        del settings["client_secret"]
        return settings

    def openapi(self, _: Asked) -> Any:
        return description()

    def _records(self, seen: list[Skeleton], now_ms: int) -> list[msgspec.Raw]:
        if len(seen) > TRUTH_RECORDS_MAX:
            raise ValueError(
                f"{len(seen)} records are too many for one answer; ask for a shorter interval"
            )
        library = self._box.library
        return [
            msgspec.Raw(library.rendered(skeleton, now_ms, attributes=True)) for skeleton in seen
        ]


#: Method, path, handler, what it is good for.
ROUTES = (
    ("GET", "", "index", "what there is"),
    ("GET", "/faults", "faults", "the words that wait, by endpoint"),
    ("POST", "/faults/{endpoint}", "add_faults", 'queue more: `{"words": ["return-503", "pass"]}`; `*` is any endpoint'),
    ("PUT", "/faults/{endpoint}", "replace_faults", "the same, in place of what waits there"),
    ("DELETE", "/faults/{endpoint}", "clear_faults", "forget what waits there"),
    ("DELETE", "/faults", "clear_faults", "forget all that waits"),
    ("GET", "/receipts", "receipts", "the words that were served, in order"),
    ("DELETE", "/receipts", "clear_receipts", "forget them"),
    ("GET", "/clock", "clock", "the time here, and how fast it runs"),
    ("POST", "/clock", "turn_clock", '`{"set": "2023-10-20T15:30:00Z"}`, `{"advance_s": 3600}`, `{"rate": 60}`; 0 stands still'),
    ("GET", "/truth", "truth", "what started in `?interval=start/end` and is there now; `&show=count`, `days`, `ids`, `records`"),
    ("GET", "/counters", "counters", "requests, by endpoint"),
    ("GET", "/log", "log", "the last requests, without their headers; `?last=100`"),
    ("GET", "/jobs", "jobs", "jobs that were not deleted"),
    ("POST", "/reset", "reset", "as at the start: same seed, same clock, nothing else kept"),
    ("POST", "/conversations", "add_conversation", 'add one: `{"start": "…", "end": "…", "media": "voice"}`; open without `end`'),
    ("DELETE", "/conversations/{id}", "remove_conversation", "delete one for good"),
    ("GET", "/settings", "settings", "every switch and its value; not the secret"),
    ("GET", "/openapi.json", "openapi", "the API that is emulated, as OpenAPI 3.1"),
)  # fmt: skip


def _decoded(asked: Asked, model: type[Model]) -> Model:
    return msgspec.json.decode(asked.body, type=model)


def _interval(text: str) -> tuple[int, int]:
    start, slash, end = text.partition("/")
    if not slash:
        raise ValueError(
            "interval is missing or malformed; it looks like 2023-10-01T00:00Z/2023-10-02T00:00Z"
        )
    between = moment_ms(start), moment_ms(end)
    if not 0 < between[1] - between[0] <= TRUTH_DAYS_MAX * DAY_MS:
        raise ValueError(f"an interval starts before it ends and has at most {TRUTH_DAYS_MAX} days")
    return between


def _host_name(header: str) -> str:
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def _wrong(status: int, sentence: str) -> Reply:
    return Reply(status, {"error": sentence})
