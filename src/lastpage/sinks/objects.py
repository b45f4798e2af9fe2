"""A Parquet folder in an object store: `s3://bucket/prefix/<table>/day=YYYY-MM-DD/part.parquet`.

It is the folder's sink (`folder.py`); here is how its files are found, and how they change.

    a change of a day
    1. its files are written on this machine, whole        a crash up to here changes nothing
    2. they are put under `_lastpage/staging/`             nor here; the next run removes them
    3. the lock says that the change is made (`hold.py`)   from here on the next run finishes it
    4. they are copied into place, `conversations` last    a reader may see some of them old
    5. the lock says that they are in place; what is staged is removed
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lastpage.errors import DestinationError, UsageError
from lastpage.files import Disk, make_private_folder
from lastpage.sinks import hold
from lastpage.sinks.bucket import Bucket
from lastpage.sinks.hold import Change, Hold, staged
from lastpage.sinks.recorded import (
    DAY,
    END_BYTES,
    PARQUET,
    PARQUET_END,
    In,
    Out,
    RecordedFolder,
    Version,
)
from lastpage.sinks.sink import explained
from lastpage.sinks.staging import SLASH, in_order
from lastpage.sinks.store import COPY_MAX, ConditionError, Seen, Store
from lastpage.tables.schema import CONVERSATIONS

if TYPE_CHECKING:  # what is recorded is read without Arrow
    from lastpage.sinks.folder import Folder

#: Requests that wait for their answers at the same time.
AT_ONCE = 16
#: What is read of the end of a file: mostly all of its footer.
END_MAX = 64 * 1024
#: How often the end of a file is read that another run replaces meanwhile.
READS_MAX = 3
#: In the state folder: what tells it from every other one; files that are read, and written.
WRITER, READ, WRITTEN = "writer", "objects-read", "objects-written"


class Objects:
    """The `Files` of a place in an object store; those that are read lie in a folder meanwhile."""

    def __init__(self, store: Store, folder: Path | None) -> None:
        self.place = store.bucket
        self._store = store
        self._folder = folder
        self._listed: Mapping[str, Seen] | None = None

    def names(self) -> set[str]:
        return {name for name in self._store.names() if not name.startswith(".")}

    def days(self) -> dict[str, Version]:
        there = self._store.list(CONVERSATIONS) if self._listed is None else self._listed
        return {
            name: _version(seen)
            for name, seen in there.items()
            if name.startswith(f"{CONVERSATIONS}/{DAY}") and name.endswith(f"/{PARQUET.file}")
        }

    def version(self, file: str) -> Version:
        seen = self._store.look(file)
        return _version(seen) if seen else None

    def found(self, file: str) -> Mapping[str, int] | None:
        seen = self._store.look(file) if self._listed is None else self._listed.get(file)
        return {"bytes": seen.bytes} if seen else None

    @contextmanager
    def local(self, file: str, *, is_end: bool = False) -> Iterator[Path | None]:
        with tempfile.TemporaryDirectory(prefix="lastpage-", dir=self._folder) as folder:
            path = Path(folder) / PARQUET.file
            is_there = self._read_end(file, path) if is_end else self._store.read(file, path)
            yield path if is_there else None

    @contextmanager
    def listed(self) -> Iterator[None]:
        self._listed = self._store.list("")
        try:
            yield
        finally:
            self._listed = None

    def mapped(self, work: Callable[[In], Out], items: Iterable[In]) -> Iterable[Out]:
        return at_once(work, items)

    def check_format(self) -> None:
        for name in self._store.list(CONVERSATIONS):
            file = name.rpartition("/")[2]
            if file.startswith("part") and file != PARQUET.file:
                raise UsageError(
                    f"{self.place} holds {Path(file).suffix or 'other'} files, and an object store "
                    "gets Parquet; give another prefix"
                )

    def _read_end(self, file: str, path: Path) -> bool:
        """The end of a file, at its place in one that is empty before: as far as its footer."""
        for _ in range(READS_MAX):
            seen = self._store.look(file)
            if seen is None:
                return False
            try:
                end = self._end(file, seen, END_MAX)
                footer = int.from_bytes(end[-END_BYTES:-4], "little") + END_BYTES
                if end.endswith(PARQUET_END) and len(end) < footer:
                    end = self._end(file, seen, footer)
            except ConditionError:
                continue  # it was replaced just now
            with path.open("wb") as local:
                local.truncate(seen.bytes)
                local.seek(seen.bytes - len(end))
                local.write(end)
            return True
        raise DestinationError(
            f"{self.place / file} changes while it is read; run the same command again"
        )

    def _end(self, file: str, seen: Seen, size: int) -> bytes:
        return self._store.end(file, seen, max(seen.bytes - size, 0)) if seen.bytes else b""


class Staged:
    """Objects that change together; `beside` is a folder on this machine where they are written."""

    def __init__(self, store: Store, held: Hold, beside: Path, disk: Disk) -> None:
        self._store = store
        self._hold = held
        self._beside = beside
        self._disk = disk

    def recover(self) -> None:
        """Finish what a crash left, and remove what it staged and did not make.

        What is listed is nobody's only if the place is held after that: who has taken it over
        since may have staged a part of it, and who has not can make nothing of it any more.
        """
        if self._hold.change:
            self._finish(self._hold.change)
        if left := list(self._store.list(staged())):
            self._hold.mark(None)
            self._store.remove(left)
        self._disk.remove(self._beside)

    def moving(self) -> list[str]:
        """The change that is made, and not all in place; for who only looks."""
        change = hold.read(self._store, self._store.small(hold.LOCK)).change
        return [change.name] if change else []

    @contextmanager
    def change(self, name: str) -> Iterator[Callable[[str], Path]]:
        """Yields where to write the file that will have a name.

        After the block all of them are there. Where the block raises, none is: what is put is
        whole, and nothing is put before that.
        """
        if self._hold.change:
            raise DestinationError(
                f"the last change of {self._store.bucket} is not all in place; run the same "
                "command again: that finishes it first"
            )
        waiting = self._beside / name
        self._disk.remove(waiting)
        waiting.mkdir(parents=True)
        yield lambda file: waiting / file.replace("/", SLASH)
        names = in_order(path.name for path in waiting.iterdir())
        if not names:
            return
        self._refuse_large(waiting, names)
        files = [name.replace(SLASH, "/") for name in names]
        change = Change(name, secrets.token_hex(16), files)
        written = zip(change.staged(), names, strict=True)
        at_once(lambda each: self._store.write(each[0], waiting / each[1]), written)
        self._hold.mark(change)
        self._finish(change)
        self._disk.remove(waiting)

    def _finish(self, change: Change) -> None:
        """Copy what is staged into place: what was copied before is the same again."""
        *others, last = zip(change.staged(), change.files, strict=True)
        if not (all(at_once(self._copied, others)) and self._copied(last)):
            self._hold.mark(change)  # raises where another run has finished it
            raise DestinationError(
                f"{self._store.bucket / staged(change.token)} is gone, or a part of it, and was to "
                f"become {change.name}: somebody removed it, perhaps a rule of the bucket; remove "
                f"{self._store.bucket / hold.LOCK}, and fetch that day again with --refresh"
            )
        self._hold.mark(None)
        self._store.remove(change.staged())

    def _copied(self, names: tuple[str, str]) -> bool:
        return self._store.copy(*names)

    def _refuse_large(self, waiting: Path, names: Iterable[str]) -> None:
        """Raise `DestinationError` for a file that could be put, and never copied into place."""
        for name in names:
            if (waiting / name).stat().st_size > COPY_MAX:
                raise DestinationError(
                    f"{self._store.bucket / name.replace(SLASH, '/')} would have more than "
                    f"{COPY_MAX // 1024**3} GiB, and stores copy no more at once; give a folder, "
                    "or another prefix with fewer tables or columns (--tables, --drop)"
                )


class ObjectStore:
    """The doors of places in an object store."""

    @contextmanager
    def open(self, bucket: Bucket, state: Path, disk: Disk) -> Iterator[Folder]:
        """Refuse other software's place; hold ours, finish what a crash left, write to it."""
        from lastpage.sinks.folder import Folder  # noqa: PLC0415 - what is recorded needs no Arrow
        from lastpage.sinks.formats import PARQUET as FORMAT  # noqa: PLC0415 - the same

        store = Store(bucket, disk.seam)
        RecordedFolder(Objects(store, None), PARQUET).refuse_foreign()
        with explained(state):
            make_private_folder(state)
            held = Hold(store, _writer(state, disk))
            disk.remove(state / READ)
            (state / READ).mkdir()
        staging = Staged(store, held, state / WRITTEN, disk)
        with (
            held.taken(),
            Folder.open(Objects(store, state / READ), staging, FORMAT.format) as sink,
        ):
            yield sink

    @contextmanager
    def look(self, bucket: Bucket, state: Path) -> Iterator[Folder]:
        """Look at a place."""
        from lastpage.sinks.folder import Folder  # noqa: PLC0415 - the same
        from lastpage.sinks.formats import PARQUET as FORMAT  # noqa: PLC0415 - the same

        store = Store(bucket, Disk().seam)
        staging = Staged(store, Hold(store, ""), state / WRITTEN, Disk())
        with Folder.look(Objects(store, None), staging, FORMAT.format) as sink:
            yield sink

    def record(self, bucket: Bucket, state: Path) -> AbstractContextManager[RecordedFolder]:  # noqa: ARG002
        """Look at what a place has recorded."""
        return RecordedFolder.look_up(Objects(Store(bucket, Disk().seam), None), PARQUET)


DOORS = ObjectStore()


def at_once(work: Callable[[In], Out], items: Iterable[In]) -> list[Out]:
    """What comes of some work for each item, in order, several at a time."""
    with ThreadPoolExecutor(AT_ONCE, "lastpage-store") as threads:
        return list(threads.map(work, items))


def _version(seen: Seen) -> Version:
    return seen.version, seen.bytes


def _writer(state: Path, disk: Disk) -> str:
    """The name of a state folder, which no other one has."""
    path = state / WRITER
    if path.exists() and hold.TOKEN.fullmatch(found := path.read_text("utf-8")):
        return found
    disk.write(path, secrets.token_hex(16).encode())
    return path.read_text("utf-8")
