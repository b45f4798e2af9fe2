"""What a folder has recorded of itself, day by day; to read it takes no table, and no Arrow.

    format    the facts of a day stand
    --------  ------------------------------------------------------------------------------
    Parquet   in the footer of the file of conversations, under the key `lastpage`
    CSV and   in `_lastpage.json` beside that file; names that begin with an underscore are
    lines     passed over by readers of folders

A footer tells of every column of every row group, and three years have a thousand footers. So the
facts are found in its bytes, where they stand as a text after their key: in Thrift's compact
protocol each of the two is a mark, its length and its bytes. No other text of the footer has that
mark in front of that key: JSON and base64 have no control characters. A footer in which the key is
not found so is read by pyarrow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from io import SEEK_END
from pathlib import Path
from typing import Any, Self

import msgspec

from lastpage.coverage.ranges import Range
from lastpage.errors import ForeignError, UsageError
from lastpage.sinks.destination import DELTA_SIGN
from lastpage.sinks.sink import Identity, first_line, read_back, refuse_newer
from lastpage.tables.schema import CONVERSATIONS
from lastpage.tables.selection import ALL, LISTS, PIVOT

#: The version of what a day records of itself.
VERSION = 1
#: Begins the name of a day's folder, and of its change.
DAY = "day="
#: The key of the facts in the metadata of a Parquet file, and how a footer has it.
METADATA_KEY = b"lastpage"
TEXT = b"\x18"
KEY_IN_FOOTER = TEXT + bytes([len(METADATA_KEY)]) + METADATA_KEY + TEXT
#: The inode, the size and the time of the last change of a file; None where it cannot be read.
Version = tuple[int, int, int] | None
#: How a Parquet file ends: the length of its footer, and this.
PARQUET_END, END_BYTES = b"PAR1", 8
#: The file of the facts beside a file of another format.
FACTS_FILE = "_lastpage.json"


class RecordedFolder:
    """A `Sink` of files of one format: what it holds, without its rows."""

    def __init__(self, folder: Path, state: Path, recorded: Recorded) -> None:
        self.folder = folder
        self.known: Identity | None = None
        self._state = state
        self._recorded = recorded
        self._known_facts: dict[Path, tuple[Version, dict[str, Any]]] = {}

    @classmethod
    @contextmanager
    def look_up(cls, folder: Path, state: Path, recorded: Recorded) -> Iterator[Self]:
        """Refuse what lastpage did not write."""
        sink = cls(folder, state, recorded)
        sink._identify()
        yield sink

    def committed(self) -> dict[date, list[Range]]:
        """What each day has recorded with its conversations."""
        return {day_of(path): self._ranges(path) for path in self._days()}

    def held(self, day: date) -> list[Range]:
        """What the day has recorded with its conversations."""
        path = self.folder / self._file(CONVERSATIONS, day)
        return self._ranges(path) if path.exists() else []

    def _identify(self) -> None:
        """Learn whose the folder is; refuse other software's."""
        for path in self._days()[:1]:
            self.known = Identity.from_record(self._facts(path))
        self._refuse_foreign()

    def _file(self, table: str, day: date) -> str:
        """The file of a table and day, from the folder."""
        return f"{table}/day={day}/{self._recorded.file}"

    def _days(self) -> list[Path]:
        """The files of conversations, in the order of their days."""
        folder = self.folder / CONVERSATIONS
        with read_back(folder, folder):  # `glob` passes over what may not be read
            days = sorted(folder.iterdir()) if folder.exists() else []
            paths = (day / self._recorded.file for day in days if day.name.startswith(DAY))
            return [path for path in paths if path.exists()]

    def _ranges(self, path: Path) -> list[Range]:
        return [Range.from_record(record) for record in self._facts(path)["ranges"]]

    def _facts(self, path: Path) -> dict[str, Any]:
        """What a file of conversations records of itself; refuses one of other software.

        It is read once for each version of the file: a folder has years of days.
        """
        version = _version_of(self._recorded.at(path))
        if version and self._known_facts.get(path, (None,))[0] == version:
            return self._known_facts[path][1]
        facts = self._read_facts(path)
        self._known_facts[path] = (version, facts)
        return facts

    def _read_facts(self, path: Path) -> dict[str, Any]:
        with read_back(path, path.parent, RecursionError):
            found = self._recorded.read(self._recorded.at(path))
            facts: dict[str, Any] = msgspec.json.decode(found, type=dict[str, Any]) if found else {}
        if not isinstance(facts.get("version"), int):
            raise ForeignError(
                f"{path} was not written by lastpage",
                f"give another destination; or, if you do not need it, remove {path.parent}",
            )
        refuse_newer(path, facts["version"], VERSION)
        return facts

    def _refuse_foreign(self) -> None:
        """Refuse a folder with files of another format, or with other things than ours."""
        refuse_other_format(self.folder, self._recorded.file)
        if not self.folder.exists() or (self.folder / CONVERSATIONS).exists():
            return
        ours = {*ALL, *LISTS, "raw", PIVOT, self._state.name}
        names = {path.name for path in self.folder.iterdir() if not path.name.startswith(".")}
        if strange := sorted(names - ours):
            raise ForeignError(
                f"{self.folder} has other things in it ({', '.join(strange[:3])})",
                "give an empty or a new folder",
            )


def refuse_other_format(folder: Path, file: str) -> None:
    """Raise `UsageError` for a folder whose days are other files than those of this name."""
    files = sorted((folder / CONVERSATIONS).glob("day=*/part.*"))
    others = [f"{path.suffix} files" for path in files if path.name != file]
    if any(folder.glob(DELTA_SIGN)):
        others = ["Delta tables"]
    if others:
        raise UsageError(
            f"{folder} holds {others[0]}, and one folder has one format; "
            f"give another folder, or the format that is there"
        )


def day_of(path: Path) -> date:
    """The day of a file."""
    return date.fromisoformat(path.parent.name.removeprefix(DAY))


def _version_of(path: Path) -> Version:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


@dataclass(frozen=True, slots=True)
class Recorded:
    """Where folders of one format record what a day holds."""

    #: The file of a table and day.
    file: str
    #: Where the facts are that are recorded with a file.
    at: Callable[[Path], Path]
    #: Reads them there; None where nothing is recorded. Raises `OSError` and `ValueError`.
    read: Callable[[Path], bytes | None]

    def record(self, folder: Path, state: Path) -> AbstractContextManager[RecordedFolder]:
        """Look at what a folder has recorded."""
        return RecordedFolder.look_up(folder, state, self)


def parquet_facts(path: Path) -> bytes | None:
    """What stands in the footer."""
    footer = _footer(path)
    at = footer.find(KEY_IN_FOOTER)
    found = _text(footer, at + len(KEY_IN_FOOTER)) if at >= 0 else None
    return _parsed_facts(path) if found is None else found


def facts_file(path: Path) -> Path:
    """The file beside a file; while a change waits, the name of that has its folders in it."""
    return path.with_name(path.name.rpartition("part.")[0] + FACTS_FILE)


def _footer(path: Path) -> bytes:
    """The bytes that tell what is in a Parquet file; none where it does not end as one."""
    with path.open("rb", buffering=0) as file:
        end = max(file.seek(0, SEEK_END) - END_BYTES, 0)
        file.seek(end)
        length, mark = file.read(4), file.read(4)
        if mark != PARQUET_END:
            return b""
        file.seek(max(end - int.from_bytes(length, "little"), 0))
        return file.read(min(int.from_bytes(length, "little"), end))


def _text(footer: bytes, at: int) -> bytes | None:
    """A text that begins with its length, seven bits a byte; None where it is cut."""
    length = shift = 0
    for at_byte, byte in enumerate(footer[at : at + 5], at + 1):
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            text = footer[at_byte : at_byte + length]
            return text if len(text) == length else None
    return None


def _parsed_facts(path: Path) -> bytes | None:
    """The same, of any footer, by pyarrow."""
    import pyarrow as pa  # noqa: PLC0415 - mostly not needed, and slow to import
    import pyarrow.parquet as pq  # noqa: PLC0415 - the same

    try:
        found: bytes | None = (pq.read_metadata(path).metadata or {}).get(METADATA_KEY)
    except pa.ArrowException as problem:
        raise ValueError(first_line(problem)) from None
    return found


PARQUET = Recorded("part.parquet", lambda path: path, parquet_facts)
CSV = Recorded("part.csv", facts_file, Path.read_bytes)
LINES = Recorded("part.jsonl", facts_file, Path.read_bytes)
