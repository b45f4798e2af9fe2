"""Those who read under the real allowance: lastpage, and a plain loop without a pace. And the
organisations they read, in real time and in simulated time.

    time        what makes it pass                         what is real
    ---------   ----------------------------------------   -------------------------------------
    real        itself; the server is another process      everything but the network
    simulated   only who sleeps: this process has both     the sandbox's rules for the allowance
                the server and the reader                  and for jobs; work takes no time

`python -m benchmarks.waiting READER PLACE`, both as JSON, runs one as a process of a build and
prints what it did. It reads a few conversations of another organisation first, whose clock nobody
waits for: imports stand outside.

The loop does what scripts do: a page, the next page, until one is short; a job, a look every second
until it is done, its pages by cursor. It knows of no pace: where it is refused with 429, it waits as
long as the answer says. It keeps a list and writes nothing.
"""

from __future__ import annotations

import base64
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import urllib3

from benchmarks.pages import DETAILS
from benchmarks.path import Clock

NOW = datetime(2023, 10, 20, 15, 30, 20, tzinfo=UTC)
#: What the API allows a minute, what a loop asks for at once, and how often it looks at a job.
PER_MINUTE, PAGE, JOB_PAGE, LOOK_S = 300, 100, 1_000, 1.0


@dataclass(frozen=True, slots=True)
class Place:
    """What is read, and where. Without a URL, time is simulated, and the reader starts the server."""

    interval: str
    route: str
    settings: dict[str, Any]
    url: str = ""
    client: str = ""
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Waited:
    """What one reader did."""

    conversations: int
    seconds: float
    requests: int = 0
    #: Answers of 429.
    refused: int = 0


def lastpage(place: Place, clock: Any) -> int:
    """All tables as Parquet, by the route that is asked for."""
    from lastpage import Cloud, Credentials

    # Simulated time moves by who sleeps, and would move twice as fast for two that do.
    how = {} if clock is None else {"clock": clock, "threads": 1}
    cloud = Cloud(Credentials(place.client, place.secret), place.url, **how)
    with tempfile.TemporaryDirectory() as folder:
        summary = cloud.fetch(place.interval, Path(folder) / "out", paginate=place.route)
        assert summary.coverage == "complete", summary
        return summary.conversations


def loop(place: Place, clock: Any) -> int:
    """The plain loop; how many different conversations of its list start in the interval."""
    api = Loop(place, clock.sleep if clock else time.sleep)
    rows = [row for page in (api.job if place.route == "cursor" else api.pages)() for row in page]
    start, end = map(datetime.fromisoformat, place.interval.split("/"))
    begun = {row["conversationId"]: row["conversationStart"] for row in rows}
    return sum(start <= datetime.fromisoformat(text) < end for text in begun.values())


class Loop:
    """Asks for one page after the other, over one connection."""

    def __init__(self, place: Place, sleep: Callable[[float], None]) -> None:
        # Else urllib3 itself waits for what a 429 says, in real time.
        self._pool = urllib3.PoolManager(retries=False)
        self._place, self._sleep = place, sleep
        pair = base64.b64encode(f"{place.client}:{place.secret}".encode()).decode()
        token = self._pool.request(
            "POST",
            f"{place.url}/oauth/token",
            body="grant_type=client_credentials",
            headers={
                "Authorization": f"Basic {pair}",
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )
        self._headers = {
            "Authorization": f"Bearer {token.json()['access_token']}",
            "Content-Type": "application/json",
            "Accept-Encoding": "gzip",
        }

    def pages(self) -> Iterator[list[Any]]:
        """Day by day, by page numbers."""
        for day in self._days():
            number, rows = 0, [None] * PAGE
            while len(rows) == PAGE:
                number += 1
                paging = {"pageSize": PAGE, "pageNumber": number}
                order = {"order": "asc", "orderBy": "conversationStart"}
                asked = {"interval": day, "paging": paging, **order}
                rows = self._ask("POST", "/query", asked).get("conversations", [])
                yield rows

    def job(self) -> Iterator[list[Any]]:
        """By a job of it all, and its cursors."""
        job = "/jobs/" + self._ask("POST", "/jobs", {"interval": self._place.interval})["jobId"]
        while self._ask("GET", job)["state"] != "FULFILLED":
            self._sleep(LOOK_S)
        results = more = f"{job}/results?pageSize={JOB_PAGE}"
        while more:
            page = self._ask("GET", more)
            yield page.get("conversations", [])
            more = f"{results}&cursor={page['cursor']}" if page.get("cursor") else ""

    def _days(self) -> Iterator[str]:
        start, end = map(datetime.fromisoformat, self._place.interval.split("/"))
        while start < end:
            stop = min(start + timedelta(days=1), end)
            yield f"{start.isoformat()}/{stop.isoformat()}"
            start = stop

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body)
        while True:
            url = f"{self._place.url}{DETAILS}{path}"
            answer = self._pool.request(method, url, body=data, headers=self._headers)
            if answer.status != 429:
                assert answer.status < 300, answer.data
                return answer.json()
            self._sleep(float(answer.headers["Retry-After"]))


READERS: dict[str, Callable[[Place, Any], int]] = {"lastpage": lastpage, "loop": loop}


def box(settings: dict[str, Any], clock: Clock | None = None) -> Any:
    """An organisation, in real time or by this clock."""
    from lastpage_sandbox import Sandbox, Settings

    given = Settings(**{"seed": 1, "orphans": 0.0, "job_polls": 1, **settings})
    if clock is None:
        return Sandbox(given, start=NOW)
    return Sandbox(given, now=clock.now, sleep=clock.sleep)


def counted(sandbox: Any) -> tuple[int, int]:
    """Its requests so far, and how many of them it refused."""
    return sandbox.counters.total(), sum(entry.status == 429 for entry in sandbox.log)


def simulated(reader: str, place: Place) -> Waited:
    """The same with the server in this process, and one clock for both."""
    clock = Clock()
    sandbox, began = box(place.settings, clock), clock.now()
    with sandbox.serve() as server:
        given = sandbox.settings
        there = replace(place, url=server.url, client=given.client_id, secret=given.client_secret)
        conversations = READERS[reader](there, clock)
        return Waited(conversations, clock.now() - began, *counted(sandbox))


def real(reader: str, place: Place) -> Waited:
    """By the wall, once a few were read in simulated time."""
    few = {"per_day": 20, "requests_per_minute": 1_000_000}
    simulated(reader, Place("2023-10-10T00:00Z/2023-10-11T00:00Z", place.route, few))
    began = time.perf_counter()
    conversations = READERS[reader](place, None)
    return Waited(conversations, time.perf_counter() - began)


def serve(place: Place, pipe: Connection) -> None:
    """A sandbox in real time. It has rendered everything before it is asked; each message makes its
    minute whole, and is answered with what it has counted since the last one.
    """
    from lastpage_sandbox.limiter import Limiter

    sandbox = box(place.settings)
    allowed = sandbox.settings.requests_per_minute
    with sandbox.serve() as server:
        given = sandbox.settings
        there = replace(place, url=server.url, client=given.client_id, secret=given.client_secret)
        sandbox._limiter = Limiter(1_000_000)
        loop(there, None)
        pipe.send(there)
        while pipe.recv():
            pipe.send(counted(sandbox))
            sandbox.counters.clear()
            sandbox.log.clear()
            sandbox._limiter = Limiter(allowed)


@contextmanager
def sandboxed(place: Place) -> Iterator[tuple[Place, Callable[[], tuple[int, int]]]]:
    """A sandbox in a process of its own, in real time: how to get in, and a function that begins a
    new minute, and says what was counted before.
    """
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(place, theirs))
    process.start()

    def begin() -> tuple[int, int]:
        ours.send(True)
        return ours.recv()  # type: ignore[no-any-return]

    try:
        yield ours.recv(), begin
    finally:
        ours.send(False)
        process.join()


if __name__ == "__main__":
    _, reader, told = sys.argv
    place = Place(**json.loads(told))
    print(json.dumps(asdict((real if place.url else simulated)(reader, place))))
