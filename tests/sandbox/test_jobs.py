"""Jobs: how they come to an end, what they freeze, what expires, and how their pages are kept: docs/api.md, 1.4, 3.5, 8, 11."""

import gzip
import json
import zlib
from typing import Any

import pytest
from tests.sandbox.box import DAY, JOBS, MINUTE, Box, Json, ms, number, some, talk

from lastpage_sandbox.cursor import Cursor
from lastpage_sandbox.page import Page, Squeezed, kept
from lastpage_sandbox.replies import Refusal

TEN = ms(10, 10)


def box(**settings: Any) -> Box:
    return Box(*(talk(each, TEN + each * MINUTE) for each in range(10)), **settings)


def status(of: Box, path: str) -> Json:
    body: Json = of.ask("GET", path)[1]
    return body


def test_at_once() -> None:
    """8: without polls and seconds a job is done when it is first asked about."""
    ours = box(job_polls=0)
    assert ours.state(ours.submit()) == "FULFILLED"


def test_by_polls() -> None:
    """8: with polls it is done after so many of them, whatever the time."""
    ours = box(job_polls=3)
    path = ours.submit()
    ours.sleep(3600)
    assert [ours.state(path) for _ in range(4)] == ["PENDING", "PENDING", "PENDING", "FULFILLED"]


def test_by_the_clock() -> None:
    """8: with seconds it goes QUEUED, PENDING, FULFILLED by the clock, and was done when they were over."""
    ours = box(job_polls=0, job_seconds=40)
    path, states = ours.submit(), []
    for _ in range(5):
        states.append(ours.state(path))
        ours.sleep(10)
    assert states == ["QUEUED", "PENDING", "PENDING", "PENDING", "FULFILLED"]
    ours.sleep(500)
    body = status(ours, path)
    assert (body["submissionDate"], body["completionDate"]) == (
        "2023-10-20T15:30:00.000Z",
        "2023-10-20T15:30:40.000Z",
    )


def test_by_the_clock_without_polls() -> None:
    """3.5: results may be had when it is fulfilled, also if nobody asked for its status."""
    ours = box(job_polls=0, job_seconds=40)
    path = ours.submit()
    assert ours.ask("GET", f"{path}/results")[0] == 404
    ours.sleep(75)
    assert ours.ask("GET", f"{path}/results")[0] == 200
    assert status(ours, path)["completionDate"] == "2023-10-20T15:30:40.000Z"


def test_what_a_status_says() -> None:
    """5.5: while it runs a state and the submission; then completion and expiry; the reason only of a failure."""
    ours = box(job_polls=1)
    path = ours.submit()
    assert status(ours, path) == {"state": "PENDING", "submissionDate": "2023-10-20T15:30:00.000Z"}
    assert status(ours, path) == {
        "state": "FULFILLED",
        "submissionDate": "2023-10-20T15:30:00.000Z",
        "completionDate": "2023-10-20T15:30:00.000Z",
        "expirationDate": "2023-10-21T15:30:00.000Z",
    }
    ours.sandbox.faults.put("jobs.status", "fail-job")
    assert set(status(ours, ours.submit())) == {"state", "submissionDate", "errorMessage"}


@pytest.mark.parametrize("running", [202, 200])
def test_the_status_of_a_running_job(running: int) -> None:
    """11, row 10: 202 while it runs, or always 200."""
    ours = box(job_polls=1, running_status=running)
    path = ours.submit()
    assert [ours.ask("GET", path)[0] for _ in range(2)] == [running, 200]


def test_a_snapshot() -> None:
    """3.2, 8: what a job selected when it was done is what it gives, whatever happens to the world between its pages."""
    ours = box(job_row_order="start")
    path = ours.done()
    first = next(iter(ours.pages(path, size=4)))
    ours.world.remove(*(talk(each, 0).id for each in range(10)))
    ours.world.add(talk(77, TEN))
    rows = [number(row) for page in ours.pages(path, size=4) for row in page["conversations"]]
    assert rows == list(range(10))
    assert [number(row) for row in first["conversations"]] == rows[:4]
    assert [number(row) for row in ours.job()] == [77]


def test_records_are_frozen_too() -> None:
    """3.2, 3.3: a record in a job is as it stood at the watermark, at every reading of the page."""
    ours = Box(talk(1, ms(20, 9), 60), watermark_lag_s=6 * 3600)
    path = ours.done(interval="2023-10-20T00:00Z/2023-10-20T15:00Z")
    (before,) = next(ours.pages(path))["conversations"]
    ours.sleep(12 * 3600)
    assert next(ours.pages(path))["conversations"] == [before]
    assert "conversationEnd" not in before
    (after,) = ours.job(interval="2023-10-20T00:00Z/2023-10-20T15:00Z")
    assert "conversationEnd" in after


def test_results_expire() -> None:
    """8: after their lifetime the state is EXPIRED and the results are gone: 404, or 400 (11, row 11)."""
    for settings, refused in (({}, 404), ({"results_after_expiry": 400}, 400)):
        ours = box(job_lifetime_s=600, **settings)
        path = ours.done()
        ours.sleep(600)
        assert ours.ask("GET", f"{path}/results")[0] == 200
        ours.sleep(1)
        assert ours.ask("GET", f"{path}/results")[0] == refused
        assert ours.state(path) == "EXPIRED"


def test_cursors_expire() -> None:
    """11, row 8: a cursor may live less long than its job; the first page can be had again."""
    ours = box(cursor_lifetime_s=60)
    path = ours.done()
    cursor = ours.ask("GET", f"{path}/results", pageSize=3)[1]["cursor"]
    ours.sleep(60)
    assert ours.ask("GET", f"{path}/results", pageSize=3, cursor=cursor)[0] == 200
    ours.sleep(1)
    assert ours.ask("GET", f"{path}/results", pageSize=3, cursor=cursor)[0] == 400
    assert ours.ask("GET", f"{path}/results", pageSize=3)[0] == 200


@pytest.mark.parametrize(
    "text",
    ["x", "%", "ü", "e30=", "WzFd", "WyJqIiwtMSwxLDBd", "WyJvdGhlciIsMCwxLDBd", "AAAA" * 500],
)
def test_cursors_that_are_none(text: str) -> None:
    """3.5: what was never given out is a 400, of whatever it may be made."""
    with pytest.raises(Refusal) as refusal:
        Cursor.read(text, "j", 0, None)
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    ("switch", "second", "state"), [("gone", 404, None), ("cancelled", 409, "CANCELLED")]
)
def test_deletions(switch: str, second: int, state: str | None) -> None:
    """8; 11, row 11: a deleted job is unknown, or CANCELLED, and its second deletion a conflict; its results are gone."""
    ours = box(after_delete=switch)
    path = ours.submit()
    assert [ours.ask("DELETE", path)[0] for _ in range(2)] == [204, second]
    assert ours.ask("GET", path)[1].get("state") == state
    assert ours.ask("GET", f"{path}/results")[0] == 404
    assert ours.sandbox.jobs.live == []


def test_jobs_at_once() -> None:
    """2; 11, row 9: more unfinished jobs than the switch allows are a 429 with Retry-After; one that is done makes room."""
    ours = box(jobs_concurrent_max=2, job_polls=0, job_seconds=30)
    ours.submit()
    ours.submit()
    assert ours.ask("POST", JOBS, {"interval": DAY})[0] == 429
    ours.sleep(30)
    ours.submit()


def test_jobs_a_minute() -> None:
    """2; 11, row 9: more submissions in a minute than the switch allows are a 429."""
    ours = box(jobs_per_minute_max=2)
    ours.submit()
    ours.sleep(20)
    ours.submit()
    assert ours.ask("POST", JOBS, {"interval": DAY})[0] == 429
    ours.sleep(40)
    ours.submit()


def test_limits_and_flags() -> None:
    """1.4: limit is how many rows at most; startOfDayIntervalMatching is a flag; both are checked."""
    ours = box(job_row_order="start")
    assert [number(row) for row in ours.job(limit=3)] == [0, 1, 2]
    for wrong in (
        {"limit": 0},
        {"limit": "3"},
        {"limit": True},
        {"startOfDayIntervalMatching": "yes"},
    ):
        assert ours.ask("POST", JOBS, {"interval": DAY, **wrong})[0] == 400


def test_bodies_that_are_no_jobs() -> None:
    """1.4, 2: paging and aggregations are not a job's; an interval has its bound (11, row 6); orders are checked."""
    ours = box()
    assert (
        ours.ask("POST", JOBS, {"interval": DAY, "paging": {"pageSize": 1, "pageNumber": 1}})[0]
        == 400
    )
    assert ours.ask("POST", JOBS, {"interval": DAY, "aggregations": []})[0] == 400
    assert ours.ask("POST", JOBS, {"interval": "2000-01-01T00:00Z/2023-01-01T00:00Z"})[0] == 400
    assert (
        ours.ask("POST", JOBS, {"interval": DAY, "order": "sideways"})[1]["code"] == "invalid.value"
    )
    assert ours.ask("POST", JOBS, {"interval": DAY, "colour": 1})[0] == 202
    assert box(unknown_fields="reject").ask("POST", JOBS, {"interval": DAY, "colour": 1})[0] == 400


@pytest.mark.parametrize("size", ["0", "-1", "x", "10001", "1e3", "²", "99999999999999999999"])
def test_page_sizes_that_are_none(size: str) -> None:
    """11, row 7: 1 to the maximum."""
    ours = box()
    path = ours.done()
    assert ours.ask("GET", f"{path}/results", pageSize=size)[0] == 400


def test_the_order_of_rows() -> None:
    """11, row 12: rows come in no order, or in order of start; the same rows either way."""
    rows = [
        [number(row) for row in box(job_row_order=order).job()] for order in ("shuffled", "start")
    ]
    assert rows[1] == list(range(10)) == sorted(rows[0])
    assert rows[0] != rows[1]


@pytest.mark.parametrize(("switch", "spelt"), [("absent", {}), ("null", {"cursor": None})])
def test_the_last_page(switch: str, spelt: Json) -> None:
    """11, rows 12 and 18: no cursor, or null; no rows, or no key."""
    ours = box(cursor_end=switch)
    *_, last = ours.pages(ours.done())
    assert {key: value for key, value in last.items() if key == "cursor"} == spelt
    empty = next(ours.pages(ours.done(interval="2023-10-01T00:00Z/2023-10-02T00:00Z")))
    assert "conversations" not in empty
    listed = box(empty_answer="empty-list")
    assert (
        next(listed.pages(listed.done(interval="2023-10-01T00:00Z/2023-10-02T00:00Z")))[
            "conversations"
        ]
        == []
    )


def test_jobs_filter_as_of_the_watermark() -> None:
    """3.3: filters look at what the lake has, so a call that went on at the watermark has not ended for a job."""
    ours = Box(talk(1, ms(20, 9), 60), watermark_lag_s=6 * 3600)
    ended = [some("conversationEnd", operator="exists")]
    today = "2023-10-20T00:00Z/2023-10-20T15:00Z"
    assert ours.found(today, conversationFilters=ended) == [1]
    assert ours.job(interval=today, conversationFilters=ended) == []


def test_threads_recur() -> None:
    """3.1: a thread of several days comes back in each of its days, with startOfDayIntervalMatching only in its first."""
    ours = Box(talk(1, ms(9, 10), 3 * 24 * 60, media="email"))
    days = [f"2023-10-{day:02d}T00:00Z/2023-10-{day + 1:02d}T00:00Z" for day in range(8, 14)]
    assert [len(ours.job(interval=day)) for day in days] == [0, 1, 1, 1, 1, 0]
    assert [len(ours.job(interval=day, startOfDayIntervalMatching=True)) for day in days] == [
        0,
        1,
        0,
        0,
        0,
        0,
    ]


def test_a_page_is_the_same_compressed() -> None:
    """1.2: rows compressed once and a tail compressed after them are one gzip member of the plain body."""
    ours = Box(per_day=300)
    path = ours.done()
    plain, zipped = (
        ours.ask("GET", f"{path}/results", pageSize=50, zipped=zipped) for zipped in (False, True)
    )
    assert plain == zipped
    assert len(plain[1]["conversations"]) == 50
    page = Page("key", lambda: [b"{}", b"[]"], b'"cursor":"x"', kept())
    assert (
        gzip.decompress(page.gzipped()) == page.plain() == b'{"conversations":[{},[]],"cursor":"x"}'
    )
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    assert inflater.decompress(page.gzipped()) == page.plain()
    assert (inflater.eof, inflater.unused_data) == (True, b"")


@pytest.mark.parametrize("zipped", [False, True])
def test_pages_are_kept_by_their_rows(zipped: bool) -> None:
    """Another job over the same rows finds them rendered; one over rows that have changed does not."""
    ours = box()
    shelf = ours.library._pages

    def read() -> list[Json]:
        return [
            row
            for page in ours.pages(ours.done(), size=4, zipped=zipped)
            for row in page["conversations"]
        ]

    first = read()
    weight = shelf.weight
    assert weight > 0
    assert len({number(row) for row in first}) == 10
    assert read() == first
    assert shelf.weight == weight
    ours.world.add(talk(3, TEN, queue="Billing"))
    second = read()
    assert shelf.weight > weight
    assert [each for each in second if number(each) == 3] != [
        each for each in first if number(each) == 3
    ]


def test_pages_of_moving_records_are_not_kept_for_others() -> None:
    """A job a moment later shows records that go on as they stand a moment later."""
    ours = Box(talk(1, ms(20, 9), 60), watermark_lag_s=6 * 3600)
    today = {"interval": "2023-10-20T00:00Z/2023-10-20T15:00Z"}
    first = ours.job(**today)
    ours.sleep(40 * 60)
    assert json.dumps(ours.job(**today)) != json.dumps(first)


def test_the_shelf_of_pages_is_bounded() -> None:
    """Compressed and plain pages weigh what they hold, and together never more than the limit."""
    shelf = kept()
    shelf.limit = 1000
    for each in range(20):
        page = Page(each, lambda: [b"7" * 300], b"", shelf)
        assert page.plain().count(b"7") == 300
    assert 600 < shelf.weight <= 1000
    squeezed = shelf.get("s", lambda: Squeezed(b"x" * 10, 0, 5_000))
    assert isinstance(squeezed, Squeezed)
    assert shelf.weight <= 1000
