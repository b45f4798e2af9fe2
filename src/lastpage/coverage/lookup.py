"""Asked for by id: what stands, what is gone, what the filters match.

    question                       how it is asked                       an id is left out where
    -----------------------------  ------------------------------------  ---------------------------
    when does each start now, or   by id (docs/api.md, 1.5): together,   the API would not tell
    does it not exist              and what is absent, alone
    do the filters match each      by a details query with these ids     it does not show the id
                                   and the filters, and one without      even without the filters
                                   the filters

How many ids one call takes is not known (docs/api.md, 11, row 19): a call that is refused is cut in
two. An id that is absent from an answer is asked for alone, since only there the API says that it
does not exist. A details query may not reach back as far as the ids do, or its index may be out:
that it does not show a conversation says something of the filters only where it shows it without.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from lastpage.api import shapes
from lastpage.api.client import Client
from lastpage.api.messages import DETAILS, QUERY, Answer, Call, Page, is_safe_id, read_page
from lastpage.api.records import Head, read_head
from lastpage.errors import ApiError
from lastpage.query.interval import Interval
from lastpage.query.query import Query

#: Ids of one call; other calls of the platform take as many.
IDS_MAX = 100
REFUSED = frozenset({400, 403, 404})
CONVERSATIONS = "/api/v2/analytics/conversations"


def starts_by_id(client: Client, ids: Sequence[str]) -> dict[str, datetime | None]:
    """When each of at most `IDS_MAX` conversations starts now; None where it does not exist.

    An id that the API does not answer for, one way or the other, is left out.
    """
    asked = [text for text in ids if is_safe_id(text)]
    starts: dict[str, datetime | None] = {}
    if asked:
        starts.update((head.id, head.start) for head in _ask_together(client, asked))
    for text in asked:
        if text not in starts:
            starts.update(_ask_alone(client, text))
    return starts


def ends_by_id(client: Client, ids: Sequence[str]) -> list[tuple[str, datetime]]:
    """Of at most `IDS_MAX` conversations those that have ended, and when."""
    asked = [text for text in ids if is_safe_id(text)]
    heads = _ask_together(client, asked) if asked else ()
    return [(head.id, head.end) for head in heads if head.end is not None]


def matched_by_id(
    client: Client, query: Query, interval: Interval, ids: Sequence[str]
) -> dict[str, bool]:
    """Whether the filters of a query match each of at most `IDS_MAX` conversations of an interval.

    An id that a details query does not show even without the filters is left out.
    """
    shown = dict(_ask_query(client, interval, {}, ids))
    matched = dict(_ask_query(client, interval, query.filters(), ids))
    return {text: matched[text] for text in matched if matched[text] or shown.get(text)}


def _ask_together(client: Client, ids: Sequence[str]) -> Iterator[Head]:
    """Those that the API answers for."""

    def call(some: Sequence[str]) -> Call:
        return Call(
            "GET",
            DETAILS,
            query=(("id", ",".join(some)),),
            endpoint=f"GET {DETAILS}",
            passes=REFUSED,
            # Ids that nobody knows may be all: then it may have no key at all.
            reads=shapes.body_as(read_page),
            rows=len(some),
        )

    for _, page in _answers(client, call, ids):
        yield from page.known


def _ask_alone(client: Client, text: str) -> dict[str, datetime | None]:
    """The start of one conversation, or None; nothing where the API does not answer for it."""
    endpoint = f"GET {CONVERSATIONS}/{{conversationId}}/details"
    path = f"{CONVERSATIONS}/{text}/details"
    call = Call("GET", path, endpoint=endpoint, passes=REFUSED, reads=shapes.record)
    answer = client.send(call)
    if answer.status == 404:
        return {text: None}
    head = read_head(shapes.record(answer)) if answer.status == 200 else None
    return {text: head.start} if head else {}


def _ask_query(
    client: Client, interval: Interval, filters: Mapping[str, Any], ids: Sequence[str]
) -> Iterator[tuple[str, bool]]:
    """Whether a details query shows each of those that it answers for."""

    def call(some: Sequence[str]) -> Call:
        among = [{"dimension": "conversationId", "value": text} for text in some]
        named = {"type": "or", "predicates": among}
        body = {
            "interval": str(interval),
            "paging": {"pageSize": IDS_MAX, "pageNumber": 1},
            **filters,
            "conversationFilters": [*filters.get("conversationFilters", ()), named],
        }
        data = json.dumps(body).encode()
        endpoint = f"POST {QUERY}"
        return Call("POST", QUERY, body=data, endpoint=endpoint, passes=REFUSED, reads=shapes.page)

    for some, page in _answers(client, call, ids):
        shown = {head.id for head in page.known}
        yield from ((text, text in shown) for text in some)


def _answers(
    client: Client, call: Callable[[Sequence[str]], Call], ids: Sequence[str]
) -> Iterator[tuple[Sequence[str], Page]]:
    """What is answered, and for which ids; a call that asks for too many is cut in two."""
    try:
        answer = client.send(call(ids))
    except ApiError as problem:
        if not problem.too_large or len(ids) == 1:
            raise
        answer = Answer(400)
    if answer.status == 400 and len(ids) > 1:
        middle = len(ids) // 2
        yield from _answers(client, call, ids[:middle])
        yield from _answers(client, call, ids[middle:])
    elif answer.status == 200:
        yield ids, answer.page
