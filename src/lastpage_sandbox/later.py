"""What happens to a conversation after it ended, and when: a pure function of seed and id
(docs/api.md, 3.4).

People wrap up late, within hours. Threads open again, within days. Everything else becomes visible
with a night's run: the rewriting of what is three days old, evaluations and surveys of the days
before, deletions.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from hashlib import blake2b

import msgspec

from lastpage_sandbox.moments import DAY_MS, HOUR_MS
from lastpage_sandbox.settings import Settings
from lastpage_sandbox.skeleton import LIFE_MS_MAX, Skeleton

#: The nightly run begins at two o'clock, UTC.
NIGHT_MS = 2 * HOUR_MS
#: Data this old is what the nightly run rewrites for all to see.
REWRITTEN_AFTER_MS = 3 * DAY_MS
MOVE_MS_MAX = 2_000
THREADS = ("email", "message")


class Later(msgspec.Struct, frozen=True):
    """The moments at which a record changes once more; None: never."""

    wrapped_ms: int | None = None
    rewritten_ms: int | None = None
    evaluated_ms: int | None = None
    surveyed_ms: int | None = None
    resolved_ms: int | None = None
    deleted_ms: int | None = None
    #: When it opens again, and when it ends for good.
    reopened: tuple[int, int] | None = None
    #: From when on its start lies earlier, and by how much.
    moved: tuple[int, int] | None = None

    @property
    def changes(self) -> list[int]:
        """The moments after which a record looks different, in order."""
        moments = (
            self.wrapped_ms,
            self.rewritten_ms,
            self.evaluated_ms,
            self.surveyed_ms,
            self.resolved_ms,
        )
        return sorted(moment for moment in moments if moment is not None)


def night_after(ms: int) -> int:
    """The first nightly run at or after a moment."""
    return -(-(ms - NIGHT_MS) // DAY_MS) * DAY_MS + NIGHT_MS


class Schedule:
    """The later life of one organisation's conversations."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._drawn = lru_cache(maxsize=50_000)(self._draw)
        #: Whether anything but the records themselves can change: what is there, when it starts,
        #: when it ends.
        self.moves_things = bool(
            settings.reopened_share or settings.deleted_share or settings.moved_share
        )

    def of(self, skeleton: Skeleton) -> Later:
        if skeleton.end_ms is None:
            return Later()
        thread = skeleton.media in THREADS
        return self._drawn(skeleton.id, skeleton.start_ms, skeleton.first_end_ms, thread)

    def seen(self, skeleton: Skeleton, now_ms: int) -> Skeleton | None:
        """The skeleton as it stands now; None where it is not yet, or no longer, there."""
        if skeleton.arrival_ms > now_ms or skeleton.start_ms > now_ms:
            return None
        if not self.moves_things:
            return skeleton
        later = self.of(skeleton)
        if later.deleted_ms is not None and later.deleted_ms <= now_ms:
            return None
        if later.moved is not None and later.moved[0] <= now_ms:
            skeleton = msgspec.structs.replace(
                skeleton, start_ms=skeleton.start_ms - later.moved[1]
            )
        if later.reopened is not None and later.reopened[0] <= now_ms:
            opened, end = later.reopened
            return msgspec.structs.replace(
                skeleton, end_ms=end, reopened=(skeleton.first_end_ms, opened)
            )
        return skeleton

    def _draw(self, name: str, start: int, end: int, thread: bool) -> Later:
        digest = blake2b(f"later {self._settings.seed} {name}".encode(), digest_size=40).digest()
        numbers: tuple[int, ...] = struct.unpack("<20H", digest)
        lots, waits = numbers[:10], numbers[10:]
        shares = self._settings

        def falls(number: int, share: float) -> bool:
            return lots[number] < share * 65_536

        def within(number: int, first: int, last: int) -> int:
            return end + first + (last - first) * waits[number] // 65_536

        night = night_after(end + REWRITTEN_AFTER_MS)
        return Later(
            wrapped_ms=within(0, 10 * 60_000, 30 * HOUR_MS)
            if falls(0, shares.late_wrap_up_share)
            else None,
            rewritten_ms=night if falls(1, shares.rewritten_share) else None,
            evaluated_ms=night_after(within(2, 2 * DAY_MS, 9 * DAY_MS))
            if falls(2, shares.evaluated_share)
            else None,
            surveyed_ms=night_after(within(3, 2 * DAY_MS, 5 * DAY_MS))
            if falls(3, shares.surveyed_share)
            else None,
            resolved_ms=night_after(within(4, 7 * DAY_MS, 8 * DAY_MS))
            if falls(4, shares.resolved_share)
            else None,
            deleted_ms=night_after(within(5, DAY_MS, 30 * DAY_MS))
            if falls(5, shares.deleted_share)
            else None,
            reopened=_reopened(start, within(6, 6 * HOUR_MS, 48 * HOUR_MS), waits[7])
            if thread and falls(6, shares.reopened_share)
            else None,
            moved=(night, 1 + MOVE_MS_MAX * waits[8] // 65_537)
            if falls(7, shares.moved_share)
            else None,
        )


def _reopened(start: int, opened: int, draw: int) -> tuple[int, int] | None:
    """Nothing lives longer than `LIFE_MS_MAX`: what would, stays closed."""
    end = opened + 30 * 60_000 + 12 * HOUR_MS * draw // 65_536
    return (opened, end) if end <= start + LIFE_MS_MAX else None
