"""The synchronous details query: which conversations an interval selects, in which order, and a
page of them (1.3, 3.1, 3.2).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import msgspec

from lastpage_sandbox import frequencies
from lastpage_sandbox.asking import (
    KEYS_OF_QUERY,
    check_keys,
    check_length,
    check_order,
    interval_ms,
    positive,
    too_far,
)
from lastpage_sandbox.filters import Filters
from lastpage_sandbox.library import Library, Span
from lastpage_sandbox.moments import DAY_MS
from lastpage_sandbox.record.voice import BEFORE_MS
from lastpage_sandbox.replies import Asked, Reply, bad_request
from lastpage_sandbox.settings import Settings
from lastpage_sandbox.skeleton import Skeleton
from lastpage_sandbox.toolarge import held_to_size

Json = dict[str, Any]
PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX = 25, 100
#: How a count may be spelt (11, row 25).
SPELT: dict[str, Callable[[int], object]] = {"integer": int, "decimal": float, "text": str}
#: `slide-rows` lets this many conversations arrive.
SLIDE = 7


class DetailsQuery:
    """`POST …/conversations/details/query`."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._settings = library.settings
        self._tokens: dict[str, int] = {}
        self._answers = 0

    def answer(self, asked: Asked, now_ms: int) -> Reply:
        body: Json = asked.json
        interval, filters = interval_ms(body), Filters.of(body)
        check_keys(body, KEYS_OF_QUERY, self._settings)
        check_length(interval, self._settings, now_ms, filtered=filters.has_predicate)
        check_order(body)
        size, at = self._paging(asked)
        counted = frequencies.checked(body)
        if "slide-rows" in asked.words:
            self._slide(interval, now_ms)
        found = self.selected(interval, filters, now_ms)
        if "index-out" in asked.words:
            found = []
        if "index-half" in asked.words:
            found = found[::2]
        _arrange(found, body)
        return self._page(asked, found, (size, at), now_ms, self._counts(counted, found, now_ms))

    def selected(self, interval: Span, filters: Filters, now_ms: int) -> list[Skeleton]:
        """What the interval selects: days by their index, then by life, unless the switch says
        otherwise (3.1).
        """
        start, end = interval
        first_day, last_day = start // DAY_MS * DAY_MS, -(-end // DAY_MS) * DAY_MS
        kind = self._settings.sync_interval
        if kind == "exact-start":
            found = self._library.world.visible(start, end, now_ms)
        else:
            found = self._library.world.visible(first_day, last_day, now_ms)
            if kind == "day+overlap" and (first_day, last_day) != interval:
                found = [skeleton for skeleton in found if skeleton.lives_into(start, end)]
        return self._library.matching(found, filters, now_ms, interval)

    def _page(
        self,
        asked: Asked,
        found: list[Skeleton],
        paging: tuple[int, int],
        now_ms: int,
        counts: list[Json],
    ) -> Reply:
        size, at = paging
        if "repeat-page" in asked.words:
            at = max(at - size, 0)
        rows = found[:size] if "first-page" in asked.words else found[at : at + size]
        if "short-page" in asked.words:
            rows = rows[: max(len(rows) // 2, 1)]
        if "empty-page" in asked.words:
            rows = []
        parts = [self._library.rendered(skeleton, now_ms, attributes=False) for skeleton in rows]
        more: Json = {"aggregations": counts} if counts else {}
        hits = self._hits(len(found)) * (2 if "counts-double" in asked.words else 1)
        more["totalHits"] = SPELT[self._settings.total_hits_as](hits)
        goes_on = at + size < len(found) or "first-page" in asked.words
        if self._settings.dialect == "next-page-token" and goes_on:
            more["nextPageToken"] = self._token_of(at + size)
        page = Reply(200, envelope(parts, self._settings, more))
        return held_to_size(page, len(parts), self._settings)

    def _counts(self, asked: list[Json], found: list[Skeleton], now_ms: int) -> list[Json]:
        if not asked:
            return []
        records = (self._library.record(skeleton, now_ms, attributes=False) for skeleton in found)
        return frequencies.aggregated(asked, records)

    def _hits(self, count: int) -> int:
        """Approximate, if the switches say so: by a share too many, and moving from answer to
        answer (3.2; 11, row 24).
        """
        self._answers += 1
        hits = int(count * (1 + self._settings.total_hits_over))
        moves = self._settings.total_hits_moves
        drawn = random.Random(f"hits {self._settings.seed} {self._answers}")
        return max(hits + drawn.randint(-moves, moves), 0) if moves else hits

    def _paging(self, asked: Asked) -> tuple[int, int]:
        """The size of a page, and how many rows stand before it."""
        size, number = self._page_asked(asked.json)
        if self._settings.dialect == "next-page-token":
            token = asked.query.get("nextPageToken")
            return size, 0 if token is None else self._at(token)
        if size * number > self._settings.pagination_cap:
            raise too_far(self._settings.pagination_cap, self._settings)
        return size, (number - 1) * size

    def _page_asked(self, body: Json) -> tuple[int, int]:
        paging = body.get("paging")
        if paging is None:
            return PAGE_SIZE_DEFAULT, 1
        asked: Json = paging if isinstance(paging, dict) else {}
        size, number = asked.get("pageSize", 0), asked.get("pageNumber", 0)
        if not positive(size) or not positive(number):
            raise bad_request("paging needs pageSize and pageNumber, both at least 1.")
        if size > PAGE_SIZE_MAX and self._settings.page_size_over_100 == "reject":
            raise bad_request(f"pageSize may not exceed {PAGE_SIZE_MAX}.")
        if size > PAGE_SIZE_MAX and self._settings.page_size_over_100 == "clamp":
            size = PAGE_SIZE_MAX
        return size, number

    def _slide(self, interval: Span, now_ms: int) -> None:
        """Conversations of this interval that arrive only now: rows move to later pages."""
        drawn = random.Random(f"slide {now_ms} {self._answers} {interval}")
        world, (start, end) = self._library.world, interval
        for _ in range(SLIDE if start < min(end, now_ms) else 0):
            begun = drawn.randrange(start, min(end, now_ms))
            name = f"51de0000-{drawn.getrandbits(16):04x}-4000-8000-{drawn.getrandbits(48):012x}"
            world.add(Skeleton(name, begun, min(begun + 60_000, now_ms), now_ms))

    def _token_of(self, at: int) -> str:
        token = f"page-{random.Random(f'token {at}').getrandbits(64):016x}"
        self._tokens[token] = at
        return token

    def _at(self, token: str) -> int:
        if token not in self._tokens:
            raise bad_request("The page token is not valid.")
        return self._tokens[token]


def envelope(rows: list[bytes], settings: Settings, more: Json) -> bytes:
    """The answer around rendered rows; without rows the key is absent, or whatever the switch says
    (11, row 18).
    """
    tail = msgspec.json.encode(more)[1:]
    if not rows and settings.empty_answer == "absent":
        return b"{" + tail
    return b'{"conversations":[' + b",".join(rows) + b"]," + tail


def _arrange(found: list[Skeleton], body: Json) -> None:
    """Found in order of start; put in the order asked for."""
    order, by = body.get("order") or "asc", body.get("orderBy") or "conversationStart"
    if order == "unordered":
        found.sort(key=lambda skeleton: blake2b(skeleton.id.encode(), digest_size=8).digest())
        return
    if by in ("conversationEnd", "segmentEnd"):
        found.sort(key=_end)
    elif by == "segmentStart":
        found.sort(key=_first_segment)
    if order == "desc":
        found.reverse()


def _end(skeleton: Skeleton) -> tuple[bool, int]:
    """What is open ends last."""
    return skeleton.end_ms is None, skeleton.end_ms or 0


def _first_segment(skeleton: Skeleton) -> int:
    """The caller's leg of a call begins before the conversation (5.1)."""
    return skeleton.start_ms - (
        BEFORE_MS if skeleton.media == "voice" and skeleton.direction != "outbound" else 0
    )
