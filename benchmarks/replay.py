"""A server of pages that were rendered before: one day of the sandbox, repeated under other dates
and ids, over loopback.

So a benchmark measures who reads, not who renders. Every conversation has an id of its own, counts
agree, and a job's results come in pages of 1,000, compressed once; a client that does not ask for
gzip gets the same bytes inflated.
"""

from __future__ import annotations

import gzip
import json
import multiprocessing
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lastpage_sandbox import Sandbox, Settings

DETAILS = "/api/v2/analytics/conversations/details"
FIRST = datetime(2023, 1, 1, tzinfo=UTC)
#: The day that is repeated.
DAY = datetime(2023, 10, 10, tzinfo=UTC)
#: How far its lake reaches.
REACHES = "2023-12-31T00:00:00.000Z"
PER_DAY, PAGE = 10_000, 1_000
#: Requests a minute: nobody waits for the pace here.
ALLOWED = 1_000_000_000
#: Of gzip: what costs least to make; a page becomes a sixth of its size.
LEVEL = 1
ORGANIZATION = {"id": "00000000-0000-4000-8000-000000000001", "name": "Replay"}


def interval(days: int) -> str:
    """So many days of it, as a verb takes them."""
    return f"{FIRST.date()}/{(FIRST + timedelta(days=days)).date()}"


def template() -> list[bytes]:
    """The pages of one day, as the sandbox's job gives them."""
    box = Sandbox(
        Settings(seed=1, per_day=PER_DAY, orphans=0.0), now=(DAY + timedelta(days=9)).timestamp
    )
    records = list(box.truth(DAY, DAY + timedelta(days=1)).values())[:PER_DAY]
    assert len(records) == PER_DAY
    encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
    return [encode(records[at : at + PAGE]).encode() for at in range(0, PER_DAY, PAGE)]


class Replay:
    """So many days, each page compressed."""

    def __init__(self, days: int) -> None:
        pages = template()
        with multiprocessing.get_context("fork").Pool(2) as pool:
            work = ((pages[number % len(pages)], number) for number in range(days * len(pages)))
            self._pages = pool.starmap(moved, work, chunksize=8)

    def answer(
        self, method: str, path: str, query: dict[str, list[str]], body: Any
    ) -> tuple[int, Any]:
        """Status, and JSON or the bytes of a page."""
        match method, path.removeprefix(DETAILS).strip("/").split("/"):
            case "POST", ["oauth", "token"]:
                return 200, {"access_token": "replay", "token_type": "bearer", "expires_in": 86_400}
            case "GET", ["api", "v2", "organizations", "me"]:
                return 200, ORGANIZATION
            case "GET", ["jobs", "availability"]:
                return 200, {"dataAvailabilityDate": REACHES}
            case "POST", ["query"]:
                return 200, {"totalHits": len(self._of(body["interval"])) * PAGE}
            case "POST", ["jobs"]:
                pages = self._of(body["interval"])
                return 202, {"jobId": f"{pages.start}-{pages.stop}"}
            case "GET", ["jobs", job, "results"]:
                first, stop = map(int, job.split("-"))
                return 200, self._page(int(query.get("cursor", [str(first)])[0]), stop)
            case "GET", ["jobs", _]:
                return 200, {"state": "FULFILLED"}
            case "DELETE", _:
                return 204, None
        return 404, {"code": "not.found", "message": path, "status": 404}

    def _of(self, asked: str) -> range:
        """The pages of an interval of whole days."""
        start, end = ((datetime.fromisoformat(text) - FIRST).days for text in asked.split("/"))
        days = PER_DAY // PAGE
        return range(max(start, 0) * days, min(end * days, len(self._pages)))

    def _page(self, number: int, stop: int) -> bytes:
        return self._pages[number] if number + 1 < stop else self._last(number)

    @lru_cache(maxsize=64)  # noqa: B019 - it lives as long as the server
    def _last(self, number: int) -> bytes:
        """The same page without a cursor."""
        page = gzip.decompress(self._pages[number])
        return gzip.compress(
            page.replace(f'"cursor":"{number + 1}",'.encode(), b""), LEVEL, mtime=0
        )


def moved(page: bytes, number: int) -> bytes:
    """A page of the template as page `number`: under the dates of another day, with other ids,
    compressed.
    """
    day = number // (PER_DAY // PAGE)
    shift = FIRST + timedelta(days=day) - DAY

    @cache
    def date(text: bytes) -> bytes:
        return (datetime.fromisoformat(text.decode()) + shift).date().isoformat().encode()

    page = re.sub(rb'(?<=")\d{4}-\d\d-\d\d(?=T)', lambda found: date(found[0]), page)
    page = re.sub(rb'("conversationId":"[0-9a-f-]{32})[0-9a-f]{4}', rb"\g<1>%04x" % day, page)
    tail = f',"cursor":"{number + 1}","dataAvailabilityDate":"{REACHES}"}}'
    return gzip.compress(b'{"conversations":' + page + tail.encode(), LEVEL, mtime=0)


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 around `Replay.answer`."""

    protocol_version = "HTTP/1.1"
    replay: Replay

    def do_GET(self) -> None:
        self._answer(None)

    def do_DELETE(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(json.loads(body) if body.startswith(b"{") else None)

    def _answer(self, body: Any) -> None:
        url = urlsplit(self.path)
        status, answer = self.replay.answer(self.command, url.path, parse_qs(url.query), body)
        packed = isinstance(answer, bytes) and "gzip" in self.headers.get("Accept-Encoding", "")
        if isinstance(answer, bytes):
            data = answer if packed else gzip.decompress(answer)
        else:
            data = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("inin-ratelimit-allowed", str(ALLOWED))
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *told: object) -> None:
        pass


def serve(days: int, pipe: Connection) -> None:
    handler = type("Serving", (Handler,), {"replay": Replay(days)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    pipe.send(f"http://127.0.0.1:{server.server_port}")
    server.serve_forever()


@contextmanager
def serving(days: int) -> Iterator[str]:
    """The URL of a server of so many days, in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    server = spawn.Process(target=serve, args=(days, theirs))
    server.start()
    try:
        yield ours.recv()
    finally:
        server.terminate()
        server.join()
