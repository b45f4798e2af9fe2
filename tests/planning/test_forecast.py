"""What a plan costs."""

from datetime import UTC, datetime, timedelta

import pytest

from lastpage.planning.planner import Forecast, requests_of
from lastpage.planning.slices import Route, Slice
from lastpage.query.interval import Interval

DAY = Interval(datetime(2023, 10, 1, tzinfo=UTC), datetime(2023, 10, 2, tzinfo=UTC))
MONTH = Interval(DAY.start, DAY.start + timedelta(days=31))


def piece(route: Route, rows: int | None, interval: Interval = DAY) -> Slice:
    return Slice(1, interval, interval, route, "a reason", rows)


@pytest.mark.parametrize(
    ("slice_", "requests"),
    [
        (piece("pages", 0), 2),  # the absent page, a count
        (piece("pages", 100), 3),
        (piece("pages", 101), 4),
        (piece("cursor", 0), 11),  # one page, two counts, eight around the job
        (piece("cursor", 100_000), 110),
        (piece("cursor", None, MONTH), 19),  # counted in five parts of a week, before and after
    ],
)
def test_requests(slice_: Slice, requests: int) -> None:
    """Pages, counts before and after, submission, polls and deletion."""
    assert requests_of(slice_) == requests


def test_totals() -> None:
    """A plan's minutes follow from its requests and the allowance."""
    forecast = Forecast.of([piece("pages", 59_900), piece("cursor", 100)], 300)
    assert (forecast.conversations, forecast.requests) == (60_000, 612)
    assert forecast.minutes == pytest.approx(612 / 300)
    assert forecast.record()["slices"][0]["route"] == "pages"
