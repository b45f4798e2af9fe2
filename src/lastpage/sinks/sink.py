"""What a sink is: a place for the conversations of days, which records with the data what it holds.

A sink has three doors, all context managers (`Recording`, `Family`; a row of `destination.SINKS`
names them). All refuse what lastpage did not write, and learn whose the data are:

    door    for                what else it does
    record  what is recorded   nothing, and it loads nothing that only rows need
    look    reading            nothing: it writes, locks and settles nothing, and needs no right to;
                               another run may write meanwhile
    open    reading, writing   entering settles what a crash left; leaving leaves the sink whole

A sink that is open is claimed for one identity, and written to by one of two contracts:

    contract    what is there already                       rows that were found late
    TableSink   is replaced, range by range; rows of them   come with their range, which is replaced
                that are named as staying stay
    LineSink    stays; an overlap is refused                are appended

A write is atomic: after a crash it is there whole or not at all. It is idempotent: what is written
twice is there once. `pages` are raw records, page by page; they are consumed once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, fields
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar, runtime_checkable

import msgspec

from lastpage.api.records import Raw
from lastpage.coverage.ranges import Range
from lastpage.coverage.replacement import Ruling
from lastpage.errors import DamagedError, DestinationError, UsageError
from lastpage.files import Disk
from lastpage.query.interval import Interval
from lastpage.query.query import other_filters
from lastpage.tables.selection import HASH_KEY

if TYPE_CHECKING:  # JSON lines need no Arrow, so it is not loaded for them
    import pyarrow as pa

    from lastpage.tables.build import Shredder, Shredding
    from lastpage.tables.derived import Names
    from lastpage.tables.parse import Tables

Pages = Iterable[Collection[Raw]]
#: A path, or a server.
Where_contra = TypeVar("Where_contra", contravariant=True)
#: Of the ranges that are written, no row stays that does not come.
NONE_STAYS = Ruling()

#: What an identity consists of, as a sentence says that it is another one.
ANOTHER = {
    "organization": "another organization",
    "selection": "another selection of tables and columns (give none, and it is taken up)",
    "key": f"another {HASH_KEY}",
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose data a destination holds: one organisation, one set of filters, one selection."""

    organization: str
    #: Canonical JSON.
    filters: str
    #: Canonical JSON of the tables and columns.
    selection: str = "{}"
    #: What tells the key of its hashes from another one; empty where nothing is hashed.
    key: str = ""

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """The identity that a destination has recorded. Raises `KeyError` where there is none."""
        return cls(record["organization"], record["filters"], record["selection"], record["key"])

    def check(
        self,
        known: Identity | None,
        destination: object,
        advice: str = "give another destination with --to, or remove this one",
    ) -> None:
        """Raise `UsageError`, with this advice, where a destination has another identity."""
        for each in fields(self) if known else ():
            there, asked = getattr(known, each.name), getattr(self, each.name)
            if there != asked:
                what = other_filters(there, asked) if each.name == "filters" else ANOTHER[each.name]
                raise UsageError(f"{destination} holds data of {what}; {advice}")


@dataclass(frozen=True, slots=True)
class Unread:
    """A conversation that the tables could not take; it is in `broken` as it came."""

    conversation_id: str
    start: datetime | None
    error: str


@dataclass(frozen=True, slots=True)
class Written:
    """What came of a replacement."""

    unread: list[Unread]
    #: The parts of the new ranges that were not written: what is there is fresher, or complete.
    unchanged: list[Interval]


@runtime_checkable
class MadeAhead(Protocol):
    """A page that may have been made into tables while it was fetched."""

    def tables(self) -> Tables | None:
        """All of its records as tables; None where they were not made."""


class Sink(Protocol):
    """What every sink has, by whichever door."""

    #: Whose data it holds; None while it holds nothing.
    known: Identity | None

    def committed(self) -> dict[date, list[Range]]:
        """What each day holds, in order."""

    def held(self, day: date) -> list[Range]:
        """What a day holds, in order."""


@runtime_checkable
class TableReader(Sink, Protocol):
    """A sink with tables, to be read."""

    def changing(self) -> set[date]:
        """The days of which a reader may see some tables old and some new.

        Another run is changing them, or was stopped while it did.
        """

    def damaged(self) -> dict[date, str]:
        """The days of which a table, or rows, are missing, as far as a quick look at all shows it.

        With each what is missing, for the middle of a sentence.
        """

    def damage(self, day: date, *, content: bool = False) -> str:
        """The same of one day, looked at closely; with `content` every row is read. Else empty."""

    def read(self, table: str, day: date) -> Iterator[pa.Table]:
        """A day of a table, a part at a time, with the columns of the selection."""

    def named(self, kind: str) -> Iterator[pa.Table]:
        """One of the organisation's lists, `id` and `name`; nothing where it is not there."""


@runtime_checkable
class TableSink(TableReader, Protocol):
    """A sink with tables, to be written: start ranges of a day are replaced in it."""

    @property
    def shredding(self) -> Shredding:
        """What makes its tables of records: of everything, until it is claimed."""

    def claim(self, identity: Identity, shredder: Shredder) -> None:
        """Prepare it for the tables of this identity; raise `UsageError` where it has another."""

    def replace(
        self, day: date, ranges: Sequence[Range], pages: Pages, ruling: Ruling = NONE_STAYS
    ) -> Written:
        """Replace these start ranges of a day, and nothing else, in every table.

        Rows of them that do not come leave, except those that the ruling names as staying.
        """

    def renew(self, day: date, ranges: Sequence[Range]) -> None:
        """Record that a day's rows are those of these ranges, too: the same came again.

        Only what the day has recorded is written.
        """

    def leave(self, day: date, ids: Collection[str], ranges: Sequence[Range] = ()) -> None:
        """Let these conversations leave a day, in every table; other rows stay.

        They are those of these ranges, too: what the day says of itself is as after their writing.
        """

    def together(self) -> AbstractContextManager[None]:
        """Make the changes of a block one, where that is possible; else each, in their order."""

    def refresh(self, names: Names) -> None:
        """Put the organisation's lists beside the tables, in place of older ones."""


@runtime_checkable
class LineSink(Sink, Protocol):
    """A sink of the API's own records, one a line, which only grows."""

    def claim(self, identity: Identity) -> None:
        """Prepare it for this identity; raise `UsageError` where it has another."""

    def ids(self) -> Iterator[str]:
        """The ids of the rows that are there."""

    def append(self, ranges: Sequence[Range], pages: Pages) -> None:
        """Append new ranges whole; raise `UsageError` where one overlaps what is there."""

    def append_late(self, ranges: Sequence[Range], pages: Pages) -> None:
        """Append rows of ranges of one day that are there; `ranges` says anew what these hold."""


class Family(Protocol[Where_contra]):
    """The doors of a kind of sink, given where it is (a path or a server) and its state folder."""

    def open(
        self, path: Where_contra, state: Path, disk: Disk
    ) -> AbstractContextManager[TableSink | LineSink]:
        """The sink, to be claimed and written to."""

    def look(self, path: Where_contra, state: Path) -> AbstractContextManager[TableReader | Sink]:
        """The sink, to be read."""


class Recording(Protocol[Where_contra]):
    """The door to what a kind of sink has recorded, given where it is and its state folder."""

    def record(self, path: Where_contra, state: Path) -> AbstractContextManager[Sink]:
        """What it holds, without its rows."""


def taken_away(path: object) -> DestinationError:
    """What to say of a file, or a schema, that is another one, or shorter, than a run has left it.

    To go on would record rows that went with the old file.
    """
    return DestinationError(
        f"{path} was removed, replaced or cut while this run was writing to it; run the same "
        "command again: what is not there by then is fetched anew"
    )


def refuse_newer(path: object, version: int, newest: int) -> None:
    """Raise `UsageError` for what a newer version recorded than the newest that is known here."""
    if version > newest:
        raise UsageError(
            f"{path} was written by a newer lastpage; update this one, or give another destination"
        )


def refuse_twins(schemas: Mapping[str, pa.Schema], who: str) -> None:
    """Raise `UsageError` for columns that somebody, who ignores case, takes for one."""
    for schema in schemas.values():
        lower = [name.lower() for name in schema.names]
        for name in schema.names:
            if lower.count(name.lower()) > 1:
                raise UsageError(
                    f"--attributes {name}: another one differs from it in case only, and {who} "
                    "takes the two for one; choose one, or give a folder of Parquet"
                )


def first_line(problem: Exception) -> str:
    """What the system or a library says, without its explanations; its name, if it says nothing."""
    said = getattr(problem, "strerror", None) or str(problem).partition("\n")[0]
    return said or type(problem).__name__


@contextmanager
def explained(path: object, *others: type[Exception]) -> Iterator[None]:
    """Turn what goes wrong with the disk into a `DestinationError` that says what to do.

    That is an `OSError`, or what else a library raises for it (`others`).
    """
    problems: tuple[type[Exception], ...] = (OSError, *others)
    try:
        yield
    except problems as problem:
        what = first_line(problem)
        raise DestinationError(
            f"cannot write to {path}: {what}; fix that, then run the same command again: "
            "it goes on where it stopped"
        ) from None


@contextmanager
def read_back(path: object, remove: object, *others: type[Exception]) -> Iterator[None]:
    """Turn what goes wrong with reading a file of ours into a `DamagedError` that names it.

    To `remove` something is what people can do; `others` is what a library raises for damage.
    """
    problems: tuple[type[Exception], ...] = (OSError, ValueError, msgspec.MsgspecError, *others)
    try:
        yield
    except PermissionError as problem:
        raise DestinationError(
            f"cannot read {path}: {problem.strerror}; run it as a user who may read it"
        ) from None
    except problems as problem:
        raise DamagedError(path, first_line(problem), remove) from None


def by_day(ranges: Iterable[Range]) -> dict[date, list[Range]]:
    """Ranges by their day, in the order in which they come."""
    days: dict[date, list[Range]] = {}
    for each in ranges:
        days.setdefault(each.day, []).append(each)
    return days
