"""The organisation's conversations: a pure function of seed and time, cheap enough to count
millions.

Skeletons of an hour are drawn when somebody asks for that hour and kept on a small shelf, so ten
million conversations cost no storage. Volume follows a working week with a daily curve.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lastpage_sandbox.draw import draw_hour
from lastpage_sandbox.later import MOVE_MS_MAX, Schedule
from lastpage_sandbox.moments import BEYOND_MS, DAY_MS, HOUR_MS
from lastpage_sandbox.settings import Settings
from lastpage_sandbox.shelf import Shelf
from lastpage_sandbox.skeleton import AGENTS, DIVISIONS, LIFE_MS_MAX, QUEUES, Skeleton

__all__ = ["AGENTS", "DAY_MS", "DIVISIONS", "HOUR_MS", "LIFE_MS_MAX", "QUEUES", "Skeleton", "World"]

#: Skeletons kept at most: about 170 MiB.
KEPT_MAX = 400_000


class World:
    """The skeletons of one organisation, drawn and added by hand."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.schedule = Schedule(settings)
        self._added: dict[str, Skeleton] = {}
        self._removed: set[str] = set()
        self._hours: Shelf[tuple[Skeleton, ...]] = Shelf(KEPT_MAX, lambda drawn: 1 + len(drawn))

    def add(self, *skeletons: Skeleton) -> None:
        """Put conversations into the world, beside the drawn ones; the same id again replaces."""
        self._added.update({skeleton.id: skeleton for skeleton in skeletons})
        self._removed.difference_update(skeleton.id for skeleton in skeletons)

    def remove(self, *ids: str) -> None:
        """Delete conversations, as a GDPR request does."""
        self._removed.update(ids)

    def starting(self, start_ms: int, end_ms: int) -> Iterator[Skeleton]:
        """Everything that starts in `[start, end)`, visible or not, in order of start and id."""
        drawn = (
            skeleton
            for hour in range(max(start_ms // HOUR_MS, 0), -(-end_ms // HOUR_MS))
            for skeleton in self._hour(hour)
            if start_ms <= skeleton.start_ms < end_ms
        )
        if not self._added and not self._removed:
            return drawn
        return iter(self._merged(drawn, start_ms, end_ms))

    def visible(self, start_ms: int, end_ms: int, now_ms: int) -> list[Skeleton]:
        """What starts in `[start, end)` and is there to be seen now, as it stands now, in order of
        start and id.
        """
        start_ms = max(start_ms, self._oldest_ms(now_ms))
        reach = MOVE_MS_MAX if self.settings.moved_share else 0
        starting = self.starting(start_ms, min(end_ms + reach, now_ms + 1))
        if not self.schedule.moves_things and self.settings.divisions is None:
            return [drawn for drawn in starting if drawn.arrival_ms <= now_ms]
        found = [
            skeleton for drawn in starting if (skeleton := self._seen(drawn, now_ms)) is not None
        ]
        if not reach:
            return found
        inside = (skeleton for skeleton in found if start_ms <= skeleton.start_ms < end_ms)
        return sorted(inside, key=lambda skeleton: (skeleton.start_ms, skeleton.id))

    def find(self, text: str) -> Skeleton | None:
        """By id, as it was drawn or added; drawn ids say their hour."""
        if text in self._removed:
            return None
        if text in self._added:
            return self._added[text]
        try:
            hour = int(text[:8], 16)
        except ValueError:
            return None
        if not 0 <= hour * HOUR_MS < BEYOND_MS:
            return None
        return next((skeleton for skeleton in self._hour(hour) if skeleton.id == text), None)

    def seen(self, text: str, now_ms: int) -> Skeleton | None:
        """By id, as it stands now; None where it is not there to be seen."""
        drawn = self.find(text)
        if drawn is None or drawn.start_ms < self._oldest_ms(now_ms):
            return None
        return self._seen(drawn, now_ms)

    def _oldest_ms(self, now_ms: int) -> int:
        """What starts earlier was deleted by the organisation's retention."""
        days = self.settings.retention_days
        return now_ms - days * DAY_MS if days else 0

    def _seen(self, drawn: Skeleton, now_ms: int) -> Skeleton | None:
        """As it stands now; None where it is not there, or in a division that the role does not
        reach (7).
        """
        divisions = self.settings.divisions
        if divisions is not None and drawn.division not in divisions:
            return None
        return self.schedule.seen(drawn, now_ms)

    def _merged(self, drawn: Iterable[Skeleton], start_ms: int, end_ms: int) -> list[Skeleton]:
        added = (
            skeleton for skeleton in self._added.values() if start_ms <= skeleton.start_ms < end_ms
        )
        kept = (skeleton for skeleton in drawn if skeleton.id not in self._added)
        both = (skeleton for skeleton in (*kept, *added) if skeleton.id not in self._removed)
        return sorted(both, key=lambda skeleton: (skeleton.start_ms, skeleton.id))

    def _hour(self, hour: int) -> tuple[Skeleton, ...]:
        return self._hours.get(hour, lambda: draw_hour(self.settings, hour))
