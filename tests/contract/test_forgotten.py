"""Nothing of a conversation that was removed is left: its text and its id are looked for in every file of a destination and its state."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from tests import objects, postgres
from tests.contract.kinds import SINKS, Kind
from tests.contract.place import TALKS, Place
from tests.crash.steps import Crash, Stepping, Steps
from tests.elsewhere import copied
from tests.inprocess import world

from lastpage.api.messages import Answer, Call

ONE = TALKS[5]
#: What only the record of that conversation says.
MARK = "Maria Musterfrau"


@dataclass
class Marked(Stepping):
    """The record of a conversation says more than others: in a field, in an attribute, and where it does not belong."""

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        answer = super().send(base, call, headers)
        text = f'"conversationId":"{ONE.id}"'
        more = f'"externalTag":["odd {MARK}"],"originatingDirection":"{MARK}"'
        body = answer.body.replace(text.encode(), f"{text},{more}".encode())
        return Answer(answer.status, {}, body)


@pytest.fixture(params=[name for name, kind in SINKS.items() if kind.replaces])
def kind(request: pytest.FixtureRequest) -> Kind:
    return SINKS[request.param]


def texts(folder: Path) -> Iterator[tuple[str, str]]:
    """The name and the content of every file below a folder: as bytes, and as what compresses it gives it.

    A database does not promise that the bytes of deleted rows go, so it is asked for its rows.
    """
    if folder in postgres.FOLDERS.values():
        for table in postgres.tables(folder):
            yield table, str(postgres.read(folder, table))
    if folder in objects.FOLDERS.values():
        yield from texts(objects.down(folder))
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = str(path.relative_to(folder))
        if path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as db:
                for (table,) in db.execute("select table_name from duckdb_tables()").fetchall():
                    yield name, str(db.sql(f'from "{table}"').to_arrow_table().to_pylist())
            continue
        yield name, path.read_bytes().decode("latin-1")
        if path.suffix == ".parquet":
            yield name, str(pq.read_table(path, partitioning=None).to_pylist())


def found(folder: Path, what: str) -> set[str]:
    return {name for name, text in texts(folder) if what in text}


def vacuum(folder: Path) -> None:
    """What docs/delta.md says to do where a conversation has to be gone from older versions, too."""
    from deltalake import DeltaTable

    for log in folder.glob("*/_delta_log"):
        DeltaTable(log.parent).vacuum(
            retention_hours=0, enforce_retention_duration=False, dry_run=False
        )


@pytest.mark.invariant("Destinations")
def test_nothing_is_left(kind: Kind, tmp_path: Path) -> None:
    """Once it has left, no table, oddity, raw record, page or memory has its text or its id; nor has what another run left unfinished."""
    made = world(per_day=0, gzip=False)
    made.sandbox.world.add(*TALKS)
    wanted: dict[str, Any] = {"keep_raw": True}

    def fetch(place: Place, span: str = "2023-10-10", at: int = 0) -> Steps:
        steps = Steps(at, folder=place.folder)
        transport = Marked(made.sandbox, steps)
        place.fetch(span, transport=transport, disk=steps.disk, **wanted)
        return steps

    filled = Place(made, kind, tmp_path / "filled")
    filled.folder.mkdir()
    fetch(filled)
    # Another command is stopped with its pages in the spool, and nobody gives it again.
    other = "2023-10-10T02:00Z/2023-10-11T00:00Z"
    steps = fetch(replace(filled, folder=copied(filled.folder, tmp_path / "copy")), other)
    with pytest.raises(Crash):
        fetch(filled, other, steps.names.index("ledger settle") + 2)
    place = replace(filled, folder=tmp_path / "filled-left")
    assert found(place.folder, MARK)
    assert found(place.folder, ONE.id)
    assert any("spool" in name for name in found(place.folder, MARK))
    made.sandbox.world.remove(ONE.id)
    for _ in range(2):
        fetch(place)
        made.clock.sleep(3600)
    if kind.format == "delta":
        vacuum(place.path)
    assert ONE.id not in place.ids()
    assert found(place.folder, MARK) == found(place.folder, ONE.id) == set()


def test_a_copy_of_a_database(tmp_path: Path) -> None:
    """A database that is copied by DuckDB has none of the bytes of deleted rows, and is the same destination."""
    kind = SINKS["duckdb"]
    made = world(per_day=0, gzip=False)
    made.sandbox.world.add(*TALKS)
    place = Place(made, kind, tmp_path)
    transport = Marked(made.sandbox, Steps())
    place.fetch(transport=transport, keep_raw=True)
    made.sandbox.world.remove(ONE.id)
    for _ in range(2):
        place.fetch(keep_raw=True)
        made.clock.sleep(3600)
    copy = tmp_path / "copy.duckdb"
    with duckdb.connect() as db:
        db.execute(f"attach '{place.path}' as old (read_only); attach '{copy}' as new")
        db.execute("copy from database old to new")
    assert MARK.encode() not in copy.read_bytes()
    copy.replace(place.path)
    assert place.fetch(refresh=False, keep_raw=True).slices == 0
    assert place.fetch(keep_raw=True).coverage == "complete"
    assert place.has(*(each for each in TALKS if each != ONE))
