"""Files that appear whole or not at all: written beside, flushed to the disk, renamed.

    write    bytes into FILE.new ─▶ fsync ─▶ replace
    replace  rename in one step ─▶ fsync of the folder, and of the folders that were made for it

A flush is a wait for the disk, and several wait together: so what may be flushed in any order is.

What lastpage keeps for itself may be read by its owner alone: answers of the API lie in it as they
came. A destination's own files are as the umask makes them.

`Disk` has the few steps that a crash can separate; tests give it a seam, to stop or to fail at each
of them. `named_statements` reads SQL that stands in a file of its own.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]


#: Flushes that wait together.
FLUSHES = 8


@dataclass(frozen=True, slots=True)
class Disk:
    """The durable steps. `seam` is called with a step's name before it is taken."""

    seam: Callable[[str], None] = lambda _name: None

    def sync(self, *paths: Path) -> None:
        """Wait until the disk has the bytes of files, and the names in folders."""
        for _ in paths:
            self.seam("file fsync")
        if len(paths) == 1:
            _flush(*paths)
        elif paths:
            with ThreadPoolExecutor(FLUSHES, "lastpage-flush") as threads:
                list(threads.map(_flush, paths))

    def replace(self, *moves: tuple[Path, Path]) -> None:
        """Give finished files their final names, one after the other, each in one step.

        Missing folders are made. Names are flushed once all are given.
        """
        folders: dict[Path, None] = {}
        for source, target in moves:
            self.seam("file rename")
            above = (target.parent, *target.parent.parents)
            made = [folder for folder in above if not folder.exists()]
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
            folders |= dict.fromkeys((target.parent, *(each.parent for each in made)))
        self.sync(*folders)

    def write(self, target: Path, data: bytes) -> None:
        """Write a small file of our own, whole or not at all."""
        beside = target.with_name(target.name + ".new")
        self.seam("file write")
        make_private(beside)
        beside.write_bytes(data)
        self.sync(beside)
        self.replace((beside, target))

    def remove(self, path: Path) -> None:
        """Remove a file or a folder; it may be gone already."""
        self.seam("file remove")
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:
        return  # a platform that cannot open folders does not need it
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock(path: Path) -> int | None:
    """Lock a file itself, whatever other names it has; closing the descriptor ends that.

    Raises `BlockingIOError` where another process has it. None where the file cannot be written to,
    or where system or file system have no such locks.
    """
    if fcntl is None:
        return None
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        os.close(descriptor)
        if isinstance(problem, BlockingIOError):
            raise
        return None
    return descriptor


def make_private_folder(path: Path) -> None:
    """Make a folder that nobody but its owner may enter, or make it so, whatever the umask."""
    path.mkdir(0o700, parents=True, exist_ok=True)
    with suppress(OSError):  # some file systems have no such thing
        path.chmod(0o700)


def make_private(path: Path) -> None:
    """Make a file that nobody but its owner may read, or make it so, whatever the umask."""
    path.touch(0o600)
    with suppress(OSError):
        path.chmod(0o600)


def named_statements(package: str, file: str) -> dict[str, str]:
    """The statements of a `.sql` file in a package, by the names in its lines `-- name: …`."""
    text = resources.files(package).joinpath(file).read_text("utf-8")
    parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))
