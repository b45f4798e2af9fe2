"""Of the walks that are under way the earliest slice's goes first; later ones take, by and large, what it leaves of the pace.

All could share alike: then all would end at once, and nothing could be written before. In this order slices end one after the
other, what is done is written while the rest is read, and the jobs of later slices are computed meanwhile. Nobody gives way for
long: a walk that has begun has a cursor or a job that may end.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from lastpage.clock import Clock
from lastpage.fetch.pace import Pace
from lastpage.plan import Slice

#: Who has given way for so long goes like everybody else.
GIVES_WAY_S = 5.0
Place = tuple[datetime, int]


class Precedence:
    """Who is under way, in the order of their starts; any thread may ask."""

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self._pace = pace
        self._clock = clock
        self._walking: set[Place] = set()
        self._lock = threading.Lock()

    @contextmanager
    def walking(self, piece: Slice) -> Iterator[None]:
        """While this slice is under way."""
        with self._lock:
            self._walking.add(_place(piece))
        try:
            yield
        finally:
            with self._lock:
                self._walking.discard(_place(piece))

    def goes(self, piece: Slice, since: float) -> bool:
        """Whether this slice, which has waited since then, may ask for a page now. If not: once more, a moment later."""
        with self._lock:
            first = min(self._walking, default=_place(piece))
        late = self._clock.now() - since >= GIVES_WAY_S
        return late or _place(piece) <= first or self._pace.slack


def _place(piece: Slice) -> Place:
    """The parts of a slice that was cut have high numbers, and stand where it stood."""
    return piece.interval.start, piece.number
