"""Waiting for what another run has, or not: a destination is for one run at a time.

    what may be in use                                  found out when
    --------------------------------------------------  ------------------------------------------
    the state of a destination (a lock)                 it is held, before anything else is done
    a file of lines, by another name of it (a lock)     it is opened
    a DuckDB file, which another program has open, too  it is opened

All of these are tried again until the time is up, which is one for them together. What turns out to
be in use only later, such as a second name that a file got meanwhile, is not waited for. The run
begins when it has what it waited for: then `24h` means the hours before that.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from lastpage.clock import Clock
from lastpage.errors import InUseError
from lastpage.query.interval import SECOND, in_words

#: Seconds between two tries.
EVERY_S = 1.0
T = TypeVar("T")


@dataclass(slots=True)
class Waiting:
    """How long may be waited, by the client's clock; `note` is told of it once."""

    length: timedelta
    clock: Clock
    note: Callable[[str], None]
    #: When it began; None while nothing was in use.
    _began: float | None = field(default=None, init=False)

    def enter(self, stack: ExitStack, door: Callable[[], AbstractContextManager[T]]) -> T:
        """Enter what may be in use; raises `InUseError` when the time is up, or there is none."""
        while True:
            try:
                return stack.enter_context(door())
            except InUseError as problem:
                self._wait(problem)

    def _wait(self, problem: InUseError) -> None:
        """Wait a little; raises the problem where the time is up."""
        if not self.length:
            raise problem
        now = self.clock.now()
        if self._began is None:
            self._began = now
            what = str(problem).partition(";")[0]
            self.note(f"{what}; waiting for that, {in_words(self.length)} at most")
        left = self._began + self.length / SECOND - now
        if left <= 0:
            raise InUseError(f"after {in_words(self.length)} of waiting, {problem}") from None
        self.clock.sleep(min(EVERY_S, left))
