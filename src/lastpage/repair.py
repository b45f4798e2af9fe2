"""What to walk again, and when to stop trying. Pure.

A gap between what was read and what the API counts has three causes: rows slid between pages while others arrived (another
walk finds them), the count is off (another walk brings the same rows), or the slice is too much for one walk (smaller ones do).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal

from lastpage.digests import Digests, digest
from lastpage.tally import Account, gap

Decision = Literal["accept", "again", "narrow"]
#: An id, and when the conversation started as it was seen.
Sighting = tuple[str, datetime]
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


def holes(owned: Sequence[Digests], sightings: Iterable[Sighting]) -> Iterator[Sighting]:
    """Conversations that some slice saw and none of their owners has.

    Slices of the same hours, cut by direction, own together: nobody knows which of them lacks it.
    """
    for text, start in sightings:
        name = digest(text)
        if not any(name in digests for digests in owned):
            yield text, start
