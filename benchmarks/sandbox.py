"""The sandbox must never hide the client's speed: conversations a second of job results over
loopback, from one process.

A job is read once to render it and to learn its cursors. Then its pages are asked for again and
thrown away uninflated, so that the figure is the server's and not the reader's.
"""

from __future__ import annotations

import base64
import json
import multiprocessing
import re
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

import urllib3

from lastpage_sandbox import Sandbox, Settings

NOW = 1_697_815_820.0
JOBS = "/api/v2/analytics/conversations/details/jobs"
INTERVAL = "2023-10-09T00:00Z/2023-10-14T00:00Z"
CONVERSATIONS = 30_000
READERS = 3
GOAL = 15_000


def serve(pipe: Connection) -> None:
    per_day = round(CONVERSATIONS / 5 / 1.15)
    settings = Settings(
        seed=1, per_day=per_day, requests_per_minute=10_000_000, job_polls=0, orphans=0.0
    )
    with Sandbox(settings, now=lambda: NOW).serve() as server:
        pipe.send((server.url, settings.client_id, settings.client_secret))
        pipe.recv()


class Reader:
    """Asks as a client does."""

    def __init__(self, url: str, client: str, secret: str) -> None:
        self._pool = urllib3.PoolManager(maxsize=READERS, retries=False)
        self._url = url
        basic = base64.b64encode(f"{client}:{secret}".encode()).decode()
        headers = {
            "Authorization": f"Basic {basic}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        token = self._pool.request(
            "POST", f"{url}/oauth/token", body="grant_type=client_credentials", headers=headers
        )
        self._headers = {
            "Authorization": f"Bearer {token.json()['access_token']}",
            "Content-Type": "application/json",
            "Accept-Encoding": "gzip",
        }

    def ask(self, method: str, path: str, body: Any = None, *, inflate: bool = True) -> bytes:
        data = None if body is None else json.dumps(body)
        answer = self._pool.request(
            method, self._url + path, body=data, headers=self._headers, decode_content=inflate
        )
        if answer.status >= 400:
            raise SystemExit(f"the sandbox answered {answer.status}")
        return answer.data

    def submitted(self) -> str:
        name = json.loads(
            self.ask("POST", JOBS, {"interval": INTERVAL, "startOfDayIntervalMatching": True})
        )["jobId"]
        while json.loads(self.ask("GET", f"{JOBS}/{name}"))["state"] != "FULFILLED":
            pass
        return str(name)

    def read(self, name: str) -> list[tuple[str, int]]:
        """A whole job by its cursors: the path of each page and its conversations."""
        first = path = f"{JOBS}/{name}/results?pageSize=1000"
        pages = []
        while True:
            body = self.ask("GET", path)
            pages.append((path, body.count(b'{"conversationEnd"')))
            found = re.search(rb'"cursor":"([^"]+)"', body[-400:])
            if not found:
                return pages
            path = f"{first}&cursor={found[1].decode()}"


def told(words: str, rows: int, seconds: float) -> float:
    """Print a line; returns conversations a second."""
    print(f"  {words:<40} {rows:>8,} conversations {rows / seconds:>9,.0f} a second")
    return rows / seconds


def rendered(reader: Reader) -> list[tuple[str, int]]:
    name, begun = reader.submitted(), time.perf_counter()
    pages = reader.read(name)
    told(
        "rendered, compressed, sent and inflated",
        sum(rows for _, rows in pages),
        time.perf_counter() - begun,
    )
    return pages


def shelved(reader: Reader, pages: list[tuple[str, int]]) -> float:
    """The same pages again, all readers at once."""
    begun = time.perf_counter()
    with ThreadPoolExecutor(READERS) as pool:
        list(pool.map(lambda page: len(reader.ask("GET", page[0], inflate=False)), pages * READERS))
    rows = sum(rows for _, rows in pages) * READERS
    return told(f"from the shelf, by {READERS} readers", rows, time.perf_counter() - begun)


def main() -> None:
    print("Sandbox: job results over loopback, pages of 1,000")
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    reader = Reader(*ours.recv())
    pages = rendered(reader)
    best = max(shelved(reader, pages) for _ in range(3))
    ours.send(None)
    server.join()
    verdict = "reached" if best >= GOAL else "NOT reached"
    print(f"  {best:,.0f} a second; the goal of {GOAL:,} is {verdict}\n")


if __name__ == "__main__":
    main()
