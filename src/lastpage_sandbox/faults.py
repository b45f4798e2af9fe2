"""Faults are words in a queue, one queue an endpoint; every word that was served leaves a receipt.

    return-S              an error body of status S                 html-502        a gateway's page
    return-429            without Retry-After                       return-429-after:N   with it
    stall-Ns              N seconds of silence, then the answer     reset           the connection dies before any answer
    cut-after-Nk          the body is cut in the middle             truncate-json   … and the length says that it is whole
    bad-gzip              a compressed body that does not decode    expire-token    the token ends now
    empty-page            no rows, but the cursor goes on           short-page      few rows, the rest later
    repeat-page           rows that were sent before, once more     slide-rows      conversations arrive, rows move
    fail-job cancel-job expire-job lose-job                         what becomes of the job asked about
    wall-400              the cursor is refused as too far          loop-cursor     the cursor leads back to itself

Profiles draw words by themselves, seeded: only such as a correct client survives.
"""

from __future__ import annotations

import random
import re
import threading
from collections import defaultdict, deque
from typing import Literal

ENDPOINTS = frozenset(
    {
        "token", "organization", "details.query", "jobs.submit", "jobs.status", "jobs.results", "jobs.delete",
        "jobs.availability", "details.ids", "details.one", "retention", "*",
    }
)  # fmt: skip
WORDS = re.compile(
    r"return-(400|401|403|404|408|409|413|415|429|500|502|503|504)|return-429-after:\d+|html-502|stall-\d+s|reset"
    r"|cut-after-\d+k|truncate-json|bad-gzip|expire-token|empty-page|short-page|repeat-page|slide-rows"
    r"|(fail|cancel|expire|lose)-job|wall-400|loop-cursor"
)
#: Share of answers that go wrong, and the words they are drawn from.
RATES = {"calm": 0.0, "rough": 0.06, "hostile": 0.2}
ANYWHERE = (
    "return-429-after:1",
    "return-429",
    "return-500",
    "return-503",
    "return-504",
    "html-502",
    "reset",
    "cut-after-1k",
    "truncate-json",
)
CONTENT = {
    "details.query": ("expire-token",),
    "jobs.results": ("empty-page", "short-page", "repeat-page", "expire-token"),
    "jobs.status": ("fail-job",),
}


class Faults:
    """The queues, the receipts, and the seeded draw."""

    def __init__(self, seed: int, profile: Literal["calm", "rough", "hostile"]) -> None:
        self._queues: dict[str, deque[str]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._rate = RATES[profile]
        self._drawn = random.Random(f"faults {seed}")
        self.receipts: list[tuple[str, str]] = []

    def put(self, endpoint: str, *words: str) -> None:
        """Queue words for an endpoint (`*`: whatever is asked next); `pass` lets a request through."""
        if endpoint not in ENDPOINTS:
            raise ValueError(f"there is no endpoint {endpoint!r}; there are {', '.join(sorted(ENDPOINTS))}")
        for word in words:
            if word != "pass" and not WORDS.fullmatch(word):
                raise ValueError(f"there is no fault {word!r}; the words are in the sandbox's README")
        with self._lock:
            self._queues[endpoint].extend(words)

    @property
    def pending(self) -> dict[str, list[str]]:
        return {endpoint: list(queue) for endpoint, queue in self._queues.items() if queue}

    def take(self, endpoint: str) -> tuple[str, ...]:
        """The words for the request that is here now."""
        with self._lock:
            words = [queue.popleft() for name in (endpoint, "*") if (queue := self._queues[name])]
            words = [word for word in words if word != "pass"]
            if not words and self._rate and self._drawn.random() < self._rate:
                words = [self._drawn.choice(ANYWHERE + CONTENT.get(endpoint, ()))]
            self.receipts += [(endpoint, word) for word in words]
        return tuple(words)
