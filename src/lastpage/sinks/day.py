"""One change of a day, for every table sink: which rows come and go, what the day holds then.

    a row that is there                 stays unless
    of a conversation                   it started in a part that is written
    in `broken`, with a start           it started in a part that is written
    in `broken`, without a start        the same record has come again

A part of a new range is written unless something stronger is there (`coverage/ranges.py`). Tables
are made ahead of the writer, in threads, and small pages are put together to batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from lastpage.api.messages import Raw, read_head
from lastpage.coverage.ranges import Range, accepted, merged, minus
from lastpage.query.interval import Interval
from lastpage.sinks.sink import Pages, Unread, Written
from lastpage.tables.build import Shredder
from lastpage.tables.parse import ARROW, Tables
from lastpage.tables.schema import CONVERSATIONS, KEY, START

#: Conversations handed over at once: small enough for flat memory, large enough for scans.
BATCH = 3_000
#: Parsing lets other threads run; two keep two cores busy, and more would only hold more pages.
THREADS = 2
#: Results that wait for the writer.
WAITING_MAX = 2
In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(slots=True)
class Change:
    """New ranges of a day, held against those that are there."""

    before: Sequence[Range]
    ranges: Sequence[Range]
    shredder: Shredder
    #: The parts of the new ranges that are written.
    parts: list[Interval] = field(init=False)
    #: What the day holds afterwards; its counts are not taken yet.
    after: list[Range] = field(init=False)
    _unread: list[Unread] = field(default_factory=list)
    _without_start: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.parts = accepted(self.before, self.ranges)
        self.after = merged(self.before, self.ranges)

    def tables(self, pages: Pages) -> Iterator[Tables]:
        """The rows that come, every table of them, page by page."""
        for tables in map_ahead(self.shredder, map(self._chosen, pages)):
            for row in tables["broken"].to_pylist():
                if row[START] is None:
                    self._without_start.add(row["record"])
                self._unread.append(Unread(row[KEY], row[START], row["error"] or ""))
            yield tables

    def stays(self, starts: pa.ChunkedArray) -> pa.ChunkedArray:
        """Which conversations that are there stay, by their starts."""
        stays = pc.is_valid(starts)
        for part in self.parts:
            stays = pc.and_(stays, pc.invert(within(starts, part)))
        return stays

    def broken_stays(self, broken: pa.Table) -> pa.ChunkedArray:
        """Which records in `broken` stay; to be asked once all the rows have come."""
        came = pa.array(sorted(self._without_start), pa.string())
        came_again = pc.is_in(broken.column("record"), value_set=came)
        without_start = pc.is_null(broken.column(START))
        return pc.if_else(without_start, pc.invert(came_again), self.stays(broken.column(START)))

    def holds(self, counts: Sequence[int]) -> list[Range]:
        """What the day holds now, given the number of conversations in each range of `after`.

        A range that lacks a record which no table could take is neither complete nor final.
        """
        ranges = []
        for range_, count in zip(self.after, counts, strict=True):
            starts = (each.start for each in self._unread if each.start is not None)
            if range_.coverage == "complete" and any(each in range_.interval for each in starts):
                range_ = replace(range_, coverage="unproven", finality="provisional")  # noqa: PLW2901
            ranges.append(replace(range_, conversations=count))
        return ranges

    def written(self) -> Written:
        """What came of it; to be asked once all the rows have come."""
        unchanged = [part for each in self.ranges for part in minus(each.interval, self.parts)]
        return Written(self._unread, unchanged)

    def _chosen(self, page: Sequence[Raw]) -> Sequence[Raw]:
        """The records of a page that are written; mostly these are all, and none is looked at."""
        if not any(minus(each.interval, self.parts) for each in self.ranges):
            return page
        heads = (read_head(raw) for raw in page)
        return [
            raw
            for raw, head in zip(page, heads, strict=True)
            if head is None or any(head.start in part for part in self.parts)
        ]


def within(starts: pa.ChunkedArray, interval: Interval) -> pa.ChunkedArray:
    """Which starts lie in an interval."""
    first, end = (pa.scalar(each, ARROW["time"]) for each in (interval.start, interval.end))
    return pc.and_(pc.greater_equal(starts, first), pc.less(starts, end))


def batched(
    tables: Iterable[Tables], schemas: Mapping[str, pa.Schema], size: int = BATCH
) -> Iterator[Tables]:
    """Tables of small pages put together to about `size` conversations, none of them left out."""

    def joined() -> Tables:
        whole = {
            name: pa.concat_tables(parts) if parts else schemas[name].empty_table()
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
