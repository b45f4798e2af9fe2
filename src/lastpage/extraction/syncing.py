"""What a sync reads: whatever is due of a destination, so that it stays what the API would answer.

    wanted    from `since`, or from what is held first, to a minute ago; never what the organisation
              no longer keeps
    held      what the destination has recorded; a damaged day counts as short
    policy    the days after which a day is read again, and what is found by asking (`asking.py`)
       └─▶ planning/due.py ─▶ the parts that are due: one run, as that of a fetch

All that a sync knows is what is held; so one that failed, was killed, or was away for a month is
gone on from by the next, and a lost ledger costs some questions more. The end is cut to minutes:
within one, there is nothing new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from lastpage.coverage.ranges import Range
from lastpage.errors import UsageError
from lastpage.extraction.asking import Asking
from lastpage.extraction.choosing import Choice, There
from lastpage.ledger.memory import KEPT_SINCE
from lastpage.planning.due import Policy, due, told
from lastpage.planning.planner import Planner
from lastpage.planning.slices import Horizon, jobs_reach
from lastpage.query.interval import Interval, Relative, floor_day, floor_minute, iso, joined


@dataclass(frozen=True, slots=True)
class Sync:
    """A destination is wanted as the API would answer now."""

    #: From when on; None: from what is held first.
    since: datetime | Relative | None = None
    #: Days after a day's end at which it is read again.
    settle: Sequence[int] = (3, 7, 30)
    #: Requests of a run that may be spent on counts of weeks.
    sweep: int = 0
    #: Whether days of which too many rows were gone are read again now.
    accept_removals: bool = False

    @property
    def name(self) -> str:
        """Whatever it was told, a sync goes on with the one before."""
        return "sync"

    @property
    def ends_short(self) -> bool:
        """What is short is recorded as such, and due."""
        return True

    @property
    def is_standing(self) -> bool:
        """It tells of what it read."""
        return True

    def check(self, held: Sequence[Range], place: str) -> None:
        """Raise `UsageError` where nothing says from when on."""
        if self.since is None and not held:
            raise UsageError(
                f"{place} holds nothing yet, so a sync cannot know from when on; "
                "say it with --since, such as --since 2026-01-01"
            )

    def choose(self, planner: Planner, there: There) -> Choice:
        """What is due. Raises `UsageError` for a start in the future, and `ApiError`."""
        horizon = planner.horizon()
        horizon = replace(horizon, until=floor_minute(horizon.until))
        wanted = self._wanted(planner, there, horizon)
        jobs = jobs_reach(planner.query, horizon, planner.paginate)
        policy = Policy(self.settle, kept_since=wanted.start)
        surely = due(there.held, wanted, until=horizon.until, jobs=jobs, policy=policy).due
        asking = Asking(planner, there, wanted, jobs, [each.interval for each in surely])
        changed = asking.changed(self.sweep, accept_removals=self.accept_removals)
        policy = replace(policy, changed=changed, open=asking.ended())
        found = due(there.held, wanted, until=horizon.until, jobs=jobs, policy=policy).due
        if found:
            planner.meter.note(f"due: {told(found)}", of_run=False)
        return Choice(wanted, horizon, joined(each.interval for each in found))

    def is_outgrown(self, planner: Planner, read: Interval) -> bool:  # noqa: ARG002
        """What is due follows from what is held, and the earlier run has changed that."""
        return True

    def _wanted(self, planner: Planner, there: There, horizon: Horizon) -> Interval:
        """What the destination should hold, as far as the organisation still keeps it."""
        start, until = self.since, horizon.until
        if isinstance(start, Relative):
            start = floor_day(start.until(until).start)
        if start is None:
            start = min(each.interval.start for each in there.held)
        if start >= until:
            raise UsageError(
                f"a sync since {iso(start)} has nothing to hold yet: by the API's clock, a minute "
                f"ago was {iso(until)}"
            )
        kept = planner.retention(start, until)
        if kept and kept.since > start:
            there.ledger.remember(KEPT_SINCE, iso(kept.since))
            start = min(kept.since, floor_day(until))
        return Interval(start, until)
