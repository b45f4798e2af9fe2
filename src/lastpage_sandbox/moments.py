"""Moments as the wire spells them: `2023-10-01T00:00:00.000Z` out, ISO-8601 with or without a zone
in (docs/api.md, 3.1, 5.1).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: The first moment that four digits of year cannot spell.
BEYOND_MS = 253_402_300_800_000


def stamp(ms: int) -> str:
    """Three digits and a Z. Pages hold a hundred thousand of these, hence the parts from a
    cache.
    """
    day, rest = divmod(ms, DAY_MS)
    second, milli = divmod(rest, 1000)
    return f"{_date(day)}{_clock(second)}.{milli:03d}Z"


def read(text: str) -> int:
    """Milliseconds since 1970; a moment without a zone is UTC. ValueError where it is none or out
    of range.
    """
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    ms = (moment - EPOCH) // timedelta(milliseconds=1)
    if not 0 <= ms < BEYOND_MS:
        raise ValueError(f"{text} lies before 1970 or after 9999")
    return ms


@lru_cache(maxsize=4096)
def _date(day: int) -> str:
    return (EPOCH + timedelta(days=day)).strftime("%Y-%m-%dT")


@lru_cache(maxsize=86_400)
def _clock(second: int) -> str:
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
