"""What to do with an answer: one table, by status or by what went wrong below HTTP; and how long to wait.

    retry     the same request again, after a wait with jitter
    refresh   once: a new token, then the same request; the second time it is final
    give up   final; `complaints.py` says it in a sentence

2xx, and the statuses that a walk wants to see, never come here.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal, TypeVar

import msgspec

from lastpage.api.messages import TRIES_MAX, UNREADABLE, Answer, Call, TransportError
from lastpage.errors import ApiError, RefusedError, RejectedError, UnavailableError
from lastpage.query.environment import ENVIRONMENT, ID, SECRET

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


# PART fetch.complaints
# The API's final answers as errors of ours: what happened, whose fault it is, what to do, and the correlation id.
#
# The statuses are those of docs/api.md, 1.8; the body's own words are quoted. A body that is no JSON is expected: gateways send HTML.


GRANT = (
    "grant it to a role (Admin > People & Permissions > Roles / Permissions) and give that role to the OAuth client, "
    "for all divisions (Admin > Integrations > OAuth > the client > Roles)"
)
CORRELATION = ("inin-correlation-id", "genesys-correlation-id")
REPORT = "run it again with --debug FILE, and report it with that file"
#: Refusals of what lastpage chooses itself, by their texts (docs/api.md, 1.8): the user has nothing to mend.
OURS = re.compile(r"pagination may not exceed|search interval", re.IGNORECASE)
#: What a server that repeats our headers would give away.
AUTHORIZATION = re.compile(r"\b(Bearer|Basic)\s+[\w+/=.~-]{16,}", re.IGNORECASE)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Body:
    """The few fields of an error body that a sentence needs; all empty where the body is no JSON."""

    code: str = ""
    message: str = ""
    permissions: str = ""
    context: str = ""


def complain(call: Call, answer: Answer, tries: int = 1, place: str = "") -> ApiError:
    """The error for a final answer; `place` is where the login was tried."""
    body = read(answer)
    kind, sentence = _judge(call, answer.status, body, tries, place)
    return _error(kind, sentence, call, answer, body)


def complain_fault(call: Call, fault: TransportError, tries: int) -> ApiError:
    """The error for an answer that never came whole."""
    advice = {
        "tls": "nothing was sent; if a proxy inspects TLS here, its certificate has to be in the system's store",
        "proxy": "check HTTPS_PROXY and NO_PROXY",
        "connect": f"check the network and {ENVIRONMENT}; for a proxy set HTTPS_PROXY",
        "oversize": "something that is not the API answers; check the proxy",
    }.get(fault.fault, "the network or the API is at fault; run the same command again, and it goes on")
    times = f" after {_tries(tries)}" if tries > 1 else ""
    return UnavailableError(
        f"{call.endpoint} did not answer{times}: {fault}; {advice} [{call.endpoint}, {fault.fault}]",
        endpoint=call.endpoint,
        code=fault.fault,
    )


def complain_unreadable(call: Call, answer: Answer, problem: Exception, times: int = 1) -> ApiError:
    """The error for a good status over something that is not this API's JSON; the body is not quoted."""
    often = f", {times} times in a row" if times > 1 else ""
    sentence = f"{call.endpoint} answers with something that is not this API's JSON ({problem}){often}"
    return _error(UnavailableError, f"{sentence}; a proxy may be in the way", call, answer, Body())


def complain_tokenless(call: Call, answer: Answer) -> ApiError:
    """The error for a login that brought no token; the body is not quoted, it may hold one."""
    sentence = f"the login host answered without a token; check {ENVIRONMENT} and the proxy"
    return _error(RefusedError, sentence, call, answer, Body())


def decoded(call: Call, answer: Answer, decode: Callable[[bytes], T]) -> T:
    """What an answer says; raises `UnavailableError` where it is something else than this API's JSON."""
    try:
        return decode(answer.body)
    except UNREADABLE as problem:
        raise complain_unreadable(call, answer, problem) from None


def correlation_id(answer: Answer) -> str:
    """What the vendor's support finds a request by, from the headers; empty where they have none."""
    return next((answer.headers[name] for name in CORRELATION if answer.headers.get(name)), "")


def _error(kind: type[ApiError], sentence: str, call: Call, answer: Answer, body: Body) -> ApiError:
    """Everything a bug report needs, in the sentence and beside it."""
    correlation = correlation_id(answer) or body.context
    facts = [call.endpoint, f"HTTP {answer.status}", body.code, f"correlation id {correlation}" if correlation else ""]
    return kind(
        f"{sentence} [{', '.join(fact for fact in facts if fact)}]",
        endpoint=call.endpoint,
        status=answer.status,
        code=body.code,
        correlation_id=correlation,
    )


def read(answer: Answer) -> Body:
    """What an error body says, or nothing."""
    try:
        body: Any = msgspec.json.decode(answer.body)
    except (*UNREADABLE, TransportError):
        return Body()
    if not isinstance(body, dict):
        return Body()
    message = str(body.get("message") or body.get("error_description") or body.get("description") or "")
    params = body.get("messageParams")
    listed = params.get("permissions") if isinstance(params, dict) else None
    found = re.search(r"\[([\w:., -]+)\]", message)
    permissions = str(listed or (found[1] if found else "")).strip("[] ")
    code = str(body.get("code") or body.get("error") or "")
    message = AUTHORIZATION.sub(r"\1 …", message)[:500]
    return Body(code[:100], message, permissions, str(body.get("contextId") or ""))


def _judge(call: Call, status: int, body: Body, tries: int, place: str) -> tuple[type[ApiError], str]:
    said = f" ({body.message.strip()})" if body.message else ""
    if call.endpoint.endswith("/oauth/token") and status in (400, 401, 403):
        return RefusedError, _token(body, said + (f" in the region {place}" if place else ""))
    if body.code == "ip.not.authorized":
        # What the word means is read from its name; docs/api.md has no text for it.
        return RefusedError, (
            f"the API does not let this machine's address in{said}; ask an administrator of the organisation for the "
            "addresses that may log in"
        )
    if status == 401:
        return (
            RefusedError,
            f"the API does not take the token{said}; the OAuth client may be disabled, check {ID} and {SECRET}",
        )
    if status == 403:
        return RefusedError, f"{call.endpoint} is not allowed: {_forbidden(call, body)}"
    if status == 429:
        return UnavailableError, (
            f"the API's allowance stayed used up after {_tries(tries)}{said}; other programs use the same OAuth client: "
            "give lastpage a share with --requests-per-minute, or a client of its own"
        )
    if 300 <= status < 400:
        return (
            UnavailableError,
            f"{call.endpoint} redirects to elsewhere, and the token must not follow; check {ENVIRONMENT} and the proxy",
        )
    if status == 408:
        return UnavailableError, (
            f"{call.endpoint} did not get the request in time, in {_tries(tries)}{said}; the network or a proxy is too slow: "
            "run the same command again, and it goes on where it stopped"
        )
    if status >= 500:
        return UnavailableError, (
            f"{call.endpoint} failed after {_tries(tries)}{said}; the API is at fault: "
            "run the same command again later, and it goes on where it stopped"
        )
    return RejectedError, _rejected(call, status, body, said)


def _tries(tries: int) -> str:
    return f"{tries} tries" if tries > 1 else "1 try"


def _token(body: Body, said: str) -> str:
    if body.code == "invalid_client":
        which = ID if "not found" in body.message else SECRET
        return f"the login was refused{said}: check {which}, and that {ENVIRONMENT} is the region of this OAuth client"
    return (
        f"the login was refused{said}: the OAuth client must have the grant Client Credentials; check {ID} and {SECRET}"
    )


def _forbidden(call: Call, body: Body) -> str:
    if body.code == "missing.division.permission":
        return f"the OAuth client's role is not given for a division that is asked for; {GRANT}"
    lacking = body.permissions or call.permission or "a permission that the API does not name"
    return f"the OAuth client's role lacks {lacking}; {GRANT}"


def _rejected(call: Call, status: int, body: Body, said: str) -> str:
    fault = f"that is a fault of lastpage or of a proxy; {REPORT}"
    advice = {
        400: "the query is at fault: check the filters and the body",
        404: f"check that {ENVIRONMENT} points to an API of Genesys Cloud",
        413: "the query body is too large; give fewer filters",
    }.get(status, fault)
    if body.code == "response.entity.too.large":
        advice = "the answer would be too large: give fewer rows a page with --page-size"
    if status == 400 and (body.code == "invalid.date" or OURS.search(body.message)):
        advice = f"that was lastpage's to choose, not yours; {REPORT}"
    return f"{call.endpoint} does not take the request{said}; {advice}"
