"""One pace for all threads: requests go out evenly, as many a minute as the API allows.

Every request takes the next free moment of a shared timeline and sleeps until then, outside the lock. The distance between two
moments follows from what the API says with every answer (`inin-ratelimit-count`, `-allowed`, `-reset`; docs/api.md, 1.2): what
is left of this window, spread over what is left of its time. Other programs that use the same client make the count grow
faster than our answers do; what they will take until the window's end is left to them, and when nothing is left everybody waits
for the next window. Without headers, or before the first, a little less than 300 a minute is assumed.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from lastpage.clock import Clock

#: docs/api.md, 2.
PER_MINUTE = 300.0
WINDOW_S = 60.0
#: The headers `inin-ratelimit-…`.
RATE = ("count", "allowed", "reset")
#: Evenly spaced requests drift against the server's window; this much less keeps one window from holding one too many.
MARGIN = 0.985
#: What is kept back of a window, for requests that were on their way when it was told of.
RESERVE = 2
#: How long a window has to be watched before it says how fast others are: answers come out of order, in small numbers that matters.
WATCH_S = 10.0
#: … and how far what it says lags behind what they do.
LAG_S = 4.0
#: So many distances from the next free moment there is slack; less leaves some of the allowance, more leaves the first no start.
SLACK = 1.5


class Pace:
    """`wait()` before every request, `heard(headers)` after every answer, `hold(seconds)` on a 429."""

    def __init__(self, clock: Clock, requests_per_minute: float | None = None) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._share = requests_per_minute
        self._allowed = PER_MINUTE
        self._next = 0.0
        self._held_until = 0.0
        #: The window as last heard of: its end, and what was left in it then, less ours since.
        self._window_end = 0.0
        self._left = 0.0
        #: Its count when it was first heard of, and when; None before that. And how often it was heard of since.
        self._first: tuple[float, float] | None = None
        self._answers = 0
        #: Requests a second that others with the same client take.
        self._others = 0.0

    @property
    def per_minute(self) -> float:
        """Requests a minute as far as is known."""
        return min(self._allowed, self._share or self._allowed)

    @property
    def slack(self) -> bool:
        """Whether who asks now hardly waits: it is no loss to anybody who comes later."""
        now = self._clock.now()
        return max(self._next, self._held_until) - now <= SLACK * self._distance_s(now)

    @property
    def distance_s(self) -> float:
        """Seconds between two requests, as of now."""
        return self._distance_s(self._clock.now())

    def wait(self) -> None:
        """Take the next moment of the timeline and sleep until it has come."""
        with self._lock:
            now = self._clock.now()
            at = max(now, self._next, self._held_until)
            at = self._in_window(at)
            self._next = at + self._distance_s(at)
            self._left -= 1
        if at > now:
            self._clock.sleep(at - now)

    def heard(self, headers: Mapping[str, str]) -> None:
        """Learn from an answer's headers; answers without them teach nothing."""
        count, allowed, reset = (number(headers.get(f"inin-ratelimit-{name}")) for name in RATE)
        if allowed is None or allowed <= 0:
            return
        with self._lock:
            faster = allowed > self._allowed
            self._allowed = allowed
            now = self._clock.now()
            if count is not None and reset is not None:
                self._learn(count, now, now + reset)
            if faster:
                self._next = min(self._next, now + self._distance_s(now))

    def hold(self, seconds: float) -> None:
        """Nobody sends before so many seconds have passed."""
        with self._lock:
            self._held_until = max(self._held_until, self._clock.now() + seconds)

    def _learn(self, count: float, now: float, end: float) -> None:
        if end < self._window_end - 1.0:
            return  # an answer that was long under way tells of a window that is over
        if end > self._window_end + 1.0:
            self._begin(end)
        self._left = min(self._left, self._allowed - count)
        if self._first is None:
            self._first, self._answers = (count, now), 0
            return
        self._answers += 1
        watched_s = now - self._first[1]
        if watched_s >= WATCH_S:
            self._others = max(count - self._first[0] - self._answers, 0.0) / watched_s

    def _begin(self, end: float) -> None:
        self._window_end, self._left, self._first = end, self._allowed, None
        # What others did is half forgotten with every window, or one burst of theirs would be waited for without end.
        self._others /= 2

    def _in_window(self, at: float) -> float:
        """If the window that holds `at` is used up, the moment the next one begins."""
        if at < self._window_end and self._left <= 0:
            at = self._window_end
        if at >= self._window_end and self._window_end:
            # The server's next window is not heard of yet; assume it whole until an answer says otherwise.
            self._begin(at + WINDOW_S)
        return at

    def _distance_s(self, at: float) -> float:
        even = WINDOW_S / (self.per_minute * MARGIN)
        time_left = self._window_end - at
        if time_left <= 0:
            return even
        # What others leave of the window, over what is left of its time; never faster than evenly over a whole one.
        left = self._left - RESERVE - self._others * (time_left + LAG_S)
        return max(even, time_left / max(left, 1.0))


def number(text: str | None) -> float | None:
    """A header's number; None where it has none that is finite."""
    try:
        told = float(text) if text else math.nan
    except ValueError:
        return None
    return told if math.isfinite(told) else None


#: A slice that has waited this long for its turn asks for a page like any other.
TURN_S_MAX = 5.0
#: Where a slice stands among the others: its start, then its number.
Position = tuple[datetime, int]


class Turns:
    """Of the walks under way, the earliest slice asks first; later ones take what it leaves.

    If all shared the pace alike, all would end at once and nothing could be written before. In this
    order slices end one after the other: what is done is written while the rest is read, and the
    jobs of later slices are computed meanwhile. No slice waits for long, since a walk that has
    begun has a cursor or a job that may expire.
    """

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self._pace = pace
        self._clock = clock
        self._walking: set[Position] = set()
        self._lock = threading.Lock()

    @contextmanager
    def walking(self, position: Position) -> Iterator[None]:
        """While the slice at this position is under way."""
        with self._lock:
            self._walking.add(position)
        try:
            yield
        finally:
            with self._lock:
                self._walking.discard(position)

    def has_turn(self, position: Position, since: float) -> bool:
        """Whether a slice that has waited since then may ask for a page now."""
        with self._lock:
            first = min(self._walking, default=position)
        late = self._clock.now() - since >= TURN_S_MAX
        return late or position <= first or self._pace.slack
