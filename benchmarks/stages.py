"""Where the time of a fetch goes: processor seconds of each stage for ten rendered pages, on one
core, nothing overlapping.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.replay import PAGE, moved, template
from lastpage.api.messages import decompress, read_page, split_records
from lastpage.api.records import Raw
from lastpage.ledger.ids import digest
from lastpage.sinks.formats import Parquet
from lastpage.tables.build import Shredder
from lastpage.tables.derived import overview
from lastpage.tables.parse import parse, shred, take_apart

REPEATED = 3
ODD_EVERY = 100


def main() -> None:
    pages = [moved(page, number) for number, page in enumerate(template())]
    rows = len(pages) * PAGE
    print(
        f"Where the time goes: processor seconds for {rows:,} conversations, the least of "
        f"{REPEATED} readings"
    )
    bodies = _told(
        "inflate (once to judge, once to write)",
        lambda page: decompress(page, "gzip"),
        pages,
        times=2,
    )
    seen = _told("ids, starts and ends of every record", read_page, bodies)
    _told(
        "the account: a digest of every id",
        lambda page: [digest(head.id) for head in page.known],
        seen,
    )
    records = _told("slice the records out of a page", split_records, bodies)
    arrays = _told("parse (arrow-rs)", parse, records)
    tables = _told("take apart into tables", take_apart, arrays)
    spoilt = [spoiled(page) for page in records]
    _told(f"both, where one record in {ODD_EVERY} is odd", shred, spoilt)
    _told("the overview", overview, tables)
    _told(
        "write all tables as Parquet, zstd",
        _written,
        _pairs([Shredder()(page) for page in records]),
    )
    print()


def spoiled(page: list[Raw]) -> list[Raw]:
    """A page in which some records have a metric of 12.5."""
    return [
        Raw(re.sub(rb'"value":\d+', b'"value":12.5', bytes(raw), count=1))
        if number % ODD_EVERY == 0
        else raw
        for number, raw in enumerate(page)
    ]


def _told(
    stage: str, work: Callable[[Any], Any], items: Iterable[Any], times: int = 1
) -> list[Any]:
    items, least = list(items), float("inf")
    for _ in range(REPEATED):
        begun = time.process_time()
        done = [work(item) for item in items]
        least = min(least, time.process_time() - begun)
    print(f"  {stage:<40} {least * times:>6.2f}")
    return done


def _pairs(pages: list[dict[str, pa.Table]]) -> list[dict[str, pa.Table]]:
    """Two pages together, as a row group has them."""
    return [
        {name: pa.concat_tables([one[name], other[name]]) for name in one}
        for one, other in zip(pages[::2], pages[1::2], strict=True)
    ]


def _written(tables: dict[str, pa.Table]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, table in tables.items():
            with Parquet().create(Path(folder) / name, table.schema) as writer:
                writer.write(table)


if __name__ == "__main__":
    main()
