"""The two walks, by assertion alone: what follows what."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from lastpage.api.messages import DETAILS, JOBS, Answer
from lastpage.planning.slices import Slice
from lastpage.query.interval import DAY, Interval, iso
from lastpage.query.query import Query
from lastpage.walks.cursor import POLL_S_MAX, POLL_WAITS_S, CursorWalk
from lastpage.walks.pages import PagesWalk
from lastpage.walks.walk import Again, Done, Narrow, Request

START = datetime(2023, 10, 1, 10, tzinfo=UTC)
HOUR = Interval(START, START + timedelta(hours=1))
PIECE = Slice(1, HOUR, HOUR, "pages", "test")
WEEKS = Interval(datetime(2023, 9, 1, tzinfo=UTC), datetime(2023, 9, 11, tzinfo=UTC))
JOB = Slice(1, WEEKS, WEEKS, "cursor", "test")
UUID = "0f0e0d0c-0000-0000-0000-000000000001"


def page(*minutes: float, **more: Any) -> Answer:
    """A page whose conversations start so many minutes after the slice's start."""
    rows = [
        {
            "conversationId": f"c{minute}",
            "conversationStart": iso(START + timedelta(minutes=minute)),
        }
        for minute in minutes
    ]
    body = ({"conversations": rows} if rows else {}) | {"totalHits": 7} | more
    return Answer(200, raw=json.dumps(body).encode())


def answer(status: int = 200, **body: Any) -> Answer:
    return Answer(status, raw=json.dumps(body).encode())


@pytest.mark.invariant("Complete")
def test_page_numbers_to_the_absent_page() -> None:
    """Page numbers go on to a page without conversations, whatever `totalHits` says."""
    walk = PagesWalk(Query(HOUR), page_size=3)
    first = walk.first(PIECE)
    second = walk.after(first, page(50, 40, 30))
    assert isinstance(second, Request)
    third = walk.after(second, page(20, 10, 5))
    assert isinstance(third, Request)
    assert [request.ordinal for request in (first, second, third)] == [1, 2, 3]
    assert walk.after(third, page()) == Done("absent")


@pytest.mark.parametrize("empty", [{}, {"conversations": None}, {"conversations": []}])
def test_the_three_spellings_of_no_conversations(empty: dict[str, Any]) -> None:
    """Absent, null and [] all mean the same."""
    walk = PagesWalk(Query(HOUR))
    assert walk.after(walk.first(PIECE), answer(totalHits=0, **empty)) == Done("absent")


def test_a_short_page_is_not_the_end() -> None:
    """Fewer rows than asked for end nothing."""
    walk = PagesWalk(Query(HOUR))
    assert isinstance(walk.after(walk.first(PIECE), page(30)), Request)


def test_stop_beyond_the_slice() -> None:
    """Newest first, a whole page that starts before the slice ends the walk; a page on the border does not."""
    walk = PagesWalk(Query(HOUR))
    border = walk.after(walk.first(PIECE), page(5, 0, -5))
    assert isinstance(border, Request)
    assert walk.after(border, page(-10, -20)) == Done("beyond")


@pytest.mark.invariant("Complete")
def test_no_early_stop_without_order() -> None:
    """A walk stops early only where the order proves that nothing can follow."""
    walk = PagesWalk(Query(HOUR))
    second = walk.after(walk.first(PIECE), page(5, 30, 10))
    assert isinstance(second, Request)
    third = walk.after(second, page(-10, -20))
    assert isinstance(third, Request)
    assert walk.after(third, page()) == Done("absent")


def test_a_page_that_begins_above_the_one_before_breaks_the_order() -> None:
    """Order holds across pages, or there is no early stop."""
    walk = PagesWalk(Query(HOUR))
    second = walk.after(walk.first(PIECE), page(20, 10))
    assert isinstance(second, Request)
    third = walk.after(second, page(40, -5))
    assert isinstance(third, Request)
    assert isinstance(walk.after(third, page(-10, -20)), Request)


def test_segment_filters_go_oldest_first() -> None:
    """A request that looks past its slice's end reads forward, and stops when a whole page starts after it."""
    walk = PagesWalk(Query(HOUR, media=("voice",)))
    ahead = Slice(1, HOUR, Interval(HOUR.start, HOUR.end + DAY), "pages", "test")
    first = walk.first(ahead)
    body = json.loads(walk.call(first).body or b"")
    assert (body["order"], body["interval"]) == ("asc", str(ahead.asked))
    second = walk.after(first, page(10, 59, 61))
    assert isinstance(second, Request)
    assert walk.after(second, page(62, 63)) == Done("beyond")


def test_the_wall() -> None:
    """A walk never asks for a page beyond 100,000 rows; it asks for smaller slices."""
    walk = PagesWalk(Query(HOUR))
    last = Request(PIECE, "page", ordinal=1000, page_size=100)
    assert isinstance(walk.after(last, page(30)), Narrow)


def test_a_refused_page_in_the_middle() -> None:
    """A 400 on the first page is the query's fault and an error; on a later one a limit, and a smaller slice."""
    walk = PagesWalk(Query(HOUR))
    assert 400 not in walk.call(walk.first(PIECE)).passes
    later = Request(PIECE, "page", ordinal=2, page_size=100)
    assert 400 in walk.call(later).passes
    assert isinstance(walk.after(later, answer(400)), Narrow)


def test_a_token_is_followed() -> None:
    """If an answer carries a `nextPageToken`, it goes back as the query parameter of that name."""
    walk = PagesWalk(Query(HOUR))
    second = walk.after(walk.first(PIECE), page(30, nextPageToken="t1"))
    assert isinstance(second, Request)
    assert walk.call(second).query == (("nextPageToken", "t1"),)
    third = walk.after(second, page(nextPageToken="t2"))
    assert isinstance(third, Request)
    assert walk.after(third, page()) == Done("absent")


def test_what_a_page_request_says() -> None:
    """Paging stands inside `paging`, where the API reads it."""
    call = PagesWalk(Query(HOUR, direction="inbound")).call(
        Request(PIECE, "page", ordinal=3, page_size=100)
    )
    body = json.loads(call.body or b"")
    assert (call.method, call.path) == ("POST", f"{DETAILS}/query")
    assert body["paging"] == {"pageSize": 100, "pageNumber": 3}
    assert body["interval"] == str(HOUR)
    assert (body["order"], body["orderBy"]) == ("desc", "conversationStart")
    assert set(body) == {"interval", "order", "orderBy", "paging", "conversationFilters"}


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
        page(2),
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
    """A job that will never have results is lost, with the API's reason; nobody polls it for ever."""
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
    assert tuple(waits[: len(POLL_WAITS_S)]) == POLL_WAITS_S
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
    """An id that could leave its place in the path is refused."""
    with pytest.raises(Exception, match="job id that is not one"):
        CursorWalk(Query(WEEKS)).call(Request(JOB, "poll", job=job))


@pytest.mark.parametrize("kind", ["count", "recount"])
def test_a_count_that_cannot_be_read(kind: Any) -> None:
    """A count is read before it is kept, so that garbage is the driver's to ask for again, and nobody's crash later."""
    walk = CursorWalk(Query(WEEKS))
    with pytest.raises(msgspec.MsgspecError):
        walk.after(Request(JOB, kind), Answer(200, raw=b'{"totalHits": "many"}'))
    assert isinstance(walk.after(Request(JOB, kind), answer(403)), Request)
