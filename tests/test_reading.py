"""What docs/reading.md says of other tools, run: a folder whose first day an older version wrote, read as the page does."""

import re
from datetime import date
from importlib.metadata import version
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from packaging.version import Version

from tests.inprocess import world

PAGE = (Path(__file__).parents[1] / "docs" / "reading.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
OVERVIEW = "conversations/conversation_overview"
#: The last column of the overview, which the first day lacks.
NEWER = "wrap_up"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("reading")
    world(per_day=100).cloud().fetch("2023-10-10/2023-10-12", place / "conversations")
    first = place / OVERVIEW / "day=2023-10-10" / "part.parquet"
    table = pq.ParquetFile(first).read()
    assert table.column_names[-1] == NEWER
    pq.write_table(table.drop_columns([NEWER]), first)
    return place


@pytest.fixture(autouse=True)
def there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_the_page() -> None:
    """Every line of Python on the page runs, one block after the other, and finds what it says."""
    names: dict[str, object] = {}
    assert len(BLOCKS) >= 5
    for block in BLOCKS:
        exec(compile(block, "docs/reading.md", "exec"), names)


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_a_date_of_a_moment_in_duckdb(zone: str) -> None:
    """In DuckDB a cast to a date follows the session's zone; `at time zone 'UTC'` does not."""
    database = duckdb.connect()
    database.execute(f"set timezone = '{zone}'")
    rows = f"from '{OVERVIEW}/*/*.parquet' where cast(conversation_start{{}} as date) <> day"
    (moved,), (same,) = (
        database.execute(f"select count(*) {rows.format(how)}").fetchall()
        for how in ("", " at time zone 'UTC'")
    )
    assert moved[0] > 0
    assert same[0] == 0


def test_a_later_column() -> None:
    """DuckDB, pandas and pyarrow leave out a column that the first file lacks, without a word; Polars refuses."""
    assert NEWER not in duckdb.sql(f"from '{OVERVIEW}/*/*.parquet'").columns
    assert NEWER not in pd.read_parquet(OVERVIEW).columns
    assert NEWER not in ds.dataset(OVERVIEW, partitioning="hive").schema.names
    if Version(version("polars")) >= Version("1.30"):
        with pytest.raises(pl.exceptions.SchemaError, match="extra column"):
            pl.scan_parquet(f"{OVERVIEW}/*/*.parquet").collect()


def test_what_a_day_is() -> None:
    """`day` is a date in DuckDB and Polars, and a text in pandas, where a date is equal to no row."""
    days = duckdb.sql(f"select distinct typeof(day) from '{OVERVIEW}/*/*.parquet'").fetchall()
    assert days == [("DATE",)]
    assert (
        pl.scan_parquet(
            "conversations/segments/*/*.parquet", hive_partitioning=True
        ).collect_schema()["day"]
        == pl.Date
    )
    read = pd.read_parquet(OVERVIEW)
    assert not (read["day"] == date(2023, 10, 10)).any()
    assert (read["day"] == "2023-10-10").any()


def test_an_empty_text_in_csv(folder: Path) -> None:
    """DuckDB and pandas take an empty text of CSV for null, unless DuckDB is told not to; Polars keeps both apart."""
    path = folder / "x.csv"
    path.write_text('"user_id","note"\n"007",""\n"008",\n')
    assert duckdb.sql("select count(note) from 'x.csv'").fetchall() == [(0,)]
    told = "select user_id, note from read_csv('x.csv', allow_quoted_nulls = false)"
    assert duckdb.sql(told).fetchall() == [("007", ""), ("008", None)]
    assert pl.read_csv(path)["user_id"].to_list() == [7, 8]
    frame = pl.read_csv(path, schema_overrides={"user_id": pl.String})
    assert frame.rows() == [("007", ""), ("008", None)]
    assert pd.read_csv(path, dtype={"user_id": str})["note"].isna().all()
