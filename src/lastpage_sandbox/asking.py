"""What both kinds of query have in common: reading an interval, and what a body may ask for
(docs/api.md, 1.3, 1.4, 2, 3.1).
"""

from __future__ import annotations

from typing import Any

from lastpage_sandbox.filters import member
from lastpage_sandbox.moments import DAY_MS, read
from lastpage_sandbox.replies import Refusal, bad_request, plain
from lastpage_sandbox.settings import Settings
from lastpage_sandbox.vocabulary import KINDS, ORDER_BY, ORDERS

Json = dict[str, Any]
KEYS_OF_BOTH = {"interval", "order", "orderBy", *KINDS}
KEYS_OF_QUERY = KEYS_OF_BOTH | {"aggregations", "paging"}
KEYS_OF_JOB = KEYS_OF_BOTH | {"limit", "startOfDayIntervalMatching"}
#: Wire texts of 1.8.
TOO_FAR = (
    "Pagination may not exceed {cap} results.\n\nTip: query smaller sub-intervals, for "
    "example hour by hour, rather than "
    "one large interval."
)
TOO_LONG = (
    "You must specify a search interval as part of your query that does not exceed {days} days"
)


def interval_ms(body: Json) -> tuple[int, int]:
    """`start/end` in milliseconds; strings without a zone are read as UTC (3.1)."""
    text = body.get("interval")
    if not isinstance(text, str) or text.count("/") != 1:
        raise Refusal(400, "invalid.date", "The interval is missing or malformed.")
    try:
        start, end = (read(part) for part in text.split("/"))
    except (ValueError, OverflowError):
        raise Refusal(400, "invalid.date", "The interval is missing or malformed.") from None
    if start >= end:
        raise Refusal(400, "invalid.date", "The interval must start before it ends.")
    return start, end


def check_length(
    interval: tuple[int, int], settings: Settings, now_ms: int, *, filtered: bool
) -> None:
    """The days that a synchronous interval may have, and how old it may be (2)."""
    days = settings.interval_days_filtered if filtered else settings.interval_days_unfiltered
    if interval[1] - interval[0] > days * DAY_MS:
        raise too_long(days, settings)
    oldest = settings.sync_age_days_max
    if oldest is not None and interval[0] < now_ms - oldest * DAY_MS:
        raise bad_request(
            f"The interval may not begin more than {oldest} days ago.", settings.limit_code
        )


def check_keys(body: Json, known: set[str], settings: Settings) -> None:
    """Keys that nobody knows are passed over, or refused (11, row 17)."""
    unknown = sorted(set(body) - known)
    if unknown and settings.unknown_fields == "reject":
        raise bad_request(f"Unrecognized field: {unknown[0]}")


def check_order(body: Json) -> None:
    member(body, "order", "QueryOrder", ORDERS)
    member(body, "orderBy", "QueryOrderBy", ORDER_BY)


def flag(body: Json, name: str) -> bool:
    """A boolean that is false where it is absent."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise plain(400)
    return bool(value)


def positive(value: Any) -> bool:
    """Whether it is a whole number of at least 1."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def too_long(days: int, settings: Settings) -> Refusal:
    return bad_request(TOO_LONG.format(days=days), settings.limit_code)


def too_far(cap: int, settings: Settings) -> Refusal:
    return bad_request(TOO_FAR.format(cap=cap), settings.limit_code)
