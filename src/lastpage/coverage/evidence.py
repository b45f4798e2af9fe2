"""What one slice saw and its owner lacks: evidence that a slice is short, checked before it counts.

Both routes also return conversations that another slice owns. Each such sighting is held against
its owner's ids, one slice at a time, so memory does not grow with the run. What the owner lacks is
asked for by id (docs/api.md, 1.5):

    the API answers            then
    -------------------------  --------------------------------------------------------
    the same start             the owner lacks it
    a start in another slice   that slice lacks it, unless it has it
    404, asked for alone       it was deleted since it was seen: no evidence, and a note
    anything else              the sighting counts as it was seen
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from lastpage.api.client import Client
from lastpage.coverage.lookup import IDS_MAX, starts_by_id
from lastpage.ledger.ids import digest
from lastpage.ledger.ledger import Ledger
from lastpage.ledger.records import Run
from lastpage.planning.slices import Slice

#: Ids asked for in one check; where more are lacking, the rest counts unasked.
ASKED_MAX = 1_000
#: An id, and when the conversation started as it was seen.
Sighting = tuple[str, datetime]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The sightings of one run; `missing()` once all its slices are settled."""

    ledger: Ledger
    run: Run
    client: Client
    note: Callable[[str], None]

    def missing(self) -> dict[int, list[Sighting]]:
        """What each slice lacks, by its number: another slice saw it, and the API has it."""
        slices = [each.slice for each in self.ledger.slices(self.run) if each.state != "cut"]
        missing: dict[int, list[Sighting]] = defaultdict(list)
        asked = 0
        for slice_ in slices:
            lacking = self._lacking(slice_, self.ledger.sightings(self.run, slice_.interval))
            while batch := list(islice(lacking, IDS_MAX)):
                ids = [text for text, _ in batch]
                starts = starts_by_id(self.client, ids) if asked < ASKED_MAX else {}
                asked += len(batch)
                self._forget([text for text, start in starts.items() if start is None])
                for text, seen in batch:
                    start = starts.get(text, seen)
                    if start is None:
                        continue
                    if start in slice_.interval:
                        missing[slice_.number].append((text, start))
                        continue
                    for owner in slices:  # they are disjoint, so one at most
                        if start in owner.interval:
                            missing[owner.number] += self._lacking(owner, [(text, start)])
        return {number: sightings for number, sightings in missing.items() if sightings}

    def _lacking(self, slice_: Slice, sightings: Iterable[Sighting]) -> Iterator[Sighting]:
        """Those of the sightings that a slice does not own."""
        owned = self.ledger.owned(self.run, slice_.number)
        return (sighting for sighting in sightings if digest(sighting[0]) not in owned)

    def _forget(self, gone: Sequence[str]) -> None:
        if gone:
            self.note(
                f"{len(gone)} conversations that were seen while it ran are gone by now: "
                "asked by id, they do not exist"
            )
            self.ledger.forget_sightings(self.run, gone)
