"""What a folder has recorded is found in its files without Arrow, and is what Arrow would find."""

from inspect import signature
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contract.kinds import SINKS
from tests.contract.test_sinks import DAY, FEW, hours, opened, put, record, write

from lastpage.errors import DamagedError
from lastpage.sinks import recorded
from lastpage.sinks.formats import ParquetWriter
from lastpage.sinks.recorded import METADATA_KEY, parquet_facts

SCHEMA = pa.schema([("conversation_id", pa.string()), ("lastpage", pa.int64())])


def parsed(path: Path) -> bytes | None:
    found: bytes | None = (pq.read_metadata(path).metadata or {}).get(METADATA_KEY)
    return found


@pytest.fixture
def without_arrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "_parsed_facts", lambda _path: pytest.fail("it was parsed"))


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=300), st.integers(0, 30_000), st.integers(0, 40))
def test_the_footer_of_a_file(
    tmp_path_factory: pytest.TempPathFactory, text: str, more: int, groups: int
) -> None:
    """Facts of any length are found in footers of any length; they may have the key in them, and so may a row."""
    path = tmp_path_factory.mktemp("footer") / "part.parquet"
    facts = {"text": text, "lastpage": "\x18\x08lastpage\x18" + "x" * more}
    with ParquetWriter(path, SCHEMA) as writer:
        for number in range(groups):
            row = {"conversation_id": "\x18\x08lastpage\x18\x04none", "lastpage": number}
            writer.write(pa.Table.from_pylist([row], SCHEMA))
        writer.describe(facts)
    wanted = parsed(path)
    assert wanted
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorded, "_parsed_facts", lambda _path: pytest.fail("it was parsed"))
        assert parquet_facts(path) == wanted


def by_polars(path: Path, facts: dict[str, str]) -> None:
    if "metadata" not in signature(pl.DataFrame.write_parquet).parameters:
        pytest.skip("this version of Polars writes no facts beside the rows")
    pl.DataFrame({"a": [1]}).write_parquet(path, metadata=facts)


def by_duckdb(path: Path, facts: dict[str, str]) -> None:
    keys = ", ".join(f"{key}: '{value}'" for key, value in facts.items())
    duckdb.sql(f"copy (select 1 as a) to '{path}' (format parquet, kv_metadata {{{keys}}})")


def by_pyarrow(path: Path, facts: dict[str, str]) -> None:
    table = pa.table({"a": [1]}).replace_schema_metadata(facts)
    pq.write_table(table, path)


@pytest.mark.parametrize("write_by", [by_polars, by_duckdb, by_pyarrow])
@pytest.mark.parametrize("facts", [{"lastpage": "{}"}, {"x": "1", "lastpage": "y" * 9_000}])
def test_the_footer_of_another_writer(write_by: Any, facts: dict[str, str], tmp_path: Path) -> None:
    """A folder that somebody wrote anew with the same facts is read as well."""
    write_by(path := tmp_path / "part.parquet", facts)
    assert parquet_facts(path) == parsed(path) == facts["lastpage"].encode()
    write_by(path, {"other": "lastpage"})
    assert parquet_facts(path) is None


@pytest.mark.parametrize("keep", [0, 3, 7, 8, 40, -1, -4, -9])
def test_a_file_that_was_cut(keep: int, tmp_path: Path) -> None:
    """It is damaged, wherever it was cut."""
    write(SINKS["parquet"], tmp_path, [hours(0, 24)], [[record(1)]], shredder=FEW)
    (path,) = (tmp_path / "out" / "conversations").glob("*/*.parquet")
    path.write_bytes(path.read_bytes()[:keep])
    with (
        pytest.raises(DamagedError, match="cannot be read"),
        SINKS["parquet"].recorded(tmp_path) as sink,
    ):
        sink.committed()


@pytest.mark.usefixtures("without_arrow")
@pytest.mark.parametrize("name", SINKS)
def test_what_is_recorded(name: str, tmp_path: Path) -> None:
    """What every sink has recorded is the same by the door to it as by the one to its rows."""
    kind = SINKS[name]
    with kind.recorded(tmp_path) as sink:
        assert (sink.known, sink.committed(), sink.held(DAY)) == (None, {}, [])
    with opened(kind, tmp_path, shredder=FEW) as sink:
        put(sink, [hours(0, 6)], [[record(1), record(2)]])
        put(sink, [hours(8, 12, coverage="unproven", finality="provisional")], [[record(9)]])
    with kind.looked_at(tmp_path) as sink:
        known, held = sink.known, sink.committed()
    with kind.recorded(tmp_path) as sink:
        assert (sink.known, sink.committed(), sink.held(DAY)) == (known, held, held[DAY])
    assert [each.coverage for each in held[DAY]] == ["complete", "unproven"]
