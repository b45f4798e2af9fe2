"""DuckDB: one file with a table each, written day by day, each change of a day one transaction.

Tables are those of a folder, with the same columns and `day`, so the same SQL reads both. What they hold is in `lastpage_ranges`,
whose they are in `lastpage_meta`. The file is held from the first look to the end of the run, since DuckDB has one writer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from lastpage.coverage.ranges import Range
from lastpage.errors import DestinationError, InUseError, UsageError
from lastpage.files import Disk, named_statements
from lastpage.query.interval import Interval
from lastpage.sinks.day import Change, batched
from lastpage.sinks.sink import Identity, Pages, Unread
from lastpage.tables.build import Shredder
from lastpage.tables.names import Names

SQL = named_statements("lastpage.sinks", "duckdb.sql")
#: The version of what the database says of itself.
VERSION = 1
#: Every DuckDB since 1.0 reads files of this shape.
STORAGE = "v1.0.0"
#: Conversations handed over at once: an insert costs by table, so fewer and larger ones than files like.
BATCH = 10_000
#: What waits in the log before it is moved into the tables: small days are moved together.
LOG_BYTES_MAX = 64 * 1024 * 1024
CONFIG: dict[str, str] = {
    "memory_limit": "1GB",
    "threads": "2",
    "preserve_insertion_order": "false",
    "checkpoint_threshold": "1TB",  # we say when
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
TYPES: dict[pa.DataType, str] = {
    pa.string(): "varchar",
    pa.timestamp("ms", tz="UTC"): "timestamptz",
    pa.bool_(): "boolean",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float64(): "double",
}
#: Views, and what has to be there for them.
VIEWS: dict[str, dict[str, set[str]]] = {
    "queues_by_day": {
        "segments": {"queue_id"},
        "sessions": {"media_type"},
        "metrics": {"name", "value"},
    }
}


class DuckDB:
    """A destination of tables in one database file."""

    appends = False

    def __init__(self, path: Path, state: Path, disk: Disk | None = None) -> None:
        self.path = path
        self.known: Identity | None = None
        self._state = state
        self._disk = disk or Disk()
        self._db: duckdb.DuckDBPyConnection | None = None

    def open(self) -> None:
        """Hold the file, if it is there; refuse other software's. What a crash left, DuckDB settles itself."""
        if self.path.exists():
            with _told(self.path):
                self._db = _attached(self.path, self._state)
                self.known = self._owner()

    def claim(self, identity: Identity, shredder: Shredder) -> None:
        """Refuse another organisation, other filters or another selection; make what tables and columns are missing."""
        identity.check(self.known, self.path)
        _check_names(shredder.schemas)
        self._shredder = shredder
        with _told(self.path):
            if self._db is None:
                self._create(identity)
                self._db = _attached(self.path, self._state)
            with self._transaction():
                self._grow(shredder.schemas)

    def committed(self) -> dict[date, list[Range]]:
        found: dict[date, list[Range]] = {}
        for row in self._rows("ranges") if self._db else ():
            interval = Interval(row["start"].astimezone(UTC), row["stop"].astimezone(UTC))
            facts = (row["route"], row["coverage"], row["finality"], row["conversations"])
            found.setdefault(row["day"], []).append(Range(interval, row["as_of"].astimezone(UTC), *facts))
        return found

    def replace(self, day: date, ranges: Sequence[Range], pages: Pages) -> list[Unread]:
        """Replace exactly these start ranges of a day, in one transaction."""
        with _told(self.path):
            change = Change(self.committed().get(day, []), ranges, self._shredder)
            with self._transaction():
                self._run("waiting")
                self._leave(day, change)
                rows = self._counts(day)
                for tables in batched(change.tables(pages), self._shredder.schemas, BATCH):
                    self._disk.seam("database write")
                    for name, table in tables.items():
                        rows[name] += len(table)
                        self._insert("waiting" if name == "broken" else _of(name), table, day)
                rows["broken"] -= self._settle_broken(day, change)
                self._read_back(day, rows)
                self._tell(day, change)
            self._checkpoint(LOG_BYTES_MAX)
        return change.unread

    def append(self, day: date, ranges: Sequence[Range], pages: Pages) -> None:
        raise NotImplementedError("tables are replaced")

    def refresh(self, names: Names) -> None:
        """One table a list."""
        with _told(self.path), self._transaction():
            for name, table in names.lists.items():
                with self._given("list", table):
                    self._run("replace_list", _of(name))

    def read(self, table: str, day: date) -> Iterator[pa.Table]:
        """A day of a table, a part at a time, with the columns of this selection."""
        schema = self._shredder.schemas[table]
        statement = SQL["read"].format(table=_of(table), columns=", ".join(map(_quoted, schema.names)))
        # A cursor of its own: whoever reads slowly blocks nobody.
        with _told(self.path), self._there.cursor() as cursor:
            found = cursor.sql(statement, params={"day": day})
            for batch in pa.RecordBatchReader.from_stream(found):
                yield pa.Table.from_batches([batch]).cast(schema)

    def close(self) -> None:
        """Leave one file, which has everything."""
        if self._db is not None:
            try:
                with _told(self.path):
                    self._checkpoint(0)
            finally:
                self._db.close()
                self._db = None

    def _create(self, identity: Identity) -> None:
        """The file appears with our mark in it, or not at all."""
        self._state.mkdir(parents=True, exist_ok=True)
        fresh = self._state / "new.duckdb"
        for left in (fresh, _log(fresh), _log(self.path)):
            self._disk.remove(left)
        self._db = _attached(fresh, self._state, STORAGE)
        self._run("mark")
        self._run("sign", version=VERSION, **asdict(identity))
        self._run("checkpoint")
        self._db.close()
        self._disk.sync(fresh)
        self._disk.replace(fresh, self.path)

    def _owner(self) -> Identity:
        if "lastpage_meta" not in self._columns():
            raise DestinationError(
                f"{self.path} was not written by lastpage; give another destination with --to, or remove it"
            )
        (meta,) = self._rows("meta")
        if meta["version"] > VERSION:
            raise UsageError(
                f"{self.path} was written by a newer lastpage; update this one, or give another destination"
            )
        return Identity.from_record(meta)

    def _grow(self, schemas: Mapping[str, pa.Schema]) -> None:
        """Tables and columns that are not there yet; rows that are there have nulls in them."""
        there = self._columns()
        for name, schema in schemas.items():
            known = there.get(name, set())
            missing = [f"{_quoted(field.name)} {_type(field.type)}" for field in schema if field.name not in known]
            if not known:
                self._run("create", _of(name), ", ".join(missing))
            for column in missing if known else ():
                self._run("widen", _of(name), column)
        for view, needed in VIEWS.items():
            if all(name in schemas and columns <= {*schemas[name].names} for name, columns in needed.items()):
                self._run(view)

    def _leave(self, day: date, change: Change) -> None:
        """Make room: rows of conversations that started in what is to be written go, from every table."""
        if change.before:
            with self._given("taken", _taken(change)):
                self._run("leaving", day=day)
            for name in self._shredder.schemas:
                if name != "broken":
                    self._run("leave", _of(name), day=day)

    def _settle_broken(self, day: date, change: Change) -> int:
        """Broken records that came take the place of those that make room; how many do."""
        with self._given("taken", _taken(change)):
            gone = self._run("leave_broken", day=day)
        self._run("end_waiting")
        return gone

    def _tell(self, day: date, change: Change) -> None:
        """What the day holds now, as counted in the tables."""
        counts = [self._run("conversations_between", day=day, **_ends(version)) for version in change.after]
        self._run("forget_ranges", day=day)
        for version in change.counted(counts):
            facts = {name: value for name, value in version.record().items() if name not in ("start", "end", "as_of")}
            self._run("keep_range", day=day, as_of=version.as_of, **_ends(version), **facts)

    def _read_back(self, day: date, rows: Mapping[str, int]) -> None:
        for name, found in self._counts(day).items():
            if found != rows[name]:
                raise DestinationError(
                    f"{self.path} has {found} rows of {day} in {name} instead of the {rows[name]} that were written; "
                    "the disk may be at fault"
                )

    def _counts(self, day: date) -> dict[str, int]:
        return {name: self._run("count", _of(name), day=day) for name in self._shredder.schemas}

    def _insert(self, target: str, table: pa.Table, day: date) -> None:
        if len(table):
            with self._given("arriving", table):
                self._run("insert", target, day=day)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._there.begin()
        try:
            yield
            self._disk.seam("database commit")
            self._there.commit()
        except BaseException:
            with suppress(duckdb.Error):  # the first problem is what counts
                self._there.rollback()
            raise

    def _checkpoint(self, more_than: int) -> None:
        """Move what waits in the log into the tables."""
        log = _log(self.path)
        if log.exists() and log.stat().st_size > more_than:
            self._disk.seam("database checkpoint")
            self._run("checkpoint")

    @contextmanager
    def _given(self, name: str, table: pa.Table) -> Iterator[None]:
        """A table of ours, for a statement to read."""
        self._there.register(name, table)
        yield
        self._there.unregister(name)

    def _columns(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for row in self._rows("columns"):
            found.setdefault(row["table_name"], set()).add(row["column_name"])
        return found

    def _run(self, name: str, table: str = "", columns: str = "", **values: Any) -> int:
        """The first number of the answer: of a change, how many rows it concerned."""
        statement = SQL[name].format(table=table, columns=columns)
        found = self._there.execute(statement, values or None).fetchall()
        return int(found[0][0]) if found and isinstance(found[0][0], int) else 0

    def _rows(self, name: str) -> list[dict[str, Any]]:
        """By way of Arrow, since the times of DuckDB's own rows need a package that it does not bring."""
        rows: list[dict[str, Any]] = self._there.sql(SQL[name]).to_arrow_table().to_pylist()
        return rows

    @property
    def _there(self) -> duckdb.DuckDBPyConnection:
        assert self._db is not None, "claimed, and not closed"
        return self._db


def _attached(path: Path, state: Path, storage: str = "") -> duckdb.DuckDBPyConnection:
    """A database of its own in memory, to which the file is attached; that is where the shape of a new file can be said."""
    db = duckdb.connect(":memory:", config={**CONFIG, "temp_directory": str(state / "spill")})
    shape = f", storage_version '{storage}'" if storage else ""
    escaped = str(path.absolute()).replace("'", "''")
    db.execute(f"attach '{escaped}' as place (type duckdb{shape})")
    return db


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Whatever goes wrong with the file is told in a sentence."""
    try:
        yield
    except (OSError, duckdb.Error, pa.ArrowException) as problem:
        raise _failed(path, problem) from None


def _failed(path: Path, problem: Exception) -> DestinationError:
    what = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem).partition("\n")[0]
    if "lock on file" in what or "already attached" in what or "used by another process" in what:
        return InUseError(
            f"{path} is open in another program; close it there, then run the same command again ({what})"
        )
    if "not a valid DuckDB" in what:
        return DestinationError(f"{path} is no DuckDB database; give another destination with --to, or remove it")
    return DestinationError(
        f"cannot write to {path}: {what}; make room or give another destination, then run the same command again"
    )


def _check_names(schemas: Mapping[str, pa.Schema]) -> None:
    for schema in schemas.values():
        lower = [name.lower() for name in schema.names]
        for name in schema.names:
            if lower.count(name.lower()) > 1:
                raise UsageError(
                    f"--attributes {name}: another one differs from it in case only, and DuckDB takes the two for one; "
                    "choose one, or give a folder"
                )


def _taken(change: Change) -> pa.Table:
    kind = pa.timestamp("ms", tz="UTC")
    starts, stops = ([getattr(part, end) for part in change.taken] for end in ("start", "end"))
    return pa.table({"start": pa.array(starts, kind), "stop": pa.array(stops, kind)})


def _ends(version: Range) -> dict[str, Any]:
    return {"start": version.interval.start, "stop": version.interval.end}


def _log(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def _of(table: str) -> str:
    return f"place.{_quoted(table)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _type(kind: pa.DataType) -> str:
    return f"{_type(kind.value_type)}[]" if pa.types.is_list(kind) else TYPES[kind]
