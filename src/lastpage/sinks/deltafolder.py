"""The Delta tables of a folder, which change together.

    a change of a day
    1. files are written beside the tables, flushed, and moved into place under new names
                                       a crash up to here leaves files that no log names
    2. each table of which the day is otherwise gets a commit: these files in place of the day's
                                       from here on the tables differ, and what is pinned does not
    3. `lastpage_ranges` gets a commit, which pins the new versions of all
                                       from here on the change is made

What a crash leaves is undone by the next run: tables go back to what is pinned, by a commit, and
files that never counted are removed. To be told from what others do to the tables (to optimise or
to vacuum them), our commits carry the number of the change as Delta's application transactions
`lastpage` and `lastpage/DAY`. What others did is taken as it is, and pinned: whether rows are
missing then is seen by the numbers of rows that are recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lastpage.coverage.ranges import Range
from lastpage.errors import DestinationError
from lastpage.files import Disk
from lastpage.sinks.day import fitted
from lastpage.sinks.deltatable import DAY, Table
from lastpage.sinks.formats import ParquetWriter
from lastpage.sinks.pins import FORMAT, MOMENTS, PLAIN, RANGES, Day, Record, RecordedTables
from lastpage.sinks.sink import Identity
from lastpage.tables.selection import LISTS
from lastpage.tables.values import array

#: Delta's moments are in microseconds.
MOMENT = pa.timestamp("us", tz="UTC")
#: The number of 1970's first day in the calendar.
EPOCH = date(1970, 1, 1).toordinal()
COUNTS = pa.map_(pa.string(), pa.int64())
#: The columns of `lastpage_ranges`.
RECORDED = pa.schema(
    [
        (DAY, pa.date32()),
        *((name, MOMENT) for name in MOMENTS),
        *((name, pa.string()) for name in ("route", "coverage", "finality")),
        *((name, pa.int64()) for name in ("conversations", "open")),
        ("rows", COUNTS),
        ("versions", COUNTS),
        ("format", pa.int64()),
        *((name, pa.string()) for name in ("organization", "filters", "selection", "key")),
    ]
)


class DeltaFolder(RecordedTables):
    """The tables of a folder at their newest versions, to be changed together."""

    def __init__(self, folder: Path, state: Path, disk: Disk) -> None:
        super().__init__(folder, state)
        self._disk = disk
        self._staging = state / "staging"

    def settle(self) -> None:
        """Undo a change that was not finished; take what others did to the tables as it is."""
        if self._ranges is None:
            return
        gone, is_other = set[Path](), False
        for name in self._names():
            newest = Table.at(self.folder / name)
            if newest:
                gone |= self._undo(newest)
                is_other |= newest.version != self._record.versions.get(name, 0)
            self._tables[name] = newest
        for waiting in self._staging.iterdir() if self._staging.exists() else ():
            gone |= self._unnamed(waiting.name)
            self._disk.remove(waiting)
        if is_other and self._record.identity:
            self.pin(self._record.identity, self._record.days)
        for path in gone:
            self._disk.remove(path)

    def commit(
        self, day: date, staging: Path, rows: Mapping[str, int], schemas: Mapping[str, pa.Schema]
    ) -> None:
        """Put the files of a day, named as their tables, in place; then commit each table."""
        number = self._next_change()
        files: dict[str, list[tuple[Path, int]]] = {name: [] for name in schemas}
        for name in (name for name in schemas if rows[name]):
            check_rows(staging / name, rows[name])
            table = self._made(name, schemas[name])
            place = table.path / f"{DAY}={day}" / file_name(number)
            files[name] = [(self._moved(staging / name, place), rows[name])]
        for name, schema in schemas.items():
            table = self._made(name, schema)
            if files[name] or table.of_day(day):
                table.commit(files[name], schema, self._disk, day=day, change=number)

    def pin(self, identity: Identity, days: Mapping[date, Day]) -> None:
        """Record what the days hold, and that the tables count as they are."""
        tables = {name: self._table(name) for name in self._names()}
        versions = {name: table.version for name, table in tables.items() if table}
        record = Record(identity, dict(days), versions)
        self.replace_whole(RANGES, as_rows(record), self._next_change())
        self._record = record

    def replace_whole(self, name: str, rows: pa.Table, number: int | None = None) -> None:
        """Put rows in place of all that a table without days has."""
        schema = delta_schema(rows.schema)
        table = self._made(name, schema)
        with self.staged(name) as staging:
            with DeltaWriter(staging / name, schema) as writer:
                writer.write(rows)
            place = table.path / file_name(number or table.version + 1)
            file = self._moved(staging / name, place)
            table.commit([(file, len(rows))], schema, self._disk)

    @contextmanager
    def staged(self, name: str) -> Iterator[Path]:
        """A folder where files wait; where the block raises, it stays until the next run."""
        waiting = self._staging / name
        self._disk.remove(waiting)
        waiting.mkdir(parents=True)
        yield waiting
        self._disk.remove(waiting)

    def _undo(self, newest: Table) -> set[Path]:
        """Take back our commits that are not pinned; the files that never counted."""
        version = self._record.versions.get(newest.path.name, 0)
        pinned = Table.at(newest.path, version)
        if newest.version <= version or pinned is None or newest.change <= pinned.change:
            return set()
        there, counting = ({each.path for each in table.files} for table in (newest, pinned))
        if there != counting:
            newest.restore(version, self._disk)
        return there - counting

    def _unnamed(self, waiting: str) -> set[Path]:
        """The files that a change has put in place, and that no log names."""
        found = set[Path]()
        for name in self._names():
            table = self._tables[name]
            named = {each.path for each in table.files} if table else set()
            numbered = (self.folder / name / waiting).glob("part-*.parquet")
            next_ = file_name(self._next_change())
            found |= {path for path in numbered if path.name >= next_ and path not in named}
        return found

    def _made(self, name: str, schema: pa.Schema) -> Table:
        """A table, which is made if it is not there: `lastpage_ranges` before any other."""
        if name == RANGES and self._ranges:
            return self._ranges
        found = self._table(name) if name != RANGES else None
        if found is None:
            has_days = name not in (RANGES, *LISTS)
            if has_days:
                self._made(RANGES, RECORDED)
                schema = schema.append(pa.field(DAY, pa.date32()))
            found = Table.create(self.folder / name, schema, self._disk, has_days=has_days)
        if name == RANGES:
            self._ranges = found
        self._tables[name] = found
        return found

    def _moved(self, file: Path, place: Path) -> Path:
        """Put a file in its place, flushed."""
        self._disk.sync(file)
        self._disk.replace((file, place))
        return place

    def _next_change(self) -> int:
        """What numbers a change: the version that `lastpage_ranges` has when it is made."""
        return self._ranges.version + 1 if self._ranges else 1

    def _names(self) -> list[str]:
        """The tables that have days, as far as the folder has them."""
        there = (path.name for path in self.folder.iterdir()) if self.folder.exists() else ()
        return sorted(name for name in there if name not in (*LISTS, RANGES) and name[0] != ".")


class DeltaWriter(ParquetWriter):
    """A Parquet file with the types that Delta has."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        super().__init__(path, schema)
        self._schema = schema

    def write(self, table: pa.Table) -> None:
        super().write(fitted(table, self._schema))


def delta_schema(schema: pa.Schema) -> pa.Schema:
    """A schema as Delta has it."""
    return pa.schema(
        [
            field.with_type(MOMENT) if pa.types.is_timestamp(field.type) else field
            for field in schema
        ]
    )


def file_name(number: int) -> str:
    """The name of a file of a change; in their order."""
    return f"part-{number:020}.parquet"


def check_rows(file: Path, rows: int) -> None:
    """Raise `DestinationError` for a file that has not the rows that were written to it."""
    found = pq.read_metadata(file).num_rows
    if found != rows:
        raise DestinationError(
            f"{file} has {found} rows instead of the {rows} that were written; "
            "the disk may be at fault"
        )


def as_rows(record: Record) -> pa.Table:
    """What is recorded, as the rows of `lastpage_ranges`."""
    found = [
        {
            DAY: day,
            **dict(zip(MOMENTS, (*_ends(range_), range_.as_of), strict=True)),
            **{name: getattr(range_, name) for name in PLAIN},
            "rows": each.rows,
            "versions": record.versions,
            "format": FORMAT,
            **(asdict(record.identity) if record.identity else {}),
        }
        for day, each in sorted(record.days.items())
        for range_ in each.ranges
    ]
    columns = [_column([row[field.name] for row in found], field.type) for field in RECORDED]
    return pa.table(columns, schema=RECORDED)


def _ends(range_: Range) -> tuple[datetime, datetime]:
    return range_.interval.start, range_.interval.end


def _column(values: list[Any], type_: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(type_):
        return array(values, pa.timestamp("ms", tz="UTC")).cast(type_)
    if pa.types.is_date(type_):
        return array([each.toordinal() - EPOCH for each in values], pa.int32()).cast(type_)
    if not pa.types.is_map(type_):
        return array(values, type_)
    pairs = [pair for each in values for pair in each.items()]
    ends = array(accumulate(map(len, values), initial=0), pa.int32())
    names, numbers = ([pair[at] for pair in pairs] for at in (0, 1))
    return pa.MapArray.from_arrays(ends, array(names, pa.string()), array(numbers, pa.int64()))
