"""Proving an extract again: what a destination holds, against what the API counts now. Pure.

Of each day that is held, the first line that fits decides:

    the day, and what is counted of it now                            state     exit 3, --repair
    ----------------------------------------------------------------  --------  ----------------
    another run is writing it, or did since it was looked at          writing   no, but exit 7
    a table or rows of it are missing in the destination              damaged   yes
    it is older than what the organisation keeps, and is not counted  kept      no
    it was short when it was fetched                                  short     yes
    beyond the counts' error, but the counts cannot say               unproven  no
    fewer, beyond the counts' error                                   changed   yes
    more, beyond it, of a day that was complete                       missing   yes
    more, beyond the gap that an unproven slice may have              missing   yes
    it was never proved complete                                      unproven  no
    within the counts' error, but not the same                        near      no
    the same                                                          same      no

Conversations change for days after they end, some arrive late, some are deleted. A count shows most
of it for one request a day. What a count cannot show (a row exchanged for another, a wrap-up that
came later, two deletions) a second reading can, with `--content`:

    the second reading      the state becomes
    ----------------------  ---------------------------------------------------
    is short                what it was: nothing is compared
    whatever it is          damaged, where it was
    differs                 changed
    is the same, complete   same, unless the day is recorded as short
    is the same, unproven   same, where it was near or changed; unproven, where
                            it was missing

A hole is an interval between two held ones of which nothing is held: nobody asked for it, so it is
named and counted, and is no reason for exit code 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import reduce
from itertools import chain, pairwise
from typing import Literal

from lastpage.coverage.ranges import Range
from lastpage.coverage.weighing import weigh
from lastpage.query.interval import DAY, Interval, floor_day

State = Literal[
    "same", "near", "unproven", "kept", "missing", "changed", "short", "writing", "damaged"
]
#: What is not as the API has it.
BAD = frozenset({"missing", "changed", "short", "damaged"})
#: Why nothing is said of a day: what is there may be half of the old and half of the new.
WRITING = "another run is writing it, or was stopped while it did; verify it again, or fetch it"


@dataclass(frozen=True, slots=True)
class HeldDay:
    """What a destination holds of one UTC day: ranges in order, those that touch joined."""

    ranges: Sequence[Range]
    #: Records of it that no table could take; they are in `broken`.
    unread: int = 0
    #: What is missing of it in the destination, for the middle of a sentence; mostly empty.
    damage: str = ""

    @property
    def hull(self) -> Range:
        """All of it as one range, as sure as the worst; what lies between the ranges is in it."""
        return reduce(Range.joined, self.ranges)

    @property
    def day(self) -> date:
        """Which day it is."""
        return self.ranges[0].day

    @property
    def midnight(self) -> datetime:
        """When the day begins."""
        return floor_day(self.ranges[0].interval.start)

    @property
    def there(self) -> int:
        """Conversations and records of it that are there, whichever table they are in."""
        return self.hull.conversations + self.unread

    @property
    def is_whole(self) -> bool:
        """Whether it is held from midnight to midnight."""
        return [each.interval for each in self.ranges] == [
            Interval(self.midnight, self.midnight + DAY)
        ]


@dataclass(frozen=True, slots=True)
class Proof:
    """One day that is held, against the API."""

    #: As an ISO date.
    day: str
    #: From the first moment of the day that is held to the last.
    interval: str
    conversations: int
    #: What the API counts now; None where it was not asked.
    counted: int | None
    state: State
    finality: str
    why: str

    @property
    def needs_repair(self) -> bool:
        """Whether `--repair` reads it again."""
        return self.state in BAD


@dataclass(frozen=True, slots=True)
class Hole:
    """An interval between two that are held, of which nothing is held."""

    interval: str
    #: What the API counts in it; None where the organisation keeps nothing that old.
    counted: int | None


@dataclass(frozen=True, slots=True)
class Verification:
    """What was proved of a destination, and what was read again."""

    #: One for each day of which anything is held, in order.
    proofs: list[Proof]
    #: The intervals that were read again.
    repaired: list[str]
    #: What lies between the held intervals, in order.
    holes: list[Hole]
    #: What the readings that repaired have to say: which rows stay, for instance, and why.
    notes: list[str] = field(default_factory=list)

    @property
    def changed(self) -> list[Proof]:
        """The proofs of what is not as the API has it: damaged, missing, changed or short."""
        return [proof for proof in self.proofs if proof.needs_repair]

    @property
    def writing(self) -> list[Proof]:
        """The days of which nothing can be said, since another run is writing them."""
        return [proof for proof in self.proofs if proof.state == "writing"]


def held_days(days: Mapping[date, Iterable[Range]]) -> list[HeldDay]:
    """What a destination holds, day by day."""
    return [HeldDay(_touching(days[day])) for day in sorted(days) if days[day]]


def holes(held: Sequence[HeldDay]) -> Iterator[Interval]:
    """What lies between the ranges that are held."""
    ranges = chain.from_iterable(day.ranges for day in held)
    for one, other in pairwise(each.interval for each in ranges):
        if one.end < other.start:
            yield Interval(one.end, other.start)


def prove(day: HeldDay, counted: int, doubt: str = "") -> Proof:
    """Whether a day is still what the API counts (`counted`).

    `doubt` is why the API's counts do not say how much there is of what is held of this day, or
    nothing.
    """
    state, why = _state(day, counted, doubt)
    return _proof(day, counted, state, why)


def kept(day: HeldDay, days: int) -> Proof:
    """A day that began longer ago than the organisation keeps conversations."""
    before = "; it was incomplete when it was fetched" if day.hull.coverage == "short" else ""
    why = f"older than the {days:,} days for which the organisation keeps them{before}"
    return _proof(day, None, "kept", why)


def damaged(day: HeldDay) -> Proof:
    """A day of which something is missing in the destination, whatever the API counts."""
    return _proof(day, None, "damaged", day.damage)


def in_writing(days: Iterable[date], proofs: Iterable[Proof]) -> list[Proof]:
    """The proofs, where these days are being written: nothing is said of what they hold.

    A day of which nothing is held yet gets a proof, too.
    """
    found = {proof.day: proof for proof in proofs}
    for day in days:
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        interval = str(Interval(midnight, midnight + DAY))
        new = Proof(str(day), interval, 0, None, "writing", "provisional", WRITING)
        known = found.get(new.day, new)
        found[new.day] = replace(
            known, state="writing", finality="provisional", counted=None, why=WRITING
        )
    return [found[day] for day in sorted(found)]


def compared(proof: Proof, differing: str, coverage: str) -> Proof:
    """A day's proof after a second reading: the second table at the top of this file.

    `differing` are the tables that differ; `coverage` is the second reading's.
    """
    if proof.state == "damaged":
        return proof
    if coverage == "short":
        return replace(proof, why=f"{proof.why}; the second reading was short itself")
    if differing:
        return replace(proof, state="changed", why=f"a second reading differs in {differing}")
    if proof.state == "short" or (coverage != "complete" and proof.state == "unproven"):
        return proof
    proved = coverage == "complete" or proof.state != "missing"
    more = (proof.counted or 0) - proof.conversations
    but = f", though {_counted(more)}" if more else ""
    return replace(
        proof,
        state="same" if proved else "unproven",
        why=f"a second reading brought the same rows{but}",
    )


def _touching(ranges: Iterable[Range]) -> list[Range]:
    joined: list[Range] = []
    for each in sorted(ranges, key=lambda each: each.interval):
        if joined and joined[-1].interval.end == each.interval.start:
            joined[-1] = joined[-1].joined(each)
        else:
            joined.append(each)
    return joined


def _state(day: HeldDay, counted: int, doubt: str) -> tuple[State, str]:
    """The first table at the top of this file."""
    coverage, there = day.hull.coverage, day.there
    more = counted - there
    unread = f", with {day.unread:,} in the table broken" if day.unread else ""
    # The counts' error is the same in both directions.
    gap = weigh(max(counted, there), min(counted, there))
    if coverage == "short":
        return "short", "it was incomplete when it was fetched"
    if gap != "complete" and doubt:
        return "unproven", doubt
    if more < 0 and gap != "complete":
        why = "they were deleted, or this client sees less than before"
        return "changed", f"{_counted(more)} than are there: {why}"
    if more > 0 and (gap == "short" or (gap == "unproven" and coverage == "complete")):
        return "missing", f"{_counted(more)} than are there{unread}"
    if coverage != "complete":
        counts = f"{_counted(more)}{unread}" if more else f"counts agree{unread}"
        return "unproven", f"{counts}; when it was fetched, completeness could not be proved"
    if more:
        return "near", f"{_counted(more)}, within the counts' error"
    return "same", "counts agree"


def _counted(more: int) -> str:
    return f"{abs(more):,} {'more' if more > 0 else 'fewer'} are counted"


def _proof(day: HeldDay, counted: int | None, state: State, why: str) -> Proof:
    return Proof(
        day=str(day.day),
        interval=str(day.hull.interval),
        conversations=day.hull.conversations,
        counted=counted,
        state=state,
        finality=day.hull.finality,
        why=why,
    )
