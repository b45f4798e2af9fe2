"""Time as a parameter: the real clock, and one that moves only when something sleeps."""

from __future__ import annotations

import copy
import threading
import time
from typing import Protocol

from lastpage.errors import Interrupted


class Clock(Protocol):
    """What time it is, and a way to wait; safe for threads."""

    def now(self) -> float:
        """Seconds since 1970, UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait; raises `Interrupted` if `stop` is called meanwhile."""

    def stop(self) -> None:
        """Wake all who sleep now. Later sleeps are not affected, so the next run can use it."""


class RealClock:
    """The machine's time when this clock was made, plus the seconds that have passed since.

    It does not jump when the machine's clock is set. It may stand still while the machine sleeps.
    That does no harm: lastpage goes by the API's time, which every answer tells.
    """

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._zero = time.time() - time.monotonic()

    def now(self) -> float:
        return self._zero + time.monotonic()

    def sleep(self, seconds: float) -> None:
        if self._stopped.wait(max(seconds, 0.0)):
            raise Interrupted("stopped while waiting")

    def stop(self) -> None:
        stopped, self._stopped = self._stopped, threading.Event()
        stopped.set()

    def apart(self) -> RealClock:
        """The same time, with sleepers of its own: to stop one wakes no other."""
        other = copy.copy(self)
        other._stopped = threading.Event()  # noqa: SLF001 - its own kind
        return other


class SimClock:
    """A clock for tests and simulation: sleeping moves it, and hours pass in no time."""

    def __init__(self, now: float = 0.0) -> None:
        self._now = now
        self._lock = threading.Lock()
        #: Every sleep, in seconds.
        self.slept: list[float] = []

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._now += max(seconds, 0.0)
            self.slept.append(seconds)

    def stop(self) -> None:
        """Nothing is ever asleep here."""
