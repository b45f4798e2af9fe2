"""What a run has done so far: numbers that threads add to and a display reads."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from lastpage.trace import place, tell


@dataclass(slots=True)
class Meter:
    """Counts of one run. `expected` is the plan's estimate of conversations, None until there is a plan."""

    expected: int | None = None
    conversations: int = 0
    pages: int = 0
    slices: int = 0
    slices_done: int = 0
    notes: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def page(self, rows: int) -> None:
        with self._lock:
            self.conversations += rows
            self.pages += 1

    def done(self) -> None:
        """A slice has its verdict."""
        with self._lock:
            self.slices_done += 1

    def note_all(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.note(text)

    def note(self, text: str) -> None:
        """Something a person should know, once: shown above the progress and kept for the summary."""
        with self._lock:
            if text not in self.notes:
                self.notes.append(text)
        # A note may have ids or the API's own words in it; a trace has the line of code that wrote it instead.
        here = inspect.currentframe()
        tell("note", at=place(here and here.f_back))
