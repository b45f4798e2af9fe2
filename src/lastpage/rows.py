"""The conversations of a settled slice, out of the spool: each owned id once, its last copy, untouched, page by page.

Memory is one page. A slice of several days is read once a day, but a page is only opened for the days it has rows of, and a page
that is wanted whole is not looked into.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lastpage.fetch import envelope
from lastpage.fetch.envelope import Raw
from lastpage.fetch.transport import Answer
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
            records = envelope.records(answer.body)
            # A page that has nothing but these days, and nothing twice, need not be looked into.
            whole = last is None and days.issuperset(there)
            if chosen := records if whole else self._chosen(number, answer, records, part, last):
                yield chosen

    def views(self) -> Iterator[tuple[Request, envelope.Page, list[Raw]]]:
        """Every page of the slice: what asked for it, what came, and the rows of it that `of` would yield."""
        last, interval = self._last_copies(), self.planned.slice.interval
        for number, kept, attempt in self._pages():
            answer = self.ledger.answer(attempt, kept)
            records = envelope.records(answer.body)
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
