"""A living organisation whose past can be asked for: what a sandbox draws, and what happens to it by hand from day to day.

    what happens                        how often                    who does it
    ----------------------------------  ---------------------------  -------------------------------------
    conversations begin and end         `per_day`, a working week    the sandbox, from its seed
    some end after days, some never     emails, callbacks, threads   the same
    some become visible late            2 %, within half an hour     the same
    wrap-up, rewriting, evaluations,    2 to 5 % each, within hours  the same
    surveys, resolutions come late      to ten days
    threads open again                  5 %                          the same
    some are deleted                    1 %, within thirty days      the same
    starts move                         1 %, by two seconds          the same
    a record is changed once more       one a day, at any age up to  `happen`
                                        forty days
    a start moves over a midnight       one in three days            `happen`
    one is deleted                      one in three days            `happen`
    one becomes visible days late       one in three days            `happen`

Who plays it lets things happen, and then time pass; what was so at a moment can be asked for ever after.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from lastpage_sandbox import Skeleton
from lastpage_sandbox.skeleton import DIVISIONS
from tests.inprocess import World, talk, world

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
#: The sandbox's switches.
SHARES: dict[str, Any] = {
    "late_share": 0.02,
    "late_s": 1800.0,
    "evaluated_share": 0.05,
    "surveyed_share": 0.05,
    "resolved_share": 0.05,
    "late_wrap_up_share": 0.05,
    "rewritten_share": 0.03,
    "reopened_share": 0.05,
    "deleted_share": 0.01,
    "moved_share": 0.01,
    "orphans": 0.02,
}
#: What happens by hand, and how often a day.
HAPPENINGS = {"change": 1.0, "move": 1 / 3, "delete": 1 / 3, "come late": 1 / 3}
#: Days back from now that are reached by hand.
REACH_DAYS = 40


@dataclass
class Life:
    """One organisation from a moment on."""

    seed: int
    now: datetime
    per_day: float = 30.0
    settings: dict[str, Any] = field(default_factory=dict)
    often: Mapping[str, float] = field(default_factory=lambda: HAPPENINGS)

    def __post_init__(self) -> None:
        self.rng = random.Random(f"life {self.seed}")
        given = {"seed": self.seed, "per_day": self.per_day, "job_polls": 1, **SHARES}
        self.world: World = world(self.now, **{**given, **self.settings})
        self.box = self.world.sandbox
        #: What was done by hand: from when on a conversation is how; None: it is deleted.
        self._past: dict[str, list[tuple[int, Skeleton | None]]] = {}
        self._added = 0

    @property
    def now_ms(self) -> int:
        return int(self.world.clock.now() * 1000)

    def pass_until(self, moment: datetime) -> None:
        """Time passes, and things happen meanwhile, each at its moment."""
        left = moment.timestamp() - self.world.clock.now()
        happenings = sorted(
            (self.rng.uniform(0.0, left), what)
            for what, often in self.often.items()
            for _ in range(self._times(often * left / 86_400))
        )
        began = self.world.clock.now()
        for after, what in happenings:
            self.world.clock.sleep(began + after - self.world.clock.now())
            self._happen(what)
        self.world.clock.sleep(moment.timestamp() - self.world.clock.now())

    def _times(self, mean: float) -> int:
        return int(mean) + (self.rng.random() < mean % 1)

    # What happens -------------------------------------------------------------------------------

    def _happen(self, what: str) -> None:
        age = self.rng.choice((1, 3, 10, REACH_DAYS)) * DAY_MS
        span = (self.now_ms - age, self.now_ms - HOUR_MS)
        if what == "come late":
            self._come_late()
        elif what == "move":
            self._move(*span)
        elif there := self.box.world.visible(*span, self.now_ms):
            one = self.rng.choice(there)
            self._put(one.id, self._changed(one.id) if what == "change" else None)

    def _changed(self, name: str) -> Skeleton:
        drawn = self._drawn(name)
        others = [each for each in DIVISIONS if each != drawn.division]
        return msgspec.structs.replace(drawn, division=self.rng.choice(others))

    def _move(self, start_ms: int, end_ms: int) -> None:
        """Something within two hours of a midnight goes over it."""
        midnight = (self.rng.randrange(start_ms, end_ms) // DAY_MS) * DAY_MS
        near = (midnight - 2 * HOUR_MS, min(midnight + 2 * HOUR_MS, end_ms))
        there = self.box.world.visible(*near, self.now_ms) if near[0] < near[1] else []
        if there:
            drawn = self._drawn(self.rng.choice(there).id)
            moved = 2 * midnight - drawn.start_ms - 1
            if moved < self.now_ms - HOUR_MS and (drawn.end_ms is None or moved < drawn.end_ms):
                self._put(drawn.id, msgspec.structs.replace(drawn, start_ms=moved))

    def _come_late(self) -> None:
        """It began hours ago, and is visible days later."""
        start = datetime.fromtimestamp(self.now_ms // 1000 - self.rng.randrange(60, 43_200), UTC)
        arrival = self.now_ms + self.rng.randrange(HOUR_MS, 6 * DAY_MS)
        self._added += 1
        late = talk(self._added, start, self.rng.randrange(1, 400), arrival_ms=arrival)
        self._past[late.id] = [(0, late)]
        self.box.world.add(late)

    def _drawn(self, name: str) -> Skeleton:
        drawn = self.box.world.find(name)
        assert drawn
        return drawn

    def _put(self, name: str, new: Skeleton | None) -> None:
        past = self._past.setdefault(name, [(0, self._drawn(name))])
        past.append((self.now_ms, new))
        if new is None:
            self.box.world.remove(name)
        else:
            self.box.world.add(new)

    # What is so, and was ------------------------------------------------------------------------

    def there(self, day: date, at_ms: int | None = None) -> set[str]:
        """What the API shows of a day's starts: now, or at a moment in the past."""
        start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
        if at_ms is None:
            return {each.id for each in self.box.world.visible(start, start + DAY_MS, self.now_ms)}
        drawn = {each.id for each in self.box.world.visible(start, start + DAY_MS, at_ms)}
        by_hand = {
            name
            for name in self._past
            if (seen := self.seen(name, at_ms)) and start <= seen.start_ms < start + DAY_MS
        }
        return (drawn - self._past.keys()) | by_hand

    def seen(self, name: str, at_ms: int) -> Skeleton | None:
        """A conversation as it was there to be seen at a moment."""
        drawn = [skeleton for since, skeleton in self._versions(name) if since <= at_ms]
        return self.box.world.schedule.seen(drawn[-1], at_ms) if drawn and drawn[-1] else None

    def records(self, name: str, since_ms: int, *, attributes: bool) -> Iterator[bytes]:
        """Every way in which the API may have shown an ended conversation from a moment on, newest first.

        A job shows what is there now, as it was at its watermark: so each version by hand may be seen at each moment.
        """
        versions = self._versions(name)
        later = [since for since, _ in versions[1:]] + [self.now_ms + 1]
        for (_, drawn), until in reversed(list(zip(versions, later, strict=True))):
            if drawn and until > since_ms:
                for now_ms in reversed(self._moments(drawn, since_ms)):
                    if seen := self.box.world.schedule.seen(drawn, now_ms):
                        for at_ms in reversed(self._moments(drawn, since_ms)):
                            if at_ms <= now_ms:
                                yield self.box.library.rendered(seen, at_ms, attributes=attributes)

    def _moments(self, drawn: Skeleton, since_ms: int) -> list[int]:
        """Moments of which one is in each time in which a record looks the same, once it has ended."""
        later = self.box.world.schedule.of(drawn)
        first = max(since_ms, (drawn.end_ms or drawn.start_ms) + 121_000)
        others = [*later.changes, *(later.reopened or ()), *(later.moved or ())[:1]]
        return sorted({min(first, self.now_ms), *(each for each in others if since_ms <= each <= self.now_ms), self.now_ms})  # fmt: skip

    def _versions(self, name: str) -> list[tuple[int, Skeleton | None]]:
        if name in self._past:
            return self._past[name]
        drawn = self.box.world.find(name)
        return [(0, drawn)] if drawn else []

    def ended_ms(self, name: str) -> int | None:
        """When a conversation ended, if it is over by now."""
        seen = self.seen(name, self.now_ms)
        return seen.ended_at(self.now_ms) if seen else None

    def gone_ms(self, name: str) -> int | None:
        """When a conversation was deleted, if it is by now; 0 where there never was such a one."""
        versions = self._versions(name)
        if not versions:
            return 0
        since, drawn = versions[-1]
        if drawn is None:
            return since
        deleted = self.box.world.schedule.of(drawn).deleted_ms
        return deleted if deleted is not None and deleted <= self.now_ms else None

    def settled_ms(self, name: str) -> int:
        """Since when a conversation is where it is: it was visible, and its start did not move any more."""
        versions = self._versions(name)
        drawn = versions[-1][1]
        assert drawn
        later = self.box.world.schedule.of(drawn)
        moved = later.moved[0] if later.moved and later.moved[0] <= self.now_ms else 0
        return max(versions[-1][0], drawn.arrival_ms, moved)

    def first(self, name: str) -> Skeleton:
        """How a conversation was at first."""
        return next(drawn for _, drawn in self._versions(name) if drawn)

    def told(self, name: str) -> str:
        """For people: its start, and what happened to it."""
        told = []
        for since, drawn in self._versions(name):
            later = self.box.world.schedule.of(drawn) if drawn else None
            at = f"by hand {stamp(since)}: " if since else ""
            told.append(f"{at}{drawn and (stamp(drawn.start_ms), drawn.end_ms and stamp(drawn.end_ms), stamp(drawn.arrival_ms))} {later}")  # fmt: skip
        return "; ".join(told)


def stamp(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def midnight_ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def days(first: date, last: date) -> Iterator[date]:
    """Both included."""
    while first <= last:
        yield first
        first += timedelta(days=1)
