"""What is due: which parts of a wanted interval are to be read now, and why; and when more will be.

The rules are pure: what is held, how far the API reaches and a policy go in, intervals come out.

    kept_since        frontier                        jobs         until       the interval's end
        │                 │                             │            │                │
    ────┼── by job, held ─┤  hole  ├── by job, held ────┼─ by pages ─┤ new · · · · · ·┤
    kept│     settling +3, +7, +30, changed, open       │ provisional│  not there yet │

Of each part the first line that fits decides. A day's end is its last midnight; `as_of` is how
fresh the version is that is held.

    the part                                              is due                       reason
    ----------------------------------------------------  ---------------------------  -----------
    began before `kept_since`: the API has it no more     never: it is kept            -
    lies after `until`                                    when it is there             new
    is not held; something before it and after it is      now                          hole
    is not held                                           now                          new
    is known to lack rows (`short`)                       now                          short
    is of a day of which other numbers are counted        now                          changed
    is provisional, not complete, or by page numbers      now, if the policy says so   provisional
    where a job could be had
    is by page numbers, or older than its day's end       when jobs reach that end,    provisional
                                                          and what page numbers read
                                                          of the day that is not short
    by job, was not proved complete                       a day later                  provisional
    had open conversations, and some of its day have      when its route reaches that  open
    ended since                                           end, at most once a day
    by job, is older than N days after its day's end      when jobs reach that moment  settling +N

So a day is read once by job, whole, when jobs have passed its end; then once for each N of the
policy, of which those that were missed count as one; and nothing is read twice for one reason.
Whoever fetches days (`AT_ONCE`) wants what may change as it is now, and leaves what is final.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Protocol

from lastpage.query.interval import DAY, Interval, floor_day, minus


class Held(Protocol):
    """What a destination holds of a start range within one UTC day."""

    @property
    def interval(self) -> Interval: ...

    @property
    def as_of(self) -> datetime:
        """How fresh it is: the moment of the request, or the watermark of the job."""

    @property
    def has_attributes(self) -> bool:
        """Whether a job read it."""

    @property
    def coverage(self) -> str:
        """`complete`, `unproven` or `short`."""

    @property
    def finality(self) -> str:
        """`final` or `provisional`."""

    @property
    def open(self) -> int | None:
        """How many of its conversations had no end; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Policy:
    """When to read again what is held."""

    #: Days after a day's end at which it is read again: wrap-up, evaluations, surveys and nightly
    #: reprocessing come late (docs/api.md, 3.4).
    settle: Sequence[int] = (3, 7, 30)
    #: The midnight from which on the organisation still has everything; None: all is there.
    kept_since: datetime | None = None
    #: Days of which the API counts other numbers than are held.
    changed: Collection[date] = frozenset()
    #: Days with conversations that were open when they were read, and when the last of those ended.
    open: Mapping[date, datetime] = field(default_factory=dict)
    #: Whether all that is not final, or not as a job would have it, is due at once.
    at_once: bool = False


#: Whoever fetches an interval has said when.
AT_ONCE = Policy(settle=(), at_once=True)


@dataclass(frozen=True, slots=True)
class Due:
    """An interval that is to be read, and why: a reason of the table at the top of this file."""

    interval: Interval
    reason: str
    #: It is due when its route reaches this moment; None: at once.
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is due of an interval, and what will be; each list in order, without overlaps."""

    due: list[Due]
    #: What is not due yet, by its next reason.
    later: list[Due]
    #: Everything wanted before it is held, and nothing of that is short.
    frontier: datetime

    @property
    def next(self) -> datetime | None:
        """The moment before which nothing else becomes due; None: never.

        No route reaches further than now, so it is the earliest moment: what jobs have to reach is
        due later by as much as they lag behind.
        """
        return min((each.at for each in self.later if each.at), default=None)


def due(
    held: Iterable[Held],
    wanted: Interval,
    *,
    until: datetime,
    jobs: datetime,
    policy: Policy,
) -> Outlook:
    """What is due of a wanted interval, by the table at the top of this file.

    `held` is all that is held, also outside of it, without overlaps. Page numbers reach to `until`,
    jobs to `jobs` (`slices.jobs_reach`). What lies after `until` may be wanted, too.
    """
    held = sorted(held, key=lambda each: each.interval)
    start = max(wanted.start, policy.kept_since or wanted.start)
    end = min(wanted.end, until)
    now, later = list[Due](), list[Due]()
    if start < end:
        reach = Interval(start, end)
        now += _unheld(reach, [each.interval for each in held])
        for day in _days(held):
            for each in day:
                if part := each.interval.clip(reach):
                    rules = list(_rules(each, day, until, jobs, policy))
                    now += [Due(part, rule.reason, rule.at) for rule in rules if rule.is_due][:1]
                    if not any(rule.is_due for rule in rules):
                        rules.sort(key=lambda rule: rule.at or until)
                        later += [Due(part, rule.reason, rule.at) for rule in rules][:1]
    if until < wanted.end and start < wanted.end:
        ahead = Interval(max(start, until), wanted.end)
        later.append(Due(ahead, "new", ahead.start))
    undone = [each.interval.start for each in now if each.reason in ("new", "hole", "short")]
    return Outlook(_joined(now), _joined(later), min(undone, default=max(start, end)))


def told(parts: Iterable[Due]) -> str:
    """What is due and why, for a sentence: each reason with its days."""
    reasons: dict[str, set[date]] = {}
    for each in parts:
        reasons.setdefault(each.reason, set()).update(day for day, _ in each.interval.days())
    found = []
    for reason, days in reasons.items():
        first, last = min(days), max(days)
        span = f"{first}" if first == last else f"{len(days):,} days, {first} to {last}"
        found.append(f"{reason} ({span})")
    return "; ".join(found)


@dataclass(frozen=True, slots=True)
class _Rule:
    """A line of the table that may make a held range due: once `reach` is at `at`."""

    reason: str
    reach: datetime
    at: datetime | None = None

    @property
    def is_due(self) -> bool:
        return self.at is None or self.reach >= self.at


def _unheld(reach: Interval, held: Sequence[Interval]) -> Iterator[Due]:
    for part in minus(reach, held):
        is_before = any(each.end <= part.start for each in held)
        is_after = any(each.start >= part.end for each in held)
        yield Due(part, "hole" if is_before and is_after else "new")


def _rules(
    held: Held, day: Sequence[Held], until: datetime, jobs: datetime, policy: Policy
) -> Iterator[_Rule]:
    """The lines about what is held, in their order; `day` is all that is held of its day."""
    midnight, by_job = floor_day(held.interval.start), held.has_attributes
    end = midnight + DAY
    is_recent = held.interval.start >= jobs
    if held.coverage == "short":
        yield _Rule("short", until)
    if midnight.date() in policy.changed:
        yield _Rule("changed", until)
    if policy.at_once:
        is_settled = held.coverage == "complete" and held.finality == "final"
        if not (is_settled and (by_job or is_recent)):
            yield _Rule("provisional", until)
    elif not by_job or held.as_of < end:
        # Jobs that have not reached what page numbers read of the day would be older; but what is
        # short is read again now, and by then it is by job.
        read = (each.as_of for each in day if not each.has_attributes and each.coverage != "short")
        yield _Rule("provisional", jobs, max([end, *read]))
    elif held.coverage != "complete":
        yield _Rule("provisional", jobs, held.as_of + DAY)
    ended = policy.open.get(midnight.date(), held.as_of)
    if held.open != 0 and held.as_of < ended and (by_job or is_recent):
        yield _Rule("open", jobs if by_job else until, max(ended, held.as_of + DAY))
    for days in sorted(policy.settle, reverse=True) if by_job else ():
        if held.as_of < end + days * DAY:
            yield _Rule(f"settling +{days}", jobs, end + days * DAY)


def _days(held: Iterable[Held]) -> Iterable[list[Held]]:
    days: dict[date, list[Held]] = defaultdict(list)
    for each in held:
        days[each.interval.start.date()].append(each)
    return days.values()


def _joined(parts: Iterable[Due]) -> list[Due]:
    """In order, and as one where they touch and are due for the same reason."""
    joined: list[Due] = []
    for each in sorted(parts, key=lambda each: each.interval):
        last = joined[-1] if joined else each
        if last.interval.end == each.interval.start and last.reason == each.reason:
            at = last.at and each.at and min(last.at, each.at)
            whole = Interval(last.interval.start, each.interval.end)
            joined[-1] = replace(last, interval=whole, at=at)
        else:
            joined.append(each)
    return joined
