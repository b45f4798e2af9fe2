"""The conversations of a settled slice, out of the spool: each owned id once, its last copy, untouched, page by page.

Memory is one page. A slice of several days is read once a day, but a page is only opened for the days it has rows of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from lastpage.fetch import envelope
from lastpage.fetch.envelope import Raw
from lastpage.fetch.walk import READS, Request
from lastpage.interval import Interval
from lastpage.ledger import Attempt, Kept, Ledger, Planned
from lastpage.tally import POSITIONS, Verdict


@dataclass(slots=True)
class Rows:
    """A settled slice's rows; `of(part)` yields those that start in a part of it."""

    ledger: Ledger
    planned: Planned
    verdict: Verdict
    #: Page number to the days it has rows of, learnt as pages are opened.
    _days: dict[int, set[date]] = field(default_factory=dict)
    _last: dict[str, int] | None = None

    @classmethod
    def settled(cls, ledger: Ledger, planned: Planned) -> Rows:
        assert planned.verdict is not None
        return cls(ledger, planned, Verdict.load(planned.verdict))

    def of(self, part: Interval) -> Iterator[list[Raw]]:
        """Pages of raw records; none is empty. Records nobody can own come with the slice's first day."""
        last = self._last_copies()
        for number, kept, attempt in self._pages():
            if part.start.date() not in self._days.get(number, {part.start.date()}):
                continue
            body = self.ledger.answer(attempt, kept).body
            if chosen := self._choose(number, body, part, last):
                yield chosen

    def views(self) -> Iterator[tuple[Request, envelope.Page, list[Raw]]]:
        """Every page of the slice: what asked for it, what came, and the rows of it that `of` would yield."""
        last = self._last_copies()
        for number, kept, attempt in self._pages():
            body = self.ledger.answer(attempt, kept).body
            yield kept.request, envelope.page(body), self._choose(number, body, self.planned.slice.interval, last)

    def _choose(self, number: int, body: bytes, part: Interval, last: dict[str, int] | None) -> list[Raw]:
        with_broken = part.start == self.planned.slice.interval.start
        heads, days, chosen = envelope.heads(body), set(), []
        for row, (raw, head) in enumerate(zip(envelope.page(body).conversations or (), heads, strict=True)):
            if head is None:
                days.add(self.planned.slice.interval.start.date())
                if with_broken:
                    chosen.append(raw)
                continue
            days.add(head.start.date())
            if head.start in part and (last is None or last[head.id] == number * POSITIONS + row):
                chosen.append(raw)
        self._days[number] = days
        return chosen

    def _last_copies(self) -> dict[str, int] | None:
        """Where each id stands for the last time; not needed where no id came twice."""
        if self._last is None and self.verdict.duplicates:
            self._last = {
                head.id: number * POSITIONS + row
                for number, kept, attempt in self._pages()
                for row, head in enumerate(envelope.heads(self.ledger.answer(attempt, kept).body))
                if head is not None
            }
        return self._last

    def _pages(self) -> Iterator[tuple[int, Kept, Attempt]]:
        assert self.planned.attempt is not None
        attempt = self.ledger.attempt(self.planned.attempt)
        for number, kept in enumerate(self.ledger.pages(attempt, self.planned.slice)):
            if kept.request.kind in READS and kept.status == 200:
                yield number, kept, attempt
