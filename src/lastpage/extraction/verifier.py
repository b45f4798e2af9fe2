"""`verify`: what a destination holds, against what the API counts now, or against a second reading.

    open the destination ─▶ count each of its days ─▶ (content) read all again, compare the tables
                                                  └─▶ (repair) fetch the days that changed

The rule is in coverage/verification.py. A second reading compares the tables of the API's own
records. It does not compare the tables that are derived from these, nor names, which may change.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lastpage.api.client import Client
from lastpage.api.organization import JobWatermark
from lastpage.coverage.ranges import Range
from lastpage.coverage.verification import Proof, Verification, held_days, prove
from lastpage.errors import ForeignError, UsageError
from lastpage.files import Disk
from lastpage.planning.planner import Planner
from lastpage.progress import Meter
from lastpage.query.interval import Interval
from lastpage.query.query import Query
from lastpage.sinks.destination import Destination
from lastpage.sinks.sink import Identity, TableSink
from lastpage.tables.schema import KEY, TABLES
from lastpage.tables.selection import HASH_KEY, Selection
from lastpage.trace import log_event

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Extract:
    """What a destination holds, and whose it is."""

    identity: Identity
    held: list[Range]

    @property
    def filters(self) -> dict[str, Any]:
        """The filters that it was fetched with, as a query body has them."""
        filters: dict[str, Any] = json.loads(self.identity.filters)
        return filters

    @property
    def selection(self) -> Selection:
        """The tables and columns that it has."""
        return Selection.load(self.identity.selection)


@dataclass(frozen=True, slots=True)
class Verifier:
    """Verifies one destination. `fetch` is `Cloud.fetch`, which reads again."""

    destination: Destination
    client: Client
    disk: Disk
    organization: Callable[[], str]
    fetch: Callable[..., object]

    def verify(self, *, content: bool, repair: bool) -> Verification:
        """Count every day; with `content` read it again and compare; with `repair` fetch it again.

        Raises `UsageError` where there is nothing to verify, or it is another's, and as `fetch`.
        """
        extract = self._open()
        proofs = self._count(extract)
        if content:
            proofs = self._compare(extract, proofs)
        changed = [
            each.interval
            for each, proof in zip(extract.held, proofs, strict=True)
            if proof.needs_repair
        ]
        if not (repair and changed):
            return Verification(proofs, [])
        again = joined(changed)
        for interval in again:
            self.fetch(interval, self.destination.text, query=extract.filters)
        return Verification(self._count(self._open()), [str(interval) for interval in again])

    def _open(self) -> Extract:
        """Read what the destination holds; the API is asked whose it is once it holds anything."""
        text = self.destination.text
        if not Path(text).exists():
            raise UsageError(f"nothing was fetched into {text} yet; there is nothing to verify")
        try:
            with (
                self.destination.held() as state,
                self.destination.sink(state, self.disk) as sink,
            ):
                held = held_days(sink.committed())
                if sink.known is None or not held:
                    raise UsageError(f"{text} holds nothing yet; there is nothing to verify")
                ours = replace(sink.known, organization=self.organization())
                ours.check(sink.known, text, "set the variables of the client that fetched them")
                return Extract(sink.known, held)
        except ForeignError as problem:
            advice = "there is nothing to verify: give what fetch was given as --to"
            raise UsageError(f"{problem.what}; {advice}") from None

    def _count(self, extract: Extract) -> list[Proof]:
        """Every day against what the API counts now: one or two requests a day."""
        span = Interval(extract.held[0].interval.start, extract.held[-1].interval.end)
        query, watermark = Query(span, body=extract.filters), JobWatermark(self.client)
        planner = Planner(query, self.client, watermark, Meter(), "auto")
        proofs = [prove(each, planner.count(each.interval)) for each in extract.held]
        for proof in proofs:
            log_event("proof", **asdict(proof))
        return proofs

    def _compare(self, extract: Extract, proofs: Iterable[Proof]) -> list[Proof]:
        """The proofs after a second reading: a day whose tables differ has changed."""
        from lastpage.tables.build import Shredder  # noqa: PLC0415 - loads Arrow

        key = Shredder.from_env(extract.selection).key_print
        # Another key would make other hashes of the same texts.
        ours = replace(extract.identity, key=key)
        ours.check(extract.identity, self.destination.text, f"set the one that {HASH_KEY} had then")
        with tempfile.TemporaryDirectory(prefix="lastpage-") as folder:
            for interval in joined(each.interval for each in extract.held):
                columns = asdict(extract.selection)
                self.fetch(interval, folder, query=extract.filters, names=False, **columns)
            differ = self._differing(Destination.parse(folder), extract)
        return [
            replace(proof, state="changed", why=f"a second reading differs in {differ[proof.day]}")
            if proof.day in differ
            else proof
            for proof in proofs
        ]

    def _differing(self, second: Destination, extract: Extract) -> dict[str, str]:
        """The tables that differ, by day."""
        names = [name for name in extract.selection.schemas if name in TABLES]
        differ = {}
        with self._tables(self.destination, extract) as ours, self._tables(second, extract) as new:
            for day in sorted({each.day for each in extract.held}):
                if found := [name for name in names if not _same(ours, new, name, day)]:
                    differ[str(day)] = ", ".join(found)
        return differ

    @contextmanager
    def _tables(self, destination: Destination, extract: Extract) -> Iterator[TableSink]:
        from lastpage.tables.build import Shredder  # noqa: PLC0415 - loads Arrow

        with destination.held() as state, destination.sink(state, self.disk) as sink:
            assert isinstance(sink, TableSink), "lines are not compared"
            sink.claim(extract.identity, Shredder.from_env(extract.selection))
            yield sink


def joined(intervals: Iterable[Interval]) -> list[Interval]:
    """Intervals joined where they touch: what is read again in one go."""
    found: list[Interval] = []
    for interval in sorted(intervals):
        if found and found[-1].end == interval.start:
            found[-1] = Interval(found[-1].start, interval.end)
        else:
            found.append(interval)
    return found


def _same(one: TableSink, other: TableSink, name: str, day: date) -> bool:
    """Whether both have the same rows of a table and day, in whatever order."""
    first, second = _sorted(one, name, day), _sorted(other, name, day)
    if first is None or second is None:
        return not first and not second
    return bool(first.equals(second))


def _sorted(sink: TableSink, name: str, day: date) -> pa.Table | None:
    import pyarrow as pa  # noqa: PLC0415 - only a second reading needs it

    parts = list(sink.read(name, day))
    if not parts:
        return None
    table = pa.concat_tables(parts).replace_schema_metadata()
    keys = [each for each in table.column_names if each in (KEY, "name") or each.endswith("_no")]
    return table.sort_by([(key, "ascending") for key in keys]).combine_chunks()
