"""A slice's account, and what it proves: read again or not, coverage, finality. Pure.

Evidence, each held only against the rows that it counts:

    what                                         against              if it shows more rows
    -------------------------------------------  -------------------  -----------------------------
    the walk's own counts (`Walk.gap`)           what they count      read again
    the plan's count of starts, a claim          the owned ids        read again, until the walk's
                                                                      own counts, a minute apart,
                                                                      contradict it twice
    ids that other slices saw                    the owned ids        read again, then short

The verdict, after readings that bring the same ids; the worst deficit rules:

    what                                                              coverage
    ----------------------------------------------------------------  ----------------------------
    ids that other slices saw did not come                            short
    a job that cannot have all that was asked for                     unproven
    a record without an id or a start; no count at all                unproven
    a deficit up to max(2, 0.1 %), and at least half came             complete, and the gap is told
    a larger deficit                                                  unproven
    none                                                              complete

Each reading that brings other ids is followed by another, up to three, and then by smaller slices.
Complete always means: as visible to this client's divisions.

Coverage is a fact about a slice, finality about each of its days, whatever else was read with it:

    of a complete slice                                               finality
    ----------------------------------------------------------------  ----------------------------
    the day's own conversations have ended, or are orphans, and the   final
    watermark had passed the day's end (and a day more, and so had
    what was asked, where a filter looks at segments)
    any other day, and all days of any other slice                    provisional

A small gap is accepted because counts are officially approximate (docs/api.md, 3.2); two rows of
two, or half of an index, are more than an approximation.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Literal

import msgspec

from lastpage.coverage.account import PATHS_MAX, Account
from lastpage.ledger.ids import digest
from lastpage.query.interval import iso

Coverage = Literal["complete", "unproven", "short"]
Finality = Literal["final", "provisional"]
Decision = Literal["accept", "again", "narrow"]
#: Best to worst.
WORST: tuple[Coverage, ...] = ("complete", "unproven", "short")
#: Walks of a slice after the first, to fill a gap.
REREADS_MAX = 3
#: Attempts of a slice that may be lost to jobs that failed or vanished.
LOST_MAX = 4
#: Seconds between two readings whose own counts contradict what was counted before.
CLAIM_APART_S = 60.0


def tolerance(count: int) -> int:
    """The gap that is within the counts' own error."""
    return max(2, count // 1000)


def lacking(account: Account, seen: Collection[str]) -> list[str]:
    """Of the ids that other slices saw here, those that did not come."""
    owned = account.owned
    return [text for text in seen if digest(text) not in owned]


@dataclass(slots=True)
class Claim:
    """What the plan counted in a slice; None once it is contradicted.

    It was counted before the reading, so conversations may have been deleted since. Then the
    reading's own counts agree with what came, and so do those of two later readings, at least
    `CLAIM_APART_S` apart: they contradict it.
    """

    counted: int | None
    _agreed_at: list[float] = field(default_factory=list)
    _sentence: str = ""

    def hold_against(self, account: Account, missing: int | None, now: float) -> bool:
        """Enter one more reading; whether it is the one that contradicts the claim."""
        came = len(account.owned)
        if self.counted is None or self.counted <= came or missing is None or missing > 0:
            return False
        self._agreed_at.append(now)
        # The reading itself, and two later ones that are far enough apart.
        if len(self._agreed_at) < 3 or now - self._agreed_at[1] < CLAIM_APART_S:
            return False
        self._sentence = (
            f"{self.counted:,} were counted before it was read; three readings over more than a "
            f"minute brought {came:,}, as the API counts now"
        )
        self.counted = None
        return True

    def __str__(self) -> str:
        return self._sentence


def decide(
    account: Account,
    missing: int | None,
    earlier: frozenset[bytes] | None,
    rereads: int,
    seen: Collection[str] = (),
    claimed: int | None = None,
) -> Decision:
    """Whether an attempt is accepted, or the slice read again, or cut into smaller ones.

    `missing` is what the API counts and the account lacks (`Walk.gap`; None: there is no count),
    `earlier` the ids that all attempts before it brought (None for the first), `seen` are ids of
    the slice that other slices saw, `claimed` is the plan's count (None: none, or contradicted).
    """
    digests = account.digests
    claim_is_open = claimed is not None and claimed > len(digests)
    lost = bool(earlier and earlier - digests) or bool(lacking(account, seen))
    if not lost and not claim_is_open and (missing is None or missing <= 0):
        return "accept"
    if digests == earlier and not (claim_is_open and rereads < REREADS_MAX):
        # Another reading would bring the same rows, so it is not rows that slid.
        return "accept"
    return "again" if rereads < REREADS_MAX else "narrow"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a slice's account proves, with the numbers it rests on."""

    coverage: Coverage
    finality: Finality
    why: str
    conversations: int
    as_of: datetime
    fetched: int = 0
    duplicates: int = 0
    foreign: int = 0
    open: int = 0
    broken: int = 0
    gap: int = 0
    expected: int | None = None
    #: Conversations by start day, as ISO dates.
    days: dict[str, int] = field(default_factory=dict)
    #: The days that are final, as ISO dates; where `finality` is final, that is all of them.
    final_days: list[str] = field(default_factory=list)
    #: The days that each page has rows of, and how many (`Account.pages`).
    pages: dict[str, dict[str, int]] = field(default_factory=dict)
    #: The paths of fields that this version does not know, as far as a sample shows.
    unknown: list[str] = field(default_factory=list)

    def dump(self) -> str:
        """As JSON, for the ledger."""
        return msgspec.json.encode({**asdict(self), "as_of": iso(self.as_of)}).decode()

    def finality_of(self, day: str) -> Finality:
        """Whether a day of the slice will change; it is given as an ISO date."""
        # Older versions knew it of the slice alone.
        return "final" if self.finality == "final" or day in self.final_days else "provisional"

    @classmethod
    def load(cls, text: str) -> Verdict:
        """The reverse of `dump`."""
        return msgspec.json.decode(text, type=cls)


def judge(
    account: Account,
    *,
    missing: int | None,
    doubt: str,
    proof: str,
    as_of: datetime,
    settled: datetime | None,
    seen: Collection[str] = (),
    claimed: int | None = None,
) -> Verdict:
    """Coverage and finality of an account that `decide` accepted.

    `doubt` is why the route cannot have read all of the slice, or nothing; `proof` what its end
    proves. Days that end by `settled` have all their data, as was known before the reading: what
    the watermark reached meanwhile says nothing of rows that were read earlier.
    """
    if claimed is not None and missing is not None:
        missing = max(missing, claimed - len(account.owned))
    coverage, why = _coverage(account, missing, doubt, proof, len(lacking(account, seen)))
    final = _settled_days(account, settled) if coverage == "complete" and settled else []
    return _verdict(account, coverage, why, as_of, max(missing or 0, 0), final)


def short(account: Account, why: str, as_of: datetime) -> Verdict:
    """The verdict where evidence says that rows are missing."""
    return _verdict(account, "short", why, as_of, 0, [])


def _coverage(
    account: Account, missing: int | None, doubt: str, proof: str, lacks: int
) -> tuple[Coverage, str]:
    """The second table at the top of this file."""
    if lacks:
        return "short", f"{lacks:,} conversations that another slice saw are not among its own"
    if doubt:
        return "unproven", doubt
    if account.broken:
        count = len(account.broken)
        return "unproven", f"{count} records could not be read; they are kept as they came"
    if missing is None:
        return "unproven", "the API gave no count to hold it against"
    if missing <= 0:
        return "complete", proof
    came, again = account.countable, "the same rows come at every reading"
    if missing <= tolerance(came + missing) and missing <= came:
        return "complete", f"within the counts' error: {missing} more counted, {again}"
    return "unproven", f"the API counts {missing:,} more, but {again}"


def _settled_days(account: Account, settled: datetime) -> list[str]:
    """The days that the third table at the top of this file calls final."""
    still_open = account.open_days
    ends = {day.isoformat(): part.end for day, part in account.slice.interval.days()}
    return [day for day, end in ends.items() if end <= settled and day not in still_open]


def _verdict(
    account: Account,
    coverage: Coverage,
    why: str,
    as_of: datetime,
    missing: int,
    final: list[str],
) -> Verdict:
    all_final = all(day.isoformat() in final for day, _ in account.slice.interval.days())
    return Verdict(
        coverage,
        "final" if all_final else "provisional",
        why,
        conversations=len(account.owned),
        as_of=as_of,
        fetched=account.fetched,
        duplicates=account.duplicates,
        foreign=len(account.foreign),
        open=account.open,
        broken=len(account.broken),
        gap=missing,
        expected=account.slice.expected,
        days=account.days,
        final_days=final,
        pages=account.pages,
        unknown=sorted(account.strange)[:PATHS_MAX],
    )
