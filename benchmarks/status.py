"""What `lastpage status` costs on three years of days: seconds of the whole process.

One day is written by the sink; the others are copies of it that record other dates. Its rows are
few, but in as many row groups as 20,000 conversations are, since it is the footers that are read.
Destinations and the limits take turns; the disk is warm.
"""

from __future__ import annotations

import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import msgspec
import pyarrow.parquet as pq

from lastpage.coverage.ranges import Range
from lastpage.files import Disk
from lastpage.query.interval import DAY, Interval
from lastpage.sinks.destination import Destination
from lastpage.sinks.formats import ParquetWriter
from lastpage.sinks.recorded import parquet_facts
from lastpage.sinks.sink import Identity
from lastpage.tables.build import Shredder
from lastpage.tables.selection import Selection
from lastpage_sandbox import Sandbox, Settings

RUNS = 9
DAYS, ROW_GROUPS, ROWS = 1_095, 7, 28
FIRST = datetime(2023, 1, 1, tzinfo=UTC)
GOAL_S = 0.5


def held(day: datetime) -> Range:
    interval = Interval(day, day + DAY)
    return Range(interval, day + 33 * DAY, "cursor", "complete", "final", ROWS, 0)


def first_day(place: Path) -> None:
    """One day of the sandbox, in a destination."""
    box = Sandbox(Settings(seed=1, per_day=60, orphans=0.0), now=(FIRST + 9 * DAY).timestamp)
    records = list(box.truth(FIRST, FIRST + DAY).values())[:ROWS]
    pages = [[msgspec.Raw(json.dumps(record).encode())] for record in records]
    destination, shredder = Destination.parse(str(place)), Shredder(Selection())
    with destination.held() as state, destination.sink(state, Disk()) as sink:
        sink.claim(Identity("organization", "{}", Selection().dump()), shredder)
        sink.replace(FIRST.date(), [held(FIRST)], pages)


def others(place: Path) -> None:
    """The other days of a folder."""
    for table in [path for path in place.iterdir() if not path.name.startswith(".")]:
        day = table / f"day={FIRST.date()}" / "part.parquet"
        facts, rows = json.loads(parquet_facts(day) or b"null"), pq.read_table(day)
        for number in range(1, DAYS):
            copy = table / f"day={(FIRST + number * DAY).date()}" / "part.parquet"
            copy.parent.mkdir()
            if facts is None:
                shutil.copyfile(day, copy)
                continue
            facts["ranges"] = [held(FIRST + number * DAY).record()]
            with ParquetWriter(copy, rows.schema) as writer:
                for group in range(ROW_GROUPS):
                    writer.write(rows.slice(group * ROWS // ROW_GROUPS, ROWS // ROW_GROUPS))
                writer.describe(facts)


def other_rows(place: Path) -> None:
    """The other days of a database: of these it has only what it recorded."""
    with duckdb.connect(str(place)) as db:
        db.execute(
            "insert into lastpage_ranges select * exclude (n) replace (day + n::int as day, "
            "start + to_days(n::int) as start, stop + to_days(n::int) as stop, "
            f"as_of + to_days(n::int) as as_of) from lastpage_ranges, range(1, {DAYS}) as t(n)"
        )


def commands(place: Path) -> Iterator[tuple[str, list[str]]]:
    for name, ending, fill in [("Parquet", "", others), ("DuckDB", ".duckdb", other_rows)]:
        path = place / f"three-years{ending}"
        first_day(path)
        fill(path)
        yield f"lastpage status, {name}", ["-m", "lastpage", "status", str(path)]
    yield "limit: lastpage --help", ["-m", "lastpage", "--help"]
    yield "limit: import pyarrow.parquet", ["-c", "import pyarrow.parquet"]


def cost(arguments: list[str]) -> tuple[float, float]:
    """Seconds of a process: of the wall, and of the processor."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return ended - began, spent


def main() -> None:
    print(f"Status: {DAYS:,} days of 20 tables; seconds, the median of {RUNS} runs")
    with tempfile.TemporaryDirectory() as place:
        measured = dict(commands(Path(place)))
        costs: dict[str, list[tuple[float, float]]] = {name: [] for name in measured}
        for run in range(RUNS + 1):
            for name, arguments in measured.items():
                spent = cost(arguments)
                if run:
                    costs[name].append(spent)
    print(f"  {'':<32}{'wall':>8}{'processor':>12}")
    medians = {
        name: tuple(map(statistics.median, zip(*each, strict=True))) for name, each in costs.items()
    }
    for name, (wall, processor) in medians.items():
        print(f"  {name:<32}{wall:>8.2f}{processor:>12.2f}")
    slowest = max(medians[name][0] for name in medians if "status" in name)
    print(f"  the goal of {GOAL_S} s is {'reached' if slowest <= GOAL_S else 'missed'}\n")


if __name__ == "__main__":
    main()
