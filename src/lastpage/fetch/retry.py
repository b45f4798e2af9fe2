"""What to do with an answer: one table, by status or by what went wrong below HTTP; and how long to wait.

    retry     the same request again, after a wait with jitter
    refresh   once: a new token, then the same request; the second time it is final
    give up   final; `complaints.py` says it in a sentence

2xx, and the statuses that a walk wants to see, never come here.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

from lastpage.fetch.transport import TRIES_MAX

Action = Literal["retry", "refresh", "give up"]

#: A wait between tries is at most this; an announced one (`Retry-After`) is obeyed up to the other.
BACKOFF_S_MAX = 60.0
RETRY_AFTER_S_MAX = 900.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a request is sent in all, and the longest announced wait that is sat through."""

    tries: int = TRIES_MAX
    wait_s: float = RETRY_AFTER_S_MAX


#: For whoever stands by and watches, as with the doctor.
HASTE = Patience(2, 10.0)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and why."""

    action: Action
    why: str


#: By status (docs/api.md, 1.8) or fault (`transport.Fault`).
DECISIONS: dict[int | str, Decision] = {
    400: Decision("give up", "the request is wrong, and will be the next time"),
    401: Decision("refresh", "the token may have ended in the middle of a walk"),
    403: Decision("give up", "the role lacks a permission"),
    404: Decision("give up", "there is no such thing"),
    405: Decision("give up", "the request is wrong, and will be the next time"),
    408: Decision("retry", "the server did not get the request in time"),
    409: Decision("give up", "the resource is in another state"),
    413: Decision("give up", "the request is too large, and will be the next time"),
    415: Decision("give up", "the request is wrong, and will be the next time"),
    429: Decision("retry", "the allowance is used up; everybody waits"),
    500: Decision("retry", "the server stumbled"),
    501: Decision("give up", "the server does not know how"),
    502: Decision("retry", "a gateway stumbled"),
    503: Decision("retry", "the server is overloaded or down for maintenance"),
    504: Decision("retry", "the server was too slow"),
    "connect": Decision("retry", "the host could not be reached"),
    "timeout": Decision("retry", "no answer in time"),
    "reset": Decision("retry", "the connection broke"),
    "truncated": Decision("retry", "the answer ended in the middle"),
    "tls": Decision("give up", "the certificate does not verify"),
    "proxy": Decision("give up", "the proxy refuses"),
    "oversize": Decision("give up", "no answer of this API is so large"),
}
REDIRECT = Decision("give up", "the API does not redirect, and the token must not follow")
OTHER_SERVER = Decision("retry", "the server stumbled")
OTHER = Decision("give up", "the API does not answer so")


def decide(case: int | str) -> Decision:
    """The table's row for a status or a fault."""
    if case in DECISIONS:
        return DECISIONS[case]
    if isinstance(case, int) and case >= 500:
        return OTHER_SERVER
    return REDIRECT if isinstance(case, int) and 300 <= case < 400 else OTHER


def backoff_s(tries: int, rng: random.Random) -> float:
    """Seconds before the next try: full jitter under 1, 2, 4, 8 … 60."""
    return rng.uniform(0.0, min(BACKOFF_S_MAX, 2.0 ** (tries - 1)))


def retry_after_s(header: str | None, now: float) -> float | None:
    """The announced wait, from seconds or an HTTP date; None where there is none that can be read."""
    if not header:
        return None
    try:
        seconds = float(header)
        # "nan" is a number to Python, and nothing to wait for.
        return max(seconds, 0.0) if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(header).timestamp() - now, 0.0)
    except ValueError:
        return None
