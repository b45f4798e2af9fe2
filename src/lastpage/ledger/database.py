"""The ledger's file: opened, brought up to date, or refused and left as it is.

    what is there                          what happens
    -------------------------------------  ---------------------------------------------------
    nothing                                it is made
    a ledger of this version               it is opened
    an older ledger of ours                it is brought up to date (`UPGRADES`), in one step
    a newer ledger of ours                 refused: update lastpage
    a file of another program, or damaged  refused: move it away

An upgrade keeps what is held; unfinished runs that it cannot keep are planned again.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from lastpage.errors import DestinationError, UsageError
from lastpage.files import named

#: The schema's version, and the mark that tells our file from other SQLite files ("lpag").
VERSION = 2
APPLICATION = 0x6C706167
#: Every statement of `ledger.sql`, by its name.
SQL = named("lastpage.ledger", "ledger.sql")
#: From each older version: the statements that drop the unfinished runs that this version cannot
#: go on with, and those that change the tables.
UPGRADES = {1: ("dropped_by_2", "upgrade_to_2")}
TABLES = {"meta", "run", "slice", "attempt", "page", "owned", "sighting", "delivered"}


def opened(path: Path) -> tuple[sqlite3.Connection, list[str]]:
    """A connection to our ledger, and what was asked for in the runs that an upgrade dropped.

    Raises `UsageError` for a newer ledger, `DestinationError` for a file that is not ours.
    """
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        return db, _prepare(db, path)
    except BaseException:
        db.close()
        raise


def _prepare(db: sqlite3.Connection, path: Path) -> list[str]:
    db.row_factory = sqlite3.Row
    application = db.execute("pragma application_id").fetchone()[0]
    tables = {name for (name,) in db.execute("select name from sqlite_schema where type = 'table'")}
    if not tables:
        mark = f"pragma application_id = {APPLICATION};pragma user_version = {VERSION}"
        _set_durable(db)
        db.executescript(f"begin;{SQL['schema']};{mark};commit;")
        return []
    if application != APPLICATION:
        raise DestinationError(
            f"{path} was not written by lastpage; move it away or give another destination"
        )
    version = db.execute("pragma user_version").fetchone()[0]
    if version > VERSION:
        raise UsageError(
            f"{path} was written by a newer lastpage; update this one, or give another destination"
        )
    if not tables >= TABLES or (version < VERSION and version not in UPGRADES):
        raise DestinationError(
            f"{path} is a ledger that this version cannot read; move it away, and the same command "
            "makes a new one from what the destination holds"
        )
    _set_durable(db)
    return _upgrade(db, version) if version < VERSION else []


def _set_durable(db: sqlite3.Connection) -> None:
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")


def _upgrade(db: sqlite3.Connection, version: int) -> list[str]:
    """All steps to this version, in one transaction."""
    dropped: list[str] = []
    steps = "".join(SQL[UPGRADES[step][1]] for step in range(version, VERSION))
    for step in range(version, VERSION):
        dropped += [row["asked"] for row in db.execute(SQL[UPGRADES[step][0]])]
    db.executescript(f"begin immediate;{steps};pragma user_version = {VERSION};commit;")
    return dropped
