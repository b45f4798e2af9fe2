"""The emulator: routes to handlers, values to HTTP. Handlers never touch the wire; faults of the wire are put on here.

The order in which a request can fail is that of docs/api.md, 8: token, allowance, body, permission.
"""

from __future__ import annotations

import gzip
import os
import random
import re
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

import msgspec
from werkzeug.wrappers import Request, Response

from lastpage_sandbox.faults import Faults
from lastpage_sandbox.jobs import Jobs
from lastpage_sandbox.limiter import Limiter
from lastpage_sandbox.oauth import OAuth
from lastpage_sandbox.query import DetailsQuery, Library
from lastpage_sandbox.record import name_id
from lastpage_sandbox.replies import Asked, Refusal, Reply, not_found, plain, throttled
from lastpage_sandbox.server import Server
from lastpage_sandbox.settings import Settings
from lastpage_sandbox.world import World

DETAILS = "/api/v2/analytics/conversations/details"
VIEW = ("analytics:conversationDetail:view", "analytics:agentConversationDetail:view")
#: Method, path, endpoint name, permissions of which one is needed (7).
ROUTES = [
    ("POST", r"/oauth/token", "token", ()),
    ("GET", r"/api/v2/organizations/me", "organization", ()),
    ("POST", rf"{DETAILS}/query", "details.query", VIEW),
    ("GET", rf"{DETAILS}/jobs/availability", "jobs.availability", VIEW[:1]),
    ("POST", rf"{DETAILS}/jobs", "jobs.submit", VIEW),
    ("GET", rf"{DETAILS}/jobs/([^/]+)", "jobs.status", VIEW),
    ("DELETE", rf"{DETAILS}/jobs/([^/]+)", "jobs.delete", VIEW),
    ("GET", rf"{DETAILS}/jobs/([^/]+)/results", "jobs.results", VIEW),
    ("GET", rf"{DETAILS}", "details.ids", VIEW),
    ("GET", r"/api/v2/analytics/conversations/([^/]+)/details", "details.one", VIEW),
    ("GET", r"/api/v2/analytics/dataretention/settings", "retention", ("analytics:dataRetention:view",)),
]
COMPILED = [(method, re.compile(pattern), name, needed) for method, pattern, name, needed in ROUTES]


class IncompleteBody(ConnectionError):
    """The connection died in the middle of a body; `partial` is what came."""

    def __init__(self, partial: bytes) -> None:
        super().__init__("the connection died in the middle of the body")
        self.partial = partial


@dataclass(frozen=True, slots=True)
class Entry:
    """One request as it was received, for tests to look at."""

    endpoint: str
    method: str
    path: str
    query: Mapping[str, str]
    json: Any
    status: int


@dataclass(frozen=True, slots=True)
class Wire:
    """An answer ready to be sent; `cut_at` bytes of the body, if not None, are all that goes out."""

    status: int
    headers: dict[str, str]
    body: bytes
    cut_at: int | None = None


class Sandbox:
    """One emulated organisation. `now` and `sleep` are its clock, so that tests need no time."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.settings = settings = settings or Settings()
        self.now, self._sleep = now, sleep
        self.world = World(settings)
        self.faults = Faults(settings.seed, settings.profile)
        self.counters: Counter[str] = Counter()
        self.log: list[Entry] = []
        self.library = Library(settings, self.world)
        self.jobs = Jobs(self.library)
        self.details = DetailsQuery(self.library)
        self._oauth = OAuth(settings)
        self._limiter = Limiter(settings.requests_per_minute)
        self._victim: tuple[int, int] | None = None
        self._lock = threading.Lock()
        self._ids = random.Random(f"correlation {settings.seed}")

    # The doors ------------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """One request without a socket. Raises `ConnectionResetError` and `IncompleteBody` as a socket would fail."""
        lowered = {name.lower(): value for name, value in (headers or {}).items()}
        wire = self._serve(Asked(method, path, dict(query or {}), lowered, body or b""))
        if wire.cut_at is not None:
            raise IncompleteBody(wire.body[: wire.cut_at])
        return wire.status, {name.lower(): value for name, value in wire.headers.items()}, wire.body

    def app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """The WSGI application."""
        request = Request(environ)
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(request.method, request.path, request.args.to_dict(), headers, request.get_data())
        wire = self._serve(asked)
        response = Response(_streamed(wire), status=wire.status, headers=wire.headers)
        return response(environ, start_response)

    def serve(self, port: int = 0, host: str = "127.0.0.1") -> Server:
        """The same over a socket: `with sandbox.serve() as server: server.url`."""
        return Server(self.app, host, port)

    def kill(self, pid: int, at: int) -> None:
        """Kill a process when the request of this number from now on arrives, before it is answered: for crash tests."""
        self._victim = (pid, self.counters.total() + at)

    # What is true ---------------------------------------------------------------------------------------------

    def truth(self, start: datetime, end: datetime) -> dict[str, dict[str, Any]]:
        """Every conversation that started in `[start, end)` and can be seen now, with attributes, by id."""
        now_ms = self._now_ms()
        return {
            skeleton.id: self.library.record(skeleton, now_ms, attributes=True)
            for skeleton in self.world.visible(_ms(start), _ms(end), now_ms)
        }

    def truth_ids(self, start: datetime, end: datetime) -> set[str]:
        """The same without rendering anything."""
        return {skeleton.id for skeleton in self.world.visible(_ms(start), _ms(end), self._now_ms())}

    # One request ----------------------------------------------------------------------------------------------

    def _serve(self, asked: Asked) -> Wire:
        endpoint, names, needed = _route(asked)
        with self._lock:
            self.counters[endpoint] += 1
            number = self.counters.total()
            context = str(uuid.UUID(int=self._ids.getrandbits(128), version=4))
        self._kill_if_told(number)
        words = self.faults.take(endpoint)
        asked = replace(asked, words=words)
        self._disturb(words)
        limits: dict[str, str] = {}
        try:
            asked, reply = self._answer(asked, endpoint, names, needed, limits)
        except Refusal as refusal:
            reply = refusal.reply(context)
        self.log.append(Entry(endpoint, asked.method, asked.path, asked.query, asked.json, reply.status))
        return self._wire(asked, reply, {**limits, "ININ-Correlation-Id": context}, words)

    def _answer(
        self, asked: Asked, endpoint: str, names: tuple[str, ...], needed: tuple[str, ...], limits: dict[str, str]
    ) -> tuple[Asked, Reply]:
        now = self.now()
        if endpoint == "token":
            self._fail_as_told(asked.words)
            return asked, self._oauth.issue(asked, now)
        self._oauth.check(asked, now, expire="expire-token" in asked.words)
        over = self._limiter.count(now)
        if self.settings.rate_headers:
            limits.update(self._limiter.headers(now))
        if over is not None:
            raise throttled(over)
        self._fail_as_told(asked.words)
        if endpoint == "unknown":
            raise Refusal(404, "not found", "HTTP 404 Not Found")
        asked = _with_json(asked)
        if needed:
            self._oauth.allow(*needed)
        return asked, self._handle(asked, endpoint, names)

    def _handle(self, asked: Asked, endpoint: str, names: tuple[str, ...]) -> Reply:
        now_ms = self._now_ms()
        with self._lock:
            match endpoint:
                case "details.query":
                    return self.details.answer(asked, now_ms)
                case "jobs.submit":
                    return self.jobs.submit(asked, now_ms)
                case "jobs.status":
                    return self.jobs.status(asked, names[0], now_ms)
                case "jobs.results":
                    return self.jobs.results(asked, names[0], now_ms)
                case "jobs.delete":
                    return self.jobs.delete(asked, names[0], now_ms)
                case "jobs.availability":
                    return self._availability(now_ms)
                case "details.ids":
                    return self._by_ids(asked, now_ms)
                case "details.one":
                    return self._by_id(names[0], now_ms)
                case "retention":
                    return self._retention()
                case _:
                    return self._organization()

    def _availability(self, now_ms: int) -> Reply:
        if self.settings.availability != "ok":
            raise plain(int(self.settings.availability))
        return self.jobs.availability(now_ms)

    def _organization(self) -> Reply:
        name = name_id(self.settings.seed, "organization")
        body = {"id": name, "name": "Sandbox", "defaultLanguage": "en-US", "domain": "sandbox", "state": "active"}
        return Reply(
            200, {**body, "version": 1, "productPlatform": "GenesysCloud", "selfUri": "/api/v2/organizations/me"}
        )

    def _retention(self) -> Reply:
        if self.settings.retention_days is None:
            raise not_found()
        return Reply(200, {"retentionDays": self.settings.retention_days})

    def _by_ids(self, asked: Asked, now_ms: int) -> Reply:
        found = [self._seen(name, now_ms) for name in asked.query.get("id", "").split(",") if name]
        return Reply(200, {"conversations": [record for record in found if record]})

    def _by_id(self, name: str, now_ms: int) -> Reply:
        record = self._seen(name, now_ms)
        if record is None:
            raise not_found()
        return Reply(200, record)

    def _seen(self, name: str, now_ms: int) -> dict[str, Any] | None:
        skeleton = self.world.find(name)
        if skeleton is None or skeleton.arrival_ms > now_ms:
            return None
        return self.library.record(skeleton, now_ms, attributes=False)

    # The wire -------------------------------------------------------------------------------------------------

    def _disturb(self, words: tuple[str, ...]) -> None:
        for word in words:
            if word == "reset":
                raise ConnectionResetError(104, "Connection reset by peer")
            if found := re.fullmatch(r"stall-(\d+)s", word):
                self._sleep(float(found[1]))

    def _fail_as_told(self, words: tuple[str, ...]) -> None:
        for word in words:
            if word == "return-429":
                raise throttled(None)
            if found := re.fullmatch(r"return-429-after:(\d+)", word):
                raise throttled(int(found[1]))
            if found := re.fullmatch(r"return-(\d+)", word):
                raise plain(int(found[1]))

    def _wire(self, asked: Asked, reply: Reply, headers: dict[str, str], words: tuple[str, ...]) -> Wire:
        body = (
            reply.body
            if isinstance(reply.body, bytes)
            else b""
            if reply.body is None
            else msgspec.json.encode(reply.body)
        )
        status = reply.status
        headers = {
            "Content-Type": "application/json",
            "Cache-Control": "no-cache, no-store, must-revalidate",
            "Date": formatdate(self.now(), usegmt=True),
            **headers,
            **reply.headers,
        }
        if "html-502" in words:
            status, body = 502, b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
            headers["Content-Type"] = "text/html"
        if "truncate-json" in words:
            body = body[: max(len(body) * 2 // 3, 1)]
        if self.settings.gzip and "gzip" in asked.headers.get("accept-encoding", "") and len(body) > 500:
            body = gzip.compress(body, 1, mtime=0)
            headers["Content-Encoding"] = "gzip"
            if "bad-gzip" in words:
                body = body[: len(body) // 2]
        headers["Content-Length"] = str(len(body))
        return Wire(status, headers, body, _cut(words, len(body)))

    def _kill_if_told(self, number: int) -> None:
        if self._victim is not None and number == self._victim[1]:
            os.kill(self._victim[0], signal.SIGKILL)

    def _now_ms(self) -> int:
        return int(self.now() * 1000)


def _route(asked: Asked) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    for method, pattern, name, needed in COMPILED:
        found = pattern.fullmatch(asked.path)
        if found and method == asked.method:
            return name, found.groups(), needed
    return "unknown", (), ()


def _with_json(asked: Asked) -> Asked:
    if asked.method != "POST":
        return asked
    if "json" not in asked.headers.get("content-type", ""):
        raise plain(415)
    try:
        body = msgspec.json.decode(asked.body)
    except msgspec.DecodeError:
        raise plain(400) from None
    if not isinstance(body, dict):
        raise plain(400)
    return replace(asked, json=body)


def _cut(words: tuple[str, ...], size: int) -> int | None:
    for word in words:
        if found := re.fullmatch(r"cut-after-(\d+)k", word):
            return min(int(found[1]) * 1024, size // 2)
    return None


def _streamed(wire: Wire) -> Iterator[bytes]:
    if wire.cut_at is None:
        yield wire.body
        return
    yield wire.body[: wire.cut_at]
    raise ConnectionResetError(104, "Connection reset by peer")


def _ms(moment: datetime) -> int:
    return round(moment.astimezone(UTC).timestamp() * 1000)
