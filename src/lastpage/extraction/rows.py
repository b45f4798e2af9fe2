"""The conversations of settled slices, out of the spool, on their way to a destination.

    Rows   a settled slice: each owned id once, its last copy, untouched, page by page
    Group  settled slices that share days (a job over three days, the hours of one day): handed
           over as one, so each day is written once

Memory is one page. A slice of several days is read once for each day, but a page is opened only
for the days it has rows of, and a page that is wanted whole is not searched. A page whose tables
were made ahead is not opened at all by who wants tables.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from lastpage.api.messages import Answer, Page, split_records
from lastpage.api.records import Raw, read_head
from lastpage.coverage.account import POSITIONS
from lastpage.coverage.ranges import Range
from lastpage.coverage.tally import Verdict
from lastpage.ledger.ids import digest
from lastpage.ledger.ledger import Ledger
from lastpage.ledger.records import Attempt, Entry, Planned
from lastpage.query.interval import MS, Interval
from lastpage.walks.walk import READS, Request

if TYPE_CHECKING:  # they load Arrow, which lines do without
    from lastpage.extraction.ahead import Ahead
    from lastpage.tables.parse import Tables


class Leaf(Collection[Raw]):
    """The records of a page that belong to a part of its slice; opened when they are looked at."""

    def __init__(
        self, open_: Callable[[], list[Raw]], tables: Callable[[], Tables | None] = lambda: None
    ) -> None:
        self._open = open_
        #: The same as tables, if they were made ahead.
        self.tables = tables

    @cached_property
    def _records(self) -> list[Raw]:
        return self._open()

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Raw]:
        return iter(self._records)

    def __contains__(self, raw: object) -> bool:
        return raw in self._records


@dataclass(slots=True)
class Rows:
    """A settled slice's rows; `of(part)` yields those that start in a part of it."""

    ledger: Ledger
    planned: Planned
    verdict: Verdict
    #: Has tables of pages.
    ahead: Ahead | None = None
    #: Records of it that no table could take, so far.
    unread: int = 0
    _last: dict[str, int] | None = None
    #: The pages with a copy of an id that a later one replaces.
    _outdated: set[int] = field(default_factory=set)

    @classmethod
    def of_slice(cls, ledger: Ledger, planned: Planned, ahead: Ahead | None = None) -> Rows:
        """The rows of a slice that has its verdict."""
        assert planned.verdict is not None
        return cls(ledger, planned, Verdict.load(planned.verdict), ahead)

    @property
    def interval(self) -> Interval:
        """What the slice owns."""
        return self.planned.slice.interval

    @property
    def days(self) -> list[date]:
        """The UTC days that it touches, in order."""
        return [day for day, _ in self.interval.days()]

    def range_of(self, part: Interval) -> Range:
        """What a destination should know of a part of one day."""
        day = part.start.date().isoformat()
        return Range(
            interval=part,
            as_of=self.verdict.as_of,
            route=self.planned.slice.route,
            coverage=self.verdict.coverage,
            finality=self.verdict.finality_of(day),
            conversations=self.verdict.days.get(day, 0),
        )

    def of(self, part: Interval) -> Iterator[Leaf]:
        """Pages of raw records of one day of the slice, or of all of it; few are empty.

        Records without a start that can be read come with the slice's first day.
        """
        days = {day.isoformat() for day, _ in part.days()}
        unowned = {""} if part.start == self.interval.start else set()
        for number, entry, attempt in self._pages():
            # A page is unknown to the verdict if a crash came between the two.
            found = self.verdict.pages.get(str(number), {})
            if (days | unowned).intersection(found):
                yield self._leaf(number, entry, attempt, part, found)

    def views(self) -> Iterator[tuple[Request, Page, list[Raw]]]:
        """Every page: what asked for it, what came, and the rows of it that `of` would yield."""
        last = self._last_copies()
        for number, entry, attempt in self._pages():
            answer = self.ledger.answer(attempt, entry)
            records = split_records(answer.body)
            chosen = self._chosen(number, answer, records, self.interval, last)
            yield entry.request, answer.page, chosen

    def _leaf(
        self, number: int, entry: Entry, attempt: Attempt, part: Interval, found: Collection[str]
    ) -> Leaf:
        last = self._last_copies()
        days = [day for day, _ in part.days()]
        is_latest = number not in self._outdated

        def opened() -> list[Raw]:
            answer = self.ledger.answer(attempt, entry)
            records = split_records(answer.body)
            # A page with rows of these days only, and none twice, need not be searched.
            if is_latest and {day.isoformat() for day in days}.issuperset(found):
                return records
            return self._chosen(number, answer, records, part, last)

        ahead = self.ahead
        if ahead and is_latest and len(days) == 1:
            return Leaf(opened, lambda: ahead.take(attempt.id, number, days[0]))
        return Leaf(opened)

    def _chosen(
        self,
        number: int,
        answer: Answer,
        records: list[Raw],
        part: Interval,
        last: dict[str, int] | None,
    ) -> list[Raw]:
        """The last copies in a page that belong to a part of the slice."""
        with_broken = part.start == self.interval.start
        return [
            raw
            for row, (raw, head) in enumerate(zip(records, answer.page.heads or (), strict=True))
            if (with_broken if head is None else head.start in part)
            and (head is None or last is None or last[head.id] == number * POSITIONS + row)
        ]

    def _last_copies(self) -> dict[str, int] | None:
        """Where each id stands for the last time; not needed where no id came twice."""
        if self._last is None and self.verdict.duplicates:
            self._last = {}
            for number, entry, attempt in self._pages():
                for row, head in enumerate(self.ledger.answer(attempt, entry).page.heads or ()):
                    if head is not None:
                        if head.id in self._last:
                            self._outdated.add(self._last[head.id] // POSITIONS)
                        self._last[head.id] = number * POSITIONS + row
        return self._last

    def _pages(self) -> Iterator[tuple[int, Entry, Attempt]]:
        assert self.planned.attempt is not None
        attempt = self.ledger.attempt(self.planned.attempt)
        for number, entry in enumerate(self.ledger.entries(attempt, self.planned.slice)):
            if entry.request.kind in READS and entry.status < 300:
                yield number, entry, attempt


@dataclass(slots=True)
class Group:
    """Settled slices that share days, ready to be written."""

    rows: list[Rows]
    #: Digests of the rows that were handed over before, of the same slices; None the first time.
    delivered: frozenset[bytes] | None = None

    @property
    def days(self) -> list[date]:
        """The UTC days that the slices touch, in order."""
        return sorted({day for rows in self.rows for day in rows.days})

    def ranges(self, day: date) -> list[Range]:
        """What the destination should know of this day."""
        return [rows.range_of(part) for rows, part in self._parts(day)]

    def pages(self, day: date | None = None) -> Iterator[Leaf]:
        """A day's conversations, or all of them, each once, untouched, page by page."""
        for rows, part in self._parts(day):
            yield from rows.of(part)

    def _parts(self, day: date | None) -> Iterator[tuple[Rows, Interval]]:
        for rows in sorted(self.rows, key=lambda each: each.interval):
            if day is None:
                yield rows, rows.interval
            for own, part in rows.interval.days() if day else ():
                if own == day:
                    yield rows, part


def undelivered(group: Group, page: Collection[Raw]) -> Collection[Raw]:
    """The rows of a page that were not handed over before, for destinations that only grow."""
    if group.delivered is None:
        return page
    heads = (read_head(raw) for raw in page)
    return [
        raw
        for raw, head in zip(page, heads, strict=True)
        if head and digest(head.id) not in group.delivered
    ]


def grouped(slices: Iterable[Planned]) -> list[list[Planned]]:
    """Slices in order, in groups that share days."""
    groups: list[list[Planned]] = []
    last: date | None = None
    for planned in sorted(slices, key=lambda each: each.slice.position):
        first = planned.slice.interval.start.date()
        end = (planned.slice.interval.end - MS).date()
        if last is None or first > last:
            groups.append([])
        groups[-1].append(planned)
        last = max(end, last or end)
    return groups


def together(slices: Iterable[Planned]) -> dict[int, tuple[int, int]]:
    """For each slice of the plan the first and the last that it shares days with.

    A plan is numbered in the order of its slices, and cutting one changes no day.
    """
    found: dict[int, tuple[int, int]] = {}
    for members in grouped(slices):
        parts = {planned.part for planned in members}
        found |= dict.fromkeys(parts, (min(parts), max(parts)))
    return found
