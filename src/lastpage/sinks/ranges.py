"""Which of two versions of a range wins, and what is left of the other. Pure.

Rows that are known to be incomplete never replace complete ones. What the lake had settled by the time of a job replaces what
was provisional, and is not replaced by page numbers, which have no attributes. Otherwise the fresher version stays: also that of a
job that found a thread open again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lastpage.interval import Interval
from lastpage.sinks.sink import Range


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
    if _settled(old) and new.route == "pages":
        return True
    return old.as_of > new.as_of


def _lacks(new: Range, old: Range) -> bool:
    """Whether a version is known to have less than a complete one: it is short, or not proved and smaller."""
    smaller = new.interval == old.interval and new.conversations < old.conversations
    return new.coverage == "short" or (new.coverage == "unproven" and smaller)


def _settled(version: Range) -> bool:
    return version.route == "cursor" and version.finality == "final"


def merged(old: Iterable[Range], new: Iterable[Range]) -> list[Range]:
    """What the destination holds afterwards; counts of cut ranges are for the writer to take anew."""
    old, new = list(old), list(new)
    taken = accepted(old, new)
    ranges = [replace(version, interval=part) for version in old for part in minus(version.interval, taken)]
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
