"""A folder of tables: `DEST/<table>/day=YYYY-MM-DD/<file>`, one file a table and day, in a format of choice.

What a day holds is said with its conversations: start ranges, their freshness, coverage, finality and counts. So the destination
knows what it has even without a ledger, and a reader can see it. A day's files change together (`staging.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, Protocol, Self

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from lastpage.coverage.ranges import Range
from lastpage.errors import DestinationError, UsageError
from lastpage.files import Disk
from lastpage.sinks.day import START, Change, batched, outside
from lastpage.sinks.sink import Identity, Pages, Unread
from lastpage.tables.build import Shredder
from lastpage.tables.derived import Names
from lastpage.tables.parse import Tables
from lastpage.tables.schema import KEY
from lastpage.tables.selection import ALL, LISTS, PIVOT

#: The version of what a day says of itself.
VERSION = 1
MAIN = "conversations"


class Writer(Protocol):
    """One file on its way; leaving the block closes it."""

    def write(self, table: pa.Table) -> None: ...

    def describe(self, facts: bytes) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *problem: object) -> None: ...


class Format(Protocol):
    """How tables are files. `read` gives today's columns, a part at a time; what an older version did not know is null."""

    file: str

    def create(self, path: Path, schema: pa.Schema) -> Writer: ...

    def read(self, path: Path, schema: pa.Schema) -> Iterator[pa.Table]: ...

    def rows(self, path: Path) -> int: ...

    def facts(self, path: Path) -> bytes | None: ...


class Folder:
    """A destination of files that are replaced day by day."""

    appends = False

    def __init__(self, folder: Path, state: Path, form: Format, disk: Disk | None = None) -> None:
        self.folder = folder
        self.known: Identity | None = None
        self._form = form
        self._state = state
        self._staging = Staging(folder, state / "staging", disk or Disk())

    def open(self) -> None:
        """Finish or undo what a crash left; refuse a folder of other software."""
        try:
            self._staging.recover()
        except OSError as problem:
            raise _failed(self.folder, problem) from None
        for path in self._mains()[:1]:
            self.known = Identity.from_record(self._facts(path))
        self._check_foreign()

    def claim(self, identity: Identity, shredder: Shredder) -> None:
        """Refuse a folder of another organisation, other filters or another selection."""
        identity.check(self.known, self.folder)
        self._identity, self._shredder = identity, shredder

    def committed(self) -> dict[date, list[Range]]:
        return {date.fromisoformat(path.parent.name.removeprefix("day=")): self._ranges(path) for path in self._mains()}

    def replace(self, day: date, ranges: Sequence[Range], pages: Pages) -> list[Unread]:
        """Replace exactly these start ranges of a day; the rest of the day is carried over."""
        main = self._path(MAIN, day)
        try:
            change = Change(self._ranges(main) if main.exists() else [], ranges, self._shredder)
            with self._staging.change(_part(day)) as place:
                rows = self._write(place, day, change, pages)
                self._read_back(place(f"{MAIN}/{_part(day)}/{self._form.file}"), rows)
        except (OSError, pa.ArrowException) as problem:
            raise _failed(self.folder, problem) from None
        return change.unread

    def append(self, day: date, ranges: Sequence[Range], pages: Pages) -> None:
        raise NotImplementedError("tables are replaced")

    def refresh(self, names: Names) -> None:
        """One file a list: `DEST/<list>/<file>`."""
        try:
            with self._staging.change("names") as place:
                for name, table in names.lists.items():
                    with self._form.create(place(f"{name}/{self._form.file}"), table.schema) as writer:
                        writer.write(table)
        except (OSError, pa.ArrowException) as problem:
            raise _failed(self.folder, problem) from None

    def read(self, table: str, day: date) -> Iterator[pa.Table]:
        """A day of a table, a part at a time, with the columns of this selection."""
        path = self._path(table, day)
        return self._form.read(path, self._shredder.schemas[table]) if path.exists() else iter(())

    def close(self) -> None:
        pass

    def _write(self, place: Callable[[str], Path], day: date, change: Change, pages: Pages) -> int:
        """Every table of a day; how many conversations it has."""
        rows = 0
        counts = [0] * len(change.after)
        with ExitStack() as open_files:
            writers = {
                name: open_files.enter_context(
                    self._form.create(place(f"{name}/{_part(day)}/{self._form.file}"), schema)
                )
                for name, schema in self._shredder.schemas.items()
            }
            for tables in batched(self._rows(day, change, pages), self._shredder.schemas):
                for name, table in tables.items():
                    if len(table):
                        writers[name].write(table)
                rows += len(tables[MAIN])
                _count(counts, change.after, tables[MAIN].column(START))
            writers[MAIN].describe(self._told(change.counted(counts)))
        return rows

    def _rows(self, day: date, change: Change, pages: Pages) -> Iterator[Tables]:
        """What is there and stays, first the conversations, then what belongs to those that do not go; then what comes."""
        if change.before:
            gone: list[pa.Array] = []
            for batch in self.read(MAIN, day):
                stays = change.stays(batch.column(START))
                gone.append(batch.filter(pc.invert(stays)).column(KEY).combine_chunks())
                yield {MAIN: batch.filter(stays)}
            leaving = pa.chunked_array(gone, pa.string())
            for name in self._shredder.schemas:
                if name not in (MAIN, "broken"):
                    for batch in self.read(name, day):
                        yield {name: batch.filter(pc.invert(pc.is_in(batch.column(KEY), value_set=leaving)))}
        yield from change.tables(pages)
        if change.before:
            for batch in self.read("broken", day):
                yield {"broken": batch.filter(change.stays_broken(batch))}

    def _path(self, table: str, day: date) -> Path:
        return self.folder / table / _part(day) / self._form.file

    def _mains(self) -> list[Path]:
        return sorted((self.folder / MAIN).glob(f"day=*/{self._form.file}"))

    def _told(self, ranges: Sequence[Range]) -> bytes:
        return msgspec.json.encode(
            {
                "version": VERSION,
                **asdict(self._identity),
                "ranges": [version.record() for version in ranges],
            }
        )

    def _facts(self, path: Path) -> dict[str, Any]:
        try:
            found = self._form.facts(path)
            facts: dict[str, Any] = msgspec.json.decode(found, type=dict[str, Any]) if found else {}
        except (OSError, pa.ArrowException, msgspec.MsgspecError, RecursionError):
            facts = {}
        if not isinstance(facts.get("version"), int):
            raise DestinationError(f"{path} was not written by lastpage; give another destination, or remove it")
        if facts["version"] > VERSION:
            raise UsageError(f"{path} was written by a newer lastpage; update this one, or give another destination")
        return facts

    def _ranges(self, path: Path) -> list[Range]:
        return [Range.from_record(record) for record in self._facts(path)["ranges"]]

    def _read_back(self, path: Path, rows: int) -> None:
        found = self._form.rows(path)
        if found != rows:
            raise DestinationError(
                f"{path} has {found} rows instead of the {rows} that were written; the disk may be at fault"
            )

    def _check_foreign(self) -> None:
        others = [path for path in sorted((self.folder / MAIN).glob("day=*/part.*")) if path.name != self._form.file]
        if others:
            raise UsageError(
                f"{self.folder} holds {others[0].suffix} files, and one folder has one format; "
                f"give another folder, or the format that is there"
            )
        ours = {*ALL, *LISTS, "raw", PIVOT, self._state.name}
        there = self.folder.iterdir() if self.folder.exists() else ()
        strange = [path.name for path in there if path.name not in ours and not path.name.startswith(".")]
        if strange and not (self.folder / MAIN).exists():
            raise DestinationError(
                f"{self.folder} has other things in it ({', '.join(sorted(strange)[:3])}); give an empty or a new folder"
            )


def _part(day: date) -> str:
    return f"day={day.isoformat()}"


def _count(counts: list[int], ranges: Sequence[Range], starts: pa.ChunkedArray) -> None:
    for number, version in enumerate(ranges if len(starts) else ()):
        counts[number] += pc.sum(pc.invert(outside(starts, [version.interval]))).as_py() or 0


def _failed(folder: Path, problem: Exception) -> DestinationError:
    what = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
    return DestinationError(
        f"cannot write to {folder}: {what}; mend that, then run the same command again: it goes on where it stopped"
    )


# PART sinks.staging
# Files of a folder that change together: written beside, flushed, marked as whole, put into place.
#
# Before the mark nothing has happened. From the mark on the change counts as made, and putting its files into place is only finished,
# by this run or the next. A reader may for a moment see some files old and others new.


MARK = "commit"
#: Stands for the slash while a file waits: one folder is flushed sooner than many. No name of ours has it.
SLASH = "+"


class Staging:
    """`place` is the folder that changes; `beside` is on the same disk and nobody else's."""

    def __init__(self, place: Path, beside: Path, disk: Disk) -> None:
        self._place = place
        self._beside = beside
        self._disk = disk

    def recover(self) -> None:
        """Finish or undo what a crash left."""
        for staged in sorted(self._beside.iterdir()) if self._beside.exists() else ():
            if (staged / MARK).exists():
                self._put_in_place(staged)
            else:
                self._disk.remove(staged)

    @contextmanager
    def change(self, name: str) -> Iterator[Callable[[str], Path]]:
        """Yields where to write what will stand at a path of the place; it stands there, with the rest, after the block."""
        staged = self._beside / name
        self._disk.remove(staged)
        staged.mkdir(parents=True)
        yield lambda relative: staged / relative.replace("/", SLASH)
        for path in sorted(staged.iterdir()):
            self._disk.sync(path)
        self._disk.sync(staged)
        self._disk.write(staged / MARK, b"")
        self._put_in_place(staged)

    def _put_in_place(self, staged: Path) -> None:
        for source in sorted(staged.iterdir(), reverse=True):
            if source.name != MARK:
                self._disk.replace(source, self._place / source.name.replace(SLASH, "/"))
        self._disk.remove(staged)
