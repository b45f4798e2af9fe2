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

A small gap is accepted because counts are officially approximate (docs/api.md, 3.2); two rows of
two, or half of an index, are more than an approximation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

import msgspec

from lastpage.api.messages import Answer, Head, Raw, split_records
from lastpage.ledger.ids import Log, digest
from lastpage.planning.slices import Slice
from lastpage.query.interval import floor_day, iso
from lastpage.walks.walk import READS, Request

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
#: A conversation open for longer will hardly end; orphans exist (docs/api.md, 3.4).
ORPHAN_AFTER = timedelta(days=30)
#: Where in a slice's pages a record stands: page * POSITIONS + row.
POSITIONS = 1_000_000
#: Of the pages after a slice's first with rows, each of this many is looked at for unknown fields.
SAMPLED_EVERY = 50
#: Unknown fields that are named.
PATHS_MAX = 100


@dataclass(slots=True)
class Account:
    """What one attempt brought, page by page. Of an id that came several times, the last counts."""

    slice: Slice
    #: When it was asked; decides which conversations have been open for too long to wait for.
    now: datetime
    #: Names the fields of records that this version does not know; it is shown a sample.
    unknown: Callable[[Iterable[Raw]], Iterable[str]] = lambda _records: ()
    fetched: int = 0
    #: Of each owned row: its id and, as one number, its start's day (ordinal) and whether it is
    #: still open (the last bit).
    log: Log = field(default_factory=Log)
    foreign: dict[str, datetime] = field(default_factory=dict)
    #: Where records stand whose id or start cannot be read. They are kept as they came.
    broken: list[int] = field(default_factory=list)
    #: Of each page: its owned rows by start day (ordinal); under 0 the other rows.
    spread: dict[int, Counter[int]] = field(default_factory=dict)
    #: `totalHits` of each page.
    hits: list[int] = field(default_factory=list)
    #: Counts before and after a job, in the order of their requests (None: refused).
    counts: dict[str, list[int | None]] = field(default_factory=dict)
    #: The earliest `dataAvailabilityDate` that came with the results.
    watermark: datetime | None = None
    #: What `unknown` named.
    strange: set[str] = field(default_factory=set)

    def take(self, number: int, request: Request, answer: Answer) -> None:
        """Enter the answer to the attempt's request of this number."""
        if request.kind in ("count", "recount"):
            hits = answer.page.total_hits if answer.status == 200 else None
            self.counts.setdefault(request.kind, []).append(hits)
        elif request.kind in READS and answer.status == 200:
            self._read(number, answer)

    def _read(self, number: int, answer: Answer) -> None:
        page = answer.page
        if page.total_hits is not None:
            self.hits.append(page.total_hits)
        if page.watermark:
            self.watermark = min(page.watermark, self.watermark or page.watermark)
        sampled = not self.fetched or (number + self.slice.number) % SAMPLED_EVERY == 0
        if sampled and len(self.strange) < PATHS_MAX:
            self.strange.update(self.unknown(split_records(answer.body)))
        heads = page.heads or ()
        self.fetched += len(heads)
        self.spread[number] = self._enter(heads, number * POSITIONS)

    def _enter(self, heads: Sequence[Head | None], first: int) -> Counter[int]:
        """Enter a page's records, which stand from position `first` on.

        Returns how many are owned under which day (0: under none).
        """
        start, end = self.slice.interval.start, self.slice.interval.end
        ids: list[str] = []
        facts: list[int] = []
        days: Counter[int] = Counter()
        for position, head in enumerate(heads, first):
            if head is None:
                self.broken.append(position)
                days[0] += 1
                continue
            day, is_open = 0, False
            if start <= head.start < end:
                day = head.start.toordinal()
                is_open = head.end is None and self.now - head.start < ORPHAN_AFTER
                self.foreign.pop(head.id, None)  # its start was another one on an earlier page
            else:
                self.foreign[head.id] = head.start
            ids.append(head.id)
            facts.append(day << 1 | is_open)
            days[day] += 1
        self.log.extend(ids, facts)
        return days

    @property
    def owned(self) -> dict[bytes, int]:
        """The facts of each owned id, by its last copy."""
        return self.log.latest()

    @property
    def digests(self) -> frozenset[bytes]:
        """The owned ids, as digests."""
        return frozenset(self.owned)

    @property
    def unique(self) -> int:
        """Different ids, owned or not."""
        return len(self.owned) + len(self.foreign)

    @property
    def duplicates(self) -> int:
        """Rows that repeat an id."""
        return self.fetched - len(self.broken) - self.unique

    @property
    def open(self) -> int:
        """Owned conversations that have not ended, and may still end."""
        return sum(fact & 1 for fact in self.owned.values())

    @property
    def days(self) -> dict[str, int]:
        """Owned conversations by start day."""
        ordinals = Counter(fact >> 1 for fact in self.owned.values())
        return {_iso_day(day): count for day, count in sorted(ordinals.items())}

    @property
    def pages(self) -> dict[str, dict[str, int]]:
        """The rows of each page by the day they are owned under; "" for rows not owned here."""
        return {
            str(number): {_iso_day(day) if day else "": rows for day, rows in days.items()}
            for number, days in self.spread.items()
        }

    @property
    def countable(self) -> int:
        """Ids that started on the slice's days, owned or not: what counts by life should count."""
        first, end = floor_day(self.slice.interval.start), self.slice.interval.end
        return len(self.owned) + sum(1 for start in self.foreign.values() if first <= start < end)

    @property
    def deficits(self) -> list[int]:
        """How many rows more the counts before and after a job have.

        Where the slice begins in the middle of a day, what lives in it and what starts in it
        differ, and it is not known which the API counts (docs/api.md, 11, row 5): both rule.
        """
        known = [
            [count for count in counts if count is not None]
            for counts in self.counts.values()
            if None not in counts
        ]
        if floor_day(self.slice.interval.start) == self.slice.interval.start:
            return [sum(parts) - self.countable for parts in known]
        living = [sum(parts) - self.countable for *parts, _, _ in known]
        starting = [
            to_end - to_start + sum(parts) - len(self.owned)
            for _, *parts, to_end, to_start in known
        ]
        return living + starting


def _iso_day(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()


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

    def is_contradicted(self, account: Account, missing: int | None, now: float) -> bool:
        """Hold it against one more reading; whether it is contradicted by this one."""
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
    #: The days that each page has rows of, and how many (`Account.pages`).
    pages: dict[str, dict[str, int]] = field(default_factory=dict)
    #: The paths of fields that this version does not know, as far as a sample shows.
    unknown: list[str] = field(default_factory=list)

    def dump(self) -> str:
        """As JSON, for the ledger."""
        return msgspec.json.encode({**asdict(self), "as_of": iso(self.as_of)}).decode()

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
    proves. `settled` is what was known of the job watermark before the reading: what it reached
    meanwhile says nothing of rows that were read earlier. A filter may match later segments, so
    all that was asked for has to be settled.
    """
    if claimed is not None and missing is not None:
        missing = max(missing, claimed - len(account.owned))
    coverage, why = _coverage(account, missing, doubt, proof, len(lacking(account, seen)))
    changes = account.open or settled is None or account.slice.asked.end > settled
    final = coverage == "complete" and not changes
    return _verdict(account, coverage, why, as_of, max(missing or 0, 0), final=final)


def short(account: Account, why: str, as_of: datetime) -> Verdict:
    """The verdict where evidence says that rows are missing."""
    return _verdict(account, "short", why, as_of, 0, final=False)


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


def _verdict(
    account: Account, coverage: Coverage, why: str, as_of: datetime, missing: int, *, final: bool
) -> Verdict:
    return Verdict(
        coverage,
        "final" if final else "provisional",
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
        pages=account.pages,
        unknown=sorted(account.strange)[:PATHS_MAX],
    )
