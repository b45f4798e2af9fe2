"""How many rows a page has, by assertion alone: where a smaller page begins, and when pages grow again."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lastpage.api.messages import Answer
from lastpage.errors import UnavailableError
from lastpage.planning.slices import Slice
from lastpage.query.interval import Interval
from lastpage.query.query import Query
from lastpage.walks.cursor import CursorWalk
from lastpage.walks.pages import PagesWalk
from lastpage.walks.sizes import (
    PAGES_BEFORE_MORE,
    begin_with,
    fewer_rows,
    next_page,
    rows_taught,
    was_asked_for,
    with_rows,
)
from lastpage.walks.walk import Done, End, Request, Smaller, Stuck, Walk, drive

DAY = Interval(datetime(2023, 10, 1, tzinfo=UTC), datetime(2023, 10, 2, tzinfo=UTC))
SLICE = Slice(1, DAY, DAY, "pages", "test")
WHY = "it was refused"


def page(number: int, size: int, **more: Any) -> Request:
    return Request(SLICE, "page", ordinal=number, page_size=size, **more)


@pytest.mark.parametrize(
    ("number", "size", "smaller"),
    [
        (1, 100, (1, 50)),
        (4, 100, (7, 50)),
        (1, 25, (1, 12)),
        (13, 25, (26, 12)),
        (2, 25, None),
        (2, 7, None),
        (4, 7, (8, 3)),
        (2, 3, (4, 1)),
    ],
)
def test_where_a_smaller_page_begins(number: int, size: int, smaller: Any) -> None:
    """At the same place, computed from the rows before it; if no page number says that place, in a new attempt."""
    following = fewer_rows(page(number, size), 100, WHY)
    if smaller is None:
        assert following == Smaller(size // 2, WHY)
        return
    assert isinstance(following, Request)
    assert (following.ordinal, following.page_size) == smaller
    assert (following.ordinal - 1) * following.page_size == (number - 1) * size
    assert following.wait_s > 0


def test_one_row_that_does_not_come() -> None:
    """There is nothing smaller than one row, on either route."""
    for request in (page(5, 1), Request(SLICE, "results", job="j", cursor="c", page_size=1)):
        assert fewer_rows(request, 100, WHY) == Stuck(WHY)


def test_a_cursor_goes_on_with_any_size() -> None:
    """Where a cursor leads does not depend on how many rows are asked for."""
    request = Request(SLICE, "results", ordinal=7, job="j", cursor="c", page_size=25)
    following = fewer_rows(request, 100, WHY)
    assert isinstance(following, Request)
    assert (following.cursor, following.ordinal, following.page_size) == ("c", 7, 12)


def test_a_token_goes_on_with_its_own_size() -> None:
    """Where a continuation token leads is known for the page size that it was given for, and no other."""
    assert fewer_rows(page(3, 100, token="t"), 100, WHY) == Smaller(50, WHY)
    assert with_rows(page(3, 50, token="t"), 100) is None


def sizes(request: Request, refused: Callable[[Request], bool], pages: int) -> list[int]:
    """The sizes of so many pages that come, where the others are refused."""
    came = []
    while len(came) < pages:
        if refused(request):
            following = fewer_rows(request, 100, WHY)
            assert isinstance(following, Request)
            assert with_rows(following, request.page_size) is not None
            request = following
        else:
            came.append(request.page_size)
            request = next_page(request, 100)
            assert request.wait_s == 0
    return came


@pytest.mark.parametrize(("kind", "twos"), [("page", 4), ("results", 3)])
def test_pages_grow_again(kind: Any, twos: int) -> None:
    """After trouble that was not about size, the old size is back in a few dozen pages; a page number may need one more."""
    request = replace(page(1, 1, bouts=1), kind=kind)
    assert sizes(request, lambda _: False, 25) == [
        *[1] * 4, *[2] * twos, *[4] * 3, *[8] * 3, *[16] * 3, *[32] * 3, *[64] * (9 - twos),
    ]  # fmt: skip


def test_pages_grow_with_care() -> None:
    """Each time that a larger page is too much, twice as many pages have to come before it is tried again."""
    tried = 0

    def refused(request: Request) -> bool:
        nonlocal tried
        tried += request.page_size > 25
        return request.page_size > 25

    assert set(sizes(page(1, 100), refused, 400)) == {25}
    # 100 and 50 at first, then 50 after 4 pages, 8 more, 16, 32, 64, 128.
    assert tried == 2 + 6


def test_pages_without_refusals_stay_as_they_are() -> None:
    """What was asked for is asked for, and nothing is remembered in the ledger for it."""
    following = next_page(page(1, 20), 100)
    assert following == page(2, 20)
    assert set(following.record()) == {"kind", "ordinal", "page_size"}


def test_no_page_is_larger_than_asked_for() -> None:
    """Growth ends at what was asked for, and never at a size from which there is no way back."""
    request = page(1, 12, bouts=1)
    for _ in range(60):
        request = next_page(request, 50)
        assert request.page_size in (12, 24, 48)
    assert request.page_size == 48


def test_what_a_next_attempt_is_told() -> None:
    """The size of the last page, if refusals had a part in it."""
    assert rows_taught([]) == rows_taught([page(1, 50)]) == 0
    assert rows_taught([page(1, 100), page(3, 50, bouts=1)]) == 50
    begun = begin_with(page(1, 100), 50)
    assert rows_taught([begun]) == 50
    assert was_asked_for(page(1, 50), 50)
    assert was_asked_for(begun, 100)
    assert not was_asked_for(begun, 25)
    assert not was_asked_for(page(1, 100), 50)
    assert not was_asked_for(page(1, 50), 100)


def test_sizes_survive_the_ledger() -> None:
    """A crash forgets neither the size nor how careful growth has to be."""
    request = page(3, 50, bouts=2, calm=PAGES_BEFORE_MORE)
    assert Request.from_record(SLICE, json.loads(json.dumps(request.record()))) == request


# Driven -----------------------------------------------------------------------------------------


def rows(first: int, count: int) -> list[dict[str, str]]:
    return [
        {"conversationId": f"c{number}", "conversationStart": "2023-10-01T10:00:00.000Z"}
        for number in range(first, first + count)
    ]


def driven(
    walk: Walk, count: int, most: Callable[[int], int]
) -> tuple[End, list[Request], list[Request]]:
    """A walk over so many rows of which the page behind `before` rows may have `most(before)`: how it ends, what was kept, what was refused."""
    kept: list[Request] = []
    refused: list[Request] = []

    def send(request: Request) -> Answer:
        number = request.ordinal - 1
        before = (
            int(request.cursor or 0) if request.kind == "results" else number * request.page_size
        )
        if (
            request.kind in ("page", "results")
            and before < count
            and request.page_size > most(before)
        ):
            refused.append(request)
            raise UnavailableError("too much", too_large=True)
        after = before + request.page_size
        more = {"cursor": str(after)} if request.kind == "results" and after < count else {}
        body = {"conversations": rows(before, min(request.page_size, count - before)), **more}
        return Answer(200, raw=json.dumps(body).encode())

    end = drive(
        walk,
        walk.first(SLICE)
        if isinstance(walk, PagesWalk)
        else Request(SLICE, "results", job="j", page_size=walk.page_size),
        send=send,
        keep=lambda request, _answer: kept.append(request),
        sleep=lambda _s: None,
    )
    return end, [each for each in kept if each.kind in ("page", "results")], refused


@pytest.mark.invariant("Complete")
@pytest.mark.parametrize("walk", [PagesWalk(Query(DAY)), CursorWalk(Query(DAY), 100)])
def test_a_walk_whose_pages_shrink_and_grow(walk: Walk) -> None:
    """No row is skipped, none comes twice, and no page counts as read before because its number was another's."""
    end, kept, refused = driven(walk, 3_000, lambda before: 50 if 400 <= before < 700 else 100)
    assert isinstance(end, Done)
    read = [each.page_size for each in kept]
    assert 50 in read
    assert read[-1] == 100
    assert 3_000 <= sum(read) <= 3_100
    assert len(refused) <= 3


def test_a_page_number_without_a_way_down() -> None:
    """25 rows are too much behind 25 rows: no page of 12 begins there."""
    end, kept, _ = driven(PagesWalk(Query(DAY), 25), 200, lambda before: 12 if before else 25)
    assert (end, len(kept)) == (Smaller(12, "too much"), 1)


@pytest.mark.parametrize("walk", [PagesWalk(Query(DAY), 64), CursorWalk(Query(DAY), 64)])
def test_a_row_that_is_too_large(walk: Walk) -> None:
    """The walk ends at the row, with all rows before it."""
    end, kept, _ = driven(walk, 200, lambda before: max(100 - before, 0))
    assert end == Stuck("too much")
    assert sum(each.page_size for each in kept) == 100


def test_other_errors_are_not_about_size() -> None:
    """An error that fewer rows cannot help ends the walk as ever."""

    def send(_request: Request) -> Answer:
        raise UnavailableError("no network")

    with pytest.raises(UnavailableError, match="no network"):
        drive(
            PagesWalk(Query(DAY)),
            page(1, 100),
            send=send,
            keep=lambda _request, _answer: None,
            sleep=lambda _s: None,
        )
