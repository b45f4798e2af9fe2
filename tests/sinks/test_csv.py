"""CSV files: what was written is what is read, and others can read it, too."""

from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from tests.inprocess import talk, world
from tests.readback import comma_separated, everything

from lastpage import DestinationError, UsageError
from lastpage.sinks import formats as csv
from lastpage.sinks.formats import Csv
from lastpage.tables.parse import schemas
from lastpage.tables.schema import TABLES

DAY = "2023-10-10"
START = datetime(2023, 10, 10, 9, tzinfo=UTC)
TEXTS = [
    "",
    None,
    '"',
    '""',
    ",",
    "a\r\nb\rc\n",
    "\n",
    " x ",
    "\u2028",
    "nul\x00",
    "👩‍👩‍👧",
    "\ufeff",
    "NULL",
    "NaN",
    "true",
    "7",
    "x" * 9999,
]
VALUES: dict[pa.DataType, list[Any]] = {
    pa.string(): TEXTS,
    pa.list_(pa.string()): [None, [], [None], [""], TEXTS],
    pa.list_(pa.int64()): [[2**63 - 1, None], [], None],
    pa.timestamp("ms", tz="UTC"): [
        0,
        -1,
        None,
        1_696_932_000_123,
        253_402_300_799_999,
        951_827_696_000,
    ],
    pa.bool_(): [True, None, False],
    pa.int64(): [2**63 - 1, None, -(2**63), 0],
    pa.int32(): [0, 2**31 - 1],
    pa.float64(): [0.1, 1 / 3, None, -0.0, 5e-324, 1.7976931348623157e308, 1e22, 4.0],
}


def filled(schema: pa.Schema, rows: int = 40) -> pa.Table:
    """A table with every kind of value in every column that can have it."""
    columns = [pa.array(islice(cycle(VALUES[field.type]), rows), field.type) for field in schema]
    return pa.table(columns, schema=schema)


def written(path: Path, *tables: pa.Table) -> Path:
    with Csv().create(path, tables[0].schema) as writer:
        for table in tables:
            writer.write(table)
    return path


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("block", [csv.BLOCK_BYTES, 4096])
@pytest.mark.parametrize("name", TABLES)
def test_what_is_read_is_what_was_written(
    tmp_path: Path, name: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CSV gives back every value of every type, to the last character, in long lines, too."""
    monkeypatch.setattr(csv, "BLOCK_BYTES", block)
    table = filled(schemas()[name])
    path = written(tmp_path / Csv.recorded.file, table, table)
    assert pa.concat_tables(Csv().read(path, table.schema)).equals(pa.concat_tables([table, table]))
    assert Csv().rows(path) == 80


@pytest.mark.invariant("Destinations")
def test_breaks_between_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text in a CSV file keeps its line breaks wherever a block of the file happens to end."""
    table = pa.table({"name": ["a\r\nb", "\r\r\n", "\r\n\r\n"] * 9})
    path = written(tmp_path / Csv.recorded.file, table)
    for block in range(16, 64):
        monkeypatch.setattr(csv, "BLOCK_BYTES", block)
        assert pa.concat_tables(Csv().read(path, table.schema)).equals(table), block


def test_empty_parts(tmp_path: Path) -> None:
    """A part without rows writes nothing, and a table of nothing else is a header."""
    rows = pa.table({"name": ["a", "b"]})
    for parts in ([], [rows], [rows, rows]):
        tables = [rows[:0], *(pa.concat_tables([rows[:0], each, rows[:0]]) for each in parts)]
        path = written(tmp_path / Csv.recorded.file, *tables, rows[:0])
        assert path.read_text() == '"name"\n' + '"a"\n"b"\n' * len(parts)


def test_one_column(tmp_path: Path) -> None:
    """A null that is all of its line is a row."""
    table = pa.table({"name": pa.array(["a", None, "", None])})
    path = written(tmp_path / Csv.recorded.file, table)
    assert pa.concat_tables(Csv().read(path, table.schema)).equals(table)


def test_how_values_are_spelt(tmp_path: Path) -> None:
    """A header; moments in ISO 8601 with milliseconds and Z, booleans in lower case, lists as JSON; nothing is null, "" is empty."""
    table = pa.table(
        {
            "conversation_id": ["c1", "c2"],
            "conversation_start": pa.array([1_696_932_000_123, None], pa.timestamp("ms", tz="UTC")),
            "self_served": [True, None],
            "division_ids": [['say "a"', "b"], None],
            "external_tag": ["", None],
        }
    )
    assert written(tmp_path / Csv.recorded.file, table).read_text() == (
        '"conversation_id","conversation_start","self_served","division_ids","external_tag"\n'
        '"c1","2023-10-10T10:00:00.123Z",true,"[""say \\""a\\"""",""b""]",""\n'
        '"c2",,,,\n'
    )


def test_the_same_as_parquet(tmp_path: Path) -> None:
    """A fetch into CSV has the tables, rows and columns that one into Parquet has."""
    made = world(per_day=40)
    for form in ("csv", "parquet"):
        assert made.cloud().fetch(DAY, tmp_path / form, format=form).coverage == "complete"
    theirs = everything(tmp_path / "parquet")
    ours = everything(tmp_path / "csv")
    assert ours.keys() == theirs.keys()
    for name, rows in theirs.items():
        assert [list(row) for row in ours[name]] == [list(row) for row in rows]
        assert [each["conversation_id"] for each in ours[name]] == [
            each["conversation_id"] for each in rows
        ]


def test_read_by_others(tmp_path: Path) -> None:
    """DuckDB reads a table by a glob, with types and the day as a column; what a day holds is not among its rows."""
    made = world(per_day=40)
    assert made.cloud().fetch("2023-10-10/2023-10-12", tmp_path, format="csv").conversations > 0
    rows = duckdb.sql(
        f"select conversation_id, conversation_start, day, self_served, json(division_ids)->>0 as division "
        f"from read_csv('{tmp_path}/conversations/*/*.csv', allow_quoted_nulls = false)"
    )
    assert len(rows) == len(everything(tmp_path)["conversations"])
    assert [str(each) for each in rows.types[1:3]] == ["TIMESTAMP WITH TIME ZONE", "DATE"]
    for start, day, division in rows.project(
        "conversation_start at time zone 'UTC', day, division"
    ).fetchall():
        assert start.date() == day
        assert len(division) == 36


def test_the_facts_are_gone(tmp_path: Path) -> None:
    """A CSV file without what says that it is ours is not taken for ours."""
    world(per_day=4).cloud().fetch(DAY, tmp_path, format="csv")
    (tmp_path / "conversations" / f"day={DAY}" / "_lastpage.json").unlink()
    with pytest.raises(DestinationError, match="or lastpage did not make it"):
        world(per_day=4).cloud().fetch(DAY, tmp_path)


@pytest.mark.invariant("Destinations")
def test_a_folder_keeps_its_format(tmp_path: Path) -> None:
    """A folder keeps its format; another one is refused with exit code 2 and changes nothing."""
    made = world(per_day=0)
    made.sandbox.world.add(talk(1, START), talk(2, START))
    cloud = made.cloud()
    cloud.fetch("2023-10-10T08:00Z/2023-10-10T12:00Z", tmp_path, format="csv")
    cloud.fetch(DAY, tmp_path)
    assert [path.name for path in sorted((tmp_path / "conversations").rglob("*.*"))] == [
        "_lastpage.json",
        "part.csv",
    ]
    assert len(comma_separated(tmp_path / "conversations" / f"day={DAY}" / Csv.recorded.file)) == 2
    with pytest.raises(UsageError, match=r"holds \.csv files.*give another folder"):
        cloud.fetch(DAY, tmp_path, format="parquet")
    cloud.fetch(DAY, tmp_path / "other")
    with pytest.raises(UsageError, match=r"holds \.parquet files"):
        cloud.fetch(DAY, tmp_path / "other", format="csv")


def test_proved_again(tmp_path: Path) -> None:
    """A CSV folder is verified by counts and by content; a day that changed is read again, and stays CSV."""
    made = world(per_day=30)
    made.cloud().fetch("2023-10-10/2023-10-12", tmp_path, format="csv")
    assert made.cloud().verify(tmp_path, content=True).changed == []
    path = tmp_path / "sessions" / f"day={DAY}" / Csv.recorded.file
    path.write_bytes(path.read_bytes().replace(b'"voice"', b'"voise"', 1))
    (changed,) = made.cloud().verify(tmp_path, content=True).changed
    assert (changed.day, changed.why) == (DAY, "a second reading differs in sessions")
    made.sandbox.world.add(*(talk(number, START) for number in range(50)))
    verification = made.cloud().verify(tmp_path, repair=True)
    assert verification.repaired
    assert verification.changed == []
    assert {row["conversation_id"] for row in everything(tmp_path)["conversations"]} == made.truth(
        datetime(2023, 10, 10, tzinfo=UTC), datetime(2023, 10, 12, tzinfo=UTC)
    )
