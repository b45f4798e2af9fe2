"""What a reading found to be otherwise than it was held, conversation by conversation.

    it came, and of it is held        is
    --------------------------------  ---------
    nothing on that day               new
    the very same record              unchanged
    a record without an end, and it   closed
    has one now
    another record, or one that an    changed
    older version wrote

    a day of which                                                  is
    --------------------------------------------------------------  ------------------------------
    all that came is unchanged, all that is there came, and each     the same: what it records of
    of its hours takes the place of an older version of them         its hours is renewed, no more
    anything else came, or did not come                             written

Records are compared by their digests (`conversations.record_digest`). Memory: the ids of a day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain
from typing import TYPE_CHECKING, Literal

from lastpage.api.records import Head, Raw, read_head
from lastpage.coverage.ranges import Range, accepted, added, outcome
from lastpage.extraction.rows import Group
from lastpage.ledger.ids import digest
from lastpage.sinks.sink import TableReader
from lastpage.tables.moments import moments
from lastpage.tables.schema import CONVERSATIONS, DIGEST, END, KEY, START

if TYPE_CHECKING:  # it loads Arrow, which lines do without
    from lastpage.tables.build import Shredder

Kind = Literal["new", "changed", "closed", "unchanged"]


@dataclass(slots=True)
class Differences:
    """How many conversations were found to be otherwise than they were held."""

    new: int = 0
    changed: int = 0
    closed: int = 0
    unchanged: int = 0
    moved: int = 0
    removed: int = 0

    def add(self, kinds: Counter[Kind]) -> None:
        """Count what came of a day."""
        self.new += kinds["new"]
        self.changed += kinds["changed"]
        self.closed += kinds["closed"]
        self.unchanged += kinds["unchanged"]


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of a day, held against what the day has."""

    counts: Counter[Kind]
    is_same: bool
    #: What some of the conversations are that came, by digests of their ids, and the rest.
    kinds: Mapping[bytes, Kind] = field(default_factory=dict)
    rest: Kind = "unchanged"

    def kind(self, text: str) -> Kind:
        """What a conversation that came is."""
        return self.kinds.get(digest(text), self.rest)


@dataclass(frozen=True, slots=True)
class _Held:
    """What is held of a conversation."""

    start: datetime
    is_open: bool
    digest: int | None


def compared(
    sink: TableReader, shredder: Shredder, group: Group, day: date, held: Sequence[Range]
) -> Compared:
    """What a group brings of a day, held against what a sink has of it, which holds these ranges.

    Raises `DamagedError` where that cannot be read.
    """
    ranges = group.ranges(day)
    parts, only_added = accepted(held, ranges), added(held, ranges)
    if not any(each.interval.clip(part) for each in held for part in parts):
        came = sum(each.conversations for each in ranges)
        return Compared(Counter({"new": came}), is_same=bool(held) and not came, rest="new")
    there = dict(_rows(sink, day))
    counts, kinds, is_readable = Counter[Kind](), dict[bytes, Kind](), True
    for raw in chain.from_iterable(group.pages(day)):
        head = read_head(raw)
        if head is None:
            is_readable = False
        elif any(head.start in part for part in parts):
            name = digest(head.id)
            kind = _kind(there.get(name), head, raw, shredder)
            if kind != "new" and any(head.start in part for part in only_added):
                kind = "unchanged"  # what is there stays
            counts[kind] += 1
            if kind != "unchanged":
                kinds[name] = kind
    replaced = sum(any(row.start in part for part in parts) for row in there.values())
    is_same = (
        is_readable
        and not kinds
        and counts["unchanged"] == replaced
        and all(outcome(old, new) == "new" for old, new in _overlapping(held, ranges))
    )
    return Compared(counts, is_same, kinds)


def _kind(there: _Held | None, head: Head, raw: Raw, shredder: Shredder) -> Kind:
    """The first table at the top of this file."""
    if there is None:
        return "new"
    if shredder.is_digest(there.digest, raw):
        return "unchanged"
    return "closed" if there.is_open and head.end is not None else "changed"


def _rows(sink: TableReader, day: date) -> Iterator[tuple[bytes, _Held]]:
    """The conversations that a day has, by digests of their ids."""
    for table in sink.read(CONVERSATIONS, day):
        ids, digests = (table.column(name).to_pylist() for name in (KEY, DIGEST))
        starts = moments(table.column(START))
        ends = moments(table.column(END)) if END in table.column_names else starts
        for text, start, end, known in zip(ids, starts, ends, digests, strict=True):
            if start is not None:
                yield digest(text), _Held(start, end is None, known)


def _overlapping(held: Sequence[Range], new: Sequence[Range]) -> Iterator[tuple[Range, Range]]:
    return ((one, two) for one in held for two in new if one.interval.clip(two.interval))
