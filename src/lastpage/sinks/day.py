"""One change of a day, for every table sink: which rows come and go, what the day holds then.

    a row that is there                 stays unless
    of a conversation, or in `broken`   it started in a part that is written; or it started in
    with a start                        another part, and its conversation comes: the start moved;
                                        or it is named as leaving
    in `broken`, without a start        the same record has come again

But a row that is named as staying stays (`coverage/replacement.py`), and what comes of its
conversation is not written: a day has a conversation once. A damaged day is written anew: then
nothing of it stays. A part of a new range is written unless something stronger is there
(`coverage/ranges.py`). Tables are made ahead of the writer, in threads, and small pages are put
together to batches.

    what the day says of a range        because of
    provisional                         a row that stays though it did not come: a later run may
                                        show that it is gone
    provisional                         a row that was added to those of a job
    unproven, provisional               a record that no table could take
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Self, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from lastpage.api.records import Head, Raw, read_head
from lastpage.coverage.ranges import Range, accepted, added, disproved, merged
from lastpage.coverage.replacement import Ruling
from lastpage.query.interval import Interval, minus
from lastpage.sinks.sink import NONE_STAYS, MadeAhead, Pages, Unread, Written
from lastpage.tables.build import Shredding
from lastpage.tables.moments import moments
from lastpage.tables.parse import ARROW, Tables
from lastpage.tables.schema import CONVERSATIONS, END, KEY, START
from lastpage.tables.values import array, empty, scalar

#: Conversations handed over at once: small enough for flat memory, large enough for scans.
BATCH = 3_000
#: Parsing lets other threads run; two keep two cores busy, and more would only hold more pages.
THREADS = 2
#: Results that wait for the writer.
WAITING_MAX = 2
In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(slots=True)
class Count:
    """The conversations of a range, and how many of them are open; None where ends are not kept."""

    conversations: int = 0
    open: int | None = None

    @classmethod
    def nothing(cls, schema: pa.Schema) -> Self:
        """Of a table of conversations with these columns, no row is counted yet."""
        return cls(0, 0 if END in schema.names else None)

    def add(self, conversations: pa.Table, interval: Interval) -> None:
        """Count those of a table that start in an interval."""
        inside = within(conversations.column(START), interval)
        self.conversations += pc.sum(inside).as_py() or 0
        if self.open is not None:
            is_open = pc.and_(inside, pc.is_null(conversations.column(END)))
            self.open += pc.sum(is_open).as_py() or 0


@dataclass(slots=True)
class Change:
    """New ranges of a day, held against those that are there."""

    before: Sequence[Range]
    ranges: Sequence[Range]
    shredder: Callable[[Sequence[Raw]], Tables]
    ruling: Ruling
    #: The parts of the new ranges that are written.
    parts: list[Interval] = field(init=False)
    #: Those of them in which all that is there stays.
    added: list[Interval] = field(init=False)
    #: What the day holds afterwards; its counts are not taken yet.
    after: list[Range] = field(init=False)
    _unread: list[Unread] = field(default_factory=list)
    #: The starts of the rows that were added.
    _new: list[datetime] = field(default_factory=list)
    _without_start: set[str | bytes] = field(default_factory=set)
    #: Whether all that comes is written.
    _is_whole: bool = field(init=False)
    #: Whether there may be rows outside of the written parts; the ids that came, if so.
    has_others: bool = field(init=False)
    _came: list[pa.Array] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.before = [] if self.ruling.anew else disproved(self.before, self.ruling.disproved)
        self.parts = accepted(self.before, self.ranges)
        self.added = added(self.before, self.ranges)
        self.after = merged(self.before, self.ranges)
        if self.ruling.leaving:
            self._came = [array(self.ruling.leaving, pa.string())]
        self.has_others = any(minus(each.interval, self.parts) for each in self.before)
        self._is_whole = not (
            self.added
            or any(minus(each.interval, self.parts) for each in self.ranges)
            or self.ruling.starts
            or any(not self._is_in_parts(start) for start in self.ruling.staying.values())
        )

    def tables(self, pages: Pages) -> Iterator[Tables]:
        """The rows that come, every table of them, page by page."""
        for tables in map_ahead(self._made, pages):
            broken = tables["broken"]
            ids, errors, records = (broken[name].to_pylist() for name in (KEY, "error", "record"))
            starts = moments(broken[START])
            for text, start, error, record in zip(ids, starts, errors, records, strict=True):
                if start is None:
                    self._without_start.add(record)
                self._unread.append(Unread(text, start, error or ""))
            if self.has_others:
                self._came += ids_of(tables).chunks
            yield tables

    @property
    def came(self) -> pa.ChunkedArray:
        """The ids that came so far, or leave, if there may be rows outside of the written parts."""
        return pa.chunked_array(self._came, pa.string())

    def stays(self, conversations: pa.Table) -> pa.ChunkedArray:
        """Which conversations that are there stay; to be asked once all the rows have come."""
        ids, starts = conversations.column(KEY), conversations.column(START)
        staying = array(self.ruling.staying, pa.string())
        others = pc.and_not(self._outside(starts), pc.is_in(ids, value_set=self.came))
        return pc.or_(others, pc.is_in(ids, value_set=staying))

    def broken_stays(self, broken: pa.Table) -> pa.ChunkedArray:
        """Which records in `broken` stay; to be asked once all the rows have come."""
        records = broken.column("record")
        came_again = pc.is_in(records, value_set=array(self._without_start, records.type))
        without_start = pc.is_null(broken.column(START))
        return pc.if_else(without_start, pc.invert(came_again), self.stays(broken))

    def holds(self, counts: Sequence[Count]) -> list[Range]:
        """What the day holds now, given what each range of `after` has.

        The second table at the top of this file.
        """
        unread = [each.start for each in self._unread if each.start is not None]
        ranges = []
        for range_, count in zip(self.after, counts, strict=True):
            coverage = range_.coverage
            if coverage == "complete" and _any_in(range_, unread):
                coverage = "unproven"
            is_added = any(part.clip(range_.interval) for part in self.added)
            doubtful = self._new if is_added else self.ruling.staying.values()
            is_sure = coverage == range_.coverage and not _any_in(range_, doubtful)
            finality = range_.finality if is_sure else "provisional"
            ranges.append(
                replace(
                    range_,
                    coverage=coverage,
                    finality=finality,
                    conversations=count.conversations,
                    open=count.open,
                )
            )
        return ranges

    def written(self) -> Written:
        """What came of it; to be asked once all the rows have come."""
        unchanged = [part for each in self.ranges for part in minus(each.interval, self.parts)]
        unchanged += [part for part in self.added if not any(start in part for start in self._new)]
        return Written(self._unread, sorted(unchanged))

    def _outside(self, starts: pa.ChunkedArray) -> pa.ChunkedArray:
        """Which starts lie in no part that is written."""
        outside = pc.is_valid(starts)
        for part in self.parts:
            outside = pc.and_(outside, pc.invert(within(starts, part)))
        return outside

    def _is_in_parts(self, start: datetime) -> bool:
        return any(start in part for part in self.parts)

    def _made(self, page: Collection[Raw]) -> Tables:
        """The tables of the records that are written; mostly these are all, and none is looked at.

        Called in threads, several at a time.
        """
        if not self._is_whole:
            return self.shredder([raw for raw in page if self._is_written(read_head(raw))])
        made = page.tables() if isinstance(page, MadeAhead) else None
        return made or self.shredder(list(page))

    def _is_written(self, head: Head | None) -> bool:
        if head is None:
            return True
        if head.id in self.ruling.staying or not self._is_in_parts(head.start):
            return False
        if self.ruling.starts.get(head.id, head.start) != head.start:
            return False
        if any(head.start in part for part in self.added):
            self._new.append(head.start)
        return True


class ChangedByDay(ABC):
    """A table sink: whatever changes a day of it is a `Change`, which it makes in one step."""

    shredding: Shredding

    def replace(
        self, day: date, ranges: Sequence[Range], pages: Pages, ruling: Ruling = NONE_STAYS
    ) -> Written:
        """Replace exactly these start ranges of a day, in every table."""
        return self._change(day, Change(self.held(day), ranges, self.shredding, ruling), pages)

    def leave(self, day: date, ids: Collection[str], ranges: Sequence[Range] = ()) -> None:
        """Let these conversations leave a day, in every table."""
        held = merged(self.held(day), ranges)
        self._change(day, Change(held, [], self.shredding, Ruling(leaving=ids)), ())

    @abstractmethod
    def held(self, day: date) -> list[Range]:
        """What a day holds, in order."""

    @abstractmethod
    def _change(self, day: date, change: Change, pages: Pages) -> Written:
        """Make a change, whole or not at all."""


def _any_in(range_: Range, starts: Iterable[datetime]) -> bool:
    return any(start in range_.interval for start in starts)


def ids_of(tables: Tables) -> pa.ChunkedArray:
    """The ids of conversations that come, also in `broken`, if they say there when they start."""
    broken = tables["broken"]
    ids = broken.column(KEY).filter(pc.is_valid(broken.column(START)))
    chunks = [
        *tables[CONVERSATIONS].column(KEY).chunks,
        *ids.filter(pc.not_equal(ids, scalar("", pa.string()))).chunks,
    ]
    return pa.chunked_array(chunks, pa.string())


def within(starts: pa.ChunkedArray, interval: Interval) -> pa.ChunkedArray:
    """Which starts lie in an interval."""
    first, end = (scalar(each, ARROW["time"]) for each in (interval.start, interval.end))
    return pc.and_(pc.greater_equal(starts, first), pc.less(starts, end))


def fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A table with the columns of a schema; one that it does not have is null."""
    columns = [
        table.column(field.name).cast(field.type)
        if field.name in table.column_names
        else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def batched(
    tables: Iterable[Tables], schemas: Mapping[str, pa.Schema], size: int = BATCH
) -> Iterator[Tables]:
    """Tables of small pages put together to about `size` conversations, none of them left out."""

    def joined() -> Tables:
        whole = {
            name: pa.concat_tables(parts) if parts else empty(schemas[name])
            for name, parts in waiting.items()
        }
        for parts in waiting.values():
            parts.clear()
        return whole

    waiting: dict[str, list[pa.Table]] = {name: [] for name in schemas}
    conversations = 0
    for each in tables:
        for name, table in each.items():
            waiting[name].append(table)
        # Rows that come without their conversations are taken for a share of a batch.
        conversations += len(each.get(CONVERSATIONS, ())) or size // 4
        if conversations >= size:
            yield joined()
            conversations = 0
    if conversations:
        yield joined()


def map_ahead(work: Callable[[In], Out], items: Iterable[In]) -> Iterator[Out]:
    """`map(work, items)`, in order, where the next results are made while one is used."""
    pool = ThreadPoolExecutor(THREADS, "lastpage-shred")
    waiting: deque[Future[Out]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > WAITING_MAX:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
