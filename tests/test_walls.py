"""The API's walls: rows a query gives, days an interval may have, rows a job gives; and rows that move while they are read."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lastpage.planning.slices import PAGES_ROWS, Slice
from tests.inprocess import FEW, NOW, World, talk, world
from tests.readback import ids

TODAY = NOW.replace(hour=0, minute=0, second=0)
MORNING = "2023-10-20T09:00Z/2023-10-20T15:00Z"
#: Conversations a day, and how many rows a slice may have: a tenth of both, and in the long lane the whole.
SIZES = [(13_500, PAGES_ROWS // 10), pytest.param(135_000, PAGES_ROWS, marks=pytest.mark.long)]


def cut_at(rows: int, patch: pytest.MonkeyPatch) -> None:
    """Make the planner cut page-number slices at fewer rows, so that small worlds meet the walls."""
    patch.setattr(sys.modules[Slice.__module__], "PAGES_ROWS", rows)


def truth(made: World, first: int, last: int) -> list[str]:
    return sorted(made.truth(TODAY.replace(hour=first), TODAY.replace(hour=last)))


@pytest.mark.invariant("Complete")
@pytest.mark.parametrize(("per_day", "rows"), SIZES)
def test_more_than_ten_thousand_an_hour(
    per_day: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """12,000 conversations in one hour are read in parts, each far from the 100,000-row limit."""
    cut_at(rows, monkeypatch)
    made = world(per_day=per_day)
    seen = sorted(
        each["conversationId"]
        for each in made.cloud().conversations("2023-10-20T09:00Z/2023-10-20T10:00Z")
    )
    assert len(seen) > rows
    assert seen == truth(made, 9, 10)
    pages = [
        entry.json["paging"] for entry in made.sandbox.log if entry.endpoint == "details.query"
    ]
    assert max(paging["pageSize"] * paging["pageNumber"] for paging in pages) <= rows + 200


@pytest.mark.parametrize(("per_day", "rows"), SIZES)
def test_more_than_a_hundred_thousand_a_day(
    per_day: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day that is too much for page numbers is planned in parts that are not; every probe is legal, the parts have no gap."""
    cut_at(rows, monkeypatch)
    made = world(per_day=per_day)
    day = datetime(2023, 10, 17, tzinfo=UTC)
    slices = made.cloud().plan("2023-10-17", paginate="pages")
    count = len(made.truth(day, day + timedelta(days=1)))
    assert count > 10 * rows
    assert sum(piece.expected or 0 for piece in slices) == count
    assert max(piece.expected or 0 for piece in slices) <= rows
    assert [piece.interval.end for piece in slices[:-1]] == [
        piece.interval.start for piece in slices[1:]
    ]
    assert {entry.status for entry in made.sandbox.log} == {200}


def test_a_dense_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where time is cut no further, a minute is one slice, with more rows than slices have otherwise."""
    cut_at(50, monkeypatch)
    made = world(per_day=0)
    minute = TODAY.replace(hour=10)
    talks = [talk(number, minute + timedelta(milliseconds=number)) for number in range(120)]
    made.sandbox.world.add(*talks)
    planned = made.cloud().plan(MORNING)
    assert max(each.expected or 0 for each in planned) == 120
    summary = made.cloud().fetch(MORNING, tmp_path)
    assert summary.coverage == "complete"
    assert sorted(ids(tmp_path)) == sorted(each.id for each in talks)


@pytest.mark.invariant("Complete")
def test_threads_that_stay_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that stay open for days do not defeat the cutting, and are not read again."""
    cut_at(60, monkeypatch)
    made = world(per_day=400)
    night = TODAY.replace(hour=0, minute=10)
    made.sandbox.world.add(
        *(
            talk(number, night + timedelta(seconds=number), minutes=None, media="message")
            for number in range(200)
        )
    )
    summary = made.cloud().fetch(MORNING, tmp_path)
    assert summary.coverage == "complete"
    assert sorted(ids(tmp_path)) == truth(made, 9, 15)
    pages = sum(
        1
        for entry in made.sandbox.log
        if entry.endpoint == "details.query" and entry.json["paging"]["pageSize"] > 1
    )
    assert pages <= 4 * summary.slices


@pytest.mark.parametrize("route", ["pages", "cursor"])
def test_a_refusal_in_the_middle(tmp_path: Path, route: Any) -> None:
    """A 400 in mid-walk is a limit that is not documented: smaller slices are taken, and nothing is lost or doubled."""
    made = world(per_day=180)
    endpoint, words = (
        ("details.query", ["pass"] * 5) if route == "pages" else ("jobs.results", ["pass"])
    )
    made.sandbox.faults.put(endpoint, *words, "return-400" if route == "pages" else "wall-400")
    summary = made.cloud().fetch("2023-10-10", tmp_path, paginate=route, page_size=20)
    assert summary.coverage == "complete"
    assert any("smaller slices" in note for note in summary.notes)
    start = datetime(2023, 10, 10, tzinfo=UTC)
    assert sorted(ids(tmp_path)) == sorted(made.truth(start, start + timedelta(days=1)))


def test_jobs_that_give_only_so_many_rows(tmp_path: Path) -> None:
    """A deployment whose jobs end at 60 rows: jobs are cut until they fit."""
    made = world(per_day=180, job_rows_max=60)
    summary = made.cloud().fetch("2023-10-10", tmp_path, page_size=20)
    assert summary.coverage == "complete"
    start = datetime(2023, 10, 10, tzinfo=UTC)
    assert sorted(ids(tmp_path)) == sorted(made.truth(start, start + timedelta(days=1)))


def test_what_fits_nowhere(tmp_path: Path) -> None:
    """Where even the smallest part is refused, the run ends as short and says so; it does not go on for ever."""
    made = world(per_day=0, job_rows_max=5)
    minute = datetime(2023, 10, 10, 12, tzinfo=UTC)
    made.sandbox.world.add(
        *(talk(number, minute + timedelta(milliseconds=number)) for number in range(40))
    )
    minute = "2023-10-10T12:00Z/2023-10-10T12:01Z"
    summary = made.cloud().fetch(minute, tmp_path, page_size=5, paginate="cursor")
    assert summary.coverage == "short"
    assert any("smaller slices do not help" in note for note in summary.notes)


@pytest.mark.parametrize("first", [0, 9])
def test_a_continuation_token(tmp_path: Path, first: int) -> None:
    """If the details query ever sends a `nextPageToken`, it is followed to the answer without one, which is the end, and no page is read twice."""
    made = world(per_day=600, dialect="next-page-token")
    counted = len(truth(made, first, 15))
    interval = f"2023-10-20T{first:02}:00Z/2023-10-20T15:00Z"
    summary = made.cloud().fetch(interval, tmp_path, page_size=20, paginate="pages")
    assert summary.coverage == "complete"
    assert sorted(ids(tmp_path)) == truth(made, first, 15)
    pages = [
        entry
        for entry in made.sandbox.log
        if entry.endpoint == "details.query" and entry.json["paging"]["pageSize"] == 20
    ]
    assert ["nextPageToken" in entry.query for entry in pages] == [False] + [True] * (
        len(pages) - 1
    )
    assert len(pages) <= counted / 20 + 2


@pytest.mark.parametrize("count", [0, 1, 19, 20, 21])
def test_a_continuation_token_that_is_not_needed(tmp_path: Path, count: int) -> None:
    """Where one page holds all that is counted, a server of tokens sends none: its first page comes again for page 2, and that is the end."""
    made = world(per_day=0, dialect="next-page-token")
    made.sandbox.world.add(
        *(talk(number, TODAY + timedelta(minutes=number)) for number in range(count))
    )
    summary = made.cloud().fetch(
        "2023-10-20T00:00Z/2023-10-20T15:00Z", tmp_path, page_size=20, paginate="pages"
    )
    assert (summary.coverage, summary.conversations) == ("complete", count)
    assert summary.pages <= 2


@pytest.mark.parametrize("reaction", ["reject", "clamp", "accept"])
def test_a_page_size_beyond_the_api(tmp_path: Path, reaction: str) -> None:
    """`--page-size 200` never reaches the API, whatever it would make of it."""
    made = world(page_size_over_100=reaction)
    assert made.cloud().fetch(MORNING, tmp_path, page_size=200).coverage == "complete"
    assert sorted(ids(tmp_path)) == truth(made, 9, 15)


@pytest.mark.invariant("Complete")
@pytest.mark.parametrize("page", [2, 3, 5])
def test_rows_that_slide(tmp_path: Path, page: int) -> None:
    """Rows that move between pages while a slice is read are found by reading it again."""
    made = world(per_day=600)
    made.sandbox.faults.put("details.query", *["pass"] * (page + 1), "slide-rows")
    summary = made.cloud().fetch(MORNING, tmp_path, page_size=20)
    assert summary.coverage == "complete"
    assert sorted(ids(tmp_path)) == truth(made, 9, 15)


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize("page", [2, 4])
def test_a_page_that_comes_twice(tmp_path: Path, page: int) -> None:
    """A page in another's place is noticed by the rows that came twice."""
    made = world(per_day=400)
    made.sandbox.faults.put("details.query", *["pass"] * (page + 1), "repeat-page")
    summary = made.cloud().fetch(MORNING, tmp_path, page_size=10)
    assert summary.coverage == "complete"
    assert sorted(ids(tmp_path)) == truth(made, 9, 15)


def test_rows_that_never_stop_sliding(tmp_path: Path) -> None:
    """At every page something arrives: re-readings and cuts are bounded, and not more is claimed than is known."""
    made = world(per_day=600)
    made.sandbox.faults.put("details.query", *["slide-rows"] * 100)
    summary = made.cloud().fetch("2023-10-20T14:00Z/2023-10-20T15:00Z", tmp_path)
    found = ids(tmp_path)
    assert len(found) == len(set(found))
    if sorted(found) != truth(made, 14, 15):
        assert summary.finality == "provisional"


def test_late_arrivals(tmp_path: Path) -> None:
    """What becomes visible after it was read is there once the range is read by job; until then the range is provisional."""
    made = world(per_day=300, late_share=0.3, late_s=3600.0)
    first = made.cloud().fetch(MORNING, tmp_path)
    assert first.finality == "provisional"
    made.clock.sleep(10 * 86_400)
    second = made.cloud().fetch(MORNING, tmp_path)
    assert (second.coverage, second.finality) == ("complete", "final")
    assert sorted(ids(tmp_path)) == truth(made, 9, 15)
    assert second.conversations > first.conversations


@pytest.mark.parametrize(
    ("over", "coverage"), [(0.0005, "complete"), (0.01, "unproven"), (0.2, "short")]
)
def test_counts_that_are_too_high(tmp_path: Path, over: float, coverage: str) -> None:
    """`totalHits` overstates: a little is within its error, a lot cannot be told from rows that are missing."""
    made = world(per_day=2000, total_hits_over=over)
    summary = made.cloud().fetch("2023-10-10", tmp_path, tables=FEW)
    assert summary.coverage == coverage
    assert sum(1 for entry in made.sandbox.log if entry.endpoint == "jobs.submit") <= 4
    if coverage == "short":
        assert any("the count may be too high" in note for note in summary.notes)
    start = datetime(2023, 10, 10, tzinfo=UTC)
    assert sorted(ids(tmp_path)) == sorted(made.truth(start, start + timedelta(days=1)))


def test_the_slices_say_why() -> None:
    """A slice prints as what it is."""
    slices: list[Slice] = world().cloud().plan("2023-10-19/2023-10-20T15:00Z")
    assert [piece.route for piece in slices] == ["cursor", "pages"]
    assert all("watermark" in piece.reason for piece in slices)


def test_a_limit_on_submissions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API limits submissions in a way that is not documented: a refused one waits, and the run goes on."""
    monkeypatch.setattr(sys.modules[Slice.__module__], "JOB_ROWS", 20)
    made = world(per_day=20, jobs_per_minute_max=2)
    summary = made.cloud().fetch("2023-10-08/2023-10-14", tmp_path)
    assert summary.coverage == "complete"
    start = datetime(2023, 10, 8, tzinfo=UTC)
    assert sorted(ids(tmp_path)) == sorted(made.truth(start, start + timedelta(days=6)))


def test_a_submission_that_is_refused_often(tmp_path: Path) -> None:
    """A submission whose answer may be lost is sent three times; one that is refused for sure, as often as any request."""
    made = world(per_day=20)
    made.sandbox.faults.put("jobs.submit", *["return-429"] * 6)
    assert made.cloud().fetch("2023-10-08", tmp_path).coverage == "complete"
    assert len(made.sandbox.jobs.live) == 0
