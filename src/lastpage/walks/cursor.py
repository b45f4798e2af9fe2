"""The job walk: count, submit, poll with growing waits, read by cursor to the page without one, delete, count again.

A short or empty page with a cursor is not the end (docs/api.md, 3.5). A job that failed, was cancelled, expired or vanished
is lost with its pages: `Again`. A 400 in the middle of the cursor is read as a limit on what one job gives: `Narrow`.
Both counts are kept with the pages; the tally holds what was read against the larger of them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from lastpage.api.messages import JOBS, Answer, Call, read_job, read_status, safe_id
from lastpage.planning.planner import count_call
from lastpage.planning.slices import JOB_PAGE_ROWS, Probe, Slice, counted_intervals
from lastpage.query.query import Query
from lastpage.walks.walk import Again, Done, Narrow, Request, Step

JOB_PAGE_ROWS_MIN = 50

#: A page's body, decoded; pages grow or shrink towards it.
PAGE_BYTES = 16 * 1024 * 1024
POLL_WAITS_S = (2.0, 3.0, 5.0, 8.0, 10.0, 10.0, 12.0, 15.0, 20.0, 30.0)
POLL_S_MAX = 2 * 3600.0
#: A submission whose answer is lost may have made a job that nobody knows; so it is repeated less often than a read.
SUBMIT_TRIES = 3
LOST = frozenset({404, 410})
OVER = frozenset({"FAILED", "CANCELLED", "EXPIRED"})


@dataclass(frozen=True, slots=True)
class CursorWalk:
    """Walk a slice by an asynchronous job; `page_size` rows a page at most."""

    query: Query
    page_size: int = JOB_PAGE_ROWS

    def first(self, piece: Slice) -> Request:
        return Request(piece, "count", page_size=self.page_size)

    def after(self, request: Request, answer: Answer) -> Step:
        match request.kind:
            case "count" | "recount":
                return self._counted(request, answer)
            case "submit":
                return _poll(replace(request, job=safe_id(read_job(answer.body).id)), 0.0)
            case "poll":
                return _polled(request, answer)
            case "results":
                return self._read(request, answer)
            case _:
                return replace(request, kind="recount", ordinal=0)

    def call(self, request: Request) -> Call:
        match request.kind:
            case "count" | "recount":
                return self._count(request)
            case "submit":
                return self._submit(request)
            case "poll":
                return _job_call("GET", request.job, "", passes=LOST)
            case "results":
                return _results(request)
            case _:
                # Whatever the API says to a deletion, the pages are read: the job's end is its business.
                return _job_call("DELETE", request.job, "", passes=LOST | {400, 403, 409})

    def _counted(self, request: Request, answer: Answer) -> Step:
        if answer.status == 200:
            _ = answer.page  # what cannot be read is no count, and the driver asks for it again
        if request.ordinal + 1 < len(counted_intervals(request.slice)):
            return replace(request, ordinal=request.ordinal + 1)
        if request.kind == "count":
            return replace(request, kind="submit", ordinal=0)
        return Done("read")

    def _read(self, request: Request, answer: Answer) -> Step:
        if answer.status in LOST:
            return Again(f"job {request.job} vanished while it was read")
        if answer.status == 400:
            return Narrow(f"the results of job {request.job} were refused with 400 after {request.ordinal} pages")
        page = answer.page
        size = _page_size(request.page_size, len(answer.body), len(page.heads or ()), self.page_size)
        if page.cursor:
            return replace(request, ordinal=request.ordinal + 1, cursor=page.cursor, page_size=size)
        return replace(request, kind="delete", ordinal=0, cursor="")

    def _count(self, request: Request) -> Call:
        interval = counted_intervals(request.slice)[request.ordinal]
        # Without a count the coverage is `unproven`; that is no reason to fetch nothing.
        return count_call(self.query, Probe(interval), frozenset({400, 403, 404}))

    def _submit(self, request: Request) -> Call:
        piece = request.slice
        body = {"interval": str(piece.asked), **self.query.filters()}
        if piece.asked == piece.interval:
            body["startOfDayIntervalMatching"] = True
        return Call("POST", JOBS, body=json.dumps(body).encode(), endpoint=f"POST {JOBS}", tries=SUBMIT_TRIES)


def _poll(request: Request, waited_s: float) -> Request:
    ordinal = request.ordinal if request.kind == "poll" else 0
    wait_s = POLL_WAITS_S[min(ordinal, len(POLL_WAITS_S) - 1)]
    return replace(request, kind="poll", ordinal=ordinal + 1, wait_s=wait_s, waited_s=waited_s + wait_s)


def _polled(request: Request, answer: Answer) -> Step:
    if answer.status in LOST:
        return Again(f"job {request.job} vanished before it was done")
    status = read_status(answer.body)
    if status.state in OVER:
        return Again(f"job {request.job} ended as {status.state}" + (f": {status.error}" if status.error else ""))
    if status.state == "FULFILLED":
        return replace(request, kind="results", ordinal=0, cursor="", wait_s=0.0)
    if request.waited_s >= POLL_S_MAX:
        return Again(f"job {request.job} was still {status.state or 'running'} after {POLL_S_MAX / 3600:.0f} hours")
    return _poll(request, request.waited_s)


def _page_size(size: int, body_bytes: int, rows: int, largest: int) -> int:
    if not rows:
        return size
    return max(min(JOB_PAGE_ROWS_MIN, largest), min(largest, int(PAGE_BYTES / (body_bytes / rows))))


def _results(request: Request) -> Call:
    query = [("pageSize", str(request.page_size))]
    if request.cursor:
        query.append(("cursor", request.cursor))
    # A 400 on the first page is passed on too: some deployments limit what a job gives as a whole.
    return _job_call("GET", request.job, "/results", query=tuple(query), passes=LOST | {400})


def _job_call(
    method: str, job: str, rest: str, *, query: tuple[tuple[str, str], ...] = (), passes: frozenset[int]
) -> Call:
    return Call(
        method, f"{JOBS}/{safe_id(job)}{rest}", query=query, endpoint=f"{method} {JOBS}/{{jobId}}{rest}", passes=passes
    )
