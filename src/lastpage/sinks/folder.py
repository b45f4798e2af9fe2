"""A folder of tables: `DEST/<table>/day=YYYY-MM-DD/<file>`, a file a table and day, in one format.

What a day holds is recorded with its conversations: start ranges, their freshness, coverage,
finality and counts. So the destination knows what it has even without a ledger, and a reader can
see it. The files of a day change together (`staging.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Protocol, Self

import pyarrow as pa

from lastpage.coverage.ranges import Range
from lastpage.errors import DestinationError
from lastpage.files import Disk
from lastpage.sinks.day import Change, ChangedByDay, Count
from lastpage.sinks.intact import Footprint, Look, damage, footprint
from lastpage.sinks.recorded import (
    DAY,
    VERSION,
    Files,
    OnDisk,
    Recorded,
    RecordedFolder,
    day_of,
)
from lastpage.sinks.sink import (
    NONE_STAYS,
    Identity,
    Pages,
    Written,
    explained,
    read_back,
)
from lastpage.sinks.staging import STAGING, Staging
from lastpage.sinks.writing import Writer, rows_of, write_rows
from lastpage.tables.build import Shredder, Shredding
from lastpage.tables.derived import LIST, Names
from lastpage.tables.schema import CONVERSATIONS
from lastpage.tables.selection import Selection


class FileFormat(Protocol):
    """How a table is a file."""

    #: The file's name, and where the facts of a day stand that `describe` records.
    recorded: Recorded

    def tables(self, chosen: Shredder) -> Shredding:
        """What makes the tables that are files, where those of a selection were chosen."""

    def create(self, path: Path, schema: pa.Schema) -> Writer:
        """Begin a file."""

    def read(self, path: Path, schema: pa.Schema) -> Iterator[pa.Table]:
        """A file's rows, a part at a time, with these columns; what it does not have is null."""

    def rows(self, path: Path) -> int:
        """How many rows a file has."""


class Changing(Protocol):
    """How files change together (`staging.py`, `moving.py`)."""

    def recover(self) -> None:
        """Finish or undo what a crash left."""

    def moving(self) -> list[str]:
        """The changes that are made, and whose files are not all in place."""

    def change(self, name: str) -> AbstractContextManager[Callable[[str], Path]]:
        """Where to write the file that will have a name; after the block, all are in place."""


class Folder(RecordedFolder, ChangedByDay):
    """A `TableSink` of files in one format."""

    def __init__(self, files: Files, staging: Changing, format_: FileFormat) -> None:
        super().__init__(files, format_.recorded)
        self._format = format_
        #: Of everything, until it is claimed.
        self.shredding = format_.tables(Shredder())
        self._staging = staging

    @classmethod
    @contextmanager
    def open(cls, files: Files, staging: Changing, format_: FileFormat) -> Iterator[Self]:
        """Finish or undo what a crash left; refuse other software's folder, and another format."""
        sink = cls(files, staging, format_)
        with explained(files.place, pa.ArrowException):
            staging.recover()
        sink._identify()
        yield sink

    @classmethod
    @contextmanager
    def look(cls, files: Files, staging: Changing, format_: FileFormat) -> Iterator[Self]:
        """Refuse what `open` refuses; what a crash left stays as it is."""
        sink = cls(files, staging, format_)
        sink._identify()
        if sink.known:
            chosen = Shredder.to_read(Selection.load(sink.known.selection))
            sink.shredding = format_.tables(chosen)
        yield sink

    def claim(self, identity: Identity, shredder: Shredder) -> None:
        """Refuse a folder of another organisation, other filters or another selection."""
        identity.check(self.known, self._files.place)
        self._identity, self.shredding = identity, self._format.tables(shredder)

    def changing(self) -> set[date]:
        """The days whose files are being moved into place."""
        names = self._staging.moving()
        return {date.fromisoformat(name[len(DAY) :]) for name in names if name.startswith(DAY)}

    def damaged(self) -> dict[date, str]:
        """The days whose files are not as they were written, and what is missing of each."""
        with self._files.listed():
            days = [day_of(file) for file in self._files.days()]
            found = self._files.mapped(lambda day: self._damage(day, "files"), days)
            return {day: damage for day, damage in zip(days, found, strict=True) if damage}

    def damage(self, day: date, *, content: bool = False) -> str:
        """What is missing of a day, by what it recorded of its tables."""
        return self._damage(day, "content" if content else "counts")

    def together(self) -> AbstractContextManager[None]:
        """Files of two days do not change together: each change stands alone."""
        return nullcontext()

    def _change(self, day: date, change: Change, pages: Pages) -> Written:
        file = self._file(CONVERSATIONS, day)
        staging = self._staging.change(f"{DAY}{day}")
        with explained(self._files.place, pa.ArrowException), staging as staged:
            rows = self._write(staged, day, change, pages)
            found = self._format.rows(staged(file))
            if found != rows:
                raise DestinationError(
                    f"{staged(file)} has {found} rows instead of the {rows} that were "
                    "written; the disk may be at fault"
                )
        return change.written()

    def renew(self, day: date, ranges: Sequence[Range]) -> None:
        """Write the file of the day's conversations anew, since what it holds is recorded there."""
        file, schema = self._file(CONVERSATIONS, day), self.shredding.schemas[CONVERSATIONS]
        tables = self._facts(file, self._files.version(file)).get("tables", {})
        with explained(self._files.place, pa.ArrowException):
            change = Change(self.held(day), ranges, self.shredding, NONE_STAYS)
            counts = [Count.nothing(schema) for _ in change.after]
            with (
                self._staging.change(f"{DAY}{day}") as staged,
                self._format.create(staged(file), schema) as conversations,
            ):
                rows = 0
                for batch in self.read(CONVERSATIONS, day):
                    conversations.write(batch)
                    rows += len(batch)
                    for count, range_ in zip(counts, change.after, strict=True):
                        count.add(batch, range_.interval)
                self._describe(conversations, change, counts, tables, rows)

    def refresh(self, names: Names) -> None:
        """Write one file a list: `DEST/<list>/<file>`."""
        with (
            explained(self._files.place, pa.ArrowException),
            self._staging.change("names") as staged,
        ):
            for name, table in names.lists.items():
                path = staged(f"{name}/{self._recorded.file}")
                with self._format.create(path, table.schema) as writer:
                    writer.write(table)

    def read(self, table: str, day: date) -> Iterator[pa.Table]:
        """A day of a table, a part at a time, with the columns of the selection."""
        schema = self.shredding.schemas.get(table)
        return self._rows(self._file(table, day), schema) if schema else iter(())

    def named(self, kind: str) -> Iterator[pa.Table]:
        """One of the organisation's lists; nothing where it is not there."""
        return self._rows(f"{kind}/{self._recorded.file}", LIST)

    def _rows(self, file: str, schema: pa.Schema) -> Iterator[pa.Table]:
        path = self._files.place / file
        with read_back(path, path.parent, pa.ArrowException), self._files.local(file) as local:
            if local:
                yield from self._format.read(local, schema)

    def _write(self, staged: Callable[[str], Path], day: date, change: Change, pages: Pages) -> int:
        """Write every table of a day; how many conversations it has."""
        schemas = self.shredding.schemas
        paths = {name: staged(self._file(name, day)) for name in schemas}
        counts = [Count.nothing(schemas[CONVERSATIONS]) for _ in change.after]
        with self._format.create(paths[CONVERSATIONS], schemas[CONVERSATIONS]) as conversations:
            with ExitStack() as files:
                writers = {CONVERSATIONS: conversations} | {
                    name: files.enter_context(self._format.create(paths[name], schema))
                    for name, schema in schemas.items()
                    if name != CONVERSATIONS
                }
                coming = rows_of(change, pages, schemas, lambda name: self.read(name, day))
                rows = write_rows(writers, coming, schemas, change, counts)
            # The other files are whole by now.
            whole = {
                name: footprint(paths[name], rows[name])
                for name in writers.keys() - {CONVERSATIONS}
            }
            self._describe(conversations, change, counts, whole, rows[CONVERSATIONS])
        return rows[CONVERSATIONS]

    def _describe(
        self,
        conversations: Writer,
        change: Change,
        counts: Sequence[Count],
        tables: Mapping[str, Footprint],
        rows: int,
    ) -> None:
        """Record with a day's conversations what the day holds; the other tables are whole."""
        conversations.describe(
            {
                "version": VERSION,
                **asdict(self._identity),
                "ranges": [range_.record() for range_ in change.holds(counts)],
                "tables": {**tables, CONVERSATIONS: {"rows": rows}},
            }
        )

    def _damage(self, day: date, look: Look) -> str:
        file = self._file(CONVERSATIONS, day)
        if self._files.found(file) is None:
            return ""
        recorded = self._facts(file, self._files.version(file)).get("tables", {})
        path = self._files.place / file
        with read_back(path.parent, path.parent):
            return damage(
                recorded,
                self._files,
                lambda name: self._file(name, day),
                self._format,
                look,
                self.shredding.schemas,
            )


@dataclass(frozen=True, slots=True)
class Folders:
    """The doors of folders of one format."""

    format: FileFormat

    def open(self, folder: Path, state: Path, disk: Disk) -> AbstractContextManager[Folder]:
        """Open a folder, to write to it."""
        staging = Staging(folder, state / STAGING, disk)
        return Folder.open(OnDisk(folder, self.format.recorded), staging, self.format)

    def look(self, folder: Path, state: Path) -> AbstractContextManager[Folder]:
        """Look at a folder."""
        staging = Staging(folder, state / STAGING, Disk())
        return Folder.look(OnDisk(folder, self.format.recorded), staging, self.format)
