"""DuckDB: one file with a table each, written day by day, each change of a day one transaction.

Tables are those of a folder, with the same columns and `day`, so the same SQL reads both. What they
hold is in `lastpage_ranges`, whose data they are in `lastpage_meta`. DuckDB has one writer, so the
file is held from the first look to the end of the run. What a crash left, DuckDB settles itself.

    a change of a day, in one transaction
    1. conversations that started in a part that is written go, from every table, but those that
       are named as staying
    2. the rows that come are inserted, in place of what started in another part and is the same
       conversation; those in `broken` wait in a table of their own
    3. broken records make room by the same rule, or, without a start, where the same record came
       again
    4. the rows of the day are counted, and compared with what was written
    5. the day's ranges are recorded, with the conversations that were counted in each
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from lastpage.coverage.ranges import Range
from lastpage.errors import DestinationError
from lastpage.files import Disk, make_private_folder
from lastpage.query.interval import Interval
from lastpage.sinks.database import (
    LOG_BYTES_MAX,
    RANGE_COLUMNS,
    READ_ONLY,
    SQL,
    VERSION,
    DatabaseFile,
    explained,
    in_target,
    quoted,
)
from lastpage.sinks.day import Change, ChangedByDay, Count, batched, fitted, ids_of
from lastpage.sinks.intact import lacking
from lastpage.sinks.sink import NONE_STAYS, Identity, Pages, Written, refuse_twins
from lastpage.tables.build import Shredder
from lastpage.tables.counting import view
from lastpage.tables.derived import Names
from lastpage.tables.figures import NEEDED, VIEWS
from lastpage.tables.parse import ARROW
from lastpage.tables.schema import CONVERSATIONS, END, KEY, Columns, Type
from lastpage.tables.selection import Selection
from lastpage.tables.values import array

#: Every DuckDB since 1.0 reads files of this shape.
STORAGE = "v1.0.0"
#: Conversations inserted at once: an insert costs by table, so these are more than files get.
BATCH = 10_000
TYPES: dict[Type, str] = {
    "str": "varchar",
    "time": "timestamptz",
    "bool": "boolean",
    "ordinal": "integer",
    "int": "bigint",
    "num": "double",
    "strs": "varchar[]",
    "ints": "bigint[]",
}


class DuckDB(DatabaseFile, ChangedByDay):
    """A `TableSink` in one database file."""

    #: Of everything, until it is claimed.
    shredding = Shredder()

    @classmethod
    @contextmanager
    def open(cls, path: Path, state: Path, disk: Disk) -> Iterator[Self]:
        """Hold the file, if it is there, and refuse other software's; leave one file."""
        sink = cls(path, state, disk)
        try:
            sink._identify()
            yield sink
        except BaseException:
            with suppress(DestinationError):  # the first problem is what counts
                sink._close()
            raise
        sink._close()

    @classmethod
    @contextmanager
    def look(cls, path: Path, state: Path) -> Iterator[Self]:
        """Hold the file against writers only; what waits in its log is read, and stays there."""
        sink = cls(path, state, Disk())
        try:
            sink._identify(READ_ONLY)
            if sink.known:
                sink.shredding = Shredder.to_read(Selection.load(sink.known.selection))
            yield sink
        finally:
            sink._leave()

    def claim(self, identity: Identity, shredder: Shredder) -> None:
        """Refuse another identity; make the file, and the tables and columns that are missing."""
        identity.check(self.known, self.path)
        refuse_twins(shredder.schemas, "DuckDB")
        self.shredding = shredder
        with explained(self.path, pa.ArrowException):
            if self._connection is None:
                self._create(identity)
                self._attach(self.path)
            with self._transaction():
                self._run("create_record_of_tables")
                if "open" not in self._columns()["lastpage_ranges"]:
                    self._run("add_open_to_ranges")
                self._add_missing(shredder.selection.schemas)

    def changing(self) -> set[date]:
        """A change is one transaction: a reader sees all of it or nothing."""
        return set()

    def damaged(self) -> dict[date, str]:
        """The days that have not the rows that were recorded, and what is missing of each."""
        recorded: dict[date, dict[str, int]] = {}
        for row in self._recorded(None):
            recorded.setdefault(row["day"], {})[row["name"]] = row["rows"]
        there = {
            name: {row["day"]: row["rows"] for row in self._rows("count_days", in_target(name))}
            for name in self._columns().keys() & {name for day in recorded.values() for name in day}
        }
        found = {
            day: lacking(rows, {name: there.get(name, {}).get(day, 0) for name in rows})
            for day, rows in recorded.items()
        }
        return {day: damage for day, damage in found.items() if damage}

    def damage(self, day: date, *, content: bool = False) -> str:  # noqa: ARG002
        """What is missing of a day, by what it recorded; what cannot be read says so by itself."""
        recorded = {row["name"]: row["rows"] for row in self._recorded(day)}
        there = self._columns()
        counts = {
            name: self._run("count", in_target(name), day=day) if name in there else 0
            for name in recorded
        }
        return lacking(recorded, counts)

    @contextmanager
    def together(self) -> Iterator[None]:
        """The changes of a block are one transaction."""
        with explained(self.path):
            with self._transaction():
                yield
            self._checkpoint(LOG_BYTES_MAX)

    def _change(self, day: date, change: Change, pages: Pages) -> Written:
        ruling = change.ruling
        with explained(self.path, pa.ArrowException):
            with (
                self._transaction(),
                self._registered("parts", _parts(change)),
                self._registered("staying", _ids(list(ruling.staying))),
            ):
                self._run("create_arrived_broken")
                for name in self.shredding.schemas if ruling.anew else ():
                    self._run("delete_day", in_target(name), day=day)
                if change.before:
                    self._let_leave(day, "leaving")
                with self._registered("came", _ids(list(ruling.leaving))):
                    self._let_leave(day, "moved")
                rows = self._counts(day)
                for tables in batched(change.tables(pages), self.shredding.schemas, BATCH):
                    self._disk.seam("database write")
                    if change.has_others:
                        with self._registered("came", _ids(ids_of(tables))):
                            rows.subtract(self._let_leave(day, "moved"))
                    for name, table in tables.items():
                        rows[name] += len(table)
                        if len(table):
                            target = "arrived_broken" if name == "broken" else in_target(name)
                            with self._registered("arriving", table):
                                self._run("insert", target, day=day)
                with self._registered("came", _ids(change.came)):
                    rows["broken"] -= self._run("delete_broken", day=day)
                self._run("insert_broken")
                self._check_counts(day, rows)
                self._record(day, change, rows)
            self._checkpoint(LOG_BYTES_MAX)
        return change.written()

    def renew(self, day: date, ranges: Sequence[Range]) -> None:
        """Record the day's ranges anew, in one transaction."""
        with explained(self.path, pa.ArrowException):
            change = Change(self.held(day), ranges, self.shredding, NONE_STAYS)
            with self._transaction():
                self._record(day, change, self._counts(day))

    def refresh(self, names: Names) -> None:
        """Write one table a list."""
        with explained(self.path, pa.ArrowException), self._transaction():
            for name, table in names.lists.items():
                with self._registered("list", table):
                    self._run("replace_list", in_target(name))

    def read(self, table: str, day: date) -> Iterator[pa.Table]:
        """A day of a table, a part at a time, with the columns of the selection."""
        schema = self.shredding.schemas[table]
        there = self._columns().get(table, set())
        columns = ", ".join(quoted(name) for name in schema.names if name in there)
        if not columns:
            return  # an older version made the file, and did not have this table
        statement = SQL["read"].format(table=in_target(table), columns=columns)
        # A cursor of its own, so that other statements can be run before all of it was read.
        with explained(self.path, pa.ArrowException), self._db.cursor() as cursor:
            found = cursor.sql(statement, params={"day": day})
            for batch in pa.RecordBatchReader.from_stream(found):
                yield fitted(pa.Table.from_batches([batch]), schema)

    def named(self, kind: str) -> Iterator[pa.Table]:
        """One of the organisation's lists; nothing where it is not there."""
        if kind in self._columns():
            with explained(self.path, pa.ArrowException):
                yield self._db.sql(SQL["read_list"].format(table=in_target(kind))).to_arrow_table()

    def _create(self, identity: Identity) -> None:
        """Make the file appear with its identity in it, or not at all."""
        make_private_folder(self._state)
        new = self._state / "new.duckdb"
        for left in (new, new.with_name(f"{new.name}.wal"), self._log):
            self._disk.remove(left)
        self._attach(new, f", storage_version '{STORAGE}'")
        self._run("create_own_tables")
        self._run("insert_meta", version=VERSION, **asdict(identity))
        self._run("checkpoint")
        self._db.close()
        self._disk.sync(new)
        self._disk.replace((new, self.path))

    def _add_missing(self, schemas: Mapping[str, Columns]) -> None:
        """Add tables and columns that are not there yet; rows that are there have nulls in them."""
        there = self._columns()
        for name, columns in schemas.items():
            missing = [
                f"{quoted(column)} {TYPES[type_]}"
                for column, type_ in columns.items()
                if column not in there.get(name, ())
            ]
            if name not in there:
                self._run("create_table", in_target(name), ", ".join(missing))
            else:
                for column in missing:
                    self._run("add_column", in_target(name), column)
        selected = {f"{name}.{column}" for name, columns in schemas.items() for column in columns}
        if selected >= NEEDED:
            self._run("create_queues")
            for name in VIEWS:
                self._run("create_view", in_target(name), view(name, "main."))

    def _check_counts(self, day: date, rows: Mapping[str, int]) -> None:
        for name, found in self._counts(day).items():
            if found != rows[name]:
                raise DestinationError(
                    f"{self.path} has {found} rows of {day} in {name} instead of the "
                    f"{rows[name]} that were written; the disk may be at fault"
                )

    def _record(self, day: date, change: Change, rows: Mapping[str, int]) -> None:
        """Record what the day holds now, with conversations as counted in the table."""
        self._run("delete_tables", day=day)
        counted = pa.table(
            {"name": array(rows, pa.string()), "rows": array(rows.values(), pa.int64())}
        )
        with self._registered("counted", counted):
            self._run("insert_tables", day=day)
        counts = [self._counted(day, each.interval) for each in change.after]
        self._run("delete_ranges", day=day)
        for range_ in change.holds(counts):
            start, stop = range_.interval.start, range_.interval.end
            facts = {name: getattr(range_, name) for name in ("as_of", *RANGE_COLUMNS)}
            self._run("insert_range", day=day, start=start, stop=stop, **facts)

    def _counted(self, day: date, interval: Interval) -> Count:
        ends: dict[str, Any] = {"day": day, "start": interval.start, "stop": interval.end}
        has_ends = END in self.shredding.schemas[CONVERSATIONS].names
        is_open = self._run("open_between", **ends) if has_ends else None
        return Count(self._run("conversations_between", **ends), is_open)

    def _let_leave(self, day: date, which: str) -> dict[str, int]:
        """Delete conversations that a statement names, but for `broken`: the rows of each table."""
        tables = self.shredding.schemas.keys() - {"broken"} if self._run(which, day=day) else ()
        return {name: self._run("delete_leaving", in_target(name), day=day) for name in tables}

    def _counts(self, day: date) -> Counter[str]:
        """The rows of a day in each table."""
        return Counter(
            {name: self._run("count", in_target(name), day=day) for name in self.shredding.schemas}
        )

    def _recorded(self, day: date | None) -> list[dict[str, Any]]:
        """The rows of each table of a day, or of all; an older version has no record of them."""
        is_there = self._connection is not None and "lastpage_tables" in self._columns()
        return self._rows("tables", day=day) if is_there else []


def _parts(change: Change) -> pa.Table:
    """The parts that are written, for a statement to read."""
    starts, ends = [part.start for part in change.parts], [part.end for part in change.parts]
    time = ARROW["time"]
    return pa.table({"start": array(starts, time), "stop": array(ends, time)})


def _ids(ids: Sequence[str] | pa.ChunkedArray) -> pa.Table:
    """Ids, for a statement to read."""
    return pa.table({KEY: ids if isinstance(ids, pa.ChunkedArray) else array(ids, pa.string())})
