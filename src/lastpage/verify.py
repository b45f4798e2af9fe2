"""Proving an extract again, later: what a destination says it holds, against what the API counts now. Pure.

Conversations change for days after they end, some arrive late, some are deleted; a count tells most of it for one request a day.
What a count cannot tell (a row exchanged for another, a wrap-up that came later) a second reading can: `--content`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Literal

from lastpage.interval import Interval
from lastpage.sinks.sink import Range
from lastpage.tally import WORST, Coverage, tolerance

#: States of a piece that should be read again.
AMISS = ("changed", "short")
State = Literal["same", "changed", "unproven", "short"]


@dataclass(frozen=True, slots=True)
class Held:
    """A piece of a day that a destination holds without a gap: its conversations, and how they were judged."""

    interval: Interval
    conversations: int
    coverage: Coverage
    finality: str
    as_of: datetime

    @property
    def day(self) -> date:
        return self.interval.start.date()


@dataclass(frozen=True, slots=True)
class Proof:
    """One piece held against the API: `counted` is what it counts now."""

    day: str
    interval: str
    conversations: int
    counted: int
    state: State
    finality: str
    why: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was proved of a destination, and what was read again."""

    proofs: list[Proof]
    repaired: list[str]

    @property
    def changed(self) -> list[Proof]:
        return [proof for proof in self.proofs if proof.state in AMISS]

    def record(self) -> dict[str, Any]:
        return asdict(self)


def pieces(days: Mapping[date, Sequence[Range]]) -> list[Held]:
    """What a destination holds, ranges that touch within a day joined."""
    held: list[Held] = []
    for day in sorted(days):
        for version in sorted(days[day], key=lambda each: each.interval):
            one = Held(version.interval, version.conversations, _coverage(version), version.finality, version.as_of)
            if held and held[-1].day == day and held[-1].interval.end == one.interval.start:
                one = _joined(held.pop(), one)
            held.append(one)
    return held


def prove(held: Held, counted: int) -> Proof:
    """Whether what is held is still what the API counts."""
    state, why = _state(held, counted)
    facts = (str(held.day), str(held.interval), held.conversations, counted)
    return Proof(*facts, state, held.finality, why)


def _state(held: Held, counted: int) -> tuple[State, str]:
    gap = counted - held.conversations
    if held.coverage == "short":
        return "short", "it was incomplete when it was fetched"
    if gap > tolerance(held.conversations):
        return "changed", f"{gap:,} more are counted now: they arrived after it was fetched"
    if -gap > tolerance(held.conversations):
        return "changed", f"{-gap:,} fewer are counted now: they were deleted, or this client may see less than before"
    if held.coverage == "unproven":
        return "unproven", "counts agree; when it was fetched, completeness could not be proved"
    return "same", "counts agree" if not gap else f"counts agree within their error ({gap:+,})"


def mended(proofs: Iterable[Proof], differing: Mapping[str, str]) -> list[Proof]:
    """Proofs after a second reading; `differing` says of a day what is not the same."""
    return [
        Proof(each.day, each.interval, each.conversations, each.counted, "changed", each.finality, differing[each.day])
        if each.day in differing
        else each
        for each in proofs
    ]


def _coverage(version: Range) -> Coverage:
    return next((known for known in WORST if known == version.coverage), "unproven")


def _joined(one: Held, other: Held) -> Held:
    return Held(
        Interval(one.interval.start, other.interval.end),
        one.conversations + other.conversations,
        max(one.coverage, other.coverage, key=WORST.index),
        "provisional" if "provisional" in (one.finality, other.finality) else "final",
        min(one.as_of, other.as_of),
    )
