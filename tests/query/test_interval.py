"""Intervals: values that are cut, clipped and printed."""

import itertools
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lastpage.query.interval import Interval, iso, parse_iso


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


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
