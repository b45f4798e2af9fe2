"""An open DuckDB file: attached to a database in memory, with its statements and transactions.

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
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from lastpage.errors import DamagedError, DestinationError, ForeignError, InUseError
from lastpage.files import Disk, named_statements
from lastpage.sinks.sink import first_line, taken_away

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


class DatabaseFile:
    """A DuckDB file that may be open; `state` is where it may put what memory does not hold."""

    def __init__(self, path: Path, state: Path, disk: Disk) -> None:
        self.path = path
        self._state = state
        self._disk = disk
        self._log = path.with_name(path.name + ".wal")
        self._connection: duckdb.DuckDBPyConnection | None = None
        #: What is open: an open file outlives its name.
        self._opened: tuple[int, int] | None = None

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

    def _checkpoint(self, bytes_max: int) -> None:
        """Move what waits in the log into the tables, where it is more than so much."""
        if self._log.exists() and self._log.stat().st_size > bytes_max:
            self._disk.seam("database checkpoint")
            self._run("checkpoint")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.begin()
        try:
            yield
            self._check_left()
            self._disk.seam("database commit")
            self._db.commit()
        except BaseException:
            with suppress(duckdb.Error):  # the first problem is what counts
                self._db.rollback()
            raise

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
        """By way of Arrow: the times of DuckDB's own rows need a package that it does not bring."""
        statement = SQL[name].format(table=table)
        with explained(self.path):
            found = self._db.sql(statement, params=values or None).to_arrow_table()
            return list(found.to_pylist())

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
def explained(path: Path) -> Iterator[None]:
    """What goes wrong with the file becomes a sentence that says what to do."""
    try:
        yield
    except (OSError, duckdb.Error, pa.ArrowException) as problem:
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


def _file_of(path: Path) -> tuple[int, int] | None:
    """What tells a file from another of the same name; None where there is none."""
    facts = path.stat() if path.exists() else None
    return (facts.st_dev, facts.st_ino) if facts else None


def in_target(table: str) -> str:
    return f"target.{quoted(table)}"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
