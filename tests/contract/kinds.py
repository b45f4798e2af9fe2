"""The kinds of sinks: what one is called in a folder, and how to read it by other means than ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import objects, postgres
from tests.elsewhere import KINDS, there
from tests.readback import by_keys, database, lines, table

from lastpage.files import Disk
from lastpage.sinks.destination import FOLDERS, SERVERS, Destination, Format
from lastpage.sinks.destination import Kind as Row
from lastpage.sinks.sink import LineSink, Sink, TableReader, TableSink
from lastpage.tables.schema import column

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Kind:
    """`read(destination, table)` gives the rows of a table, sorted by their keys."""

    name: str
    read_table: Callable[[Path, str], Rows]
    format: Format | None = None

    def at(self, folder: Path) -> Any:
        """Where it is in a folder: a path, or the URL of the schema that stands for the folder."""
        return there(folder / self.name)

    def destination(self, folder: Path) -> Destination:
        return Destination.parse(str(self.at(folder)), self.format)

    def opened(self, folder: Path, disk: Disk) -> AbstractContextManager[TableSink | LineSink]:
        destination = self.destination(folder)
        assert destination.state
        if destination.is_append_only:
            destination.state.mkdir(exist_ok=True)
        return destination.sink(destination.state, disk)

    def looked_at(self, folder: Path) -> AbstractContextManager[TableReader | Sink]:
        return self.destination(folder).look()

    def recorded(self, folder: Path) -> AbstractContextManager[Sink]:
        return self.destination(folder).record()

    def read(self, folder: Path, name: str) -> Rows:
        return self.read_table(folder if self.is_elsewhere else folder / self.name, name)

    @property
    def has_tables(self) -> bool:
        """Whether tables can be chosen for it; else it has the API's own records."""
        return self._row.contract == "tables"

    @property
    def side(self) -> str:
        """A table beside the conversations."""
        return "sessions" if self.has_tables else "broken"

    @property
    def replaces(self) -> bool:
        return self._row.contract != "lines"

    @property
    def is_server(self) -> bool:
        return self.name == postgres.NAME

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is in no folder, and something else stands for one (tests/elsewhere.py)."""
        return self.name in KINDS

    @property
    def is_database(self) -> bool:
        """Whether changes that belong together are one."""
        return self.is_server or self.name.endswith("duckdb")

    @property
    def has_files(self) -> bool:
        """Whether it has a file a table and day."""
        return self.name in ("out", objects.NAME)

    @property
    def _row(self) -> Row:
        if self.is_elsewhere:
            return SERVERS[{postgres.NAME: "postgresql", objects.NAME: "s3"}[self.name]]
        return FOLDERS[self.format] if self.format else Destination.parse(self.name).kind

    def kept(self, text: str) -> str:
        """A text as a table of this kind has it."""
        return text.replace("\x00", "\ufffd") if self.is_server else text

    def listed(self, value: Any) -> Any:
        """A list as a table of this kind gives it; as JSON, where a format has no lists."""
        return json.loads(value) if isinstance(value, str) else value


def conversations(path: Path, _table: str) -> Rows:
    """The conversations of a file of lines, under the names that the tables have."""
    records = lines(path) if path.exists() else []
    return [
        {"conversation_id": each["conversationId"], "external_tag": each.get("externalTag")}
        for each in records
    ]


def shredded(path: Path, name: str) -> Rows:
    """What a folder of lines has, as the rows that a table of this name would have of it."""
    files = (path / ("broken" if name == "broken" else "conversations")).glob("day=*/part.jsonl")
    rows = (row for file in sorted(files) for record in lines(file) for row in _shred(record, name))
    return by_keys(list(rows))


def _shred(record: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    people = record.get("participants", ())
    found = {
        "participants": people,
        "sessions": [session for each in people for session in each.get("sessions", ())],
        "participant_attributes": [
            {"name": name, "value": value}
            for each in people
            for name, value in each.get("attributes", {}).items()
        ],
    }
    for each in found.get(name, [record]):
        columns = {column(field): value for field, value in each.items()}
        yield {"conversation_id": record.get("conversationId", ""), **columns}


SINKS: dict[str, Kind] = {
    "parquet": Kind("out", table, "parquet"),
    "csv": Kind("out", table, "csv"),
    "lines": Kind("out", shredded, "jsonl"),
    "delta": Kind("out", table, "delta"),
    "duckdb": Kind("x.duckdb", lambda path, name: database(path).get(name, [])),
    "postgres": Kind(postgres.NAME, lambda folder, table: by_keys(postgres.read(folder, table))),
    "objects": Kind(objects.NAME, objects.read),
    "jsonl": Kind("x.jsonl", conversations),
    "gz": Kind("x.jsonl.gz", conversations),
    "zst": Kind("x.jsonl.zst", conversations),
}
