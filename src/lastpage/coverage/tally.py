"""A slice's account, and what it proves: coverage and finality. Pure: pages in, a verdict out.

    rule                                        complete only if
    ------------------------------------------  -------------------------------------------------------------------
    the walk                                    it reached its true end (repair.py sees to the others)
    cursor: watermark, read before submitting   it lies at or after the slice's end
    cursor: counts, before and after            ids that live in the slice >= the larger count, and owned ids >= the larger
                                                difference of the counts from midnight to its ends
    pages: to the absent page                   unique ids >= the larger of the first and the last totalHits
    pages: stopped beyond the slice             the starts were in order (the walk's own proof), totalHits did not move,
                                                no row came twice
    records                                     every one could be read
    foreign rows                                every one that another slice owns is there (evidence.py, at the end of the run)

A gap in a count asks for another walk; the same ids again and a gap within `tolerance` are complete, since counts are officially
approximate (docs/api.md, 3.2). Not so where a filter on segments looks past the watermark: what is counted more may match it by
what the lake has not seen yet. Complete means: as visible to this client's divisions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

import msgspec

from lastpage.api.messages import Answer, Head, Raw, split_records
from lastpage.ledger.ids import GONE, Log, digest
from lastpage.planning.slices import Slice
from lastpage.query.interval import floor_day, iso
from lastpage.walks.walk import READS, Request

Coverage = Literal["complete", "unproven", "short"]
Finality = Literal["final", "provisional"]
#: Best to worst.
WORST: tuple[Coverage, ...] = ("complete", "unproven", "short")
#: A conversation open for longer will hardly end; orphans exist (docs/api.md, 3.4).
ORPHAN_AFTER = timedelta(days=30)
#: Where in a slice's pages a record stands: page * POSITIONS + row.
POSITIONS = 1_000_000
#: Of the pages after a slice's first with rows, every so many-th is looked at for unknown fields.
SAMPLED_EVERY = 50
#: Unknown fields that are named.
PATHS_MAX = 100


@dataclass(slots=True)
class Account:
    """What one attempt brought, page by page. Of an id that came several times the last copy counts."""

    piece: Slice
    #: When it was asked; decides who has been open for too long to wait for.
    now: datetime
    #: Names the fields of records that this version does not know; it is shown a sample.
    unknown: Callable[[Iterable[Raw]], Iterable[str]] = lambda _records: ()
    fetched: int = 0
    #: Of each owned row: its id and, as one number, its start's day (ordinal) and whether it is still open (the last bit).
    log: Log = field(default_factory=Log)
    foreign: dict[str, datetime] = field(default_factory=dict)
    #: Where records stand that nobody can own, because id or start cannot be read. They are kept as they came.
    broken: list[int] = field(default_factory=list)
    #: Of each page: its owned rows a start day (ordinal); under 0 the others.
    spread: dict[int, Counter[int]] = field(default_factory=dict)
    #: `totalHits` of each page, and the counts before and after a job, in the order of their requests (None: refused).
    hits: list[int] = field(default_factory=list)
    counts: dict[str, list[int | None]] = field(default_factory=dict)
    #: The earliest `dataAvailabilityDate` that came with the results.
    watermark: datetime | None = None
    #: What `unknown` named.
    strange: set[str] = field(default_factory=set)

    def take(self, number: int, request: Request, answer: Answer) -> None:
        """Enter the answer to the attempt's request of this number."""
        if request.kind in ("count", "recount"):
            self._count(request, answer)
        elif request.kind in READS and answer.status == 200:
            self._read(number, answer)

    def _count(self, request: Request, answer: Answer) -> None:
        hits = answer.page.total_hits if answer.status == 200 else None
        self.counts.setdefault(request.kind, []).append(hits)

    def _read(self, number: int, answer: Answer) -> None:
        page = answer.page
        if page.total_hits is not None:
            self.hits.append(page.total_hits)
        if page.watermark:
            self.watermark = min(page.watermark, self.watermark or page.watermark)
        heads = page.heads or ()
        sampled = not self.fetched or (number + self.piece.number) % SAMPLED_EVERY == 0
        if sampled and len(self.strange) < PATHS_MAX:
            self.strange.update(self.unknown(split_records(answer.body)))
        self.fetched += len(heads)
        self.spread[number] = Counter(self._day(place, head) for place, head in enumerate(heads, number * POSITIONS))

    def _day(self, place: int, head: Head | None) -> int:
        """Enter a record; the day it is owned under, or 0."""
        if head is None:
            self.broken.append(place)
            return 0
        name = digest(head.id)
        if head.start not in self.piece.interval:
            self.log.add(name, GONE)
            self.foreign[head.id] = head.start
            return 0
        day = head.start.toordinal()
        self.foreign.pop(head.id, None)
        self.log.add(name, day << 1 | (head.end is None and self.now - head.start < ORPHAN_AFTER))
        return day

    @property
    def owned(self) -> dict[bytes, int]:
        """The facts of each owned id, by its last copy."""
        return self.log.latest()

    @property
    def unique(self) -> int:
        return len(self.owned) + len(self.foreign)

    @property
    def countable(self) -> int:
        """Ids that started on the slice's days, whether owned or not: what counts of the slice count, if they go by life."""
        first, end = floor_day(self.piece.interval.start), self.piece.interval.end
        return len(self.owned) + sum(1 for start in self.foreign.values() if first <= start < end)

    @property
    def deficits(self) -> list[int]:
        """Rows that counts before and after a job have more: of what lives in the slice, and of what starts there.

        Where the slice begins in the middle of a day the two differ, and nobody knows which the API counts there: both rule.
        """
        known = [
            [count for count in counts if count is not None] for counts in self.counts.values() if None not in counts
        ]
        if floor_day(self.piece.interval.start) == self.piece.interval.start:
            return [sum(parts) - self.countable for parts in known]
        living = [sum(parts) - self.countable for *parts, _, _ in known]
        return living + [to_end - to_start + sum(parts) - len(self.owned) for _, *parts, to_end, to_start in known]

    @property
    def duplicates(self) -> int:
        return self.fetched - len(self.broken) - self.unique

    @property
    def open(self) -> int:
        return sum(fact & 1 for fact in self.owned.values())

    @property
    def days(self) -> dict[str, int]:
        """Owned conversations a start day."""
        ordinals = Counter(fact >> 1 for fact in self.owned.values())
        return {date.fromordinal(day).isoformat(): count for day, count in sorted(ordinals.items())}

    @property
    def pages(self) -> dict[str, dict[str, int]]:
        """The rows of each page a day they are owned under; an empty text stands for rows that are nobody's here."""
        return {
            str(number): {date.fromordinal(day).isoformat() if day else "": rows for day, rows in days.items()}
            for number, days in self.spread.items()
        }

    @property
    def digests(self) -> frozenset[bytes]:
        return frozenset(self.owned)


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
    #: Conversations a start day, as ISO dates.
    days: dict[str, int] = field(default_factory=dict)
    #: The days that each page has rows of, and how many (`Account.pages`).
    pages: dict[str, dict[str, int]] = field(default_factory=dict)
    #: The paths of fields that this version does not know, as far as a sample shows.
    unknown: list[str] = field(default_factory=list)

    def dump(self) -> str:
        return msgspec.json.encode({**asdict(self), "as_of": iso(self.as_of)}).decode()

    @classmethod
    def load(cls, text: str) -> Verdict:
        return msgspec.json.decode(text, type=cls)


def gap(sums: Account, how: str) -> int | None:
    """How many conversations the API counts that are not here: 0 or less is none, None is nobody knows."""
    if how == "read":
        return max(sums.deficits, default=None)
    if not sums.hits:
        return None
    if how == "absent":
        return max(sums.hits[0], sums.hits[-1]) - sums.unique
    # Whatever moved while it was read may have moved a row from a page to come to one that was read already.
    return max(abs(sums.hits[-1] - sums.hits[0]), sums.duplicates)


def tolerance(count: int) -> int:
    """The gap that is within the counts' own error."""
    return max(2, count // 1000)


def judge(sums: Account, how: str, *, as_of: datetime, lake: datetime | None, settled: datetime | None) -> Verdict:
    """Coverage and finality of an account whose gap, if any, has been walked again and stayed.

    `lake` is the watermark read before a job was submitted (None: not to be had); `settled` what was known of the watermark before
    the reading: what it reached meanwhile says nothing of rows that were read earlier. A filter may match later segments, so all
    that was asked for has to be settled.
    """
    missing = gap(sums, how)
    coverage, why = _coverage(sums, how, missing, lake)
    piece = sums.piece
    provisional = sums.open or coverage != "complete" or settled is None or piece.asked.end > settled
    return _verdict(sums, coverage, "provisional" if provisional else "final", why, as_of, max(missing or 0, 0))


def _coverage(sums: Account, how: str, missing: int | None, lake: datetime | None) -> tuple[Coverage, str]:
    piece = sums.piece
    if how == "read":
        if lake is None:
            return "unproven", "the API did not say how far its lake reaches"
        if lake < piece.interval.end:
            return "unproven", f"the lake reached only to {iso(lake)} when the job was submitted"
    if sums.broken:
        return "unproven", f"{len(sums.broken)} records could not be read; they are kept as they came"
    if missing is None:
        return "unproven", "the API gave no count to hold it against"
    if missing > tolerance(sums.countable):
        return "unproven", f"the API counts {missing:,} more, but the same rows come at every reading"
    if missing > 0 and lake is not None and lake < piece.asked.end:
        return (
            "unproven",
            f"the API counts {missing:,} more, which may match the filter by what the lake has not seen yet",
        )
    if missing > 0:
        return "complete", f"within the counts' error: {missing} more counted, the same rows at every reading"
    return "complete", {"read": "counts agree", "absent": "counts agree", "beyond": "read in order past its start"}[how]


def shortfall(sums: Account, why: str, as_of: datetime) -> Verdict:
    """The verdict where evidence says that rows are missing."""
    return _verdict(sums, "short", "provisional", why, as_of, 0)


def _verdict(sums: Account, coverage: Coverage, finality: Finality, why: str, as_of: datetime, missing: int) -> Verdict:
    return Verdict(
        coverage,
        finality,
        why,
        conversations=len(sums.owned),
        as_of=as_of,
        fetched=sums.fetched,
        duplicates=sums.duplicates,
        foreign=len(sums.foreign),
        open=sums.open,
        broken=len(sums.broken),
        gap=missing,
        expected=sums.piece.expected,
        days=sums.days,
        pages=sums.pages,
        unknown=sorted(sums.strange)[:PATHS_MAX],
    )


# PART repair
# What to walk again, and when to stop trying. Pure.
#
# A gap between what was read and what the API counts has three causes: rows slid between pages while others arrived (another
# walk finds them), the count is off (another walk brings the same rows), or the slice is too much for one walk (smaller ones do).


Decision = Literal["accept", "again", "narrow"]
#: Walks of a slice after the first, to fill a gap.
REREADS_MAX = 3
#: Attempts of a slice that may be lost to failed or vanished jobs.
LOST_MAX = 4


def decide(sums: Account, how: str, earlier: frozenset[bytes] | None, rereads: int) -> Decision:
    """Whether an attempt stands. `earlier` are the ids that all attempts before it brought, None for the first."""
    missing = gap(sums, how)
    digests = sums.digests
    lost = bool(earlier and earlier - digests)
    if not lost and (missing is None or missing <= 0):
        return "accept"
    if earlier is not None and digests == earlier:
        return "accept"
    return "again" if rereads < REREADS_MAX else "narrow"
