"""Memory is bounded by pages in flight, never by the size of the answer: peaks of fetching 5,000 and 50,000 conversations.

The sandbox runs in one process, each fetch in another; the figure is the peak resident size of the fetching process.
"""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
from multiprocessing.connection import Connection

from lastpage import Cloud, Credentials
from lastpage.clock import RealClock
from lastpage_sandbox import Sandbox, Settings

NOW = 1_697_815_820.0
SIZES = (5_000, 50_000)
LIMIT_MIB = 100


class Hasty(RealClock):
    """Polls without waiting: this measures memory, not patience."""

    def sleep(self, seconds: float) -> None:
        super().sleep(min(seconds, 0.01))


def serve(per_day: int, pipe: Connection) -> None:
    settings = Settings(seed=1, per_day=per_day, requests_per_minute=10_000_000, job_polls=0, orphans=0.0)
    with Sandbox(settings, now=lambda: NOW).serve() as server:
        pipe.send((server.url, settings.client_id, settings.client_secret))
        pipe.recv()


def fetch(where: tuple[str, str, str], destination: str, pipe: Connection) -> None:
    url, client, secret = where
    cloud = Cloud(Credentials(client, secret), url, clock=Hasty())
    summary = cloud.fetch("2023-10-09/2023-10-14", destination)
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pipe.send((summary.conversations, summary.coverage, summary.seconds, peak_kib / 1024))


def measure(size: int) -> tuple[int, float]:
    """Conversations fetched, and the peak in MiB."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    server = spawn.Process(target=serve, args=(round(size / 5 / 1.15), theirs))
    server.start()
    where = ours.recv()
    back, forth = spawn.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        client = spawn.Process(target=fetch, args=(where, folder, forth))
        client.start()
        count, coverage, seconds, peak = back.recv()
        client.join()
    ours.send(None)
    server.join()
    print(f"  {count:>8,} conversations  {coverage:<9} {seconds:>7.1f} s   peak {peak:>6.0f} MiB")
    return count, peak


def main() -> None:
    print("Memory: five days by one job into Parquet, all tables; the sandbox renders while we fetch")
    peaks = [measure(size)[1] for size in SIZES]
    growth = peaks[-1] - peaks[0]
    verdict = "within" if growth <= LIMIT_MIB else "NOT within"
    print(f"  growth {growth:.0f} MiB, {verdict} {LIMIT_MIB} MiB\n")


if __name__ == "__main__":
    main()
