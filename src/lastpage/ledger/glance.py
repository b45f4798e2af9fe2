"""What the ledger of a destination remembers, for whoever only looks: nothing there is changed.

    beside the ledger                     how it is opened, so that SQLite makes and changes no file
    ------------------------------------  ----------------------------------------------------------
    no log: nobody writes to it           as a file that does not change
    a log: a run goes on, or was killed   to be read, with what waits in the log; SQLite's index of
                                          the log is used as it is

An older version remembers less; what it does not have is unknown.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from lastpage.errors import DestinationError
from lastpage.ledger.database import APPLICATION, SQL, VERSION
from lastpage.ledger.ledger import FILE
from lastpage.ledger.memory import KEPT_SINCE
from lastpage.query.interval import from_unix, parse_iso


@dataclass(frozen=True, slots=True)
class LastRun:
    """The run of a destination that began last."""

    began: datetime
    #: None: it goes on, or was stopped.
    ended: datetime | None
    #: Its verdict; None where it has none, or an older version did not record it.
    coverage: str | None
    #: Up to when jobs had their data then, by the API's clock; assumed where the API did not say.
    watermark: datetime

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Self:
        """From a row of the ledger."""
        return cls(
            began=from_unix(row["began"]),
            ended=None if row["ended"] is None else from_unix(row["ended"]),
            coverage=row["coverage"] if "coverage" in row.keys() else None,  # noqa: SIM118 - a row
            watermark=parse_iso(row["watermark"]),
        )


@dataclass(frozen=True, slots=True)
class Glance:
    """What a ledger remembers."""

    #: None: nothing was ever read.
    last_run: LastRun | None = None
    #: From when on the organisation still had everything, when that was asked last.
    kept_since: datetime | None = None


def glance(state: Path) -> Glance:
    """What the ledger in a state folder remembers.

    Raises `DestinationError`, for the middle of a sentence, where that is not to be known.
    """
    path = state / FILE
    try:
        if not path.exists():
            raise DestinationError(f"there is no ledger in {state}")
        log = path.with_name(f"{path.name}-wal")
        how = "readonly_shm=1" if log.exists() else "immutable=1"
        uri = f"{path.absolute().as_uri()}?mode=ro&{how}"
        with closing(sqlite3.connect(uri, uri=True)) as db:
            return _read(db, path)
    except (OSError, sqlite3.Error, ValueError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        raise DestinationError(f"{path} cannot be read ({why})") from None


def _read(db: sqlite3.Connection, path: Path) -> Glance:
    db.row_factory = sqlite3.Row
    if db.execute("pragma application_id").fetchone()[0] != APPLICATION:
        raise DestinationError(f"{path} was not written by lastpage")
    if db.execute("pragma user_version").fetchone()[0] > VERSION:
        raise DestinationError(f"{path} was written by a newer lastpage")
    run = db.execute(SQL["last_run"]).fetchone()
    tables = {name.partition(".")[0] for (name,) in db.execute(SQL["columns"])}
    kept = db.execute(SQL["recall"], (KEPT_SINCE,)).fetchone() if "memory" in tables else None
    return Glance(
        last_run=LastRun.from_row(run) if run else None,
        kept_since=parse_iso(kept["value"]) if kept else None,
    )
