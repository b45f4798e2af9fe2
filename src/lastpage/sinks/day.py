"""One change of a day: which rows come, which go, and what the day holds afterwards. The same for every sink that has tables."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from lastpage.api.messages import Raw, read_head
from lastpage.coverage.ranges import Range, accepted, merged, minus
from lastpage.query.interval import Interval
from lastpage.sinks.sink import Pages, Unread
from lastpage.tables.build import Shredder
from lastpage.tables.parse import ARROW, Tables

START = "conversation_start"
#: Conversations handed over at once: small enough for flat memory, large enough for scans.
BATCH = 3_000


@dataclass(slots=True)
class Change:
    """New ranges of a day, held against those that are there."""

    before: Sequence[Range]
    ranges: Sequence[Range]
    shredder: Shredder
    #: The parts of the new ranges that are to be written; elsewhere something stronger stays.
    taken: list[Interval] = field(init=False)
    after: list[Range] = field(init=False)
    #: What the tables could not take among the rows that came.
    unread: list[Unread] = field(default_factory=list)
    _nobodys: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.taken = accepted(self.before, self.ranges)
        self.after = merged(self.before, self.ranges)

    def tables(self, pages: Pages) -> Iterator[Tables]:
        """The rows that come, every table of them, page by page."""
        for tables in ahead(self.shredder, map(self._chosen, pages)):
            self._note(tables["broken"])
            yield tables

    def stays(self, starts: pa.ChunkedArray) -> pa.ChunkedArray:
        """Of rows that are there, by their starts: which stay."""
        return outside(starts, self.taken)

    def stays_broken(self, broken: pa.Table) -> pa.ChunkedArray:
        """The same for records that could not be read; ask once the new rows were taken.

        One that does not even say when it started goes when the same record has come again.
        """
        again = pc.is_in(broken.column("record"), value_set=pa.array(sorted(self._nobodys), pa.string()))
        nobodys = pc.is_null(broken.column(START))
        return pc.if_else(nobodys, pc.invert(again), self.stays(broken.column(START)))

    def counted(self, counts: Sequence[int]) -> list[Range]:
        """What the day holds now, with the conversations that were counted in each range; none is whole that could not be read."""
        return [
            replace(self._proved(version), conversations=count)
            for version, count in zip(self.after, counts, strict=True)
        ]

    def _proved(self, version: Range) -> Range:
        lacking = any(each.start is not None and each.start in version.interval for each in self.unread)
        if not lacking or version.coverage != "complete":
            return version
        return replace(version, coverage="unproven", finality="provisional")

    def _note(self, broken: pa.Table) -> None:
        for row in broken.to_pylist():
            if row[START] is None:
                self._nobodys.add(row["record"])
            self.unread.append(Unread(row["conversation_id"], row[START], row["error"] or ""))

    def _chosen(self, page: Sequence[Raw]) -> Sequence[Raw]:
        """The records whose range is to be written: all, unless something stronger is there."""
        if all(not minus(version.interval, self.taken) for version in self.ranges):
            return page
        heads = (read_head(raw) for raw in page)
        return [
            raw
            for raw, head in zip(page, heads, strict=True)
            if head is None or any(head.start in part for part in self.taken)
        ]


def outside(starts: pa.ChunkedArray, parts: Sequence[Interval]) -> pa.ChunkedArray:
    """Which starts lie in none of these parts."""
    found = pc.is_valid(starts)
    for part in parts:
        inside = pc.and_(pc.greater_equal(starts, _scalar(part.start)), pc.less(starts, _scalar(part.end)))
        found = pc.and_(found, pc.invert(inside))
    return found


def batched(tables: Iterable[Tables], schemas: Mapping[str, pa.Schema], size: int = BATCH) -> Iterator[Tables]:
    """Tables of small pages put together to about `size` conversations, none of them left out."""
    waiting: dict[str, list[pa.Table]] = {name: [] for name in schemas}
    conversations = 0
    for each in tables:
        for name, table in each.items():
            waiting[name].append(table)
        # Rows that belong to no conversation here are taken for a share of one.
        conversations += len(each.get("conversations", ())) or size // 4
        if conversations >= size:
            yield _joined(waiting, schemas)
            conversations = 0
    if conversations:
        yield _joined(waiting, schemas)


def _joined(waiting: dict[str, list[pa.Table]], schemas: Mapping[str, pa.Schema]) -> Tables:
    joined = {
        name: pa.concat_tables(tables) if tables else schemas[name].empty_table() for name, tables in waiting.items()
    }
    for tables in waiting.values():
        tables.clear()
    return joined


def _scalar(moment: datetime) -> pa.Scalar:
    return pa.scalar(moment, ARROW["time"])


# PART sinks.ahead
# Work done ahead of who asks for it, in a few threads, handed over in order; a few results wait at most.


In = TypeVar("In")
Out = TypeVar("Out")
#: Parsing lets other threads run; two keep two cores busy, and more would only hold more pages.
THREADS = 2
WAITING_MAX = 2


def ahead(work: Callable[[In], Out], items: Iterable[In]) -> Iterator[Out]:
    """`map(work, items)`, where the next results are worked out while one is used."""
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
