"""`verify`: what a destination holds, against what the API counts now, or against a second reading.

    look at it ─▶ count each of its days ─▶ (content) read all again, compare the tables
                                        ─▶ look at it again: what another run wrote meanwhile
                                        ─▶ (repair) fetch again what is not as counted

It only looks, except for a repair: it writes nothing, takes no lock, and another run may write
meanwhile. A change of a day is seen where it is under way at one of the two looks, or where what
the day records is not the same at both; of such a day nothing is said.

The rule is in coverage/verification.py, how a day is counted in counting.py. A second reading
compares the tables of the API's own records. It does not compare the tables that are derived from
these, nor names, which may change.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from itertools import chain
from typing import TYPE_CHECKING, Any

from lastpage.api.client import Client
from lastpage.api.organization import JobWatermark
from lastpage.api.records import Raw, decode_record
from lastpage.coverage.verification import (
    HeldDay,
    Proof,
    Verification,
    compared,
    held_days,
    holes,
    in_writing,
)
from lastpage.errors import ForeignError, UsageError
from lastpage.extraction.counting import Counting
from lastpage.extraction.summary import Summary
from lastpage.files import Disk
from lastpage.planning.planner import Planner
from lastpage.progress import Meter
from lastpage.query.interval import Interval
from lastpage.query.query import Query
from lastpage.sinks.destination import Destination
from lastpage.sinks.sink import Identity, Sink, TableReader
from lastpage.tables.moments import moments
from lastpage.tables.schema import CONVERSATIONS, DIGEST, KEY, RECORD, START, TABLES
from lastpage.tables.selection import HASH_KEY, Selection
from lastpage.trace import log_event

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Extract:
    """What a destination holds, and whose it is."""

    identity: Identity
    held: list[HeldDay]
    #: The days that were being changed when it was looked at.
    changing: frozenset[date] = frozenset()

    @property
    def span(self) -> Interval:
        """From the first moment that is held to the last."""
        return Interval(self.held[0].hull.interval.start, self.held[-1].hull.interval.end)

    @property
    def filters(self) -> dict[str, Any]:
        """The filters that it was fetched with, as a query body has them."""
        filters: dict[str, Any] = json.loads(self.identity.filters)
        return filters

    @property
    def selection(self) -> Selection:
        """The tables and columns that it has."""
        return Selection.load(self.identity.selection)

    def written_until(self, later: Extract) -> set[date]:
        """The days of it that another run wrote, wholly or in part, until it was looked at again.

        Days that came meanwhile are none of it.
        """
        then = {day.day: day.ranges for day in later.held}
        written = {day.day for day in self.held if then.get(day.day) != day.ranges}
        return written | self.changing | later.changing


@dataclass(frozen=True, slots=True)
class Verifier:
    """Verifies one destination. `fetch` is `Cloud.fetch`, which reads again."""

    destination: Destination
    client: Client
    disk: Disk
    organization: Callable[[], str]
    fetch: Callable[..., Summary]

    def verify(self, *, content: bool, repair: bool) -> Verification:
        """Count every day; with `content` read it again and compare; with `repair` fetch it again.

        Raises `UsageError` where there is nothing to verify, or it is another's, and as `fetch`.
        """
        extract = self._look(content=content)
        if repair:
            self._settle()
            extract = self._look(content=content)
        found = self._prove(extract, content=content)
        again = intervals(extract, found.changed)
        if not (repair and again):
            return found
        notes: list[str] = []
        for interval in again:
            summary = self.fetch(interval, self.destination, query=extract.filters, refresh=True)
            notes += summary.notes
        repaired = [str(interval) for interval in again]
        again_proved = self._prove(self._look(content=content), content=False)
        return replace(again_proved, repaired=repaired, notes=notes)

    def _look(self, *, content: bool = False) -> Extract:
        """Read what the destination holds; the API is asked whose it is once it holds anything.

        With `content`, whether every row can be read.

        A DuckDB file cannot be written to while it is looked at, so nothing else is done meanwhile.
        """
        text = self.destination.text
        if not self.destination.is_there:
            raise UsageError(f"nothing was fetched into {text} yet; there is nothing to verify")
        try:
            with self.destination.look() as sink:
                extract = _extract(sink, content=content)
        except ForeignError as problem:
            advice = "there is nothing to verify: give what fetch was given as --to"
            raise UsageError(f"{problem.what}; {advice}") from None
        if extract is None:
            raise UsageError(f"{text} holds nothing yet; there is nothing to verify")
        ours = replace(extract.identity, organization=self.organization())
        ours.check(extract.identity, text, "set the variables of the client that fetched them")
        return extract

    def _settle(self) -> None:
        """Finish what a crash left; a run that writes is met here, before anything is counted."""
        with self.destination.held() as state, self.destination.sink(state, self.disk):
            pass

    def _prove(self, extract: Extract, *, content: bool) -> Verification:
        """Every day and every hole, as the API counts now: one or two requests a day."""
        query, watermark = Query(extract.span, body=extract.filters), JobWatermark(self.client)
        planner = Planner(query, self.client, watermark, Meter(), "auto")
        counting = Counting.since(extract.span.start, planner)
        proofs = [counting.prove(day) for day in extract.held]
        if content:
            proofs = self._compare(extract, proofs)
        now = self._look()
        proofs = in_writing(extract.written_until(now), proofs)
        found = [each for hole in holes(now.held) for each in counting.count_hole(hole)]
        for proof in proofs:
            log_event("proof", **asdict(proof))
        for each in found:
            log_event("hole", **asdict(each))
        return Verification(proofs, [], found)

    def _compare(self, extract: Extract, proofs: Iterable[Proof]) -> list[Proof]:
        """The proofs after a second reading of what the organisation still keeps."""
        from lastpage.tables.build import Shredder  # noqa: PLC0415 - loads Arrow

        key = Shredder.from_env(extract.selection).key_print
        # Another key would make other hashes of the same texts.
        ours = replace(extract.identity, key=key)
        ours.check(extract.identity, self.destination.text, f"set the one that {HASH_KEY} had then")
        with tempfile.TemporaryDirectory(prefix="lastpage-") as folder:
            for interval in intervals(
                extract, [each for each in proofs if each.state not in ("kept", "damaged")]
            ):
                asked = {"query": extract.filters, "names": False, **asdict(extract.selection)}
                if not self.destination.has_tables:
                    asked["format"] = "jsonl"
                if extract.selection.tables:
                    # By job, however small it is: who asks for this table by name needs one.
                    asked["tables"] = (*extract.selection.tables, "broken")
                self.fetch(interval, folder, **asked)
            return self._compared(Destination.parse(folder), extract, proofs)

    def _compared(
        self, second: Destination, extract: Extract, proofs: Iterable[Proof]
    ) -> list[Proof]:
        """The proofs, held against what a second reading brought into another destination."""
        names = [name for name in extract.selection.schemas if name in TABLES]
        with _tables(self.destination) as ours, _tables(second) as new:
            read = {str(each.day): each for each in held_days(new.committed())}
            return [
                compared(proof, _differing(ours, new, names, day), day.hull.coverage)
                if (day := read.get(proof.day))
                else proof
                for proof in proofs
            ]


def intervals(extract: Extract, proofs: Iterable[Proof]) -> list[Interval]:
    """What is held of these days, joined where it touches: what is read again in one go.

    Of a damaged day that is all of it, with its holes: it is written anew, or not at all.
    """
    days = {proof.day: proof for proof in proofs}
    held = (
        [day.hull] if days[str(day.day)].state == "damaged" else day.ranges
        for day in extract.held
        if str(day.day) in days
    )
    found: list[Interval] = []
    for interval in (each.interval for each in chain.from_iterable(held)):
        if found and found[-1].end == interval.start:
            found[-1] = Interval(found[-1].start, interval.end)
        else:
            found.append(interval)
    return found


def _extract(sink: Sink, *, content: bool) -> Extract | None:
    """What a sink holds; None where that is nothing.

    What the days record is read before what is being changed, and rows come last: so no change is
    missed.
    """
    held = held_days(sink.committed())
    if sink.known is None or not held:
        return None
    if not isinstance(sink, TableReader):
        return Extract(sink.known, held)
    changing = frozenset(sink.changing())
    held = [replace(day, damage=sink.damage(day.day, content=content)) for day in held]
    held = [
        day if day.hull.coverage == "complete" or day.damage else _with_unread(sink, day)
        for day in held
    ]
    return Extract(sink.known, held, changing)


@contextmanager
def _tables(destination: Destination) -> Iterator[TableReader]:
    with destination.look() as sink:
        assert isinstance(sink, TableReader), "lines are not compared"
        yield sink


def _with_unread(sink: TableReader, day: HeldDay) -> HeldDay:
    """With the number of its records in `broken`."""
    parts = sink.read("broken", day.day)
    starts = chain.from_iterable(moments(part.column(START)) for part in parts)
    unread = sum(
        start is None or any(start in each.interval for each in day.ranges) for start in starts
    )
    return replace(day, unread=unread)


def _differing(one: TableReader, other: TableReader, names: Iterable[str], day: HeldDay) -> str:
    """The tables that differ."""
    return ", ".join(name for name in names if not _same(one, other, name, day.day))


def _same(one: TableReader, other: TableReader, name: str, day: date) -> bool:
    """Whether both have the same rows of a table and day, in whatever order."""
    first, second = _sorted(one, name, day), _sorted(other, name, day)
    if first is None or second is None:
        return not first and not second
    return bool(first.equals(second))


def _sorted(sink: TableReader, name: str, day: date) -> pa.Table | None:
    import pyarrow as pa  # noqa: PLC0415 - only a second reading needs it

    from lastpage.tables.values import array  # noqa: PLC0415 - the same

    parts = list(sink.read(name, day))
    if not parts:
        return None
    table = pa.concat_tables(parts).replace_schema_metadata()
    if name == CONVERSATIONS:
        # It tells of the order of a record's fields, too, which means nothing; as a line does.
        table = table.drop_columns([DIGEST])
        if RECORD in table.column_names:
            lines = array(map(_ordered, table[RECORD].to_pylist()), pa.string())
            table = table.drop_columns([RECORD]).append_column(RECORD, lines)
    keys = [each for each in table.column_names if each in (KEY, "name") or each.endswith("_no")]
    return table.sort_by([(key, "ascending") for key in keys]).combine_chunks()


def _ordered(line: bytes) -> str:
    """A record with its fields in order."""
    return json.dumps(decode_record(Raw(line)), sort_keys=True)
