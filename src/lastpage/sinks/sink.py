"""What every sink is: something that replaces start ranges of days, and remembers with the data what it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Protocol, Self

import pyarrow as pa

from lastpage.api.messages import Raw
from lastpage.coverage.ranges import Range
from lastpage.errors import UsageError
from lastpage.tables.build import Shredder
from lastpage.tables.derived import Names
from lastpage.tables.selection import HASH_KEY

Pages = Iterable[Sequence[Raw]]


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
