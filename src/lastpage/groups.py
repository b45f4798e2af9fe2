"""Settled slices on their way to a destination: those whose days hang together are handed over as one group.

A job over three days is one group, and so are the hours of one day; so each day is written once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from lastpage.digests import digest
from lastpage.fetch import envelope
from lastpage.fetch.envelope import Raw
from lastpage.interval import MS, Interval
from lastpage.ledger import Planned
from lastpage.rows import Rows
from lastpage.sinks.sink import Range


@dataclass(slots=True)
class Group:
    """Settled slices whose days hang together, ready to be written."""

    rows: list[Rows]
    #: Digests of the rows that were handed over before, of the same slices; None at the first time.
    delivered: frozenset[bytes] | None = None

    @property
    def days(self) -> list[date]:
        return sorted({day for rows in self.rows for day, _ in rows.planned.slice.interval.days()})

    def ranges(self, day: date) -> list[Range]:
        """What the destination should know of this day; parts that were cut by direction are one range."""
        ranges: dict[Interval, Range] = {}
        for rows in self.rows:
            for cell, part in rows.planned.slice.interval.days():
                if cell == day:
                    one = _range(part, rows)
                    ranges[part] = ranges[part].joined(one) if part in ranges else one
        return [ranges[part] for part in sorted(ranges)]

    def pages(self, day: date | None = None) -> Iterator[Sequence[Raw]]:
        """A day's conversations, or all of them, each once, untouched, page by page."""
        met: set[bytes] = set()
        for rows in self.rows:
            interval = rows.planned.slice.interval
            for part in [interval] if day is None else [part for cell, part in interval.days() if cell == day]:
                pages = rows.of(part)
                yield from pages if rows.planned.slice.direction is None else _once(pages, met)


def _once(pages: Iterable[Sequence[Raw]], met: set[bytes]) -> Iterator[Sequence[Raw]]:
    """What siblings, cut by direction, have not handed over yet: a direction may change between their readings."""
    for page in pages:
        names = [digest(head.id) if (head := envelope.head(raw)) else None for raw in page]
        if chosen := [raw for raw, name in zip(page, names, strict=True) if name not in met]:
            yield chosen
        met.update(name for name in names if name)


def _range(part: Interval, rows: Rows) -> Range:
    verdict = rows.verdict
    count = verdict.days.get(part.start.date().isoformat(), 0)
    route = rows.planned.slice.route
    return Range(part, verdict.as_of, route, verdict.coverage, verdict.finality, count)


def fresh(group: Group, page: Sequence[Raw]) -> Sequence[Raw]:
    """Only the rows of a page that were not handed over before, for those who cannot replace the others."""
    if group.delivered is None:
        return page
    heads = (envelope.head(raw) for raw in page)
    return [raw for raw, head in zip(page, heads, strict=True) if head and digest(head.id) not in group.delivered]


def grouped(slices: Iterable[Planned]) -> list[list[Planned]]:
    """Slices whose days hang together, in order."""
    groups: list[list[Planned]] = []
    last: date | None = None
    for planned in sorted(slices, key=lambda planned: (planned.slice.interval, planned.slice.number)):
        first = planned.slice.interval.start.date()
        end = (planned.slice.interval.end - MS).date()
        if last is None or first > last:
            groups.append([])
        groups[-1].append(planned)
        last = max(end, last or end)
    return groups
