"""Where rows go, as people write it: a folder, a file, or `-`; its state beside it, held by one run at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from lastpage.errors import DestinationError, InUseError, UsageError
from lastpage.files import Disk
from lastpage.sinks.folder import Folder
from lastpage.sinks.jsonl import JsonLines, Stdout
from lastpage.sinks.parquet import Parquet
from lastpage.sinks.sink import Identity, Sink

FILES = (".jsonl", ".jsonl.gz", ".jsonl.zst")


@dataclass(frozen=True, slots=True)
class Destination:
    """`text` as given; `state` is the folder of its ledger, spool and lock, None where nothing outlives the run."""

    text: str
    state: Path | None

    @classmethod
    def parse(cls, text: str) -> Destination:
        """Raises `UsageError` for what no destination looks like; nothing is created yet."""
        if text == "-":
            return cls(text, None)
        if not text or "://" in text:
            raise UsageError(f"cannot write to {text!r}; give a folder, a file that ends in {', '.join(FILES)}, or -")
        path = Path(text)
        if text.endswith(FILES):
            return cls(text, path.with_name(path.name + ".lastpage"))
        if path.suffix in (".json", ".csv", ".parquet", ".gz", ".zst"):
            raise UsageError(f"{text!r} is no destination; give a folder for Parquet, or a file in {', '.join(FILES)}")
        if path.exists() and not path.is_dir():
            raise UsageError(f"{text!r} is a file, but no JSON lines; give a folder for Parquet")
        return cls(text, path / ".lastpage")

    @property
    def grows(self) -> bool:
        """Whether what is written there cannot be replaced."""
        return self.state is None or self.text.endswith(FILES)

    @contextmanager
    def held(self) -> Iterator[Path]:
        """Hold the destination and have its state folder; whoever comes second is told at once."""
        if self.state is None:
            with tempfile.TemporaryDirectory(prefix="lastpage-", ignore_cleanup_errors=True) as folder:
                yield Path(folder)
            return
        try:
            self.state.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.state / "lock")
            lock.acquire(blocking=False)
        except Timeout:
            raise InUseError(
                f"another run is writing to {self.text}; wait for it, or give another destination with --to"
            ) from None
        except OSError as problem:
            raise DestinationError(
                f"cannot write to {self.text}: {problem.strerror}; give a place this user may write to"
            ) from None
        try:
            yield self.state
        finally:
            lock.release()

    @contextmanager
    def sink(self, identity: Identity, disk: Disk) -> Iterator[Sink]:
        with closing(self._sink(identity, disk)) as sink:
            sink.open()
            yield sink

    def _sink(self, identity: Identity, disk: Disk) -> Sink:
        if self.state is None:
            return Stdout()
        if self.text.endswith(FILES):
            return JsonLines(Path(self.text), self.state, identity, disk)
        return Folder(Path(self.text), self.state, identity, Parquet(), disk)
