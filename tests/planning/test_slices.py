"""Plans: routes, cuts and reasons, by assertion alone."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lastpage.errors import UsageError
from lastpage.planning.slices import (
    JOB_ROWS,
    PAGES_ROWS,
    Horizon,
    Probe,
    Slice,
    halves_of,
    plan,
)
from lastpage.planning.small import FEW_ROWS, Need
from lastpage.query.interval import DAY, HOUR, MINUTE, Interval, floor_day
from lastpage.query.query import Query
from lastpage.query.written import parse_interval

NOW = datetime(2023, 10, 20, 12, 34, 56, tzinfo=UTC)
HORIZON = Horizon(until=NOW, watermark=datetime(2023, 10, 20, 6, 30, tzinfo=UTC))
OLD = Horizon(until=NOW, watermark=NOW)
#: Nothing asks for a job.
NO_NEED = Need(content=False)


def whole(text: str) -> Interval:
    interval = parse_interval(text)
    assert isinstance(interval, Interval)
    return interval


def planned(
    interval: Interval,
    count: Callable[[Probe], int],
    horizon: Horizon = OLD,
    paginate: str = "auto",
    need: Need = Need(),  # noqa: B008 - frozen
    **filters: object,
) -> tuple[list[Slice], list[Probe]]:
    query = Query(interval, **filters)  # type: ignore[arg-type]
    planner = plan(query, interval, horizon, paginate, need)  # type: ignore[arg-type]
    probes: list[Probe] = []
    try:
        probe = next(planner)
        while True:
            probes.append(probe)
            probe = planner.send(count(probe))
    except StopIteration as end:
        return end.value, probes


def steady(per_day: int) -> Callable[[Probe], int]:
    """An organisation whose conversations start evenly: what started on the probe's days, before its end."""
    return lambda probe: int((probe.interval.end - floor_day(probe.interval.start)) / DAY * per_day)


def test_old_and_small_is_one_job() -> None:
    """A month of a small organisation is one job."""
    slices, _ = planned(whole("2023-09"), steady(100))
    assert [(piece.route, piece.interval) for piece in slices] == [("cursor", whole("2023-09"))]


def test_routes_meet_at_the_watermark() -> None:
    """Before the watermark's hour a job, after it page numbers; no gap, no overlap, and each says why."""
    slices, _ = planned(Interval(NOW - DAY, NOW), steady(1000), HORIZON)
    border = datetime(2023, 10, 20, 6, tzinfo=UTC)
    assert [(piece.route, piece.interval.start, piece.interval.end) for piece in slices] == [
        ("cursor", NOW - DAY, border),
        ("pages", border, NOW),
    ]
    assert "before the watermark" in slices[0].reason
    assert "after the watermark" in slices[1].reason


def test_forced_routes() -> None:
    """A forced route is used for everything, and a job past the watermark says that it may be partial."""
    pages, _ = planned(Interval(NOW - DAY, NOW), steady(10), HORIZON, "pages")
    assert {piece.route for piece in pages} == {"pages"}
    jobs, _ = planned(Interval(NOW - DAY, NOW), steady(10), HORIZON, "cursor")
    assert [piece.route for piece in jobs] == ["cursor", "cursor"]
    assert "may be partial" in jobs[1].reason


def test_jobs_are_cut_to_size() -> None:
    """A large organisation's weeks are cut at midnights into jobs of about the right size."""
    slices, probes = planned(whole("2023-09"), steady(20_000))
    assert all(
        floor_day(end) == end
        for piece in slices
        for end in (piece.interval.start, piece.interval.end)
    )
    assert all((piece.expected or 0) <= JOB_ROWS for piece in slices)
    assert all(probe.interval.length <= 7 * DAY for probe in probes)
    assert len(slices) <= 10


def test_a_day_beyond_a_job() -> None:
    """A day is never cut for a job, however large: the job has no wall that is known."""
    slices, _ = planned(whole("2023-09-01/2023-09-03"), steady(250_000))
    assert [piece.interval for piece in slices] == [whole("2023-09-01"), whole("2023-09-02")]


def test_jobs_stay_within_31_days() -> None:
    """However small the organisation, no job asks for more than 31 days, its look ahead included."""
    year = whole("2022-01-01/2023-01-01")
    for filters in ({}, {"media": ("voice",)}):
        slices, _ = planned(year, steady(3), **filters)
        assert all(piece.asked.length <= 31 * DAY for piece in slices)
        assert slices[0].interval.start == year.start
        assert slices[-1].interval.end == year.end


def test_pages_are_cut_far_from_the_wall() -> None:
    """120,000 in a day by page numbers become parts of at most 10,000."""
    slices, _ = planned(whole("2023-09-01"), steady(120_000), paginate="pages")
    assert all((piece.expected or 0) <= PAGES_ROWS for piece in slices)
    assert sum(piece.expected or 0 for piece in slices) == 120_000


def test_long_open_threads_do_not_defeat_the_cutting() -> None:
    """30,000 threads opened at midnight and open all day are one dense minute, not a dense day."""
    day = whole("2023-09-01")

    def count(probe: Probe) -> int:
        return 30_000 + int((probe.interval.end - day.start) / MINUTE)

    slices, _ = planned(day, count, paginate="pages")
    assert len([piece for piece in slices if piece.interval.length > HOUR]) >= 4
    assert len(slices) < 20


DENSE = Interval(datetime(2023, 9, 1, 10, 0, tzinfo=UTC), datetime(2023, 9, 1, 10, 1, tzinfo=UTC))


def test_a_dense_minute() -> None:
    """Time is cut no further than a minute, and a minute may hold anything below the wall."""
    slices, _ = planned(
        DENSE, lambda probe: 99_999 if probe.interval.end == DENSE.end else 0, paginate="pages"
    )
    assert [(each.interval, each.expected) for each in slices] == [(DENSE, 99_999)]


def test_a_minute_beyond_the_wall() -> None:
    """A minute that holds more than page numbers can reach is refused, with what to do instead."""
    with pytest.raises(UsageError, match=r"100,000 conversations start in .*--media.*by job"):
        planned(
            DENSE, lambda probe: 100_000 if probe.interval.end == DENSE.end else 0, paginate="pages"
        )


def test_segment_filters_look_ahead() -> None:
    """A filter on segments asks a day further, but not into the future; a filter on conversations does not."""
    slices, _ = planned(whole("2023-09-01"), steady(10), media=("voice",))
    assert slices[0].asked.end == slices[0].interval.end + DAY
    slices, _ = planned(Interval(NOW - HOUR, NOW), steady(10), HORIZON, media=("voice",))
    assert slices[0].asked.end == NOW
    slices, _ = planned(whole("2023-09-01"), steady(10), direction="inbound")
    assert slices[0].asked == slices[0].interval


def test_filtered_jobs_end_a_day_before_the_watermark() -> None:
    """Under a filter on segments a job asks for nothing past the watermark; page numbers read on from a day before it."""
    slices, _ = planned(Interval(NOW - 3 * DAY, NOW), steady(10), HORIZON, media=("voice",))
    border = datetime(2023, 10, 19, 6, tzinfo=UTC)
    assert [(each.route, each.interval.end) for each in slices] == [
        ("cursor", border),
        ("pages", NOW),
    ]
    assert slices[0].asked.end <= HORIZON.watermark
    assert "a day before the watermark" in slices[0].reason


def test_probes_are_legal() -> None:
    """No probe of an unfiltered query covers more than seven days."""
    _, probes = planned(whole("2023-01-01/2023-09-30"), steady(50_000))
    assert max(probe.interval.length for probe in probes) <= 7 * DAY


@pytest.mark.invariant("Complete")
@settings(max_examples=200)
@given(
    st.integers(0, 60 * 24 * 40),
    st.integers(1, 60 * 24 * 20),
    st.integers(0, 400_000),
    st.sampled_from(["auto", "pages", "cursor"]),
)
def test_a_plan_covers_its_interval(start: int, length: int, per_day: int, paginate: str) -> None:
    """Any plan covers its interval: disjoint slices, in order, without a gap."""
    begin = datetime(2023, 9, 1, tzinfo=UTC) + start * MINUTE
    interval = Interval(begin, begin + length * MINUTE)
    slices, _ = planned(interval, steady(per_day), HORIZON, paginate)
    parts = [piece.interval for piece in slices]
    assert parts[0].start == interval.start
    assert parts[-1].end == interval.end
    assert all(a.end == b.start for a, b in itertools.pairwise(parts))


def test_halves_of_a_slice() -> None:
    """Days are halved at midnights, then hours, then minutes; a minute is cut no further."""
    piece = Slice(1, whole("2023-09-01/2023-09-05"), whole("2023-09-01/2023-09-06"), "cursor", "")
    first, second = halves_of(piece, Query(piece.interval, media=("voice",)))
    assert (first.interval, first.asked) == (
        whole("2023-09-01/2023-09-03"),
        whole("2023-09-01/2023-09-04"),
    )
    assert (second.interval, second.asked) == (
        whole("2023-09-03/2023-09-05"),
        whole("2023-09-03/2023-09-06"),
    )
    while parts := halves_of(first, Query(first.interval)):
        assert parts[0].interval.end == parts[1].interval.start
        first = parts[0]
    assert first.interval.length == MINUTE


@pytest.mark.parametrize(
    ("text", "per_day", "paginate", "need", "route"),
    [
        ("2023-10-10", FEW_ROWS, "auto", NO_NEED, "pages"),
        ("2023-10-10", FEW_ROWS, "auto", Need(), "cursor"),
        ("2023-10-10", FEW_ROWS, "auto", replace(NO_NEED, content=True), "cursor"),
        ("2023-10-10", FEW_ROWS, "auto", replace(NO_NEED, sync=True), "cursor"),
        ("2023-10-10", FEW_ROWS, "auto", replace(NO_NEED, file=True), "cursor"),
        ("2023-10-10", FEW_ROWS, "auto", replace(NO_NEED, held=True), "cursor"),
        ("2023-10-10", FEW_ROWS + 1, "auto", NO_NEED, "cursor"),
        ("2023-10-10", 1, "auto", NO_NEED, "pages"),
        ("2023-10-10", 0, "auto", NO_NEED, "cursor"),
        ("2023-10-10", FEW_ROWS, "cursor", NO_NEED, "cursor"),
        ("2023-10-03/2023-10-10", FEW_ROWS // 7, "auto", NO_NEED, "pages"),
        ("2023-10-03T07:00Z/2023-10-10T07:00Z", FEW_ROWS // 10, "auto", NO_NEED, "pages"),
        ("2023-10-02/2023-10-10", FEW_ROWS // 10, "auto", NO_NEED, "cursor"),
    ],
)
def test_small_extracts(text: str, per_day: int, paginate: str, need: Need, route: str) -> None:
    """A week at most of a thousand at most, and not of none, is read by page numbers where nothing asks for a job; the plan says so."""
    slices, _ = planned(whole(text), steady(per_day), paginate=paginate, need=need)
    assert [piece.route for piece in slices] == [route]
    assert ("needs no job" in slices[0].reason) == (route == "pages")


def test_the_rest_of_a_large_extract_is_no_small_one() -> None:
    """Where most is read by job, so is the last bit of it."""
    slices, _ = planned(
        whole("2023-10-02/2023-10-04"),
        lambda probe: 99_999 * (probe.interval.start.day == 2) + 500,
        need=NO_NEED,
    )
    assert {piece.route for piece in slices} == {"cursor"}
