"""Where the time of a fetch goes: processor time of each stage for a conversation, one after the
other on one core, beside that of a whole fetch.

The stages are called as a fetch calls them, on ten pages that are in memory. What a fetch takes
more is the rest: requests, the ledger, the spool, files, threads that wait for each other.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.builds import ROOT, Build
from benchmarks.measured import measured, median
from benchmarks.pages import PAGE, PER_DAY, Extract
from benchmarks.replay import moved, serving, template
from lastpage.api.messages import decompress, read_page, split_records
from lastpage.api.records import Raw
from lastpage.ledger.ids import digest
from lastpage.sinks.day import batched
from lastpage.sinks.formats import Parquet
from lastpage.tables.build import Shredder, record_digest
from lastpage.tables.derived import overview
from lastpage.tables.parse import parse, shred, take_apart

REPEATED = 3
ODD_EVERY = 100
#: Conversations of the whole fetch.
WHOLE = 50_000


def main() -> None:
    print(
        f"Where the time goes: processor µs for a conversation, the least of {REPEATED} readings\n"
        f"of {PER_DAY:,}; of a whole fetch, the median"
    )
    stages(told := Told())
    told.sum()
    told.rest(fetched())
    print()


def fetched() -> float:
    """Processor µs for a conversation of a whole fetch into Parquet."""
    with serving(WHOLE // PER_DAY) as url:
        build = Build.at(ROOT)
        runs = [measured(build, "lastpage", url, Extract(WHOLE)) for _ in range(REPEATED)]
        return median([run for run in runs if run]).processor_us


class Told:
    """Measures stages, prints them, and adds them up."""

    def __init__(self) -> None:
        self.total_us = 0.0

    def stage(
        self,
        name: str,
        work: Callable[[Any], Any],
        items: Iterable[Any],
        times: int = 1,
        *,
        counts: bool = True,
    ) -> list[Any]:
        """One stage, done so many times in a fetch; what it made. Not all count for the sum."""
        items, least = list(items), float("inf")
        for _ in range(REPEATED):
            begun = time.process_time()
            done = [work(item) for item in items]
            least = min(least, time.process_time() - begun)
        each_us = least * times / PER_DAY * 1e6
        self.total_us += each_us * counts
        _line(name, each_us)
        return done

    def sum(self) -> None:
        """All that counts."""
        _line("all of these", self.total_us)

    def rest(self, whole_us: float) -> None:
        """What a whole fetch takes, and how much of it is in no stage."""
        _line("a whole fetch, by job into Parquet", whole_us)
        _line("  of which in none of the stages", whole_us - self.total_us)


def stages(told: Told) -> None:
    """Every stage on a day's pages."""
    pages = [moved(page, number) for number, page in enumerate(template()) if number]
    assert len(pages) * PAGE == PER_DAY
    bodies = told.stage("inflate", lambda page: decompress(page, "gzip"), pages)
    seen = told.stage("ids, starts and ends of every record", read_page, bodies)
    told.stage(
        "the account: a digest of every id",
        lambda page: [digest(head.id) for head in page.known],
        seen,
    )
    records = told.stage("slice the records out of a page", split_records, bodies)
    arrays = told.stage("parse (arrow-rs)", parse, records)
    tables = told.stage("take apart into tables", take_apart, arrays)
    told.stage("a digest of every record", lambda page: [record_digest(r) for r in page], records)
    told.stage("the overview", overview, tables)
    shredder = Shredder()
    whole = [shredder(page) for page in records]
    told.stage("put the tables into a file beside the page", _beside, whole)
    groups = list(batched(whole, shredder.schemas))
    told.stage("write all tables as Parquet, zstd", _written, groups)
    spoilt = [spoiled(page) for page in records]
    told.stage(
        f"  (instead of parse and take apart, where one in {ODD_EVERY} is odd)",
        shred,
        spoilt,
        counts=False,
    )


def spoiled(page: list[Raw]) -> list[Raw]:
    """A page in which some records have a metric of 12.5."""
    return [
        Raw(re.sub(rb'"value":\d+', b'"value":12.5', bytes(raw), count=1))
        if number % ODD_EVERY == 0
        else raw
        for number, raw in enumerate(page)
    ]


def _line(name: str, each_us: float) -> None:
    print(f"  {name:<62}{each_us:>7.1f}")


def _beside(tables: dict[str, pa.Table]) -> None:
    """As it is done while the walk goes on."""
    with tempfile.TemporaryFile() as file:
        for table in tables.values():
            with pa.ipc.new_stream(file, table.schema) as stream:
                stream.write_table(table)


def _written(tables: dict[str, pa.Table]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, table in tables.items():
            with Parquet().create(Path(folder) / name, table.schema) as writer:
                writer.write(table)


if __name__ == "__main__":
    main()
