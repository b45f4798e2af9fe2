"""One emulated organisation: its doors, its state, and the way of a request through it.

The order in which a request can fail is that of docs/api.md, 8: token, allowance, body, permission.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
from werkzeug.wrappers import Request, Response

from lastpage_sandbox.clock import At, Clock
from lastpage_sandbox.control import PLANE, Control
from lastpage_sandbox.faults import Faults, disturb, refuse
from lastpage_sandbox.handlers import Handlers
from lastpage_sandbox.library import Library
from lastpage_sandbox.limiter import Limiter
from lastpage_sandbox.oauth import OAuth
from lastpage_sandbox.replies import Asked, Refusal, Reply, plain, throttled, with_controls
from lastpage_sandbox.routes import Route, find
from lastpage_sandbox.server import Server, is_loopback
from lastpage_sandbox.settings import Settings
from lastpage_sandbox.wire import IncompleteBody, Wire, wired
from lastpage_sandbox.world import World

#: Bodies may not be larger (2).
BODY_BYTES_MAX = 512_000
#: Requests that are remembered; a server may run for weeks.
LOG_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One request as it was received, for tests to look at."""

    endpoint: str
    method: str
    path: str
    query: Mapping[str, str]
    json: Any
    status: int


class Sandbox:
    """One emulated organisation. `now` and `sleep` are the time outside, so that tests need none;
    `clock` is bent over it.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        start: datetime | None = None,
        rate: float = 1.0,
    ) -> None:
        self.settings = settings or Settings()
        self.clock = Clock(now, start=start, rate=rate)
        self.now = self.clock.now
        self.open_to_others = False
        self._sleep = sleep
        self._lock = threading.Lock()
        #: Held by whoever looks at the world or changes it.
        self.turn = threading.RLock()
        self._control = Control(self)
        self._begin()

    def _begin(self) -> None:
        settings = self.settings
        self.world = World(settings)
        self.faults = Faults(settings.seed, settings.profile)
        self.counters: Counter[str] = Counter()
        self.log: list[Entry] = []
        self.library = Library(settings, self.world)
        self._oauth = OAuth(settings)
        self._handlers = Handlers(self.library, self._oauth, self.turn)
        self.jobs, self.details = self._handlers.jobs, self._handlers.details
        self._limiter = Limiter(settings.requests_per_minute, settings.rate_window_s)
        self._victim: tuple[int, int] | None = None
        self._ids = random.Random(f"correlation {settings.seed}")

    # The doors
    # ------------------------------------------------------------------------------------------------
    #
    #

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """One request without a socket. Raises `ConnectionResetError` and `IncompleteBody` as a
        socket would fail.
        """
        lowered = {name.lower(): value for name, value in (headers or {}).items()}
        wire = self._serve(Asked(method, path, dict(query or {}), lowered, body or b""))
        if wire.cut_at is not None:
            raise IncompleteBody(wire.body[: wire.cut_at])
        whole = b"".join(wire.pieces(self._sleep))
        return wire.status, {name.lower(): value for name, value in wire.headers.items()}, whole

    def app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """The WSGI application."""
        request = Request(environ)
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = request.stream.read(BODY_BYTES_MAX + 1)
        # The rest would be taken for the next request; and to close before it is read is a reset.
        while request.stream.read(BODY_BYTES_MAX):
            pass
        wire = self._serve(
            Asked(request.method, request.path, request.args.to_dict(), headers, body)
        )
        more = {} if self.settings.chunked else {"Content-Length": str(len(wire.body))}
        response = Response(
            wire.pieces(self._sleep), status=wire.status, headers={**wire.headers, **more}
        )
        return response(environ, start_response)

    def serve(self, port: int = 0, host: str = "127.0.0.1") -> Server:
        """The same over a socket: `with sandbox.serve() as server: server.url`."""
        server = Server(self.app, host, port)
        self.open_to_others = self.open_to_others or not is_loopback(host)
        return server

    def kill(self, pid: int, at: int) -> None:
        """Kill a process when the request of this number from now on arrives, before it is
        answered: for crash tests.
        """
        self._victim = (pid, self.counters.total() + at)

    def reset(self) -> None:
        """As it was when it began: the same seed, the same clock, no tokens, no jobs, nothing
        queued, added or removed.
        """
        with self.turn, self._lock:
            self.clock.reset()
            self._begin()

    # What is true
    # ---------------------------------------------------------------------------------------------

    def truth(self, start: datetime, end: datetime) -> dict[str, dict[str, Any]]:
        """Every conversation that started in `[start, end)` and can be seen now, with attributes,
        by id.
        """
        now_ms = self._now_ms()
        return {
            skeleton.id: self.library.record(skeleton, now_ms, attributes=True)
            for skeleton in self.world.visible(_ms(start), _ms(end), now_ms)
        }

    def truth_ids(self, start: datetime, end: datetime) -> set[str]:
        """The same without rendering anything."""
        return {
            skeleton.id for skeleton in self.world.visible(_ms(start), _ms(end), self._now_ms())
        }

    # One request
    # ----------------------------------------------------------------------------------------------

    def _serve(self, asked: Asked) -> Wire:
        if asked.path.startswith(PLANE):
            return self._sent(asked, self._control.answer(asked), {}, ())
        route, names = find(asked.method, asked.path, self.settings)
        with self._lock:
            self.counters[route.endpoint] += 1
            number = self.counters.total()
            context = str(uuid.UUID(int=self._ids.getrandbits(128), version=4))
        self._kill_if_told(number)
        asked = replace(asked, words=self.faults.take(route.endpoint, self.clock.at().waited_s))
        disturb(asked.words, self._sleep)
        limits: dict[str, str] = {}
        try:
            asked, reply = self._answer(asked, route, names, limits)
        except Refusal as refusal:
            reply = refusal.reply(context)
        self.log.append(
            Entry(route.endpoint, asked.method, asked.path, asked.query, asked.json, reply.status)
        )
        del self.log[:-LOG_MAX]
        return self._sent(asked, reply, {**limits, "ININ-Correlation-Id": context}, asked.words)

    def _answer(
        self, asked: Asked, route: Route, names: tuple[str, ...], limits: dict[str, str]
    ) -> tuple[Asked, Reply]:
        at, allowed = self.clock.at(), self.settings.requests_per_minute
        if route.endpoint == "token":
            refuse(asked.words, allowed)
            return asked, self._oauth.issue(asked, at.waited_s)
        try:
            self._admit(asked, at, limits)
        finally:
            refuse(
                asked.words, allowed
            )  # an error that was asked for comes before one that was earned
        if route.endpoint == "unknown":
            raise Refusal(404, "not found", "HTTP 404 Not Found")
        asked = _with_json(asked)
        self._oauth.allow(*route.needed)
        return asked, self._handlers.answer(asked, route.endpoint, names, at)

    def _admit(self, asked: Asked, at: At, limits: dict[str, str]) -> None:
        """Token and allowance; `limits` gets the headers that tell of the latter."""
        self._oauth.check(asked, at.waited_s, expire="expire-token" in asked.words)
        over = self._limiter.count(at.waited_s)
        if self.settings.rate_headers:
            limits.update(self._limiter.headers(at.waited_s))
        if over is not None:
            raise throttled(over, self.settings.requests_per_minute)

    def _sent(
        self, asked: Asked, reply: Reply, headers: Mapping[str, str], words: tuple[str, ...]
    ) -> Wire:
        if self.settings.texts == "controls":
            reply = replace(reply, body=with_controls(reply.body))
        zipped = self.settings.gzip and "gzip" in asked.headers.get("accept-encoding", "")
        return wired(reply, headers, words, at=self.now(), zipped=zipped)

    def _kill_if_told(self, number: int) -> None:
        if self._victim is not None and number == self._victim[1]:
            os.kill(self._victim[0], signal.SIGKILL)

    def _now_ms(self) -> int:
        return self.clock.at().now_ms


def _with_json(asked: Asked) -> Asked:
    if asked.method != "POST":
        return asked
    if len(asked.body) > BODY_BYTES_MAX:
        raise plain(413)
    if "json" not in asked.headers.get("content-type", ""):
        raise plain(415)
    try:
        body = msgspec.json.decode(asked.body)
    except (msgspec.DecodeError, RecursionError):
        raise plain(400) from None
    if not isinstance(body, dict):
        raise plain(400)
    return replace(asked, json=body)


def _ms(moment: datetime) -> int:
    return round(moment.astimezone(UTC).timestamp() * 1000)
