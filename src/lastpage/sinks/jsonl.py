"""JSON lines: the API's own records, one a line, plain or compressed, into a file or to stdout.

A contract of its own: what was appended is never replaced. A range is appended whole, and its length is recorded beside the file
afterwards; on opening, the file is cut to the recorded length, so that half a range never stays. Each append is a gzip member or
zstd frame of its own; readers take them for one stream. What went to stdout is gone, so stdout never resumes.
"""

from __future__ import annotations

import gzip
import hashlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import IO, Any, cast

import msgspec
import zstandard

from lastpage.api.messages import Raw
from lastpage.coverage.ranges import Range, refuse_overlap
from lastpage.errors import DestinationError, UsageError
from lastpage.files import Disk
from lastpage.sinks.sink import Identity, Pages, Unread
from lastpage.tables.build import Shredder
from lastpage.tables.derived import Names

ZSTD_LEVEL = 3
GZIP_LEVEL = 6
Seal = hashlib.blake2b
#: The version of what is recorded beside a file.
VERSION = 1


class JsonLines:
    """A file that grows."""

    appends = True

    def __init__(self, path: Path, state: Path, disk: Disk | None = None) -> None:
        self.path = path
        self.known: Identity | None = None
        self._record = state / "jsonl.json"
        self._disk = disk or Disk()
        self._length = 0
        #: What was appended late to a day, as a digest: rows that were appended already are known again.
        self._late: dict[str, str] = {}
        self._ranges: list[Range] = []

    def open(self) -> None:
        """Cut off what was not recorded; refuse a file that is not ours, or another's."""
        known = self._load()
        size = self.path.stat().st_size if self.path.exists() else 0
        if known is None and size:
            raise DestinationError(
                f"{self.path} is there already and was not written by lastpage; move it, or give another file"
            )
        if known is not None and size < known["length"]:
            raise DestinationError(
                f"{self.path} is shorter than what was written to it; remove it together with {self._record.parent}, "
                "or put it back"
            )
        if size > self._length:
            with _writing(self.path):
                self._cut(self._length)

    def claim(self, identity: Identity, shredder: Shredder) -> None:  # noqa: ARG002 - lines are the API's own records
        """Refuse another's file."""
        identity.check(self.known, self.path)
        self._identity = identity

    def committed(self) -> dict[date, list[Range]]:
        days: dict[date, list[Range]] = {}
        for version in self._ranges:
            days.setdefault(version.day, []).append(version)
        return days

    def replace(self, day: date, ranges: Sequence[Range], pages: Pages) -> list[Unread]:  # noqa: ARG002 - the seam's shape
        """Append a day's new ranges; a range that is there already is refused, unless it is this very one."""
        known = {(version.interval, version.as_of) for version in self._ranges}
        if all((version.interval, version.as_of) in known for version in ranges):
            return []
        for version in ranges:
            refuse_overlap(self._ranges, version.interval, self.path)
        self._write(pages)
        self._keep([*self._ranges, *ranges])
        return []

    def append(self, day: date, ranges: Sequence[Range], pages: Pages) -> None:
        """Rows of ranges that are there already, found late; what is known of the ranges is replaced.

        The same rows again (a crash came between the file and the ledger) are taken back.
        """
        before, seal = self._length, hashlib.blake2b(digest_size=16)
        kept = [old for old in self._ranges if not any(old.interval.clip(new.interval) for new in ranges)]
        self._write(pages, seal)
        if self._late.get(str(day)) == seal.hexdigest():
            with _writing(self.path):
                self._cut(before)
            return
        self._late[str(day)] = seal.hexdigest()
        self._keep(sorted([*kept, *ranges], key=lambda version: version.interval))

    def refresh(self, names: Names) -> None:
        """Lines hold ids only."""

    def close(self) -> None:
        pass

    def _write(self, pages: Pages, seal: Seal | None = None) -> None:
        with _writing(self.path):
            if not self._record.exists():
                # Claimed before it is touched: what a crash leaves behind is known to be ours.
                self._save(0, [])
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh = not self.path.exists()
            with self.path.open("ab") as file, compressed(file, self.path.name) as out:
                for line in lines(pages):
                    out.write(line)
                    if seal:
                        seal.update(line)
            self._disk.sync(self.path)
            if fresh:
                self._disk.sync(self.path.parent)

    def _keep(self, ranges: list[Range]) -> None:
        with _writing(self.path):
            self._save(self.path.stat().st_size, ranges)

    def _cut(self, length: int) -> None:
        with self.path.open("r+b") as file:
            file.truncate(length)
        self._disk.sync(self.path)

    def _save(self, length: int, ranges: list[Range]) -> None:
        record = {
            "version": VERSION,
            **asdict(self._identity),
            "length": length,
            "ranges": [version.record() for version in ranges],
            "late": self._late,
        }
        self._disk.write(self._record, msgspec.json.encode(record))
        self._length, self._ranges = length, ranges

    def _load(self) -> dict[str, Any] | None:
        if not self._record.exists():
            return None
        try:
            record: dict[str, Any] = msgspec.json.decode(self._record.read_bytes())
            if record.get("version", VERSION) > VERSION:
                raise UsageError(
                    f"{self._record} was written by a newer lastpage; update this one, or give another file"
                )
            self._length = record["length"]
            self._late = record["late"]
            self._ranges = [Range.from_record(version) for version in record["ranges"]]
            self.known = Identity.from_record(record)
        except (OSError, msgspec.MsgspecError, KeyError, TypeError, ValueError, AttributeError, RecursionError):
            raise DestinationError(f"{self._record} cannot be read; remove it together with {self.path}") from None
        return record


class Stdout:
    """JSON lines to whoever reads stdout; nothing is remembered."""

    appends = True
    known: Identity | None = None

    def __init__(self, out: IO[bytes] | None = None) -> None:
        self._out = out or sys.stdout.buffer

    def open(self) -> None:
        pass

    def claim(self, identity: Identity, shredder: Shredder) -> None:
        pass

    def committed(self) -> dict[date, list[Range]]:
        return {}

    def replace(self, day: date, ranges: Sequence[Range], pages: Pages) -> list[Unread]:
        self.append(day, ranges, pages)
        return []

    def append(self, day: date, ranges: Sequence[Range], pages: Pages) -> None:  # noqa: ARG002 - nor days
        for line in lines(pages):
            self._out.write(line)
        self._out.flush()

    def refresh(self, names: Names) -> None:
        pass

    def close(self) -> None:
        pass


def lines(pages: Pages) -> Iterator[bytes]:
    """Each record as one line, the bytes as received less the raw line breaks between values."""
    for page in pages:
        yield b"".join(_line(raw) for raw in page)


def _line(raw: Raw) -> bytes:
    # In JSON a raw line break stands only between two values.
    return bytes(raw).translate(None, b"\r\n") + b"\n"


@contextmanager
def compressed(file: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    """A writer of one gzip member, one zstd frame, or of plain bytes, by the file's name."""
    if name.endswith(".gz"):
        with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=GZIP_LEVEL, mtime=0) as out:
            yield cast("IO[bytes]", out)
    elif name.endswith(".zst"):
        with closing(zstandard.ZstdCompressor(ZSTD_LEVEL).stream_writer(file, closefd=False)) as out:
            yield cast("IO[bytes]", out)
    else:
        yield file


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise DestinationError(
            f"cannot write to {path}: {problem.strerror or problem}; mend that, then run the same command again: it goes on"
        ) from None
