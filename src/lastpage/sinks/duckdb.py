"""DuckDB: one file with a table each, written day by day, each change of a day one transaction.

Tables are those of a folder, with the same columns and `day`, so the same SQL reads both. What they
hold is in `lastpage_ranges`, whose data they are in `lastpage_meta`. DuckDB has one writer, so the
file is held from the first look to the end of the run. What a crash left, DuckDB settles itself.

    a change of a day, in one transaction
    1. conversations that started in a part that is written go, from every table, but those that
       are named as staying
    2. the rows that come are inserted; those in `broken` wait in a table of their own
    3. broken records make room: by their start, or, without one, where the same record came again
    4. the rows of the day are counted, and compared with what was written
    5. the day's ranges are recorded, with the conversations that were counted in each
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, date
from pathlib import Path
from typing import Any, Self

import duckdb
import pyarrow as pa

from lastpage.coverage.ranges import Range
from lastpage.coverage.replacement import Ruling
from lastpage.errors import DestinationError, ForeignError, InUseError, UsageError
from lastpage.files import Disk, make_private_folder, named_statements
from lastpage.query.interval import Interval
from lastpage.sinks.day import Change, batched, fitted
from lastpage.sinks.sink import NONE_STAYS, Identity, Pages, Written, by_day, refuse_newer
from lastpage.tables.build import Shredder
from lastpage.tables.derived import Names
from lastpage.tables.parse import arrow_schema
from lastpage.tables.schema import KEY, Columns, Type
from lastpage.tables.selection import Selection

SQL = named_statements("lastpage.sinks", "duckdb.sql")
#: The version of what the database records of itself.
VERSION = 1
#: Every DuckDB since 1.0 reads files of this shape.
STORAGE = "v1.0.0"
#: How a file is attached that is only looked at.
READ_ONLY = ", read_only"
#: Conversations inserted at once: an insert costs by table, so these are more than files get.
BATCH = 10_000
#: What waits in the log before it is moved into the tables: small days are moved together.
LOG_BYTES_MAX = 64 * 1024 * 1024
CONFIG: dict[str, str] = {
    "memory_limit": "1GB",
    "threads": "2",
    "preserve_insertion_order": "false",
    "checkpoint_threshold": "1TB",  # only `_checkpoint` moves the log
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
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
#: Views, and the columns that each needs.
VIEWS = {
    "queues_by_day": {"segments.queue_id", "sessions.media_type", "metrics.name", "metrics.value"}
}
#: The columns that record a range, beside its times.
RANGE_COLUMNS = ("route", "coverage", "finality", "conversations")


class DuckDB:
    """A `TableSink` in one database file."""

    def __init__(self, path: Path, state: Path, disk: Disk) -> None:
        self.path = path
        self.known: Identity | None = None
        self._state = state
        self._disk = disk
        self._log = path.with_name(path.name + ".wal")
        self._connection: duckdb.DuckDBPyConnection | None = None

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
                sink._shredder = Shredder.to_read(Selection.load(sink.known.selection))
            yield sink
        finally:
            if sink._connection is not None:
                sink._connection.close()

    def claim(self, identity: Identity, shredder: Shredder) -> None:
        """Refuse another identity; make the file, and the tables and columns that are missing."""
        identity.check(self.known, self.path)
        _refuse_twins(shredder.schemas)
        self._shredder = shredder
        with _explained(self.path):
            if self._connection is None:
                self._create(identity)
                self._attach(self.path)
            with self._transaction():
                self._add_missing(shredder.selection.schemas)

    def committed(self) -> dict[date, list[Range]]:
        """What the database has recorded of each day."""
        ranges = []
        for row in self._rows("ranges") if self._connection else ():
            start, stop, as_of = (row[each].astimezone(UTC) for each in ("start", "stop", "as_of"))
            facts = {name: row[name] for name in RANGE_COLUMNS}
            ranges.append(Range(Interval(start, stop), as_of, **facts))
        return by_day(ranges)

    def changing(self) -> set[date]:
        """A change is one transaction: a reader sees all of it or nothing."""
        return set()

    def held(self, day: date) -> list[Range]:
        """What the database has recorded of a day."""
        return self.committed().get(day, [])

    def replace(
        self, day: date, ranges: Sequence[Range], pages: Pages, ruling: Ruling = NONE_STAYS
    ) -> Written:
        """Replace exactly these start ranges of a day, in one transaction."""
        with _explained(self.path):
            change = Change(self.held(day), ranges, self._shredder, ruling)
            with self._transaction(), self._registered("parts", _parts(change)):
                self._run("create_arrived_broken")
                if change.before:
                    with self._registered("staying", _staying(ruling)):
                        self._run("leaving", day=day)
                    for name in self._shredder.schemas:
                        if name != "broken":
                            self._run("delete_leaving", _in_target(name), day=day)
                rows = self._counts(day)
                for tables in batched(change.tables(pages), self._shredder.schemas, BATCH):
                    self._disk.seam("database write")
                    for name, table in tables.items():
                        rows[name] += len(table)
                        if len(table):
                            target = "arrived_broken" if name == "broken" else _in_target(name)
                            with self._registered("arriving", table):
                                self._run("insert", target, day=day)
                rows["broken"] -= self._run("delete_broken", day=day)
                self._run("insert_broken")
                self._check_counts(day, rows)
                self._record(day, change)
            self._checkpoint(LOG_BYTES_MAX)
        return change.written()

    def refresh(self, names: Names) -> None:
        """Write one table a list."""
        with _explained(self.path), self._transaction():
            for name, table in names.lists.items():
                with self._registered("list", table):
                    self._run("replace_list", _in_target(name))

    def read(self, table: str, day: date) -> Iterator[pa.Table]:
        """A day of a table, a part at a time, with the columns of the selection."""
        schema = self._shredder.schemas[table]
        there = self._columns().get(table, set())
        columns = ", ".join(_quoted(name) for name in schema.names if name in there)
        if not columns:
            return  # an older version made the file, and did not have this table
        statement = SQL["read"].format(table=_in_target(table), columns=columns)
        # A cursor of its own, so that other statements can be run before all of it was read.
        with _explained(self.path), self._db.cursor() as cursor:
            found = cursor.sql(statement, params={"day": day})
            for batch in pa.RecordBatchReader.from_stream(found):
                yield fitted(pa.Table.from_batches([batch]), schema)

    def _attach(self, path: Path, options: str = "") -> None:
        """Attach the file to a database in memory: so the shape of a new one can be chosen."""
        escaped = str(path.absolute()).replace("'", "''")
        spill = "" if options == READ_ONLY else str(self._state / "spill")
        self._connection = duckdb.connect(":memory:", config={**CONFIG, "temp_directory": spill})
        self._connection.execute(f"attach '{escaped}' as target (type duckdb{options})")

    def _identify(self, options: str = "") -> None:
        """Attach the file, if it is there, and learn whose it is; refuse other software's."""
        if not self.path.exists():
            return
        with _explained(self.path):
            self._attach(self.path, options)
            if "lastpage_meta" not in self._columns():
                raise ForeignError(f"{self.path} was not written by lastpage")
            (meta,) = self._rows("meta")
        refuse_newer(self.path, meta["version"], VERSION)
        self.known = Identity.from_record(meta)

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
        self._disk.replace(new, self.path)

    def _add_missing(self, schemas: Mapping[str, Columns]) -> None:
        """Add tables and columns that are not there yet; rows that are there have nulls in them."""
        there = self._columns()
        for name, columns in schemas.items():
            missing = [
                f"{_quoted(column)} {TYPES[type_]}"
                for column, type_ in columns.items()
                if column not in there.get(name, ())
            ]
            if name not in there:
                self._run("create_table", _in_target(name), ", ".join(missing))
            else:
                for column in missing:
                    self._run("add_column", _in_target(name), column)
        selected = {f"{name}.{column}" for name, columns in schemas.items() for column in columns}
        for view, needed in VIEWS.items():
            if needed <= selected:
                self._run(view)

    def _close(self) -> None:
        if self._connection is not None:
            try:
                with _explained(self.path):
                    self._checkpoint(0)
            finally:
                self._connection.close()

    def _checkpoint(self, bytes_max: int) -> None:
        """Move what waits in the log into the tables, where it is more than so much."""
        if self._log.exists() and self._log.stat().st_size > bytes_max:
            self._disk.seam("database checkpoint")
            self._run("checkpoint")

    def _check_counts(self, day: date, rows: Mapping[str, int]) -> None:
        for name, found in self._counts(day).items():
            if found != rows[name]:
                raise DestinationError(
                    f"{self.path} has {found} rows of {day} in {name} instead of the "
                    f"{rows[name]} that were written; the disk may be at fault"
                )

    def _record(self, day: date, change: Change) -> None:
        """Record what the day holds now, with conversations as counted in the table."""
        counts = [
            self._run("conversations_between", day=day, start=each.start, stop=each.end)
            for each in (range_.interval for range_ in change.after)
        ]
        self._run("delete_ranges", day=day)
        for range_ in change.holds(counts):
            start, stop = range_.interval.start, range_.interval.end
            facts = {name: getattr(range_, name) for name in ("as_of", *RANGE_COLUMNS)}
            self._run("insert_range", day=day, start=start, stop=stop, **facts)

    def _counts(self, day: date) -> dict[str, int]:
        """The rows of a day in each table."""
        return {
            name: self._run("count", _in_target(name), day=day) for name in self._shredder.schemas
        }

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.begin()
        try:
            yield
            self._disk.seam("database commit")
            self._db.commit()
        except BaseException:
            with suppress(duckdb.Error):  # the first problem is what counts
                self._db.rollback()
            raise

    @contextmanager
    def _registered(self, name: str, table: pa.Table) -> Iterator[None]:
        """A table that statements can read by a name."""
        self._db.register(name, table)
        yield
        self._db.unregister(name)

    def _run(self, name: str, table: str = "", columns: str = "", **values: Any) -> int:
        """The first number of the answer: of a change, how many rows it concerned."""
        statement = SQL[name].format(table=table, columns=columns)
        found = self._db.execute(statement, values or None).fetchall()
        return int(found[0][0]) if found and isinstance(found[0][0], int) else 0

    def _rows(self, name: str) -> list[dict[str, Any]]:
        """By way of Arrow: the times of DuckDB's own rows need a package that it does not bring."""
        return list(self._db.sql(SQL[name]).to_arrow_table().to_pylist())

    def _columns(self) -> dict[str, set[str]]:
        """The columns of each table of the file."""
        found: dict[str, set[str]] = {}
        for row in self._rows("columns"):
            found.setdefault(row["table_name"], set()).add(row["column_name"])
        return found

    @property
    def _db(self) -> duckdb.DuckDBPyConnection:
        assert self._connection is not None, "claimed, and not closed"
        return self._connection


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """What goes wrong with the file becomes a sentence that says what to do."""
    try:
        yield
    except (OSError, duckdb.Error, pa.ArrowException) as problem:
        what = getattr(problem, "strerror", None) or str(problem).partition("\n")[0]
        if any(each in what for each in ("lock on file", "already attached", "used by another")):
            raise InUseError(
                f"{path} is being written by another run, or is open in another program; "
                f"wait for it or close it there, then run the same command again ({what})"
            ) from None
        if "not a valid DuckDB" in what:
            raise ForeignError(f"{path} is not a DuckDB database") from None
        raise DestinationError(
            f"cannot write to {path}: {what}; make room or give another destination, "
            "then run the same command again"
        ) from None


def _refuse_twins(schemas: Mapping[str, pa.Schema]) -> None:
    """Raise `UsageError` for columns that DuckDB, which ignores case, takes for one."""
    for schema in schemas.values():
        lower = [name.lower() for name in schema.names]
        for name in schema.names:
            if lower.count(name.lower()) > 1:
                raise UsageError(
                    f"--attributes {name}: another one differs from it in case only, and DuckDB "
                    "takes the two for one; choose one, or give a folder"
                )


def _parts(change: Change) -> pa.Table:
    """The parts that are written, for a statement to read."""
    rows = [{"start": part.start, "stop": part.end} for part in change.parts]
    return pa.Table.from_pylist(rows, arrow_schema({"start": "time", "stop": "time"}))


def _staying(ruling: Ruling) -> pa.Table:
    """The ids of the rows that stay, for a statement to read."""
    return pa.table({KEY: pa.array(list(ruling.staying), pa.string())})


def _in_target(table: str) -> str:
    return f"target.{_quoted(table)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
