"""Files of a folder that change together: written beside, flushed, marked as whole, put into place.

Before the mark nothing has happened. From the mark on the change counts as made, and putting its files into place is only finished,
by this run or the next. A reader may for a moment see some files old and others new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lastpage.files import Disk

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
