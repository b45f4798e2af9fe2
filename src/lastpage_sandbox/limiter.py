"""The allowance: fixed windows of 60 seconds, told in three headers (docs/api.md, 1.2, 2, 8)."""

from __future__ import annotations

import math
import threading

WINDOW_S = 60.0


class Limiter:
    """Counts the requests of one client."""

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._lock = threading.Lock()
        self._began = 0.0
        self._count = 0

    def count(self, now: float) -> int | None:
        """Count a request: None, or the seconds to wait when it is over the allowance."""
        with self._lock:
            self._roll(now)
            self._count += 1
            return None if self._count <= self._allowed else self._left_s(now)

    def headers(self, now: float) -> dict[str, str]:
        with self._lock:
            self._roll(now)
            return {
                "inin-ratelimit-count": str(self._count),
                "inin-ratelimit-allowed": str(self._allowed),
                "inin-ratelimit-reset": str(self._left_s(now)),
            }

    def take(self, requests: int, now: float) -> None:
        """Another program's requests with the same client."""
        with self._lock:
            self._roll(now)
            self._count += requests

    def _roll(self, now: float) -> None:
        if now - self._began >= WINDOW_S:
            self._began, self._count = now, 0

    def _left_s(self, now: float) -> int:
        return max(math.ceil(self._began + WINDOW_S - now), 1)
