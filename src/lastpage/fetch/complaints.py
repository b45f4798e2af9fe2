"""The API's final answers as errors of ours: what happened, whose fault it is, what to do, and the correlation id.

The statuses are those of docs/api.md, 1.8; the body's own words are quoted. A body that is no JSON is expected: gateways send HTML.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from lastpage.errors import ApiError, RefusedError, RejectedError, UnavailableError
from lastpage.fetch.transport import Answer, Call, TransportError
from lastpage.regions import ENVIRONMENT, ID, SECRET

GRANT = (
    "grant it to a role (Admin > People & Permissions > Roles / Permissions) and give that role to the OAuth client, "
    "for all divisions (Admin > Integrations > OAuth > the client > Roles)"
)
CORRELATION = ("inin-correlation-id", "genesys-correlation-id")


@dataclass(frozen=True, slots=True)
class Body:
    """The few fields of an error body that a sentence needs; all empty where the body is no JSON."""

    code: str = ""
    message: str = ""
    permissions: str = ""
    context: str = ""


def complain(call: Call, answer: Answer, tries: int = 1) -> ApiError:
    """The error for a final answer."""
    body = read(answer)
    correlation = next((answer.headers[name] for name in CORRELATION if answer.headers.get(name)), body.context)
    kind, sentence = _judge(call, answer.status, body, tries)
    facts = [call.endpoint, f"HTTP {answer.status}", body.code, f"correlation id {correlation}" if correlation else ""]
    trace = f" [{', '.join(fact for fact in facts if fact)}]"
    return kind(
        sentence + trace, endpoint=call.endpoint, status=answer.status, code=body.code, correlation_id=correlation
    )


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
        f"{call.endpoint} did not answer{times}: {fault}; {advice}", endpoint=call.endpoint, code=fault.fault
    )


def read(answer: Answer) -> Body:
    """What an error body says, or nothing."""
    try:
        body: Any = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, TransportError):
        return Body()
    if not isinstance(body, dict):
        return Body()
    message = str(body.get("message") or body.get("error_description") or body.get("description") or "")
    params = body.get("messageParams")
    listed = params.get("permissions") if isinstance(params, dict) else None
    found = re.search(r"\[([\w:., -]+)\]", message)
    permissions = str(listed or (found[1] if found else "")).strip("[] ")
    code = str(body.get("code") or body.get("error") or "")
    return Body(code, message[:500], permissions, str(body.get("contextId") or ""))


def _judge(call: Call, status: int, body: Body, tries: int) -> tuple[type[ApiError], str]:
    said = f" ({body.message.strip()})" if body.message else ""
    if call.endpoint.endswith("/oauth/token") and status in (400, 401, 403):
        return RefusedError, _token(body, said)
    if status == 401:
        return (
            RefusedError,
            f"the API does not take the token{said}; the OAuth client may be disabled, check {ID} and {SECRET}",
        )
    if status == 403:
        which = body.permissions or "analytics:conversationDetail:view"
        return RefusedError, f"{call.endpoint} is not allowed: the OAuth client's role lacks {which}; {GRANT}"
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
    if status >= 500 or status == 408:
        return UnavailableError, (
            f"{call.endpoint} failed after {_tries(tries)}{said}; the API is at fault: "
            "run the same command again later, and it goes on where it stopped"
        )
    return RejectedError, _rejected(call, status, said)


def _tries(tries: int) -> str:
    return f"{tries} tries" if tries > 1 else "1 try"


def _token(body: Body, said: str) -> str:
    if body.code == "invalid_client":
        which = ID if "not found" in body.message else SECRET
        return f"the login was refused{said}: check {which}, and that {ENVIRONMENT} is the region of this OAuth client"
    return (
        f"the login was refused{said}: the OAuth client must have the grant Client Credentials; check {ID} and {SECRET}"
    )


def _rejected(call: Call, status: int, said: str) -> str:
    advice = {
        400: "the query is at fault: check the filters and the body",
        404: f"check that {ENVIRONMENT} points to an API of Genesys Cloud",
        413: "the query body is too large; give fewer filters",
    }.get(status, "that is a fault of lastpage or of a proxy; please report it with the line below")
    return f"{call.endpoint} does not take the request{said}; {advice}"
