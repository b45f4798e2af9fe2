"""What waiting costs: seconds until a fetch is done, against the sandbox with the API's own allowance.

    12,000 conversations by page numbers    beside a plain loop that asks page after page, keeps a
                                            list and has no pace: it fits into one window
    an hour of 100 that is settled          by job with all tables, the job done after one poll
                                            and so many seconds

Everybody begins with a whole window, in a process of their own; imports are outside. They take
turns, and the median of several rounds counts. With `--against` another build is measured, too.
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.builds import Build, builds, parser
from lastpage_sandbox import Sandbox, Settings
from lastpage_sandbox.limiter import Limiter

#: A Friday afternoon.
NOW = 1_697_815_820.0
ALLOWED = 300
ROUNDS = 3
#: Two days before the watermark, of a working week's 1.15 times the mean; and an hour of them.
DAYS, PER_DAY = "2023-10-17T00:00Z/2023-10-19T00:00Z", 5_105
HOUR, PER_DAY_OF_HOURS = "2023-10-18T09:00Z/2023-10-18T10:00Z", 875
GOAL_LOOP = 1.05
#: Seconds of a job, and the share of the other build's time that is the goal.
JOBS = {1.0: 0.4, 6.0: 0.8}

FETCH = """
import json, pkgutil, sys, time
import lastpage
for module in pkgutil.walk_packages(lastpage.__path__, "lastpage."):
    if not module.name.endswith("__main__"):
        __import__(module.name)
from lastpage import Cloud, Credentials
url, client, secret, interval, to, how = sys.argv[1:]
cloud, begun = Cloud(Credentials(client, secret), url), time.perf_counter()
summary = cloud.fetch(interval, to, **json.loads(how))
print(time.perf_counter() - begun, summary.conversations, summary.coverage)
"""

LOOP = """
import base64, json, sys, time
import urllib3
url, client, secret, interval, *_ = sys.argv[1:]
pool, begun = urllib3.PoolManager(), time.perf_counter()
basic = base64.b64encode(f"{client}:{secret}".encode()).decode()
form = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
body = "grant_type=client_credentials"
token = json.loads(pool.request("POST", url + "/oauth/token", body=body, headers=form).data)
headers = {
    "Authorization": f"Bearer {token['access_token']}",
    "Content-Type": "application/json",
    "Accept-Encoding": "gzip",
}
path, found, number = url + "/api/v2/analytics/conversations/details/query", [], 0
while True:
    number += 1
    asked = {"interval": interval, "paging": {"pageSize": 100, "pageNumber": number}}
    answer = pool.request("POST", path, body=json.dumps(asked), headers=headers)
    rows = json.loads(answer.data).get("conversations")
    if not rows:
        break
    found += rows
print(time.perf_counter() - begun, len(found), "-")
"""


def serve(pipe: Connection, settings: dict[str, Any]) -> None:
    """A sandbox for as long as messages come; each of them makes its window whole."""
    ahead = NOW - time.time()
    now = lambda: time.time() + ahead  # noqa: E731
    box = Sandbox(Settings(seed=1, orphans=0.0, job_polls=1, **settings), now=now)
    with box.serve() as server:
        pipe.send((server.url, box.settings.client_id, box.settings.client_secret))
        while pipe.recv():
            box._limiter = Limiter(ALLOWED)  # noqa: SLF001 - nobody else needs it anew
            pipe.send(None)


class Server:
    """A sandbox in a process of its own."""

    def __init__(self, pipe: Connection, address: tuple[str, str, str]) -> None:
        self._pipe = pipe
        self._address = address

    def seconds(self, build: Build, code: str, interval: str, how: dict[str, Any]) -> float:
        """What it takes from the first request to the end, in a window that is whole."""
        self._pipe.send(True)
        self._pipe.recv()
        with tempfile.TemporaryDirectory() as folder:
            to = str(Path(folder) / "out")
            arguments = [*self._address, interval, to, json.dumps(how)]
            answer = subprocess.check_output(
                [build.python, "-c", code, *arguments], env=build.environment(), cwd="/", text=True
            )
        return float(answer.split()[0])


@contextmanager
def serving(**settings: Any) -> Iterator[Server]:
    """A sandbox for the block."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, settings), daemon=True)
    process.start()
    yield Server(ours, ours.recv())
    ours.send(False)
    process.join()


def medians(
    server: Server, runs: dict[str, tuple[Build, str]], interval: str, how: dict[str, Any]
) -> dict[str, float]:
    """Print the median of each; the first round only warms the server up."""
    took: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(ROUNDS + 1):
        for name, (build, code) in runs.items():
            seconds = server.seconds(build, code, interval, how)
            if turn:
                took[name].append(seconds)
    found = {name: statistics.median(each) for name, each in took.items()}
    for name, median in found.items():
        spread = " ".join(f"{each:.2f}" for each in sorted(took[name]))
        print(f"    {name:<40} {median:>8.2f}   ({spread})")
    return found


def told(ratio: float, what: str, goal: float) -> None:
    verdict = "reached" if ratio <= goal else "NOT reached"
    print(f"    {ratio:.2f} times {what}; the goal of {goal} is {verdict}")


def main(arguments: Sequence[str] = ()) -> None:
    measured = builds(parser(__doc__ or "").parse_args(arguments).against)
    this, *others = (build.name for build in measured)
    fetches = {build.name: (build, FETCH) for build in measured}
    print(f"Waiting: seconds under {ALLOWED} requests a minute, the median of {ROUNDS} rounds")
    print("  12,000 conversations by page numbers")
    with serving(per_day=PER_DAY) as server:
        runs = {"a plain loop": (measured[0], LOOP), **fetches}
        found = medians(server, runs, DAYS, {"paginate": "pages"})
        told(found[this] / found["a plain loop"], "the plain loop", GOAL_LOOP)
    for job_seconds, goal in JOBS.items():
        print(f"  an hour of 100 conversations by job, {job_seconds:.0f} s a job")
        with serving(per_day=PER_DAY_OF_HOURS, job_seconds=job_seconds) as server:
            found = medians(server, fetches, HOUR, {})
            for other in others:
                told(found[this] / found[other], other, goal)
    print()


if __name__ == "__main__":
    main(sys.argv[1:])
