"""How far the lake of the jobs reaches: the watermark, read once a minute at most and shared by all threads."""

from __future__ import annotations

import threading
from datetime import datetime

from lastpage.fetch import envelope
from lastpage.fetch.client import Client
from lastpage.fetch.complaints import understood
from lastpage.fetch.cursor import JOBS
from lastpage.fetch.transport import Call

FRESH_S = 60.0
ENDPOINT = f"GET {JOBS}/availability"


class Lake:
    """`watermark()` is the API's `dataAvailabilityDate`, or None where the API would not tell (docs/api.md, 1.4, 7)."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._read_at: float | None = None
        self._watermark: datetime | None = None

    def watermark(self) -> datetime | None:
        with self._lock:
            now = self._client.clock.now()
            if self._read_at is None or now - self._read_at >= FRESH_S:
                self._watermark = self._ask()
                self._read_at = now
            return self._watermark

    def _ask(self) -> datetime | None:
        call = Call("GET", f"{JOBS}/availability", endpoint=ENDPOINT, passes=frozenset({403, 404}))
        answer = self._client.send(call)
        if answer.status != 200:
            return None
        return understood(call, answer, envelope.availability).watermark
