"""The organisation's conversations: a pure function of seed and time, cheap enough to count millions.

A skeleton says who and when; `record.py` renders it. Skeletons of an hour are drawn when somebody asks for that hour and kept in
a small cache, so ten million conversations cost no storage. Volume follows a working week with a daily curve.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache

from lastpage_sandbox.settings import Settings

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
#: No drawn conversation lives longer; one that never ends is active for as long.
LIFE_MS_MAX = 5 * DAY_MS
#: Share of a day's volume that begins in each hour, UTC.
CURVE = (
    0.004, 0.003, 0.002, 0.002, 0.004, 0.010, 0.025, 0.055, 0.085, 0.100, 0.100, 0.090,
    0.075, 0.080, 0.085, 0.080, 0.065, 0.045, 0.030, 0.022, 0.016, 0.010, 0.007, 0.005,
)  # fmt: skip
WEEK = (1.25, 1.2, 1.15, 1.15, 1.1, 0.7, 0.45)
#: Media type, its share, and the mean of its length in seconds.
MEDIA = (
    ("voice", 0.62, 420.0),
    ("chat", 0.12, 700.0),
    ("message", 0.12, 30_000.0),
    ("email", 0.09, 60_000.0),
    ("callback", 0.05, 5_000.0),
)
QUEUES = ("Sales", "Support", "Billing", "Retention", "Returns", "Second Level")
DIVISIONS = ("Home", "North", "South")
AGENTS = 60


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A conversation without its tree. Times are milliseconds since 1970; `end_ms` None never ends."""

    id: str
    start_ms: int
    end_ms: int | None
    #: When it becomes visible; usually its start.
    arrival_ms: int
    media: str = "voice"
    #: None: a conversation without an originating direction.
    direction: str | None = "inbound"
    queue: str = QUEUES[0]
    agent: int = 0
    division: str = DIVISIONS[0]
    #: Milliseconds from the start to the queue, in the queue, and of work after the call.
    lead_ms: int = 20_000
    wait_ms: int = 15_000
    acw_ms: int = 10_000
    fate: str = "answered"

    def lives_into(self, start_ms: int, end_ms: int) -> bool:
        """Whether its life touches `[start, end)`."""
        last = self.start_ms + LIFE_MS_MAX if self.end_ms is None else self.end_ms
        return self.start_ms < end_ms and last >= start_ms


class World:
    """The skeletons of one organisation, drawn and added by hand."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._added: dict[str, Skeleton] = {}
        self._removed: set[str] = set()
        self._hour = lru_cache(maxsize=24 * 60)(self._draw_hour)

    def add(self, *skeletons: Skeleton) -> None:
        """Put conversations into the world, beside the drawn ones; the same id again replaces."""
        self._added.update({skeleton.id: skeleton for skeleton in skeletons})

    def remove(self, *ids: str) -> None:
        """Delete conversations, as a GDPR request does."""
        self._removed.update(ids)

    def starting(self, start_ms: int, end_ms: int) -> Iterator[Skeleton]:
        """Everything that starts in `[start, end)`, visible or not, in order of start and id."""
        drawn = (
            skeleton
            for hour in range(start_ms // HOUR_MS, -(-end_ms // HOUR_MS))
            for skeleton in self._hour(hour)
            if start_ms <= skeleton.start_ms < end_ms
        )
        if not self._added and not self._removed:
            return drawn
        return iter(self._merged(drawn, start_ms, end_ms))

    def visible(self, start_ms: int, end_ms: int, now_ms: int) -> list[Skeleton]:
        """What starts in `[start, end)` and is there to be seen now."""
        return [
            skeleton
            for skeleton in self.starting(start_ms, end_ms)
            if skeleton.arrival_ms <= now_ms and skeleton.start_ms <= now_ms
        ]

    def find(self, text: str) -> Skeleton | None:
        """By id; drawn ids say their hour."""
        if text in self._removed:
            return None
        if text in self._added:
            return self._added[text]
        try:
            hour = int(text[:8], 16)
        except ValueError:
            return None
        return next((skeleton for skeleton in self._hour(hour) if skeleton.id == text), None)

    def _merged(self, drawn: Iterable[Skeleton], start_ms: int, end_ms: int) -> list[Skeleton]:
        added = (skeleton for skeleton in self._added.values() if start_ms <= skeleton.start_ms < end_ms)
        kept = (skeleton for skeleton in drawn if skeleton.id not in self._added)
        both = (skeleton for skeleton in (*kept, *added) if skeleton.id not in self._removed)
        return sorted(both, key=lambda skeleton: (skeleton.start_ms, skeleton.id))

    def _draw_hour(self, hour: int) -> tuple[Skeleton, ...]:
        drawn = random.Random(f"{self.settings.seed} {hour}")
        when = datetime.fromtimestamp(hour * 3600, UTC)
        mean = self.settings.per_day * CURVE[when.hour] * WEEK[when.weekday()]
        count = int(mean + drawn.random() + (drawn.gauss(0.0, mean**0.5) / 3 if mean > 5 else 0.0))
        skeletons = [self._draw(drawn, hour) for _ in range(count)]
        return tuple(sorted(skeletons, key=lambda skeleton: (skeleton.start_ms, skeleton.id)))

    def _draw(self, drawn: random.Random, hour: int) -> Skeleton:
        media, _, mean_s = drawn.choices(MEDIA, [share for _, share, _ in MEDIA])[0]
        start = hour * HOUR_MS + drawn.randrange(HOUR_MS)
        life = int(min(drawn.expovariate(1 / mean_s) * 1000 + 30_000, LIFE_MS_MAX))
        skeleton = Skeleton(
            id=str(uuid.UUID(f"{hour:08x}{drawn.getrandbits(96):024x}")),
            start_ms=start,
            end_ms=None if media == "message" and drawn.random() < self.settings.orphans else start + life,
            arrival_ms=start,
            media=media,
            direction=_direction(drawn, media),
            queue=drawn.choice(QUEUES),
            agent=drawn.randrange(AGENTS),
            division=drawn.choices(DIVISIONS, (6, 3, 1))[0],
            lead_ms=life // 20,
            wait_ms=life // drawn.randrange(5, 15),
            acw_ms=min(life // 10, 45_000),
            fate=drawn.choices(("answered", "abandoned", "transferred"), (85, 8, 7))[0],
        )
        if drawn.random() < self.settings.late_share:
            return replace(skeleton, arrival_ms=start + int(drawn.random() * self.settings.late_s * 1000))
        return skeleton


def _direction(drawn: random.Random, media: str) -> str | None:
    if media == "message" and drawn.random() < 0.05:
        return None
    return drawn.choices(("inbound", "outbound"), (80, 20))[0]
