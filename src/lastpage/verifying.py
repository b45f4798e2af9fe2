"""`verify` with its answers: what a destination holds, the API's counts for it, and a second reading where one is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lastpage.destination import Destination
from lastpage.errors import UsageError
from lastpage.fetch.client import Client
from lastpage.fetch.lake import Lake
from lastpage.files import Disk
from lastpage.interval import Interval
from lastpage.ledger import Ledger
from lastpage.meter import Meter
from lastpage.planning import Planning
from lastpage.query import Query
from lastpage.sinks.sink import Identity
from lastpage.tables.schema import TABLES
from lastpage.verify import Held, Proof, pieces, prove

KEYS = "conversation_id"


@dataclass(frozen=True, slots=True)
class Extract:
    """What a destination holds, and for which filters."""

    filters: dict[str, object]
    held: list[Held]

    def query(self) -> Query:
        span = Interval(self.held[0].interval.start, self.held[-1].interval.end)
        return Query(span, body=self.filters)


def opened(place: Destination, organization: str, disk: Disk) -> Extract:
    """Read what a destination holds; raises `UsageError` where there is nothing to verify, or it is another's."""
    if place.state is None or not place.state.exists():
        raise UsageError(f"nothing was fetched into {place.text} yet; there is nothing to verify")
    with place.held() as state, closing(Ledger(state, disk.seam)) as ledger:
        filters = ledger.identity().get("filters", "{}")
        ledger.identify(organization=organization, filters=filters)
        with place.sink(Identity(organization, filters), disk) as sink:
            held = pieces(sink.committed())
    if not held:
        raise UsageError(f"{place.text} holds nothing yet; there is nothing to verify")
    return Extract(json.loads(filters), held)


def proofs(extract: Extract, client: Client) -> list[Proof]:
    """Every piece against what the API counts now: one or two requests a day."""
    planning = Planning(extract.query(), client, Lake(client), Meter(), "auto")
    return [prove(each, planning.count(each.interval)) for each in extract.held]


def spans(days: Iterable[Interval]) -> list[Interval]:
    """Pieces of days joined where they touch: what is read again in one go."""
    joined: list[Interval] = []
    for piece in sorted(days):
        if joined and joined[-1].end == piece.start:
            piece = Interval(joined.pop().start, piece.end)  # noqa: PLW2901 - it grows
        joined.append(piece)
    return joined


def differing(ours: Path, fresh: Path, held: Iterable[Held]) -> dict[str, str]:
    """Of each day of a folder that is not what a second reading brought: the tables that differ."""
    found = {}
    for day in sorted({str(each.day) for each in held}):
        tables = [name for name in TABLES if not _same(ours / name / f"day={day}", fresh / name / f"day={day}")]
        if tables:
            found[day] = f"a second reading differs in {', '.join(tables)}"
    return found


def _same(one: Path, other: Path) -> bool:
    first, second = (_read(folder) for folder in (one, other))
    if first is None or second is None:
        return first is second
    shared = [name for name in first.column_names if name in second.column_names]
    return bool(_sorted(first.select(shared)).equals(_sorted(second.select(shared))))


def _read(folder: Path) -> pa.Table | None:
    files = sorted(folder.glob("*.parquet"))
    return pa.concat_tables(pq.ParquetFile(file).read() for file in files) if files else None


def _sorted(table: pa.Table) -> pa.Table:
    keys = [name for name in table.column_names if name == KEYS or name.endswith("_no") or name == "name"]
    return table.replace_schema_metadata().sort_by([(name, "ascending") for name in keys]).combine_chunks()
