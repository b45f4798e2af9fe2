"""What the API counts now of a day that a destination holds, and where its counts cannot say.

    what is held of the day  filter on segments  counted
    -----------------------  ------------------  ---------------------------------------------------
    older than is kept       either              nothing: the API has it no more
    all of it                no                  the day
    all of it                yes                 the day and the next, less the next: a filter may
                                                 see only segments inside what is asked for
                                                 (docs/api.md, 11, row 21), so a fetch looks a day
                                                 further, too
    parts of it              either              from midnight to the ends of each, the difference

A count of hours cannot say how much there is

    where                                                        since
    -----------------------------------------------------------  ---------------------------------
    the day's first minute counts as much as all that is held    the API counts whole days (11, row
                                                                 5)
    fewer are counted under a filter on segments                 what meets it later is left out
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from lastpage.api.organization import RETENTION_DAYS_MIN
from lastpage.coverage.verification import HeldDay, Hole, Proof, damaged, kept, prove
from lastpage.planning.planner import Planner, Retention
from lastpage.planning.slices import PROBE_DAYS_MAX, look_ahead
from lastpage.query.interval import DAY, MINUTE, Interval

#: What may be true of an old day that has fewer conversations by now.
UNKNOWN = (
    "or the organisation no longer keeps them: it does not say for how long "
    "(the permission is analytics:dataRetention:view)"
)


@dataclass(frozen=True, slots=True)
class Counting:
    """Proves days by counts, each for one or two requests, and some more where they differ."""

    planner: Planner
    #: A minute ago by the API's clock.
    until: datetime
    #: None where it is not known, or cannot matter.
    retention: Retention | None

    @classmethod
    def since(cls, start: datetime, planner: Planner) -> Self:
        """For what began at `start`, or later. Raises `ApiError`."""
        until = planner.until()
        return cls(planner, until, planner.retention(start, until))

    def prove(self, day: HeldDay) -> Proof:
        """Whether a day is still what the API counts, if it still has it. Raises `ApiError`."""
        if day.damage:
            return damaged(day)
        if self.retention and day.midnight < self.retention.since:
            return kept(day, self.retention.days)
        proof = self._prove(day)
        is_old = day.midnight < self.until - RETENTION_DAYS_MIN * DAY
        if proof.state == "changed" and is_old and self.retention is None:
            return replace(proof, why=f"{proof.why}, {UNKNOWN}")
        return proof

    def count_hole(self, hole: Interval) -> list[Hole]:
        """How much there is in a hole; in two parts, where the API has only the later one."""
        since = self.retention.since if self.retention else hole.start
        if hole.end <= since:
            return [Hole(str(hole), None)]
        gone = [Hole(str(Interval(hole.start, since)), None)] if hole.start < since else []
        left = Interval(max(hole.start, since), hole.end)
        return [*gone, Hole(str(left), self.planner.count(left))]

    def _prove(self, day: HeldDay) -> Proof:
        counted = self._count(day)
        proof = prove(day, counted)
        if proof.state == "changed" and day.is_whole and self._sees_segments:
            # What met the filter more than a day later may have been found beside later days.
            longest = self._count_whole(day, PROBE_DAYS_MAX * DAY)
            return prove(day, max(counted, min(longest, day.there)))
        if proof.state in ("missing", "changed") and not day.is_whole:
            return prove(day, counted, self._doubt(day, fewer=proof.state == "changed"))
        return proof

    @property
    def _sees_segments(self) -> bool:
        return self.planner.query.sees_segments

    def _count(self, day: HeldDay) -> int:
        if day.is_whole:
            return self._count_whole(day, DAY + look_ahead(self.planner.query))
        return sum(self.planner.count(part.interval) for part in day.ranges)

    def _count_whole(self, day: HeldDay, reach: timedelta) -> int:
        seen_to = min(day.midnight + reach, self.until)
        return self.planner.count_matching(Interval(day.midnight, day.midnight + DAY), seen_to)

    def _doubt(self, day: HeldDay, *, fewer: bool) -> str:
        """Why the counts of a part of a day do not say how much is there, or nothing."""
        minute = self.planner.count(Interval(day.midnight, day.midnight + MINUTE))
        if minute and minute == self.planner.count(Interval(day.midnight, day.hull.interval.end)):
            return "the API counts whole days only, and this is a part of one"
        if fewer and self._sees_segments:
            return "a count of a part of a day leaves out what meets the filter later"
        return ""
