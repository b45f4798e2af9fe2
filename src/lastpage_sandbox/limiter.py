"""The allowance: fixed windows, told in three headers (docs/api.md, 1.2, 2, 8)."""

from __future__ import annotations

import math
import threading


class Limiter:
    """Counts the requests of one client, who may send so many a minute."""

    def __init__(self, per_minute: int, window_s: float = 60.0) -> None:
        self._window_s = window_s
        self._allowed = max(round(per_minute * window_s / 60), 1)
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
        if now - self._began >= self._window_s:
            self._began, self._count = now, 0

    def _left_s(self, now: float) -> int:
        return max(math.ceil(self._began + self._window_s - now), 1)
