"""What to walk again, and when to stop trying. Pure.

A gap between what was read and what the API counts has three causes: rows slid between pages while others arrived (another
walk finds them), the count is off (another walk brings the same rows), or the slice is too much for one walk (smaller ones do).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal

from lastpage.plan import Slice
from lastpage.tally import Account, gap

Decision = Literal["accept", "again", "narrow"]
#: Walks of a slice after the first, to fill a gap.
REREADS_MAX = 3
#: Attempts of a slice that may be lost to failed or vanished jobs.
LOST_MAX = 4


def decide(sums: Account, how: str, earlier: frozenset[bytes] | None, rereads: int) -> Decision:
    """Whether an attempt stands. `earlier` are the ids that all attempts before it brought, None for the first."""
    missing = gap(sums, how)
    digests = sums.digests
    lost = bool(earlier and earlier - digests)
    if not lost and (missing is None or missing <= 0):
        return "accept"
    if earlier is not None and digests == earlier:
        return "accept"
    return "again" if rereads < REREADS_MAX else "narrow"


def holes(
    slices: Sequence[Slice], owned: Mapping[int, frozenset[bytes]], sightings: Iterable[tuple[bytes, datetime]]
) -> Iterator[tuple[Slice, bytes]]:
    """Conversations that some slice saw and whose owner does not have: the owner, and the id's digest.

    `owned` has the digests of each slice. A slice that was cut by direction owns with its siblings.
    """
    for digest, start in sightings:
        owners = [piece for piece in slices if start in piece.interval]
        if owners and not any(digest in owned.get(piece.number, frozenset()) for piece in owners):
            yield owners[0], digest
