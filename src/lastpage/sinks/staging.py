"""Files of a folder that change together.

1. they are written beside the folder's own, and flushed   a crash up to here changes nothing
2. a mark is written: the change counts as made            from here on the next run finishes it
3. the files are moved into place, `conversations` last    a reader may see some of them old
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lastpage.files import Disk
from lastpage.tables.schema import CONVERSATIONS

#: The folder, in that of the state, where files wait.
STAGING = "staging"
#: Marks a change that is whole.
MARK = "commit"
#: Stands for the slash while a file waits: one folder is flushed sooner than many. No table, day or
#: file has it in its name.
SLASH = "+"


class Staging:
    """Files of a folder that change together.

    `beside` is a folder on the same disk where they wait, and where nothing else is.
    """

    def __init__(self, folder: Path, beside: Path, disk: Disk) -> None:
        self._folder = folder
        self._beside = beside
        self._disk = disk

    def recover(self) -> None:
        """Finish or undo what a crash left."""
        for waiting in sorted(self._beside.iterdir()) if self._beside.exists() else ():
            if (waiting / MARK).exists():
                self._move(waiting)
            else:
                self._disk.remove(waiting)

    def moving(self) -> list[str]:
        """The changes that are made, and whose files are not all in place.

        Unknown to whoever may not look into the folder, since it is its owner's alone.
        """
        try:
            names = os.listdir(self._beside)  # noqa: PTH208 - another run changes it meanwhile
        except OSError:
            return []
        return [name for name in names if (self._beside / name / MARK).exists()]

    @contextmanager
    def change(self, name: str) -> Iterator[Callable[[str], Path]]:
        """Yields where to write the file that will have a path within the folder.

        After the block all of them are there. Where the block raises, none is.
        """
        waiting = self._beside / name
        self._disk.remove(waiting)
        waiting.mkdir(parents=True)
        yield lambda path: waiting / path.replace("/", SLASH)
        self._disk.sync(*waiting.iterdir(), waiting)
        self._disk.write(waiting / MARK, b"")
        self._move(waiting)

    def _move(self, waiting: Path) -> None:
        names = in_order(path.name for path in waiting.iterdir() if path.name != MARK)
        self._disk.replace(
            *((waiting / name, self._folder / name.replace(SLASH, "/")) for name in names)
        )
        self._disk.remove(waiting)


def in_order(names: Iterable[str]) -> list[str]:
    """The names of files that wait, in the order in which they are put in place.

    `conversations` comes last, since what the day holds is recorded with it; and last of all what
    is recorded beside it: then no file is without a record, whatever is copied when.
    """
    last, beside = CONVERSATIONS + SLASH, f"{SLASH}_"
    return sorted(names, key=lambda name: (name.startswith(last), beside in name, name))
