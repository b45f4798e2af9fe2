"""The synchronous details query: which conversations an interval selects, in which order, and a page of them (1.3, 3.1, 3.2).

Also what both routes share: reading an interval and its limits, matching filters, rendering records.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from lastpage_sandbox import filters
from lastpage_sandbox.record import name_id, render, stamp
from lastpage_sandbox.replies import Asked, Refusal, Reply, bad_request, invalid_value
from lastpage_sandbox.settings import Settings
from lastpage_sandbox.world import DAY_MS, Skeleton, World

Json = dict[str, Any]
ORDERS = ("asc", "desc", "unordered")
ORDER_BY = ("conversationStart", "conversationEnd", "segmentStart", "segmentEnd")
PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX = 25, 100
#: Wire texts of docs/api.md, 1.8.
TOO_FAR = (
    "Pagination may not exceed {cap} results.\n\nTip: query smaller sub-intervals, for example hour by hour, rather than "
    "one large interval."
)
TOO_LONG = "You must specify a search interval as part of your query that does not exceed {days} days"
#: `slide-rows` lets this many conversations arrive.
SLIDE = 7


def interval_ms(body: Json) -> tuple[int, int]:
    """`start/end` in milliseconds; strings without a zone are read as UTC (3.1)."""
    text = body.get("interval")
    if not isinstance(text, str) or text.count("/") != 1:
        raise Refusal(400, "invalid.date", "The interval is missing or malformed.")
    try:
        start, end = (_moment_ms(part) for part in text.split("/"))
    except ValueError:
        raise Refusal(400, "invalid.date", "The interval is missing or malformed.") from None
    if start >= end:
        raise Refusal(400, "invalid.date", "The interval must start before it ends.")
    return start, end


def _moment_ms(text: str) -> int:
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


class Library:
    """Skeletons selected, matched and rendered; shared by the query and the jobs."""

    def __init__(self, settings: Settings, world: World) -> None:
        self.settings = settings
        self.world = world
        self._rendered = lru_cache(maxsize=20_000)(self._render)

    def record(self, skeleton: Skeleton, at_ms: int, *, attributes: bool) -> Json:
        return render(skeleton, self.settings.seed, at_ms, attributes=attributes)

    def rendered(self, skeleton: Skeleton, at_ms: int, *, attributes: bool) -> bytes:
        """Compact JSON. A record that will not change any more is rendered once."""
        settled = skeleton.end_ms is not None and at_ms - skeleton.end_ms > 4 * DAY_MS
        return self._rendered(skeleton, 1 << 50 if settled else at_ms, attributes)

    def _render(self, skeleton: Skeleton, at_ms: int, attributes: bool) -> bytes:
        return msgspec.json.encode(self.record(skeleton, at_ms, attributes=attributes))

    def matching(
        self, found: Iterable[Skeleton], arrays: Json, at_ms: int, interval: tuple[int, int]
    ) -> list[Skeleton]:
        """Those that meet the filters as they stand at a moment."""
        if not arrays:
            return list(found)
        quick = self._quick(arrays)
        if quick is not None:
            return [skeleton for skeleton in found if quick(skeleton)]
        start, end = (stamp(moment) for moment in interval)

        def inside(segment: Json) -> bool:
            if self.settings.segment_scope == "conversation":
                return True
            return bool(segment["segmentStart"] < end and segment.get("segmentEnd", "9") >= start)

        return [
            skeleton
            for skeleton in found
            if filters.matches(arrays, self.record(skeleton, at_ms, attributes=False), inside)
        ]

    def _quick(self, arrays: Json) -> Any:
        """A test on the skeleton, where every predicate is of a kind that it can answer."""
        tests = []
        for key, array in arrays.items():
            for item in array:
                if item.get("clauses") or key not in ("conversationFilters", "segmentFilters"):
                    return None
                alternatives = [self._quick_one(key, predicate) for predicate in item.get("predicates") or ()]
                if None in alternatives or not alternatives or (len(alternatives) > 1 and item["type"] != "or"):
                    return None
                tests.append(alternatives)
        return lambda skeleton: all(any(test(skeleton) for test in each) for each in tests)

    def _quick_one(self, key: str, predicate: Json) -> Any:
        dimension, operator = predicate.get("dimension"), predicate.get("operator", "matches")
        wanted = str(predicate.get("value", "")).lower()
        if key == "conversationFilters" and dimension == "originatingDirection":
            if operator == "notExists":
                return lambda skeleton: skeleton.direction is None
            return lambda skeleton: skeleton.direction == wanted if operator == "matches" else bool(skeleton.direction)
        if operator != "matches":
            return None
        if key == "conversationFilters" and dimension == "divisionId":
            return lambda skeleton: name_id(self.settings.seed, "division", skeleton.division) == wanted
        if key == "segmentFilters" and dimension == "mediaType" and self.settings.segment_scope == "conversation":
            return lambda skeleton: skeleton.media == wanted
        return None


class DetailsQuery:
    """`POST …/conversations/details/query`."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._settings = library.settings
        self._tokens: dict[str, int] = {}

    def answer(self, asked: Asked, now_ms: int) -> Reply:
        body: Json = asked.json
        interval, arrays = interval_ms(body), filters.checked(body)
        self._check_interval(interval, arrays)
        size, number = self._paging(body)
        order = body.get("order", "asc")
        if order not in ORDERS:
            raise invalid_value(order, "QueryOrder", ORDERS)
        if body.get("orderBy", "conversationStart") not in ORDER_BY:
            raise invalid_value(body.get("orderBy"), "QueryOrderBy", ORDER_BY)
        if "slide-rows" in asked.words:
            self._slide(interval, now_ms)
        if self._settings.dialect == "next-page-token" and "nextPageToken" in asked.query:
            number = self._page_of(asked.query["nextPageToken"])
        found = self.selected(interval, arrays, now_ms)
        if order == "desc":
            found.reverse()
        return self._page(asked, found, size, number, now_ms)

    def selected(self, interval: tuple[int, int], arrays: Json, now_ms: int) -> list[Skeleton]:
        """What the interval selects: days by their index, then by life, unless the switch says otherwise (3.1)."""
        start, end = interval
        first_day, last_day = start // DAY_MS * DAY_MS, -(-end // DAY_MS) * DAY_MS
        kind = self._settings.sync_interval
        if kind == "exact-start":
            found = self._library.world.visible(start, end, now_ms)
        else:
            found = self._library.world.visible(first_day, last_day, now_ms)
            if kind == "day+overlap":
                found = [skeleton for skeleton in found if skeleton.lives_into(start, end)]
        return self._library.matching(found, arrays, now_ms, interval)

    def _page(self, asked: Asked, found: list[Skeleton], size: int, number: int, now_ms: int) -> Reply:
        at = (number - 1) * size
        if "repeat-page" in asked.words and number > 1:
            at -= size
        rows = found[at : at + size]
        if "short-page" in asked.words:
            rows = rows[: max(len(rows) // 2, 1)]
        if "empty-page" in asked.words:
            rows = []
        hits = int(len(found) * (1 + self._settings.total_hits_over))
        parts = [self._library.rendered(skeleton, now_ms, attributes=False) for skeleton in rows]
        more = b""
        if self._settings.dialect == "next-page-token" and at + size < len(found):
            more = b',"nextPageToken":"%s"' % self._token_of(number + 1).encode()
        return Reply(200, envelope(parts, self._settings, b'"totalHits":%d%s' % (hits, more)))

    def _check_interval(self, interval: tuple[int, int], arrays: Json) -> None:
        filtered = filters.has_predicate(arrays)
        days = self._settings.interval_days_filtered if filtered else self._settings.interval_days_unfiltered
        if interval[1] - interval[0] > days * DAY_MS:
            raise bad_request(TOO_LONG.format(days=days))

    def _paging(self, body: Json) -> tuple[int, int]:
        paging = body.get("paging")
        if paging is None:
            return PAGE_SIZE_DEFAULT, 1
        size, number = (paging.get(key) if isinstance(paging, dict) else None for key in ("pageSize", "pageNumber"))
        if not isinstance(size, int) or not isinstance(number, int) or size < 1 or number < 1:
            raise bad_request("paging needs pageSize and pageNumber, both at least 1.")
        if size > PAGE_SIZE_MAX and self._settings.page_size_over_100 == "reject":
            raise bad_request(f"pageSize may not exceed {PAGE_SIZE_MAX}.")
        if size > PAGE_SIZE_MAX and self._settings.page_size_over_100 == "clamp":
            size = PAGE_SIZE_MAX
        if size * number > self._settings.pagination_cap:
            raise bad_request(TOO_FAR.format(cap=self._settings.pagination_cap))
        return size, number

    def _slide(self, interval: tuple[int, int], now_ms: int) -> None:
        """Conversations of this interval that arrive only now: rows move to later pages."""
        drawn = random.Random(f"slide {now_ms} {len(self._tokens)} {interval}")
        world, (start, end) = self._library.world, interval
        for _ in range(SLIDE):
            begun = drawn.randrange(start, min(end, now_ms))
            name = f"51de0000-{drawn.getrandbits(16):04x}-4000-8000-{drawn.getrandbits(48):012x}"
            world.add(Skeleton(name, begun, min(begun + 60_000, now_ms), now_ms))

    def _token_of(self, number: int) -> str:
        token = f"page-{random.Random(f'token {number}').getrandbits(64):016x}"
        self._tokens[token] = number
        return token

    def _page_of(self, token: str) -> int:
        if token not in self._tokens:
            raise bad_request("The page token is not valid.")
        return self._tokens[token]


def envelope(rows: list[bytes], settings: Settings, tail: bytes) -> bytes:
    """The page around rendered rows; without rows the key is absent, or whatever the switch says (row 18)."""
    if not rows and settings.empty_answer == "absent":
        return b"{" + tail + b"}"
    return b'{"conversations":[' + b",".join(rows) + b"]" + (b"," + tail if tail else b"") + b"}"
