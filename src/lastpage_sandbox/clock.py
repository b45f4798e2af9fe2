"""The organisation's clock: real, fixed, or at another pace; and the time of those who wait for it.

    counted by        now                           waited
    ----------------  ----------------------------  ------------------------------------------------
    what goes by it   conversations, what happens   tokens, allowances, how long jobs take, how long
                      to them later, the jobs'      results and cursors last, faults that last
                      watermark, every date that
                      is sent, the Date header
    runs at           the pace; 0 stands still      real seconds, whatever the pace
    set, advanced     goes there                    what is skipped has passed; never goes back

For a client's patience is real: where a day takes a minute, a window of an allowance is still a
minute long, and a token that lives for an hour outlives sixty days.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

#: What the clock can show; beyond that, calendars and HTTP dates have their own ideas.
EARLIEST_S = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
LATEST_S = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
RATE_MAX = 1_000_000.0


class At(NamedTuple):
    """One moment as both count it, in seconds since 1970."""

    now_s: float
    waited_s: float

    @property
    def now_ms(self) -> int:
        return int(self.now_s * 1000)

    @property
    def waited_ms(self) -> int:
        return int(self.waited_s * 1000)


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
        """Seconds since 1970, in the organisation."""
        return self.at().now_s

    def at(self) -> At:
        """This moment."""
        with self._lock:
            base = self._base()
            return At(self._shown(base), base + self._skipped)

    def reset(self) -> None:
        """Back to how it was made."""
        start, rate = self._initial
        with self._lock:
            # From 0 on 0 at pace 1, the line is the base clock itself, to the last bit.
            self._since = self._at = self._skipped = 0.0
            self._rate = 1.0
        if start is not None:
            self.set(start)
        if rate != 1.0:
            self.run(rate)
        self._skipped = 0.0

    def set(self, moment_s: float) -> None:
        """Show this moment from now on."""
        with self._lock:
            base = self._base()
            self._jump(base, moment_s, moment_s - self._shown(base))

    def advance(self, seconds: float) -> None:
        """Skip some time; negative seconds go back."""
        with self._lock:
            base = self._base()
            self._jump(base, self._shown(base) + seconds, seconds)

    def run(self, rate: float) -> None:
        """Go on at another pace."""
        if not 0 <= rate <= RATE_MAX:
            raise ValueError(
                f"{rate:g} is no speed: the rate is seconds here for one second outside, from 0 "
                f"(stands still) to {RATE_MAX:.0f}"
            )
        with self._lock:
            base = self._base()
            self._at, self._since = self._shown(base), base
            self._rate = rate

    def _jump(self, base: float, moment_s: float, skipped_s: float) -> None:
        if not EARLIEST_S <= moment_s <= LATEST_S:
            raise ValueError("the clock goes from the year 2000 to the year 2099")
        self._since, self._at = base, moment_s
        self._skipped += max(skipped_s, 0.0)

    def _shown(self, base: float) -> float:
        return min((base - self._since) * self._rate + self._at, LATEST_S)
