"""When the next request goes out: one pace for all threads, and whose turn it is.

The pace. A window of the API has so many requests, and every answer tells of it: how many were
counted, how many are allowed, when it ends (`inin-ratelimit-count`, `-allowed`, `-reset`;
docs/api.md, 1.2). A program that keeps to it can spend it in two ways:

    what is known                                the next request     reason
    -------------------------------------------  -------------------  ------------------------------
    no answer yet that tells of a window         evenly, but for the  what is left is not known;
                                                 first two            the first two are a login, and
                                                                      what it is for
    `requests_per_minute`                        evenly, no faster    the rest is for others
    several processes share it (`shared`)        evenly, no faster    the others are on their way,
                                                 than a part of it    and cannot be seen in time
    what is planned fits: it is no more than     at once              nothing is saved by waiting:
    the window has left, less what is under                           what is left is lost when the
    way, what others will take until its end,                         window ends
    and RESERVE
    nothing is planned yet, less than OPENING    at once, and the     what a command asks first is
    was sent so, and there is room               timeline moves on    little, one after the other
    it does not fit, or nobody said how much     evenly: what is left the same is done in the end,
    is planned                                   over what is left    and other programs are not
                                                 of its time          shut out for a minute
    nothing is left                              when the next        it would be a 429
                                                 window begins
    a 429                                        as long as it says,  the API knows best
                                                 for all threads

Evenly is never faster than the allowance over a whole window. So a caller that sends all it may
sends no more than that in any stretch as long as a window, wherever the API's windows begin. At
once is only ever as much as an answer of this very window has said to be left.

What others take with the same client is what is counted beyond our own, from the first answer on.

The turn. Of the walks under way, the earliest slice asks first; later ones take what it leaves. If
all shared the pace alike, all would end at once and nothing could be written before. In this order
slices end one after the other: what is done is written while the rest is read, and the jobs of
later slices are computed meanwhile. No slice waits for long, since a walk that has begun has a
cursor or a job that may expire.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from lastpage.clock import Clock

#: docs/api.md, 2; the window until answers tell of another.
PER_MINUTE = 300.0
WINDOW_S = 60.0
#: The headers `inin-ratelimit-…`.
RATE = ("count", "allowed", "reset")
#: Without headers, evenly spaced requests drift against the server's window; this factor keeps one
#: window from holding one request too many.
MARGIN = 0.985
#: Requests of a window that each process keeps back: they may arrive in another order than they
#: were sent in.
RESERVE = 2
#: The share of the allowance that goes out at once before anything is planned: login, whose data,
#: how far jobs reach, the counts of a plan.
OPENING = 0.1
#: How long a window is watched before it says how fast others are: answers come out of order, which
#: matters while the numbers are small.
WATCH_S = 10.0
#: How far what a window says of others lags behind what they do.
LAG_S = 2.0
#: Ends are told in whole seconds: the true one may be so much earlier, and ends that differ by no
#: more are the same.
SAME_S = 1.0
#: An answer so soon after the end of a window tells how long the next one is.
SOON_S = 2.0
#: A line of this many distances is slack. Fewer leave some of the allowance unused, more leave the
#: earliest slice no head start.
SLACK = 1.5
#: A slice that has waited this long for its turn asks for a page like any other.
TURN_S_MAX = 5.0

#: Where a slice stands among the others: its start, then its number.
Position = tuple[datetime, int]


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the allowance: of so many processes, which take so much a minute together."""

    processes: int = 1
    requests_per_minute: float | None = None


class Pace:
    """`wait()` before every request, `learn(headers, number)` after its answer, `hold(s)` on a 429.

    `plan(n)` tells that so many more requests are needed than it was told before; or fewer, by
    `plan(-n)`.
    """

    def __init__(self, clock: Clock, requests_per_minute: float | None = None) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        #: Our own, and those of what is under way.
        self._shares = [Share(requests_per_minute=requests_per_minute)]
        self._allowed, self._length_s = PER_MINUTE, WINDOW_S
        #: Requests so far; those that wait for their moment; those that are known to be needed;
        #: those that went out at once without a plan.
        self._sent = 0
        self._waiting = 0
        self._planned = 0
        self._opening = 0
        #: The next free moment of the timeline, and the one before which nothing is sent.
        self._next = 0.0
        self._held_until = 0.0
        #: The window as last heard of: its end; what is counted in it beyond our requests so far,
        #: which is below zero by those before it; and the same when it was first heard of, and when
        #: that was.
        self._window_end = 0.0
        self._beyond = 0.0
        self._first = (0.0, 0.0)
        #: Requests a second that others with the same client take.
        self._others = 0.0

    @property
    def per_minute(self) -> float:
        """Requests a minute, as far as is known."""
        allowed = self._allowed * 60 / self._length_s
        return min(allowed, self._share or allowed) / self._processes

    @property
    def distance_s(self) -> float:
        """Seconds between two requests that go out evenly, as of now."""
        now = self._clock.now()
        return self._distance_s(now, now)

    @property
    def slack(self) -> bool:
        """Whether the line is so short that a request now delays no later one by much."""
        now = self._clock.now()
        if self._held_until <= now and self._fits(now, now):
            return True
        return max(self._next, self._held_until) - now <= SLACK * self._distance_s(now, now)

    @contextmanager
    def shared(self, share: Share) -> Iterator[None]:
        """While something is under way that may take this share of the allowance, and no more."""
        with self._lock:
            self._shares.append(share)
        try:
            yield
        finally:
            with self._lock:
                self._shares.remove(share)

    def plan(self, requests: int) -> None:
        """So many more requests are needed than was told before; below zero, fewer."""
        with self._lock:
            self._planned += requests

    def wait(self, sleep: Callable[[float], None] | None = None) -> int:
        """Take the next moment and sleep until it has come; returns the request's number."""
        pause_s = self.take()
        try:
            if pause_s > 0:
                (sleep or self._clock.sleep)(pause_s)
        finally:
            number = self.go()
        return number

    def take(self) -> float:
        """Take the next moment: so many seconds from now. `go` has to follow."""
        with self._lock:
            now = self._clock.now()
            at = self._moment(now)
            self._waiting += 1
            return at - now

    def go(self) -> int:
        """The moment has come, and the request goes out; returns its number."""
        with self._lock:
            self._waiting -= 1
            self._sent += 1
            return self._sent

    def learn(self, headers: Mapping[str, str], number: int) -> None:
        """Take in the headers of the answer to a request; answers without them teach nothing."""
        count, allowed, reset = (figure(headers.get(f"inin-ratelimit-{name}")) for name in RATE)
        if allowed is None or allowed <= 0:
            return
        with self._lock:
            now = self._clock.now()
            faster = allowed > self._allowed
            self._allowed = allowed
            if count is not None and reset is not None:
                self._learn_window(count - number, now, reset)
            if faster:
                # The next moment was taken for a slower pace; it would be waited for in vain.
                self._next = min(self._next, now + self._distance_s(now, now))

    def hold(self, seconds: float) -> None:
        """Let no thread send before so many seconds have passed."""
        with self._lock:
            self._held_until = max(self._held_until, self._clock.now() + seconds)

    def _moment(self, now: float) -> float:
        """When the next request goes out; the timeline goes on behind it."""
        at = max(now, self._held_until)
        is_first = not self._window_end and self._sent + self._waiting < 2
        if (is_first and self._processes == 1) or self._fits(now, at):
            if not self._planned:
                self._opening += 1
                self._next = max(self._next, at) + self._distance_s(now, at)
            return at
        at = max(at, self._next)
        if at < self._window_end and self._left(at - now) <= 0:
            at = self._window_end
        self._next = at + self._distance_s(now, at)
        return at

    def _fits(self, now: float, at: float) -> bool:
        """Whether the window of which was heard has room for all that is planned."""
        if self._share or self._processes > 1 or at >= self._window_end:
            return False
        if not self._planned and self._opening >= OPENING * self._allowed:
            return False
        return max(self._planned, 1) <= self._room(now, now)

    @property
    def _share(self) -> float | None:
        """Requests a minute, as they were given; for all processes together."""
        return min(
            (each.requests_per_minute for each in self._shares if each.requests_per_minute),
            default=None,
        )

    @property
    def _processes(self) -> int:
        return max(each.processes for each in self._shares)

    @property
    def _partners(self) -> float:
        """Requests a second that the processes take with which we share."""
        return (1 - 1 / self._processes) * self._allowed / self._length_s

    def _left(self, after_s: float = 0.0) -> float:
        """What the window has left, so much later, once all our requests so far are counted."""
        ours = self._sent + self._waiting
        return self._allowed - self._beyond - ours - self._partners * after_s

    def _room(self, now: float, at: float) -> float:
        """What it has left for us at a moment, by what is known now of others."""
        strangers = max(self._others - self._partners, 0.0) * (self._window_end - now + LAG_S)
        left = self._left(at - now) - RESERVE * self._processes - strangers
        return left / self._processes

    def _learn_window(self, beyond: float, now: float, reset: float) -> None:
        end = now + reset
        if end < self._window_end - SAME_S:
            return  # a late answer, about a window that is over
        if end > self._window_end + SAME_S:
            self._begin_window(beyond, now, reset)
        self._window_end = max(self._window_end, end)
        # Requests arrive in another order than they were sent in. The largest is never too small.
        self._beyond = max(self._beyond, beyond)
        first, first_at = self._first
        if now - first_at >= WATCH_S:
            self._others = max(beyond - first, 0.0) / (now - first_at)

    def _begin_window(self, beyond: float, now: float, reset: float) -> None:
        # Counted anew, and so soon: this is how long it is, not a late answer about the one before.
        is_whole = self._beyond - beyond > self._allowed / 4 and now - self._window_end <= SOON_S
        if reset > self._length_s + SAME_S or (is_whole and reset < self._length_s - SOON_S):
            self._length_s = reset
        if self._window_end:
            # What others did is half forgotten with every window; else one burst of theirs would
            # slow us down for ever.
            self._others /= 2
        else:
            self._others = max(beyond, 0.0) / max(self._length_s - reset, WATCH_S)
        self._beyond, self._first = beyond, (beyond, now)

    def _distance_s(self, now: float, at: float) -> float:
        is_heard = at < self._window_end
        kept = RESERVE * self._processes
        per_window = max(self._allowed - kept, 1.0) if is_heard else self._allowed * MARGIN
        share = 60 / (self._share * MARGIN) if self._share else 0.0
        # Never faster than evenly over a whole window, and all processes together no faster.
        even = max(self._length_s / per_window, share) * self._processes
        if not is_heard:
            return even
        time_left = max(self._window_end - SAME_S - at, 0.0)
        return max(even, time_left / max(self._room(now, at), 1.0))


def figure(text: str | None) -> float | None:
    """A header's number; None where it is missing, not a number, or not finite."""
    try:
        value = float(text) if text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


class Turns:
    """Whose turn it is among the walks under way, and what they and later ones still need."""

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self._pace = pace
        self._clock = clock
        self._walking: set[Position] = set()
        #: The requests that slices still need, as far as is known.
        self._needs: dict[Position, int] = {}
        self._lock = threading.Lock()

    @contextmanager
    def planned(self, needs: Mapping[Position, int]) -> Iterator[None]:
        """While slices need so many requests, those of each until it was walked."""
        for position, requests in needs.items():
            self.needs(position, requests)
        try:
            yield
        finally:
            for position in list(self._needs):
                self.needs(position, 0)

    @contextmanager
    def walking(self, position: Position) -> Iterator[None]:
        """While the slice at this position is under way; it needs nothing afterwards."""
        with self._lock:
            self._walking.add(position)
        try:
            yield
        finally:
            with self._lock:
                self._walking.discard(position)
            self.needs(position, 0)

    def needs(self, position: Position, requests: int) -> None:
        """A slice still needs so many requests."""
        with self._lock:
            self._pace.plan(requests - self._needs.pop(position, 0))
            if requests:
                self._needs[position] = requests

    def asked(self, position: Position) -> None:
        """A slice has sent a request. While it goes on, it needs one more at least."""
        with self._lock:
            if self._needs.get(position, 0) > 1:
                self._needs[position] -= 1
                self._pace.plan(-1)

    def has_turn(self, position: Position, since: float) -> bool:
        """Whether a slice that has waited since then may ask for a page now."""
        with self._lock:
            first = min(self._walking, default=position)
        late = self._clock.now() - since >= TURN_S_MAX
        return late or position <= first or self._pace.slack
