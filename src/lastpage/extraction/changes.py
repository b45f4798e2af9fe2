"""`--changes`: what a run found to be otherwise, a JSON object a line, for the next program.

    {"change": "new", "conversation_id": "…", "record": {…}}     new, changed, closed: the API's own
                                                                 record, untouched
    {"change": "removed", "conversation_id": "…"}                removed, moved (which is new on the
                                                                 day to which it moved)

Lines are appended, and on disk before the day is written that they are of. So a run that is stopped
in between tells of them once more, and none is lost. A line that was torn then is cut off when the
file is opened again. Records without a readable id or start are not among them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal, Self

from lastpage.api.records import Raw, on_one_line, read_head
from lastpage.errors import UsageError
from lastpage.extraction.comparing import Compared
from lastpage.sinks.sink import Pages, explained

#: How each line begins.
BEGINS = b'{"change": "'
#: A last line that was torn is within so much of the end; a record is a few kilobytes.
TAIL_BYTES = 1 << 22


class Changes:
    """Where it is told; `name` is what it was called."""

    def __init__(self, name: str, out: IO[bytes]) -> None:
        self._name = name
        self._out = out

    @classmethod
    @contextmanager
    def open(cls, name: str) -> Iterator[Self]:
        """Append to a file; `-` is stdout. Raises `UsageError` for what cannot be appended to."""
        if name == "-":
            yield cls(name, sys.stdout.buffer)
            return
        path = Path(name)
        try:
            file = path.open("r+b" if path.exists() else "x+b")
        except OSError as problem:
            raise UsageError(
                f"cannot write changes to {name!r}: {problem.strerror}; "
                "give --changes a file that can be written"
            ) from None
        with file:
            _go_to_end(file, name)
            yield cls(name, file)

    def passing(self, pages: Pages, found: Compared) -> Iterator[Collection[Raw]]:
        """The pages as they are, each once its changes are told; all are on disk at the end."""
        for page in pages:
            for raw in page:
                head = read_head(raw)
                kind = found.kind(head.id) if head else "unchanged"
                if head and kind != "unchanged":
                    self._write(kind, head.id, raw)
            yield page
        self._flush()

    def gone(self, change: Literal["moved", "removed"], ids: Iterable[str]) -> None:
        """These leave the day that they were in."""
        for text in ids:
            self._write(change, text)
        self._flush()

    def _write(self, change: str, text: str, raw: Raw | None = None) -> None:
        name = json.dumps(text).encode()
        line = BEGINS + change.encode() + b'", "conversation_id": ' + name
        if raw is not None:
            line += b', "record": ' + on_one_line(raw)
        with explained(Path(self._name)):
            self._out.write(line + b"}\n")

    def _flush(self) -> None:
        with explained(Path(self._name)):
            self._out.flush()
            if self._name != "-":
                os.fsync(self._out.fileno())


def _go_to_end(file: IO[bytes], name: str) -> None:
    """Behind the last whole line; what a run that was stopped tore is cut off."""
    size = file.seek(0, os.SEEK_END)
    begin = file.seek(max(size - TAIL_BYTES, 0))
    tail = file.read()
    whole = tail.rfind(b"\n") + 1
    torn = tail[whole:]
    if torn and not (torn.startswith(BEGINS) or BEGINS.startswith(torn)):
        raise UsageError(
            f"{name!r} is not a file of changes: its last line is none; give --changes another file"
        )
    file.truncate(file.seek(begin + whole))
