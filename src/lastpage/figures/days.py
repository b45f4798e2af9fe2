"""What a destination has recorded of its days: verdict, volume, freshness, and holes. Pure.

    a day is   if
    --------   ------------------------------------------------------------------------------------
    hole       nothing of it is held, though days before and after it are
    part       some of its hours are held and others are not, though they lie between what is held
    short      evidence says that rows are missing
    unproven   nothing proves that none are
    complete   all that is visible to the client's divisions is there

The first that fits counts. The first and the last day may begin late and end early: what lies
before and after all that is held was never asked for, and is no hole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from lastpage.coverage.ranges import Range
from lastpage.coverage.weighing import WORST
from lastpage.query.interval import Interval, minus

#: Days at the beginning whose figures lack more than a little of what had begun before: a guess.
LOOK_BACK = 7
#: Days at the end that are still changing: open conversations, after-call work, late wrap-ups.
CHANGING = 3


@dataclass(frozen=True, slots=True)
class HeldDay:
    """A UTC day, as a destination holds it."""

    day: date
    verdict: str
    conversations: int
    #: How many had no end when they were read; None where that was not recorded.
    open: int | None
    #: Whether all of it will stay as it is; of a hole it is not.
    is_final: bool
    #: When its oldest part was read; None of a hole.
    as_of: datetime | None
    #: What of it is missing between what is held.
    missing: tuple[Interval, ...]


def span(held: Mapping[date, Sequence[Range]]) -> Interval:
    """From the first moment that is held to the last."""
    ranges = [each for day in held.values() for each in day]
    return Interval(
        min(each.interval.start for each in ranges), max(each.interval.end for each in ranges)
    )


def days_of(held: Mapping[date, Sequence[Range]]) -> list[HeldDay]:
    """Every day from the first that is held to the last."""
    return [_day(day, part, held.get(day, ())) for day, part in span(held).days()]


def _day(day: date, wanted: Interval, ranges: Sequence[Range]) -> HeldDay:
    missing = tuple(minus(wanted, [each.interval for each in ranges]))
    open_ = [each.open for each in ranges]
    if not ranges:
        verdict = "hole"
    elif missing:
        verdict = "part"
    else:
        verdict = max((each.coverage for each in ranges), key=WORST.index)
    return HeldDay(
        day,
        verdict,
        sum(each.conversations for each in ranges),
        None if None in open_ or not ranges else sum(each or 0 for each in open_),
        bool(ranges) and all(each.finality == "final" for each in ranges),
        min((each.as_of for each in ranges), default=None),
        missing,
    )
