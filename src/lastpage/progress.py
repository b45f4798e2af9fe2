"""What a run has done so far: numbers that threads add to and a display reads."""

from __future__ import annotations

import inspect
import threading
from dataclasses import dataclass, field

from lastpage.trace import code_line, log_event


@dataclass(slots=True)
class Meter:
    """Counts of one run; safe for threads."""

    #: The plan's estimate of conversations; None until there is a plan.
    expected: int | None = None
    #: Conversations read so far, each once in a slice.
    conversations: int = 0
    pages: int = 0
    slices: int = 0
    slices_done: int = 0
    #: What a person should know; each sentence once.
    notes: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add_page(self, rows: int) -> None:
        """A page was read, with so many rows that its slice did not have before."""
        with self._lock:
            self.conversations += rows
            self.pages += 1

    def end_slice(self) -> None:
        """A slice has its verdict."""
        with self._lock:
            self.slices_done += 1

    def note(self, text: str) -> None:
        """A sentence that is shown above the progress and kept for the summary."""
        with self._lock:
            if text not in self.notes:
                self.notes.append(text)
        # A note may hold ids or the API's own words, so a trace has the line of code that wrote it.
        here = inspect.currentframe()
        log_event("note", at=code_line(here and here.f_back))
