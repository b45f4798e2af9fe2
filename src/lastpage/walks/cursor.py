"""The job walk: count, submit, poll, read by cursor to the page without one, delete, count again.

A short or empty page with a cursor is not the end (docs/api.md, 3.5). Both rounds of counts are
kept with the pages: what was read is held against the larger of them.

    what happens                                     the walk
    -----------------------------------------------  -----------------------------------------------
    a count is refused (400, 403, 404)               goes on: without a count the coverage is
                                                     `unproven`, which is better than no rows
    the job fails, is cancelled or expires           Again: its pages are lost with it
    the job or its cursor vanishes (404, 410)        Again
    the job is not done after two hours              Again
    the results are refused with 400                 Narrow: it is read as a limit on one job
    the deletion is refused                          goes on: the pages are read
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from lastpage.api import shapes
from lastpage.api.messages import JOBS, Answer, Call, Page, read_job, read_status, safe_id
from lastpage.planning.planner import COUNT_REFUSED, count_call
from lastpage.planning.slices import (
    JOB_PAGE_ROWS,
    JOB_PAGE_ROWS_MAX,
    LAG_ASSUMED,
    Probe,
    Slice,
    counted_intervals,
)
from lastpage.query.interval import floor_day, iso
from lastpage.query.query import Query
from lastpage.walks.polls import wait_s
from lastpage.walks.sizes import fewer_rows, next_page
from lastpage.walks.walk import Again, Count, Counted, Done, Narrow, Request, Sign, Step, next_count

#: A page's body, decoded; pages grow or shrink towards it.
PAGE_BYTES = 16 * 1024 * 1024
JOB_PAGE_ROWS_MIN = 50
#: Seconds after which a job is given up.
POLL_S_MAX = 2 * 3600.0
#: A submission whose answer is lost may have made a job that is never read; so it is repeated less
#: often than a read.
SUBMISSIONS_LOST_MAX = 3
#: Statuses of a job, or of its cursor, that does not exist any more.
VANISHED = frozenset({404, 410})
#: States of a job that never has results (docs/api.md, 1.4).
FAILED = frozenset({"FAILED", "CANCELLED", "EXPIRED"})


@dataclass(frozen=True, slots=True)
class CursorWalk:
    """Walk a slice by an asynchronous job; `page_size` rows a page at most.

    For `quiet_s` seconds it need not be asked about (`polls.py`).
    """

    query: Query
    page_size: int = JOB_PAGE_ROWS
    quiet_s: float = 0.0

    page_size_usual: ClassVar[int] = JOB_PAGE_ROWS
    page_size_max: ClassVar[int] = JOB_PAGE_ROWS_MAX
    is_job: ClassVar[bool] = True
    needs_watermark: ClassVar[bool] = True
    resumable_s: ClassVar[float] = math.inf
    has_attributes: ClassVar[bool] = True
    signs: ClassVar[Mapping[Sign, str]] = {"read": "counts agree"}

    def first(self, slice_: Slice) -> Request:
        """The first count."""
        return Request(slice_, "count", page_size=self.page_size)

    def after(self, request: Request, answer: Answer) -> Step:
        """The next step of the job, or the end."""
        match request.kind:
            case "count" | "recount":
                return _after_count(request)
            case "submit":
                return self._poll(replace(request, job=read_job(answer.body).id), 0.0)
            case "poll":
                return self._after_poll(request, answer)
            case "results":
                return self._after_results(request, answer)
            case _:
                return replace(request, kind="recount", ordinal=0)

    def call(self, request: Request) -> Call:
        """One request of the job (docs/api.md, 1.4)."""
        match request.kind:
            case "count" | "recount":
                interval = counted_intervals(request.slice)[request.ordinal]
                return count_call(self.query, Probe(interval), COUNT_REFUSED)
            case "submit":
                return self._submit(request)
            case "poll":
                return _job_call(
                    "GET", request.job, passes=VANISHED, reads=shapes.body_as(read_status)
                )
            case "results":
                return _results(request)
            case _:
                return _job_call("DELETE", request.job, passes=VANISHED | {400, 403, 409})

    @staticmethod
    def as_of(asked_at: datetime, watermark: datetime | None) -> datetime:
        """The watermark: what it had not reached is not in the rows."""
        return watermark or asked_at - LAG_ASSUMED

    @staticmethod
    def settled_until(watermark: datetime | None, planned: datetime | None) -> datetime | None:
        """The watermark of this attempt."""
        return watermark

    @staticmethod
    def doubt(slice_: Slice, watermark: datetime | None) -> str:
        """A job is silently partial beyond the watermark (docs/api.md, 7)."""
        if watermark is None:
            return "the API did not say how far its jobs reach"
        if watermark < slice_.asked.end:
            return f"jobs reached only to {iso(watermark)} when this one was submitted"
        return ""

    @staticmethod
    def counts(sign: Sign, account: Counted) -> list[Count]:
        """Those before and after.

        Where the slice begins in the middle of a day, what lives in it and what starts in it
        differ, and it is not known which the API counts (docs/api.md, 11, row 5): both rule.
        """
        counts: list[Count] = []
        for counted in account.counts.values():
            known = [each for each in counted if each is not None]
            if len(known) < len(counted):
                continue
            if floor_day(account.slice.interval.start) == account.slice.interval.start:
                counts.append(Count("starts", sum(known), account.owns))
                continue
            *parts, to_end, to_start = known
            counts.append(Count("living", sum(parts), account.countable))
            started = to_end - to_start + sum(parts[1:])
            counts.append(Count("starts", started, account.owns))
        return counts

    @staticmethod
    def continuation(request: Request, page: Page) -> int | str | None:
        """The cursor."""
        return page.cursor

    @staticmethod
    def cleanup(made: Sequence[Request]) -> Request | None:
        """The deletion of the job, while it is polled or read. Without it a job expires."""
        if not made or made[-1].kind not in ("poll", "results"):
            return None
        return Request(made[-1].slice, "delete", job=made[-1].job)

    def _poll(self, request: Request, waited_s: float) -> Request:
        polls = request.ordinal if request.kind == "poll" else 0
        pause_s = wait_s(polls, self.quiet_s)
        waited_s += pause_s
        return replace(request, kind="poll", ordinal=polls + 1, wait_s=pause_s, waited_s=waited_s)

    def _after_poll(self, request: Request, answer: Answer) -> Step:
        if answer.status in VANISHED:
            return Again(f"job {request.job} vanished before it was done")
        status = read_status(answer.body)
        if status.state in FAILED:
            error = f": {status.error}" if status.error else ""
            return Again(f"job {request.job} ended as {status.state}{error}")
        if status.state == "FULFILLED":
            return replace(request, kind="results", ordinal=0, cursor="", wait_s=0.0)
        if request.waited_s >= POLL_S_MAX:
            state = status.state or "running"
            return Again(f"job {request.job} was still {state} after {POLL_S_MAX / 3600:.0f} hours")
        return self._poll(request, request.waited_s)

    def _after_results(self, request: Request, answer: Answer) -> Step:
        if answer.status in VANISHED:
            return Again(f"job {request.job} vanished while it was read")
        if answer.status == 400:
            pages = f"after {request.ordinal} pages"
            return Narrow(f"the results of job {request.job} were refused with 400 {pages}")
        page = answer.page
        if not page.cursor:
            return replace(request, kind="delete", ordinal=0, cursor="")
        following = next_page(replace(request, cursor=page.cursor), self.page_size)
        if not page.heads:
            return following
        # By the bytes of a row on this page: how many rows the next page may have.
        fitting = int(PAGE_BYTES / (len(answer.body) / len(page.heads)))
        smallest = min(JOB_PAGE_ROWS_MIN, self.page_size)
        size = max(smallest, min(self.page_size, fitting))
        return replace(
            following, page_size=min(size, following.page_size) if following.bouts else size
        )

    def fewer_rows(self, request: Request, why: str) -> Step:
        """The same cursor with fewer rows."""
        return fewer_rows(request, self.page_size, why)

    def _submit(self, request: Request) -> Call:
        slice_ = request.slice
        body = {"interval": str(slice_.asked), **self.query.filters()}
        if slice_.asked == slice_.interval:
            # Leaves out what started before the first day (docs/api.md, 3.1), most of what the
            # slice does not own. A job that looks past its slice goes without (docs/api.md, 11).
            body["startOfDayIntervalMatching"] = True
        return Call(
            "POST",
            JOBS,
            body=json.dumps(body).encode(),
            endpoint=f"POST {JOBS}",
            lost_max=SUBMISSIONS_LOST_MAX,
            reads=shapes.body_as(read_job),
        )


def _after_count(request: Request) -> Step:
    if more := next_count(request, counted_intervals(request.slice)):
        return more
    if request.kind == "count":
        return replace(request, kind="submit", ordinal=0)
    return Done("read")


def _results(request: Request) -> Call:
    query = [("pageSize", str(request.page_size))]
    if request.cursor:
        query.append(("cursor", request.cursor))
    # A 400 on the first page passes, too: some deployments limit what a job gives as a whole.
    call = _job_call("GET", request.job, "/results", passes=VANISHED | {400}, reads=shapes.results)
    # `{}` passes, too: it may be how a job says that it found nothing. The counts decide.
    return replace(call, query=tuple(query), may_be_blank=True, rows=request.page_size)


def _job_call(
    method: str,
    job: str,
    rest: str = "",
    *,
    passes: frozenset[int],
    reads: Callable[[Answer], object] | None = None,
) -> Call:
    path = f"{JOBS}/{safe_id(job)}{rest}"
    endpoint = f"{method} {JOBS}/{{jobId}}{rest}"
    return Call(method, path, endpoint=endpoint, passes=passes, reads=reads)
