"""`verify` with its answers: what a destination holds, the API's counts for it, and a second reading where one is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import cast

import pyarrow as pa

from lastpage.api.client import Client
from lastpage.api.organization import JobWatermark
from lastpage.coverage.ranges import Range
from lastpage.coverage.verification import Proof, pieces, prove
from lastpage.errors import UsageError
from lastpage.extraction.delivery import shredder_for, taken_up
from lastpage.files import Disk
from lastpage.planning.planner import Planner
from lastpage.progress import Meter
from lastpage.query.interval import Interval
from lastpage.query.query import Query
from lastpage.sinks.destination import Destination
from lastpage.sinks.sink import Identity, Tabular
from lastpage.tables.schema import KEY, TABLES
from lastpage.tables.selection import Selection
from lastpage.trace import tell


@dataclass(frozen=True, slots=True)
class Extract:
    """What a destination holds, and whose it is."""

    identity: Identity
    held: list[Range]

    @property
    def filters(self) -> dict[str, object]:
        filters: dict[str, object] = json.loads(self.identity.filters)
        return filters

    @property
    def selection(self) -> Selection:
        return taken_up(self.identity)

    def query(self) -> Query:
        span = Interval(self.held[0].interval.start, self.held[-1].interval.end)
        return Query(span, body=self.filters)


def opened(place: Destination, organization: Callable[[], str], disk: Disk) -> Extract:
    """Read what a destination holds; raises `UsageError` where there is nothing to verify, or it is another's.

    The API is asked for the `organization` once there is something to verify.
    """
    if not Path(place.text).exists():
        raise UsageError(f"nothing was fetched into {place.text} yet; there is nothing to verify")
    with place.held() as state, place.sink(state, disk) as sink:
        held = pieces(sink.committed())
        if sink.known is None or not held:
            raise UsageError(f"{place.text} holds nothing yet; there is nothing to verify")
        replace(sink.known, organization=organization()).check(sink.known, place.text)
        return Extract(sink.known, held)


def same_key(place: Destination, extract: Extract) -> None:
    """Raises `UsageError` where another key would make other hashes of the same texts."""
    key = shredder_for(extract.selection).key_print
    replace(extract.identity, key=key).check(extract.identity, place.text)


def proofs(extract: Extract, client: Client) -> list[Proof]:
    """Every piece against what the API counts now: one or two requests a day."""
    planning = Planner(extract.query(), client, JobWatermark(client), Meter(), "auto")
    found = [prove(each, planning.count(each.interval)) for each in extract.held]
    for proof in found:
        tell("proof", **asdict(proof))
    return found


def spans(days: Iterable[Interval]) -> list[Interval]:
    """Pieces of days joined where they touch: what is read again in one go."""
    joined: list[Interval] = []
    for piece in sorted(days):
        if joined and joined[-1].end == piece.start:
            piece = Interval(joined.pop().start, piece.end)  # noqa: PLW2901 - it grows
        joined.append(piece)
    return joined


def differing(
    ours: Destination, fresh: Destination, extract: Extract, disk: Disk
) -> dict[str, str]:
    """Of each day that is not what a second reading brought: the tables that differ, of those that do not follow from others."""
    found = {}
    with _tables(ours, extract, disk) as one, _tables(fresh, extract, disk) as other:
        for day in sorted({each.day for each in extract.held}):
            names = [name for name in extract.selection.schemas if name in TABLES]
            if tables := [
                name for name in names if not _same(_read(one, name, day), _read(other, name, day))
            ]:
                found[str(day)] = f"a second reading differs in {', '.join(tables)}"
    return found


@contextmanager
def _tables(place: Destination, extract: Extract, disk: Disk) -> Iterator[Tabular]:
    with place.held() as state, place.sink(state, disk) as sink:
        sink.claim(extract.identity, shredder_for(extract.selection))
        yield cast("Tabular", sink)


def _same(one: pa.Table | None, other: pa.Table | None) -> bool:
    if one is None or other is None:
        return not one and not other
    return bool(_sorted(one).equals(_sorted(other)))


def _read(sink: Tabular, table: str, day: date) -> pa.Table | None:
    parts = list(sink.read(table, day))
    return pa.concat_tables(parts) if parts else None


def _sorted(table: pa.Table) -> pa.Table:
    keys = [
        name for name in table.column_names if name == KEY or name.endswith("_no") or name == "name"
    ]
    return (
        table.replace_schema_metadata()
        .sort_by([(name, "ascending") for name in keys])
        .combine_chunks()
    )
