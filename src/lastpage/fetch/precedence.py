"""Of the walks that are under way the earliest slice's goes first; later ones take what it leaves of the pace.

All could share alike: then all would end at once, and nothing could be written before. In this order slices end one after the
other, what is done is written while the rest is read, and the jobs of later slices are computed meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lastpage.fetch.pace import Pace


class Precedence:
    """Who is under way, by slice number; any thread may ask."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._walking: set[int] = set()
        self._lock = threading.Lock()

    @contextmanager
    def walking(self, number: int) -> Iterator[None]:
        """While this slice is under way."""
        with self._lock:
            self._walking.add(number)
        try:
            yield
        finally:
            with self._lock:
                self._walking.discard(number)

    def goes(self, number: int) -> bool:
        """Whether this slice may ask for a page now. If not: once more, a moment later."""
        with self._lock:
            first = min(self._walking, default=number)
        return number <= first or self._pace.slack
