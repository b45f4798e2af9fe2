"""What a run has done so far: numbers that threads add to and a display reads."""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lastpage.outside import shown
from lastpage.trace import code_line, log_event

#: Where sentences for people go that have no meter to be noted in.
LOG = logging.getLogger("lastpage")


def tell(notes: Iterable[str], meter: Meter | None) -> None:
    """Note what is not empty; without a meter these are warnings in the log."""
    for text in filter(None, notes):
        if meter:
            meter.note(text)
        else:
            LOG.warning("%s", shown(text))


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
    #: Whether a display shows them as they are made.
    shows: bool = False
    #: What was shown of the same run by an earlier process, and needs no second telling.
    told: frozenset[str] = frozenset()
    #: Keeps what is shown, so that the next process of a run that is resumed knows it.
    _keep: Callable[[str], None] | None = None
    _of_run: list[str] = field(default_factory=list)
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

    def note(self, text: str, *, of_run: bool = True) -> None:
        """A sentence that is shown beside the progress, or else with the summary.

        One that is not `of_run` tells of this process alone: the next one has its own.
        """
        text = shown(text)
        with self._lock:
            is_new = text not in self.notes
            if is_new:
                self.notes.append(text)
                self._of_run += [text] if of_run else []
        if is_new and of_run and self.shows and self._keep:
            self._keep(text)
        # A note may hold ids or the API's own words, so a trace has the line of code that wrote it.
        here = inspect.currentframe()
        log_event("note", at=code_line(here and here.f_back))

    def keep_notes(self, keep: Callable[[str], None]) -> None:
        """From now on `keep` is given what is shown of a run; what was noted before, at once."""
        with self._lock:
            self._keep, before = keep, list(self._of_run)
        for text in before if self.shows else ():
            keep(text)

    def is_told(self, text: str) -> bool:
        """Whether a note was shown already, by this process or by an earlier one of the run."""
        return text in self.told or (self.shows and text in self.notes)
