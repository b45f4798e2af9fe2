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

How many ids one call takes is not known (docs/api.md, 11, row 19): a call that is refused is cut in
two. An id that is absent from an answer is asked for alone, since only there the API says that it
does not exist.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from lastpage.api.client import Client
from lastpage.api.messages import DETAILS, Answer, Call, is_safe_id, read_head, read_page
from lastpage.api.shapes import body_as, record
from lastpage.errors import ApiError
from lastpage.ledger.ids import digest
from lastpage.ledger.ledger import Ledger
from lastpage.ledger.records import Run
from lastpage.planning.slices import Slice

#: Ids asked for in one check; where more are lacking, the rest counts unasked.
ASKED_MAX = 1_000
#: Ids of one call; other calls of the platform take as many.
IDS_MAX = 100
REFUSED = frozenset({400, 403, 404})
CONVERSATIONS = "/api/v2/analytics/conversations"
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


def starts_by_id(client: Client, ids: Sequence[str]) -> dict[str, datetime | None]:
    """When each of at most `IDS_MAX` conversations starts now; None where it does not exist.

    An id that the API does not answer for, one way or the other, is left out.
    """
    asked = [text for text in ids if is_safe_id(text)]
    starts: dict[str, datetime | None] = dict(_ask_together(client, asked)) if asked else {}
    for text in asked:
        if text not in starts:
            starts.update(_ask_alone(client, text))
    return starts


def _ask_together(client: Client, ids: Sequence[str]) -> Iterator[Sighting]:
    """The starts of those that the API answers for; a call that asks for too many is cut in two."""
    call = Call(
        "GET",
        DETAILS,
        query=(("id", ",".join(ids)),),
        endpoint=f"GET {DETAILS}",
        passes=REFUSED,
        # Ids that nobody knows may be all: then it may have no key at all.
        reads=body_as(read_page),
        rows=len(ids),
    )
    try:
        answer = client.send(call)
    except ApiError as problem:
        if not problem.too_large or len(ids) == 1:
            raise
        answer = Answer(400)
    if answer.status == 400 and len(ids) > 1:
        middle = len(ids) // 2
        yield from _ask_together(client, ids[:middle])
        yield from _ask_together(client, ids[middle:])
    elif answer.status == 200:
        yield from ((head.id, head.start) for head in answer.page.known)


def _ask_alone(client: Client, text: str) -> dict[str, datetime | None]:
    """The start of one conversation, or None; nothing where the API does not answer for it."""
    endpoint = f"GET {CONVERSATIONS}/{{conversationId}}/details"
    path = f"{CONVERSATIONS}/{text}/details"
    answer = client.send(Call("GET", path, endpoint=endpoint, passes=REFUSED, reads=record))
    if answer.status == 404:
        return {text: None}
    head = read_head(record(answer)) if answer.status == 200 else None
    return {text: head.start} if head else {}
