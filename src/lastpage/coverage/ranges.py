"""What a destination holds of a day, by start ranges; what becomes of two versions. Pure.

Of an old and a new version of the same hours, the first line that fits decides:

    old                                 new                                     outcome
    ----------------------------------  --------------------------------------  -------
    complete, and fresher (`as_of`)     not complete, or by page numbers        old
    complete, with attributes (by job)  without attributes (by page numbers)    added
    complete                            not complete                            joined
    short                               not short                               new
    provisional, or by page numbers     final, with attributes (by job)         new
    fresher                             -                                       old
    -                                   as fresh, or fresher                    new

    outcome    is written                and the destination says of these hours
    ---------  ------------------------  ----------------------------------------------------
    old        nothing                   what it said
    added      of the rows that came,    what it said; but provisional, where rows were added:
               those that are not there  they have no attributes until a job has them
    joined     the rows that came, into  what it said, and provisional: they are complete as
               those that are there      of the older moment, and the next run may know more
    new        the rows that came        what the new version says

Which rows leave that are there and did not come, coverage/replacement.py decides.

So what is known to lack rows never takes the place of what is complete, and participant attributes,
which only jobs bring, are not lost once a job had them all. The last line also lets a later job win
that found a thread open again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal

from lastpage.coverage.weighing import WORST
from lastpage.errors import UsageError
from lastpage.query.interval import Interval, iso, minus, parse_iso
from lastpage.walks import ROUTES

Outcome = Literal["old", "added", "joined", "new"]


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
    #: How many of them had no end then; None where that was not recorded.
    open: int | None = None

    @property
    def day(self) -> date:
        """The UTC day that it lies in."""
        return self.interval.start.date()

    @property
    def is_complete(self) -> bool:
        """Whether it has all that the API had then."""
        return self.coverage == "complete"

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
            open=None if None in (self.open, other.open) else (self.open or 0) + (other.open or 0),
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
            "open": self.open,
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
            open=record.get("open"),
        )


def outcome(old: Range, new: Range) -> Outcome:
    """What becomes of two versions: the tables at the top of this file."""
    is_older = old.as_of > new.as_of
    loses_attributes = old.has_attributes and not new.has_attributes
    if old.coverage == "complete" and (loses_attributes or new.coverage != "complete"):
        return "old" if is_older else "added" if loses_attributes else "joined"
    if old.coverage == "short" and new.coverage != "short":
        return "new"
    old_is_settled, new_is_settled = (
        each.finality == "final" and each.has_attributes for each in (old, new)
    )
    if new_is_settled and not old_is_settled:
        return "new"
    return "old" if is_older else "new"


def disproved(held: Iterable[Range], starts: Collection[datetime]) -> list[Range]:
    """Ranges, of which those are short in which one of these starts lies: it is known to be missing
    there, whatever was said before.
    """
    return [
        replace(each, coverage="short", finality="provisional")
        if any(start in each.interval for start in starts)
        else each
        for each in held
    ]


def accepted(old: Iterable[Range], new: Iterable[Range]) -> list[Interval]:
    """The parts of the new ranges that are to be written, in order."""
    held = list(old)
    parts: list[Interval] = []
    for version in new:
        staying = [other.interval for other in held if outcome(other, version) == "old"]
        parts += minus(version.interval, staying)
    return sorted(parts)


def added(old: Iterable[Range], new: Iterable[Range]) -> list[Interval]:
    """The parts of those in which what is there stays, and only what is not there is written."""
    new = list(new)
    return [
        part
        for other in old
        for version in new
        if outcome(other, version) == "added"
        and (part := other.interval.clip(version.interval)) is not None
    ]


def fresher(old: Iterable[Range], new: Iterable[Range]) -> list[Interval]:
    """The parts of old ranges that are not written, and are fresher than all that is new."""
    old, new = list(old), list(new)
    written = accepted(old, new)
    return [
        part
        for other in old
        if all(other.as_of > version.as_of for version in new)
        for part in minus(other.interval, written)
    ]


def merged(old: Iterable[Range], new: Iterable[Range]) -> list[Range]:
    """What the destination holds afterwards; the writer counts the rows of cut ranges anew."""
    old, new = list(old), list(new)
    taken = accepted(old, new)
    ranges = [
        replace(version, interval=part)
        for version in old
        for part in minus(version.interval, taken)
    ]
    for version in new:
        kept = [
            replace(other, interval=part)
            if outcome(other, version) == "added"
            else replace(other, interval=part, finality="provisional")
            for other in old
            if outcome(other, version) in ("added", "joined")
            and (part := other.interval.clip(version.interval)) is not None
        ]
        held = [other.interval for other in kept]
        ranges += kept
        ranges += [
            replace(version, interval=rest)
            for part in accepted(old, [version])
            for rest in minus(part, held)
        ]
    return sorted(ranges, key=lambda version: version.interval)


def exactly(held: Iterable[Range], interval: Interval) -> list[Range]:
    """The ranges that together are an interval, no more and no less; none where there are none."""
    inside = [each for each in held if each.interval.clip(interval) == each.interval]
    return [] if minus(interval, [each.interval for each in inside]) else inside


def refuse_overlap(held: Iterable[Range], interval: Interval, destination: object) -> None:
    """Raises `UsageError` where a destination that cannot replace has some of these hours."""
    for version in held:
        if part := version.interval.clip(interval):
            raise UsageError(
                f"{destination} has the conversations of {part} already, and JSON lines cannot "
                "replace; give another file, or an interval that is not there yet; or keep a "
                "folder current: lastpage sync --to FOLDER --format jsonl"
            )
