"""Times as people write them, and what they mean."""

import os
import subprocess
import sys
import tomllib
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import product
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastpage.api.names import Directory
from lastpage.errors import UsageError
from lastpage.keywords import interval_from, query_from
from lastpage.query.interval import Interval, Relative
from lastpage.query.written import FORMS, hint, parse_interval, parse_since, zone

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2024, 3, 31, 12, 30, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2023-10-01/2023-10-08", "2023-10-01", "2023-10-08"),
        ("2023-10-01", "2023-10-01", "2023-10-02"),
        ("2023-10", "2023-10-01", "2023-11-01"),
        ("2023", "2023-01-01", "2024-01-01"),
        ("2023-W40", "2023-10-02", "2023-10-09"),
        ("2020-W53", "2020-12-28", "2021-01-04"),
        ("2023-10/2023-12", "2023-10-01", "2023-12-01"),
        ("2023-10..2023-12", "2023-10-01", "2024-01-01"),
        ("2023-10-01..2023-10-07", "2023-10-01", "2023-10-08"),
        ("2023-10-01 2023-10-07", "2023-10-01", "2023-10-08"),
        ("2023-w40 .. 2023-10-31", "2023-10-02", "2023-11-01"),
        ("2023-10-01T08:00Z..2023-10-01T17:30Z", "2023-10-01T08:00", "2023-10-01T17:30"),
        ("2023-10-01 08:00Z/2023-10-01 09:00Z", "2023-10-01T08:00", "2023-10-01T09:00"),
        ("2023-10-01/7d", "2023-10-01", "2023-10-08"),
        ("2023-01-31/1mo", "2023-01-31", "2023-02-28"),
        ("2w/2023-10-15", "2023-10-01", "2023-10-15"),
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
    assert relative == Relative.last(timedelta(hours=24))
    assert isinstance(relative, Relative)
    assert relative.until(at("2023-10-02T12:00")) == Interval(
        at("2023-10-01T12:00"), at("2023-10-02T12:00")
    )
    assert str(parse_interval("7d")) == "the last 168 hours"


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
        "from lastpage.query.written import zone",
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
        ("tomorrow", "an interval is"),
        ("12M", "an interval is"),
        ("now", "is a moment, not an interval"),
        ("2023-10-01T08:00Z", "is a moment, not an interval"),
        ("24h/7d", "both lengths"),
        ("2023-W60", "not a week"),
        ("2023/11/26", "write dates as 2023-11-26"),
        ("2023/1/6..2023/1/9", "write dates as 2023-01-06"),
        ("2023-10-01 2023-10-02 2023-10-03", "cannot read"),
        ("9999-12", "end of the calendar"),
        ("9999", "end of the calendar"),
        ("0001", "did not exist"),
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
        ("-24h", "an interval is"),
        ("2023-10-01/2023-10-02/2023-10-03", "cannot read"),
    ],
)
def test_bad_forms(text: str, fix: str) -> None:
    """What is not an interval is refused with the fix."""
    with pytest.raises(UsageError, match=fix):
        parse_interval(text)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("today", "2024-03-31", "2024-03-31T12:30"),
        ("Yesterday", "2024-03-30", "2024-03-31"),
        ("yesterday..today", "2024-03-30", "2024-03-31T12:30"),
        ("yesterday/today", "2024-03-30", "2024-03-31"),
        ("yesterday/12h", "2024-03-30", "2024-03-30T12:00"),
        ("1w/yesterday", "2024-03-23", "2024-03-30"),
        ("2024-03-20/now", "2024-03-20", "2024-03-31T12:30"),
        ("2024-02 now", "2024-02-01", "2024-03-31T12:30"),
        ("90m", "2024-03-31T11:00", "2024-03-31T12:30"),
        ("24H", "2024-03-30T12:30", "2024-03-31T12:30"),
        ("2w", "2024-03-17T12:30", "2024-03-31T12:30"),
        ("1mo", "2024-02-29T12:30", "2024-03-31T12:30"),
        ("13MO", "2023-02-28T12:30", "2024-03-31T12:30"),
        ("1y", "2023-03-31T12:30", "2024-03-31T12:30"),
    ],
)
def test_what_the_clock_tells(text: str, start: str, end: str) -> None:
    """What depends on the clock stays relative until the time is known, and is then what is written."""
    relative = parse_interval(text)
    assert isinstance(relative, Relative)
    assert relative.until(NOW) == Interval(at(start), at(end))


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("yesterday", "2024-03-29T23:00", "2024-03-30T23:00"),
        ("today", "2024-03-30T23:00", "2024-03-31T12:30"),
        ("yesterday/2d", "2024-03-29T23:00", "2024-03-31T22:00"),
        ("2d", "2024-03-29T12:30", "2024-03-31T12:30"),
        ("1mo", "2024-02-29T13:30", "2024-03-31T12:30"),
    ],
)
def test_the_clock_of_a_zone(text: str, start: str, end: str) -> None:
    """Days begin at the zone's midnight, also where one has 23 hours; lengths before now are hours of 60 minutes."""
    relative = parse_interval(text, BERLIN)
    assert isinstance(relative, Relative)
    assert relative.until(NOW) == Interval(at(start), at(end))


def test_a_clock_that_is_before() -> None:
    """What has not begun by the API's clock is refused once that is known."""
    relative = parse_interval("2024-04-01/now")
    assert isinstance(relative, Relative)
    with pytest.raises(UsageError, match="by the API's clock, a minute ago was 2024-03-31T12:30"):
        relative.until(NOW)


@pytest.mark.parametrize(
    ("first", "second"),
    list(product(["2023-10-01", "2023-10", "2023-W40", "2023", "yesterday"], ["7d", "2d"])),
)
def test_names_tell_intervals_apart(first: str, second: str) -> None:
    """By its name a run is known again: other intervals have other names, and so has another zone."""
    texts = [f"{first}/now", f"{second}/{first}", first, second, "today", "1mo"]
    assert len({str(parse_interval(text)) for text in texts}) == len(texts)
    assert str(parse_interval("today")) != str(parse_interval("today", BERLIN))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "2023-10/2023-12",
            "2023-12 is not included in 2023-10/2023-12; to include it, write 2023-10..2023-12",
        ),
        ("2022/2023", "write 2022..2023"),
        ("2023-W40/2023-W42", "write 2023-W40..2023-W42"),
        ("2023-10-01/2023-10-08", ""),
        ("2023-10..2023-12", ""),
        ("2023-10", ""),
    ],
)
def test_a_month_that_is_not_included(text: str, told: str) -> None:
    """A month after a slash is left out, which a note says, with the other spelling."""
    notes = query_from(text, {}, Directory(None)).notes  # type: ignore[arg-type] - nothing is sent
    assert told in hint(text)
    assert notes == ([hint(text)] if told else [])


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (date(2023, 10, 1), "2023-10-01"),
        (timedelta(hours=24), "24h"),
        (timedelta(days=7), "7d"),
        ((date(2023, 10, 1), date(2023, 10, 7)), "2023-10-01/2023-10-08"),
        (("2023-10-01", "now"), "2023-10-01..now"),
        (
            (
                datetime(2023, 10, 1, 8, tzinfo=UTC),
                datetime(2023, 10, 1, 19, 30, tzinfo=timezone(timedelta(hours=2))),
            ),
            "2023-10-01T08:00Z/2023-10-01T17:30Z",
        ),
    ],
)
def test_values_of_python(given: Any, text: str) -> None:
    """Dates, lengths and pairs of ends mean what they mean as texts; the day of a second end is included."""
    found, wanted = interval_from(given, {}), parse_interval(text)
    if isinstance(found, Relative):
        assert isinstance(wanted, Relative)
        found, wanted = found.until(NOW), wanted.until(NOW)
    assert found == wanted


def test_moments_of_frames() -> None:
    """A timestamp of pandas or Polars is a date-time."""
    pandas = pytest.importorskip("pandas")
    start, end = pandas.Timestamp("2023-10-01T08:00Z"), pandas.Timestamp("2023-10-01T17:30Z")
    assert interval_from((start, end), {}) == parse_interval("2023-10-01T08:00Z/2023-10-01T17:30Z")
    polars = pytest.importorskip("polars")
    moments = polars.Series([start.to_pydatetime(), end.to_pydatetime()])
    assert interval_from(tuple(moments), {}) == interval_from((start, end), {})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (datetime(2023, 10, 1, 8, tzinfo=UTC), "a moment, not an interval"),
        ((datetime(2023, 10, 1, 8), datetime(2023, 10, 1, 9)), "has no time zone"),  # noqa: DTZ001
        (timedelta(0), "is empty"),
        (timedelta(hours=-1), "cannot read"),
        ((date(2023, 10, 2), date(2023, 10, 1)), "is empty"),
        (("2023-10-01",), "a pair of ends"),
        (7, "a pair of ends"),
        (None, "a pair of ends"),
    ],
)
def test_values_that_are_none(given: Any, told: str) -> None:
    """What is no interval is refused with what is one."""
    with pytest.raises(UsageError, match=told):
        interval_from(given, {})


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("2023", "2023-01-01"),
        ("2023-W40", "2023-10-02"),
        ("yesterday", "2024-03-30"),
        ("1mo", "2024-02-29T12:30"),
    ],
)
def test_since(text: str, start: str) -> None:
    """Since when is written as an interval's beginning is."""
    found = parse_since(text)
    assert (found.until(NOW).start if isinstance(found, Relative) else found) == at(start)


@pytest.mark.parametrize("written", [each for form, _ in FORMS[:-1] for each in form.split(", ")])
def test_forms_of_the_guide(written: str) -> None:
    """Each form of the table can be read, with days in the place of A and B."""
    parse_interval(written.replace("A", "2023-10-01").replace("B", "2023-10-03"))


@given(st.text(alphabet="0123456789-/.: TWZhdmowyntsadyerw", max_size=24))
def test_whatever_is_written(text: str) -> None:
    """It is an interval, or refused with a sentence."""
    with suppress(UsageError):
        found = parse_interval(text, BERLIN)
        assert isinstance(found.until(NOW) if isinstance(found, Relative) else found, Interval)
