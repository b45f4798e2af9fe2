"""Proving an extract again, later: what a destination says it holds, against what the API counts now. Pure.

Conversations change for days after they end, some arrive late, some are deleted; a count tells most of it for one request a day.
What a count cannot tell (a row exchanged for another, a wrap-up that came later) a second reading can: `--content`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain
from typing import Literal

from lastpage.coverage.ranges import Range
from lastpage.coverage.tally import tolerance

#: States of a piece that should be read again.
AMISS = ("changed", "short")
State = Literal["same", "changed", "unproven", "short"]


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


def pieces(days: Mapping[date, Sequence[Range]]) -> list[Range]:
    """What a destination holds, ranges that touch within a day joined."""
    held: list[Range] = []
    for version in sorted(chain(*days.values()), key=lambda each: each.interval):
        touches = (
            held and held[-1].day == version.day and held[-1].interval.end == version.interval.start
        )
        held.append(held.pop().joined(version) if touches else version)
    return held


def prove(held: Range, counted: int) -> Proof:
    """Whether what is held is still what the API counts."""
    state, why = _state(held, counted)
    facts = (str(held.day), str(held.interval), held.conversations, counted)
    return Proof(*facts, state, held.finality, why)


def _state(held: Range, counted: int) -> tuple[State, str]:
    gap = counted - held.conversations
    if held.coverage == "short":
        return "short", "it was incomplete when it was fetched"
    if gap > tolerance(held.conversations):
        return "changed", f"{gap:,} more are counted now: they arrived after it was fetched"
    if -gap > tolerance(held.conversations):
        return (
            "changed",
            f"{-gap:,} fewer are counted now: they were deleted, or this client may see less than before",
        )
    if held.coverage != "complete":
        return "unproven", "counts agree; when it was fetched, completeness could not be proved"
    return "same", "counts agree" if not gap else f"counts agree within their error ({gap:+,})"


def mended(proofs: Iterable[Proof], differing: Mapping[str, str]) -> list[Proof]:
    """Proofs after a second reading; `differing` says of a day what is not the same."""
    return [
        replace(each, state="changed", why=differing[each.day]) if each.day in differing else each
        for each in proofs
    ]
