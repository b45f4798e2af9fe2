"""A session with a PostgreSQL server: its statements and transactions, and what a schema has
recorded of itself.

Every statement stands in `postgres.sql`, by its name. A session is one snapshot where it only
looks, so a reader sees no half of a change; a writer holds the schema by an advisory lock, which
the server lets go when the writer is gone, however it went. A transaction in which anything failed
is rolled back: the server answers its commit without a word, and keeps nothing. What goes wrong
becomes a sentence:

    the server says                          the error           what to do
    ---------------------------------------  ------------------  ---------------------------------
    another session holds the schema         `InUseError`        wait for it
    the schema has others' tables            `ForeignError`      give a schema of its own
    a table or the schema is gone meanwhile  `DestinationError`  run the same command again
    this user may not                        `DestinationError`  grant it (docs/postgresql.md)
    nobody may write: it is a replica, or    `DestinationError`  give a server that can be written
    the role reads only                                          to
    a lock on a table is not to be had       `DestinationError`  end who holds it
    anything else                            `DestinationError`  mend it, run the same command again
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any, Self

import adbc_driver_manager
import pyarrow as pa
from adbc_driver_postgresql import dbapi

from lastpage.coverage.ranges import Range
from lastpage.errors import DestinationError, ForeignError, InUseError
from lastpage.files import Disk, named_statements
from lastpage.query.interval import Interval
from lastpage.sinks.server import Server
from lastpage.sinks.shape import quoted
from lastpage.sinks.sink import Identity, by_day, refuse_newer, taken_away

#: The version of what the schema records of itself.
VERSION = 1
SQL = named_statements("lastpage.sinks", "postgres.sql")
META = "lastpage_meta"
#: The columns that record a range, beside its times.
RANGE_COLUMNS = ("route", "coverage", "finality", "conversations", "open")
GRANT = "let its owner grant what docs/postgresql.md names, then run the same command again"
#: What to do, by the class or the code that the server gives (its manual, appendix A).
ADVICE = {
    "42501": GRANT,
    "25006": "give a server that can be written to, by a user whose transactions may write",
    "55P03": "end the session that holds the table, then run the same command again",
    "28": "give the right user and password (PGPASSWORD, ~/.pgpass), then run it again",
    "54000": "if it is the row of an index, drop that index; then run the same command again",
    "53": "make room on the server, then run the same command again",
}
#: A table or a schema that was there when it was opened.
GONE = ("42P01", "3F000")
#: A value in a statement, or a quoted name, in which there is none.
VALUE = re.compile(r'"[^"]*"|\$(\w+)')
VALUES: dict[type, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    date: pa.date32(),
    datetime: pa.timestamp("us", tz="UTC"),
    list: pa.list_(pa.string()),
    type(None): pa.string(),
}


class Session:
    """A schema on a server that may hold data; `state` is unused, since the server has it all.

    It is a `Sink`: it knows whose data it holds, and what it has recorded of each day.
    """

    #: Whose data it holds; None while it holds nothing.
    known: Identity | None = None

    def __init__(self, server: Server, disk: Disk) -> None:
        self.server = server
        self._disk = disk
        self._is_changing = False
        self._is_spoiled = False
        #: What tells the schema's own table from another of the same name; 0: it is not there.
        self._meta = 0
        with self._explained():
            self._connection = dbapi.connect(server.connection, autocommit=True)

    @classmethod
    @contextmanager
    def record(cls, server: Server, state: Path) -> Iterator[Self]:  # noqa: ARG003
        """Read what the schema has recorded, as of one moment."""
        sink = cls(server, Disk())
        try:
            sink._look_at_once()
            yield sink
        finally:
            sink._leave()

    def committed(self) -> dict[date, list[Range]]:
        """What the schema has recorded of each day, as long as it is there."""
        self._check_left()
        return by_day(map(_range, self._rows("ranges") if self._meta else ()))

    def held(self, day: date) -> list[Range]:
        """What the schema has recorded of a day."""
        return [_range(row) for row in self._rows("ranges_of_day", day=day)] if self._meta else []

    def _look_at_once(self) -> None:
        """All that is read from now on is as of now."""
        self._connection.adbc_connection.set_autocommit(False)
        self._run("as_of_now")
        self._identify()

    def _lock(self) -> None:
        """Hold the schema, until the session ends."""
        (found,) = self._rows("lock", schema=self.server.schema)
        if not found["is_ours"]:
            raise InUseError(
                f"another run is writing to {self.server}; "
                "wait for it (--wait 10m), or give another destination with --to"
            )

    def _identify(self) -> None:
        """Learn whose it is; refuse a schema with tables of others."""
        there = self._relations()
        if META not in there:
            if there:
                raise ForeignError(
                    f"the schema {self.server.schema} of {self.server} has the table "
                    f"{min(there)} and was not written by lastpage"
                )
            return
        self._meta = there[META]
        (meta,) = self._rows("meta")
        refuse_newer(self.server, meta["version"], VERSION)
        self.known = Identity.from_record(meta)

    def _relations(self) -> dict[str, int]:
        """What stands in the schema, with what tells it from another one of the same name."""
        rows = self._rows("relations", schema=self.server.schema)
        return {row["name"]: row["oid"] for row in rows}

    def _check_left(self) -> None:
        """Raise `DestinationError` where the schema is another one, or gone."""
        if self._meta and self._relations().get(META) != self._meta:
            raise taken_away(self.server)

    def _columns(self) -> dict[str, dict[str, str]]:
        """The columns of each table, with their types."""
        found: dict[str, dict[str, str]] = {}
        for row in self._rows("columns", schema=self.server.schema):
            found.setdefault(row["table"], {})[row["column"]] = row["type"]
        return found

    @contextmanager
    def _transaction(self, seam: str = "server commit") -> Iterator[None]:
        """What is changed in the block is one transaction, or belongs to the one around it."""
        if self._is_changing:
            yield
            return
        # The driver is told, since else it does not know of it: each append would be its own.
        driver = self._connection.adbc_connection
        with self._explained():
            driver.set_autocommit(False)
        self._is_changing, self._is_spoiled = True, False
        try:
            yield
            self._check_whole()
            self._check_left()
            with self._explained():
                self._disk.seam(seam)
            with self._explained():
                driver.commit()
        except BaseException:
            with suppress(adbc_driver_manager.Error):  # the first problem is what counts
                driver.rollback()
            raise
        finally:
            self._is_changing = False
            with suppress(adbc_driver_manager.Error):  # the server may be gone
                driver.set_autocommit(True)

    def _check_whole(self) -> None:
        """Raise `DestinationError` where anything failed, also where somebody passed over that."""
        if self._is_spoiled:
            raise DestinationError(
                f"cannot write to {self.server}: a statement failed; run the same command again"
            )

    def _leave(self) -> None:
        """End the session; what is not committed is gone, and so is its lock."""
        with suppress(adbc_driver_manager.Error):
            self._connection.close()

    def _run(self, name: str, /, table: str = "", columns: str = "", **values: Any) -> int:
        """The first number of the answer, where there is one."""
        rows = self._ask(self._text(name, table, columns), values)
        first = next(iter(rows[0].values())) if rows else 0
        return first if isinstance(first, int) else 0

    def _rows(self, name: str, /, table: str = "", **values: Any) -> list[dict[str, Any]]:
        return self._ask(self._text(name, table), values)

    def _text(self, name: str, table: str = "", columns: str = "", **names: str) -> str:
        """A statement with the names that stand in it."""
        schema = quoted(self.server.schema)
        return SQL[name].format(schema=schema, table=table, columns=columns, **names)

    def _ask(self, statement: str, values: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._answer(statement, values).to_pylist()
        return rows

    def _answer(self, statement: str, values: Mapping[str, Any] | None = None) -> pa.Table:
        """The answer to a statement, in which `$name` is a value."""
        text, bound = _code(statement), None
        if values and (used := list(dict.fromkeys(filter(None, VALUE.findall(text))))):
            text = VALUE.sub(lambda at: f"${used.index(at[1]) + 1}" if at[1] else at[0], text)
            bound = _bound({name: values[name] for name in used})
        with self._explained(), self._connection.cursor() as cursor:
            # An answer as a copy, which is quicker, cannot be had of every statement.
            if not text.startswith(("select", "with")):
                cursor.adbc_statement.set_options(**{"adbc.postgresql.use_copy": "false"})
            cursor.execute(text, bound)
            return cursor.fetch_arrow_table() if cursor.description else pa.table({})

    def _bring(self, table: str, rows: pa.Table, *, is_temporary: bool = False) -> None:
        """Append rows to a table."""
        where = {} if is_temporary else {"db_schema_name": self.server.schema}
        with self._explained(), self._connection.cursor() as cursor:
            self._disk.seam("server write")
            cursor.adbc_ingest(table, rows, mode="append", temporary=is_temporary, **where)

    def _named(self, table: str) -> str:
        return f"{quoted(self.server.schema)}.{quoted(table)}"

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """What goes wrong with the server becomes a sentence that says what to do."""
        try:
            yield
        except (OSError, adbc_driver_manager.Error, pa.ArrowException) as problem:
            self._is_spoiled = True
            code = getattr(problem, "sqlstate", None) or ""
            if code in GONE and self._meta:
                raise taken_away(self.server) from None
            said = self.server.hide(_said(problem))
            advice = (
                ADVICE.get(code)
                or ADVICE.get(code[:2])
                or (
                    ADVICE["28"]
                    if "authentication" in said or "password" in said
                    else "mend that, then run the same command again"
                )
            )
            raise DestinationError(f"cannot use {self.server}: {said}; {advice}") from None


def _code(statement: str) -> str:
    """A statement without its comments and its end."""
    lines = (line for line in statement.strip().splitlines() if not line.startswith("--"))
    return "\n".join(lines).rstrip(";")


def _bound(values: Mapping[str, Any]) -> pa.RecordBatch:
    """Values as a statement takes them."""
    arrays = [
        pa.array(
            [value.to_pylist() if isinstance(value, pa.ChunkedArray) else value],
            VALUES[list if isinstance(value, pa.ChunkedArray) else type(value)],
        )
        for value in values.values()
    ]
    return pa.record_batch(arrays, names=list(values))


def _range(row: Mapping[str, Any]) -> Range:
    facts: dict[str, Any] = {name: row[name] for name in RANGE_COLUMNS}
    return Range(Interval(row["start"], row["stop"]), row["as_of"], **facts)


def _said(problem: Exception) -> str:
    """What the server says, in one line, without the driver's words around it."""
    text = getattr(problem, "strerror", None) or str(problem)
    found = re.search(r"(?:ERROR|FATAL|PANIC):\s+(.*)", text)
    line = (
        found[1] if found else re.sub(r"^[A-Z_]+: (\[libpq\] )?", "", text.strip()).split("\n")[0]
    )
    return line.strip().rstrip(".") or type(problem).__name__
