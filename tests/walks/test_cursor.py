"""The walk by a job and its cursor, by assertion alone: what follows what."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lastpage.api.messages import JOBS, Answer
from lastpage.planning.slices import Slice
from lastpage.query.interval import DAY, Interval
from lastpage.query.query import Query
from lastpage.walks.cursor import POLL_S_MAX, CursorWalk
from lastpage.walks.polls import WAITS_S
from lastpage.walks.walk import Again, Done, Narrow, Request

WEEKS = Interval(datetime(2023, 9, 1, tzinfo=UTC), datetime(2023, 9, 11, tzinfo=UTC))
JOB = Slice(1, WEEKS, WEEKS, "cursor", "test")
UUID = "0f0e0d0c-0000-0000-0000-000000000001"
ROW = {"conversationId": "c", "conversationStart": "2023-09-02T10:00:00.000Z"}


def answer(status: int = 200, **body: Any) -> Answer:
    return Answer(status, raw=json.dumps(body).encode())


def page(rows: int = 0, **more: Any) -> Answer:
    """A page of the results with so many rows."""
    return answer(conversations=[ROW] * rows, **more)


def go(walk: CursorWalk, request: Request, *answers: Answer) -> Any:
    step: Any = request
    for each in answers:
        assert isinstance(step, Request)
        step = walk.after(step, each)
    return step


def test_a_job_from_count_to_count() -> None:
    """Count (in parts a count may cover), submit, poll, read by cursor to its end, delete, count again."""
    walk = CursorWalk(Query(WEEKS))
    script = [
        answer(totalHits=5),
        answer(totalHits=5),
        answer(202, jobId=UUID),
        answer(202, state="QUEUED"),
        answer(state="PENDING"),
        answer(state="FULFILLED"),
        page(1, cursor="a"),
        page(cursor="b"),
        page(1),
        Answer(204),
        answer(totalHits=5),
        answer(totalHits=5),
    ]
    step: Any = walk.first(JOB)
    kinds = []
    for each in script:
        kinds.append((step.kind, step.cursor))
        step = walk.after(step, each)
    assert step == Done("read")
    assert [kind for kind, _ in kinds] == [
        *("count", "count", "submit", "poll", "poll", "poll"),
        *("results", "results", "results", "delete", "recount", "recount"),
    ]
    assert [cursor for kind, cursor in kinds if kind == "results"] == ["", "a", "b"]


def test_what_a_job_request_says() -> None:
    """Unfiltered, a job is restricted to what started on its days; with a look ahead it is not. No paging, no limit."""
    walk = CursorWalk(Query(WEEKS))
    call = walk.call(Request(JOB, "submit"))
    assert (call.method, call.path) == ("POST", JOBS)
    assert json.loads(call.body or b"") == {
        "interval": str(WEEKS),
        "startOfDayIntervalMatching": True,
    }
    ahead = Slice(1, WEEKS, Interval(WEEKS.start, WEEKS.end + DAY), "cursor", "test")
    assert "startOfDayIntervalMatching" not in json.loads(
        walk.call(Request(ahead, "submit")).body or b""
    )


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED", "EXPIRED"])
def test_jobs_that_end_badly(state: str) -> None:
    """A job that will never have results is lost, with the API's reason; it is not polled for ever."""
    end = go(
        CursorWalk(Query(WEEKS)),
        Request(JOB, "poll", job=UUID),
        answer(state=state, errorMessage="too bad"),
    )
    assert isinstance(end, Again)
    assert "too bad" in end.reason


def test_an_unknown_state_is_polled_on() -> None:
    """States are open strings; one we do not know is waited for."""
    step = go(CursorWalk(Query(WEEKS)), Request(JOB, "poll", job=UUID), answer(state="BREWING"))
    assert step.kind == "poll"


def test_polling_is_bounded_and_slows_down() -> None:
    """Waits grow to 30 seconds, and after two hours the job is given up."""
    walk = CursorWalk(Query(WEEKS))
    step: Any = walk.after(Request(JOB, "submit"), answer(202, jobId=UUID))
    waits = []
    while isinstance(step, Request):
        waits.append(step.wait_s)
        step = walk.after(step, answer(state="PENDING"))
    assert isinstance(step, Again)
    assert tuple(waits[: len(WAITS_S)]) == WAITS_S
    assert POLL_S_MAX <= sum(waits) <= POLL_S_MAX + 30


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("kind", ["poll", "results"])
def test_a_job_that_vanished(kind: Any, status: int) -> None:
    """A job that is not there any more is submitted again."""
    assert isinstance(
        go(CursorWalk(Query(WEEKS)), Request(JOB, kind, job=UUID), answer(status)), Again
    )


def test_a_refused_cursor_is_a_limit() -> None:
    """A 400 in the middle of the cursor means that one job gives no more: a smaller slice."""
    assert isinstance(
        go(CursorWalk(Query(WEEKS)), Request(JOB, "results", job=UUID, cursor="x"), answer(400)),
        Narrow,
    )


def test_page_size_follows_the_bodies() -> None:
    """Pages shrink when bodies are over 16 MiB decoded, and never grow above what was asked for."""
    walk = CursorWalk(Query(WEEKS))
    fat = page(1, cursor="a", padding="x" * (32 << 20))
    step = go(walk, Request(JOB, "results", job=UUID, page_size=1), fat)
    assert step.page_size == 50
    step = go(walk, Request(JOB, "results", job=UUID, page_size=500), page(1, cursor="a"))
    assert step.page_size == 1000


def test_a_deleted_job_may_be_gone() -> None:
    """Whatever the API says to the deletion, what was read stays read."""
    for status in (204, 404, 409):
        assert (
            go(CursorWalk(Query(WEEKS)), Request(JOB, "delete", job=UUID), answer(status)).kind
            == "recount"
        )


def test_requests_survive_the_ledger() -> None:
    """A request written down and read back is the same request."""
    request = Request(JOB, "results", 3, 500, UUID, "cursor==", "", "", True, 12.5, 0.0)
    assert Request.from_record(JOB, json.loads(json.dumps(request.record()))) == request


@pytest.mark.parametrize("job", ["../../x", "a/b", "", "a?b", "%2e"])
def test_ids_that_are_none(job: str) -> None:
    """An id that could leave its segment of the path is refused."""
    with pytest.raises(Exception, match="job id that is not one"):
        CursorWalk(Query(WEEKS)).call(Request(JOB, "poll", job=job))
