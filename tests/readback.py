"""What a destination holds, read by other means than ours where there are any."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import zstandard

from lastpage.coverage.ranges import Range
from lastpage.sinks.recorded import PARQUET, OnDisk, RecordedFolder

#: A field of a CSV file and what ends it: quoted text, or anything else.
FIELD = re.compile(r'(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))([,\n])')


def comma_separated(path: Path) -> list[dict[str, Any]]:
    """The rows of a CSV file, as texts; what is neither there nor quoted is None. (Python's own reader cannot tell the two.)"""
    rows: list[list[str | None]] = [[]]
    text, at = path.read_bytes().decode(), 0
    while at < len(text):
        found = FIELD.match(text, at)
        assert found, text[at : at + 100]
        quoted, plain, end = found.groups()
        rows[-1].append(plain or None if quoted is None else quoted.replace('""', '"'))
        at = found.end()
        if end == "\n":
            rows.append([])
    assert rows.pop() == []
    return [dict(zip(map(str, rows[0]), row, strict=True)) for row in rows[1:]]


def rows_of(path: Path) -> list[dict[str, Any]]:
    """One file of a table."""
    if path.suffix == ".csv":
        return comma_separated(path)
    if path.suffix == ".jsonl":
        return [
            {"conversation_id": each.get("conversationId"), "record": each} for each in lines(path)
        ]
    rows: list[dict[str, Any]] = pq.read_table(path, partitioning=None).to_pylist()
    return rows


def table(folder: Path, name: str = "conversations") -> list[dict[str, Any]]:
    """A table's rows over all days, sorted by their keys."""
    if (folder / "lastpage_ranges" / "_delta_log").exists():
        return by_keys(delta(folder, name))
    rows = [row for path in sorted((folder / name).glob("day=*/part.*")) for row in rows_of(path)]
    return by_keys(rows)


def by_keys(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(
        rows,
        key=lambda row: str(
            [row[key] for key in row if key == "conversation_id" or key.endswith("_no")]
        ),
    )


def ids(folder: Path) -> list[str]:
    return [row["conversation_id"] for row in table(folder)]


def everything(folder: Path) -> dict[str, list[dict[str, Any]]]:
    names = sorted(path.name for path in folder.iterdir() if path.name[0] not in "._")
    return {name: table(folder, name) for name in names if not name.startswith("lastpage_")}


def delta(folder: Path, name: str) -> list[dict[str, Any]]:
    """The rows of a Delta table at the version that counts: of the files that its log names, as far as they are there."""
    from deltalake import DeltaTable

    if not DeltaTable.is_deltatable(str(folder / name)):
        return []
    ranges = DeltaTable(folder / "lastpage_ranges").to_pyarrow_table()
    versions = dict(ranges["versions"][0].as_py()) if len(ranges) else {}
    files = DeltaTable(folder / name, version=versions.get(name)).file_uris()
    return [row for path in map(Path, sorted(files)) if path.exists() for row in rows_of(path)]


def database(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The tables of a DuckDB file as the disk has it now, also while it is held: without the day, and without lastpage's own tables."""
    if not path.exists():
        return {}
    with tempfile.TemporaryDirectory() as folder:
        for file in path.parent.glob(f"{path.name}*"):
            if file.is_file():
                shutil.copy(file, folder)
        with duckdb.connect(Path(folder) / path.name, read_only=True) as db:
            db.execute("set timezone = 'UTC'")
            names = db.execute(
                "select table_name from duckdb_tables() where not starts_with(table_name, 'lastpage_')"
            )
            return {
                name: by_keys(_without_day(db.sql(f'from "{name}"').to_arrow_table().to_pylist()))
                for (name,) in names.fetchall()
            }


def _without_day(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "day"} for row in rows]


def lines(path: Path) -> list[dict[str, Any]]:
    """A JSON lines file, whatever its compression."""
    data = path.read_bytes()
    if path.name.endswith(".gz"):
        data = gzip.decompress(data)
    if path.name.endswith(".zst"):
        data = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()
    return [json.loads(line) for line in data.decode().split("\n") if line]


def ranges(folder: Path) -> list[Range]:
    """What the files themselves say they hold."""
    days = RecordedFolder(OnDisk(folder, PARQUET), PARQUET).committed()
    return [version for day in sorted(days) for version in days[day]]
