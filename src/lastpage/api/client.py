"""One call to one answer: token, pace, transport, retry, in this order. Used by all threads at once."""

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
from lastpage.api.pace import RATE, Pace, number
from lastpage.api.responses import (
    HASTE,
    Action,
    Patience,
    backoff_s,
    complain,
    complain_fault,
    correlation_id,
    decide,
    retry_after_s,
)
from lastpage.clock import Clock
from lastpage.query.environment import Environment
from lastpage.trace import tell
from lastpage.version import __version__

#: Answers that are inflated at the same time; there is work for no more on two cores.
INFLATING_MAX = 2


@dataclass(slots=True)
class Counts:
    """What was sent, retries and logins included."""

    requests: int = 0
    retries: int = 0
    throttled: int = 0
    by_endpoint: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def sent(self, call: Call, tries: int) -> None:
        with self._lock:
            self.requests += 1
            self.retries += tries > 1
            self.by_endpoint[call.endpoint] += 1

    def throttle(self) -> None:
        with self._lock:
            self.throttled += 1


class Client:
    """`send(call)` returns a 2xx answer or one whose status the call passes; anything else is an `ApiError`."""

    def __init__(
        self, environment: Environment, auth: Auth, transport: Transport, clock: Clock, pace: Pace, rng: random.Random
    ) -> None:
        self.environment = environment
        self.clock = clock
        self.pace = pace
        self.counts = Counts()
        self._auth = auth
        self._transport = transport
        self._rng = rng
        #: The server's clock less ours, as of the last answer that told.
        self._ahead_s = 0.0
        #: Inflating a page takes several times its size for a moment; not all threads need that moment at once.
        self._inflating = threading.Semaphore(INFLATING_MAX)
        self._patience = Patience()

    def hasty(self, transport: Transport | None = None) -> Client:
        """The same client, token and pace, that soon gives up."""
        other = copy.copy(self)
        other._patience = HASTE  # noqa: SLF001 - its own kind
        other._transport = transport or self._transport  # noqa: SLF001 - the same
        return other

    def send(self, call: Call) -> Answer:
        """Send to the API, as often as the table in `retry.py` and the call's own cap say."""
        return self._attempts(self.environment.api_url, call, None)

    def server_now(self) -> float:
        """Unix seconds by the server's clock; ours, until an answer has told."""
        return self.clock.now() + self._ahead_s

    def _attempts(self, base: str, call: Call, headers: Mapping[str, str] | None) -> Answer:
        refused = False
        tries = 0
        while True:
            tries += 1
            # The token is taken after the wait: it may end while one waits.
            self.pace.wait()
            token = "" if headers is not None else self._auth.token(self._log_in)
            outcome = self._once(base, call, headers if headers is not None else _bearer(token, call), tries)
            if isinstance(outcome, Answer) and (200 <= outcome.status < 300 or outcome.status in call.passes):
                return outcome
            action = self._action(outcome)
            if action == "refresh" and token and not refused and self._auth.renew(token, self._log_in) is not None:
                # Once: a token that is refused as soon as it was issued is not worth another.
                refused, tries = True, tries - 1
                continue
            refused = False
            if action != "retry" or tries >= self._tries_max(call, outcome) or not self._rest(outcome, tries):
                raise (
                    complain(call, outcome, tries, str(self.environment))
                    if isinstance(outcome, Answer)
                    else complain_fault(call, outcome, tries)
                )

    def _once(self, base: str, call: Call, headers: Mapping[str, str], tries: int) -> Answer | TransportError:
        self.counts.sent(call, tries)
        began = self.clock.now()
        outcome = self._sent(base, call, headers)
        _tell(call, outcome, tries, self.clock.now() - began)
        return outcome

    def _sent(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer | TransportError:
        try:
            answer = self._transport.send(base, call, {**_COMMON, **headers})
            self._hear(answer)
            if 200 <= answer.status < 300:
                with self._inflating:
                    _check_whole(answer)
        except TransportError as fault:
            return fault
        return answer

    def _action(self, outcome: Answer | TransportError) -> Action:
        case = outcome.status if isinstance(outcome, Answer) else outcome.fault
        if case == 429:
            self.counts.throttle()
        return decide(case).action

    def _tries_max(self, call: Call, outcome: Answer | TransportError) -> int:
        """A call's own cap is for answers that may have been lost on their way; a 429 says for sure that nothing was done."""
        throttled = isinstance(outcome, Answer) and outcome.status == 429
        return self._patience.tries if throttled else min(call.tries, self._patience.tries)

    def _rest(self, outcome: Answer | TransportError, tries: int) -> bool:
        """Wait before the next try; False where the announced wait is longer than anybody should sit through."""
        if isinstance(outcome, Answer):
            announced = retry_after_s(outcome.headers.get("retry-after"), self.server_now())
            if announced is not None and announced > self._patience.wait_s:
                return False
            wait_s = announced if announced is not None else backoff_s(tries, self._rng)
            if outcome.status == 429:
                # Everybody waits; `pace.wait` does it, for this thread too.
                self.pace.hold(wait_s)
                return True
        else:
            wait_s = backoff_s(tries, self._rng)
        self.clock.sleep(wait_s)
        return True

    def _hear(self, answer: Answer) -> None:
        self.pace.learn(answer.headers)
        if date := answer.headers.get("date"):
            with suppress(ValueError):
                # The header is cut to the second; half of one is the likely rest.
                self._ahead_s = parsedate_to_datetime(date).timestamp() + 0.5 - self.clock.now()

    def _log_in(self, steps: Steps) -> Grant:
        call, headers = next(steps)
        while True:
            answer = self._attempts(self.environment.login_url, call, headers)
            try:
                call, headers = steps.send(answer)
            except StopIteration as end:
                grant: Grant = end.value
                return grant


_COMMON = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": f"lastpage/{__version__}",
}


def _tell(call: Call, outcome: Answer | TransportError, tries: int, seconds: float) -> None:
    """One event a request, without ids, queries, bodies or headers: nothing secret or personal can be in it."""
    facts: dict[str, Any] = {"endpoint": call.endpoint, "seconds": round(seconds, 3), "tries": tries}
    if isinstance(outcome, Answer):
        rate = {f"rate_{name}": number(outcome.headers.get(f"inin-ratelimit-{name}")) for name in RATE}
        known = correlation_id(outcome)
        tell("request", **facts, status=outcome.status, bytes=len(outcome.raw), correlation_id=known, **rate)
    else:
        tell("request", **facts, status=outcome.fault)


def _bearer(token: str, call: Call) -> Mapping[str, str]:
    kind = {"Content-Type": "application/json"} if call.body is not None else {}
    return {"Authorization": f"Bearer {token}", **kind}


def _check_whole(answer: Answer) -> None:
    """A body cut short can still have the right length: it must decode, and end where JSON ends."""
    body = answer.body
    if body and body.rstrip()[-1:] not in (b"}", b"]") and _claims_json(answer):
        raise TransportError("truncated", "the JSON ends in the middle")


def _claims_json(answer: Answer) -> bool:
    return "json" in answer.headers.get("content-type", "json")
