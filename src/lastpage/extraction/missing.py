"""What a day of a destination has, held against what comes of it.

    a row that is there, and                           is
    -------------------------------------------------  ------------------------------------------
    does not come, in hours that are written           missing: coverage/replacement.py rules on it
    lies in hours to which rows are only added         untouched: it stays, whether it comes or not
    comes, and lies in hours that are not written and  the same: its start moved since, and what
    are fresher than what comes                        comes is older
    anything else                                      none of the two

Memory: the digests of what comes of one day, and the ids of what does not.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

from lastpage.api.records import read_head
from lastpage.coverage.ranges import Range, accepted, added, fresher
from lastpage.errors import DamagedError
from lastpage.extraction.rows import Group, Rows
from lastpage.ledger.ids import Digests, digest
from lastpage.ledger.records import Planned, Run
from lastpage.query.interval import Interval
from lastpage.sinks.sink import TableReader
from lastpage.tables.moments import moments
from lastpage.tables.schema import CONVERSATIONS, KEY, START

#: The starts of conversations, by their ids.
Starts = dict[str, datetime]


@dataclass(frozen=True)
class Coming:
    """What a group of a run brings of a day."""

    run: Run
    group: Group
    day: date

    @cached_property
    def ids(self) -> frozenset[bytes]:
        """Digests of the conversations.

        What a slice of several days owns does not say on which day it starts, so its pages are
        read.
        """
        came = set[bytes]()
        for rows, part in self._parts:
            if part == rows.interval:
                came.update(self._owned(rows.planned))
            else:
                heads = (read_head(raw) for page in rows.of(part) for raw in page)
                came.update(digest(head.id) for head in heads if head)
        return frozenset(came)

    def twice(self) -> set[bytes]:
        """Digests of what several slices brought: the start moved between their readings."""
        seen, again = set[bytes](), set[bytes]()
        for rows, _ in self._parts if len(self._parts) > 1 else ():
            own = set(self._owned(rows.planned))
            again |= seen & own
            seen |= own
        return again

    def starts(self, wanted: Collection[bytes]) -> dict[str, list[datetime]]:
        """When the conversations of these digests start, as they come; mostly none is wanted."""
        found = defaultdict[str, list[datetime]](list)
        for page in self.group.pages(self.day) if wanted else ():
            for head in map(read_head, page):
                if head and digest(head.id) in wanted:
                    found[head.id].append(head.start)
        return found

    def written(self, day: date) -> list[Planned]:
        """The slices of another day that this run has written by now."""
        rows = self.group.rows
        found = [each.planned for each in rows if day in each.days and day < self.day]
        committed = rows[0].ledger.written(day)
        return found + [planned for run, planned in committed if run == self.run.id]

    def shares(self, others: Iterable[Planned]) -> bool:
        """Whether other slices brought some of it, too."""
        own = {rows.planned.slice.number for rows, _ in self._parts}
        others = [planned for planned in others if planned.slice.number not in own]
        return any(not self.ids.isdisjoint(self._owned(planned)) for planned in others)

    def _owned(self, planned: Planned) -> Digests:
        return self.group.rows[0].ledger.owned(self.run, planned.slice.number)

    @cached_property
    def _parts(self) -> list[tuple[Rows, Interval]]:
        return [
            (rows, part)
            for rows in self.group.rows
            for own, part in rows.interval.days()
            if own == self.day
        ]


@dataclass(slots=True)
class Missing:
    """What a day of a destination has and did not come again."""

    #: How many conversations the day has, and how many are in `broken`, by their table.
    rows: Counter[str] = field(default_factory=Counter)
    #: Those that did not come, in the hours that are written.
    starts: Starts = field(default_factory=dict)
    #: Those of the remembered ones that did not come.
    remembered: set[str] = field(default_factory=set)
    #: Those that are not replaced, whether they come or not.
    untouched: Starts = field(default_factory=dict)
    #: Whether some rows cannot be read.
    is_cut: bool = False


def missing(
    sink: TableReader,
    coming: Coming,
    held: Sequence[Range],
    remembered: Collection[str],
) -> Missing:
    """Hold what a day has against what comes of it.

    `held` is what counts of what the day holds; `remembered` are ids that did not come before.
    """
    found = Missing()
    ranges = coming.group.ranges(coming.day)
    written, added_to = accepted(held, ranges), added(held, ranges)
    older = fresher(held, ranges)
    try:
        for name, text, start in rows_of(sink, coming.day):
            found.rows[name] += 1
            comes = digest(text) in coming.ids
            if _is_in(added_to, start) or (comes and _is_in(older, start)):
                found.untouched[text] = start
            elif not comes and _is_in(written, start):
                found.starts[text] = start
            if not comes and text in remembered:
                found.remembered.add(text)
    except DamagedError:
        # What cannot be read is there no more; how many there were is recorded.
        found.is_cut = True
    return found


def rows_of(sink: TableReader, day: date) -> Iterator[tuple[str, str, datetime]]:
    """What a destination has of a day: each row's table, its conversation and its start.

    In `broken` some say neither, and in a damaged file any row may lack them.
    """
    for name in (CONVERSATIONS, "broken"):
        for table in sink.read(name, day):
            ids, starts = table.column(KEY).to_pylist(), moments(table.column(START))
            for text, start in zip(ids, starts, strict=True):
                if text and start:
                    yield name, text, start


def _is_in(parts: Sequence[Interval], start: datetime) -> bool:
    return any(start in part for part in parts)
