"""Whether a day's files are those that were written: which look opens which file, and what it says."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pytest

from lastpage.sinks.intact import Look, damage, footprint, lacking
from lastpage.sinks.recorded import PARQUET, OnDisk

SCHEMAS = {"one": pa.schema([("a", pa.int64())])}


@dataclass
class Counted:
    """Files whose rows are their bytes; says what was opened."""

    opened: list[str] = field(default_factory=list)
    problem: Exception | None = None

    def rows(self, path: Path) -> int:
        self.opened.append("rows")
        if self.problem:
            raise self.problem
        return path.stat().st_size

    def read(self, path: Path, schema: pa.Schema) -> Iterator[pa.Table]:
        self.opened.append("read")
        yield schema.empty_table()


def looked(path: Path, look: Look, counted: Counted, **recorded: int) -> str:
    facts = {**footprint(path, path.stat().st_size), **recorded} if path.exists() else recorded
    files = OnDisk(path.parent, PARQUET)
    return damage({"one": facts}, files, lambda _name: path.name, counted, look, SCHEMAS)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    return path


@pytest.mark.parametrize(
    ("look", "opened"), [("files", []), ("counts", ["rows"]), ("content", ["rows", "read"])]
)
def test_what_is_opened(file: Path, look: Look, opened: list[str]) -> None:
    """A file that looks as it was is not opened by a look at files; the others open it."""
    counted = Counted()
    assert looked(file, look, counted) == ""
    assert counted.opened == opened


@pytest.mark.parametrize("change", [{"changed": 1}, {"bytes": 1}])
def test_what_looks_otherwise(file: Path, change: dict[str, int]) -> None:
    """A copy has its own time, and another compression its own size: the number of rows decides."""
    counted = Counted()
    assert looked(file, "files", counted, **change) == ""
    assert counted.opened == ["rows"]
    os.truncate(file, 3)
    assert looked(file, "files", counted, rows=5, bytes=5) == "the table one has 3 of 5 rows"


def test_what_is_gone(file: Path) -> None:
    """A table without its file is gone, also an empty one."""
    file.unlink()
    assert looked(file, "files", Counted(), rows=0) == "the table one is gone"


def test_what_cannot_be_read(file: Path) -> None:
    """What a library raises is damage; a right that is missing is none."""
    damaged = Counted(problem=pa.ArrowInvalid("no magic\nsee also"))
    assert looked(file, "counts", damaged) == "the table one cannot be read: no magic"
    with pytest.raises(PermissionError):
        looked(file, "counts", Counted(problem=PermissionError(13, "Permission denied")))


def test_several_tables() -> None:
    """Three are named, the others counted."""
    recorded = dict.fromkeys("abcde", 2)
    assert lacking(recorded, recorded) == ""
    assert lacking(recorded, {**recorded, "b": 1}) == "the table b has 1 of 2 rows"
    told = lacking(recorded, dict.fromkeys("abcde", 1))
    assert told.endswith("the table c has 1 of 2 rows; and 2 more tables")
