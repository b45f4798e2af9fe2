"""The sandbox under many clients: all connect at once, and each reads the same day, half of them by
page numbers and half by a job of their own.

A client keeps its connection for as long as the server does. A connection that breaks is counted;
it ends the walk.
"""

from __future__ import annotations

import base64
import json
import multiprocessing
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http.client import HTTPConnection, HTTPException
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any

from lastpage_sandbox import Sandbox, Settings

#: Clients, in so many processes.
CLIENTS, PROCESSES = 50, 5
PER_DAY, PAGE = 600, 100
NOW = 1_697_815_820.0
DAY = datetime(2023, 10, 10, tzinfo=UTC)
INTERVAL = f"{DAY:%Y-%m-%dT%H:%MZ}/{DAY + timedelta(days=1):%Y-%m-%dT%H:%MZ}"
DETAILS = "/api/v2/analytics/conversations/details"


def serve(pipe: Connection) -> None:
    settings = Settings(
        seed=1, per_day=PER_DAY, requests_per_minute=10_000_000, job_polls=1, orphans=0.0
    )
    sandbox = Sandbox(settings, now=lambda: NOW)
    with sandbox.serve() as server:
        pair = f"{settings.client_id}:{settings.client_secret}"
        basic = base64.b64encode(pair.encode()).decode()
        pipe.send((server.port, basic, sandbox.truth_ids(DAY, DAY + timedelta(days=1))))
        pipe.recv()


@dataclass
class Walked:
    """What came of one client."""

    ids: list[str] = field(default_factory=list)
    broken: str = ""
    connections: int = 0
    waits_s: list[float] = field(default_factory=list)


class Client:
    """Reads the day, and writes down what it met."""

    def __init__(self, port: int) -> None:
        self.walked = Walked()
        self._line = HTTPConnection("127.0.0.1", port)
        self._headers: dict[str, str] = {}

    def walk(self, basic: str, number: int) -> Walked:
        try:
            self._log_in(basic)
            for row in self._pages() if number % 2 else self._job():
                if row["conversationStart"] >= f"{DAY:%Y-%m-%d}":  # not from the evening before
                    self.walked.ids.append(row["conversationId"])
        except (OSError, HTTPException) as problem:
            self.walked.broken = repr(problem)
        return self.walked

    def _log_in(self, basic: str) -> None:
        form = "application/x-www-form-urlencoded"
        self._headers = {"Authorization": f"Basic {basic}", "Content-Type": form}
        token = self._ask("POST", "/oauth/token", "grant_type=client_credentials")["access_token"]
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        begun = time.perf_counter()
        if self._line.sock is None:
            self.walked.connections += 1
        data = json.dumps(body) if isinstance(body, dict) else body
        self._line.request(method, path, data, self._headers)
        answer = json.loads(self._line.getresponse().read())
        self.walked.waits_s.append(time.perf_counter() - begun)
        return answer

    def _pages(self) -> Iterator[Any]:
        body: dict[str, Any] = {"interval": INTERVAL, "paging": {"pageSize": PAGE, "pageNumber": 1}}
        while rows := self._ask("POST", f"{DETAILS}/query", body).get("conversations"):
            yield from rows
            body["paging"]["pageNumber"] += 1

    def _job(self) -> Iterator[Any]:
        job = f"{DETAILS}/jobs/{self._ask('POST', f'{DETAILS}/jobs', {'interval': INTERVAL})['jobId']}"
        while self._ask("GET", job)["state"] != "FULFILLED":
            pass
        path = first = f"{job}/results?pageSize={PAGE}"
        while path:
            page = self._ask("GET", path)
            yield from page["conversations"]
            path = f"{first}&cursor={page['cursor']}" if page.get("cursor") else ""


def together(port: int, basic: str, start: Barrier, number: int) -> Walked:
    client = Client(port)
    start.wait()
    return client.walk(basic, number)


def several(port: int, basic: str, start: Barrier, numbers: range, pipe: Connection) -> None:
    """Some of the clients, in this process."""
    with ThreadPoolExecutor(len(numbers)) as pool:
        pipe.send(list(pool.map(partial(together, port, basic, start), numbers)))


def crowd(port: int, basic: str) -> list[Walked]:
    spawn = multiprocessing.get_context("spawn")
    start, walked, started = spawn.Barrier(CLIENTS), [], []
    for first in range(PROCESSES):
        ours, theirs = spawn.Pipe()
        numbers = range(first, CLIENTS, PROCESSES)
        process = spawn.Process(target=several, args=(port, basic, start, numbers, theirs))
        process.start()
        started.append((process, ours))
    for process, ours in started:
        walked += ours.recv()
        process.join()
    return walked


def main() -> None:
    print(f"Sandbox: {CLIENTS} clients connect at once, each reads a day, by pages or by a job")
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    server = spawn.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    port, basic, truth = ours.recv()
    walked = crowd(port, basic)
    ours.send(None)
    server.join()

    whole = sum(sorted(each.ids) == sorted(truth) for each in walked)
    broken = [each.broken for each in walked if each.broken]
    waits_s = [wait for each in walked for wait in each.waits_s]
    print(f"  {'whole walks of ' + format(len(truth), ',') + ' conversations':<40} {whole:>6}")
    print(f"  {'broken connections':<40} {len(broken):>6}")
    print(f"  {'connections opened':<40} {sum(each.connections for each in walked):>6}")
    print(f"  {'answers':<40} {len(waits_s):>6}")
    print(f"  {'seconds to an answer, the median':<40} {statistics.median(waits_s):>6.2f}")
    print(f"  {'seconds to an answer, the longest':<40} {max(waits_s):>6.2f}")
    verdict = "reached" if whole == CLIENTS and not broken else "NOT reached"
    print(f"  the goal of {CLIENTS} whole walks and no broken connection is {verdict}\n")


if __name__ == "__main__":
    main()
