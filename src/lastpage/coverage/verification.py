"""Proving an extract again: what a destination holds, against what the API counts now. Pure.

    counted now, against the rows held           state      read again by --repair
    -------------------------------------------  ---------  ----------------------
    it was `short` when it was fetched           short      yes
    more, or fewer, beyond the counts' error     changed    yes
    the same, but it was never proved complete   unproven   no
    the same, or within the counts' error        same       no

Conversations change for days after they end, some arrive late, some are deleted. A count shows most
of it for one request a day. What a count cannot show (a row exchanged for another, a wrap-up that
came later) a second reading can: `--content`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Literal

from lastpage.coverage.ranges import Range
from lastpage.coverage.tally import tolerance

State = Literal["same", "changed", "unproven", "short"]


@dataclass(frozen=True, slots=True)
class Proof:
    """One day, or a part of it, held against the API: `counted` is what it counts now."""

    day: str
    interval: str
    conversations: int
    counted: int
    state: State
    finality: str
    why: str

    @property
    def needs_repair(self) -> bool:
        """Whether `--repair` reads it again."""
        return self.state in ("changed", "short")


@dataclass(frozen=True, slots=True)
class Verification:
    """What was proved of a destination, and what was read again."""

    proofs: list[Proof]
    repaired: list[str]

    @property
    def changed(self) -> list[Proof]:
        """The proofs of what is not as the API has it."""
        return [proof for proof in self.proofs if proof.needs_repair]


def held_days(days: Mapping[date, Sequence[Range]]) -> list[Range]:
    """What a destination holds, ranges that touch within a day joined."""
    held: list[Range] = []
    for version in sorted(chain(*days.values()), key=lambda each: each.interval):
        last = held[-1] if held else None
        if last and last.day == version.day and last.interval.end == version.interval.start:
            held[-1] = last.joined(version)
        else:
            held.append(version)
    return held


def prove(held: Range, counted: int) -> Proof:
    """Whether what is held is still what the API counts (`counted`)."""
    state, why = _state(held, counted)
    return Proof(
        day=str(held.day),
        interval=str(held.interval),
        conversations=held.conversations,
        counted=counted,
        state=state,
        finality=held.finality,
        why=why,
    )


def _state(held: Range, counted: int) -> tuple[State, str]:
    more, error = counted - held.conversations, tolerance(held.conversations)
    if held.coverage == "short":
        return "short", "it was incomplete when it was fetched"
    if more > error:
        return "changed", f"{more:,} more are counted now: they arrived after it was fetched"
    if -more > error:
        return "changed", (
            f"{-more:,} fewer are counted now: "
            "they were deleted, or this client may see less than before"
        )
    if held.coverage != "complete":
        return "unproven", "counts agree; when it was fetched, completeness could not be proved"
    return "same", "counts agree" if not more else f"counts agree within their error ({more:+,})"
