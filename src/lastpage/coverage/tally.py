"""A slice's account, and what it proves: read again or not, coverage, finality. Pure.

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

Which count is certain, and which gap goes with which word, `weighing` says. Complete always means:
as visible to this client's divisions.

Coverage is a fact about a slice, finality about each of its days, whatever else was read with it:

    of a complete slice                                               finality
    ----------------------------------------------------------------  ----------------------------
    the day's own conversations have ended, or are orphans, and the   final
    watermark had passed the day's end (and a day more, and so had
    what was asked, where a filter looks at segments)
    any other day, and all days of any other slice; and all that      provisional
    page numbers read at once though a job could (planning/small.py)
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Literal

import msgspec

from lastpage.coverage.account import PATHS_MAX, Account
from lastpage.coverage.weighing import Counts, Coverage
from lastpage.ledger.ids import digest
from lastpage.query.interval import iso
from lastpage.walks.walk import Count

Finality = Literal["final", "provisional"]
Decision = Literal["accept", "again", "narrow"]
#: Walks of a slice after the first, to fill a gap.
REREADS_MAX = 3
#: Attempts of a slice that may be lost to jobs that failed or vanished.
LOST_MAX = 4


def lacking(account: Account, seen: Collection[str]) -> list[str]:
    """Of the ids that other slices saw here, those that did not come."""
    owned = account.owned
    return [text for text in seen if digest(text) not in owned]


def decide(
    account: Account,
    counts: Counts,
    earlier: frozenset[bytes] | None,
    rereads: int,
    seen: Collection[str] = (),
) -> Decision:
    """Whether an attempt is accepted, or the slice read again, or cut into smaller ones.

    `earlier` are the ids that all attempts before it brought (None for the first), `seen` are ids
    of the slice that other slices saw.
    """
    digests = account.digests
    claim_is_open = any(counts.certain(claim) > claim.came for claim in counts.claims)
    lost = bool(earlier and earlier - digests) or bool(lacking(account, seen))
    if not (lost or claim_is_open or any(count.missing > 0 for count in counts.own)):
        return "accept"
    is_short = any(counts.coverage(count) == "short" for count in counts.own)
    may_pass = (claim_is_open or is_short) and rereads < REREADS_MAX
    if digests == earlier and not may_pass:
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
    #: Of the gap, what is certain to be missing; None in the verdicts of older versions.
    certain: int | None = None
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
    counts: Counts,
    *,
    doubt: str,
    proof: str,
    as_of: datetime,
    settled: datetime | None,
    seen: Collection[str] = (),
) -> Verdict:
    """Coverage and finality of an account that `decide` accepted.

    `doubt` is why the route cannot have read all of the slice, or nothing; `proof` what its end
    proves. Days that end by `settled` have all their data, as was known before the reading: what
    the watermark reached meanwhile says nothing of rows that were read earlier.
    """
    coverage, why = _coverage(account, counts, doubt, len(lacking(account, seen)))
    final = _settled_days(account, settled) if coverage == "complete" and settled else []
    verdict = _verdict(account, coverage, why or proof, as_of, max(counts.gap, 0), final)
    return replace(verdict, certain=counts.certain_gap)


def short(account: Account, why: str, as_of: datetime) -> Verdict:
    """The verdict where evidence says that rows are missing."""
    return _verdict(account, "short", why, as_of, 0, [])


def _coverage(account: Account, counts: Counts, doubt: str, lacks: int) -> tuple[Coverage, str]:
    """The second table at the top of this file; without a reason where nothing is missing."""
    if lacks:
        return "short", f"{lacks:,} conversations that another slice saw are not among its own"
    if doubt:
        return "unproven", doubt
    worst = counts.worst
    coverage = counts.coverage(worst)
    if coverage == "short":
        return coverage, _missing(worst)
    if account.broken:
        count = len(account.broken)
        return "unproven", f"{count} records could not be read; they are kept as they came"
    if not counts.own:
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
