"""Answers on disk, as received, until their slice is committed; and tables made of them.

Each attempt has a segment of each kind, a file; each answer, or its tables, has a frame in it. A
frame is a mark, the length, a checksum and the bytes.

    kind     flushed   after a crash
    -------  --------  -----------------------------------------------------------------------------
    pages    yes,      there may be bytes that no row of the ledger knows (cut off), never rows
             each      without their bytes (if the disk tells the truth about fsync; if it does not,
                       the checksum tells)
    tables   no        they are removed: the pages have everything that is in them
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lastpage.errors import DestinationError
from lastpage.files import Disk

_HEADER = struct.Struct(">4sII")
_MARK = b"lp1\n"


@dataclass(frozen=True, slots=True)
class Frame:
    """Where an answer lies in its segment, header included."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        return self.offset + self.length


@dataclass(frozen=True, slots=True)
class Spool:
    """A folder of segments of one kind.

    `seam` is called with a step's name before each step that a crash can separate from the next.
    """

    folder: Path
    kind: Literal["pages", "tables"] = "pages"
    seam: Callable[[str], None] = lambda _name: None

    def append(self, attempt: int, raw: bytes | memoryview) -> Frame:
        """Write one frame at the segment's end; of pages, wait until the disk has it."""
        path = self._path(attempt)
        is_new = not path.exists()
        try:
            self.seam("spool write")
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                offset = os.fstat(descriptor).st_size
                _write_all(descriptor, _HEADER.pack(_MARK, len(raw), zlib.crc32(raw)) + raw)
                if self.kind == "pages":
                    self.seam("spool fsync")
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if is_new and self.kind == "pages":
                Disk(self.seam).sync(self.folder)
        except OSError as problem:
            raise DestinationError(
                f"cannot keep {self.kind} in {self.folder}: {problem.strerror}; "
                "make room or free it, then run the same command again: it goes on where it stopped"
            ) from None
        return Frame(offset, _HEADER.size + len(raw))

    def read(self, attempt: int, frame: Frame) -> bytes | None:
        """The bytes of a frame, or None if they are not what was written."""
        try:
            with self._path(attempt).open("rb") as segment:
                segment.seek(frame.offset)
                data = segment.read(frame.length)
        except OSError:
            return None
        if len(data) != frame.length or len(data) < _HEADER.size:
            return None
        mark, length, checksum = _HEADER.unpack_from(data)
        raw = data[_HEADER.size :]
        whole = mark == _MARK and length == len(raw) and checksum == zlib.crc32(raw)
        return raw if whole else None

    def truncate(self, attempt: int, end: int) -> None:
        """Cut off what no row of the ledger vouches for."""
        path = self._path(attempt)
        if path.exists() and path.stat().st_size > end:
            os.truncate(path, end)

    def drop(self, attempt: int) -> None:
        """Delete an attempt's segment; it may be gone already."""
        self._path(attempt).unlink(missing_ok=True)

    def keep_only(self, attempts: set[int]) -> None:
        """Delete other attempts' segments, which a crash has left."""
        for path in self._segments():
            if not path.stem.isdecimal() or int(path.stem) not in attempts:
                path.unlink(missing_ok=True)

    def size(self) -> int:
        """Bytes on disk; a segment that is dropped meanwhile has none."""
        size = 0
        for path in self._segments():
            with suppress(FileNotFoundError):
                size += path.stat().st_size
        return size

    def _segments(self) -> Iterator[Path]:
        return self.folder.glob(f"*.{self.kind}")

    def _path(self, attempt: int) -> Path:
        return self.folder / f"{attempt}.{self.kind}"


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
