"""Which days of the asked interval a run reads: all but those that are final and here.

    asked ─▶ what is due of it (planning/due.py) ─▶ the days in which something is ─▶ a run's plan
                                                └▶ none: there is nothing to do, and no plan

A day is read whole, as far as it was asked for, since the API counts days better than parts of them
(docs/api.md, 11, row 5). How long the organisation keeps its data is asked only where something is
to be read.

Hours between what is held and what was asked for that nobody asked for are a hole. It is named
after each run, since it would be found out late: the `24h` of a command that ran a little later
each night leave one every night.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from lastpage.coverage.ranges import Range
from lastpage.planning.due import AT_ONCE, due
from lastpage.planning.planner import Planner
from lastpage.planning.slices import Horizon, jobs_reach
from lastpage.query.interval import Interval, minus


@dataclass(frozen=True, slots=True)
class Choice:
    """What was asked for, and what of it is read."""

    interval: Interval
    horizon: Horizon
    #: In order; those that touch are one.
    parts: Sequence[Interval]

    @classmethod
    def whole(cls, planner: Planner) -> Self:
        """All of it is read; raises as `Planner.resolve` does."""
        interval, horizon = planner.resolve()
        return cls(interval, horizon, [interval])

    @classmethod
    def due(cls, planner: Planner, held: Sequence[Range]) -> Self:
        """What is due of it, given all that a destination holds; a note says how much is here.

        Raises as `Planner.resolve` does, but for an interval that is here.
        """
        interval, horizon = planner.asked()
        if days := _days_due(planner, interval, horizon, held):
            interval = planner.within_retention(interval, horizon.until)
            days = [part for day in days if (part := day.clip(interval))]
        count = sum(1 for _ in interval.days())
        if here := count - len(days):
            then = f"reading {len(days):,}" if days else "--refresh reads them again"
            verb = "is" if here == 1 else "are"
            planner.meter.note(
                f"{here:,} of {count:,} days {verb} final and here; {then}", of_run=bool(days)
            )
        return cls(interval, horizon, _joined(days))


def holes(held: Iterable[Interval], asked: Interval) -> list[Interval]:
    """What is not held of an interval, and between it and what is held next to it."""
    held = list(held)
    before = (min(each.end, asked.start) for each in held if each.start < asked.start)
    after = (max(each.start, asked.end) for each in held if each.end > asked.end)
    start, end = max(before, default=asked.start), min(after, default=asked.end)
    return minus(Interval(start, end), held)


def _days_due(
    planner: Planner, interval: Interval, horizon: Horizon, held: Sequence[Range]
) -> list[Interval]:
    """The days of an interval of which something is due, as far as they lie in it."""
    jobs = jobs_reach(planner.query, horizon, planner.paginate)
    found = due(held, interval, until=horizon.until, jobs=jobs, policy=AT_ONCE).due
    touched = {day for each in found for day, _ in each.interval.days()}
    return [part for day, part in interval.days() if day in touched]


def _joined(parts: Iterable[Interval]) -> list[Interval]:
    joined: list[Interval] = []
    for part in parts:
        if joined and joined[-1].end == part.start:
            joined[-1] = Interval(joined[-1].start, part.end)
        else:
            joined.append(part)
    return joined
