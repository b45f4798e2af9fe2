"""What is lost: of what a destination was given, what it does not have. Pure.

A ledger says what was written, and only the destination says what is there: it may have been
removed, put back from a copy, or copied while a run was writing to it. So what was written is held
against what is there, part by part; the first line that fits decides:

    the destination has of these hours                                they are lost, since they are
    ----------------------------------------------------------------  -----------------------------
    nothing                                                           gone
    an older version (`as_of`) than was written                       older
    the same range and version, with another number of conversations  changed
    this version, or a fresher one                                    (not lost)

A run that goes on reads again what is lost. What a command reads at all, `planning/due.py` says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from lastpage.coverage.ranges import Range
from lastpage.query.interval import Interval, minus

Reason = Literal["gone", "older", "changed"]


@dataclass(frozen=True, slots=True)
class Lost:
    """An interval of which a destination has not what it was given, and why."""

    interval: Interval
    reason: Reason


def lost(held: Iterable[Range], written: Iterable[Range]) -> list[Lost]:
    """What a destination lacks (`held`: what it has) of ranges that were written to it, in order.

    Each range lies within one UTC day, and `written` is what the destination said of itself then.
    """
    held, found = list(held), list[Lost]()
    for wanted in written:
        there = [other for other in held if other.interval.clip(wanted.interval)]
        gone = minus(wanted.interval, [other.interval for other in there])
        found += [Lost(part, "gone") for part in gone]
        for other in there:
            part = other.interval.clip(wanted.interval)
            reason = _reason(other, wanted)
            if part and reason:
                found.append(Lost(part, reason))
    return sorted(found, key=lambda each: each.interval)


def _reason(there: Range, wanted: Range) -> Reason | None:
    """Why a version that is there does not do for the one that was written."""
    if there.as_of < wanted.as_of:
        return "older"
    is_same = (there.interval, there.as_of) == (wanted.interval, wanted.as_of)
    if is_same and there.conversations != wanted.conversations:
        return "changed"
    return None
