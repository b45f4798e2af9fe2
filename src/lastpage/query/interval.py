"""Ranges of time: half-open, UTC, to the millisecond.

An `Interval` has fixed ends. Of a `Relative` one, at least one end is told by a clock: `24h` and
`yesterday` are other hours each time. Nothing here asks what time it is.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time, timedelta, tzinfo
from typing import Self

from lastpage.errors import UsageError

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
MS = timedelta(milliseconds=1)
#: Genesys Cloud has no older data; anything earlier is a typing error.
EARLIEST = datetime(2006, 1, 1, tzinfo=UTC)
#: Longer or later ones are typing errors, too. Within these limits every sum is a valid date.
LONGEST, LATEST = 10_000 * DAY, datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """`[start, end)`: aware UTC date-times of millisecond precision, start before end.

    Raises `UsageError` for ends that are not in UTC or not in order.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.utcoffset() != timedelta(0) or self.end.utcoffset() != timedelta(0):
            raise UsageError(
                f"the interval {self.start} to {self.end} is not in UTC; give both ends in UTC"
            )
        if self.start >= self.end:
            raise UsageError(f"the interval {self} is empty: its start must lie before its end")

    def __str__(self) -> str:
        """As the API wants it: `2023-10-01T00:00:00.000Z/2023-10-02T00:00:00.000Z`."""
        return f"{iso(self.start)}/{iso(self.end)}"

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    @property
    def length(self) -> timedelta:
        """End less start."""
        return self.end - self.start

    def clip(self, other: Interval) -> Interval | None:
        """The part that both have, or None."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Interval(start, end) if start < end else None

    def split(self, at: datetime) -> tuple[Interval, Interval]:
        """The parts before and after a moment inside."""
        return Interval(self.start, at), Interval(at, self.end)

    def days(self) -> Iterator[tuple[date, Interval]]:
        """The UTC days that it touches, each with the part of the interval that lies in it."""
        for part in self.pieces(1):
            yield part.start.date(), part

    def pieces(self, days: int) -> Iterator[Interval]:
        """Cut at midnights into parts of at most so many days."""
        start = self.start
        while start < self.end:
            end = min(floor_day(start) + days * DAY, self.end)
            yield Interval(start, end)
            start = end


@dataclass(frozen=True, slots=True)
class Length:
    """So many months, or so long. Days are a calendar's from a midnight on, else 24 hours each."""

    months: int = 0
    days: int = 0
    exact: timedelta = timedelta(0)

    def __neg__(self) -> Length:
        return Length(-self.months, -self.days, -self.exact)

    def after(self, moment: datetime, tz: tzinfo) -> datetime:
        """The moment that lies so long after another, by the calendar of a zone; in UTC.

        A month after the 31st is the last day of a shorter month.
        """
        local = moment.astimezone(tz)
        if self.months:
            year, month = divmod(local.year * 12 + local.month - 1 + self.months, 12)
            if not MINYEAR <= year <= MAXYEAR:
                raise OverflowError(f"the year {year}")
            day = min(local.day, monthrange(year, month + 1)[1])
            local = local.replace(year=year, month=month + 1, day=day)
        if self.days and local.time() == time():
            return midnight(local.date() + self.days * DAY, tz) + self.exact
        return local.astimezone(UTC) + self.days * DAY + self.exact


NOTHING = Length()


@dataclass(frozen=True, slots=True)
class Point:
    """A moment that is told by a clock: now, or the midnight with which a day begins; or after it.

    `day` is counted from today, which is 0.
    """

    day: int | None = None
    tz: tzinfo = UTC
    length: Length = NOTHING

    def at(self, now: datetime) -> datetime:
        """The moment, when it is `now`."""
        if self.day is not None:
            now = midnight(now.astimezone(self.tz).date() + self.day * DAY, self.tz)
        return self.length.after(now, self.tz)


NOW = Point()


@dataclass(frozen=True, slots=True)
class Relative:
    """What ends now, or is told by the clock otherwise.

    It becomes an `Interval` once the server's time is known. `text` names it.
    """

    text: str
    start: Point | datetime
    end: Point | datetime = NOW

    @classmethod
    def last(cls, length: timedelta) -> Self:
        """So long, until now."""
        text = f"the last {length / HOUR:g} hours"
        return cls(text, Point(length=Length(exact=-length)))

    def __str__(self) -> str:
        return self.text

    def until(self, now: datetime) -> Interval:
        """The interval, when it is `now`; raises `UsageError` where nothing is between its ends."""
        start, end = (
            each.at(now) if isinstance(each, Point) else each for each in (self.start, self.end)
        )
        if start >= end:
            raise UsageError(
                f"{self} is empty: by the API's clock, a minute ago was {iso(now)}, so it would "
                f"be from {iso(start)} to {iso(end)}"
            )
        return Interval(start, end)


def minus(whole: Interval, others: Sequence[Interval]) -> list[Interval]:
    """What is left of an interval without several others."""
    left = [whole]
    for other in others:
        left = [part for each in left for part in _without(each, other)]
    return left


def joined(parts: Iterable[Interval]) -> list[Interval]:
    """Intervals in order, as one where they touch."""
    found: list[Interval] = []
    for part in sorted(parts):
        if found and found[-1].end == part.start:
            found[-1] = Interval(found[-1].start, part.end)
        else:
            found.append(part)
    return found


def _without(whole: Interval, other: Interval) -> list[Interval]:
    cut = whole.clip(other)
    if cut is None:
        return [whole]
    ends = ((whole.start, cut.start), (cut.end, whole.end))
    return [Interval(start, end) for start, end in ends if start < end]


def iso(moment: datetime) -> str:
    """`2023-10-01T00:00:00.000Z`, the only form this project sends and prints."""
    return (
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    )


def parse_iso(text: str) -> datetime:
    """The reverse of `iso`."""
    return datetime.fromisoformat(text)


def midnight(day: date, tz: tzinfo) -> datetime:
    """The moment with which a day of a zone begins, in UTC."""
    return datetime.combine(day, time(), tz).astimezone(UTC)


def floor_day(moment: datetime) -> datetime:
    """The beginning of its day, in its own time zone."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def floor_hour(moment: datetime) -> datetime:
    """The beginning of its hour, in its own time zone."""
    return moment.replace(minute=0, second=0, microsecond=0)


def floor_minute(moment: datetime) -> datetime:
    """The beginning of its minute, in its own time zone."""
    return moment.replace(second=0, microsecond=0)


def from_unix(seconds: float) -> datetime:
    """Seconds since 1970 as a UTC date-time of whole milliseconds."""
    return datetime.fromtimestamp(int(seconds * 1000) / 1000, UTC)


def in_words(length: timedelta) -> str:
    """A length of time in words, in the largest unit of which there are two: 26 hours, 1 second."""
    units = (("day", DAY), ("hour", HOUR), ("minute", MINUTE))
    name, unit = next((each for each in units if length >= 2 * each[1]), ("second", SECOND))
    count = length // unit
    return f"{count:,} {name}" if count == 1 else f"{count:,} {name}s"
