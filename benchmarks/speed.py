"""How fast, and with how much memory: rendered job pages over loopback, into all tables as zstd
Parquet.

Everything is measured in one run, each row in a process of its own, against the same pages: what
users have today (the official SDK's loop and requests + json, which only build a list), what no
client can beat (downloading, parsing on one core), and lastpage.
"""

from __future__ import annotations

import gzip
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import arro3.core
import arro3.io
import pyarrow as pa
import urllib3

from benchmarks.replay import DETAILS, PAGE, PER_DAY, interval, serving
from lastpage import Cloud, Credentials
from lastpage.api.messages import split_records
from lastpage.cli.app import return_memory
from lastpage.clock import RealClock
from lastpage.tables.parse import parse, record_type

#: Conversations: of the comparison, of the official SDK (which takes minutes for more), of the
#: growth.
SIZE, SDK_SIZE, GROWTH = 200_000, 3_000, (10_000, 100_000, 500_000)
#: From a server's URL and a size to the conversations read, with the seconds that count if those
#: are not all.
Work = Callable[[str, int], int | tuple[int, float]]
#: Readings that what is limited by the parser alone is measured by.
PASSES = 5
#: Goals, as ratios taken in this run, and MiB.
TIMES_SDK, SHARE_OF_PARSE, PEAK_MIB = 30.0, 0.5, 400.0


@dataclass(frozen=True)
class Measured:
    """What one process did."""

    conversations: int
    seconds: float
    peak_mib: float

    @property
    def rate(self) -> float:
        return self.conversations / self.seconds


class Unpaced(RealClock):
    """Waits for nothing: this measures work. Rendered jobs are done at once, and the server allows
    everything.
    """

    def sleep(self, seconds: float) -> None:
        pass


def lastpage(url: str, size: int, to: str = "out") -> int:
    return_memory()  # as the command does, but Arrow is there already
    pa.set_memory_pool(pa.system_memory_pool())
    with tempfile.TemporaryDirectory() as folder:
        cloud = Cloud(Credentials("client", "secret"), url, clock=Unpaced())
        summary = cloud.fetch(interval(size // PER_DAY), Path(folder) / to)
        assert summary.coverage == "complete", summary
        return summary.conversations


def lastpage_lines(url: str, size: int) -> int:
    return lastpage(url, size, "out.jsonl.zst")


def official_sdk(url: str, size: int) -> int:
    """Its own loop over the results of a job, each page added to a list."""
    import PureCloudPlatformClientV2 as sdk  # noqa: N813, PLC0415 - only where it is installed

    sdk.configuration.host = url
    client = sdk.api_client.ApiClient().get_client_credentials_token("client", "secret")
    api, rows, cursor = sdk.AnalyticsApi(client), [], {}
    while len(rows) < size:
        page = api.get_analytics_conversations_details_job_results(
            f"0-{size // PAGE}", page_size=PAGE, **cursor
        )
        rows += page.conversations
        cursor = {"cursor": page.cursor} if page.cursor else {}
    return len(rows)


def requests_and_json(url: str, size: int) -> int:
    """What scripts do: requests, `.json()`, a list."""
    import requests  # noqa: PLC0415 - only where it is installed

    session, rows, params = requests.Session(), [], {"pageSize": str(PAGE)}
    while True:
        page = session.get(_results(url, size), params=params).json()
        rows += page["conversations"]
        if "cursor" not in page:
            return len(rows)
        params["cursor"] = page["cursor"]


def download_only(url: str, size: int) -> int:
    """The pages as they come, still compressed, thrown away."""
    pool = urllib3.PoolManager()
    for page in range(size // PAGE):
        answer = pool.request(
            "GET",
            f"{_results(url, size)}?cursor={page}",
            headers={"Accept-Encoding": "gzip"},
            decode_content=False,
        )
        assert len(answer.data) > PAGE
    return size


def arro3_alone(url: str, size: int) -> tuple[int, float]:
    """arrow-rs as it comes, on one core: a page in memory to one record of it, by the same types;
    nothing else is done.
    """
    types = arro3.core.Schema.from_arrow(pa.schema([("conversations", pa.list_(record_type()))]))

    def whole(body: bytes) -> int:
        reader = arro3.io.read_json(BytesIO(body), types)
        return len(pa.RecordBatchReader.from_stream(reader).read_all()["conversations"][0])

    return _timed(whole, _bodies(url, size))


def parse_only(url: str, size: int) -> tuple[int, float]:
    """The same as lastpage does it: records that were sliced out of the page before, a few hundred
    at a time.
    """
    return _timed(
        lambda page: len(parse(page)), [split_records(body) for body in _bodies(url, size)]
    )


def _bodies(url: str, size: int) -> list[bytes]:
    pool = urllib3.PoolManager()
    ask = partial(pool.request, "GET", headers={"Accept-Encoding": "gzip"})
    return [ask(f"{_results(url, size)}?cursor={page}").data for page in range(10)]


def _timed(work: Callable[[Any], int], pages: list[Any]) -> tuple[int, float]:
    """Conversations and processor seconds of several readings of the same pages, but of the first,
    which warms up.
    """
    sum(map(work, pages))
    begun = time.process_time()
    rows = sum(work(page) for _ in range(PASSES) for page in pages)
    return rows, time.process_time() - begun


def _results(url: str, size: int) -> str:
    return f"{url}{DETAILS}/jobs/0-{size // PAGE}/results"


def _run(work: Work, url: str, size: int, pipe: Connection) -> None:
    if work in (arro3_alone, parse_only) and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    begun = time.perf_counter()
    done = work(url, size)
    count, seconds = done if isinstance(done, tuple) else (done, time.perf_counter() - begun)
    pipe.send(Measured(count, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def measured(work: Work, url: str, size: int) -> Measured | None:
    """In a process of its own; None where that is not possible, for want of a package."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_run, args=(work, url, size, theirs))
    process.start()
    theirs.close()
    try:
        return ours.recv()  # type: ignore[no-any-return]
    except EOFError:
        return None
    finally:
        process.join()


ROWS: tuple[tuple[str, Work, int], ...] = (
    ("lastpage, all tables as Parquet", lastpage, SIZE),
    ("lastpage, JSON lines, zstd", lastpage_lines, SIZE),
    ("official SDK, a list", official_sdk, SDK_SIZE),
    ("requests + json, a list", requests_and_json, SIZE // 20),
    ("limit: download only", download_only, SIZE),
    ("limit: arro3 alone, one core", arro3_alone, SIZE),
    ("limit: parse as lastpage does, one core", parse_only, SIZE),
)


def compared(url: str) -> dict[str, Measured]:
    found: dict[str, Measured] = {}
    print(f"  {'':<40} {'conversations':>13} {'seconds':>8} {'a second':>9} {'peak MiB':>9}")
    for name, work, size in ROWS:
        result = measured(work, url, size)
        if result is None:
            print(f"  {name:<40} not measured: its package is not installed")
            continue
        found[name] = result
        print(
            f"  {name:<40} {result.conversations:>13,} {result.seconds:>8.1f} {result.rate:>9,.0f} {result.peak_mib:>9.0f}"
        )
    return found


def verdicts(found: dict[str, Measured]) -> None:
    ours, sdk, alone, parsed = (found.get(ROWS[row][0]) for row in (0, 2, 5, 6))
    assert ours
    if sdk:
        _goal("times the official SDK's loop", ours.rate / sdk.rate, TIMES_SDK)
    if alone and parsed:
        _goal("of what arro3 alone parses on one core", ours.rate / alone.rate, SHARE_OF_PARSE)
        print(
            f"  {ours.rate / parsed.rate:.2f} of what it parses on one core the way lastpage feeds it"
        )


def _goal(what: str, value: float, goal: float) -> None:
    print(
        f"  {value:.2f} {what}; the goal of {goal:g} is {'reached' if value >= goal else 'NOT reached'}"
    )


def growth(url: str) -> None:
    print("\nAs the volume grows: seconds and memory of lastpage into Parquet")
    print(f"  {'conversations':>13} {'seconds':>8} {'µs each':>8} {'peak MiB':>9}")
    peaks = []
    for size in GROWTH:
        result = measured(lastpage, url, size)
        assert result
        peaks.append(result.peak_mib)
        print(
            f"  {size:>13,} {result.seconds:>8.1f} {result.seconds / size * 1e6:>8.0f} {result.peak_mib:>9.0f}"
        )
    print(
        f"  the goal of a peak under {PEAK_MIB:g} MiB is {'reached' if max(peaks) < PEAK_MIB else 'NOT reached'}\n"
    )


def machine() -> str:
    names = (
        "lastpage",
        "pyarrow",
        "arro3-io",
        "msgspec",
        "urllib3",
        "PureCloudPlatformClientV2",
        "requests",
    )
    return f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, " + ", ".join(
        map(_version, names)
    )


def _version(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"no {name}"


def main() -> None:
    print(f"Speed: rendered job pages of {PAGE:,} over loopback\n  {machine()}")
    with serving(max(GROWTH) // PER_DAY) as url:
        page = urllib3.request(
            "GET",
            f"{_results(url, PAGE)}?cursor=0",
            headers={"Accept-Encoding": "gzip"},
            decode_content=False,
        ).data
        print(
            f"  a page: {len(gzip.decompress(page)) / 1e6:.1f} MB of JSON, {len(page) / 1e6:.1f} MB compressed"
        )
        verdicts(compared(url))
        growth(url)


if __name__ == "__main__":
    main()
