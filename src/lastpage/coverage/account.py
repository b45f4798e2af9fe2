"""A slice's account: what one attempt brought, page by page, and what the API counted beside it.

    each record   owned (it starts in the slice), foreign (elsewhere), or broken (no id or start)
    each page     how many rows are owned under which day, so that it is opened only for these
    counts        `totalHits` of each page, and the counts before and after a job

Ids are kept as digests: a walk of a hundred thousand conversations fits into a few megabytes. What
the account proves is decided in `tally`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from lastpage.api.messages import Answer, split_records
from lastpage.api.records import Head, Raw
from lastpage.ledger.ids import Log
from lastpage.planning.slices import Slice
from lastpage.query.interval import floor_day
from lastpage.walks.walk import READS, Request

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
    #: See `since_new`.
    stale: int = 0
    empty: int = 0
    #: `totalHits` of each page.
    hits: list[int] = field(default_factory=list)
    #: Counts before and after a walk, in the order of their requests (None: refused).
    counts: dict[str, list[int | None]] = field(default_factory=dict)
    #: The earliest `dataAvailabilityDate` that came with the results.
    watermark: datetime | None = None
    #: What `unknown` named.
    strange: set[str] = field(default_factory=set)

    def take(self, number: int, request: Request, answer: Answer) -> None:
        """Enter the answer to the attempt's request of this number."""
        if request.kind in ("count", "recount"):
            hits = answer.page.total_hits if answer.status < 300 else None
            self.counts.setdefault(request.kind, []).append(hits)
        elif request.kind in READS and answer.status < 300:
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
        # Records without a readable id may be new ones.
        if self.log.has_new(ids) or (heads and not ids):
            self.stale = self.empty = 0
        elif heads:
            self.stale += 1
        else:
            self.empty += 1
        self.log.extend(ids, facts)
        return days

    def since_new(self) -> tuple[int, int]:
        """Pages since the last one that brought a new id: with rows, and without."""
        return self.stale, self.empty

    @property
    def owned(self) -> dict[bytes, int]:
        """The facts of each owned id, by its last copy."""
        return self.log.latest()

    @property
    def owns(self) -> int:
        """Different owned ids."""
        return len(self.owned)

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
    def open_days(self) -> set[str]:
        """The start days of these, as ISO dates."""
        return {_iso_day(fact >> 1) for fact in self.owned.values() if fact & 1}

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


def _iso_day(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()
