"""Which of two versions of a range wins, and what is left of the other. Pure.

Rows that are known to be incomplete never replace complete ones. What the lake had settled by the time of a job replaces what
was provisional, and is not replaced by page numbers, which have no attributes. Otherwise the fresher version stays: also that of a
job that found a thread open again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from lastpage.coverage.tally import WORST
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
        return self.interval.start.date()

    def joined(self, other: Range) -> Range:
        """Two that touch, or are of the same hours, as one: as fresh and as sure as the worse of them."""
        ends = (
            min(self.interval.start, other.interval.start),
            max(self.interval.end, other.interval.end),
        )
        return Range(
            Interval(*ends),
            min(self.as_of, other.as_of),
            self.route,
            max(self.coverage, other.coverage, key=WORST.index),
            "provisional" if "provisional" in (self.finality, other.finality) else "final",
            self.conversations + other.conversations,
        )

    def record(self) -> dict[str, Any]:
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
        interval = Interval(parse_iso(record["start"]), parse_iso(record["end"]))
        facts = (record["route"], record["coverage"], record["finality"], record["conversations"])
        return cls(interval, parse_iso(record["as_of"]), *facts)


def accepted(old: Iterable[Range], new: Iterable[Range]) -> list[Interval]:
    """The parts of the new ranges that are to be written, in order."""
    stronger = list(old)
    parts: list[Interval] = []
    for version in new:
        pieces = [version.interval]
        for other in stronger:
            if beats(other, version):
                pieces = [part for piece in pieces for part in without(piece, other.interval)]
        parts += pieces
    return sorted(parts)


def beats(old: Range, new: Range) -> bool:
    """Whether what is there stays."""
    if old.coverage == "complete" and _lacks(new, old):
        return True
    if old.coverage == "short" and new.coverage != "short":
        return False
    if _settled(new) and not _settled(old):
        return False
    if _settled(old) and not _has_attributes(new):
        return True
    return old.as_of > new.as_of


def _lacks(new: Range, old: Range) -> bool:
    """Whether a version is known to have less than a complete one: it is short, or not proved and smaller."""
    smaller = new.interval == old.interval and new.conversations < old.conversations
    return new.coverage == "short" or (new.coverage == "unproven" and smaller)


def _settled(version: Range) -> bool:
    return _has_attributes(version) and version.finality == "final"


def _has_attributes(version: Range) -> bool:
    """Whether its rows came with participant attributes."""
    walk = ROUTES.get(version.route)
    return walk is not None and walk.has_attributes


def merged(old: Iterable[Range], new: Iterable[Range]) -> list[Range]:
    """What the destination holds afterwards; counts of cut ranges are for the writer to take anew."""
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
        for piece in taken
        if (part := version.interval.clip(piece)) is not None
    ]
    return sorted(ranges, key=lambda version: version.interval)


def minus(piece: Interval, taken: Sequence[Interval]) -> list[Interval]:
    """What is left of an interval without several others."""
    parts = [piece]
    for other in taken:
        parts = [left for part in parts for left in without(part, other)]
    return parts


def without(piece: Interval, other: Interval) -> list[Interval]:
    """What is left of an interval without another."""
    cut = piece.clip(other)
    if cut is None:
        return [piece]
    ends = ((piece.start, cut.start), (cut.end, piece.end))
    return [Interval(start, end) for start, end in ends if start < end]


def refuse_overlap(held: Iterable[Range], interval: Interval, place: object) -> None:
    """What cannot be replaced is not fetched again; raises `UsageError`."""
    for version in held:
        if part := version.interval.clip(interval):
            raise UsageError(
                f"{place} has the conversations of {part} already, and JSON lines cannot replace; "
                "give another file, an interval that is not there yet, or a folder (Parquet), which can"
            )
