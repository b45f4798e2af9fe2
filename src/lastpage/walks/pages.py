"""The page-number walk: `POST …/details/query`, newest first, to the first page without rows.

`totalHits` is approximate and never ends a walk (docs/api.md, 3.2). A walk may stop before the
absent page when a whole page lies beyond the slice and every page so far was in order: then nothing
of the slice can follow. Newest first, threads that have been open for days come after everything
the slice owns. A filter on segments is the exception: such a request looks past its slice's end, so
it goes oldest first, or it would read a day of foreign rows before its own.

After the last page, what started in the slice is counted once more: an index that was out while the
pages were read is there again.

    sign    the walk ended because          its own count is
    ------  ------------------------------  --------------------------------------------------------
    absent  a page had no conversations     the larger of the first and the last totalHits, against
                                            the unique ids
    last    a page had no token, after      the same
            pages that had one; or page 1
            came again, with all that is
            counted
    beyond  a whole page lay beyond the     how far totalHits moved, and how many rows came twice:
            slice, all pages in order       whatever moved may have moved a row from a page to come
                                            to one that had been read

A server that sends tokens, which is not known of this API (docs/api.md, 11, row 22), takes no
notice of page numbers. Where all is on its first page it sends none, and its page 2 is page 1.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from lastpage.api import shapes
from lastpage.api.messages import QUERY, Answer, Call, Page
from lastpage.planning.planner import COUNT_REFUSED, count_call
from lastpage.planning.slices import PAGE_ROWS_MAX, WALL_ROWS, Probe, Slice, from_midnight
from lastpage.query.interval import Interval, iso
from lastpage.query.query import Query
from lastpage.walks.sizes import fewer_rows, next_page
from lastpage.walks.walk import Count, Counted, Done, Narrow, Request, Sign, Step, next_count


@dataclass(frozen=True, slots=True)
class PagesWalk:
    """Walk a slice by page numbers; `page_size` rows a page, at most 100."""

    query: Query
    page_size: int = PAGE_ROWS_MAX

    page_size_usual: ClassVar[int] = PAGE_ROWS_MAX
    page_size_max: ClassVar[int] = PAGE_ROWS_MAX
    is_job: ClassVar[bool] = False
    needs_watermark: ClassVar[bool] = False
    #: Rows slide from page to page; after this long the pages are no longer one answer.
    resumable_s: ClassVar[float] = 300.0
    has_attributes: ClassVar[bool] = False
    signs: ClassVar[Mapping[Sign, str]] = {
        "absent": "counts agree",
        "last": "counts agree",
        "beyond": "read in order past its start",
    }

    def first(self, slice_: Slice) -> Request:
        """Page 1."""
        return Request(slice_, "page", ordinal=1, page_size=self.page_size)

    def after(self, request: Request, answer: Answer) -> Step:
        """The next page; after the last one a count, and the end."""
        if request.kind == "recount":
            more = next_count(request, from_midnight(request.slice.interval))
            return more or Done(request.sign)
        if answer.status == 400:
            return Narrow(f"page {request.ordinal} was refused with 400")
        page = answer.page
        if not page.token and (not page.heads or _is_last(request, page)):
            return self._count(request, "last" if page.heads else "absent")
        starts = [head.start for head in page.known]
        # Sorted within the page, and after the first row of the page before it.
        sequence = [*([request.top] if request.top else []), *map(iso, starts)]
        in_order = sequence == sorted(sequence, reverse=self._newest_first)
        ordered = request.ordered and in_order
        if ordered and starts and self._is_beyond(starts, request.slice.interval):
            return self._count(request, "beyond")
        top = iso(starts[0]) if starts else request.top
        came = replace(request, top=top, ordered=ordered, token=page.token or "")
        following = next_page(came, self.page_size)
        ordinal = following.ordinal
        if ordinal * following.page_size > WALL_ROWS:
            return Narrow(f"page {ordinal} would be beyond the {WALL_ROWS:,} rows of a query")
        return following

    def fewer_rows(self, request: Request, why: str) -> Step:
        """The same place with fewer rows, if its page number can say it."""
        return fewer_rows(request, self.page_size, why)

    def call(self, request: Request) -> Call:
        """One page of the details query, or a count (docs/api.md, 1.3)."""
        if request.kind == "recount":
            interval = from_midnight(request.slice.interval)[request.ordinal]
            return count_call(self.query, Probe(interval), COUNT_REFUSED)
        body = {
            "interval": str(request.slice.asked),
            "order": "desc" if self._newest_first else "asc",
            "orderBy": "conversationStart",
            "paging": {"pageSize": request.page_size, "pageNumber": request.ordinal},
            **self.query.filters(),
        }
        return Call(
            "POST",
            QUERY,
            query=(("nextPageToken", request.token),) if request.token else (),
            body=json.dumps(body).encode(),
            endpoint=f"POST {QUERY}",
            # A 400 on the first page is a wrong query. On a later one it is a limit: `Narrow`.
            passes=frozenset({400}) if request.ordinal > 1 else frozenset(),
            reads=shapes.page,
            # The same of `{}`: before any page came, there is no count that could decide.
            may_be_blank=request.ordinal > 1,
            rows=request.page_size,
        )

    @staticmethod
    def as_of(asked_at: datetime, watermark: datetime | None) -> datetime:
        """The moment of the request: rows are as they were then."""
        return asked_at

    @staticmethod
    def settled_until(watermark: datetime | None, planned: datetime | None) -> datetime | None:
        """The watermark of the plan; what it reached since says nothing of rows read before."""
        return planned

    @staticmethod
    def doubt(slice_: Slice, watermark: datetime | None) -> str:
        """Nothing: this route does not depend on the watermark."""
        return ""

    @staticmethod
    def counts(sign: Sign, account: Counted) -> list[Count]:
        """See the table at the top of this file."""
        counts: list[Count] = []
        if account.hits:
            first, last = account.hits[0], account.hits[-1]
            if sign == "beyond":
                moved = max(abs(last - first), account.duplicates)
                counts.append(Count("moved", account.owns + moved, account.owns))
            else:
                counts.append(Count("hits", max(first, last), account.unique))
        recounted = account.counts.get("recount", ())
        if recounted and None not in recounted:
            to_end, *to_start = (each or 0 for each in recounted)
            counts.append(Count("starts", to_end - sum(to_start), account.owns))
        return counts

    @staticmethod
    def continuation(request: Request, page: Page) -> int | str | None:
        """A token if the API sent one, else the next page number."""
        if page.token or not page.heads or _is_last(request, page):
            return page.token or None
        return request.ordinal + 1

    @staticmethod
    def cleanup(made: Sequence[Request]) -> Request | None:
        """Nothing is left at the API."""
        return None

    @staticmethod
    def _count(last: Request, sign: Sign) -> Request:
        """The first count after the last page."""
        return Request(last.slice, "recount", page_size=last.page_size, sign=sign)

    @property
    def _newest_first(self) -> bool:
        return not self.query.sees_segments

    def _is_beyond(self, starts: Sequence[datetime], interval: Interval) -> bool:
        if self._newest_first:
            return max(starts) < interval.start
        return min(starts) >= interval.end


def _is_last(request: Request, page: Page) -> bool:
    """Whether a page without a token is known to be the last, although it has conversations."""
    if request.token:
        return True
    came_again = [iso(head.start) for head in page.known[:1]] == [request.top]
    return came_again and len(page.heads or ()) >= (page.total_hits or math.inf)
