"""A server of pages that were rendered before: one day of the sandbox, repeated under other dates
and ids, over loopback.

So a benchmark measures who reads, not who renders. Every conversation has an id of its own, counts
agree, and a job's results come in pages of 1,000, compressed once and kept in files: a million
conversations are 1.2 GB. A client that does not ask for gzip gets the same bytes inflated.

Nobody waits here for an allowance or a job, unless the server is told to have them: `Rules`.
"""

from __future__ import annotations

import gzip
import json
import multiprocessing
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.pages import DETAILS, FEW, FIRST, PAGE, PAGES, PER_DAY, conversations_of, pages_of
from lastpage_sandbox import Sandbox, Settings
from lastpage_sandbox.limiter import Limiter

#: The day that is repeated.
DAY = datetime(2023, 10, 10, tzinfo=UTC)
#: How far its lake reaches.
REACHES = "2023-12-31T00:00:00.000Z"
#: Of gzip: what costs least to make; a page becomes a sixth of its size.
LEVEL = 1
ORGANIZATION = {"id": "00000000-0000-4000-8000-000000000001", "name": "Replay"}


@dataclass(frozen=True, slots=True)
class Rules:
    """What makes a client wait: requests a minute, counted as the sandbox counts them, and the
    seconds that a job takes.
    """

    per_minute: int = 1_000_000_000
    job_s: float = 0.0


#: Nobody waits.
FREE = Rules()


def template(size: int = PER_DAY) -> list[bytes]:
    """The pages of one day, or of so many of its conversations, as the sandbox's job gives them;
    before them the page with the few.
    """
    box = Sandbox(
        Settings(seed=1, per_day=PER_DAY, orphans=0.0), now=(DAY + timedelta(days=9)).timestamp
    )
    until = DAY + timedelta(days=1 if size > PAGE else 1 / 3)
    records = list(box.truth(DAY, until).values())[:size]
    assert len(records) == size
    encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
    few = encode(records[:FEW]).encode()
    return [few, *(encode(records[at : at + PAGE]).encode() for at in range(0, size, PAGE))]


def moved(page: bytes, number: int) -> bytes:
    """A page of the template as page `number`: under the dates of another day, with other ids,
    compressed.
    """
    day = (number + PAGES - 1) // PAGES
    shift = FIRST + timedelta(days=day - 1) - DAY.date()

    @cache
    def date(text: bytes) -> bytes:
        return (datetime.fromisoformat(text.decode()) + shift).date().isoformat().encode()

    page = re.sub(rb'(?<=")\d{4}-\d\d-\d\d(?=T)', lambda found: date(found[0]), page)
    page = re.sub(rb'("conversationId":"[0-9a-f-]{32})[0-9a-f]{4}', rb"\g<1>%04x" % day, page)
    tail = f',"cursor":"{number + 1}","dataAvailabilityDate":"{REACHES}"}}'
    return gzip.compress(b'{"conversations":' + page + tail.encode(), LEVEL, mtime=0)


def render(days: int, folder: Path) -> int:
    """Write the pages of so many days, a file each; how many there are."""
    few, *pages = template()
    count = 1 + days * PAGES
    numbered = ((number, pages[(number - 1) % PAGES] if number else few) for number in range(count))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for _ in pool.imap_unordered(_rendered, zip(numbered, repeat(folder), strict=False), 4):
            pass
    return count


def _rendered(work: tuple[tuple[int, bytes], Path]) -> None:
    (number, page), folder = work
    (folder / str(number)).write_bytes(moved(page, number))


class Replay:
    """So many pages, each compressed, in the files of a folder."""

    def __init__(self, folder: Path, pages: int, rules: Rules) -> None:
        self._folder = folder
        self._count = pages
        self._rules = rules
        self._submitted: dict[str, float] = {}
        self._counted = (0, 0)
        self.begin()

    def begin(self) -> tuple[int, int]:
        """Begin a new minute; requests so far, and how many of them were over the allowance."""
        counted = self._counted
        self._limiter, self._counted = Limiter(self._rules.per_minute), (0, 0)
        return counted

    def over(self) -> int | None:
        """Count a request to the API: None, or the seconds to wait when it is over the allowance."""
        wait_s = self._limiter.count(time.time())
        requests, refused = self._counted
        self._counted = requests + 1, refused + (wait_s is not None)
        return wait_s

    def headers(self) -> dict[str, str]:
        """What the API says of the allowance."""
        return self._limiter.headers(time.time())

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
                return 200, {"totalHits": conversations_of(self._of(body["interval"]))}
            case "POST", ["jobs"]:
                pages = self._of(body["interval"])
                job = f"{pages.start}-{pages.stop}"
                self._submitted[job] = time.monotonic()
                return 202, {"jobId": job}
            case "GET", ["jobs", job, "results"]:
                first, stop = map(int, job.split("-"))
                return 200, self._page(int(query.get("cursor", [str(first)])[0]), stop)
            case "GET", ["jobs", job]:
                ready = time.monotonic() - self._submitted.get(job, 0.0) >= self._rules.job_s
                return (200, {"state": "FULFILLED"}) if ready else (202, {"state": "PENDING"})
            case "DELETE", _:
                return 204, None
        return 404, {"code": "not.found", "message": path, "status": 404}

    def _of(self, asked: str) -> range:
        """The pages of an interval of whole days."""
        start, stop = pages_of(asked)
        return range(start, min(stop, self._count))

    def _page(self, number: int, stop: int) -> bytes:
        return (
            (self._folder / str(number)).read_bytes() if number + 1 < stop else self._last(number)
        )

    @lru_cache(maxsize=64)  # noqa: B019 - it lives as long as the server
    def _last(self, number: int) -> bytes:
        """The same page without a cursor."""
        page = gzip.decompress((self._folder / str(number)).read_bytes())
        return gzip.compress(
            page.replace(f'"cursor":"{number + 1}",'.encode(), b""), LEVEL, mtime=0
        )


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 around `Replay.answer`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
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
        wait_s = self.replay.over() if url.path.startswith("/api/") else None
        if wait_s is None:
            status, answer = self.replay.answer(self.command, url.path, parse_qs(url.query), body)
        else:
            status, answer = 429, {"code": "too.many.requests", "status": 429}
        packed = isinstance(answer, bytes) and "gzip" in self.headers.get("Accept-Encoding", "")
        if isinstance(answer, bytes):
            data = answer if packed else gzip.decompress(answer)
        else:
            data = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in self.replay.headers().items():
            self.send_header(name, value)
        if wait_s is not None:
            self.send_header("Retry-After", str(wait_s))
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *told: object) -> None:
        pass


class Server:
    """A server in a process of its own, as whoever starts it sees it."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.url: str = pipe.recv()

    def begin(self) -> tuple[int, int]:
        """Begin a new minute; requests before it, and how many of them were over the allowance."""
        self._pipe.send(None)
        return self._pipe.recv()  # type: ignore[no-any-return]


def serve(folder: Path, pages: int, rules: Rules, pipe: Connection) -> None:
    replay = Replay(folder, pages, rules)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Serving", (Handler,), {"replay": replay}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pipe.send(f"http://127.0.0.1:{server.server_port}")
    while True:
        pipe.recv()
        pipe.send(replay.begin())


@contextmanager
def rendered(days: int) -> Iterator[tuple[Path, int]]:
    """A folder with the pages of so many days, and how many these are; it goes in the end."""
    with tempfile.TemporaryDirectory(prefix="lastpage-pages-") as folder:
        yield Path(folder), render(days, Path(folder))


@contextmanager
def replaying(folder: Path, pages: int, rules: Rules = FREE) -> Iterator[Server]:
    """A server of these pages, in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(folder, pages, rules, theirs))
    process.start()
    try:
        yield Server(ours)
    finally:
        process.terminate()
        process.join()


@contextmanager
def serving(days: int) -> Iterator[str]:
    """The URL of a server of so many days, where nobody waits."""
    with rendered(days) as (folder, pages), replaying(folder, pages) as server:
        yield server.url
