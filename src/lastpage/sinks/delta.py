"""A folder of Delta tables: `DEST/<table>/`, with `day` as partition column, in Delta's own layout.

A table has a file a day, as a folder of Parquet has. Which files count is in the tables' logs, and
which versions of the tables in `lastpage_ranges` (`pins.py`); how they change together is in
`deltafolder.py`. Old files stay for readers of old versions, until somebody vacuums.

    of a day              is known by
    --------------------  ----------------------------------------------------------------------
    what it holds         its rows in `lastpage_ranges`
    that it is as it was  the numbers of rows there, against the log and the files that it names:
                          their size and time of change, or, where these differ, their footers
    its rows              its files, whoever wrote them
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import date
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import Schema

from lastpage.coverage.ranges import Range
from lastpage.errors import DestinationError
from lastpage.files import Disk
from lastpage.sinks.day import Change, ChangedByDay, Count, fitted
from lastpage.sinks.deltafolder import DeltaFolder, DeltaWriter, delta_schema
from lastpage.sinks.deltatable import DAY, PROBLEMS, DataFile, differing, types_of
from lastpage.sinks.intact import UNREADABLE, lacking, told
from lastpage.sinks.pins import Day
from lastpage.sinks.sink import (
    NONE_STAYS,
    Identity,
    Pages,
    Written,
    explained,
    first_line,
    read_back,
    refuse_twins,
)
from lastpage.sinks.writing import rows_of, write_rows
from lastpage.tables.build import Shredder
from lastpage.tables.derived import LIST, Names
from lastpage.tables.schema import CONVERSATIONS
from lastpage.tables.selection import Selection


class Delta(DeltaFolder, ChangedByDay):
    """A `TableSink` of Delta tables."""

    #: Of everything, until it is claimed.
    shredding = Shredder()

    @classmethod
    @contextmanager
    def open(cls, folder: Path, state: Path, disk: Disk) -> Iterator[Self]:
        """Undo what a crash left; refuse other software's folder, and another format."""
        sink = cls(folder, state, disk)
        sink._identify()
        with explained(folder, *PROBLEMS, pa.ArrowException):
            sink.settle()
        yield sink

    @classmethod
    @contextmanager
    def look(cls, folder: Path, state: Path) -> Iterator[Self]:
        """Refuse what `open` refuses; what counts is read, and nothing is settled."""
        sink = cls(folder, state, Disk())
        sink._identify()
        if sink.known:
            sink.shredding = Shredder.to_read(Selection.load(sink.known.selection))
        yield sink

    def claim(self, identity: Identity, shredder: Shredder) -> None:
        """Refuse another identity, and tables that cannot take ours."""
        identity.check(self.known, self.folder)
        refuse_twins(shredder.schemas, "Delta")
        self._identity, self.shredding = identity, shredder
        self._check_types()

    def changing(self) -> set[date]:
        """Whoever reads the versions that count sees all of a change or nothing."""
        return set()

    def damaged(self) -> dict[date, str]:
        """The days whose files are not as they were written, and what is missing of each."""
        days = {day: self._damage(day, is_deep=False) for day in self.committed()}
        return {day: damage for day, damage in days.items() if damage}

    def damage(self, day: date, *, content: bool = False) -> str:
        """What is missing of a day, by what it recorded of its tables."""
        return self._damage(day, is_deep=True, content=content) if self.held(day) else ""

    def together(self) -> AbstractContextManager[None]:
        """Each change stands alone, as in any folder."""
        return nullcontext()

    def renew(self, day: date, ranges: Sequence[Range]) -> None:
        """Record the day's ranges anew; no table but `lastpage_ranges` is touched."""
        with explained(self.folder, *PROBLEMS, pa.ArrowException):
            change = Change(self.held(day), ranges, self.shredding, NONE_STAYS)
            counts = self._counts(change)
            for batch in self.read(CONVERSATIONS, day):
                for count, range_ in zip(counts, change.after, strict=True):
                    count.add(batch, range_.interval)
            self._record_day(day, change, counts, self._record.days[day].rows)

    def refresh(self, names: Names) -> None:
        """Write one table a list, in place of what it had."""
        with explained(self.folder, *PROBLEMS, pa.ArrowException):
            for name, rows in names.lists.items():
                self.replace_whole(name, rows)

    def read(self, table: str, day: date) -> Iterator[pa.Table]:
        """A day of a table, a part at a time, with the columns of the selection."""
        for file in self._files(table, day):
            if file.path.exists():
                with read_back(file.path, file.path.parent, pa.ArrowException):
                    yield from _read(file.path, self.shredding.schemas[table])

    def named(self, kind: str) -> Iterator[pa.Table]:
        """One of the organisation's lists; nothing where it is not there."""
        table = self._table(kind)
        for file in table.files if table else ():
            with read_back(file.path, file.path.parent, pa.ArrowException):
                yield from _read(file.path, LIST)

    def _change(self, day: date, change: Change, pages: Pages) -> Written:
        schemas = {name: delta_schema(each) for name, each in self.shredding.schemas.items()}
        with (
            explained(self.folder, *PROBLEMS, pa.ArrowException),
            self.staged(f"{DAY}={day}") as staging,
        ):
            counts = self._counts(change)
            with ExitStack() as files:
                writers = {
                    name: files.enter_context(DeltaWriter(staging / name, schema))
                    for name, schema in schemas.items()
                }
                coming = rows_of(change, pages, schemas, lambda name: self.read(name, day))
                rows = write_rows(writers, coming, self.shredding.schemas, change, counts)
            self._check_types()
            self.commit(day, staging, rows, schemas)
            self._record_day(day, change, counts, {name: rows[name] for name in schemas})
        return change.written()

    def _record_day(
        self, day: date, change: Change, counts: Sequence[Count], rows: Mapping[str, int]
    ) -> None:
        found = Day(change.holds(counts), dict(rows))
        self.pin(self._identity, {**self._record.days, day: found})

    def _damage(self, day: date, *, is_deep: bool, content: bool = False) -> str:
        recorded, there, unreadable = self._record.days[day].rows, dict[str, int](), list[str]()
        with read_back(self.folder, self.folder):
            for name in recorded:
                schema = self.shredding.schemas.get(name) if content else None
                files = self._files(name, day)
                try:
                    there[name] = sum(_rows(each, schema, is_deep=is_deep) for each in files)
                except PermissionError:
                    raise
                except UNREADABLE as problem:
                    unreadable.append(f"the table {name} cannot be read: {first_line(problem)}")
        fewer = lacking({name: recorded[name] for name in there}, there)
        return told([*unreadable, *([fewer] if fewer else [])])

    def _check_types(self) -> None:
        """Raise `DestinationError` for a column that has another type in a table than ours has."""
        found = list[str]()
        for name, schema in self.shredding.schemas.items():
            if table := self._table(name):
                table.refresh()
                wanted = types_of(Schema.from_arrow(delta_schema(schema)))
                found += differing(name, table.types(), wanted)
        if found:
            raise DestinationError(
                f"{self.folder} cannot take what is fetched: {told(sorted(found))}; nothing was "
                "written: give it its type back, or give another destination"
            )

    def _counts(self, change: Change) -> list[Count]:
        schema = self.shredding.schemas[CONVERSATIONS]
        return [Count.nothing(schema) for _ in change.after]

    def _files(self, name: str, day: date) -> list[DataFile]:
        table = self._table(name)
        return table.of_day(day) if table else []


def _read(path: Path, schema: pa.Schema) -> Iterator[pa.Table]:
    """A file's rows, with the columns of a schema."""
    with pq.ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            yield fitted(file.read_row_group(number), schema)


def _rows(file: DataFile, schema: pa.Schema | None, *, is_deep: bool) -> int:
    """How many rows a file has; with a schema all of it is read."""
    if file.rows is not None and not is_deep and file.is_there:
        return file.rows
    for _ in _read(file.path, schema) if schema else ():
        pass
    rows: int = pq.read_metadata(file.path).num_rows
    return rows
