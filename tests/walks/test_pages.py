"""The walk by page numbers, by assertion alone: what follows what."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lastpage.api.messages import DETAILS, Answer
from lastpage.planning.slices import Slice
from lastpage.query.interval import DAY, Interval, iso
from lastpage.query.query import Query
from lastpage.walks.pages import PagesWalk
from lastpage.walks.walk import Done, Narrow, Request, Step

START = datetime(2023, 10, 1, 10, tzinfo=UTC)
HOUR = Interval(START, START + timedelta(hours=1))
SLICE = Slice(1, HOUR, HOUR, "pages", "test")


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


def end_of(walk: PagesWalk, step: Step) -> Step:
    """The end that follows the counts after the last page."""
    while isinstance(step, Request):
        assert step.kind == "recount"
        step = walk.after(step, answer(totalHits=7))
    return step


@pytest.mark.invariant("Complete")
def test_page_numbers_to_the_absent_page() -> None:
    """Page numbers go on to a page without conversations, whatever `totalHits` says."""
    walk = PagesWalk(Query(HOUR), page_size=3)
    first = walk.first(SLICE)
    second = walk.after(first, page(50, 40, 30))
    assert isinstance(second, Request)
    third = walk.after(second, page(20, 10, 5))
    assert isinstance(third, Request)
    assert [request.ordinal for request in (first, second, third)] == [1, 2, 3]
    assert end_of(walk, walk.after(third, page())) == Done("absent")


@pytest.mark.parametrize("empty", [{}, {"conversations": None}, {"conversations": []}])
def test_the_three_spellings_of_no_conversations(empty: dict[str, Any]) -> None:
    """Absent, null and [] all mean the same."""
    walk = PagesWalk(Query(HOUR))
    last = walk.after(walk.first(SLICE), answer(totalHits=0, **empty))
    assert end_of(walk, last) == Done("absent")


def test_a_short_page_is_not_the_end() -> None:
    """Fewer rows than asked for end nothing."""
    walk = PagesWalk(Query(HOUR))
    assert isinstance(walk.after(walk.first(SLICE), page(30)), Request)


def test_stop_beyond_the_slice() -> None:
    """Newest first, a whole page that starts before the slice ends the walk; a page on the border does not."""
    walk = PagesWalk(Query(HOUR))
    border = walk.after(walk.first(SLICE), page(5, 0, -5))
    assert isinstance(border, Request)
    assert end_of(walk, walk.after(border, page(-10, -20))) == Done("beyond")


@pytest.mark.invariant("Complete")
def test_no_early_stop_without_order() -> None:
    """A walk stops early only where the order proves that nothing can follow."""
    walk = PagesWalk(Query(HOUR))
    second = walk.after(walk.first(SLICE), page(5, 30, 10))
    assert isinstance(second, Request)
    third = walk.after(second, page(-10, -20))
    assert isinstance(third, Request)
    assert end_of(walk, walk.after(third, page())) == Done("absent")


def test_a_page_that_begins_above_the_one_before_breaks_the_order() -> None:
    """Order holds across pages, or there is no early stop."""
    walk = PagesWalk(Query(HOUR))
    second = walk.after(walk.first(SLICE), page(20, 10))
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
    assert end_of(walk, walk.after(second, page(62, 63))) == Done("beyond")


def test_starts_are_counted_after_the_last_page() -> None:
    """What started in a slice of a part of a day is the difference of two counts from midnight."""
    walk, asked = PagesWalk(Query(HOUR)), []
    step = walk.after(walk.first(SLICE), page())
    while isinstance(step, Request):
        asked.append(json.loads(walk.call(step).body or b"")["interval"])
        step = walk.after(step, answer(403))
    midnight = HOUR.start.replace(hour=0)
    assert asked == [str(Interval(midnight, HOUR.end)), str(Interval(midnight, HOUR.start))]
    assert step == Done("absent")


def test_the_wall() -> None:
    """A walk never asks for a page beyond 100,000 rows; it asks for smaller slices."""
    walk = PagesWalk(Query(HOUR))
    last = Request(SLICE, "page", ordinal=1000, page_size=100)
    assert isinstance(walk.after(last, page(30)), Narrow)


def test_a_refused_page_in_the_middle() -> None:
    """A 400 on the first page is the query's fault and an error; on a later one a limit, and a smaller slice."""
    walk = PagesWalk(Query(HOUR))
    assert 400 not in walk.call(walk.first(SLICE)).passes
    later = Request(SLICE, "page", ordinal=2, page_size=100)
    assert 400 in walk.call(later).passes
    assert isinstance(walk.after(later, answer(400)), Narrow)


def test_a_token_is_followed() -> None:
    """If an answer carries a `nextPageToken`, it goes back as the query parameter of that name."""
    walk = PagesWalk(Query(HOUR))
    second = walk.after(walk.first(SLICE), page(30, nextPageToken="t1"))
    assert isinstance(second, Request)
    assert walk.call(second).query == (("nextPageToken", "t1"),)
    third = walk.after(second, page(nextPageToken="t2"))
    assert isinstance(third, Request)
    assert end_of(walk, walk.after(third, page())) == Done("absent")


@pytest.mark.invariant("Complete")
def test_a_token_ends_where_it_ends() -> None:
    """Once an answer had a `nextPageToken`, the one without ends the walk, rows or none; before that it ends nothing."""
    walk = PagesWalk(Query(HOUR))
    first = walk.first(SLICE)
    assert isinstance(walk.after(first, page(30)), Request)
    second = walk.after(first, page(30, nextPageToken="t1"))
    assert isinstance(second, Request)
    for more in ({}, {"nextPageToken": None}, {"nextPageToken": ""}):
        assert end_of(walk, walk.after(second, page(20, **more))) == Done("last")


@pytest.mark.parametrize(
    ("again", "hits", "ends"),
    [
        ((30, 20, 10), 3, True),
        ((30, 20, 10), 2, True),
        ((30, 20, 10), 4, False),  # more is counted than the page holds
        ((40, 30, 20, 10), 4, False),  # a row arrived
        ((20, 10), 2, False),  # what a server gives that honours the number
        ((30, 20, 10), None, False),
    ],
)
def test_a_first_page_that_comes_again(
    again: tuple[int, ...], hits: int | None, ends: bool
) -> None:
    """A page 2 that begins as page 1 did, and holds all that is counted, is page 1 once more, and the end."""
    walk = PagesWalk(Query(HOUR))
    second = walk.after(walk.first(SLICE), page(30, 20, 10, totalHits=3))
    assert isinstance(second, Request)
    step = walk.after(second, page(*again, totalHits=hits))
    assert isinstance(step, Request)
    assert (step.kind == "recount" and step.sign == "last") == ends


def test_what_a_page_request_says() -> None:
    """Paging stands inside `paging`, where the API reads it."""
    call = PagesWalk(Query(HOUR, direction="inbound")).call(
        Request(SLICE, "page", ordinal=3, page_size=100)
    )
    body = json.loads(call.body or b"")
    assert (call.method, call.path) == ("POST", f"{DETAILS}/query")
    assert body["paging"] == {"pageSize": 100, "pageNumber": 3}
    assert body["interval"] == str(HOUR)
    assert (body["order"], body["orderBy"]) == ("desc", "conversationStart")
    assert set(body) == {"interval", "order", "orderBy", "paging", "conversationFilters"}
