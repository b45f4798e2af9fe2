"""When the next request goes out: one pace for all threads, and whose turn it is.

The pace. Every request takes the next free moment of a shared timeline and sleeps until then,
outside the lock. The distance between two moments follows from what the API says with every answer
(`inin-ratelimit-count`, `-allowed`, `-reset`; docs/api.md, 1.2):

    what is known                   the distance
    ------------------------------  ----------------------------------------------------------------
    nothing yet, or no headers      300 requests a minute, less a margin (docs/api.md, 2)
    the window                      what is left of it, spread over what is left of its time
    others use the same client      what they will take until its end is left to them
    nothing is left                 until the next window begins
    a 429                           as long as it says, for all threads (`hold`)
    `requests_per_minute`           never more than this

The turn. Of the walks under way, the earliest slice asks first; later ones take what it leaves. If
all shared the pace alike, all would end at once and nothing could be written before. In this order
slices end one after the other: what is done is written while the rest is read, and the jobs of
later slices are computed meanwhile. No slice waits for long, since a walk that has begun has a
cursor or a job that may expire.
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
#: Evenly spaced requests drift against the server's window; this factor keeps one window from
#: holding one request too many.
MARGIN = 0.985
#: Requests of a window that are kept back, for those under way when it was last heard of.
RESERVE = 2
#: How long a window is watched before it says how fast others are: answers come out of order, which
#: matters while the numbers are small.
WATCH_S = 10.0
#: How far what a window says of others lags behind what they do.
LAG_S = 4.0
#: A line of this many distances is slack. Fewer leave some of the allowance unused, more leave the
#: earliest slice no head start.
SLACK = 1.5
#: A slice that has waited this long for its turn asks for a page like any other.
TURN_S_MAX = 5.0

#: Where a slice stands among the others: its start, then its number.
Position = tuple[datetime, int]


class Pace:
    """`wait()` before every request, `learn(headers)` after every answer, `hold(s)` on a 429."""

    def __init__(self, clock: Clock, requests_per_minute: float | None = None) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._share = requests_per_minute
        self._allowed = PER_MINUTE
        #: The next free moment of the timeline, and the one before which nothing is sent.
        self._next = 0.0
        self._held_until = 0.0
        #: The window as last heard of: its end, and what was left in it then, less ours since.
        self._window_end = 0.0
        self._left = 0.0
        #: The window's count when it was first heard of, and when that was; and answers since then.
        self._first: tuple[float, float] | None = None
        self._answers = 0
        #: Requests a second that others with the same client take.
        self._others = 0.0

    @property
    def per_minute(self) -> float:
        """Requests a minute, as far as is known."""
        return min(self._allowed, self._share or self._allowed)

    @property
    def distance_s(self) -> float:
        """Seconds between two requests, as of now."""
        return self._distance_s(self._clock.now())

    @property
    def slack(self) -> bool:
        """Whether the line is so short that a request now delays no later one by much."""
        now = self._clock.now()
        return max(self._next, self._held_until) - now <= SLACK * self._distance_s(now)

    def wait(self) -> None:
        """Take the next moment of the timeline and sleep until it has come."""
        with self._lock:
            now = self._clock.now()
            at = max(now, self._next, self._held_until)
            if at < self._window_end and self._left <= 0:
                at = self._window_end
            if self._window_end and at >= self._window_end:
                # The next window is assumed to be whole until an answer says otherwise.
                self._begin_window(at + WINDOW_S)
            self._next = at + self._distance_s(at)
            self._left -= 1
        if at > now:
            self._clock.sleep(at - now)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take in an answer's headers; answers without them teach nothing."""
        count, allowed, reset = (number(headers.get(f"inin-ratelimit-{name}")) for name in RATE)
        if allowed is None or allowed <= 0:
            return
        with self._lock:
            now = self._clock.now()
            faster = allowed > self._allowed
            self._allowed = allowed
            if count is not None and reset is not None:
                self._learn_window(count, now, now + reset)
            if faster:
                # The next moment was taken for a slower pace; it would be waited for in vain.
                self._next = min(self._next, now + self._distance_s(now))

    def hold(self, seconds: float) -> None:
        """Let no thread send before so many seconds have passed."""
        with self._lock:
            self._held_until = max(self._held_until, self._clock.now() + seconds)

    def _learn_window(self, count: float, now: float, end: float) -> None:
        if end < self._window_end - 1.0:
            return  # a late answer, about a window that is over
        if end > self._window_end + 1.0:
            self._begin_window(end)
        self._left = min(self._left, self._allowed - count)
        if self._first is None:
            self._first, self._answers = (count, now), 0
            return
        self._answers += 1
        first_count, first_at = self._first
        if now - first_at >= WATCH_S:
            self._others = max(count - first_count - self._answers, 0.0) / (now - first_at)

    def _begin_window(self, end: float) -> None:
        self._window_end, self._left, self._first = end, self._allowed, None
        # What others did is half forgotten with every window; else one burst of theirs would slow
        # us down for ever.
        self._others /= 2

    def _distance_s(self, at: float) -> float:
        even = WINDOW_S / (self.per_minute * MARGIN)
        time_left = self._window_end - at
        if time_left <= 0:
            return even
        left = self._left - RESERVE - self._others * (time_left + LAG_S)
        # Never faster than evenly over a whole window.
        return max(even, time_left / max(left, 1.0))


def number(text: str | None) -> float | None:
    """A header's number; None where it is missing, not a number, or not finite."""
    try:
        value = float(text) if text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


class Turns:
    """Whose turn it is among the walks under way; see the top of this file."""

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
