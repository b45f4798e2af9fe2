"""What is due: of what a destination was given, what it does not have. Pure.

A ledger says what was written, and only the destination says what is there: it may have been
removed, put back from a copy, or copied while a run was writing to it. So what was written is held
against what is there, part by part; the first line that fits decides:

    the destination has of these hours                               they are due, since they are
    ---------------------------------------------------------------  ----------------------------
    nothing                                                          gone
    an older version (`as_of`) than was written                      older
    the same range and version, with another number of conversations  changed
    this version, or a fresher one                                   (not due)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from lastpage.coverage.ranges import Range, minus
from lastpage.query.interval import Interval

Reason = Literal["gone", "older", "changed"]


@dataclass(frozen=True, slots=True)
class Due:
    """An interval that is to be read, and why."""

    interval: Interval
    reason: Reason


def due(held: Iterable[Range], written: Iterable[Range]) -> list[Due]:
    """What a destination lacks (`held`: what it has) of ranges that were written to it, in order.

    Each range lies within one UTC day, and `written` is what the destination said of itself then.
    """
    held, found = list(held), list[Due]()
    for wanted in written:
        there = [other for other in held if other.interval.clip(wanted.interval)]
        gone = minus(wanted.interval, [other.interval for other in there])
        found += [Due(part, "gone") for part in gone]
        for other in there:
            part = other.interval.clip(wanted.interval)
            reason = _reason(other, wanted)
            if part and reason:
                found.append(Due(part, reason))
    return sorted(found, key=lambda each: each.interval)


def _reason(there: Range, wanted: Range) -> Reason | None:
    """Why a version that is there does not do for the one that was written."""
    if there.as_of < wanted.as_of:
        return "older"
    is_same = (there.interval, there.as_of) == (wanted.interval, wanted.as_of)
    if is_same and there.conversations != wanted.conversations:
        return "changed"
    return None
