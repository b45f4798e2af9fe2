"""What every sink is: something that replaces start ranges of days, and remembers with the data what it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Protocol, Self

import pyarrow as pa

from lastpage.errors import UsageError
from lastpage.fetch.envelope import Raw
from lastpage.interval import Interval, iso, parse_iso
from lastpage.tables.names import Names
from lastpage.tables.shredder import HASH_KEY, Shredder
from lastpage.tally import WORST

Pages = Iterable[Sequence[Raw]]


@dataclass(frozen=True, slots=True)
class Range:
    """What is known of a start range within one UTC day; it is stored with the data."""

    interval: Interval
    #: How fresh this version is.
    as_of: datetime
    route: str
    coverage: str
    finality: str
    conversations: int

    @property
    def day(self) -> date:
        return self.interval.start.date()

    def joined(self, other: Range) -> Range:
        """Two that touch, or are of the same hours, as one: as fresh and as sure as the worse of them."""
        ends = (min(self.interval.start, other.interval.start), max(self.interval.end, other.interval.end))
        return Range(
            Interval(*ends),
            min(self.as_of, other.as_of),
            self.route,
            max(self.coverage, other.coverage, key=WORST.index),
            "provisional" if "provisional" in (self.finality, other.finality) else "final",
            self.conversations + other.conversations,
        )

    def record(self) -> dict[str, Any]:
        return {
            "start": iso(self.interval.start),
            "end": iso(self.interval.end),
            "as_of": iso(self.as_of),
            "route": self.route,
            "coverage": self.coverage,
            "finality": self.finality,
            "conversations": self.conversations,
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Range:
        interval = Interval(parse_iso(record["start"]), parse_iso(record["end"]))
        facts = (record["route"], record["coverage"], record["finality"], record["conversations"])
        return cls(interval, parse_iso(record["as_of"]), *facts)


@dataclass(frozen=True, slots=True)
class Unread:
    """A conversation that the tables could not take; it is kept as it came."""

    conversation_id: str
    start: datetime | None
    error: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose data a destination holds: one organisation, one set of filters, one selection of tables and columns."""

    organization: str
    #: Canonical JSON.
    filters: str
    selection: str = "{}"
    #: What tells the key of its hashes from another one; empty where nothing is hashed.
    key: str = ""

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Raises `KeyError` where it is no such record."""
        return cls(record["organization"], record["filters"], record["selection"], record["key"])

    def check(self, known: Identity | None, place: object) -> None:
        """Raises `UsageError` where a destination is known to be another's."""
        for name in fields(self) if known else ():
            if getattr(known, name.name) != getattr(self, name.name):
                raise UsageError(
                    f"{place} holds data of {ANOTHER[name.name]}; give another destination with --to, or remove this one"
                )


ANOTHER = {
    "organization": "another organization",
    "filters": "other filters",
    "selection": "another selection of tables and columns (give none, and it is taken up)",
    "key": f"another {HASH_KEY}",
}


def refuse_overlap(held: Iterable[Range], interval: Interval, place: object) -> None:
    """What cannot be replaced is not fetched again; raises `UsageError`."""
    for version in held:
        if part := version.interval.clip(interval):
            raise UsageError(
                f"{place} has the conversations of {part} already, and JSON lines cannot replace; "
                "give another file, an interval that is not there yet, or a folder (Parquet), which can"
            )


class Sink(Protocol):
    """A destination. `replace` is atomic and idempotent; `pages` is consumed once, page by page.

    `open` settles what a crash left, refuses what is not ours, and learns whose it is (`known`); `claim` makes it ours or refuses.
    `appends` says that what is written cannot be replaced: then `replace` refuses a range it has, and rows that are found
    late are given to `append`, which is idempotent, too.
    """

    appends: bool
    known: Identity | None

    def open(self) -> None: ...

    def claim(self, identity: Identity, shredder: Shredder) -> None: ...

    def committed(self) -> dict[date, list[Range]]: ...

    def replace(self, day: date, ranges: Sequence[Range], pages: Pages) -> list[Unread]: ...

    def append(self, day: date, ranges: Sequence[Range], pages: Pages) -> None: ...

    def refresh(self, names: Names) -> None:
        """Put the organisation's lists beside the tables, in place of older ones."""

    def close(self) -> None: ...


class Tabular(Sink, Protocol):
    """A destination with tables, which can be read again: a day of a table, a part at a time."""

    def read(self, table: str, day: date) -> Iterator[pa.Table]: ...
