"""What a destination holds, read by other means than ours where there are any."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import zstandard

from lastpage.sinks.folder import Folder
from lastpage.sinks.parquet import Parquet
from lastpage.sinks.sink import Range


def table(folder: Path, name: str = "conversations") -> list[dict[str, Any]]:
    """A table's rows over all days, sorted by their keys."""
    rows = [
        row
        for path in sorted((folder / name).glob("day=*/*.parquet"))
        for row in pq.read_table(path, partitioning=None).to_pylist()
    ]
    return sorted(
        rows, key=lambda row: str([row[key] for key in row if key == "conversation_id" or key.endswith("_no")])
    )


def ids(folder: Path) -> list[str]:
    return [row["conversation_id"] for row in table(folder)]


def everything(folder: Path) -> dict[str, list[dict[str, Any]]]:
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    return {name: table(folder, name) for name in names}


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
    days = Folder(folder, folder / ".lastpage", Parquet()).committed()
    return [version for day in sorted(days) for version in days[day]]
