"""Ranges of time: half-open, UTC, to the millisecond; read from what people write.

    written                                    means
    -----------------------------------------  -----------------------------------------------------
    24h, 7d                                    a length that ends now: `Relative`
    2023-10-01, 2023-10                        a day, a month of the time zone (UTC by default)
    2023-10-01/2023-10-08                      from the first day up to the second, without it
    2023-10-01T08:00Z/2023-10-01T17:30+02:00   date-times; each needs a zone

Nothing here asks what time it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

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
class Relative:
    """A length of time that ends now; it becomes an `Interval` once the server's clock is known."""

    length: timedelta

    def __str__(self) -> str:
        return f"the last {self.length / HOUR:g} hours"

    def until(self, end: datetime) -> Interval:
        """The interval of this length that ends then."""
        return Interval(end - self.length, end)


def minus(whole: Interval, others: Sequence[Interval]) -> list[Interval]:
    """What is left of an interval without several others."""
    left = [whole]
    for other in others:
        left = [part for each in left for part in _without(each, other)]
    return left


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


_RELATIVE = re.compile(r"([0-9]{1,18})([hd])")
_LENGTH = re.compile(r"([0-9]{1,9})([smhd])")
_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
#: Python reads more forms (week dates, dates without hyphens), but few people write them; here they
#: are more likely a typing error.
_TIME = re.compile(
    _DAY.pattern + r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_FORMS = (
    "an interval is 2023-10-01/2023-10-08 (the end is not included), 2023-10-01, 2023-10, 24h, 7d, "
    "or two date-times with a zone such as 2023-10-01T08:00Z/2023-10-01T17:30Z"
)


def parse_interval(text: str, tz: tzinfo = UTC) -> Interval | Relative:
    """Read an interval as people write it; plain dates mean days of `tz`.

    Returns a `Relative` for a length such as `24h`. Raises `UsageError`.
    """
    try:
        return _parse(text.strip(), tz)
    except OverflowError:
        raise UsageError(f"the interval {text!r} is at the end of the calendar; {_FORMS}") from None


def parse_since(text: str, tz: tzinfo = UTC) -> datetime | Relative:
    """Read from when on, as people write it: 2023-10-01, 2023-10, a date-time with a zone, or 90d.

    Plain dates begin at midnight in `tz`. Raises `UsageError`.
    """
    text = text.strip()
    try:
        if _RELATIVE.fullmatch(text) or _MONTH.fullmatch(text):
            found = _parse(text, tz)
            return found.start if isinstance(found, Interval) else found
        since = _moment(text, tz)
    except OverflowError:
        raise UsageError(f"{text!r} is at the end of the calendar; write 2023-10-01") from None
    if not EARLIEST <= since < LATEST:
        raise UsageError(f"nothing can be held since {text!r}; write a date as 2023-10-01")
    return since


def parse_length(text: str) -> timedelta:
    """Read a length of time, as people write it: 90s, 10m, 26h, 2d. Raises `UsageError`."""
    match = _LENGTH.fullmatch(text.strip())
    length = int(match[1]) * _UNITS[match[2]] if match else None
    if length is None or length > LONGEST:
        raise UsageError(f"{text!r} is no length of time; write 90s, 10m, 26h or 2d")
    return length


def in_words(length: timedelta) -> str:
    """A length of time in words, in the largest unit of which there are two: 26 hours, 1 second."""
    units = (("day", DAY), ("hour", HOUR), ("minute", MINUTE))
    name, unit = next((each for each in units if length >= 2 * each[1]), ("second", SECOND))
    count = length // unit
    return f"{count:,} {name}" if count == 1 else f"{count:,} {name}s"


def zone(name: str | tzinfo) -> tzinfo:
    """A time zone by its name; raises `UsageError`."""
    if isinstance(name, tzinfo):
        return name
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, AttributeError, OSError):
        if not available_timezones():
            raise UsageError(
                f"--tz {name!r} cannot be looked up, because this Python knows no time zones; "
                "install the package tzdata"
            ) from None
        raise UsageError(f"--tz {name!r} is not a time zone; write it as Europe/Berlin") from None


def _parse(text: str, tz: tzinfo) -> Interval | Relative:
    if match := _RELATIVE.fullmatch(text):
        return _relative(int(match[1]), match[2])
    if "/" in text:
        first, _, second = text.partition("/")
        return _checked(_moment(first, tz), _moment(second, tz), text)
    if match := _MONTH.fullmatch(text):
        return _month(text, int(match[1]), int(match[2]), tz)
    if _DAY.fullmatch(text):
        day = _date(text)
        return _checked(_midnight(day, tz), _midnight(day + DAY, tz), text)
    raise UsageError(f"cannot read the interval {text!r}: {_FORMS}")


def _relative(count: int, unit: str) -> Relative:
    if not count:
        raise UsageError(f"the interval 0{unit} is empty; give a length such as 24h or 7d")
    length = HOUR if unit == "h" else DAY
    if count > LONGEST / length:
        raise UsageError(
            f"the last {count}{unit} begin before Genesys Cloud existed; "
            "give a length such as 24h or 7d"
        )
    return Relative(count * length)


def _month(text: str, year: int, month: int, tz: tzinfo) -> Interval:
    try:
        first = date(year, month, 1)
    except ValueError:
        raise UsageError(f"{text!r} is not a month; write it as 2023-10") from None
    # Four days after the 28th are in the next month, whatever the month.
    following = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    return _checked(_midnight(first, tz), _midnight(following, tz), text)


def _moment(text: str, tz: tzinfo) -> datetime:
    text = text.strip()
    if _DAY.fullmatch(text):
        return _midnight(_date(text), tz)
    try:
        moment = datetime.fromisoformat(text if _TIME.fullmatch(text) else "")
    except ValueError:
        raise UsageError(f"cannot read {text!r} as a time: {_FORMS}") from None
    if moment.tzinfo is None:
        raise UsageError(
            f"{text!r} has no time zone, so it could mean any of 24 hours; "
            f"write {text}Z for UTC or add an offset such as {text}+02:00"
        )
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a date; write it as 2023-10-01") from None


def _midnight(day: date, tz: tzinfo) -> datetime:
    return datetime.combine(day, time(), tz).astimezone(UTC)


def _checked(start: datetime, end: datetime, text: str) -> Interval:
    if start < EARLIEST:
        raise UsageError(
            f"the interval {text!r} starts before {EARLIEST.year}, "
            "when Genesys Cloud did not exist; write a date as 2023-10-01"
        )
    if end > LATEST:
        raise UsageError(
            f"the interval {text!r} ends in the year {end.year}; write a date as 2023-10-01"
        )
    if start >= end:
        raise UsageError(
            f"the interval {text!r} is empty: "
            "the start must lie before the end, which is not included"
        )
    return Interval(start, end)
