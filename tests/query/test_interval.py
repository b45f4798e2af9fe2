"""Intervals: what people write, and what it means."""

import itertools
import os
import subprocess
import sys
import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastpage.errors import UsageError
from lastpage.query.interval import Interval, Relative, iso, parse_interval, parse_iso, zone


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2023-10-01/2023-10-08", "2023-10-01", "2023-10-08"),
        ("2023-10-01", "2023-10-01", "2023-10-02"),
        ("2023-10", "2023-10-01", "2023-11-01"),
        ("2023-12", "2023-12-01", "2024-01-01"),
        ("2024-02", "2024-02-01", "2024-03-01"),
        ("2023-10-01T08:00Z/2023-10-01T17:30Z", "2023-10-01T08:00", "2023-10-01T17:30"),
        ("2023-10-01T00:00:00Z/2023-10-02T00:00:00Z", "2023-10-01", "2023-10-02"),
        ("2023-10-01T00:00:00.250+02:00/2023-10-02", "2023-09-30T22:00:00.250", "2023-10-02"),
        (" 2023-10-01 / 2023-10-02 ", "2023-10-01", "2023-10-02"),
    ],
)
def test_forms(text: str, start: str, end: str) -> None:
    """Every form of the documentation means what it says, in UTC."""
    assert parse_interval(text) == Interval(at(start), at(end))


def test_relative() -> None:
    """A relative interval stays relative until the time is known."""
    relative = parse_interval("24h")
    assert relative == Relative(timedelta(hours=24))
    assert isinstance(relative, Relative)
    assert relative.until(at("2023-10-02T12:00")) == Interval(
        at("2023-10-01T12:00"), at("2023-10-02T12:00")
    )
    assert parse_interval("7d") == Relative(timedelta(days=7))


def test_plain_dates_of_a_zone() -> None:
    """With a zone, plain dates are that zone's days, also on the day the clocks change."""
    berlin = ZoneInfo("Europe/Berlin")
    assert parse_interval("2023-10-29", berlin) == Interval(
        at("2023-10-28T22:00"), at("2023-10-29T23:00")
    )


def test_zones_are_a_dependency() -> None:
    """The package that has the zones comes with lastpage."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    assert any(each.startswith("tzdata") for each in project["project"]["dependencies"])


@pytest.mark.parametrize(
    ("before", "told"),
    [
        ("", "Europe/Berlin"),
        ("sys.modules['tzdata'] = None", "knows no time zones; install the package tzdata"),
    ],
)
def test_zones_where_the_system_has_none(before: str, told: str) -> None:
    """Slim images and Windows have no zones: the package's are taken. Without it, a name that is right is not called wrong."""
    lines = (
        "import sys",
        before,
        "from lastpage.query.interval import zone",
        "print(zone('Europe/Berlin'))",
    )
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        env={**os.environ, "PYTHONTZPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr or done.stdout).rstrip().endswith(told)


def test_a_zone_that_is_not_there() -> None:
    """A name that is in no database is refused with one that is."""
    with pytest.raises(UsageError, match="write it as Europe/Berlin"):
        zone("Europe/Berlinn")


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("2023-10-01T08:00/2023-10-01T09:00", "time zone"),
        ("yesterday", "an interval is"),
        ("2023-13", "not a month"),
        ("2023-02-30", "not a date"),
        ("2023-10-08/2023-10-01", "empty"),
        ("2023-10-01/2023-10-01", "empty"),
        ("0h", "empty"),
        ("1999-01-01", "did not exist"),
        ("2023-10-01/", "cannot read"),
        ("/2023-10-01", "cannot read"),
        ("", "an interval is"),
        ("24", "an interval is"),
        ("24H", "an interval is"),
        ("-24h", "an interval is"),
        ("2023-10-01/2023-10-02/2023-10-03", "cannot read"),
    ],
)
def test_bad_forms(text: str, fix: str) -> None:
    """What is not an interval is refused with the fix."""
    with pytest.raises(UsageError, match=fix):
        parse_interval(text)


MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)


@given(MOMENTS)
def test_iso_round_trip(moment: datetime) -> None:
    """What is written is read back to the millisecond."""
    assert parse_iso(iso(moment)) == moment


@given(MOMENTS, st.timedeltas(timedelta(milliseconds=1), timedelta(days=40)), st.integers(1, 9))
def test_pieces_cover(start: datetime, length: timedelta, days: int) -> None:
    """Pieces are disjoint, in order, leave no gap, and none is longer than asked."""
    end = start + length
    whole = Interval(start, end.replace(microsecond=end.microsecond // 1000 * 1000 or 1000))
    pieces = list(whole.pieces(days))
    assert pieces[0].start == whole.start
    assert pieces[-1].end == whole.end
    assert all(a.end == b.start for a, b in itertools.pairwise(pieces))
    assert all(piece.length <= timedelta(days=days) for piece in pieces)


def test_days() -> None:
    """A range over midnight touches two cells, each with its own part."""
    whole = Interval(at("2023-10-01T23:00"), at("2023-10-02T01:00"))
    assert [(day, str(part.start)) for day, part in whole.days()] == [
        (date(2023, 10, 1), "2023-10-01 23:00:00+00:00"),
        (date(2023, 10, 2), "2023-10-02 00:00:00+00:00"),
    ]
