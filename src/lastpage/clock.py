"""Time as a parameter: the real clock, and one that only moves when somebody sleeps."""

from __future__ import annotations

import threading
import time
from typing import Protocol

from lastpage.errors import Interrupted


class Clock(Protocol):
    """What time it is (seconds since 1970, UTC) and a way to wait."""

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...

    def stop(self) -> None: ...


class RealClock:
    """The machine's clock as it was at the beginning, and what has passed since: it goes on evenly where that is set anew.

    While the machine sleeps it may stand still; what matters is the API's time, which every answer tells.
    `stop` wakes every sleeper with `Interrupted`, so that Ctrl-C need not wait.
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
        """Wake whoever sleeps now; who sleeps later sleeps as ever, so the clock serves the next run too."""
        stopped, self._stopped = self._stopped, threading.Event()
        stopped.set()


class SimClock:
    """A clock for tests and simulation: sleeping moves it, nothing else does. Hours pass in no time."""

    def __init__(self, now: float = 0.0) -> None:
        self._now = now
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._now += max(seconds, 0.0)
            self.slept.append(seconds)

    def stop(self) -> None:
        """Nobody is ever asleep here."""
