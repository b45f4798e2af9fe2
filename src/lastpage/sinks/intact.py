"""Whether the files of a day are those that were written: held against what the day recorded.

    look      of each table is compared                                         it costs a day
    --------  ----------------------------------------------------------------  --------------
    files     its file is there, with the same size and time of change; where   a look a table
              that differs (a copy has its own time), its number of rows
    counts    its number of rows, as the file says it                           a footer a table
              (a CSV file is read for it)
    content   the same, and every row is read                                   reading it

    look      is taken
    --------  ----------------------------------------------------
    files     of every day, whenever a destination is opened
    counts    by `verify`
    content   by `verify --content`, and of a day before it is written anew

A day that an older version wrote has no such record: of its tables those that are there are read. A
database has the numbers of rows alone, and tells by itself that it cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal, Protocol

import msgspec
import pyarrow as pa

from lastpage.sinks.recorded import Files, seen
from lastpage.sinks.sink import first_line

Look = Literal["files", "counts", "content"]
#: What a day records of a table: `rows`, and `bytes` and `changed` (unix nanoseconds) of its file,
#: where that could be known when it was recorded.
Footprint = Mapping[str, int]
#: What reading a file raises that is cut, or is something else by now.
UNREADABLE = (OSError, pa.ArrowException, msgspec.MsgspecError, ValueError)
#: Tables of which a sentence tells.
TOLD_MAX = 3


class Readable(Protocol):
    """How a file tells its rows."""

    def rows(self, path: Path) -> int:
        """How many rows a file has."""

    def read(self, path: Path, schema: pa.Schema) -> Iterator[pa.Table]:
        """A file's rows, a part at a time."""


def footprint(path: Path, rows: int) -> dict[str, int]:
    """What is recorded of a file that is whole."""
    return {"rows": rows, **seen(path)}


def damage(
    recorded: Mapping[str, Footprint],
    files: Files,
    file_of: Callable[[str], str],
    readable: Readable,
    look: Look,
    schemas: Mapping[str, pa.Schema],
) -> str:
    """What a day lacks of what it recorded, for the middle of a sentence; empty if nothing.

    Raises `PermissionError` for a file that this user may not read.
    """
    found = list[str]()
    for name in {**recorded, **(schemas if look == "content" else {})}:
        file, known = file_of(name), recorded.get(name)
        there = files.found(file)
        if there is None:
            found += [f"the table {name} is gone"] if known else []
            continue
        try:
            if known and (look != "files" or there.items() - known.items()):
                with files.local(file, is_end=True) as path:
                    found += _fewer(name, readable.rows(path) if path else 0, known["rows"])
            if look == "content":
                with files.local(file) as path:
                    for _ in readable.read(path, schemas[name]) if path else ():
                        pass
        except PermissionError:
            raise
        except UNREADABLE as problem:
            found.append(f"the table {name} cannot be read: {first_line(problem)}")
    return told(found)


def lacking(recorded: Mapping[str, int], there: Mapping[str, int]) -> str:
    """The same of tables in a database: rows by the table's name, recorded and there."""
    return told([each for name in recorded for each in _fewer(name, there[name], recorded[name])])


def _fewer(name: str, there: int, recorded: int) -> list[str]:
    same = there == recorded
    return [] if same else [f"the table {name} has {there:,} of {recorded:,} rows"]


def told(found: list[str]) -> str:
    """Several of these as one; the first few are named."""
    more = [f"and {len(found) - TOLD_MAX} more tables"] if len(found) > TOLD_MAX else []
    return "; ".join([*found[:TOLD_MAX], *more])
