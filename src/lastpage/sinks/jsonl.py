"""JSON lines: the API's own records, one a line, plain or compressed, into a file or to stdout.

The file itself is locked while it is open, since one file may have several names.

A range is appended whole, and the file's length is recorded beside it afterwards. When the file is
opened it is cut to the recorded length, so that half a range never stays. Each append is a gzip
member or a zstd frame of its own; readers take them for one stream. What was appended is never
replaced. What went to stdout is gone, so stdout never resumes.

A line has the bytes of the record as they came, without the raw line breaks.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import IO, Any, Self, cast

import msgspec
import zstandard

from lastpage.api.records import Raw, on_one_line, read_head
from lastpage.coverage.ranges import Range, refuse_overlap
from lastpage.errors import DamagedError, DestinationError, ForeignError, InUseError
from lastpage.files import Disk, lock
from lastpage.sinks.sink import (
    Identity,
    Pages,
    by_day,
    explained,
    read_back,
    refuse_newer,
    taken_away,
)

GZIP_LEVEL = 6
ZSTD_LEVEL = 3
#: The version of what is recorded beside a file.
VERSION = 1
#: What to do about a stdout that cannot be had to the end.
GIVE_A_FILE = "give a file with --to"
#: What reading raises for a record that is JSON of another shape.
MALFORMED = (KeyError, TypeError, ValueError, AttributeError)


class JsonLines:
    """A `LineSink` into a file."""

    def __init__(self, path: Path, state: Path, disk: Disk) -> None:
        self.path = path
        self.known: Identity | None = None
        self._record = state / "jsonl.json"
        self._disk = disk
        self._length = 0
        self._ranges: list[Range] = []
        #: What was appended late to a day, last, as a digest: by it the same rows are known again.
        self._late: dict[str, str] = {}
        #: The descriptor that locks the file, once it is there.
        self._lock: int | None = None

    @classmethod
    @contextmanager
    def open(cls, path: Path, state: Path, disk: Disk) -> Iterator[Self]:
        """Cut off what was not recorded; refuse a file that is not ours, or lacks something."""
        sink = cls(path, state, disk)
        try:
            sink._hold()
            sink._load()
            if sink._size() > sink._length:
                sink._cut(sink._length)
            yield sink
        finally:
            if sink._lock is not None:
                os.close(sink._lock)

    @classmethod
    @contextmanager
    def look(cls, path: Path, state: Path) -> Iterator[Self]:
        """Refuse what `open` refuses; what was not recorded is passed over, and stays."""
        sink = cls(path, state, Disk())
        sink._load()
        sink._size()
        yield sink

    #: Lines need nothing that would have to be loaded.
    record = look

    def _hold(self) -> None:
        """Lock the file once it is there: the lock of its state is that of one of its names."""
        if self._lock is not None or not self.path.exists():
            return
        try:
            self._lock = lock(self.path)
        except BlockingIOError:
            raise InUseError(
                f"another run is writing to {self.path}, perhaps by another name of it; "
                "wait for it (--wait 10m), or give another destination with --to"
            ) from None

    def _size(self) -> int:
        """How long the file is; it is refused if it is not ours, or lacks something."""
        if not self.path.exists():
            # Whoever removes a file means to have it anew.
            self._length, self._ranges, self._late = 0, [], {}
            return 0
        size = self.path.stat().st_size
        # The record comes before the file, so another run may have written both since.
        if self.known is None and size and not self._record.exists():
            raise ForeignError(
                f"{self.path} was not written by lastpage", "move it, or give another file"
            )
        if size < self._length:
            raise DestinationError(
                f"{self.path} is shorter than what was written to it: it was cut, or an older copy "
                "took its place; put back what was there, or "
                f"remove {self.path} and run the same command again: it is fetched anew"
            )
        return size

    def claim(self, identity: Identity) -> None:
        """Refuse a file of another organisation or of other filters."""
        identity.check(self.known, self.path)
        self._identity = identity

    def committed(self) -> dict[date, list[Range]]:
        """What is recorded beside the file, as long as it is there."""
        self._check_left()
        return by_day(self._ranges)

    def held(self, day: date) -> list[Range]:
        """What is recorded of a day."""
        return self.committed().get(day, [])

    def ids(self) -> Iterator[str]:
        """The id of each line, read back."""
        with (
            read_back(self.path, self.path, EOFError, zlib.error, zstandard.ZstdError),
            self.path.open("rb") as file,
            inflated(file, self.path.name) as texts,
        ):
            yield from (head.id for text in texts if (head := read_head(Raw(text))))

    def append(self, ranges: Sequence[Range], pages: Pages) -> None:
        """Append new ranges whole; do nothing where all of them are there in this very version."""
        there = {(range_.interval, range_.as_of) for range_ in self._ranges}
        if all((range_.interval, range_.as_of) in there for range_ in ranges):
            return
        for range_ in ranges:
            refuse_overlap(self._ranges, range_.interval, self.path)
        self._save(self._write(lines(pages)), [*self._ranges, *ranges])

    def append_late(self, ranges: Sequence[Range], pages: Pages) -> None:
        """Append rows of ranges of one day that are there; what is known of these is replaced.

        The same rows may come again, where a crash came between the file and the ledger. They are
        known by their digest, and cut off again.
        """
        before, day, digest = self._length, str(ranges[0].day), hashlib.blake2b(digest_size=16)

        def digested() -> Iterator[bytes]:
            for text in lines(pages):
                digest.update(text)
                yield text

        after = self._write(digested())
        if self._late.get(day) == digest.hexdigest():
            self._cut(before)
            after = before
        self._late[day] = digest.hexdigest()
        # Also where no row is new: a reading that brings the same may have proved more.
        self._save(after, updated(self._ranges, ranges))

    def _check_left(self) -> None:
        """Raise `DestinationError` where what was appended is not there any more."""
        size = self.path.stat().st_size if self.path.exists() else 0
        if size < self._length:
            raise taken_away(self.path)

    def _write(self, texts: Iterable[bytes]) -> int:
        """Append to the file, without recording it yet; how long the file is then."""
        self._check_left()
        if not self._record.exists():
            # Recorded before it is touched: what a crash leaves behind is known to be ours.
            self._save(0, [])
        with explained(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            is_new = not self.path.exists()
            with self.path.open("ab") as file:
                self._hold()
                with compressed(file, self.path.name) as out:
                    for text in texts:
                        out.write(text)
            self._disk.sync(self.path)
            if is_new:
                self._disk.sync(self.path.parent)
            return self.path.stat().st_size

    def _cut(self, length: int) -> None:
        """Cut the file to a length."""
        with explained(self.path):
            with self.path.open("r+b") as file:
                file.truncate(length)
            self._disk.sync(self.path)

    def _save(self, length: int, ranges: list[Range]) -> None:
        """Record what the file holds, and how long it is."""
        record = {
            "version": VERSION,
            **asdict(self._identity),
            "length": length,
            "ranges": [range_.record() for range_ in ranges],
            "late": self._late,
        }
        with explained(self.path):
            self._disk.write(self._record, msgspec.json.encode(record))
        self._length, self._ranges = length, ranges

    def _load(self) -> None:
        """Read what is recorded beside the file, if anything is."""
        try:
            record: dict[str, Any] = msgspec.json.decode(self._record.read_bytes())
            refuse_newer(self._record, record.get("version", VERSION), VERSION)
            self._length = record["length"]
            self._late = record["late"]
            self._ranges = [Range.from_record(each) for each in record["ranges"]]
            self.known = Identity.from_record(record)
        except FileNotFoundError:
            return
        except PermissionError as problem:
            raise DestinationError(
                f"cannot read {self._record}: {problem.strerror}; run it as the user who fetched, "
                "since what is recorded beside a file is that user's alone"
            ) from None
        except (OSError, msgspec.MsgspecError, RecursionError, *MALFORMED):
            raise DamagedError(
                self._record, "it is no record of a file", f"{self._record} and {self.path}"
            ) from None


class Stdout:
    """A `LineSink` to stdout; what it holds is known as long as it is open."""

    def __init__(self, out: IO[bytes]) -> None:
        self.known: Identity | None = None
        self._out = out
        self._ranges: list[Range] = []

    @classmethod
    @contextmanager
    def open(cls, _path: Path, _state: Path, _disk: Disk) -> Iterator[Self]:
        """Write to this process's stdout; nothing of it stays behind."""
        out = getattr(sys.stdout, "buffer", None)
        if out is None:
            raise DestinationError(f"this process has no stdout that takes bytes; {GIVE_A_FILE}")
        yield cls(out)

    @classmethod
    @contextmanager
    def look(cls, _path: Path, _state: Path) -> Iterator[Self]:
        """What went out is gone: it holds nothing."""
        yield cls(io.BytesIO())

    record = look

    def claim(self, identity: Identity) -> None:
        """Remember whose data go out."""
        identity.check(self.known, "stdout")
        self.known = identity

    def committed(self) -> dict[date, list[Range]]:
        """What went out since it was opened."""
        return by_day(self._ranges)

    def held(self, day: date) -> list[Range]:
        """What went out of a day."""
        return self.committed().get(day, [])

    def ids(self) -> Iterator[str]:
        """What went out is gone, and no run is resumed into it."""
        return iter(())

    def append(self, ranges: Sequence[Range], pages: Pages) -> None:
        """Write new ranges out."""
        for range_ in ranges:
            refuse_overlap(self._ranges, range_.interval, "stdout")
        self._write(pages)
        self._ranges += ranges

    def append_late(self, ranges: Sequence[Range], pages: Pages) -> None:
        """Write rows of ranges that went out already."""
        self._write(pages)
        self._ranges = updated(self._ranges, ranges)

    def _write(self, pages: Pages) -> None:
        for text in lines(pages):
            self._put(text)

    def _put(self, text: bytes) -> None:
        try:
            self._out.write(text)
            self._out.flush()
        except OSError as problem:
            left = isinstance(problem, BrokenPipeError)
            raise DestinationError(
                f"cannot write to stdout: {'its reader left' if left else problem.strerror}; "
                f"it does not have all conversations, and cannot be resumed; {GIVE_A_FILE}"
            ) from None


def updated(ranges: Iterable[Range], new: Sequence[Range]) -> list[Range]:
    """Ranges in order, where new ones replace those that they overlap."""
    others = [old for old in ranges if not any(old.interval.clip(each.interval) for each in new)]
    return sorted([*others, *new], key=lambda range_: range_.interval)


def lines(pages: Pages) -> Iterator[bytes]:
    """The lines of each page."""
    for page in pages:
        yield b"".join(on_one_line(raw) + b"\n" for raw in page)


@contextmanager
def compressed(file: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    """A writer of one gzip member, of one zstd frame, or of plain bytes, by the file's name."""
    if name.endswith(".gz"):
        with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=GZIP_LEVEL, mtime=0) as out:
            yield cast("IO[bytes]", out)
    elif name.endswith(".zst"):
        compressor = zstandard.ZstdCompressor(ZSTD_LEVEL)
        with closing(compressor.stream_writer(file, closefd=False)) as out:
            yield cast("IO[bytes]", out)
    else:
        yield file


@contextmanager
def inflated(file: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    """A reader of what `compressed` wrote, part after part."""
    if name.endswith(".gz"):
        with gzip.GzipFile(fileobj=file) as texts:
            yield cast("IO[bytes]", texts)
    elif name.endswith(".zst"):
        reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        yield cast("IO[bytes]", io.BufferedReader(reader))
    else:
        yield file
