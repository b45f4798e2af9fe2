"""Where rows go, as people write it: a folder, a file, a server's URL or `-`; its state is for one
run at a time.

`SINKS` lists what there is. To add a sink: write its file, add its row here and its sentence to the
documents, and add it to the kinds of tests/contract. A module is loaded when its row is needed.
"""

from __future__ import annotations

import os
import pkgutil
import re
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lastpage.errors import DestinationError, InUseError, UsageError
from lastpage.files import Disk, make_private, make_private_folder
from lastpage.sinks import bucket, server
from lastpage.sinks.bucket import Bucket
from lastpage.sinks.server import Server
from lastpage.tables.schema import CONVERSATIONS
from lastpage.tables.selection import EVERYTHING, Selection

if TYPE_CHECKING:  # what a sink needs is loaded when one is opened
    from lastpage.sinks.sink import Family, LineSink, Recording, Sink, TableReader, TableSink

#: How the days of a folder are files.
Format = Literal["parquet", "csv", "jsonl", "delta"]
#: What a folder of Delta tables has in it, and no other.
DELTA_SIGN = "lastpage_ranges/_delta_log/*"
#: The file in a state folder that is locked by the run which holds the destination.
LOCK = "lock"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of sink."""

    name: str
    shape: Literal["folder", "file", "single", "server", "stream"]
    #: How its name ends; of a folder, how the names of its files end; of a server, how it begins.
    endings: tuple[str, ...]
    #: (A single file is made of tables that are kept beside it: `extraction/single.py`.)
    #: Whether it keeps the contract of `TableSink` (as tables, or as the API's own records, which
    #: are one table to us) or of `LineSink`.
    contract: Literal["tables", "records", "lines"]
    #: What has its doors, a `Family`, within this package.
    family: str
    #: What has the door to what it has recorded, where that is something else.
    recording: str = ""
    #: The extra that it needs, and the module that this brings.
    extra: tuple[str, str] | None = None
    #: What a folder of this format has in it, where that does not follow from `endings`.
    sign: str = ""


SINKS = (
    Kind("parquet", "folder", (".parquet",), "tables", "formats:PARQUET", "recorded:PARQUET"),
    Kind("csv", "folder", (".csv",), "tables", "formats:CSV", "recorded:CSV"),
    Kind("jsonl", "folder", (".jsonl",), "records", "lines:LINES", "recorded:LINES"),
    Kind(
        "delta",
        "folder",
        (".parquet",),
        "tables",
        "delta:Delta",
        "pins:RecordedTables",
        ("delta", "deltalake"),
        DELTA_SIGN,
    ),
    Kind("lines", "file", (".jsonl", ".jsonl.gz", ".jsonl.zst"), "lines", "jsonl:JsonLines"),
    Kind("duckdb", "file", (".duckdb", ".ddb"), "tables", "duckdb:DuckDB", "database:DatabaseFile"),
    Kind("single", "single", (".csv", ".parquet"), "tables", "formats:PARQUET", "recorded:PARQUET"),
    Kind(
        "excel",
        "single",
        (".xlsx",),
        "tables",
        "formats:PARQUET",
        "recorded:PARQUET",
        ("excel", "xlsxwriter"),
    ),
    Kind(
        "postgres",
        "server",
        server.SCHEMES,
        "tables",
        "postgres:Postgres",
        "session:Session",
        ("postgres", "adbc_driver_postgresql"),
    ),
    Kind("objects", "server", bucket.SCHEMES, "tables", "objects:DOORS", extra=("s3", "obstore")),
    Kind("stdout", "stream", ("-",), "lines", "jsonl:Stdout"),
)
FOLDERS = {kind.name: kind for kind in SINKS if kind.shape == "folder"}
FILES = {
    ending: kind for kind in SINKS if kind.shape in ("file", "single") for ending in kind.endings
}
SERVERS = {name: kind for kind in SINKS if kind.shape == "server" for name in kind.endings}
#: What reads the URLs of those, by what begins as one.
URLS: dict[re.Pattern[str], Callable[[str], Server | Bucket]] = {
    server.BEGINS: Server.parse,
    bucket.BEGINS: Bucket.parse,
}
STREAMS = {name: kind for kind in SINKS if kind.shape == "stream" for name in kind.endings}
#: What looks like the ending of a file; a folder may have a dot in its name, as in 2023.10.
AN_ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]+")
#: The folder of the tables that a single file is made of, within its state.
TABLES_OF_SINGLE = "tables"
ADVICE = (
    f"give a folder, a file that ends in {', '.join(FILES)}, {server.SCHEMES[0]}://user@host/db, "
    f"{bucket.SCHEMES[0]}://bucket/prefix, or {' or '.join(STREAMS)}"
)


@dataclass(frozen=True, slots=True)
class Destination:
    """A destination as it was given."""

    text: str
    #: What it names, with every link followed: as it was given where there is none.
    path: Path | Server | Bucket
    kind: Kind
    #: The folder of its ledger, spool and lock; None where nothing outlives the run.
    state: Path | None
    #: The single file that is made of the tables at `path`, if it is one.
    single: Path | None = None

    @classmethod
    def of(
        cls,
        to: str | os.PathLike[str] | Destination,
        form: Format | None = None,
        state: str | os.PathLike[str] | None = None,
    ) -> Destination:
        """As `parse`; one that was read before knows more than its text says: a password."""
        return to if isinstance(to, Destination) else cls.parse(os.fspath(to), form, state)

    @classmethod
    def parse(
        cls, text: str, form: Format | None = None, state: str | os.PathLike[str] | None = None
    ) -> Destination:
        """Read what was given; nothing is created yet.

        `form` is for folders; a folder that has files already keeps their format. `state` is for
        servers: the folder of what is known of the runs, if not the usual one. Raises `UsageError`
        for what cannot be a destination.
        """
        for begins, parse in URLS.items():
            if begins.match(text):
                return cls._elsewhere(parse(text), form, state)
        if state is not None:
            raise UsageError(
                f"--state is for a server or an object store; {text!r} has its state in it, or "
                "beside it: leave it out"
            )
        _check_name(text)
        ending = _ending_of(text)
        file = FILES.get(ending)
        if form and (file or text in STREAMS):
            raise UsageError(
                f"--format {form} is how a folder's files are; {text!r} is not a folder"
            )
        if text in STREAMS:
            return cls(text, Path(text), STREAMS[text], None)
        if not text.strip() or "://" in text:
            raise UsageError(f"{text!r} is not a destination; {ADVICE}")
        path = _followed(text)
        if _ending_of(path.name) != ending:
            raise UsageError(
                f"{text!r} is a link to {str(path)!r}, and its ending says something else than "
                "that of the link; give what it links to"
            )
        if file:
            beside = path.with_name(path.name + ".lastpage")
            if file.shape == "file":
                return cls(text, path, file, beside)
            if path.is_dir():
                raise UsageError(f"{text!r} is a folder, and its name that of a single file")
            _check_extra(file, text)
            return cls(text, beside / TABLES_OF_SINGLE, file, beside, path)
        if AN_ENDING.fullmatch(path.suffix) and not (text.endswith("/") or path.is_dir()):
            raise UsageError(
                f"{text!r} looks like a file, and none that lastpage makes; {ADVICE} (if it is the "
                f"name of a folder, write {text}/)"
            )
        if path.exists() and not path.is_dir():
            raise UsageError(f"{text!r} is a file, and none that lastpage makes; {ADVICE}")
        kind = FOLDERS[form or _format_of(path) or "parquet"]
        _check_extra(kind, f"--format {kind.name}")
        return cls(text, path, kind, path / ".lastpage")

    @classmethod
    def _elsewhere(
        cls, path: Server | Bucket, form: Format | None, state: str | os.PathLike[str] | None
    ) -> Destination:
        """What is on no disk of this machine, and has its state here."""
        scheme = path.url.partition("://")[0]
        if form and isinstance(path, Server):
            raise UsageError(f"--format {form} is how a folder's files are; {path} is not a folder")
        if form not in (None, "parquet"):
            raise UsageError(f"{path} gets Parquet; --format {form} is for folders on a disk")
        _check_extra(SERVERS[scheme], f"{scheme}://")
        return cls(path.url, path, SERVERS[scheme], Path(state) if state else path.state)

    @property
    def is_there(self) -> bool:
        """Whether something is there; of a server only a look can tell."""
        return not isinstance(self.path, Path) or self.path.exists()

    @property
    def is_append_only(self) -> bool:
        """Whether rows are appended to it and nothing in it is ever replaced."""
        return self.kind.contract == "lines"

    @property
    def has_tables(self) -> bool:
        """Whether it gets tables, and not the API's own records, untouched."""
        return self.kind.contract == "tables"

    def check(self, selection: Selection, **replacing: bool) -> None:
        """Raise `UsageError` where a selection of tables and columns makes no sense here.

        Or where an option, by its name, is on that is about what is there, and cannot be replaced.
        """
        if not self.has_tables and selection not in (EVERYTHING, Selection(keep_raw=True)):
            raise UsageError(
                f"{self.text} gets the API's own records, one a line, untouched; --tables, "
                "--columns, --drop, --hash and --attributes are for destinations with tables, "
                "such as a folder of Parquet"
            )
        for name, is_on in replacing.items():
            if self.is_append_only and is_on:
                raise UsageError(
                    f"{self.text} gets JSON lines, and they cannot be replaced; leave out "
                    f"--{name.replace('_', '-')}, or give a folder, whose days can (with --format "
                    "jsonl they are lines, too)"
                )

    def check_replaces(self, what: str) -> None:
        """Raise `UsageError` where a command (`what`) needs days that can be replaced."""
        if self.single:
            raise UsageError(
                f"{self.text} is a single file, and written whole, where {what} replaces days; "
                "give a folder, or a file x.duckdb"
            )
        if self.is_append_only:
            raise UsageError(
                f"{self.text} gets JSON lines, and they cannot be replaced, as {what} replaces "
                "days; give a folder (with --format jsonl it has a file of lines a day), or a file "
                "x.duckdb"
            )

    @contextmanager
    def held(self) -> Iterator[Path]:
        """Hold the destination and have its state folder.

        Raises `InUseError` at once where another run holds it, `DestinationError` where it cannot
        be. What was created for a run that began nothing is removed again.
        """
        if self.state is None:
            with tempfile.TemporaryDirectory(
                prefix="lastpage-", ignore_cleanup_errors=True
            ) as folder:
                yield Path(folder)
            return
        from filelock import FileLock, Timeout  # noqa: PLC0415 - slow to import

        created = [path for path in (self.state, *self.state.parents) if not path.exists()]
        lock = FileLock(self.state / LOCK, mode=0o600)
        try:
            try:
                make_private_folder(self.state)
                make_private(self.state / LOCK)
                lock.acquire(blocking=False)
            except Timeout:
                raise InUseError(
                    f"another run is writing to {self.text}; "
                    "wait for it (--wait 10m), or give another destination with --to"
                ) from None
            except OSError as problem:
                raise DestinationError(
                    f"cannot write to {self.text}: {problem.strerror}; "
                    "give a destination that this user may write to"
                ) from None
            yield self.state
        finally:
            if (
                lock.is_locked
                and created
                and [each.name for each in self.state.iterdir()] == [LOCK]
            ):
                # The file goes while it is locked: a run that waits for it sees that it is gone.
                (self.state / LOCK).unlink()
            lock.release()
            for path in created:
                with suppress(OSError):
                    path.rmdir()

    def sink(self, state: Path, disk: Disk) -> AbstractContextManager[TableSink | LineSink]:
        """The sink, open, while it is held; it has to be claimed before anything is written."""
        return self._family.open(self.path, state, disk)

    def look(self) -> AbstractContextManager[TableReader | Sink]:
        """The sink as it is, to be read: nothing is written or held, and it need not be held."""
        return self._family.look(self.path, self._state_folder)

    def record(self) -> AbstractContextManager[Sink]:
        """What the sink has recorded of itself, to be read sooner than its rows could be."""
        recording: Recording[Any] = _within_sinks(self.kind.recording or self.kind.family)
        return recording.record(self.path, self._state_folder)

    @property
    def _state_folder(self) -> Path:
        return self.state or Path(self.text)

    @property
    def _family(self) -> Family[Any]:
        family: Family[Any] = _within_sinks(self.kind.family)
        return family


def _within_sinks(name: str) -> Any:
    """An object of this package, whose module is loaded now."""
    return pkgutil.resolve_name(f"lastpage.sinks.{name}")


def _ending_of(name: str) -> str:
    """The ending that makes a name that of a file; empty where it is none of these."""
    return next((ending for ending in FILES if name.endswith(ending)), "")


def _followed(text: str) -> Path:
    """What a name names: state and lock belong to that, so every link to it has the same ones.

    A link may lead to what is not there yet; then that is made, and the link stays.
    """
    real = os.path.realpath(text)
    return Path(text) if real == os.path.abspath(text) else Path(real)  # noqa: PTH100


def _format_of(folder: Path) -> str | None:
    """The format of a folder's files, if there are any: a folder has one, and keeps it."""
    for name, kind in FOLDERS.items():
        signs = [f"{CONVERSATIONS}/day=*/part{ending}" for ending in kind.endings]
        if any(any(folder.glob(sign)) for sign in ([kind.sign] if kind.sign else signs)):
            return name
    return None


def _check_extra(kind: Kind, what: str) -> None:
    """Raise `UsageError` where an extra is missing that this kind needs."""
    if kind.extra and find_spec(kind.extra[1]) is None:
        raise UsageError(
            f"{what} needs what is not installed; run pip install 'lastpage[{kind.extra[0]}]'"
        )


def _check_name(text: str) -> None:
    """Raise `UsageError` for what cannot be the name of a file, or is one by mistake."""
    if any(unicodedata.category(char) == "Cc" for char in text):
        raise UsageError(
            f"{text!r} is not a destination: it has control characters in it; write the name again"
        )
    if text.startswith("-") and text not in STREAMS:
        raise UsageError(
            f"{text!r} looks like an option; write ./{text} if it is the name of a destination"
        )
    try:
        Path(text).exists()
    except OSError as problem:
        raise UsageError(
            f"a name of {len(text):,} letters is not a destination: {problem.strerror}; shorten it"
        ) from None
