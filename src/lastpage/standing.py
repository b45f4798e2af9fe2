"""`status`: how a destination stands, by what it has recorded of itself. Nothing is asked or sent.

    what the days have recorded ─▶ held, holes, provisional, open
                                └▶ planning/due.py, as a sync asks it ─▶ frontier, settled, due
    what the ledger remembers   ─▶ the last run; how far jobs reached; how long data is kept

So it needs no credentials and no right to write, and takes as long as reading one record a day. It
goes by this machine's clock, and where that is behind, by what is held last. What only the API
could say is not in it: whether open conversations have ended, and how far jobs reach by now. They
never reach back, so what is due is due; more may be. Whether rows are missing that were there,
`verify` looks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

from lastpage.clock import RealClock
from lastpage.coverage.ranges import Range
from lastpage.coverage.weighing import WORST
from lastpage.errors import DestinationError, ForeignError, UsageError
from lastpage.keywords import Length, length_from, settle_from
from lastpage.ledger.glance import Glance, LastRun, glance
from lastpage.planning.due import Due, Policy, due
from lastpage.planning.planner import UNSETTLED
from lastpage.planning.slices import LAG_ASSUMED, Horizon, jobs_reach
from lastpage.query.interval import HOUR, Interval, floor_minute, from_unix, iso
from lastpage.query.query import Query
from lastpage.sinks.destination import Destination

#: Reasons that are true however far jobs reach.
BY_ITSELF = ("new", "hole", "short")
#: What to do where there is nothing to tell of.
ADVICE = "give what fetch or sync was given as --to"


@dataclass(frozen=True, slots=True)
class Status:
    """How a destination stands; `record` is the command line's `--json`."""

    destination: str
    #: When it was looked at.
    at: datetime
    #: From the first moment that is held to the last.
    held: Interval
    days: int
    conversations: int
    #: How many of them had no end when they were read; None where no day has recorded that.
    open: int | None
    #: The worst of what is held and the organisation still keeps.
    coverage: str
    #: Everything is held up to then, and none of it is known to lack rows.
    frontier: datetime
    #: What is not held between what is held, in order.
    holes: list[Interval]
    #: All that is held before is final; None: all of it is.
    provisional_from: datetime | None
    #: Nothing before will be read again by the policy; None: all of it will.
    settled_to: datetime | None
    #: What a sync would read now, with the reasons of planning/due.py, in order. Lines and single
    #: files are not kept current, so for them there is nothing here.
    due: list[Due]
    #: What becomes due next, when the data reach `at`; None: nothing of what is held.
    due_next: Due | None
    #: None where nothing was read yet, or nothing is known.
    last_run: LastRun | None
    #: Whether the frontier is older than was allowed.
    is_stale: bool
    #: What is unknown, and what was assumed.
    notes: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether it is neither stale nor has holes: what monitoring asks."""
        return not self.is_stale and not self.holes

    @property
    def age(self) -> timedelta:
        """How old the frontier is."""
        return max(self.at - self.frontier, timedelta(0))

    def record(self) -> dict[str, Any]:
        """As plain values; moments are ISO 8601 in UTC."""
        run = self.last_run
        return {
            "destination": self.destination,
            "at": iso(self.at),
            "held": {"from": iso(self.held.start), "to": iso(self.held.end)},
            "days": self.days,
            "conversations": self.conversations,
            "open": self.open,
            "coverage": self.coverage,
            "frontier": iso(self.frontier),
            "holes": [str(hole) for hole in self.holes],
            "provisional_from": self.provisional_from and iso(self.provisional_from),
            "settled_to": self.settled_to and iso(self.settled_to),
            "due": [_due_record(each) for each in self.due],
            "due_next": self.due_next and _due_record(self.due_next),
            "last_run": run
            and {
                "began": iso(run.began),
                "ended": run.ended and iso(run.ended),
                "coverage": run.coverage,
            },
            "is_stale": self.is_stale,
            "is_whole": self.is_whole,
            "notes": self.notes,
        }


def status(
    dest: str | os.PathLike[str] = "conversations",
    *,
    max_age: Length | None = None,
    settle: Iterable[int] = (3, 7, 30),
    now: datetime | None = None,
    state: str | os.PathLike[str] | None = None,
) -> Status:
    """How a destination stands: what it holds, its holes, its last run, what is due and when.

    It is stale if everything is held only up to more than `max_age` ago, such as "26h", a
    `timedelta`, or seconds; without one it never is. `settle` is what `sync` is given; `now` is by
    this machine's clock, if it is not given; `state` is what `fetch` was given. Only the
    destination is read, and needs no credentials.

    Raises `UsageError` where there is nothing, and `DestinationError` where it cannot be read
    (`InUseError`: a DuckDB file that is being written).

    Example::

        found = lastpage.status("conversations", max_age="26h")
        print(found.is_whole, found.frontier, found.holes)
    """
    age, policy = length_from("max_age", max_age), settle_from(settle)
    if now is not None and now.tzinfo is None:
        raise UsageError(f"now, {now}, has no time zone; give one, such as UTC")
    at = from_unix(RealClock().now()) if now is None else now.astimezone(UTC)
    destination = Destination.parse(os.fspath(dest), state=state)
    body, held = _recorded(destination)
    remembered, notes = _remembered(destination)
    notes = [*notes, *_unrecorded(held, destination)]
    found = standing(
        destination.text, held, body, remembered, at=at, settle=policy, max_age=age, notes=notes
    )
    # Neither what was appended nor a single file is kept current.
    is_over = destination.is_append_only or destination.single
    return replace(found, due=[], due_next=None) if is_over else found


def standing(
    text: str,
    held: Sequence[Range],
    body: dict[str, Any],
    remembered: Glance,
    *,
    at: datetime,
    settle: Sequence[int] = (),
    max_age: timedelta | None = None,
    notes: Sequence[str] = (),
) -> Status:
    """How a destination stands that holds these ranges, in order and at least one, by filters.

    `body` has the filters as a query body has them. Pure.
    """
    whole = Interval(held[0].interval.start, max(each.interval.end for each in held))
    until = max(floor_minute(at - UNSETTLED), whole.end)
    jobs, assumed = _jobs(Query(whole, body=body), remembered.last_run, until)
    wanted, kept = Interval(whole.start, until), remembered.kept_since
    found = due(held, wanted, until=until, jobs=jobs, policy=Policy(settle, kept_since=kept))
    counted = [each.open for each in held if each.open is not None]
    there = [each for each in held if kept is None or each.interval.start >= kept]
    moving = [each.interval.start for each in held if each.finality != "final"]
    unsettled = min((each.interval.start for each in (*found.due, *found.later)), default=until)
    frontier = min(found.frontier, whole.end)
    by_job = found.later or any(each.reason not in BY_ITSELF for each in found.due)
    return Status(
        destination=text,
        at=at,
        held=whole,
        days=len({each.day for each in held}),
        conversations=sum(each.conversations for each in held),
        open=sum(counted) if counted else None,
        coverage=max((each.coverage for each in there), key=WORST.index, default="complete"),
        frontier=frontier,
        holes=[each.interval for each in found.due if each.reason == "hole"],
        provisional_from=min(moving, default=None),
        settled_to=min(unsettled, whole.end) if unsettled > whole.start else None,
        due=found.due,
        due_next=min(found.later, key=lambda each: each.at or until, default=None),
        last_run=remembered.last_run,
        is_stale=max_age is not None and at - frontier > max_age,
        notes=[*notes, *([assumed] if by_job else [])],
    )


def _jobs(query: Query, last: LastRun | None, until: datetime) -> tuple[datetime, str]:
    """Up to when jobs surely read, and a sentence of what is assumed of that."""
    mark = last.watermark if last else until - LAG_ASSUMED
    reach = jobs_reach(query, Horizon(until, mark), "auto")
    if last:
        return reach, f"jobs reached {iso(reach)} when the last run began; by now more may be due"
    behind = f"{LAG_ASSUMED // HOUR} hours behind, at {iso(reach)}"
    return reach, f"jobs are taken to be {behind}; more may be due"


def _recorded(destination: Destination) -> tuple[dict[str, Any], list[Range]]:
    """The filters that a destination was made with, and what it holds, in order.

    Raises `UsageError` where that is nothing, or another's; `DestinationError`.
    """
    text = destination.text
    try:
        if not destination.is_there:
            raise UsageError(
                f"nothing was fetched into {text} yet; give what fetch was given as --to"
            )
        with destination.record() as sink:
            held = list(chain.from_iterable(sink.committed().values()))
            known = sink.known
    except ForeignError as problem:
        raise UsageError(f"{problem.what}; {ADVICE}") from None
    except PermissionError as problem:
        raise DestinationError(
            f"cannot read {text}: {problem.strerror}; run it as a user who may read it"
        ) from None
    if known is None or not held:
        raise UsageError(f"{text} holds nothing yet; fetch or sync something into it")
    return json.loads(known.filters), sorted(held, key=lambda each: each.interval)


def _remembered(destination: Destination) -> tuple[Glance, list[str]]:
    """What the ledger remembers; nothing, and why, where that is not to be known."""
    assert destination.state, "what is not kept holds nothing"
    try:
        return glance(destination.state), []
    except DestinationError as problem:
        return Glance(), [f"the last run is unknown: {problem}"]


def _unrecorded(held: Iterable[Range], destination: Destination) -> list[str]:
    days = {each.day for each in held if each.open is None}
    if not days or destination.is_append_only:
        return []
    of_days = "1 day" if len(days) == 1 else f"{len(days):,} days"
    return [f"open conversations of {of_days} are not counted: an older version read them"]


def _due_record(each: Due) -> dict[str, str | None]:
    when = iso(each.at) if each.at else None
    return {"what": each.reason, "interval": str(each.interval), "when": when}
