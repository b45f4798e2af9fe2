"""How long a request that fails is sent again: until it has had so many tries *and* so much time.

    what came, by its rule (`responses.RULES`)     it is given up
    ---------------------------------------------  ------------------------------------------------
    trouble that may pass                          after 8 tries and 5 minutes, the doctor's after
                                                   2 tries and 10 seconds
    … with an announced wait of over 15 minutes    at once
    … as one that is too large may be (a page)     with the second time: the walk asks for fewer
                                                   rows, unless one was asked for
    … to a submission, whose answer may be lost    with the third lost answer, which is not risked
                                                   before the 5 minutes are over
    all else                                       at once, or with its second time

Tries alone may be over in two seconds, where a server in trouble refuses at once. Time alone may be
over with the first try, where it is silent for minutes. Waits between tries grow, with jitter; an
announced one (`Retry-After`) is the least, since a server in trouble may announce 0, again and
again.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from lastpage.api.messages import Answer, Call, TransportError
from lastpage.api.responses import TOO_SLOW, case_of, rule_for

#: A wait between tries is at most this; an announced one is obeyed up to the other.
BACKOFF_S_MAX = 60.0
RETRY_AFTER_S_MAX = 900.0
#: Refusals of one page, of a kind that its size may explain, after which fewer rows are asked for.
REFUSALS_MAX = 2
#: Outcomes after which nothing can have been done: the request was refused unread, or never sent.
NOTHING_DONE = frozenset({429, "connect"})


@dataclass(frozen=True, slots=True)
class Patience:
    """After how many tries a request is given up, but not before how many seconds of trouble."""

    tries: int = 8
    trouble_s: float = 300.0
    #: The longest announced wait that is obeyed.
    announced_s: float = RETRY_AFTER_S_MAX


#: For a user who waits at the terminal, as with the doctor.
SHORT_PATIENCE = Patience(2, 10.0, 10.0)


@dataclass(slots=True)
class Trouble:
    """What one request has met so far; times are unix seconds by the client's clock."""

    call: Call
    tries: int = 0
    #: When the first try had failed.
    since: float = 0.0
    #: Tries after which the request may have been carried out, although no answer says so.
    lost: int = 0
    #: Tries that may have failed because the page is too large.
    sized: int = 0

    def add(self, outcome: Answer | TransportError, now: float) -> None:
        """One more try failed."""
        self.since = self.since if self.tries else now
        self.tries += 1
        self.lost += case_of(outcome) not in NOTHING_DONE
        self.sized += self._may_be_size(outcome)

    def is_too_large(self, outcome: Answer | TransportError) -> bool:
        """Whether the page may come with fewer rows, now that this try has failed."""
        return self.sized >= REFUSALS_MAX and self._may_be_size(outcome)

    def wait_s(
        self,
        outcome: Answer | TransportError,
        patience: Patience,
        announced_s: float,
        now: float,
        rng: random.Random,
    ) -> float | None:
        """Seconds before the next try; None where the request is given up."""
        action = rule_for(self.call, outcome).action
        # Of one row there are no fewer, so there a server that may only be slow is waited for.
        is_sized = action == "fewer rows" or self.call.rows > 1
        if action in ("give up", "refresh") or (is_sized and self.sized >= REFUSALS_MAX):
            return None
        left_s = patience.trouble_s - (now - self.since)
        lost_left = math.inf if self.call.lost_max is None else self.call.lost_max - self.lost
        is_over = self.tries >= patience.tries and left_s <= 0
        if is_over or lost_left <= 0 or announced_s > patience.announced_s:
            return None
        # The last answer that may get lost is not risked before the trouble has had time to pass.
        least_s = max(announced_s, left_s if lost_left == 1 else 0.0)
        return max(least_s, backoff_s(self.tries, rng))

    def _may_be_size(self, outcome: Answer | TransportError) -> bool:
        if rule_for(self.call, outcome).action == "fewer rows":
            return True
        return self.call.rows > 0 and case_of(outcome) in TOO_SLOW


def backoff_s(tries: int, rng: random.Random) -> float:
    """Seconds before the next try: full jitter under 1, 2, 4, 8 … 60."""
    return rng.uniform(0.0, min(BACKOFF_S_MAX, 2.0 ** (tries - 1)))


def retry_after_s(header: str | None, now: float) -> float | None:
    """The announced wait, from seconds or an HTTP date; None where it is missing or unreadable."""
    if not header:
        return None
    try:
        seconds = float(header)
        # "nan" is a number to Python, but not a time to wait.
        return max(seconds, 0.0) if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(header).timestamp() - now, 0.0)
    except ValueError:
        return None
