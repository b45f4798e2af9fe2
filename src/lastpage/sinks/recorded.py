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

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date
from io import SEEK_END
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

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
#: What a file has that another version of it has not; None where it cannot be read.
Version = tuple[int | str | None, ...] | None
#: How a Parquet file ends: the length of its footer, and this.
PARQUET_END, END_BYTES = b"PAR1", 8
#: The file of the facts beside a file of another format.
FACTS_FILE = "_lastpage.json"
#: What lastpage keeps for itself in an object store, which has no folder beside it.
KEPT = "_lastpage"
In = TypeVar("In")
Out = TypeVar("Out")


class Place(Protocol):
    """Where files are, as a sentence names it: a folder, or a place in an object store."""

    def __truediv__(self, file: str, /) -> Place: ...

    @property
    def parent(self) -> Place: ...


class Files(Protocol):
    """The files of a folder, each named from it: on a disk, or in an object store."""

    @property
    def place(self) -> Place:
        """What is in front of their names."""

    def names(self) -> set[str]:
        """What is there, but not within another folder of it."""

    def days(self) -> dict[str, Version]:
        """The files of conversations, in the order of their days, with their versions."""

    def version(self, file: str) -> Version:
        """What tells what a file records from what it recorded before; None where it has none."""

    def found(self, file: str) -> Mapping[str, int] | None:
        """What a look at a file shows, of what `intact.py` compares; None: it is gone."""

    def local(self, file: str, *, is_end: bool = False) -> AbstractContextManager[Path | None]:
        """A file on a disk, to be read; with `is_end`, its end may be all there is of it."""

    def listed(self) -> AbstractContextManager[None]:
        """Within the block, `found` may be as of its beginning."""

    def mapped(self, work: Callable[[In], Out], items: Iterable[In]) -> Iterable[Out]:
        """What comes of some work for each item, in order; each may wait for the files."""

    def check_format(self) -> None:
        """Raise `UsageError` for days that are files of another format."""


class RecordedFolder:
    """A `Sink` of files of one format: what it holds, without its rows."""

    def __init__(self, files: Files, recorded: Recorded) -> None:
        self.known: Identity | None = None
        self._files = files
        self._recorded = recorded
        self._known_facts: dict[str, tuple[Version, dict[str, Any]]] = {}

    @classmethod
    @contextmanager
    def look_up(cls, files: Files, recorded: Recorded) -> Iterator[Self]:
        """Refuse what lastpage did not write."""
        sink = cls(files, recorded)
        sink._identify()
        yield sink

    def committed(self) -> dict[date, list[Range]]:
        """What each day has recorded with its conversations."""
        days = self._files.days()
        facts = self._files.mapped(lambda each: self._facts(*each), days.items())
        return {day_of(file): ranges_of(each) for file, each in zip(days, facts, strict=True)}

    def held(self, day: date) -> list[Range]:
        """What the day has recorded with its conversations."""
        file = self._file(CONVERSATIONS, day)
        if self._files.found(file) is None:
            return []
        return ranges_of(self._facts(file, self._files.version(file)))

    def _identify(self) -> None:
        """Learn whose the folder is; refuse other software's."""
        for file, version in [*self._files.days().items()][:1]:
            self.known = Identity.from_record(self._facts(file, version))
        self.refuse_foreign()

    def _file(self, table: str, day: date) -> str:
        """The file of a table and day."""
        return f"{table}/{DAY}{day}/{self._recorded.file}"

    def _facts(self, file: str, version: Version) -> dict[str, Any]:
        """What a file of conversations records of itself; refuses one of other software.

        It is read once for each version of the file: a folder has years of days.
        """
        if version and self._known_facts.get(file, (None,))[0] == version:
            return self._known_facts[file][1]
        facts = self._read_facts(file)
        self._known_facts[file] = (version, facts)
        return facts

    def _read_facts(self, file: str) -> dict[str, Any]:
        path = self._files.place / file
        with (
            read_back(path, path.parent, RecursionError),
            self._files.local(file, is_end=True) as local,
        ):
            found = self._recorded.read(self._recorded.at(local)) if local else None
            facts: dict[str, Any] = msgspec.json.decode(found, type=dict[str, Any]) if found else {}
        if not isinstance(facts.get("version"), int):
            raise ForeignError(
                f"{path} was not written by lastpage",
                f"give another destination; or, if you do not need it, remove {path.parent}",
            )
        refuse_newer(path, facts["version"], VERSION)
        return facts

    def refuse_foreign(self) -> None:
        """Refuse a folder with files of another format, or with other things than ours."""
        self._files.check_format()
        names = self._files.names()
        strange = names - {*ALL, *LISTS, "raw", PIVOT, KEPT}
        if strange and CONVERSATIONS not in names:
            raise ForeignError(
                f"{self._files.place} has other things in it ({', '.join(sorted(strange)[:3])})",
                "give an empty or a new one",
            )


class OnDisk:
    """The `Files` of a folder on a disk."""

    def __init__(self, folder: Path, recorded: Recorded) -> None:
        self.place = folder
        self._recorded = recorded

    def names(self) -> set[str]:
        paths = self.place.iterdir() if self.place.exists() else ()
        return {path.name for path in paths if not path.name.startswith(".")}

    def days(self) -> dict[str, Version]:
        folder = self.place / CONVERSATIONS
        with read_back(folder, folder):  # `glob` passes over what may not be read
            days = sorted(folder.iterdir()) if folder.exists() else []
            paths = (day / self._recorded.file for day in days if day.name.startswith(DAY))
            files = [path.relative_to(self.place).as_posix() for path in paths if path.exists()]
        return {file: self.version(file) for file in files}

    def version(self, file: str) -> Version:
        try:
            facts = self._recorded.at(self.place / file).stat()
        except OSError:
            return None
        return facts.st_ino, facts.st_size, facts.st_mtime_ns

    def found(self, file: str) -> Mapping[str, int] | None:
        path = self.place / file
        return seen(path) if path.exists() else None

    @contextmanager
    def local(self, file: str, *, is_end: bool = False) -> Iterator[Path | None]:  # noqa: ARG002
        path = self.place / file
        yield path if path.exists() else None

    def listed(self) -> AbstractContextManager[None]:
        return nullcontext()

    def mapped(self, work: Callable[[In], Out], items: Iterable[In]) -> Iterable[Out]:
        return map(work, items)

    def check_format(self) -> None:
        refuse_other_format(self.place, self._recorded.file)


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


def day_of(file: str) -> date:
    """The day of a file, by its name from the folder."""
    return date.fromisoformat(file.split("/")[1].removeprefix(DAY))


def ranges_of(facts: Mapping[str, Any]) -> list[Range]:
    """The ranges of what a file of conversations records."""
    return [Range.from_record(record) for record in facts["ranges"]]


def seen(path: Path) -> dict[str, int]:
    """What a look at a file shows."""
    facts = path.stat()
    return {"bytes": facts.st_size, "changed": facts.st_mtime_ns}


@dataclass(frozen=True, slots=True)
class Recorded:
    """Where folders of one format record what a day holds."""

    #: The file of a table and day.
    file: str
    #: Where the facts are that are recorded with a file.
    at: Callable[[Path], Path]
    #: Reads them there; None where nothing is recorded. Raises `OSError` and `ValueError`.
    read: Callable[[Path], bytes | None]

    def record(
        self,
        folder: Path,
        state: Path,  # noqa: ARG002 - its own files say it all
    ) -> AbstractContextManager[RecordedFolder]:
        """Look at what a folder has recorded."""
        return RecordedFolder.look_up(OnDisk(folder, self), self)


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
