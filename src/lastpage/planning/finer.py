"""A plan in more and shorter slices than the API asks for, for several processes to read. Pure.

    asked for    what is cut                              where
    -----------  ---------------------------------------  ------------------------------------------
    longest      every slice that is longer               of a day or more: at midnights; else at
                                                          its multiples since midnight
    slices       of those that have several days the      at the midnight nearest to its middle,
                 one with the most conversations, then    else at a whole hour or minute
                 of the others, until there are so many

A minute is cut no further, and what the API needs cut is cut already (`slices.py`). Parts are
counted, so that each is held against its own count when it is read; nothing is counted twice.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from lastpage.errors import UsageError
from lastpage.planning.slices import (
    PROBE_DAYS_MAX,
    SMALLEST_CUT,
    Probe,
    Slice,
    count_started,
    middle_of,
    part_of,
)
from lastpage.query.interval import DAY, Interval, floor_day
from lastpage.query.query import Query

#: More slices than this take longer to plan than they save.
SLICES_MAX = 10_000

T = TypeVar("T")
#: Asks for counts, and ends with slices.
Cutting = Generator[Probe, int, list[Slice]]


@dataclass(frozen=True, slots=True)
class Finer:
    """How many slices there should be at least, and how long each may be."""

    slices: int = 1
    longest: timedelta | None = None

    def check(self, interval: Interval) -> None:
        """Raise `UsageError` for a slice that is too short, or too many of them."""
        if self.longest is not None and self.longest < SMALLEST_CUT:
            raise UsageError(
                "time is cut no finer than by the minute; give a longest of 1m or more"
            )
        count = max(self.slices, interval.length / self.longest if self.longest else 1)
        if count > SLICES_MAX:
            raise UsageError(
                f"{count:,.0f} slices are more than {SLICES_MAX:,}; "
                "give fewer slices, longer ones, or a shorter interval"
            )

    def cut(self, slices: Sequence[Slice], query: Query) -> Cutting:
        """The slices cut as is asked for: as disjoint, in order and without a gap as they were."""
        return (yield from _remembered(self._cut(slices, query)))

    def _cut(self, slices: Sequence[Slice], query: Query) -> Cutting:
        found: list[Slice] = []
        for each in slices:
            parts = list(_pieces(each.interval, self.longest)) if self.longest else [each.interval]
            found += yield from _counted(each, parts, query)
        return (yield from self._halved(found, query))

    def _halved(self, slices: Sequence[Slice], query: Query) -> Cutting:
        """Halves of the fullest, and so on, until there are enough."""
        whole: list[Slice] = []
        fullest = [(_fullness(each), each) for each in slices]
        heapq.heapify(fullest)
        while fullest and len(whole) + len(fullest) < self.slices:
            _, each = heapq.heappop(fullest)
            if at := middle_of(each.interval):
                for half in (yield from _counted(each, each.interval.split(at), query)):
                    heapq.heappush(fullest, (_fullness(half), half))
            else:
                whole.append(each)
        return sorted([*whole, *(each for _, each in fullest)], key=lambda each: each.interval)


def _fullness(slice_: Slice) -> tuple[bool, int, timedelta, datetime]:
    """What is cut first has the least: days stay whole while they can, since the API counts these
    better than parts of them (docs/api.md, 11, row 5). No two have the same.
    """
    interval = slice_.interval
    is_in_a_day = floor_day(interval.start) + DAY >= interval.end
    return is_in_a_day, -(slice_.expected or 0), -interval.length, interval.start


def _pieces(interval: Interval, longest: timedelta) -> Iterator[Interval]:
    """The interval in pieces that are no longer; see the table at the top."""
    if longest >= DAY:
        yield from interval.pieces(longest // DAY)
        return
    step = longest // SMALLEST_CUT * SMALLEST_CUT
    for _, day in interval.days():
        start = day.start
        while start < day.end:
            end = min(start + step - (start - floor_day(start)) % step, day.end)
            yield Interval(start, end)
            start = end


def _counted(whole: Slice, parts: Sequence[Interval], query: Query) -> Cutting:
    """The parts of a slice, each with its count; the last one has what the others leave."""
    found, left = [], whole.expected or 0
    for number, part in enumerate(parts, 1):
        count = left
        if left and number < len(parts):
            count = 0
            for week in part.pieces(PROBE_DAYS_MAX):
                count += yield from count_started(week)
        left = max(left - count, 0)
        found.append(part_of(whole, part, query, count))
    return found


def _remembered(questions: Generator[Probe, int, T]) -> Generator[Probe, int, T]:
    """The same questions, each asked once."""
    known: dict[Probe, int] = {}
    try:
        probe = next(questions)
        while True:
            if probe not in known:
                known[probe] = yield probe
            probe = questions.send(known[probe])
    except StopIteration as end:
        answer: T = end.value
        return answer
