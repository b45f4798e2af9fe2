"""`lastpage_ranges` of a folder of Delta tables: what it holds, and which versions of them count.

A change of a day is a commit to each table, and one to `lastpage_ranges`, the last. Until that is
there none of the others count: whoever opens the tables at the versions that it names sees a day
whole, as it was or as it is. It is one small file that is written anew with each change, and has

    columns                                 of
    --------------------------------------  ------------------------------------------------------
    day, start, stop, as_of, route,         a start range of a day, a row each
    coverage, finality, conversations,
    open
    rows                                    the day: how many rows it has, by table
    versions                                all of it, so the same in every row: the version of
                                            each table that counts
    format, organization, filters,          all of it: whose the data are, and the version of what
    selection, key                          is recorded

The organisation's lists are no part of a day, so they are not named: their newest versions count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from lastpage.coverage.ranges import Range
from lastpage.errors import DamagedError, ForeignError, UsageError
from lastpage.query.interval import Interval
from lastpage.sinks.deltatable import PROBLEMS, DataFile, Table, is_table
from lastpage.sinks.recorded import refuse_other_format
from lastpage.sinks.sink import Identity, first_line, read_back, refuse_newer
from lastpage.tables.schema import CONVERSATIONS
from lastpage.tables.selection import ALL, LISTS, PIVOT

if TYPE_CHECKING:
    from deltalake import DeltaTable

#: What delta-rs takes for an escaped letter when it reads a log, and not when it writes one.
ESCAPED = re.compile("%[0-9A-Fa-f]{2}")
#: The table that is written last.
RANGES = "lastpage_ranges"
#: The version of what is recorded.
FORMAT = 1
#: Columns of a range that are taken as they are.
PLAIN = ("route", "coverage", "finality", "conversations", "open")
MOMENTS = ("start", "stop", "as_of")
#: What may be in a folder of ours.
OURS = {*ALL, *LISTS, "raw", PIVOT, RANGES}


@dataclass(frozen=True, slots=True)
class Day:
    """What a day holds."""

    ranges: list[Range]
    #: How many rows each table has.
    rows: dict[str, int]


@dataclass(frozen=True, slots=True)
class Record:
    """What a folder has recorded."""

    identity: Identity | None = None
    days: dict[date, Day] = field(default_factory=dict)
    #: The version of each table that counts.
    versions: dict[str, int] = field(default_factory=dict)


class RecordedTables:
    """A `Sink` of Delta tables: what it holds, without its rows."""

    def __init__(self, folder: Path, state: Path) -> None:
        self.folder = folder.absolute()
        self._state = state
        self._ranges: Table | None = None
        self._record = Record()
        self._tables: dict[str, Table | None] = {}

    @classmethod
    @contextmanager
    def record(cls, folder: Path, state: Path) -> Iterator[Self]:
        """Refuse what lastpage did not write."""
        sink = cls(folder, state)
        sink._identify()
        yield sink

    @property
    def known(self) -> Identity | None:
        """Whose data it holds; None while it holds nothing."""
        return self._record.identity if self._record.days else None

    def committed(self) -> dict[date, list[Range]]:
        """What each day holds whose conversations are there."""
        return {day: held for day in sorted(self._record.days) if (held := self.held(day))}

    def held(self, day: date) -> list[Range]:
        """What a day holds, if its conversations are there."""
        found, table = self._record.days.get(day), self._table(CONVERSATIONS)
        files = table.of_day(day) if table else []
        return list(found.ranges) if found and _is_there(found, files) else []

    def tables(self) -> dict[str, DeltaTable]:
        """Each table as it counts, by name; the organisation's lists as they are."""
        found = {name: self._table(name) for name in (*self._record.versions, *LISTS)}
        return {name: table.delta for name, table in found.items() if table}

    def _table(self, name: str) -> Table | None:
        """A table, as it counts; it is opened once."""
        if self._tables.get(name) is None:
            version = None if name in LISTS else self._record.versions.get(name, 0)
            self._tables[name] = Table.at(self.folder / name, version)
        return self._tables[name]

    def _identify(self) -> None:
        """Learn whose the folder is; refuse other software's, and a name that delta-rs misreads."""
        if ESCAPED.search(str(self.folder)):
            raise UsageError(
                f"{self.folder} cannot hold Delta tables: delta-rs takes a percent sign with two "
                "digits behind it for another letter, and would read another folder; give one "
                "without"
            )
        # Without it nobody knows what counts of the others.
        self._ranges = Table.at(self.folder / RANGES, remove=self.folder)
        if self._ranges:
            self._record = read_record(self._ranges)
            return
        refuse_other_format(self.folder, "")
        if not self.folder.exists():
            return
        with read_back(self.folder, self.folder):
            names = {path.name for path in self.folder.iterdir() if not path.name.startswith(".")}
        if strange := sorted(names - OURS):
            raise ForeignError(
                f"{self.folder} has other things in it ({', '.join(strange[:3])})",
                "give an empty or a new folder",
            )
        if any(is_table(self.folder / name) for name in names - {*LISTS}):
            raise DamagedError(self.folder, f"{RANGES} is gone", self.folder)


def _is_there(day: Day, files: Sequence[DataFile]) -> bool:
    """Whether a day has the files of its conversations, or is to have none."""
    is_whole = all(each.path.exists() for each in files)
    return is_whole and bool(files or not day.rows[CONVERSATIONS])


def read_record(ranges: Table) -> Record:
    """What `lastpage_ranges` says. Raises `DamagedError`, and `UsageError` for a newer version."""
    with read_back(ranges.path, ranges.path.parent, *PROBLEMS, KeyError, TypeError):
        rows = [row for file in ranges.files for row in _rows(file.path)]
        if not rows:
            return Record()
        refuse_newer(ranges.path, rows[0]["format"], FORMAT)
        days: dict[date, Day] = {}
        for row in sorted(rows, key=lambda row: row["start"]):
            day = days.setdefault(row["day"], Day([], dict(row["rows"])))
            day.ranges.append(_range(row))
        return Record(Identity.from_record(rows[0]), days, dict(rows[0]["versions"]))


def _rows(path: Path) -> list[dict[str, Any]]:
    # By pyarrow: of a damaged file arro3 panics, which no `except` for errors would meet.
    try:
        with pq.ParquetFile(path) as file:
            rows: list[dict[str, Any]] = file.read().to_pylist()
    except pa.ArrowException as problem:
        raise ValueError(first_line(problem)) from None
    return rows


def _range(row: dict[str, Any]) -> Range:
    start, stop, as_of = (_moment(row[name]) for name in MOMENTS)
    return Range(Interval(start, stop), as_of, **{name: row[name] for name in PLAIN})


def _moment(value: datetime) -> datetime:
    return value.astimezone(UTC)
