"""A slice's account, and what it proves: read again or not, coverage, finality. Pure.

Evidence. Each count is held only against the rows that it counts, and some may count too much:

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

Where something is missing the slice is read again, after a pause that grows, up to three times:

    what is missing                        read again until
    -------------------------------------  -------------------------------------------------------
    a count of the reading's own           the same ids come; to the last, if that makes it short
    a claim (the plan's, a destination's)  its own counts and those of two later readings, a
                                           minute apart, agree with what came; then a note says so
                                           and the claim counts no longer
    an id of an earlier reading, or that   it comes, or the same ids come
    another slice saw

Other ids at each reading: smaller slices. Else the verdict; the first line that fits decides:

    what did not come                                                  coverage
    -----------------------------------------------------------------  ---------------------------
    an id that another slice saw                                       short
    what a job cannot have yet                                         unproven
    of what is certain, more than the gap of `unproven`                short
    a record's id or start; a count of the reading's own               unproven
    of what was counted, more than the gap of `complete`               unproven
    less                                                               complete, the gap is told
    nothing                                                            complete

The gaps are `GAPS`, below; shares are of what was counted, not of what came. Complete always means:
as visible to this client's divisions. A small gap is accepted because counts are officially
approximate (docs/api.md, 3.2); none of two, or half of an index, are more than an approximation.

Coverage is a fact about a slice, finality about each of its days, whatever else was read with it:

    of a complete slice                                               finality
    ----------------------------------------------------------------  ----------------------------
    the day's own conversations have ended, or are orphans, and the   final
    watermark had passed the day's end (and a day more, and so had
    what was asked, where a filter looks at segments)
    any other day, and all days of any other slice                    provisional
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Literal

import msgspec

from lastpage.coverage.account import PATHS_MAX, Account
from lastpage.ledger.ids import digest
from lastpage.query.interval import iso
from lastpage.walks.walk import Count

Coverage = Literal["complete", "unproven", "short"]
Finality = Literal["final", "provisional"]
Decision = Literal["accept", "again", "narrow"]
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
#: Walks of a slice after the first, to fill a gap.
REREADS_MAX = 3
#: Attempts of a slice that may be lost to jobs that failed or vanished.
LOST_MAX = 4
#: Seconds between two readings whose own counts contradict a claim.
CLAIM_APART_S = 60.0


def tolerance(count: int) -> int:
    """The gap that is within the counts' own error."""
    gap = GAPS["complete"]
    return max(gap.rows, int(count * gap.share))


def weigh(counted: int, came: int) -> Coverage:
    """What a count proves, if it is certain."""
    missing = max(counted - came, 0)
    return next((name for name, gap in GAPS.items() if gap.takes(missing, counted)), "short")


def certain(count: Count, vague: int) -> int:
    """What is certain of a count: the last column of the first table.

    `vague` is what a moment of the slice's last day counts.
    """
    less = {"moved": count.counted, "living": count.counted, "starts": vague}
    return max(count.counted - less.get(count.of, 0), 0)


def weigh_count(count: Count, vague: int) -> Coverage:
    """What a count proves."""
    if weigh(certain(count, vague), count.came) == "short":
        return "short"
    return "complete" if weigh(count.counted, count.came) == "complete" else "unproven"


def lacking(account: Account, seen: Collection[str]) -> list[str]:
    """Of the ids that other slices saw here, those that did not come."""
    owned = account.owned
    return [text for text in seen if digest(text) not in owned]


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


def decide(
    account: Account,
    own: Sequence[Count],
    earlier: frozenset[bytes] | None,
    rereads: int,
    seen: Collection[str] = (),
    claims: Iterable[Count] = (),
    vague: int = 0,
) -> Decision:
    """Whether an attempt is accepted, or the slice read again, or cut into smaller ones.

    `own` are the reading's own counts, `earlier` the ids that all attempts before it brought (None
    for the first), `seen` are ids of the slice that other slices saw, `claims` what was counted
    before it was read.
    """
    digests = account.digests
    claim_is_open = any(certain(claim, vague) > claim.came for claim in claims)
    lost = bool(earlier and earlier - digests) or bool(lacking(account, seen))
    if not (lost or claim_is_open or any(count.missing > 0 for count in own)):
        return "accept"
    is_short = any(weigh_count(count, vague) == "short" for count in own)
    passes = (claim_is_open or is_short) and rereads < REREADS_MAX
    if digests == earlier and not passes:
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

    @property
    def provisional(self) -> Verdict:
        """The same, with none of its days final."""
        return replace(self, finality="provisional", final_days=[])

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
    own: Sequence[Count],
    doubt: str,
    proof: str,
    as_of: datetime,
    settled: datetime | None,
    seen: Collection[str] = (),
    claims: Iterable[Count] = (),
    vague: int = 0,
) -> Verdict:
    """Coverage and finality of an account that `decide` accepted.

    `doubt` is why the route cannot have read all of the slice, or nothing; `proof` what its end
    proves. Days that end by `settled` have all their data, as was known before the reading: what
    the watermark reached meanwhile says nothing of rows that were read earlier.
    """
    counts = [*own, *claims]
    worst = max(
        counts,
        key=lambda count: (WORST.index(weigh_count(count, vague)), count.missing),
        default=Count("starts", 0, 0),
    )
    lacks = len(lacking(account, seen))
    coverage, why = _coverage(account, worst, vague, has_own=bool(own), doubt=doubt, lacks=lacks)
    final = _settled_days(account, settled) if coverage == "complete" and settled else []
    gap = max((count.missing for count in counts), default=0)
    return _verdict(account, coverage, why or proof, as_of, max(gap, 0), final)


def short(account: Account, why: str, as_of: datetime) -> Verdict:
    """The verdict where evidence says that rows are missing."""
    return _verdict(account, "short", why, as_of, 0, [])


def _coverage(
    account: Account, worst: Count, vague: int, *, has_own: bool, doubt: str, lacks: int
) -> tuple[Coverage, str]:
    """The third table at the top of this file; without a reason where nothing is missing."""
    if lacks:
        return "short", f"{lacks:,} conversations that another slice saw are not among its own"
    if doubt:
        return "unproven", doubt
    coverage = weigh_count(worst, vague)
    if coverage == "short":
        return coverage, _missing(worst)
    if account.broken:
        count = len(account.broken)
        return "unproven", f"{count} records could not be read; they are kept as they came"
    if not has_own:
        return "unproven", "the API gave no count to hold it against"
    if worst.missing <= 0:
        return "complete", ""
    if coverage == "complete":
        return coverage, f"within the counts' error: {_missing(worst)}"
    return coverage, _missing(worst)


def _missing(count: Count) -> str:
    who = "the destination has" if count.of == "held" else "the API counts"
    return f"{who} {count.missing:,} more, but the same rows come at every reading"


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
