"""One call to one answer: pace, token, transport, retry. Used by all threads at once.

    send(call) ─▶ wait for the pace ─▶ token ─▶ transport ─▶ learn from the headers
        ▲                                                              │
        └── retry, or renew the token, by the rule in responses.py ◀───┤
                                                                       ▼
                                            an answer that is wanted, or an `ApiError`

An answer whose body is cut short counts as one that never came. One that is not its endpoint's
(`shapes.py`) is not wanted, whatever its status.
"""

from __future__ import annotations

import copy
import random
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from lastpage.api.auth import Auth, Grant, Steps
from lastpage.api.messages import Answer, Call, Transport, TransportError
from lastpage.api.pace import RATE, Pace, figure
from lastpage.api.patience import Patience, Trouble, retry_after_s
from lastpage.api.responses import correlation_id, error_for, rule_for
from lastpage.api.shapes import BLANKS, flaw, is_blank
from lastpage.clock import Clock, RealClock
from lastpage.query.environment import Environment
from lastpage.trace import log_event
from lastpage.version import __version__

#: Answers that are inflated at the same time; two cores have work for no more.
INFLATING_MAX = 2
_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": f"lastpage/{__version__}",
}


@dataclass(slots=True)
class Counts:
    """What was sent, retries and logins included."""

    requests: int = 0
    retries: int = 0
    throttled: int = 0
    by_endpoint: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, call: Call, tries: int) -> None:
        """A request is about to be sent; `tries` is 1 for the first time."""
        with self._lock:
            self.requests += 1
            self.retries += tries > 1
            self.by_endpoint[call.endpoint] += 1

    def add_throttled(self) -> None:
        """A 429 came."""
        with self._lock:
            self.throttled += 1


class Client:
    """`send(call)` returns what the call reads, or a status that it lets pass.

    Else it raises `ApiError`.
    """

    def __init__(
        self,
        environment: Environment,
        auth: Auth,
        transport: Transport,
        clock: Clock,
        pace: Pace,
        rng: random.Random,
    ) -> None:
        self.environment = environment
        self.clock = clock
        self.pace = pace
        self.counts = Counts()
        self._auth = auth
        self._transport = transport
        self._rng = rng
        #: Seconds that the server's clock is ahead of ours, by the last answer with a Date.
        self._ahead_s = 0.0
        #: Inflating a page takes several times its size for a moment; few threads at a time do it.
        self._inflating = threading.Semaphore(INFLATING_MAX)
        self._patience = Patience()

    def with_patience(self, patience: Patience, transport: Transport | None = None) -> Client:
        """The same client, token and pace, which gives up sooner or later than this one."""
        other = copy.copy(self)
        other._patience = patience  # noqa: SLF001 - its own kind
        other._transport = transport or self._transport  # noqa: SLF001 - the same
        return other

    def apart(self) -> Client:
        """The same client, for a run of its own: to stop that stops no other run of this client."""
        other = copy.copy(self)
        if isinstance(self.clock, RealClock):
            other.clock = self.clock.apart()
        return other

    def send(self, call: Call) -> Answer:
        """Send to the API until it is well, or given up by the rules of `patience.py`."""
        return self._try(self.environment.api_url, call, None)

    def server_now(self) -> float:
        """Unix seconds by the server's clock; by ours, before the first answer with a Date."""
        return self.clock.now() + self._ahead_s

    def _try(self, base: str, call: Call, headers: Mapping[str, str] | None) -> Answer:
        """Send until there is an answer that is wanted, or final; `headers` are a login's own."""
        refreshed = False
        trouble, blanks = Trouble(call), 0
        while True:
            number = self.pace.wait(self.clock.sleep)
            # The token is taken after the wait, since it may end during the wait.
            token = "" if headers is not None else self._auth.token(self._log_in)
            outcome = self._send(
                base, call, headers or _bearer(token, call), trouble.tries + 1, number
            )
            if isinstance(outcome, Answer):
                if _is_wanted(call, outcome):
                    return outcome
                blanks += is_blank(outcome)
                if call.may_be_blank and blanks == BLANKS:
                    return outcome
            action = rule_for(call, outcome).action
            if action == "refresh" and token and not refreshed:
                # Only once: a token that is refused as soon as it was issued is not worth another.
                refreshed = self._auth.renew(token, self._log_in) is not None
                if refreshed:
                    continue  # the request itself was not at fault, so this try does not count
            refreshed = False
            trouble.add(outcome, self.clock.now())
            if not self._wait_to_retry(outcome, trouble):
                where, too_large = str(self.environment), trouble.is_too_large(outcome)
                raise error_for(call, outcome, trouble.tries, where, too_large=too_large)

    def _send(
        self, base: str, call: Call, headers: Mapping[str, str], tries: int, number: int
    ) -> Answer | TransportError:
        """Send once, and take in what the headers tell."""
        self.counts.add(call, tries)
        began = self.clock.now()
        outcome: Answer | TransportError
        try:
            outcome = self._transport.send(base, call, {**_HEADERS, **headers})
            self._learn(outcome, number)
            # What a 400 means is in its body: too many rows, or a wrong query.
            if 200 <= outcome.status < 300 or outcome.status == 400:
                with self._inflating:
                    _check_whole(outcome)
        except TransportError as fault:
            outcome = fault
        _trace(call, outcome, tries, self.clock.now() - began)
        return outcome

    def _learn(self, answer: Answer, number: int) -> None:
        self.pace.learn(answer.headers, number)
        if answer.status == 429:
            self.counts.add_throttled()
        if date := answer.headers.get("date"):
            with suppress(ValueError):
                # The header is cut to the second; half a second is the likely rest.
                server_now = parsedate_to_datetime(date).timestamp() + 0.5
                self._ahead_s = server_now - self.clock.now()

    def _wait_to_retry(self, outcome: Answer | TransportError, trouble: Trouble) -> bool:
        """Wait before the next try; False where the request is given up."""
        announced_s = None
        if isinstance(outcome, Answer):
            announced_s = retry_after_s(outcome.headers.get("retry-after"), self.server_now())
        now = self.clock.now()
        wait_s = trouble.wait_s(outcome, self._patience, announced_s or 0.0, now, self._rng)
        if wait_s is None:
            return False
        if isinstance(outcome, Answer) and outcome.status == 429:
            # All threads wait; `pace.wait` does it, for this thread, too.
            self.pace.hold(wait_s)
        else:
            self.clock.sleep(wait_s)
        return True

    def _log_in(self, steps: Steps) -> Grant:
        call, headers = next(steps)
        while True:
            answer = self._try(self.environment.login_url, call, headers)
            try:
                call, headers = steps.send(answer)
            except StopIteration as end:
                grant: Grant = end.value
                return grant


def _bearer(token: str, call: Call) -> Mapping[str, str]:
    kind = {"Content-Type": "application/json"} if call.body is not None else {}
    return {"Authorization": f"Bearer {token}", **kind}


def _is_wanted(call: Call, answer: Answer) -> bool:
    if 200 <= answer.status < 300:
        return not flaw(call, answer)
    return answer.status in call.passes and rule_for(call, answer).action != "fewer rows"


def _check_whole(answer: Answer) -> None:
    """A body cut short can still have the right length: its JSON must end where JSON ends."""
    body = answer.body
    kind = "json" if answer.status < 300 else ""  # unless it is told
    claims_json = "json" in answer.headers.get("content-type", kind)
    if body and claims_json and body.rstrip()[-1:] not in (b"}", b"]"):
        raise TransportError("truncated", "the JSON ends in the middle")


def _trace(call: Call, outcome: Answer | TransportError, tries: int, seconds: float) -> None:
    """One event for each request. Without ids, queries, bodies and headers it holds no secret."""
    facts: dict[str, Any] = {
        "endpoint": call.endpoint,
        "seconds": round(seconds, 3),
        "tries": tries,
    }
    if isinstance(outcome, Answer):
        facts |= {
            f"rate_{name}": figure(outcome.headers.get(f"inin-ratelimit-{name}")) for name in RATE
        }
        is_flawed = 200 <= outcome.status < 300 and flaw(call, outcome)
        facts |= {"status": "unreadable" if is_flawed else outcome.status}
        facts |= {"bytes": len(outcome.raw)}
        facts |= {"correlation_id": correlation_id(outcome)}
    else:
        facts |= {"status": outcome.fault}
    log_event("request", **facts)
