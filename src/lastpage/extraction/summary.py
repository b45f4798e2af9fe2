"""What a run did, and how far it can be trusted: its summary, and where the numbers come from.

conversations, oddities   the destination has them, whoever wrote them
coverage, finality        the worst of the slices' verdicts, and of what is held and was not read
holes                     the destination has not these hours, and others around them
requests, retries         the client counted them, from the run's beginning on
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import cast

import msgspec

from lastpage.api.client import Client
from lastpage.coverage.account import PATHS_MAX
from lastpage.coverage.ranges import Range
from lastpage.coverage.tally import Finality, Verdict
from lastpage.coverage.weighing import WORST, Coverage
from lastpage.query.interval import Interval
from lastpage.sinks.sink import LineSink, TableSink
from lastpage.tables import unknown
from lastpage.tables.moments import moments
from lastpage.tables.schema import CONVERSATIONS, START


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did, and how far it can be trusted; the command line's `--json`."""

    #: The worst of its slices, and of what was here already.
    coverage: Coverage
    #: `final` where all of these are.
    finality: Finality
    conversations: int
    #: Of the conversations that were read: those that were not there before, that are otherwise
    #: now, that have ended since, and that are as they were.
    new: int
    changed: int
    closed: int
    unchanged: int
    #: Of those that were there: those that start at another time by now, and those that are gone.
    moved: int
    removed: int
    slices: int
    pages: int
    requests: int
    retries: int
    duplicates: int
    #: Paths of fields that this version does not know.
    unknown_fields: list[str]
    #: Values of the interval that did not fit their columns; the table `oddities` has them.
    oddities: int
    seconds: float
    destination: str
    #: What was asked for, by the API's clock.
    interval: str
    #: What is not held of it, and between it and what is held next to it: intervals, in order.
    holes: list[str]
    #: Sentences for people, why it is not simply complete among them.
    notes: list[str]

    def json(self) -> str:
        """As a JSON object, with these names."""
        return msgspec.json.encode(self).decode()


@dataclass(frozen=True, slots=True)
class Baseline:
    """The client's clock and counts before a run: a client may have served other runs."""

    at: float
    requests: int
    retries: int

    @classmethod
    def of(cls, client: Client) -> Baseline:
        """As they are now."""
        return cls(client.clock.now(), client.counts.requests, client.counts.retries)


def odd_paths_in(sink: TableSink, intervals: Iterable[Interval]) -> Iterator[str]:
    """The paths of the odd values that a destination has of intervals.

    What it has, and not what this process wrote: so a run that was resumed tells of all of them.
    """
    for day, part in chain.from_iterable(each.days() for each in intervals):
        for table in sink.read("oddities", day):
            for start, path in zip(moments(table[START]), table["path"].to_pylist(), strict=True):
                if start and start in part:
                    yield path


def worst_of(found: Iterable[Verdict | Range]) -> Coverage:
    """The worst coverage of slices, and of what is held."""
    return cast(
        "Coverage", max((each.coverage for each in found), key=WORST.index, default="complete")
    )


def conversations_in(sink: TableSink | LineSink, held: Iterable[Range], interval: Interval) -> int:
    """How many conversations of an interval a destination has, which holds these ranges."""
    count = 0
    for each in held:
        clip = each.interval.clip(interval)
        if clip == each.interval:
            count += each.conversations
        elif clip and isinstance(sink, TableSink):
            tables = sink.read(CONVERSATIONS, each.day)
            starts = chain.from_iterable(moments(table[START]) for table in tables)
            count += sum(start is not None and start in clip for start in starts)
    return count


def unknown_fields(verdicts: Iterable[Verdict], note: Callable[[str], None]) -> list[str]:
    """Paths of fields that this version does not know, as far as samples show.

    If there are any, `note` is given a sentence about them.
    """
    paths = sorted({path for verdict in verdicts for path in verdict.unknown})[:PATHS_MAX]
    if paths:
        note(unknown.sentence(paths))
    return paths
