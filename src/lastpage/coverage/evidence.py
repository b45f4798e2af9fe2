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

import msgspec

from lastpage.api.client import Client
from lastpage.api.messages import DETAILS, Answer, Call, is_safe_id, read_head, read_page
from lastpage.api.responses import decoded
from lastpage.ledger.ids import Digests, digest
from lastpage.ledger.ledger import Ledger, Run
from lastpage.query.interval import Interval

#: An id, and when the conversation started as it was seen.
Sighting = tuple[str, datetime]

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


# PART fetch.lookup
# Where conversations stand by now, asked by id (docs/api.md, 1.5): the last word before one is called missing.
#
# How many ids one call takes is not known (docs/api.md, 11, row 19): a call that is refused is cut in two. An id that is absent
# from the answer is asked for alone, since only there the API says in so many words that it does not exist.


#: Ids of one call; other calls of the platform take as many.
IDS_MAX = 100
REFUSED = frozenset({400, 403, 404})
CONVERSATIONS = "/api/v2/analytics/conversations"


def standing(client: Client, ids: Sequence[str]) -> dict[str, datetime | None]:
    """When each of at most `IDS_MAX` conversations starts by now; None: it is gone. What the API would not tell is left out."""
    asked = [text for text in ids if is_safe_id(text)]
    known: dict[str, datetime | None] = dict(_several(client, asked)) if asked else {}
    for text in asked:
        if text not in known:
            known.update(_alone(client, text))
    return known


def _several(client: Client, ids: Sequence[str]) -> Iterator[tuple[str, datetime]]:
    for answer in records(client, ids):
        yield from ((head.id, head.start) for head in answer.page.known)


def records(client: Client, ids: Sequence[str]) -> Iterator[Answer]:
    """Pages of at most `IDS_MAX` conversations, as they are by now and without attributes; what is not to be had is left out."""
    call = Call("GET", DETAILS, query=(("id", ",".join(ids)),), endpoint=f"GET {DETAILS}", passes=REFUSED)
    answer = client.send(call)
    if answer.status == 400 and len(ids) > 1:
        middle = len(ids) // 2
        yield from records(client, ids[:middle])
        yield from records(client, ids[middle:])
    elif answer.status == 200:
        decoded(call, answer, read_page)
        yield answer


def _alone(client: Client, text: str) -> dict[str, datetime | None]:
    endpoint = f"GET {CONVERSATIONS}/{{conversationId}}/details"
    answer = client.send(Call("GET", f"{CONVERSATIONS}/{text}/details", endpoint=endpoint, passes=REFUSED))
    if answer.status == 404:
        return {text: None}
    head = read_head(msgspec.Raw(answer.body)) if answer.status == 200 else None
    return {text: head.start} if head else {}


def holes(owned: Sequence[Digests], sightings: Iterable[Sighting]) -> Iterator[Sighting]:
    """Conversations that some slice saw and none of their owners has.

    Slices of the same hours, cut by direction, own together: nobody knows which of them lacks it.
    """
    for text, start in sightings:
        name = digest(text)
        if not any(name in digests for digests in owned):
            yield text, start
