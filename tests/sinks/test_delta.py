"""Delta tables: one a table, read by delta-rs and Polars as anybody would, whole at the versions that count, and mended after others."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.contract.kinds import SINKS
from tests.contract.test_sinks import AS_OF, FEW, US, hours, opened, record
from tests.inprocess import world
from tests.readback import everything

import lastpage
from lastpage.coverage.ranges import Range
from lastpage.errors import DestinationError, UsageError
from lastpage.files import Disk
from lastpage.query.interval import Interval
from lastpage.sinks.destination import Destination
from lastpage.tables.build import Shredder
from lastpage.tables.selection import Selection

KIND = SINKS["delta"]
PAGE = Path(__file__).parents[2] / "docs" / "delta.md"
DAY, NEXT = date(2023, 10, 10), date(2023, 10, 11)
SPAN = "2023-10-10/2023-10-12"
#: The tables of `FEW`.
TABLES = ("conversations", "sessions", "oddities", "broken")


@pytest.fixture(autouse=True)
def _needs_deltalake() -> None:
    pytest.importorskip("deltalake", reason="deltalake is not installed (the extra `delta`)")


def newest(folder: Path, name: str) -> Any:
    from deltalake import DeltaTable

    return DeltaTable(folder / "out" / name)


def rows(table: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.to_pyarrow_table().to_pylist()
    return found


def of(day: date, **more: Any) -> Range:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return replace(hours(0, 24, **more), interval=Interval(start, start + timedelta(days=1)))


def fill(folder: Path, disk: Disk | None = None, tag: str = "one", later: int = 0) -> None:
    """A day with two conversations."""
    with opened(KIND, folder, disk, shredder=FEW) as sink:
        pages = [[record(5, tag), record(6, tag)]]
        sink.replace(DAY, [of(DAY, as_of=AS_OF + timedelta(days=later))], pages)


# What is there ------------------------------------------------------------------------------------


@pytest.mark.invariant("Destinations")
def test_the_same_as_parquet(tmp_path: Path) -> None:
    """A Delta table has the rows of the Parquet folder's, and `day`; the organisation's lists are tables, too."""
    made = world(per_day=20)
    made.cloud().fetch(SPAN, tmp_path / "out", format="delta")
    made.cloud().fetch(SPAN, tmp_path / "parquet", format="parquet")
    wanted = everything(tmp_path / "parquet")
    found = lastpage.read_delta(tmp_path / "out")
    names = {path.name for path in (tmp_path / "parquet").iterdir() if path.name[0] != "."}
    assert found.keys() == names
    for name, table in found.items():
        there = rows(table)
        if wanted.get(name):
            bare = [{key: row[key] for key in row if key != "day"} for row in there]
            assert sorted(map(str, bare)) == sorted(map(str, wanted[name])), name
            assert table.metadata().partition_columns == ["day"]
            assert {row["day"] for row in there} <= {DAY, NEXT}
    for each in ("queues", "users"):
        assert rows(found[each]) == pq.read_table(tmp_path / "parquet" / each).to_pylist()
        assert found[each].metadata().partition_columns == []


def test_what_it_records(tmp_path: Path) -> None:
    """`lastpage_ranges` says which hours are held, how many rows each table has, and which versions count."""
    fill(tmp_path)
    (row,) = rows(newest(tmp_path, "lastpage_ranges"))
    assert (row["day"], row["coverage"], row["finality"]) == (DAY, "complete", "final")
    assert row["start"] == datetime(2023, 10, 10, tzinfo=UTC)
    assert (row["conversations"], row["open"], row["organization"]) == (2, 2, "org-1")
    assert dict(row["rows"]) == {"conversations": 2, "sessions": 2, "oddities": 0, "broken": 0}
    assert dict(row["versions"]) == {name: newest(tmp_path, name).version() for name in TABLES}


@pytest.mark.invariant("Destinations")
def test_a_type_comes_from_the_schema(tmp_path: Path) -> None:
    """A column that is null in all rows of the first day has its type, and takes what the second day brings."""
    fill(tmp_path)
    types = newest(tmp_path, "conversations").to_pyarrow_table().schema
    assert types.field("conversation_end").type == pa.timestamp("us", tz="UTC")
    assert types.field("division_ids").type == pa.list_(pa.string())
    ended = json.loads(bytes(record(30))) | {"conversationEnd": "2023-10-11T07:00:00.000Z"}
    with opened(KIND, tmp_path, shredder=FEW) as sink:
        sink.replace(NEXT, [of(NEXT)], [[msgspec.Raw(json.dumps(ended).encode())]])
    ends = {row["conversation_end"] for row in rows(newest(tmp_path, "conversations"))}
    assert ends == {None, datetime(2023, 10, 11, 7, tzinfo=UTC)}


def without(*columns: str) -> Shredder:
    """As a version of lastpage that does not know these columns of conversations."""
    older = Shredder(FEW.selection)
    schema = older.schemas["conversations"]
    known = pa.schema([each for each in schema if each.name not in columns])
    older.schemas["conversations"] = known
    return older


@pytest.mark.invariant("Destinations")
def test_a_column_more_and_a_column_less(tmp_path: Path) -> None:
    """A version that brings a column adds it to the table; one that lacks it leaves it there. Rows that have none have nulls."""
    days = [DAY + timedelta(days=number) for number in range(3)]
    for day, shredder in zip(
        days, (without("external_tag"), FEW, without("external_tag")), strict=True
    ):
        hour = 24 * (day - DAY).days + 5
        with opened(KIND, tmp_path, shredder=shredder) as sink:
            sink.replace(day, [of(day)], [[record(hour, "tag")]])
        there = {
            row["day"]: row.get("external_tag") for row in rows(newest(tmp_path, "conversations"))
        }
        assert there == {each: "tag" if each == NEXT else None for each in days if each <= day}
    with opened(KIND, tmp_path, shredder=FEW) as sink:
        assert sink.damaged() == {}
        sink.replace(DAY, [of(DAY, as_of=AS_OF + timedelta(days=1))], [[record(5, "two")]])
    there = {row["day"]: row["external_tag"] for row in rows(newest(tmp_path, "conversations"))}
    assert there == {DAY: "two", NEXT: "tag", days[2]: None}


@pytest.mark.invariant("Destinations")
def test_no_text_in_the_log(tmp_path: Path) -> None:
    """A log has numbers of rows, and no id or text of a conversation."""
    fill(tmp_path, tag="Maria Musterfrau")
    logs = list((tmp_path / "out").glob("*/_delta_log/*"))
    assert len(logs) > 2 * len(("conversations", "sessions"))
    assert not any(re.search("Musterfrau|h5-0|h6-0", path.read_text()) for path in logs)


# Whole --------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Stopping:
    """A disk whose process is killed before a step of a name, when it comes for the so-manieth time."""

    name: str
    at: int
    names: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> None:
        self.names.append(name)
        if name == self.name and self.names.count(name) == self.at:
            raise Killed


def tags(tables: dict[str, Any]) -> set[str]:
    return {row["external_tag"] for row in rows(tables["conversations"])} | {
        row["session_id"] for row in rows(tables["sessions"])
    }


def commits(folder: Path) -> int:
    """How many commits replacing the day takes."""
    fill(folder)
    counting = Stopping("delta commit", 0)
    fill(folder, Disk(counting), "two", 1)
    return counting.names.count("delta commit")


@pytest.mark.invariant("Crash-safe")
def test_killed_between_the_commits(tmp_path: Path) -> None:
    """Killed before any commit of a change: the newest versions differ, and those that count are whole; the next run undoes it."""
    mixed = 0
    count = commits(tmp_path / "count")
    assert count == len(("conversations", "sessions", "lastpage_ranges"))
    for at in range(1, count + 1):
        folder = tmp_path / str(at)
        fill(folder)
        with suppress(Killed):
            fill(folder, Disk(Stopping("delta commit", at)), "two", 1)
        mixed += len(tags({name: newest(folder, name) for name in TABLES})) > 1
        assert tags(lastpage.read_delta(folder / "out")) == {"one"}
        with KIND.looked_at(folder) as sink:
            assert [each.as_of for each in sink.committed()[DAY]] == [AS_OF]
        with opened(KIND, folder, shredder=FEW) as sink:
            assert sink.damage(DAY, content=True) == ""
        # The newest versions are whole again, and no file is left that never counted.
        assert tags({name: newest(folder, name) for name in TABLES}) == {"one"}
        files = set((folder / "out").glob("*/day=*/*.parquet"))
        assert len(files) == 2, at
        before = {name: newest(folder, name).version() for name in (*TABLES, "lastpage_ranges")}
        with opened(KIND, folder, shredder=FEW):
            pass
        assert before == {name: newest(folder, name).version() for name in before}
        fill(folder, tag="three", later=2)
        assert tags(lastpage.read_delta(folder / "out")) == {"three"}
    assert mixed


def test_killed_in_the_first_change(tmp_path: Path) -> None:
    """Before anything counts there is nothing, whatever the tables have by then; the same again has all of it."""
    for at in range(1, 4):
        folder = tmp_path / str(at)
        with pytest.raises(Killed):
            fill(folder, Disk(Stopping("delta commit", at)))
        assert lastpage.read_delta(folder / "out") == {}
        with KIND.recorded(folder) as sink:
            assert (sink.known, sink.committed()) == (None, {})
        fill(folder, tag="two")
        assert tags(lastpage.read_delta(folder / "out")) == {"two"}


@pytest.mark.invariant("Crash-safe")
def test_a_transaction_of_the_application(tmp_path: Path) -> None:
    """Each commit of a day carries the number of its change as `lastpage/DAY`, also behind a checkpoint."""
    fill(tmp_path)
    fill(tmp_path, tag="two", later=1)
    table = newest(tmp_path, "conversations")
    assert table.transaction_version("lastpage/2023-10-10") == 2
    assert table.transaction_version("lastpage/2023-10-11") is None
    table.create_checkpoint()
    (tmp_path / "out" / "conversations" / "_delta_log" / f"{table.version():020}.json").unlink()
    again = newest(tmp_path, "conversations")
    assert again.transaction_version("lastpage/2023-10-10") == 2


@dataclass(frozen=True)
class Flushing(Disk):
    """A disk that tells what was flushed, and what was committed before that."""

    flushed: list[Path] = field(default_factory=list)

    def sync(self, *paths: Path) -> None:
        super().sync(*paths)
        self.flushed.extend(paths)


@pytest.mark.invariant("Crash-safe")
def test_it_is_on_the_disk(tmp_path: Path) -> None:
    """When a change is made, the disk has all that is new of it: files, logs, a checkpoint, and the folders of each."""
    fill(tmp_path)
    newest(tmp_path, "sessions").alter.set_table_properties({"delta.checkpointInterval": "1"})
    fill(tmp_path, tag="two", later=1)
    before = set((tmp_path / "out").rglob("*"))
    disk = Flushing()
    with opened(KIND, tmp_path, disk, shredder=FEW) as sink:
        sink.replace(DAY, [of(DAY, as_of=AS_OF + timedelta(days=2))], [[record(5, "three")]])
        sink.replace(NEXT, [of(NEXT)], [[record(30)]])
        there = {path for path in (tmp_path / "out").rglob("*") if ".lastpage" not in path.parts}
    new = there - before
    names = {path.name for path in disk.flushed}
    assert any(path.name.endswith(".checkpoint.parquet") for path in new)
    assert "_last_checkpoint" in names
    moved = {path for path in new if path.name.startswith("part-")}
    assert len(moved) == 2 * 3
    assert new - moved - set(disk.flushed) == set()
    # A file that is moved was flushed under its other name.
    waiting = [path for path in disk.flushed if path.parent.parent.name == "staging"]
    assert len(waiting) == len(moved)
    assert {path.parent for path in new} <= set(disk.flushed)


# What others do -----------------------------------------------------------------------------------


@pytest.mark.invariant("Destinations")
def test_it_is_optimised_and_vacuumed(tmp_path: Path) -> None:
    """What maintenance makes of the tables counts from the next run on, and no row is missed."""
    fill(tmp_path)
    fill(tmp_path, tag="two", later=1)
    for name in (*TABLES, "lastpage_ranges"):
        table = newest(tmp_path, name)
        table.optimize.compact()
        table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False, full=True)
    newest(tmp_path, "conversations").optimize.z_order(["conversation_id"])
    assert tags(lastpage.read_delta(tmp_path / "out")) == {"two"}
    with opened(KIND, tmp_path, shredder=FEW) as sink:
        assert sink.damaged() == {}
        assert sink.damage(DAY, content=True) == ""
    found = lastpage.read_delta(tmp_path / "out")
    assert tags(found) == {"two"}
    assert {name: found[name].version() for name in TABLES} == {
        name: newest(tmp_path, name).version() for name in TABLES
    }
    fill(tmp_path, tag="three", later=2)
    assert tags(lastpage.read_delta(tmp_path / "out")) == {"three"}


@pytest.mark.invariant("Crash-safe")
def test_somebody_vacuums_meanwhile(tmp_path: Path) -> None:
    """Commits of others that come between do not keep ours from being made, and are flushed with it."""
    fill(tmp_path)
    fill(tmp_path, tag="two", later=1)

    def vacuum(name: str) -> None:
        if name == "delta commit":
            table = newest(tmp_path, "conversations")
            table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)

    before = newest(tmp_path, "conversations").version()
    disk = Flushing(vacuum)
    fill(tmp_path, disk, "three", 2)
    done = {
        each["version"]: each["operation"] for each in newest(tmp_path, "conversations").history()
    }
    (ours,) = (version for version in done if version > before and done[version] == "WRITE")
    log = tmp_path / "out" / "conversations" / "_delta_log"
    assert [done[version] for version in range(before + 1, ours)] == ["VACUUM START", "VACUUM END"]
    assert {log / f"{version:020}.json" for version in range(before + 1, ours + 1)} <= {
        *disk.flushed
    }
    assert tags(lastpage.read_delta(tmp_path / "out")) == {"three"}
    with opened(KIND, tmp_path, shredder=FEW) as sink:
        assert sink.damage(DAY, content=True) == ""


@pytest.mark.invariant("Truthful")
def test_rows_that_somebody_deleted(tmp_path: Path) -> None:
    """Rows that somebody deletes from a table are missed, as if a file had lost them."""
    fill(tmp_path)
    newest(tmp_path, "sessions").delete("conversation_id = 'h5-0'")
    with opened(KIND, tmp_path, shredder=FEW) as sink:
        assert sink.damaged() == {DAY: "the table sessions has 1 of 2 rows"}


def as_double(folder: Path) -> None:
    """Somebody makes another type of a column of sessions."""
    from deltalake import write_deltalake

    there = newest(folder, "sessions").to_pyarrow_table()
    at = there.schema.get_field_index("session_no")
    other = there.set_column(at, "session_no", there.column(at).cast(pa.float64()))
    where = str(folder / "out" / "sessions")
    write_deltalake(where, other, mode="overwrite", schema_mode="overwrite", partition_by="day")


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("is_late", [False, True], ids=["before a run", "during a run"])
def test_another_type(tmp_path: Path, is_late: bool) -> None:
    """A column to which somebody gave another type is refused before anything is asked for, or committed; nothing is cast."""
    fill(tmp_path)
    if not is_late:
        as_double(tmp_path)
    refused = pytest.raises(
        DestinationError, match=r"sessions\.session_no is double there, and not integer"
    )
    with refused as told_of, opened(KIND, tmp_path, shredder=FEW) as sink:
        assert is_late
        as_double(tmp_path)
        sink.replace(DAY, [of(DAY, as_of=AS_OF + timedelta(days=1))], [[record(5, "two")]])
    assert told_of.value.exit_code == 6
    assert {row["external_tag"] for row in rows(newest(tmp_path, "conversations"))} == {"one"}
    assert {row["session_id"] for row in rows(newest(tmp_path, "sessions"))} == {"one"}


def test_what_takes_more_to_be_read(tmp_path: Path) -> None:
    """A table that others have given deletion vectors is not read past them, but refused with a sentence."""
    from deltalake import TableFeatures

    fill(tmp_path)
    features = [TableFeatures.DeletionVectors]
    newest(tmp_path, "sessions").alter.add_feature(features, allow_protocol_versions_increase=True)
    with pytest.raises(DestinationError, match="sessions was changed by other software"):
        fill(tmp_path)


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.invariant("Destinations")
def test_columns_that_differ_in_case_only(tmp_path: Path) -> None:
    """They are refused before anything is asked for or made: Delta takes them for one."""
    shredder = Shredder(Selection(attributes=("Region", "region")))
    identity = replace(US, selection=shredder.selection.dump())
    with (
        pytest.raises(UsageError, match="differs from it in case only, and Delta takes the two"),
        opened(KIND, tmp_path, identity=identity, shredder=shredder),
    ):
        pass
    assert not list(tmp_path.rglob("*_delta_log*"))


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("other", ["parquet", "csv", "jsonl"])
def test_one_folder_has_one_format(tmp_path: Path, other: Any) -> None:
    """Delta tables are not written into a folder of another format, nor files into one of Delta tables."""
    cloud = world(per_day=5).cloud()
    cloud.fetch("2023-10-10", tmp_path / "delta", format="delta", names=False)
    cloud.fetch("2023-10-10", tmp_path / other, format=other, names=False)
    before = everything(tmp_path / "delta"), everything(tmp_path / other)
    with pytest.raises(UsageError, match="holds Delta tables, and one folder has one format"):
        cloud.fetch("2023-10-11", tmp_path / "delta", format=other, names=False)
    with pytest.raises(UsageError, match=r"holds \.\w+ files, and one folder has one format"):
        cloud.fetch("2023-10-11", tmp_path / other, format="delta", names=False)
    assert before == (everything(tmp_path / "delta"), everything(tmp_path / other))
    # It keeps its own, if none is given.
    cloud.fetch("2023-10-11", tmp_path / "delta", names=False)
    assert len(lastpage.status(tmp_path / "delta").holes) == 0
    assert lastpage.status(tmp_path / "delta").days == 2


@pytest.mark.invariant("Destinations")
def test_a_name_that_is_misread(tmp_path: Path) -> None:
    """A folder whose name delta-rs would read as that of another is refused, and nothing is made; other odd names hold what is written."""
    for name in ("a b", "100%", "a#b?c", "ü’[x]*"):
        fill(tmp_path / name)
        assert tags(lastpage.read_delta(tmp_path / name / "out")) == {"one"}
    for name in ("a%20b", "a%2520b"):
        with pytest.raises(UsageError, match="would read another folder") as refused:
            world(per_day=5).cloud().fetch(SPAN, tmp_path / name, format="delta")
        assert refused.value.exit_code == 2
        assert not (tmp_path / name).exists()


def test_without_what_it_records(tmp_path: Path) -> None:
    """Tables without `lastpage_ranges` are refused: nobody knows what of them counts."""
    import shutil

    fill(tmp_path)
    shutil.rmtree(tmp_path / "out" / "lastpage_ranges")
    with pytest.raises(DestinationError, match=r"lastpage_ranges is gone.* put back a copy, or"):
        fill(tmp_path)


def test_nothing_to_read(tmp_path: Path) -> None:
    """What has no Delta tables is refused with a sentence, exit 2."""
    with pytest.raises(UsageError, match="has no Delta tables; give what fetch") as refused:
        lastpage.read_delta(tmp_path)
    assert refused.value.exit_code == 2


# Reading it ---------------------------------------------------------------------------------------


def told(language: str) -> list[str]:
    """The examples of docs/delta.md in a language."""
    return re.findall(rf"```{language}\n(.+?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder `conversations` of two days, in the folder where we are."""
    made = world(per_day=20)
    monkeypatch.chdir(tmp_path)
    made.cloud().fetch(SPAN, "conversations", format="delta")
    return tmp_path


@pytest.mark.parametrize("number", range(3))
def test_the_python_that_is_told(place: Path, number: int) -> None:
    """Each example of the page does what it says."""
    exec(compile(told("python")[number], f"example {number}", "exec"), {})


def loaded() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as db:
        try:
            db.execute("install delta; load delta")
        except duckdb.Error as problem:
            pytest.skip(f"DuckDB has no extension `delta` here: {str(problem)[:80]}")
        yield db


def test_the_sql_that_is_told(place: Path) -> None:
    """DuckDB reads the versions that count by what the page says."""
    for db in loaded():
        for statement in told("sql")[:1]:
            db.execute(statement.replace("DEST", "conversations"))


# The extra ----------------------------------------------------------------------------------------


def test_the_extra_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package a sentence says how to install it, exit 2, and nothing is made."""
    fill(tmp_path)
    monkeypatch.setattr("lastpage.sinks.destination.find_spec", lambda _name: None)
    for name, form in (("new", "delta"), ("out", None)):
        with pytest.raises(UsageError, match=r"pip install 'lastpage\[delta\]'") as refused:
            Destination.parse(str(tmp_path / name), form)  # type: ignore[arg-type]
        assert refused.value.exit_code == 2
    with pytest.raises(UsageError, match=r"pip install 'lastpage\[delta\]'"):
        lastpage.read_delta(tmp_path / "out")
    assert not (tmp_path / "new").exists()
