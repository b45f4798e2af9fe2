"""The ledger's file: ours, and of a version that is known here; anything else is refused and left as it is."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from lastpage.errors import DestinationError, UsageError
from lastpage.files import named_statements

#: The schema's version, and the mark that tells our file from any other SQLite file ("lpag").
VERSION = 1
APPLICATION = 0x6C706167
#: Every statement of `ledger.sql`, by its name.
SQL = named_statements("lastpage.ledger", "ledger.sql")


def opened(path: Path) -> sqlite3.Connection:
    """A connection to our ledger, which is made if there is none."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        _prepare(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    db.row_factory = sqlite3.Row
    application, version = (db.execute(f"pragma {name}").fetchone()[0] for name in ("application_id", "user_version"))
    if version > VERSION and application == APPLICATION:
        raise UsageError(f"{path} was written by a newer lastpage; update this one, or give another destination")
    tables = db.execute("select count(*) from sqlite_schema").fetchone()[0]
    if tables and application != APPLICATION:
        raise DestinationError(f"{path} is not lastpage's; move it away or give another destination")
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
    if not tables:
        db.executescript(
            f"begin;{SQL['schema']};pragma application_id = {APPLICATION};pragma user_version = {VERSION};commit;"
        )
