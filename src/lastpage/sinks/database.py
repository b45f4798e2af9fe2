"""An open DuckDB file: attached to a database in memory, with its statements and transactions; and
what it has recorded of itself, which takes no Arrow to read.

Every statement stands in `duckdb.sql`, by its name. What goes wrong with the file becomes a
sentence that says what to do:

    DuckDB says                          the error          what to do
    -----------------------------------  -----------------  --------------------------------------
    another program holds the file       `InUseError`       wait for it, or close it there
    it is no DuckDB database             `ForeignError`     give another destination
    what it reads is not what it wrote   `DamagedError`     put back a copy, or remove it
    anything else (a full disk mostly)   `DestinationError` make room
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import duckdb

from lastpage.coverage.ranges import Range
from lastpage.errors import DamagedError, DestinationError, ForeignError, InUseError
from lastpage.files import Disk, named_statements
from lastpage.query.interval import Interval
from lastpage.sinks.sink import Identity, by_day, first_line, refuse_newer, taken_away

if TYPE_CHECKING:  # it takes long to load, and what is recorded can be read without it
    import pyarrow as pa

#: The version of what the database records of itself.
VERSION = 1
SQL = named_statements("lastpage.sinks", "duckdb.sql")
#: What it says of a file that is not as it wrote it (seen in 1.4 and 2.0: cut, and overwritten).
DAMAGED = ("Corrupt", "does not match", "Could not read enough", "deserialize", "end of file")
READ_ONLY = ", read_only"
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


#: The columns that record a range, beside its times.
RANGE_COLUMNS = ("route", "coverage", "finality", "conversations", "open")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DatabaseFile:
    """A DuckDB file that may be open; `state` is where it may put what memory does not hold.

    It is a `Sink`: it knows whose data it holds, and what it has recorded of each day.
    """

    #: Whose data it holds; None while it holds nothing.
    known: Identity | None = None

    def __init__(self, path: Path, state: Path, disk: Disk) -> None:
        self.path = path
        self._state = state
        self._disk = disk
        self._log = path.with_name(path.name + ".wal")
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._is_changing = False
        #: What is open: an open file outlives its name.
        self._opened: tuple[int, int] | None = None

    @classmethod
    @contextmanager
    def record(cls, path: Path, state: Path) -> Iterator[Self]:
        """Hold the file against writers only, to read what it has recorded."""
        sink = cls(path, state, Disk())
        try:
            sink._identify(READ_ONLY)
            yield sink
        finally:
            sink._leave()

    def committed(self) -> dict[date, list[Range]]:
        """What the database has recorded of each day, as long as it is there."""
        self._check_left()
        return by_day(self._ranges(None))

    def held(self, day: date) -> list[Range]:
        """What the database has recorded of a day."""
        return self._ranges(day)

    def _identify(self, options: str = "") -> None:
        """Attach the file, if it is there, and learn whose it is; refuse other software's."""
        if not self.path.exists():
            return
        with explained(self.path):
            self._attach(self.path, options)
            if "lastpage_meta" not in self._columns():
                raise ForeignError(f"{self.path} was not written by lastpage")
            (meta,) = self._rows("meta")
        refuse_newer(self.path, meta["version"], VERSION)
        self.known = Identity.from_record(meta)

    def _ranges(self, day: date | None) -> list[Range]:
        """What it has recorded of a day, or of all."""
        ranges = []
        for row in self._rows("ranges", day=day) if self._connection else ():
            start, stop, as_of = (_moment(row[each]) for each in ("start", "stop", "as_of"))
            facts: dict[str, Any] = {name: row.get(name) for name in RANGE_COLUMNS}
            ranges.append(Range(Interval(start, stop), as_of, **facts))
        return ranges

    def _attach(self, path: Path, options: str = "") -> None:
        """Attach the file to a database in memory: so the shape of a new one can be chosen."""
        escaped = str(path.absolute()).replace("'", "''")
        spill = "" if options == READ_ONLY else str(self._state / "spill")
        self._connection = duckdb.connect(":memory:", config={**CONFIG, "temp_directory": spill})
        self._connection.execute(f"attach '{escaped}' as target (type duckdb{options})")
        self._opened = _file_of(path)

    def _close(self) -> None:
        if self._connection is not None:
            try:
                with explained(self.path):
                    self._checkpoint(0)
            finally:
                self._connection.close()

    def _leave(self) -> None:
        """Close what was only looked at."""
        if self._connection is not None:
            self._connection.close()

    def _checkpoint(self, bytes_max: int) -> None:
        """Move what waits in the log into the tables, where it is more than so much.

        That cannot be done within a transaction.
        """
        if not self._is_changing and self._log.exists() and self._log.stat().st_size > bytes_max:
            self._disk.seam("database checkpoint")
            self._run("checkpoint")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """What is changed in the block is one transaction, or belongs to the one around it."""
        if self._is_changing:
            yield
            return
        self._db.begin()
        self._is_changing = True
        try:
            yield
            self._check_left()
            self._disk.seam("database commit")
            self._db.commit()
        except BaseException:
            with suppress(duckdb.Error):  # the first problem is what counts
                self._db.rollback()
            raise
        finally:
            self._is_changing = False

    def _check_left(self) -> None:
        """Raise `DestinationError` where the file's name leads to another one, or to none."""
        if self._opened and self._opened != _file_of(self.path):
            raise taken_away(self.path)

    @contextmanager
    def _registered(self, name: str, table: pa.Table) -> Iterator[None]:
        """A table that statements can read by a name."""
        self._db.register(name, table)
        yield
        self._db.unregister(name)

    def _run(self, name: str, /, table: str = "", columns: str = "", **values: Any) -> int:
        """The first number of the answer: of a change, how many rows it concerned."""
        statement = SQL[name].format(table=table, columns=columns)
        found = self._db.execute(statement, values or None).fetchall()
        return int(found[0][0]) if found and isinstance(found[0][0], int) else 0

    def _rows(self, name: str, /, table: str = "", **values: Any) -> list[dict[str, Any]]:
        """The rows of the answer, in which moments are numbers: DuckDB's own moments need a package
        that it does not bring.
        """
        statement = SQL[name].format(table=table)
        with explained(self.path):
            found = self._db.execute(statement, values or None)
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

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
def explained(path: Path, *others: type[Exception]) -> Iterator[None]:
    """What goes wrong with the file becomes a sentence that says what to do.

    `others` is what a library raises for it beside DuckDB.
    """
    problems: tuple[type[Exception], ...] = (OSError, duckdb.Error, *others)
    try:
        yield
    except problems as problem:
        what = first_line(problem)
        if any(each in what for each in ("lock on file", "already attached", "used by another")):
            raise InUseError(
                f"{path} is being written by another run, or is open in another program; "
                f"wait for it or close it there, then run the same command again ({what})"
            ) from None
        if "not a valid DuckDB" in what:
            raise ForeignError(f"{path} is not a DuckDB database") from None
        if any(each in what for each in DAMAGED):
            log = path.with_name(path.name + ".wal")
            remove = f"{path} and {log}" if log.exists() else path
            raise DamagedError(path, what, remove) from None
        raise DestinationError(
            f"cannot write to {path}: {what}; make room or give another destination, "
            "then run the same command again"
        ) from None


def _moment(microseconds: int) -> datetime:
    """A time of the answer; by way of a float some of them would be another."""
    return EPOCH + timedelta(microseconds=microseconds)


def _file_of(path: Path) -> tuple[int, int] | None:
    """What tells a file from another of the same name; None where there is none."""
    facts = path.stat() if path.exists() else None
    return (facts.st_dev, facts.st_ino) if facts else None


def in_target(table: str) -> str:
    return f"target.{quoted(table)}"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
