"""A day into PostgreSQL: the time of writing it, beside the same day as Parquet, and beside the
driver's own append of the same batches.

    python -m benchmarks.postgres postgresql://user@host/db [--conversations N]

The ways are interleaved, each in a process of its own that has made the tables of the day before
the clock starts, as a run has that makes them ahead. A day is written twice: `first` into empty
tables, `replaced` in place of the first writing, all of whose rows leave.

    row              what is written                    into
    parquet          the day in place of itself         a folder
    first, replaced  the day, all that a run does       tables with keys and indexes
    append           the tables, by the driver, once    tables without keys
    append, keys     the same                           the tables of `first`, emptied
"""

from __future__ import annotations

import statistics
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.builds import ROOT, Build

REPEATED = 5
SCHEMA = "lastpage_bench"


def main() -> None:
    options = ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("server", help="postgresql://user@host/db; a schema in it comes and goes")
    options.add_argument("--conversations", type=int, default=10_000)
    asked = options.parse_args()
    found: dict[str, list[float]] = {}
    for _ in range(REPEATED):
        for way in WAYS:
            took = Build.at(ROOT).told(
                "benchmarks.postgres", "measure", way, asked.server, asked.conversations
            )
            for part, seconds in took.items():
                found.setdefault(part, []).append(seconds)
    middle = {name: statistics.median(each) for name, each in found.items()}
    for name, seconds in middle.items():
        print(f"{name:13} {seconds:6.2f} s   replaced / this {middle['replaced'] / seconds:5.2f}")


class Page(list[Any]):
    """A page whose tables were made while it was fetched."""

    def __init__(self, raw: list[Any], made: dict[str, Any]) -> None:
        super().__init__(raw)
        self._made = made

    def tables(self) -> dict[str, Any]:
        return self._made


def day_of(conversations: int) -> tuple[datetime, list[Page]]:
    """A day and its pages, with their tables."""
    import msgspec

    from benchmarks.replay import DAY, template
    from lastpage.tables.build import Shredder

    shredder = Shredder()
    pages = [
        msgspec.json.decode(page, type=list[msgspec.Raw]) for page in template(conversations)[1:]
    ]
    return DAY, [Page(raw, shredder(raw)) for raw in pages]


@contextmanager
def written(text: str, day: datetime, pages: list[Page]) -> Iterator[list[float]]:
    """A destination into which the day was written twice; the seconds of both."""
    from lastpage.coverage.ranges import Range
    from lastpage.files import Disk
    from lastpage.query.interval import Interval
    from lastpage.sinks.destination import Destination
    from lastpage.sinks.sink import Identity
    from lastpage.tables.build import Shredder

    whole = Interval(day, day + timedelta(days=1))
    with (
        TemporaryDirectory() as state,
        Destination.parse(text).sink(Path(state), Disk()) as sink,
    ):
        sink.claim(Identity("org", "{}"), Shredder())
        took = []
        for hours in (0, 1):
            as_of = day + timedelta(days=3, hours=hours)
            range_ = Range(whole, as_of, "cursor", "complete", "final", 0)
            took.append(timed(lambda range_=range_: sink.replace(day.date(), [range_], pages)))
        yield took


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def parquet(_: str, day: datetime, pages: list[Page]) -> dict[str, float]:
    with TemporaryDirectory() as folder, written(str(Path(folder) / "out"), day, pages) as took:
        return {"parquet": took[1]}


def postgres(server: str, day: datetime, pages: list[Page]) -> dict[str, float]:
    with written(with_schema(server), day, pages) as (first, replaced):
        pass
    with dropped(server):
        return {"first": first, "replaced": replaced}


def driver(server: str, day: datetime, pages: list[Page]) -> dict[str, float]:
    """The driver's append of these tables, in one transaction."""
    import pyarrow as pa

    from lastpage.sinks.postgres import _of_day

    tables = {
        name: _of_day(pa.concat_tables([page.tables()[name] for page in pages]), day.date())
        for name in pages[0].tables()
    }
    with written(with_schema(server), day, pages):
        pass
    with dropped(server) as (db, cursor):

        def append(before: str) -> None:
            for name, table in tables.items():
                cursor.adbc_ingest(before + name, table, mode="append", db_schema_name=SCHEMA)
            db.commit()

        for name, table in tables.items():
            cursor.adbc_ingest(
                f"plain_{name}", table.slice(0, 0), mode="create", db_schema_name=SCHEMA
            )
            cursor.execute(f'truncate {SCHEMA}."{name}"')
        db.commit()
        return {
            "append": timed(lambda: append("plain_")),
            "append, keys": timed(lambda: append("")),
        }


def with_schema(server: str) -> str:
    return f"{server}{'&' if '?' in server else '?'}schema={SCHEMA}"


@contextmanager
def dropped(server: str) -> Iterator[tuple[Any, Any]]:
    """A connection, at whose end the schema goes."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(server) as db, db.cursor() as cursor:
        yield db, cursor
        cursor.execute(f"drop schema {SCHEMA} cascade")
        db.commit()


WAYS = {"parquet": parquet, "postgres": postgres, "driver": driver}

if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        import json

        _, _, way, server, conversations = sys.argv
        print(json.dumps(WAYS[way](server, *day_of(int(conversations)))))
    else:
        main()
