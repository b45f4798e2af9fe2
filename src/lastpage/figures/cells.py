"""Cells of whatever a destination holds: its tables come into DuckDB a start day at a time.

A conversation belongs to one start day, and everything that is counted of it stands in its own
rows. So the cells of the start days add up, and memory is that of one day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date

import duckdb
import pyarrow as pa

from lastpage.errors import UsageError
from lastpage.figures.level import ServiceLevel
from lastpage.sinks.destination import Destination
from lastpage.sinks.sink import TableReader
from lastpage.tables.counting import cells
from lastpage.tables.derived import LIST
from lastpage.tables.figures import HALF_HOUR_S, NAMES, NEEDED, NEEDS
from lastpage.tables.parse import schemas
from lastpage.tables.schema import KEY, TABLES
from lastpage.tables.selection import Selection

#: What a cell is; everything else of it is sums.
KEYS = ("half_hour", "queue_id", "media_type")
_PUT = "create or replace temp table {} as select {}* from arriving"
_ADD_UP = "create temp table cells as select {} from parts group by all"
CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": "1GB",
    "threads": "2",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


@contextmanager
def looked_at(destination: Destination) -> Iterator[TableReader]:
    """A destination that holds the tables which figures are made of, to be read.

    Raises `UsageError` for any other, and `DestinationError` for one that cannot be read.
    """
    text = destination.text
    if not destination.has_tables:
        raise UsageError(
            f"{text} has the API's own records, one a line; a report is made of tables, so give a "
            "folder of Parquet, Delta or CSV, x.duckdb, or postgresql://…"
        )
    if not destination.is_there:
        raise UsageError(f"nothing was fetched into {text} yet; give what fetch was given as --to")
    with destination.look() as reader:
        assert isinstance(reader, TableReader), "it has tables"
        if reader.known is None:
            raise UsageError(f"{text} holds nothing yet; fetch or sync something into it")
        chosen = Selection.load(reader.known.selection).schemas
        there = {f"{table}.{column}" for table, columns in chosen.items() for column in columns}
        if missing := sorted(NEEDED - there):
            raise UsageError(
                f"a report needs {', '.join(missing)}, and {text} was made without; fetch into "
                "another destination, with the tables segments, sessions and metrics"
            )
        yield reader


@contextmanager
def counted(
    reader: TableReader,
    days: Sequence[date],
    level: ServiceLevel,
    also: Callable[[duckdb.DuckDBPyConnection, date], None] = lambda _db, _day: None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory with the tables `cells` and `queues`, of what these days hold.

    `also` is called with each day, while its tables are there.
    """
    with duckdb.connect(":memory:", config=CONFIG) as db:
        _put(db, "queues", list(reader.named("queues")) or [LIST.empty_table()])
        sums = [*NAMES, *level.in_time]
        for number, day in enumerate(days):
            for name, columns in NEEDS.items():
                _put(db, name, _chosen(reader, name, columns, day), f"date '{day}' as day, ")
            into = "insert into parts" if number else "create temp table parts as"
            query = cells({name: name for name in NEEDS}, HALF_HOUR_S, KEYS[0], level.in_time)
            db.execute(f"{into} {query}")
            also(db, day)
        added = [f"sum({name})::bigint as {name}" for name in sums]
        db.execute(_ADD_UP.format(", ".join([*KEYS, *added])))
        yield db


def _chosen(reader: TableReader, name: str, columns: Sequence[str], day: date) -> list[pa.Table]:
    """The columns of a table that figures need, of a day."""
    keys = [key for key in TABLES[name] if key == KEY or key.endswith("_no")]
    parts = list(reader.read(name, day)) or [schemas()[name].empty_table()]
    return [part.select([*keys, *columns]) for part in parts]


def _put(
    db: duckdb.DuckDBPyConnection, name: str, parts: Sequence[pa.Table], more: str = ""
) -> None:
    """Make a table of the database anew, of parts."""
    db.register("arriving", pa.concat_tables(parts))
    db.execute(_PUT.format(name, more))
    db.unregister("arriving")
