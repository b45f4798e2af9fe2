"""The days that the benchmarks read, and what an extract of them is called.

    day                conversations   pages   what it is for
    ----------------   -------------   -----   -------------------------------------
    2022-12-31                    10       1   to start up, before anything is timed
    2023-01-01 and on         10,000      10   to be measured

Whoever is measured imports this file, so it imports nothing that has to be loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

DETAILS = "/api/v2/analytics/conversations/details"
FIRST = date(2023, 1, 1)
PER_DAY, PAGE = 10_000, 1_000
PAGES = PER_DAY // PAGE
#: Conversations of the day before the first.
FEW = 10


@dataclass(frozen=True, slots=True)
class Extract:
    """So many conversations: those of whole days, or the few of the day before them. Less than a
    day, in whole pages, is to be had by the name of a job alone.
    """

    size: int

    @property
    def interval(self) -> str:
        """As a verb takes it."""
        start = FIRST - timedelta(days=self.size == FEW)
        return f"{start}/{FIRST + timedelta(days=self.size // PER_DAY)}"

    @property
    def job(self) -> str:
        """The name of a job that has them, and nothing else."""
        return "0-1" if self.size == FEW else f"1-{1 + self.size // PAGE}"

    def results(self, url: str) -> str:
        """Where the job's results are."""
        return f"{url}{DETAILS}/jobs/{self.job}/results"


def pages_of(interval: str) -> tuple[int, int]:
    """The pages of an interval of whole days: the first, and the one behind the last. Page 0 has
    the few.
    """
    start, end = ((date.fromisoformat(text[:10]) - FIRST).days for text in interval.split("/"))
    return max(start * PAGES + 1, 0), max(end * PAGES + 1, 0)


def conversations_of(pages: range) -> int:
    """How many conversations these pages hold."""
    return len(pages) * PAGE - (PAGE - FEW) * (0 in pages)
