"""An interval cut by granularity (`PT30M`, `P1D`, `P1W`, `P1M`); days, weeks and months of a time
zone (docs/api.md, 1.6).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from calendar import monthrange
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from lastpage_sandbox.moments import HOUR_MS, stamp
from lastpage_sandbox.replies import bad_request, invalid_value

#: More buckets are a slip, not a question.
BUCKETS_MAX = 50_000
TIME = {"H": HOUR_MS, "M": HOUR_MS // 60}
DAYS = {"D": 1, "W": 7}


class Buckets:
    """Pieces that touch, in order; the last ends with the interval. Without a granularity there is
    one.
    """

    def __init__(self, interval: tuple[int, int], granularity: str | None, zone: ZoneInfo) -> None:
        self.start_ms, self.end_ms = interval
        step = (lambda _: self.end_ms) if granularity is None else self._stepped(granularity, zone)
        self._edges = [self.start_ms]
        for number in count(1):
            if (edge := step(number)) >= self.end_ms:
                break
            if number >= BUCKETS_MAX:
                raise bad_request(
                    f"The interval has more than {BUCKETS_MAX} parts of this granularity."
                )
            self._edges.append(edge)

    def of(self, moment_ms: int) -> str | None:
        """The bucket of a moment, as the wire spells it; None outside the interval."""
        if not self.start_ms <= moment_ms < self.end_ms:
            return None
        at = bisect_right(self._edges, moment_ms)
        return f"{stamp(self._edges[at - 1])}/{stamp((*self._edges[at:], self.end_ms)[0])}"

    def _stepped(self, granularity: str, zone: ZoneInfo) -> Callable[[int], int]:
        """Where the piece of a number begins."""
        found = re.fullmatch(r"P(?:([1-9]\d{0,3})([DWM])|T([1-9]\d{0,3})([HM]))", granularity)
        if found is None:
            raise invalid_value(granularity, "Period")
        if found[3]:
            return lambda number: self.start_ms + number * int(found[3]) * TIME[found[4]]
        size, unit = int(found[1]), found[2]
        local = datetime.fromtimestamp(self.start_ms / 1000, zone)
        if unit == "M":
            return lambda number: _ms(_months_after(local, number * size))
        return lambda number: _ms(local + timedelta(days=number * size * DAYS[unit]))


def _months_after(moment: datetime, months: int) -> datetime:
    years, month = divmod(moment.month - 1 + months, 12)
    year, month = moment.year + years, month + 1
    return moment.replace(year=year, month=month, day=min(moment.day, monthrange(year, month)[1]))


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its name in the tz database."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise invalid_value(name, "TimeZone") from None
