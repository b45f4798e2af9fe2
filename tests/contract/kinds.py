"""The kinds of sinks: how to make one in a folder, and how to read a table of it by other means than ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.readback import database, lines, table

from lastpage.files import Disk
from lastpage.sinks.duckdb import DuckDB
from lastpage.sinks.folder import Folder, Format
from lastpage.sinks.formats import Csv, Parquet
from lastpage.sinks.jsonl import JsonLines
from lastpage.sinks.sink import Sink

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Kind:
    """`make(folder, disk)` puts one under a folder; `read(folder, table)` gives its rows, sorted by their keys."""

    place: str
    make: Callable[[Path, Disk], Sink]
    read: Callable[[Path, str], Rows]

    def listed(self, value: Any) -> Any:
        """A list as a table of this kind gives it; as JSON, where a format has no lists."""
        return json.loads(value) if isinstance(value, str) else value

    @property
    def replaces(self) -> bool:
        return not self.place.startswith("x.jsonl")


def files(form: Format) -> Kind:
    """A folder whose files have a format."""

    def make(folder: Path, disk: Disk) -> Sink:
        return Folder(folder / "out", folder / "out" / ".lastpage", form, disk)

    return Kind("out", make, lambda folder, name: table(folder / "out", name))


def duckdb(folder: Path, disk: Disk) -> Sink:
    return DuckDB(folder / "x.duckdb", folder / "x.duckdb.lastpage", disk)


def jsonl(name: str) -> Kind:
    def make(folder: Path, disk: Disk) -> Sink:
        state = folder / f"{name}.lastpage"
        state.mkdir(exist_ok=True)
        return JsonLines(folder / name, state, disk)

    def read(folder: Path, _table: str) -> Rows:
        """Its conversations, under the names that the tables have."""
        path = folder / name
        records = lines(path) if path.exists() else []
        return [{"conversation_id": each["conversationId"], "external_tag": each["externalTag"]} for each in records]

    return Kind(name, make, read)


SINKS: dict[str, Kind] = {
    "parquet": files(Parquet()),
    "csv": files(Csv()),
    "duckdb": Kind("x.duckdb", duckdb, lambda folder, name: database(folder / "x.duckdb").get(name, [])),
    "jsonl": jsonl("x.jsonl"),
    "gz": jsonl("x.jsonl.gz"),
    "zst": jsonl("x.jsonl.zst"),
}
