"""What the counts of the API prove about a slice: each weighed by what is certain of it. Pure.

Each count is held only against the rows that it counts, and some may count too much:

    count    made by                              held against         certain of it
    -------  -----------------------------------  -------------------  --------------------------
    hits     `totalHits` of a walk's pages        all ids it saw       all
    moved    pages whose rows slid                the owned ids        nothing
    living   before and after a job that begins   ids of the slice's   nothing: rows that the job
             in the middle of a day               days                 need not give
    starts   the plan; before and after a job;    the owned ids        all, less what a moment of
             after page numbers                                        the slice's last day counts
    held     the destination, of complete ranges  the owned ids        all

A count from midnight to the middle of a day may be one of the whole day (docs/api.md, 11, row 5).
If it is, the day's first millisecond counts as much; so that count is taken off.

How many may be missing of what was counted (not of what came) is `GAPS`, below. A small gap is
accepted because counts are officially approximate (docs/api.md, 3.2); none of two, or half of an
index, are more than an approximation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from lastpage.coverage.account import Account
from lastpage.walks.walk import Count

Coverage = Literal["complete", "unproven", "short"]
#: Best to worst.
WORST: tuple[Coverage, ...] = ("complete", "unproven", "short")


@dataclass(frozen=True, slots=True)
class Gap:
    """How many of what was counted may be missing: so many rows or this share, the larger; and
    never more than `most`, a share.
    """

    rows: int
    share: float
    most: float

    def takes(self, missing: int, counted: int) -> bool:
        """Whether so many missing of so many counted are within it."""
        return missing <= max(self.rows, int(counted * self.share)) and (
            missing <= counted * self.most
        )


#: The gap that each coverage allows; what is within neither is short.
GAPS: Mapping[Coverage, Gap] = {
    "complete": Gap(rows=2, share=0.001, most=0.5),
    "unproven": Gap(rows=20, share=0.01, most=0.25),
}
#: Seconds between two readings whose own counts contradict a claim.
CLAIM_APART_S = 60.0


def weigh(counted: int, came: int) -> Coverage:
    """What a count proves, if it is certain."""
    missing = max(counted - came, 0)
    return next((name for name, gap in GAPS.items() if gap.takes(missing, counted)), "short")


@dataclass(frozen=True, slots=True)
class Counts:
    """What is held against one reading of a slice: its own counts, and what was counted before it.

    `vague` is what a moment of the slice's last day counts.
    """

    own: Sequence[Count] = ()
    claims: Sequence[Count] = ()
    vague: int = 0

    @property
    def worst(self) -> Count:
        """The count that proves the least; one of nothing, if there is none."""
        return max(
            (*self.own, *self.claims),
            key=lambda count: (WORST.index(self.coverage(count)), count.missing),
            default=Count("starts", 0, 0),
        )

    @property
    def gap(self) -> int:
        """The most conversations that any of them has more."""
        return max((count.missing for count in (*self.own, *self.claims)), default=0)

    @property
    def certain_gap(self) -> int:
        """The most that is certain to be missing."""
        counts = (*self.own, *self.claims)
        return max([0, *(self.certain(each) - each.came for each in counts)])

    def certain(self, count: Count) -> int:
        """What is certain of a count: the last column of the table."""
        less = {"moved": count.counted, "living": count.counted, "starts": self.vague}
        return max(count.counted - less.get(count.of, 0), 0)

    def coverage(self, count: Count) -> Coverage:
        """What a count proves."""
        if weigh(self.certain(count), count.came) == "short":
            return "short"
        return "complete" if weigh(count.counted, count.came) == "complete" else "unproven"


@dataclass(slots=True)
class Claim:
    """What was counted in a slice before it was read, as a whole ("") or by start day.

    Conversations may have been deleted since. Then the reading's own counts agree with what came,
    and so do those of two later readings, at least `CLAIM_APART_S` apart: they contradict it.
    """

    of: Literal["starts", "held"]
    counted: Mapping[str, int]
    _agreed_at: list[float] = field(default_factory=list)

    def count(self, account: Account) -> Count:
        """Held against an account: a day that has more makes up for no other day."""
        days, came = account.days, account.owns
        missing = sum(
            max(counted - (days.get(day, 0) if day else came), 0)
            for day, counted in self.counted.items()
        )
        return Count(self.of, came + missing, came)

    def hold_against(self, account: Account, own: Iterable[Count], now: float) -> str:
        """Enter one more reading and its own counts; a sentence if it contradicts the claim."""
        claimed = self.count(account)
        own = list(own)
        if claimed.missing <= 0 or not own or any(count.missing > 0 for count in own):
            return ""
        self._agreed_at.append(now)
        # The reading itself, and two later ones that are far enough apart.
        if len(self._agreed_at) < 3 or now - self._agreed_at[1] < CLAIM_APART_S:
            return ""
        self.counted = {}
        before = {"starts": "were counted before it was read", "held": "are in the destination"}
        return (
            f"{claimed.counted:,} {before[self.of]}; three readings over more than a minute "
            f"brought {claimed.came:,}, as the API counts now"
        )
