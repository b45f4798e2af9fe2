"""What a destination holds of a day, by start ranges; which of two versions stays. Pure.

Of an old and a new version of the same hours, the first line that fits decides:

    old                                 new                                     stays
    ----------------------------------  --------------------------------------  -----
    complete                            short, or unproven and smaller          old
    short                               not short                               new
    provisional, or by page numbers     final, with attributes (by job)         new
    complete, with attributes           without attributes (by page numbers)    old
    fresher (`as_of`)                   -                                       old
    -                                   as fresh, or fresher                    new

So rows that are known to be incomplete never replace complete ones, and participant attributes,
which only jobs bring, are not lost once a job had them all. The last line also lets a later job win
that found a thread open again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from lastpage.coverage.weighing import WORST
from lastpage.errors import UsageError
from lastpage.query.interval import Interval, iso, parse_iso
from lastpage.walks import ROUTES


@dataclass(frozen=True, slots=True)
class Range:
    """What is known of a start range within one UTC day; it is stored with the data."""

    interval: Interval
    #: How fresh this version is.
    as_of: datetime
    route: str
    coverage: str
    finality: str
    conversations: int

    @property
    def day(self) -> date:
        """The UTC day that it lies in."""
        return self.interval.start.date()

    @property
    def has_attributes(self) -> bool:
        """Whether its rows have participant attributes."""
        return any(walk.has_attributes for name, walk in ROUTES.items() if name == self.route)

    def joined(self, other: Range) -> Range:
        """Two that touch as one: as fresh and as sure as the worse of them."""
        provisional = "provisional" in (self.finality, other.finality)
        return Range(
            interval=Interval(
                min(self.interval.start, other.interval.start),
                max(self.interval.end, other.interval.end),
            ),
            as_of=min(self.as_of, other.as_of),
            route=self.route,
            coverage=max(self.coverage, other.coverage, key=WORST.index),
            finality="provisional" if provisional else "final",
            conversations=self.conversations + other.conversations,
        )

    def record(self) -> dict[str, Any]:
        """As plain values, for the destination's metadata."""
        return {
            "start": iso(self.interval.start),
            "end": iso(self.interval.end),
            "as_of": iso(self.as_of),
            "route": self.route,
            "coverage": self.coverage,
            "finality": self.finality,
            "conversations": self.conversations,
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Range:
        """The reverse of `record`; raises `KeyError` or `ValueError` for anything else."""
        return cls(
            interval=Interval(parse_iso(record["start"]), parse_iso(record["end"])),
            as_of=parse_iso(record["as_of"]),
            route=record["route"],
            coverage=record["coverage"],
            finality=record["finality"],
            conversations=record["conversations"],
        )


def stays(old: Range, new: Range) -> bool:
    """Whether the old version stays: the table at the top of this file."""
    smaller = new.interval == old.interval and new.conversations < old.conversations
    lacks = new.coverage == "short" or (new.coverage == "unproven" and smaller)
    if old.coverage == "complete" and lacks:
        return True
    if old.coverage == "short" and new.coverage != "short":
        return False
    old_is_settled, new_is_settled = (
        each.finality == "final" and each.has_attributes for each in (old, new)
    )
    if new_is_settled and not old_is_settled:
        return False
    if old.coverage == "complete" and old.has_attributes and not new.has_attributes:
        return True
    return old.as_of > new.as_of


def accepted(old: Iterable[Range], new: Iterable[Range]) -> list[Interval]:
    """The parts of the new ranges that are to be written, in order."""
    held = list(old)
    parts: list[Interval] = []
    for version in new:
        staying = [other.interval for other in held if stays(other, version)]
        parts += minus(version.interval, staying)
    return sorted(parts)


def merged(old: Iterable[Range], new: Iterable[Range]) -> list[Range]:
    """What the destination holds afterwards; the writer counts the rows of cut ranges anew."""
    old, new = list(old), list(new)
    taken = accepted(old, new)
    ranges = [
        replace(version, interval=part)
        for version in old
        for part in minus(version.interval, taken)
    ]
    ranges += [
        replace(version, interval=part)
        for version in new
        for accepted_part in taken
        if (part := version.interval.clip(accepted_part)) is not None
    ]
    return sorted(ranges, key=lambda version: version.interval)


def minus(whole: Interval, others: Sequence[Interval]) -> list[Interval]:
    """What is left of an interval without several others."""
    left = [whole]
    for other in others:
        left = [part for each in left for part in _without(each, other)]
    return left


def _without(whole: Interval, other: Interval) -> list[Interval]:
    cut = whole.clip(other)
    if cut is None:
        return [whole]
    ends = ((whole.start, cut.start), (cut.end, whole.end))
    return [Interval(start, end) for start, end in ends if start < end]


def exactly(held: Iterable[Range], interval: Interval) -> list[Range]:
    """The ranges that together are an interval, no more and no less; none where there are none."""
    inside = [each for each in held if each.interval.clip(interval) == each.interval]
    return [] if minus(interval, [each.interval for each in inside]) else inside


def refuse_overlap(held: Iterable[Range], interval: Interval, destination: object) -> None:
    """Raises `UsageError` where a destination that cannot replace has some of these hours."""
    for version in held:
        if part := version.interval.clip(interval):
            raise UsageError(
                f"{destination} has the conversations of {part} already, "
                "and JSON lines cannot replace; "
                "give another file, an interval that is not there yet, or a folder (Parquet), "
                "which can"
            )
