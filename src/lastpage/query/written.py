"""Times as people write them: intervals, moments since when, lengths, zones.

    a text ─▶ where it begins and where it ends ─▶ an `Interval`; a `Relative` where a clock tells

The forms are the table below, from which the guide's is made. What they have in common: dates are
those of a time zone (UTC by default), a date-time has a zone of its own, and what is not in the
table is refused with what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from lastpage.errors import UsageError
from lastpage.query.interval import (
    DAY,
    EARLIEST,
    HOUR,
    LATEST,
    LONGEST,
    MINUTE,
    NOW,
    SECOND,
    Interval,
    Length,
    Point,
    Relative,
    midnight,
)

#: What can be written, and what it means.
FORMS: tuple[tuple[str, str], ...] = (
    ("2023-10-01", "that day"),
    ("2023-10, 2023", "that month, that year"),
    ("2023-W40", "that week, from Monday on, as ISO 8601 counts them"),
    ("yesterday", "the day before this one"),
    ("today", "this day, until a minute ago by the API's clock"),
    ("90m, 24h, 7d, 2w", "so many minutes, hours, days or weeks, until a minute ago"),
    ("12mo, 1y", "so many months or years of the calendar, until a minute ago"),
    ("A/B", "from where A begins to where B begins: **without** B"),
    ("A..B, A B", "from where A begins to where B ends: **with** B's day, week, month or year"),
    ("A/now", "from where A begins until a minute ago"),
    ("A/7d, 7d/B", "so long from where A begins, or up to where B begins"),
    ("2023-10-01T08:00Z", "as A or B: a moment, with its zone; an offset such as `+02:00` will do"),
)
EXAMPLES = (
    "an interval is 2023-10-01, 2023-10, 24h, 7d, yesterday, "
    "2023-10-01/2023-10-08 (the end is not included), 2023-10-01..2023-10-07 (it is), "
    "or two date-times with a zone such as 2023-10-01T08:00Z/2023-10-01T17:30Z"
)
UNITS: dict[str, Length] = {
    "s": Length(exact=SECOND),
    "m": Length(exact=MINUTE),
    "h": Length(exact=HOUR),
    "d": Length(days=1),
    "w": Length(days=7),
    "mo": Length(months=1),
    "y": Length(months=12),
}
#: How long a unit is at least: for what no calendar has.
AT_LEAST = {
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
    "d": DAY,
    "w": 7 * DAY,
    "mo": 28 * DAY,
    "y": 365 * DAY,
}
#: A month is `mo`: `12M` might be twelve minutes.
_LENGTH = re.compile(r"([0-9]{1,18})(s|m|h|d|w|mo|y|S|H|D|W|MO|Y)")
_SHORT = re.compile(r"([0-9]{1,9})([smhd])")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
#: Python reads more forms (dates without hyphens), but few people write them; here they are more
#: likely a typing error.
_TIME = re.compile(
    _DAY.pattern + r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
#: A date as it is written elsewhere.
_ELSEWHERE = re.compile(r"\b([0-9]{4})[/.]([0-9]{1,2})[/.]([0-9]{1,2})\b")

Moment = datetime | Point


@dataclass(frozen=True, slots=True)
class _Span:
    """Where something that is written begins and ends; the same for a moment."""

    start: Moment
    end: Moment

    @property
    def is_moment(self) -> bool:
        return self.start == self.end


def parse_interval(text: str, tz: tzinfo = UTC) -> Interval | Relative:
    """Read an interval as people write it; plain dates mean days of `tz`.

    Returns a `Relative` where it depends on the clock, as `24h`. Raises `UsageError`.
    """
    text = text.strip()
    try:
        start, end = _ends(text, tz)
    except OverflowError:
        raise UsageError(
            f"the interval {text!r} is at the end of the calendar; {EXAMPLES}"
        ) from None
    if isinstance(start, Point) or isinstance(end, Point):
        if isinstance(start, datetime):
            _check(start, None, text)
        return Relative(_named(text, tz), start, end)
    _check(start, end, text)
    return Interval(start, end)


def hint(text: str) -> str:
    """What may be misread in an interval, and how to write the other meaning; mostly nothing."""
    first, slash, second = (part.strip() for part in text.partition("/"))
    if not slash or not any(form.fullmatch(second) for form in (_MONTH, _WEEK, _YEAR)):
        return ""
    return f"{second} is not included in {text}; to include it, write {first}..{second}"


def parse_since(text: str, tz: tzinfo = UTC) -> datetime | Relative:
    """Read from when on, as people write it: 2023-10-01, 2023-10, a date-time with a zone, or 90d.

    Plain dates begin at midnight in `tz`. Raises `UsageError`.
    """
    text = text.strip()
    try:
        length = _length(text)
        since = _before(NOW, length, tz) if length else _span(text, tz).start
    except OverflowError:
        raise UsageError(f"{text!r} is at the end of the calendar; write 2023-10-01") from None
    if isinstance(since, Point):
        return Relative(_named(text, tz), since)
    if not EARLIEST <= since < LATEST:
        raise UsageError(f"nothing can be held since {text!r}; write a date as 2023-10-01")
    return since


def parse_length(text: str) -> timedelta:
    """Read a length of time, as people write it: 90s, 10m, 26h, 2d. Raises `UsageError`."""
    match = _SHORT.fullmatch(text.strip())
    length = int(match[1]) * AT_LEAST[match[2]] if match else None
    if length is None or length > LONGEST:
        raise UsageError(f"{text!r} is no length of time; write 90s, 10m, 26h or 2d")
    return length


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


def _ends(text: str, tz: tzinfo) -> tuple[Moment, Moment]:
    """Where an interval begins and ends."""
    if elsewhere := _ELSEWHERE.search(text):
        year, month, day = elsewhere.groups()
        raise UsageError(
            f"cannot read the interval {text!r}; write dates as {year}-{month:>02}-{day:>02}"
        )
    for sign, is_included in (("/", False), ("..", True)):
        first, found, second = text.partition(sign)
        if found:
            return _between(first.strip(), second.strip(), tz, is_included=is_included)
    if len(words := text.split()) == 2 and not _TIME.fullmatch(text):
        return _between(words[0], words[1], tz, is_included=True)
    if length := _length(text):
        return _before(NOW, length, tz), NOW
    span = _span(text, tz)
    if span.is_moment:
        raise UsageError(f"{text!r} is a moment, not an interval; {EXAMPLES}")
    return span.start, span.end


def _between(first: str, second: str, tz: tzinfo, *, is_included: bool) -> tuple[Moment, Moment]:
    before, after = _length(first), _length(second)
    if before and after:
        raise UsageError(f"{first!r} and {second!r} are both lengths, and say no time; {EXAMPLES}")
    if after:
        start = _span(first, tz).start
        return start, _before(start, -after, tz)
    span = _span(second, tz)
    end = span.end if is_included else span.start
    return (_before(end, before, tz) if before else _span(first, tz).start), end


def _before(moment: Moment, length: Length, tz: tzinfo) -> Moment:
    if isinstance(moment, datetime):
        return (-length).after(moment, tz)
    return Point(moment.day, tz, -length)


def _length(text: str) -> Length | None:
    """A length, or None for what is none."""
    match = _LENGTH.fullmatch(text)
    if not match:
        return None
    count, unit = int(match[1]), match[2].lower()
    if not count:
        raise UsageError(f"the interval {text} is empty; give a length such as 24h or 7d")
    if count > LONGEST / AT_LEAST[unit]:
        raise UsageError(
            f"the last {text} begin before Genesys Cloud existed; give a length such as 24h or 7d"
        )
    one = UNITS[unit]
    return Length(count * one.months, count * one.days, count * one.exact)


def _span(text: str, tz: tzinfo) -> _Span:
    """Where a day, a week, a month, a year or a moment begins and ends."""
    for form, read in _READ.items():
        if form.fullmatch(text):
            return read(text, tz)
    raise UsageError(f"cannot read {text!r} as a time: {EXAMPLES}")


def _told_by_clock(text: str, tz: tzinfo) -> _Span:
    today = Point(0, tz)
    return {
        "now": _Span(NOW, NOW),
        "today": _Span(today, NOW),
        "yesterday": _Span(Point(-1, tz), today),
    }[text.lower()]


def _year(text: str, tz: tzinfo) -> _Span:
    return _months(int(text), 1, 12, tz)


def _month(text: str, tz: tzinfo) -> _Span:
    try:
        return _months(int(text[:4]), int(text[5:]), 1, tz)
    except ValueError:
        raise UsageError(f"{text!r} is not a month; write it as 2023-10") from None


def _months(year: int, month: int, count: int, tz: tzinfo) -> _Span:
    first = midnight(date(year, month, 1), tz)
    return _Span(first, Length(months=count).after(first, tz))


def _week(text: str, tz: tzinfo) -> _Span:
    try:
        monday = date.fromisocalendar(int(text[:4]), int(text[6:]), 1)
    except ValueError:
        raise UsageError(f"{text!r} is not a week; write it as 2023-W40") from None
    return _Span(midnight(monday, tz), midnight(monday + 7 * DAY, tz))


def _day(text: str, tz: tzinfo) -> _Span:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a date; write it as 2023-10-01") from None
    return _Span(midnight(day, tz), midnight(day + DAY, tz))


def _moment(text: str, tz: tzinfo) -> _Span:  # noqa: ARG001 - it has its own
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"cannot read {text!r} as a time: {EXAMPLES}") from None
    if moment.tzinfo is None:
        raise UsageError(
            f"{text!r} has no time zone, so it could mean any of 24 hours; "
            f"write {text}Z for UTC or add an offset such as {text}+02:00"
        )
    moment = moment.astimezone(UTC)
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    return _Span(moment, moment)


_YEAR = re.compile(r"[0-9]{4}")
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_WEEK = re.compile(r"[0-9]{4}-[Ww][0-9]{2}")
_READ: dict[re.Pattern[str], Callable[[str, tzinfo], _Span]] = {
    re.compile("now|today|yesterday", re.IGNORECASE): _told_by_clock,
    _YEAR: _year,
    _MONTH: _month,
    _WEEK: _week,
    _DAY: _day,
    _TIME: _moment,
}


def _named(text: str, tz: tzinfo) -> str:
    """A name of what the clock tells, by which a run of it is known again."""
    if (match := _LENGTH.fullmatch(text)) and (unit := match[2].lower()) not in ("mo", "y"):
        return f"the last {int(match[1]) * AT_LEAST[unit] / HOUR:g} hours"
    return text if tz is UTC else f"{text} ({tz})"


def _check(start: datetime, end: datetime | None, text: str) -> None:
    if start < EARLIEST:
        raise UsageError(
            f"the interval {text!r} starts before {EARLIEST.year}, "
            "when Genesys Cloud did not exist; write a date as 2023-10-01"
        )
    if max(start, end or start) > LATEST:
        raise UsageError(
            f"the interval {text!r} ends in the year {(end or start).year}; "
            "write a date as 2023-10-01"
        )
    if end and start >= end:
        raise UsageError(
            f"the interval {text!r} is empty: "
            "the start must lie before the end, which is not included"
        )
