"""Answers on disk, as received, until their slice is committed; and tables made of them.

Each attempt has a segment, a file; each answer has a frame in it. Tables lie beside it, in a folder
of the attempt. They are not flushed, nothing vouches for them, and no other process reads them: the
pages have everything that is in them.

A frame is a mark, the length, a checksum and the bytes. It is flushed to the disk before the ledger
vouches for it, so after a crash there may be bytes that no row knows (cut off), never rows without
their bytes (if the disk tells the truth about fsync; if it does not, the checksum tells).
"""

from __future__ import annotations

import os
import shutil
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

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
    """A folder of segments.

    `seam` is called with a step's name before each step that a crash can separate from the next.
    """

    folder: Path
    seam: Callable[[str], None] = lambda _name: None

    def append(self, attempt: int, raw: bytes) -> Frame:
        """Write one frame at the segment's end and wait until the disk has it."""
        path = self._path(attempt)
        is_new = not path.exists()
        try:
            self.seam("spool write")
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                offset = os.fstat(descriptor).st_size
                _write_all(descriptor, _HEADER.pack(_MARK, len(raw), zlib.crc32(raw)) + raw)
                self.seam("spool fsync")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if is_new:
                Disk(self.seam).sync(self.folder)
        except OSError as problem:
            raise DestinationError(
                f"cannot keep a page in {self.folder}: {problem.strerror}; make room or free it, "
                "then run the same command again: it goes on where it stopped"
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

    def tables(self, attempt: int) -> Path:
        """The folder for tables that are made of an attempt's pages; its owner's alone."""
        return self.folder / f"{attempt}.tables"

    def drop(self, attempt: int) -> None:
        """Delete an attempt's segment and tables; they may be gone already."""
        self._path(attempt).unlink(missing_ok=True)
        shutil.rmtree(self.tables(attempt), ignore_errors=True)

    def keep_only(self, attempts: set[int]) -> None:
        """Delete other attempts' segments, which a crash has left, and all tables."""
        for path in self.folder.glob("*.pages"):
            if not path.stem.isdecimal() or int(path.stem) not in attempts:
                path.unlink(missing_ok=True)
        for path in self.folder.glob("*.tables"):
            shutil.rmtree(path, ignore_errors=True)

    def size(self) -> int:
        """Bytes on disk; what is dropped meanwhile has none."""
        size = 0
        for path in self.folder.rglob("*"):
            with suppress(FileNotFoundError):
                size += path.stat().st_size if path.is_file() else 0
        return size

    def _path(self, attempt: int) -> Path:
        return self.folder / f"{attempt}.pages"


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
