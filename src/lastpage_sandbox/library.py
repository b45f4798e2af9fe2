"""Skeletons matched and rendered: what the query and the jobs share.

A record is a pure function of skeleton and moment, and between the moments at which it changes it
is the same. So whatever is kept here is kept by skeleton and epoch, the last such moment, and is
never stale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from lastpage_sandbox.filters import Filters
from lastpage_sandbox.moments import stamp
from lastpage_sandbox.page import Page, kept
from lastpage_sandbox.quick import quick
from lastpage_sandbox.record import Conversation, render
from lastpage_sandbox.record.odd import finer, is_odd, spoilt
from lastpage_sandbox.record.tomorrow import advanced, is_of_tomorrow
from lastpage_sandbox.settings import Settings
from lastpage_sandbox.shelf import Shelf
from lastpage_sandbox.skeleton import Skeleton
from lastpage_sandbox.world import World

Json = dict[str, Any]
#: After a conversation's end its last segments end, and its last metrics come, within this time.
STILL_MS = 120_000
#: Records kept, in bytes, and verdicts of filters.
RECORDS_MAX, VERDICTS_MAX = 48 << 20, 100_000
#: An interval in milliseconds.
Span = tuple[int, int]


class Library:
    """The records of one world."""

    def __init__(self, settings: Settings, world: World) -> None:
        self.settings = settings
        self.world = world
        self._records: Shelf[bytes] = Shelf(RECORDS_MAX, len)
        self._pages = kept()
        self._met = lru_cache(maxsize=VERDICTS_MAX)(self._meets)

    def record(self, skeleton: Skeleton, at_ms: int, *, attributes: bool) -> Json:
        """As JSON would have it."""
        made: Json = msgspec.to_builtins(self._render(skeleton, at_ms, attributes=attributes))
        return advanced(made) if self._is_of_tomorrow(skeleton) else made

    def rendered(self, skeleton: Skeleton, at_ms: int, *, attributes: bool) -> bytes:
        """Compact JSON."""
        epoch = self.epoch(skeleton, at_ms)
        return self._records.get(
            (skeleton, epoch, attributes),
            lambda: self._encoded(skeleton, epoch, attributes=attributes),
        )

    def page(self, rows: Sequence[Skeleton], as_of_ms: int, tail: bytes) -> Page:
        """A page of job results: with attributes, each record as it stood then, or at its start if
        that came later.
        """
        dated = tuple((row, self.epoch(row, max(as_of_ms, row.start_ms))) for row in rows)
        return Page(
            dated,
            lambda: [self._encoded(row, at, attributes=True) for row, at in dated],
            tail,
            self._pages,
        )

    def epoch(self, skeleton: Skeleton, at_ms: int) -> int:
        """The first moment from which on the record has looked as it does at `at_ms`; while it
        moves, that moment itself.
        """
        settled = (skeleton.first_end_ms if skeleton.end_ms is None else skeleton.end_ms) + STILL_MS
        if at_ms < settled:
            return at_ms
        changes = [change for change in self.world.schedule.of(skeleton).changes if change <= at_ms]
        return max([settled, *changes])

    def matching(
        self,
        found: Iterable[Skeleton],
        filters: Filters,
        at_ms: int,
        interval: Span,
        *,
        partial: bool = False,
    ) -> list[Skeleton]:
        """Those that meet the filters as they stand at a moment; `partial` is how jobs compare
        addresses.
        """
        if not filters:
            return list(found)
        whole = self.settings.segment_scope == "conversation"
        test = quick(filters, self.settings.seed, whole=whole)
        if test is not None:
            return [skeleton for skeleton in found if test(skeleton, max(at_ms, skeleton.start_ms))]
        scope = None if whole else interval
        return [
            skeleton
            for skeleton in found
            if self._met(
                skeleton,
                self.epoch(skeleton, max(at_ms, skeleton.start_ms)),
                filters,
                scope,
                partial,
            )
        ]

    def _meets(
        self, skeleton: Skeleton, epoch: int, filters: Filters, scope: Span | None, partial: bool
    ) -> bool:
        record = self.record(skeleton, epoch, attributes=False)
        return filters.match(record, _inside(scope), partial=partial)

    def _encoded(self, skeleton: Skeleton, at_ms: int, *, attributes: bool) -> bytes:
        record: Json | Conversation = (
            self.record(skeleton, at_ms, attributes=attributes)
            if self._is_of_tomorrow(skeleton)
            else self._render(skeleton, at_ms, attributes=attributes)
        )
        if is_odd(skeleton, self.settings.seed, self.settings.odd_share):
            record = spoilt(msgspec.to_builtins(record))
        encoded, digits = msgspec.json.encode(record), self.settings.fraction_digits
        return finer(encoded, digits) if digits > 3 else encoded

    def _is_of_tomorrow(self, skeleton: Skeleton) -> bool:
        return is_of_tomorrow(skeleton, self.settings.seed, self.settings.tomorrow_share)

    def _render(self, skeleton: Skeleton, at_ms: int, *, attributes: bool) -> Conversation:
        later = self.world.schedule.of(skeleton)
        return render(skeleton, self.settings.seed, at_ms, later, attributes=attributes)


def _inside(scope: Span | None) -> Callable[[Json], bool]:
    """Which segments a filter sees: all, or those that touch the interval (11, row 21)."""
    if scope is None:
        return lambda _: True
    start, end = stamp(scope[0]), stamp(scope[1])
    return lambda segment: bool(
        segment["segmentStart"] < end and segment.get("segmentEnd", "9") >= start
    )
