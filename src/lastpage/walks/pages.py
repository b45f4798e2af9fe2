"""The page-number walk: `POST …/details/query`, newest first, to the first page that has no conversations.

`totalHits` is approximate and never ends a walk (docs/api.md, 3.2). A walk may stop before the absent page when a whole page
lies beyond the slice and every page so far was in order: then nothing of the slice can follow. Newest first, threads that
have been open for days come after everything the slice owns. A filter on segments is the exception: such a request looks
past its slice's end, so it goes oldest first, or it would read a day of foreign rows before its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from lastpage.api.messages import DETAILS, Answer, Call
from lastpage.planning.planner import ENDPOINT
from lastpage.planning.slices import PAGE_ROWS_MAX, WALL_ROWS, Slice
from lastpage.query.interval import iso
from lastpage.query.query import Query
from lastpage.walks.walk import Done, Narrow, Request, Step


@dataclass(frozen=True, slots=True)
class PagesWalk:
    """Walk a slice by page numbers; `page_size` rows a page, at most 100."""

    query: Query
    page_size: int = PAGE_ROWS_MAX

    def first(self, piece: Slice) -> Request:
        return Request(piece, "page", ordinal=1, page_size=self.page_size)

    def after(self, request: Request, answer: Answer) -> Step:
        if answer.status == 400:
            return Narrow(f"page {request.ordinal} was refused with 400")
        page = answer.page
        if not page.heads and not page.token:
            return Done("absent")
        starts = [head.start for head in page.known]
        ordered = request.ordered and _in_order(starts, request.top, _newest_first(self.query))
        if ordered and starts and self._beyond(request.slice, starts):
            return Done("beyond")
        if (request.ordinal + 1) * request.page_size > WALL_ROWS:
            return Narrow(f"page {request.ordinal + 1} would be beyond the {WALL_ROWS:,} rows that a query gives")
        top = iso(starts[0]) if starts else request.top
        return replace(request, ordinal=request.ordinal + 1, top=top, ordered=ordered, token=page.token or "")

    def call(self, request: Request) -> Call:
        body = {
            "interval": str(request.slice.asked),
            "order": "desc" if _newest_first(self.query) else "asc",
            "orderBy": "conversationStart",
            "paging": {"pageSize": request.page_size, "pageNumber": request.ordinal},
            **self.query.filters(),
        }
        return Call(
            "POST",
            f"{DETAILS}/query",
            query=(("nextPageToken", request.token),) if request.token else (),
            body=json.dumps(body).encode(),
            endpoint=ENDPOINT,
            # A 400 on the first page is a wrong request; on a later one it is a limit, and the walk's to answer.
            passes=frozenset({400}) if request.ordinal > 1 else frozenset(),
        )

    def _beyond(self, piece: Slice, starts: Sequence[datetime]) -> bool:
        if _newest_first(self.query):
            return max(starts) < piece.interval.start
        return min(starts) >= piece.interval.end


def _newest_first(query: Query) -> bool:
    return not query.sees_segments


def _in_order(starts: Sequence[datetime], top: str, newest_first: bool) -> bool:
    """Whether a page is sorted, and does not begin before the one in front of it began."""
    begun = [*([top] if top else []), *map(iso, starts)]
    return begun == sorted(begun, reverse=newest_first)
