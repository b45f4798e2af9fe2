"""Where conversations stand by now, asked by id (docs/api.md, 1.5): the last word before one is called missing.

How many ids one call takes is not known (docs/api.md, 11, row 19): a call that is refused is cut in two. An id that is absent
from the answer is asked for alone, since only there the API says in so many words that it does not exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from lastpage.fetch import envelope
from lastpage.fetch.client import Client
from lastpage.fetch.complaints import understood
from lastpage.fetch.cursor import is_safe
from lastpage.fetch.transport import Answer, Call
from lastpage.fetch.walk import DETAILS

#: Ids of one call; other calls of the platform take as many.
IDS_MAX = 100
REFUSED = frozenset({400, 403, 404})
CONVERSATIONS = "/api/v2/analytics/conversations"


def standing(client: Client, ids: Sequence[str]) -> dict[str, datetime | None]:
    """When each of at most `IDS_MAX` conversations starts by now; None: it is gone. What the API would not tell is left out."""
    asked = [text for text in ids if is_safe(text)]
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
        understood(call, answer, envelope.page)
        yield answer


def _alone(client: Client, text: str) -> dict[str, datetime | None]:
    endpoint = f"GET {CONVERSATIONS}/{{conversationId}}/details"
    answer = client.send(Call("GET", f"{CONVERSATIONS}/{text}/details", endpoint=endpoint, passes=REFUSED))
    if answer.status == 404:
        return {text: None}
    head = envelope.head(msgspec.Raw(answer.body)) if answer.status == 200 else None
    return {text: head.start} if head else {}
