"""The interval against the server's clock and the organisation's retention; the plan's probes answered."""

import inspect
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.inprocess import NOW, world
from tests.readback import ids

from lastpage import Cloud, UsageError


def test_up_to_a_minute_ago(tmp_path: Path) -> None:
    """An interval that reaches now ends a minute ago by the server's clock, and the summary says so."""
    made = world()
    summary = made.cloud().fetch("2023-10-20/2023-10-21", tmp_path)
    assert summary.interval.endswith("/2023-10-20T15:29:20.500Z")
    assert any("a minute ago by the API's clock" in note for note in summary.notes)


def test_a_relative_interval() -> None:
    """`24h` ends a minute ago, and starts 24 hours before that."""
    planned = world().cloud().plan("24h")
    assert planned[-1].interval.end - planned[0].interval.start == timedelta(hours=24)
    assert NOW - planned[-1].interval.end < timedelta(minutes=1, seconds=1)


@pytest.mark.parametrize(
    "interval", ["2023-10-21", "2024-01", "2023-10-20T15:30Z/2023-10-20T16:00Z"]
)
def test_the_future(interval: str) -> None:
    """What has not happened yet is refused, before anything is asked of the conversations."""
    made = world()
    with pytest.raises(UsageError, match="future"):
        made.cloud().fetch_all(interval)
    assert not made.sandbox.counters["details.query"]


def test_older_than_the_retention() -> None:
    """Days that the organisation has deleted are refused, with the oldest that is left."""
    made = world(retention_days=100)
    with pytest.raises(UsageError, match=r"keeps \(100 days\).*2023-07-13"):
        made.cloud().fetch_all("2023-07-01/2023-07-10")
    assert not made.sandbox.counters["details.query"]


def test_partly_older_than_the_retention(tmp_path: Path) -> None:
    """An interval that begins before the retention is read from the oldest whole day on, and that is said."""
    made = world(retention_days=100, per_day=30)
    summary = made.cloud().fetch("2023-07-01/2023-07-20", tmp_path)
    assert summary.interval.startswith("2023-07-13")
    assert any("for 100 days only" in note for note in summary.notes)
    start = datetime(2023, 7, 13, tzinfo=UTC)
    assert sorted(ids(tmp_path)) == sorted(made.truth(start, start + timedelta(days=7)))


@pytest.mark.parametrize("days", [None, 400])
def test_an_unknown_or_long_retention(days: int | None) -> None:
    """Where the retention is unknown, or long enough, the whole interval is read."""
    made = world(retention_days=days, per_day=3)
    planned = made.cloud().plan("2023-07-01/2023-07-03")
    assert str(planned[0].interval.start.date()) == "2023-07-01"


def test_the_retention_is_asked_only_where_it_matters() -> None:
    """The shortest retention there is has 90 days; younger intervals cost no request."""
    made = world(retention_days=100)
    made.cloud().plan("2023-10-01")
    assert not made.sandbox.counters["retention"]


def test_a_keyword_that_is_none() -> None:
    """A keyword with a typing error is refused by name; it does not match everything."""
    with pytest.raises(UsageError, match=r"no option 'medai'.*media"):
        world().cloud().fetch_all("2023-10-10", medai="voice")  # type: ignore[call-arg]


def test_no_secret_in_a_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    """What help() shows of `from_env` holds nothing of the environment."""
    assert "environ" not in str(inspect.signature(Cloud.from_env))
