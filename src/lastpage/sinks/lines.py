"""A folder of JSON lines: the API's own records, a file a day, `conversations/day=…/part.jsonl`.

A line has the bytes of the record as they came, without the raw line breaks. To the folder the file
is a table, as a Parquet file is; what it has to know of a row is read from the line:

    column                                  of a line
    conversation_id, conversation_start,    its head
    conversation_end
    record_digest                           all of it
    record                                  the line itself

Records without a readable id or start are lines of another file, `broken/day=…/part.jsonl`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from lastpage.api.records import Raw, on_one_line, read_head
from lastpage.sinks import recorded
from lastpage.sinks.beside import Beside
from lastpage.sinks.folder import Folders
from lastpage.tables.build import Shredder, record_digest
from lastpage.tables.parse import ARROW, HEADLESS, Tables
from lastpage.tables.schema import CONVERSATIONS, DIGEST, END, KEY, RECORD, START
from lastpage.tables.values import array

#: Lines that are read back at once.
LINES_AT_ONCE = 500


class Records:
    """Makes the tables of records that are kept as they came."""

    schemas: ClassVar[Mapping[str, pa.Schema]] = {
        CONVERSATIONS: pa.schema(
            [
                (KEY, ARROW["str"]),
                (START, ARROW["time"]),
                (END, ARROW["time"]),
                (DIGEST, ARROW["int"]),
                (RECORD, pa.binary()),
            ]
        ),
        "broken": pa.schema(
            [
                (KEY, ARROW["str"]),
                (START, ARROW["time"]),
                ("error", ARROW["str"]),
                (RECORD, pa.binary()),
            ]
        ),
    }

    def __call__(self, page: Iterable[Raw]) -> Tables:
        """A row a record, in one table or the other."""
        rows: dict[str, list[tuple[object, ...]]] = {name: [] for name in self.schemas}
        for raw in page:
            line = on_one_line(raw)
            if head := read_head(raw):
                row = (head.id, head.start, head.end, record_digest(line), line)
                rows[CONVERSATIONS].append(row)
            else:
                rows["broken"].append(("", None, HEADLESS, line))
        return {name: _table(rows[name], schema) for name, schema in self.schemas.items()}


def _table(rows: Sequence[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else ((),) * len(schema)
    arrays = [array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)


class Lines:
    """Records as files of lines."""

    recorded = recorded.LINES

    def tables(self, chosen: Shredder) -> Records:  # noqa: ARG002 - a selection chooses nothing here
        return Records()

    def create(self, path: Path, schema: pa.Schema) -> LinesWriter:  # noqa: ARG002
        return LinesWriter(path)

    def read(self, path: Path, schema: pa.Schema) -> Iterator[pa.Table]:
        """Raises `ValueError` for a line that is not as it was written."""
        with path.open("rb") as file:
            while lines := list(islice(file, LINES_AT_ONCE)):
                tables = Records()([Raw(line.removesuffix(b"\n")) for line in lines])
                (table,) = (each for each in tables.values() if each.schema == schema)
                if len(table) != len(lines):
                    raise ValueError("a line of it is not as it was written")
                yield table

    def rows(self, path: Path) -> int:
        with path.open("rb") as file:
            return sum(line.endswith(b"\n") for line in file)


class LinesWriter(Beside):
    """A file of lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")

    def write(self, table: pa.Table) -> None:
        self._file.writelines(line + b"\n" for line in table.column(RECORD).to_pylist())


#: The doors of such folders.
LINES = Folders(Lines())
