"""What each walk answers for its route: freshness, finality, proof, and what it leaves behind."""

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from lastpage.api.messages import read_page
from lastpage.planning.slices import LAG_ASSUMED, Route, Slice
from lastpage.query.interval import Interval, iso
from lastpage.query.query import Query
from lastpage.walks import ROUTES
from lastpage.walks.walk import Count, Request

START = datetime(2023, 10, 1, tzinfo=UTC)
DAY = Interval(START, START + timedelta(days=1))
ASKED_AT = START + timedelta(days=3)
EARLIER, LATER = DAY.end - timedelta(hours=1), DAY.end + timedelta(hours=1)


@dataclass
class Numbers:
    """An account, as far as counts are concerned."""

    hits: list[int]
    unique: int = 0
    duplicates: int = 0
    owns: int = 0
    countable: int = 0
    counts: dict[str, list[int | None]] = field(default_factory=dict)
    slice: Slice = field(default_factory=lambda: slice_of("pages"))


def slice_of(route: Route) -> Slice:
    return Slice(1, DAY, DAY, route, "test")


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_answers(route: Route) -> None:
    """Each walk begins, fits its page size to its limit, and has a sentence for each of its ends."""
    walk = ROUTES[route](Query(DAY))
    assert (
        walk.first(slice_of(route)).page_size
        == walk.page_size
        == walk.page_size_usual
        <= walk.page_size_max
    )
    assert all(walk.signs.values())
    assert walk.resumable_s > 0
    assert walk.cleanup([]) is None


def test_how_fresh_rows_are() -> None:
    """Rows by page numbers are as of the request; those of a job as of the watermark, or of an assumed lag."""
    assert ROUTES["pages"].as_of(ASKED_AT, EARLIER) == ASKED_AT
    assert ROUTES["cursor"].as_of(ASKED_AT, EARLIER) == EARLIER
    assert ROUTES["cursor"].as_of(ASKED_AT, None) == ASKED_AT - LAG_ASSUMED


def test_up_to_when_rows_can_be_final() -> None:
    """Only what was known of the watermark before the rows were read makes them final."""
    assert ROUTES["pages"].settled_until(LATER, EARLIER) == EARLIER
    assert ROUTES["cursor"].settled_until(LATER, EARLIER) == LATER
    assert ROUTES["cursor"].settled_until(None, EARLIER) is None


@pytest.mark.parametrize(
    ("route", "watermark", "doubt"),
    [
        ("pages", None, ""),
        ("pages", EARLIER, ""),
        ("cursor", None, "did not say"),
        ("cursor", EARLIER, f"only to {iso(EARLIER)}"),
        ("cursor", DAY.end, ""),
    ],
)
def test_doubt(route: Route, watermark: datetime | None, doubt: str) -> None:
    """A job beyond the watermark may be partial, which no count can disprove; page numbers do not depend on it."""
    said = ROUTES[route].doubt(slice_of(route), watermark)
    assert doubt in said
    assert bool(said) == bool(doubt)


@pytest.mark.parametrize(
    ("sign", "account", "counts"),
    [
        ("absent", Numbers([3, 5, 4], unique=4), [Count("hits", 4, 4)]),
        ("absent", Numbers([5, 4], unique=4), [Count("hits", 5, 4)]),
        ("absent", Numbers([], unique=4), []),
        ("absent", Numbers([], owns=4, counts={"recount": [5]}), [Count("starts", 5, 4)]),
        ("absent", Numbers([], owns=4, counts={"recount": [5, 2]}), [Count("starts", 3, 4)]),
        ("absent", Numbers([], owns=4, counts={"recount": [5, None]}), []),
        ("last", Numbers([5, 4], unique=4, duplicates=4), [Count("hits", 5, 4)]),
        ("beyond", Numbers([9, 9], owns=4), [Count("moved", 4, 4)]),
        ("beyond", Numbers([9, 7], owns=4), [Count("moved", 6, 4)]),
        ("beyond", Numbers([9, 9], owns=4, duplicates=3), [Count("moved", 7, 4)]),
        ("read", Numbers([], owns=4, counts={"count": [3], "recount": [6]}), [3, 6]),
        ("read", Numbers([], owns=4, counts={"count": [None], "recount": [6]}), [6]),
        ("read", Numbers([]), []),
    ],
)
def test_counts(sign: str, account: Numbers, counts: list[Count | int]) -> None:
    """Each sign has its own count to be held against; a count that was refused is none."""
    (walk,) = [walk for walk in ROUTES.values() if sign in walk.signs]
    expected = [
        each if isinstance(each, Count) else Count("starts", each, account.owns) for each in counts
    ]
    assert walk.counts(sign, account) == expected


def test_what_an_abandoned_job_leaves() -> None:
    """A job that is polled or read is deleted; one that is not submitted yet, or deleted already, is not."""
    cleanup, job = ROUTES["cursor"].cleanup, slice_of("cursor")
    for kind in ("poll", "results"):
        wanted = cleanup([Request(job, "submit"), Request(job, kind, job="j")])
        assert wanted == Request(job, "delete", job="j")
    assert cleanup([Request(job, "count")]) is None
    assert cleanup([Request(job, "delete", job="j")]) is None
    assert ROUTES["pages"].cleanup([Request(slice_of("pages"), "page", ordinal=1)]) is None


def test_how_a_page_says_what_comes_next() -> None:
    """By number, by a token where the API sends one, by a cursor; nothing after the last page."""
    row = b'{"conversationId": "a", "conversationStart": "2023-10-01T10:00:00Z"}'
    numbered = Request(slice_of("pages"), "page", ordinal=2)
    results = Request(slice_of("cursor"), "results", job="j")
    assert ROUTES["pages"].continuation(numbered, read_page(b'{"conversations": [%s]}' % row)) == 3
    assert ROUTES["pages"].continuation(numbered, read_page(b'{"nextPageToken": "t"}')) == "t"
    assert ROUTES["pages"].continuation(numbered, read_page(b"{}")) is None
    by_token = replace(numbered, token="s")
    assert (
        ROUTES["pages"].continuation(by_token, read_page(b'{"conversations": [%s]}' % row)) is None
    )
    assert ROUTES["cursor"].continuation(results, read_page(b'{"cursor": "c"}')) == "c"
    assert ROUTES["cursor"].continuation(results, read_page(b"{}")) is None


def test_what_the_routes_are() -> None:
    """A job counts among those in flight, needs the watermark, and brings attributes; page numbers soon grow stale."""
    pages, cursor = ROUTES["pages"], ROUTES["cursor"]
    assert (cursor.is_job, cursor.needs_watermark, cursor.has_attributes) == (True, True, True)
    assert (pages.is_job, pages.needs_watermark, pages.has_attributes) == (False, False, False)
    assert (pages.resumable_s, cursor.resumable_s) == (300.0, math.inf)
