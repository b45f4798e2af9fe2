"""The organisation's clock: real, fixed, or at another pace. Everything that happens here happens
by it; so does the Date header.

It is a straight line over a base clock, and can be bent while it runs: set, advanced, given another
pace. Pace 0 stands still.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

#: What the clock can show; beyond that, calendars and HTTP dates have their own ideas.
EARLIEST_S = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
LATEST_S = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
RATE_MAX = 1_000_000.0


class Clock:
    """Shows `start` now (None: what `base` shows) and runs `rate` seconds a second from there."""

    def __init__(
        self,
        base: Callable[[], float] = time.time,
        *,
        start: datetime | None = None,
        rate: float = 1.0,
    ) -> None:
        self._base = base
        self._lock = threading.Lock()
        self._initial = (None if start is None else start.timestamp(), rate)
        self.reset()

    @property
    def rate(self) -> float:
        """Seconds that pass here while one passes outside."""
        return self._rate

    def now(self) -> float:
        """Seconds since 1970."""
        with self._lock:
            return self._now()

    def reset(self) -> None:
        """Back to how it was made."""
        start, rate = self._initial
        with self._lock:
            # From 0 on 0 at pace 1, the line is the base clock itself, to the last bit.
            self._since = self._at = 0.0
            self._rate = 1.0
        if start is not None:
            self.set(start)
        if rate != 1.0:
            self.run(rate)

    def set(self, moment_s: float) -> None:
        """Show this moment from now on."""
        if not EARLIEST_S <= moment_s <= LATEST_S:
            raise ValueError("the clock goes from the year 2000 to the year 2099")
        with self._lock:
            self._since, self._at = self._base(), moment_s

    def advance(self, seconds: float) -> None:
        """Skip some time; negative seconds go back."""
        self.set(self.now() + seconds)

    def run(self, rate: float) -> None:
        """Go on at another pace."""
        if not 0 <= rate <= RATE_MAX:
            raise ValueError(
                "the rate is seconds here for one second outside, from 0 (stands still) to "
                f"{RATE_MAX:.0f}"
            )
        with self._lock:
            self._at, self._since = self._now(), self._base()
            self._rate = rate

    def _now(self) -> float:
        return min((self._base() - self._since) * self._rate + self._at, LATEST_S)
