"""What one slice saw and its owner lacks: the evidence that a slice is short, sifted before it convicts.

A sighting is held against its owner's digests, one slice at a time, so that memory does not grow with the run. What the owner
lacks is asked for by id: it may have been deleted since it was seen, and it may start elsewhere by now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from lastpage.fetch.client import Client
from lastpage.fetch.lookup import IDS_MAX, standing
from lastpage.interval import Interval
from lastpage.ledger import Ledger, Run
from lastpage.repair import Sighting, holes

#: Ids asked for, one check; where more are lacking, they are taken for missing unasked.
ASKED_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Evidence:
    """The sightings of one run; `missing()` once all its slices are settled."""

    ledger: Ledger
    run: Run
    client: Client
    note: Callable[[str], None]

    def missing(self) -> dict[int, list[str]]:
        """The conversations that each slice lacks although another slice saw them and the API still has them."""
        owners = self._owners()
        lacking: dict[int, list[str]] = defaultdict(list)
        asked = 0
        for interval, numbers in owners.items():
            for batch in _batches(self._holes(numbers, self.ledger.sightings(self.run, interval))):
                now = standing(self.client, [text for text, _ in batch]) if asked < ASKED_MAX else {}
                asked += len(batch)
                self._forget([text for text, start in now.items() if start is None])
                for text, seen in batch:
                    if start := now.get(text, seen):
                        for number in self._at_fault(owners, interval, text, start):
                            lacking[number].append(text)
        return lacking

    def _owners(self) -> dict[Interval, list[int]]:
        """The slices by their hours. Those of the same hours, cut by direction, own together."""
        owners: dict[Interval, list[int]] = defaultdict(list)
        for planned in self.ledger.slices(self.run):
            if planned.state != "cut":
                owners[planned.slice.interval].append(planned.slice.number)
        return owners

    def _holes(self, numbers: Sequence[int], sightings: Iterable[Sighting]) -> Iterator[Sighting]:
        return holes([self.ledger.owned(self.run, number) for number in numbers], sightings)

    def _at_fault(
        self, owners: dict[Interval, list[int]], seen_in: Interval, text: str, start: datetime
    ) -> Sequence[int]:
        """Who lacks it: the slices it was seen in, or, if its start has moved, the new owners unless they have it."""
        if start in seen_in:
            return owners[seen_in]
        numbers = next((numbers for interval, numbers in owners.items() if start in interval), [])
        return numbers if any(self._holes(numbers, [(text, start)])) else []

    def _forget(self, gone: Sequence[str]) -> None:
        if gone:
            self.note(
                f"{len(gone)} conversations that were seen while it ran are gone by now: asked by id, there are none"
            )
            self.ledger.forget_sightings(self.run, gone)


def _batches(sightings: Iterator[Sighting]) -> Iterator[list[Sighting]]:
    while batch := list(islice(sightings, IDS_MAX)):
        yield batch
