"""Parquet files: which rows are a row group, and what a file says of its columns."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.inprocess import world

from lastpage.sinks import formats
from lastpage.sinks.formats import Parquet
from lastpage.tables.parse import arrow_schema

SCHEMA = arrow_schema(
    {
        "conversation_id": "str",
        "media_type": "str",
        "emit_date": "time",
        "value": "int",
        "tags": "strs",
    }
)
NOON = datetime(2023, 10, 10, 12, tzinfo=UTC)


def rows(first: int, count: int) -> pa.Table:
    """Rows of 16 bytes and two short texts each; their lists are all null."""
    return pa.Table.from_pylist(
        [
            {
                "conversation_id": f"c{number}",
                "media_type": "voice",
                "emit_date": NOON + timedelta(seconds=number),
                "value": number,
            }
            for number in range(first, first + count)
        ],
        SCHEMA,
    )


def written(path: Path, tables: Sequence[pa.Table]) -> pq.FileMetaData:
    with Parquet().create(path, SCHEMA) as writer:
        for table in tables:
            writer.write(table)
    return pq.read_metadata(path)


def test_small_tables_are_one_row_group(tmp_path: Path) -> None:
    """Few rows are held back until the file ends, in however many pieces they come; none is lost."""
    pieces = [rows(10 * number, 10) for number in range(20)]
    found = written(tmp_path / "x", pieces)
    assert (found.num_row_groups, found.num_rows) == (1, 200)
    (read,) = Parquet().read(tmp_path / "x", SCHEMA)
    assert read.equals(pa.concat_tables(pieces).combine_chunks())


def test_a_large_table_has_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row group ends with the piece that makes it large enough, so no more than that is held."""
    monkeypatch.setattr(formats, "ROW_GROUP_BYTES", 8_000)
    found = written(tmp_path / "x", [rows(100 * number, 100) for number in range(10)])
    groups = [found.row_group(number).num_rows for number in range(found.num_row_groups)]
    assert groups == [300, 300, 300, 100]


def test_null_columns_weigh_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns without a value do not end a row group, however many there are."""
    monkeypatch.setattr(formats, "ROW_GROUP_BYTES", 8_000)
    schema = pa.schema([SCHEMA.field("value"), *((f"n{n}", pa.string()) for n in range(100))])
    numbers = rows(0, 100).column("value")
    table = pa.table([numbers, *(pa.nulls(100, pa.string()) for _ in range(100))], schema=schema)
    with Parquet().create(tmp_path / "x", schema) as writer:
        for _ in range(9):
            writer.write(table)
    assert pq.read_metadata(tmp_path / "x").num_row_groups == 1


def test_threads_write_what_was_held_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day's rows are written by threads, also those that a file has when it ends."""
    wrote, write = set[str](), pq.ParquetWriter.write_table

    def told(writer: pq.ParquetWriter, table: pa.Table) -> None:
        wrote.add(threading.current_thread().name)
        write(writer, table)

    monkeypatch.setattr(pq.ParquetWriter, "write_table", told)
    world().cloud().fetch("2023-10-10", tmp_path, names=False)
    assert wrote
    assert threading.main_thread().name not in wrote


def test_what_a_file_says_of_its_columns(tmp_path: Path) -> None:
    """Least and most are kept of moments and numbers; a dictionary is made of texts that repeat."""
    group = written(tmp_path / "x", [rows(0, 100)]).row_group(0)
    columns = {group.column(n).path_in_schema.split(".")[0]: group.column(n) for n in range(5)}
    told = {name for name, column in columns.items() if column.is_stats_set}
    assert told == {"emit_date", "value"}
    assert columns["emit_date"].statistics.min == NOON
    coded = {name for name, column in columns.items() if column.has_dictionary_page}
    assert coded == {"media_type"}
