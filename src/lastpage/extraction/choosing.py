"""Which days of the asked interval a fetch reads: all but those that are final and here.

    asked ─▶ what is due of it (planning/due.py) ─▶ the days in which something is ─▶ a run's plan
                                                └▶ none: there is nothing to do, and no plan

What a command wants of a destination is its `Goal`: to fetch an interval (here), or to keep the
destination current (`syncing.py`). A day is read whole, as far as it was asked for, since the API
counts days better than parts of them (docs/api.md, 11, row 5). How long the organisation keeps its
data is asked only where something is to be read.

Hours between what is held and what was asked for that nobody asked for are a hole. It is named
after each run, since it would be found out late: the `24h` of a command that ran a little later
each night leave one every night.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol, Self

from lastpage.coverage.ranges import Range
from lastpage.ledger.ledger import Ledger
from lastpage.planning.due import AT_ONCE, due
from lastpage.planning.planner import Planner
from lastpage.planning.slices import Horizon, Paginate, jobs_reach
from lastpage.progress import Meter
from lastpage.query.interval import Interval, Relative, joined, minus
from lastpage.sinks.sink import TableReader


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
        return cls(interval, horizon, joined(days))


@dataclass(frozen=True, slots=True)
class There:
    """What a destination holds, what it is read with, and what is remembered of it."""

    held: Sequence[Range]
    sink: TableReader
    ledger: Ledger
    #: The days between which starts moved, and that have to be read for that.
    awaited: Collection[date] = ()


class Goal(Protocol):
    """What a command wants of a destination, which may hold something already."""

    @property
    def name(self) -> str:
        """What makes a repeated command the same one; its filters are the destination's."""

    @property
    def ends_short(self) -> bool:
        """Whether a run ends that is short; else the same command goes on with it."""

    @property
    def is_standing(self) -> bool:
        """Whether it is given again and again, and means what is new each time."""

    def check(self, held: Sequence[Range], place: str) -> None:
        """Raise `UsageError` where it makes no sense with what is held; nothing is sent yet."""

    def choose(self, planner: Planner, there: There) -> Choice:
        """What is read, given what is there."""

    def is_outgrown(self, planner: Planner, read: Interval) -> bool:
        """Whether it wants more by now than an earlier run of it, which is done, has read."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """An interval is wanted as it is now; with `refresh`, what is final and here is read, too."""

    interval: Interval | Relative
    paginate: Paginate
    refresh: bool = False

    @property
    def name(self) -> str:
        """A run that reads only what is due is not gone on with by one that reads everything."""
        return f"{self.interval} {self.paginate}{' refresh' if self.refresh else ''}"

    @property
    def ends_short(self) -> bool:
        """What is short is not done, and tried again; but `24h` means another range by then."""
        return isinstance(self.interval, Relative)

    @property
    def is_standing(self) -> bool:
        """It tells of all of its interval each time."""
        return False

    def check(self, held: Sequence[Range], place: str) -> None:
        """Whatever is held, an interval can be wanted."""

    def choose(self, planner: Planner, there: There) -> Choice:
        """All of it to refresh it, else the days of which something is due."""
        return Choice.whole(planner) if self.refresh else Choice.due(planner, there.held)

    def is_outgrown(self, planner: Planner, read: Interval) -> bool:
        """A run of yesterday has the `24h` of yesterday; today they are others."""
        # Only asked: what is noted of an interval belongs to the run that reads it.
        now, _ = replace(planner, meter=Meter()).resolve()
        return now.clip(read) != now


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
