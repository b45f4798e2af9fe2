"""The sandbox must never hide the client's speed: conversations a second of job results over loopback, from one process.

The same job again and again: first its pages are rendered and compressed, then they are on the shelf. The readers do no more than
inflate and count, in a process of their own.
"""

from __future__ import annotations

import base64
import json
import multiprocessing
import re
import time
import zlib
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
    settings = Settings(seed=1, per_day=per_day, requests_per_minute=10_000_000, job_polls=0, orphans=0.0)
    with Sandbox(settings, now=lambda: NOW).serve() as server:
        pipe.send((server.url, settings.client_id, settings.client_secret))
        pipe.recv()


class Reader:
    """Asks as a client does, and throws the bodies away."""

    def __init__(self, url: str, client: str, secret: str) -> None:
        self._pool = urllib3.PoolManager(maxsize=READERS, retries=False)
        self._url = url
        basic = base64.b64encode(f"{client}:{secret}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
        token = self._pool.request("POST", f"{url}/oauth/token", body="grant_type=client_credentials", headers=headers)
        self._headers = {
            "Authorization": f"Bearer {token.json()['access_token']}",
            "Content-Type": "application/json",
            "Accept-Encoding": "gzip",
        }

    def ask(self, method: str, path: str, body: Any = None) -> bytes:
        data = None if body is None else json.dumps(body)
        answer = self._pool.request(method, self._url + path, body=data, headers=self._headers, decode_content=False)
        zipped = answer.headers.get("Content-Encoding") == "gzip"
        return zlib.decompress(answer.data, zlib.MAX_WBITS | 16) if zipped else answer.data

    def submitted(self) -> str:
        name = json.loads(self.ask("POST", JOBS, {"interval": INTERVAL, "startOfDayIntervalMatching": True}))["jobId"]
        while json.loads(self.ask("GET", f"{JOBS}/{name}"))["state"] != "FULFILLED":
            pass
        return str(name)

    def read(self, name: str) -> tuple[int, int]:
        """A whole job, page after page: conversations and bytes."""
        path = f"{JOBS}/{name}/results?pageSize=1000"
        rows, size, cursor = 0, 0, ""
        while True:
            body = self.ask("GET", f"{path}&cursor={cursor}" if cursor else path)
            rows += body.count(b'{"conversationEnd"')
            size += len(body)
            found = re.search(rb'"cursor":"([^"]+)"', body[-400:])
            if not found:
                return rows, size
            cursor = found[1].decode()


def measure(reader: Reader, words: str, jobs: int) -> float:
    """So many jobs at once, a thread each; returns conversations a second, of all."""
    names = [reader.submitted() for _ in range(jobs)]
    begun = time.perf_counter()
    with ThreadPoolExecutor(jobs) as pool:
        counts = list(pool.map(reader.read, names))
    seconds = time.perf_counter() - begun
    rows, size = sum(count for count, _ in counts), sum(size for _, size in counts)
    print(
        f"  {words:<28} {jobs} readers {rows:>8,} conversations  {rows / seconds:>8,.0f} a second  {size / seconds / 1e6:>6.0f} MB/s"
    )
    return rows / seconds


def main() -> None:
    print("Sandbox: job results over loopback, pages of 1,000")
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,))
    server.start()
    reader = Reader(*ours.recv())
    measure(reader, "rendered for the first time", 1)
    best = max(measure(reader, "from the shelf", READERS) for _ in range(3))
    ours.send(None)
    server.join()
    verdict = "reached" if best >= GOAL else "NOT reached"
    print(f"  {best:,.0f} a second; the goal of {GOAL:,} is {verdict}\n")


if __name__ == "__main__":
    main()
