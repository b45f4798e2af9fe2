"""What every sink is: something that replaces start ranges of days, and remembers with the data what it holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from lastpage.fetch.envelope import Raw
from lastpage.interval import Interval, iso, parse_iso

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
class Identity:
    """Whose data a destination holds: one organisation, one set of filters (canonical JSON)."""

    organization: str
    filters: str


class Sink(Protocol):
    """A destination. `replace` is atomic and idempotent; `pages` is consumed once, page by page.

    `appends` says that what is written cannot be replaced: then `replace` refuses a range it has, and rows that are found
    late are given to `append`, which is idempotent, too.
    """

    appends: bool

    def open(self) -> None: ...

    def committed(self) -> dict[date, list[Range]]: ...

    def replace(self, day: date, ranges: Sequence[Range], pages: Pages) -> None: ...

    def append(self, day: date, ranges: Sequence[Range], pages: Pages) -> None: ...

    def close(self) -> None: ...
