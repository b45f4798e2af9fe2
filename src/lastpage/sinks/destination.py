"""Where rows go, as people write it: a folder, a file, or `-`; its state beside it, held by one run at a time."""

from __future__ import annotations

import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import BaseFileLock, FileLock, Timeout

from lastpage.errors import DestinationError, InUseError, UsageError
from lastpage.files import Disk
from lastpage.sinks.folder import MAIN, Folder
from lastpage.sinks.folder import Format as Form
from lastpage.sinks.formats import Csv, Parquet
from lastpage.sinks.jsonl import JsonLines, Stdout
from lastpage.sinks.sink import Sink
from lastpage.tables.selection import EVERYTHING, Selection

LOCK = "lock"
LINES = (".jsonl", ".jsonl.gz", ".jsonl.zst")
DATABASES = (".duckdb", ".ddb")
#: How the tables of a folder are files.
Format = Literal["parquet", "csv"]
Kind = Literal["parquet", "csv", "duckdb", "lines", "stdout"]
FORMATS: dict[Format, Form] = {"parquet": Parquet(), "csv": Csv()}
WANTED = f"give a folder, a file that ends in {', '.join((*LINES, *DATABASES))}, or -"


@dataclass(frozen=True, slots=True)
class Destination:
    """`text` as given; `state` is the folder of its ledger, spool and lock, None where nothing outlives the run."""

    text: str
    kind: Kind
    state: Path | None

    @classmethod
    def parse(cls, text: str, form: Format | None = None) -> Destination:
        """Raises `UsageError` for what no destination looks like; nothing is created yet."""
        _check_name(text)
        path = Path(text)
        if text == "-":
            made = cls(text, "stdout", None)
        elif not text.strip() or "://" in text:
            raise UsageError(f"cannot write to {text!r}; {WANTED}")
        elif text.endswith((*LINES, *DATABASES)):
            kind: Kind = "lines" if text.endswith(LINES) else "duckdb"
            made = cls(text, kind, path.with_name(path.name + ".lastpage"))
        elif path.suffix in (".json", ".csv", ".parquet", ".gz", ".zst"):
            raise UsageError(f"{text!r} is no destination; {WANTED}")
        elif path.exists() and not path.is_dir():
            raise UsageError(f"{text!r} is a file, but none of lastpage's; {WANTED}")
        else:
            return cls(text, form or _there(path) or "parquet", path / ".lastpage")
        if form:
            raise UsageError(f"--format {form} is how a folder's files are; {text!r} is no folder")
        return made

    @property
    def grows(self) -> bool:
        """Whether what is written there cannot be replaced."""
        return self.kind in ("lines", "stdout")

    def takes(self, selection: Selection) -> None:
        """Raises `UsageError` where a selection of tables and columns makes no sense here."""
        if self.grows and selection not in (EVERYTHING, Selection(keep_raw=True)):
            raise UsageError(
                f"{self.text} gets the API's own records, one a line, untouched; --tables, --columns, --drop, --hash and "
                "--attributes are for destinations with tables, such as a folder"
            )

    @contextmanager
    def held(self) -> Iterator[Path]:
        """Hold the destination and have its state folder; whoever comes second is told at once."""
        if self.state is None:
            with tempfile.TemporaryDirectory(prefix="lastpage-", ignore_cleanup_errors=True) as folder:
                yield Path(folder)
            return
        made = [path for path in (self.state, *self.state.parents) if not path.exists()]
        lock = FileLock(self.state / LOCK)
        try:
            self._take(lock)
            yield self.state
        finally:
            if lock.is_locked and made and [path.name for path in self.state.iterdir()] == [LOCK]:
                # Nothing was begun. The file goes while it is locked: whoever waits for it sees that it is gone.
                (self.state / LOCK).unlink()
            lock.release()
            for path in made:
                with suppress(OSError):
                    path.rmdir()

    def _take(self, lock: BaseFileLock) -> None:
        assert self.state is not None
        try:
            self.state.mkdir(parents=True, exist_ok=True)
            lock.acquire(blocking=False)
        except Timeout:
            raise InUseError(
                f"another run is writing to {self.text}; wait for it, or give another destination with --to"
            ) from None
        except OSError as problem:
            raise DestinationError(
                f"cannot write to {self.text}: {problem.strerror}; give a place this user may write to"
            ) from None

    @contextmanager
    def sink(self, state: Path, disk: Disk) -> Iterator[Sink]:
        """The sink, opened; it has to be claimed before anything is written."""
        sink = SINKS[self.kind](Path(self.text), state, disk)
        try:
            sink.open()
            yield sink
        except BaseException:
            with suppress(DestinationError):  # the first problem is what counts
                sink.close()
            raise
        sink.close()


def _there(folder: Path) -> Format | None:
    """The format of a folder's files, if there are any: a folder has one, and keeps it."""
    there = (name for name, form in FORMATS.items() if any((folder / MAIN).glob(f"day=*/{form.file}")))
    return next(there, None)


def _duckdb(path: Path, state: Path, disk: Disk) -> Sink:
    """DuckDB is loaded where it is needed: a seventh of a second and 30 MiB that other destinations do without."""
    from lastpage.sinks.duckdb import DuckDB  # noqa: PLC0415

    return DuckDB(path, state, disk)


SINKS: dict[Kind, Callable[[Path, Path, Disk], Sink]] = {
    "parquet": lambda path, state, disk: Folder(path, state, FORMATS["parquet"], disk),
    "csv": lambda path, state, disk: Folder(path, state, FORMATS["csv"], disk),
    "duckdb": _duckdb,
    "lines": JsonLines,
    "stdout": lambda _path, _state, _disk: Stdout(),
}


def _check_name(text: str) -> None:
    """Refuse what can be no name of a file, or is one by mistake."""
    if any(unicodedata.category(char) == "Cc" for char in text):
        raise UsageError(f"cannot write to {text!r}: it has control characters in it; write the name again")
    if text.startswith("-") and text != "-":
        raise UsageError(f"cannot write to {text!r}: it looks like an option; write ./{text} if it is a name")
    try:
        Path(text).exists()
    except OSError as problem:
        raise UsageError(f"cannot write to a name of {len(text):,} letters: {problem.strerror}; shorten it") from None
