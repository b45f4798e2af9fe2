"""The conversations of a settled slice, out of the spool: each owned id once, its last copy, untouched, page by page.

Memory is one page. A slice of several days is read once a day, but a page is only opened for the days it has rows of, and a page
that is wanted whole is not looked into.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from lastpage.api.messages import Answer, Page, Raw, read_head, split_records
from lastpage.coverage.ranges import Range
from lastpage.coverage.tally import POSITIONS, Verdict
from lastpage.ledger.ids import digest
from lastpage.ledger.ledger import Attempt, Kept, Ledger, Planned
from lastpage.query.interval import MS, Interval
from lastpage.walks.walk import READS, Request


@dataclass(slots=True)
class Rows:
    """A settled slice's rows; `of(part)` yields those that start in a part of it."""

    ledger: Ledger
    planned: Planned
    verdict: Verdict
    _last: dict[str, int] | None = None

    @classmethod
    def settled(cls, ledger: Ledger, planned: Planned) -> Rows:
        assert planned.verdict is not None
        return cls(ledger, planned, Verdict.load(planned.verdict))

    def of(self, part: Interval) -> Iterator[list[Raw]]:
        """Pages of raw records of one day of the slice, or of all of it; none is empty.

        Records nobody can own come with the slice's first day.
        """
        days = {day.isoformat() for day, _ in part.days()}
        nobodys = {""} if part.start == self.planned.slice.interval.start else set()
        last = self._last_copies()
        for number, kept, attempt in self._pages():
            there = self.verdict.pages.get(str(number), {})  # none: it was kept, and a crash came before its verdict
            if not (days | nobodys).intersection(there):
                continue
            answer = self.ledger.answer(attempt, kept)
            records = split_records(answer.body)
            # A page that has nothing but these days, and nothing twice, need not be looked into.
            whole = last is None and days.issuperset(there)
            if chosen := records if whole else self._chosen(number, answer, records, part, last):
                yield chosen

    def views(self) -> Iterator[tuple[Request, Page, list[Raw]]]:
        """Every page of the slice: what asked for it, what came, and the rows of it that `of` would yield."""
        last, interval = self._last_copies(), self.planned.slice.interval
        for number, kept, attempt in self._pages():
            answer = self.ledger.answer(attempt, kept)
            records = split_records(answer.body)
            yield kept.request, answer.page, self._chosen(number, answer, records, interval, last)

    def _chosen(
        self, number: int, answer: Answer, records: list[Raw], part: Interval, last: dict[str, int] | None
    ) -> list[Raw]:
        """The last copies in a page that belong to a part of the slice."""
        with_broken = part.start == self.planned.slice.interval.start
        return [
            raw
            for row, (raw, head) in enumerate(zip(records, answer.page.heads or (), strict=True))
            if (with_broken if head is None else head.start in part)
            and (head is None or last is None or last[head.id] == number * POSITIONS + row)
        ]

    def _last_copies(self) -> dict[str, int] | None:
        """Where each id stands for the last time; not needed where no id came twice."""
        if self._last is None and self.verdict.duplicates:
            self._last = {
                head.id: number * POSITIONS + row
                for number, kept, attempt in self._pages()
                for row, head in enumerate(self.ledger.answer(attempt, kept).page.heads or ())
                if head is not None
            }
        return self._last

    def _pages(self) -> Iterator[tuple[int, Kept, Attempt]]:
        assert self.planned.attempt is not None
        attempt = self.ledger.attempt(self.planned.attempt)
        for number, kept in enumerate(self.ledger.pages(attempt, self.planned.slice)):
            if kept.request.kind in READS and kept.status == 200:
                yield number, kept, attempt


# PART groups
# Settled slices on their way to a destination: those whose days hang together are handed over as one group.
#
# A job over three days is one group, and so are the hours of one day; so each day is written once.


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
        names = [digest(head.id) if (head := read_head(raw)) else None for raw in page]
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
    heads = (read_head(raw) for raw in page)
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
