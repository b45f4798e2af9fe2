"""Faults are words in a queue, one queue an endpoint; every word that was served leaves a receipt.

Profiles draw words by themselves, seeded: only such as a correct client survives.
"""

from __future__ import annotations

import random
import re
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from lastpage_sandbox.replies import PLAIN, Refusal, plain, throttled
from lastpage_sandbox.routes import ENDPOINTS

ANY = ENDPOINTS | {"unknown"}
PAGES = frozenset({"details.query", "jobs.results"})
STATUSES = "|".join(str(status) for status in sorted({*PLAIN, 429}))
#: Words of the details query that can last.
LASTING = ("index-out", "index-half", "counts-double")
SECONDS = r"\d{1,3}(\.\d{1,3})?"
#: Receipts that are kept; a server may run for weeks.
RECEIPTS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Word:
    """One fault: how it is spelt, what it does, and the endpoints it means something to."""

    spelt: str
    pattern: str
    does: str
    endpoints: frozenset[str] = ANY


WORDS = (
    Word(
        "return-S",
        rf"return-({STATUSES})",
        f"an error body of status S: {STATUSES.replace('|', ', ')}",
    ),
    Word(
        "return-S-after:N",
        r"return-(429|503)-after:\d{1,4}",
        "429 or 503 with `Retry-After: N`; plain `return-429` has none",
    ),
    Word("html-502", "html-502", "a gateway's page instead of JSON"),
    Word("html-200", "html-200", "a sign-in page, and the status says that all is well"),
    Word("error-200", "error-200", "an error body, and the status says that all is well"),
    Word("blank-200", "blank-200", "`{}`, and the status says that all is well"),
    Word("stall-Ns", f"stall-{SECONDS}s", "N seconds of silence, then the answer"),
    Word("drip-Ns", f"drip-{SECONDS}s", "the body comes in small pieces, N seconds long"),
    Word("reset", "reset", "the connection dies before any answer"),
    Word(
        "cut-after-Nk",
        r"cut-after-\d{1,6}k",
        "the connection dies N KiB into the body, at the latest in its middle",
    ),
    Word(
        "truncate-json",
        "truncate-json",
        "the body ends too soon, and the framing says that it is whole",
    ),
    Word("bad-gzip", "bad-gzip", "a compressed body that does not decode"),
    Word("expire-token", "expire-token", "the token ends now: 401", ANY - {"token"}),
    Word("empty-page", "empty-page", "no rows, but the walk goes on behind it", PAGES),
    Word("short-page", "short-page", "few rows; after a cursor, the rest comes later", PAGES),
    Word("repeat-page", "repeat-page", "rows that were sent before, once more", PAGES),
    Word(
        "first-page",
        "first-page",
        "the first rows, whatever was asked for, and the walk goes on behind them",
        PAGES,
    ),
    Word(
        "slide-rows",
        "slide-rows",
        "conversations arrive now, rows move to later pages",
        frozenset({"details.query"}),
    ),
    Word(
        "index-out",
        "index-out",
        "the index is out: nothing is found, and nothing is counted",
        frozenset({"details.query"}),
    ),
    Word(
        "index-half",
        "index-half",
        "half of the index is out: half of the rows, and the count of these",
        frozenset({"details.query"}),
    ),
    Word(
        "counts-double",
        "counts-double",
        "`totalHits` is twice what is found",
        frozenset({"details.query"}),
    ),
    *(
        Word(
            f"{each}-for-Ns",
            rf"{each}-for-\d{{1,5}}s",
            f"`{each}`, for N seconds from this answer on",
            frozenset({"details.query"}),
        )
        for each in LASTING
    ),
    Word("fail-job", "fail-job", "the job asked about is FAILED", frozenset({"jobs.status"})),
    Word("cancel-job", "cancel-job", "… is CANCELLED", frozenset({"jobs.status"})),
    Word(
        "expire-job",
        "expire-job",
        "… is EXPIRED, its results are gone",
        frozenset({"jobs.status", "jobs.results"}),
    ),
    Word(
        "lose-job",
        "lose-job",
        "… was never there",
        frozenset({"jobs.status", "jobs.results", "jobs.delete"}),
    ),
    Word("wall-400", "wall-400", "the cursor is refused as too far", frozenset({"jobs.results"})),
    Word(
        "loop-cursor",
        "loop-cursor",
        "the cursor leads back to the first page",
        frozenset({"jobs.results"}),
    ),
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
DISGUISED = ("html-200", "error-200")
CONTENT = {
    "details.query": ("expire-token", *DISGUISED),
    "jobs.results": ("empty-page", "short-page", "repeat-page", "expire-token", *DISGUISED),
    "jobs.status": ("fail-job",),
}


class Faults:
    """The queues, the receipts, and the seeded draw."""

    def __init__(self, seed: int, profile: Literal["calm", "rough", "hostile"]) -> None:
        self._queues: dict[str, deque[str]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._rate = RATES[profile]
        #: Words that last, each with its endpoint and the moment it ends.
        self._lasting: list[tuple[str, str, float]] = []
        self._drawn = random.Random(f"faults {seed}")
        self.receipts: list[tuple[str, str]] = []

    def put(self, endpoint: str, *words: str) -> None:
        """Queue words for an endpoint (`*`: whatever is asked next and has a use for them); `pass`
        lets a request through.
        """
        check(endpoint, words)
        with self._lock:
            self._queues[endpoint].extend(words)

    def clear(self, endpoint: str | None = None) -> None:
        """Forget what is still queued, and what lasts, for one endpoint or all."""
        with self._lock:
            self._lasting = [each for each in self._lasting if endpoint not in (None, each[0])]
            for name in list(self._queues) if endpoint is None else [endpoint]:
                self._queues.pop(name, None)

    @property
    def pending(self) -> dict[str, list[str]]:
        return {endpoint: list(queue) for endpoint, queue in self._queues.items() if queue}

    def take(self, endpoint: str, now: float) -> tuple[str, ...]:
        """The words for the request that is here now (unix seconds)."""
        with self._lock:
            words = [
                queue.popleft()
                for name in (endpoint, "*")
                if (queue := self._queues[name]) and endpoint in _endpoints(queue[0])
            ]
            words = [word for word in words if word != "pass"]
            if not words and self._rate and self._drawn.random() < self._rate:
                words = [self._drawn.choice(ANYWHERE + CONTENT.get(endpoint, ()))]
            self.receipts += [(endpoint, word) for word in words]
            del self.receipts[:-RECEIPTS_MAX]
            for word in words:
                if found := re.fullmatch(r"(.+)-for-(\d+)s", word):
                    self._lasting.append((endpoint, found[1], now + float(found[2])))
            self._lasting = [each for each in self._lasting if now < each[2]]
            words += [word for place, word, _ in self._lasting if place == endpoint]
        return tuple(words)


def disturb(words: tuple[str, ...], sleep: Callable[[float], None]) -> None:
    """What happens before the request is even looked at."""
    for word in words:
        if word == "reset":
            raise ConnectionResetError(104, "Connection reset by peer")
        if found := re.fullmatch(f"stall-({SECONDS})s", word):
            sleep(float(found[1]))


def refuse(words: tuple[str, ...], allowed: int) -> None:
    """The errors that were asked for."""
    for word in words:
        if word == "return-429":
            raise throttled(None, allowed)
        if found := re.fullmatch(r"return-429-after:(\d+)", word):
            raise throttled(int(found[1]), allowed)
        if found := re.fullmatch(r"return-503-after:(\d+)", word):
            raise Refusal(503, *PLAIN[503], retry_after=int(found[1]))
        if found := re.fullmatch(r"return-(\d+)", word):
            raise plain(int(found[1]))


def check(endpoint: str, words: Iterable[str]) -> None:
    """ValueError, with a sentence, where a word could never be served."""
    if endpoint not in ENDPOINTS and endpoint != "*":
        raise ValueError(
            f"there is no endpoint {endpoint!r}; there are *, {', '.join(sorted(ENDPOINTS))}"
        )
    for word in words:
        places = _endpoints(word)
        if not places:
            known = ", ".join(known.spelt for known in WORDS)
            raise ValueError(f"there is no fault {word!r}; there are pass, {known}")
        if endpoint != "*" and endpoint not in places:
            raise ValueError(
                f"{word} means nothing to {endpoint}; it is for {', '.join(sorted(places))}"
            )


def _endpoints(word: str) -> frozenset[str]:
    """Where a word means something; nowhere if there is no such word."""
    if word == "pass":
        return ANY
    return next(
        (known.endpoints for known in WORDS if re.fullmatch(known.pattern, word)), frozenset()
    )
