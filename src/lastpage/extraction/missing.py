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

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from lastpage.api.records import read_head
from lastpage.coverage.ranges import Range, accepted, added, fresher
from lastpage.errors import DamagedError
from lastpage.extraction.rows import Group
from lastpage.ledger.ids import digest
from lastpage.ledger.records import Run
from lastpage.query.interval import Interval
from lastpage.sinks.sink import TableReader
from lastpage.tables.schema import CONVERSATIONS, KEY, START

#: The starts of conversations, by their ids.
Starts = dict[str, datetime]


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
    run: Run,
    group: Group,
    day: date,
    held: Sequence[Range],
    remembered: Collection[str],
) -> Missing:
    """Hold what the day has against what a group brings of it.

    `held` is what counts of what the day holds; `remembered` are ids that did not come before.
    """
    found = Missing()
    ranges = group.ranges(day)
    written, added_to = accepted(held, ranges), added(held, ranges)
    older = fresher(held, ranges)
    came = coming(run, group, day)
    try:
        for name, text, start in rows_of(sink, day):
            found.rows[name] += 1
            comes = digest(text) in came
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
            columns = (table.column(each).to_pylist() for each in (KEY, START))
            for text, start in zip(*columns, strict=True):
                if text and start:
                    yield name, text, start


def coming(run: Run, group: Group, day: date) -> frozenset[bytes]:
    """Digests of the conversations that a group brings of a day.

    What a slice of several days owns does not say on which day it starts, so its pages are read.
    """
    came = set[bytes]()
    for rows in group.rows:
        for own, part in rows.interval.days():
            if own == day and part == rows.interval:
                came.update(rows.ledger.owned(run, rows.planned.slice.number))
            elif own == day:
                heads = (read_head(raw) for page in rows.of(part) for raw in page)
                came.update(digest(head.id) for head in heads if head)
    return frozenset(came)


def _is_in(parts: Sequence[Interval], start: datetime) -> bool:
    return any(start in part for part in parts)
