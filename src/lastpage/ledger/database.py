"""The ledger's file: opened, brought up to date, or refused; and its transactions.

    what is there                          what happens
    -------------------------------------  ---------------------------------------------------
    nothing                                it is made
    a ledger of this version               it is opened
    an older ledger of ours                it is brought up to date, a version at a time
    a newer ledger of ours                 refused: update lastpage
    a database of another program          refused: move it away
    one that is damaged, or no database    it is set aside, and a new one is made

What is in it that the destination does not have itself is the plan of an unfinished run, and that
is made again.

An upgrade keeps what is held. An unfinished run that this version cannot go on with keeps all but
its plan; the same command plans it again.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Row
from typing import Any, cast

from lastpage.errors import DestinationError, UsageError
from lastpage.files import make_private, named_statements

#: The schema's version, and the mark that tells our file from other SQLite files ("lpag").
VERSION = 7
APPLICATION = 0x6C706167
#: What SQLite says of a file that is damaged, or that is none of its own.
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
#: Every statement of `ledger.sql`, by its name.
SQL = named_statements("lastpage.ledger", "ledger.sql")
#: What each version has that the one before had not: tables, and columns; and what it has no more.
NEW = {3: {"told"}, 4: {"absence"}, 5: {"slice.held"}, 6: {"memory", "run.coverage"}}
GONE = {2: {"slice.direction"}}


def connect(path: Path) -> tuple[sqlite3.Connection, Path | None]:
    """A connection to our ledger, which its owner alone may read; and what was set aside for it.

    Raises `UsageError` for a newer ledger, `DestinationError` for a database that is not ours.
    """
    try:
        return _open(path), None
    except sqlite3.DatabaseError as problem:
        if not _is_damage(problem):
            raise
    aside = _set_aside(path)
    return _open(path), aside


def _open(path: Path) -> sqlite3.Connection:
    if not path.exists():
        make_private(path)
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        _prepare(db, path)
        # SQLite's own files beside it become like it; those of older builds were as the umask was.
        for each in path.parent.glob(f"{path.name}*"):
            make_private(each)
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    db.row_factory = sqlite3.Row
    application = db.execute("pragma application_id").fetchone()[0]
    version = db.execute("pragma user_version").fetchone()[0]
    columns = _columns(db)
    if db.execute("pragma quick_check(1)").fetchone()[0] != "ok":
        raise _damaged()
    if not columns:
        mark = f"pragma application_id = {APPLICATION};pragma user_version = {VERSION}"
        _set_durable(db)
        db.executescript(f"begin;{SQL['schema']};{mark};commit;")
        return
    if application != APPLICATION:
        raise DestinationError(
            f"{path} was not written by lastpage; move it away or give another destination"
        )
    if version > VERSION:
        raise UsageError(
            f"{path} was written by a newer lastpage; update this one, or give another destination"
        )
    if version < 1 or not _columns_of(version) <= columns:
        raise DestinationError(
            f"{path} is a ledger that this version cannot read; move it away, and the same command "
            "makes a new one from what the destination holds"
        )
    _set_durable(db)
    for older in range(version, VERSION):
        step = f"{SQL[f'upgrade_{older}']};pragma user_version = {older + 1}"
        db.executescript(f"begin immediate;{step};commit;")


def _is_damage(problem: sqlite3.Error) -> bool:
    return getattr(problem, "sqlite_errorcode", None) in DAMAGED


def _damaged() -> sqlite3.DatabaseError:
    problem = sqlite3.DatabaseError("pages of it do not fit together")
    problem.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return problem


def _set_aside(path: Path) -> Path:
    """Give a damaged ledger another name, with the time at which it was changed last."""
    changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    aside = path.with_name(f"{path.stem}.damaged-{changed:%Y%m%dT%H%M%S}")
    for suffix in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).replace(f"{aside}{suffix}")
    return aside


def _set_durable(db: sqlite3.Connection) -> None:
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
    # Ids of conversations that were removed do not stay in pages that are free.
    db.execute("pragma secure_delete = on")


def _columns(db: sqlite3.Connection) -> set[str]:
    """`table.column` of every table."""
    return {name for (name,) in db.execute(SQL["columns"])}


def _columns_of(version: int) -> set[str]:
    """The columns of a ledger of a version that is known."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(SQL["schema"])
        columns = _columns(db)
    later = range(version + 1, VERSION + 1)
    new = set().union(*(NEW.get(each, ()) for each in later))
    gone = set().union(*(GONE.get(each, ()) for each in later))
    return {each for each in columns if not {each, each.partition(".")[0]} & new} | gone


class Transactions:
    """A connection to our ledger that threads share; whatever changes it is a transaction.

    Raises `DestinationError` where the disk does not do what it should.
    """

    def __init__(self, path: Path, seam: Callable[[str], None]) -> None:
        self._path = path
        self._seam = seam
        self._lock = threading.RLock()
        #: What was set aside, since it was damaged.
        self._db, self.damaged = connect(path)

    @contextmanager
    def _transaction(self, step: str) -> Iterator[None]:
        with self._lock, self._explained():
            try:
                self._seam(f"ledger {step}")
                self._db.execute("begin immediate")
                yield
                self._db.execute("commit")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("rollback")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as problem:
            raise DestinationError(
                f"the ledger in {self._path.parent} is damaged ({problem}); run the same command "
                "again: it is set aside then, and made anew from what the destination holds"
                if _is_damage(problem)
                else f"cannot write the ledger in {self._path.parent}: {problem}; "
                "correct that, then run the same command again"
            ) from None

    def _do(self, name: str, *values: Any) -> sqlite3.Cursor:
        return self._db.execute(SQL[name], values)

    def _one(self, name: str, *values: Any) -> Row | None:
        with self._lock, self._explained():
            return cast("Row | None", self._db.execute(SQL[name], values).fetchone())

    def _all(self, name: str, *values: Any) -> list[Row]:
        with self._lock, self._explained():
            return self._db.execute(SQL[name], values).fetchall()
