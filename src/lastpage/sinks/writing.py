"""A day's tables as files: the rows that come and those that stay, written by threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, Self

import pyarrow as pa
import pyarrow.compute as pc

from lastpage.sinks.day import THREADS, Change, Count, batched
from lastpage.sinks.sink import Pages
from lastpage.tables.parse import Tables
from lastpage.tables.schema import CONVERSATIONS, KEY


class Writer(Protocol):
    """A file that is being written; leaving the block closes it."""

    def write(self, table: pa.Table) -> None:
        """Add the rows of a table."""

    def end(self) -> None:
        """Write what is held back: no row comes after that."""

    def describe(self, facts: dict[str, Any]) -> None:
        """Record what the file's day holds, with the file or beside it, once it has ended."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *problem: object) -> None: ...


def rows_of(
    change: Change,
    pages: Pages,
    names: Iterable[str],
    read: Callable[[str], Iterator[pa.Table]],
) -> Iterator[Tables]:
    """The rows that come; then the conversations that stay, what belongs to them, `broken`.

    `read` gives what the day has of a table.
    """
    yield from change.tables(pages)
    if not change.before:
        return
    gone: list[pa.Array] = []
    for batch in read(CONVERSATIONS):
        stays = change.stays(batch)
        gone.append(batch.filter(pc.invert(stays)).column(KEY).combine_chunks())
        yield {CONVERSATIONS: batch.filter(stays)}
    leaving = pa.chunked_array(gone, pa.string())
    for name in names:
        if name not in (CONVERSATIONS, "broken"):
            for batch in read(name):
                leaves = pc.is_in(batch.column(KEY), value_set=leaving)
                yield {name: batch.filter(pc.invert(leaves))}
    for batch in read("broken"):
        yield {"broken": batch.filter(change.broken_stays(batch))}


def write_rows(
    writers: Mapping[str, Writer],
    rows: Iterable[Tables],
    schemas: Mapping[str, pa.Schema],
    change: Change,
    counts: Sequence[Count],
) -> Counter[str]:
    """Write rows, a file a table, and count them; `counts` are those of the ranges held then."""
    found = Counter[str]()
    with ThreadPoolExecutor(THREADS, "lastpage-write") as threads:
        for tables in batched(rows, schemas):
            filled = {name: table for name, table in tables.items() if len(table)}
            found.update({name: len(table) for name, table in filled.items()})
            written = [threads.submit(writers[name].write, filled[name]) for name in filled]
            for each in written:
                each.result()
            for count, range_ in zip(counts, change.after, strict=True):
                count.add(tables[CONVERSATIONS], range_.interval)
        for each in [threads.submit(writer.end) for writer in writers.values()]:
            each.result()
    return found
