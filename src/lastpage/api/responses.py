"""What to do with an answer, and what to say of it: one table.

A rule says which action follows, why, and, should that answer be the last one, which error it
becomes: what happened, and whose fault it is and what to do. `docs/errors.md` is made from it.

    retry        the same request again, after a wait with jitter
    refresh      once: a new token, then the same request; the second time it is final
    fewer rows   once more the same; then final, and the walk asks for fewer rows (walks/sizes.py)
    give up      final

The rule is found by the API's own code where the status alone says too little, else by the status
(docs/api.md, 1.8) or by the word for what went wrong below HTTP (`messages.Fault`). The statuses
that a call lets pass never come here, and 2xx only with a body that is not the endpoint's
(`shapes`). Bodies are quoted; one that is not JSON is expected, since gateways send HTML.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from lastpage.api.messages import Answer, Call, TransportError
from lastpage.api.records import UNREADABLE
from lastpage.api.shapes import flaw
from lastpage.errors import ApiError, RefusedError, RejectedError, UnavailableError
from lastpage.query.environment import ENVIRONMENT, ID, SECRET

Action = Literal["retry", "refresh", "fewer rows", "give up"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What follows an answer, why, and the error that it becomes when it is final.

    `what` and `advice` may name the facts that `_error` knows: {endpoint}, {quote}, {after}, …
    """

    action: Action
    why: str
    error: type[ApiError]
    what: str
    advice: str


#: What any request may be answered with, but a page also because it has too many rows.
TOO_SLOW = frozenset({504, "timeout"})

_REJECTED = "{endpoint} rejects the request{quote}"
_FAILED = "{endpoint} failed{after}{quote}"
_UNANSWERED = "{endpoint} did not answer{after}: {problem}"
_LOGIN = "the login was refused{quote}{region}"
_WRONG = "the request is wrong, and stays wrong"
_GOES_ON = "run the same command again, and it goes on where it stopped"
_API_FAULT = (
    "the API is at fault: run the same command again later, and it goes on where it stopped"
)
_NETWORK = f"the network or the API is at fault: {_GOES_ON}"
_REPORT = "run it again with --debug FILE, and report it with that file"
_BUG = f"lastpage or a proxy is at fault: {_REPORT}"
_OUR_CHOICE = f"lastpage chose this value, not you: {_REPORT}"
GRANT = (
    "grant that to a role (Admin > People & Permissions > Roles / Permissions) and give the role "
    "to the OAuth client, for all divisions (Admin > Integrations > OAuth > the client > Roles)"
)
_ALLOW = "ask an administrator of the organisation for the addresses that may log in"

# fmt: off
#: By status (docs/api.md, 1.8), by fault, and by what else can be wrong with an answer.
RULES: dict[int | str, Rule] = {
    400: Rule("give up", _WRONG, RejectedError, _REJECTED,
              "the query is at fault: check the filters and the body"),
    401: Rule("refresh", "the token may have ended in the middle of a walk", RefusedError,
              "the API refuses the token{quote}",
              "the OAuth client may be disabled: check {ID} and {SECRET}"),
    403: Rule("give up", "the role lacks a permission", RefusedError,
              "{endpoint} is not allowed; the OAuth client's role lacks {permission}", GRANT),
    404: Rule("give up", "the resource does not exist", RejectedError, _REJECTED,
              "check that {ENVIRONMENT} points to an API of Genesys Cloud"),
    405: Rule("give up", _WRONG, RejectedError, _REJECTED, _BUG),
    408: Rule("retry", "the server did not receive the request in time", UnavailableError,
              "{endpoint} did not receive the request in time{after}{quote}",
              f"the network or a proxy is too slow: {_GOES_ON}"),
    409: Rule("give up", "the resource is in another state", RejectedError, _REJECTED, _BUG),
    413: Rule("give up", "the request is too large, and stays too large", RejectedError, _REJECTED,
              "the query body is too large: give fewer filters"),
    415: Rule("give up", _WRONG, RejectedError, _REJECTED, _BUG),
    429: Rule("retry", "the rate limit is used up; all threads wait", UnavailableError,
              "the API's rate limit is used up{after}{quote}",
              "other programs use the same OAuth client: "
              "give lastpage a share with --requests-per-minute, or a client of its own"),
    500: Rule("retry", "the server failed", UnavailableError, _FAILED, _API_FAULT),
    501: Rule("give up", "the server does not have this function", UnavailableError, _FAILED,
              _API_FAULT),
    502: Rule("retry", "a gateway failed", UnavailableError, _FAILED, _API_FAULT),
    503: Rule("retry", "the server is overloaded or down for maintenance", UnavailableError,
              _FAILED, _API_FAULT),
    504: Rule("retry", "the server was too slow", UnavailableError, _FAILED, _API_FAULT),
    "a redirect": Rule("give up", "the API does not redirect, and the token must not follow",
                       UnavailableError,
                       "{endpoint} redirects to another host, and the token must not follow",
                       "check {ENVIRONMENT} and the proxy"),
    "another 5xx": Rule("retry", "the server failed", UnavailableError, _FAILED, _API_FAULT),
    "another status": Rule("give up", "the API does not answer so", RejectedError, _REJECTED, _BUG),

    "connect": Rule("retry", "the host could not be reached", UnavailableError, _UNANSWERED,
                    "check the network and {ENVIRONMENT}; for a proxy set HTTPS_PROXY"),
    "timeout": Rule("retry", "no answer in time", UnavailableError, _UNANSWERED, _NETWORK),
    "reset": Rule("retry", "the connection broke", UnavailableError, _UNANSWERED, _NETWORK),
    "truncated": Rule("retry", "the answer ended in the middle", UnavailableError, _UNANSWERED,
                      _NETWORK),
    "tls": Rule("give up", "the certificate does not verify", UnavailableError, _UNANSWERED,
                "nothing was sent; "
                "if a proxy inspects TLS here, its certificate has to be in the system's store"),
    "proxy": Rule("give up", "the proxy refuses", UnavailableError, _UNANSWERED,
                  "check HTTPS_PROXY and NO_PROXY"),
    "oversize": Rule("give up", "no answer of this API is so large", UnavailableError, _UNANSWERED,
                     "that is not the API: check the proxy"),

    "too large": Rule("fewer rows", "a page may have more rows than the API can send at once",
                      UnavailableError, "{endpoint} does not give a page of {rows}{after}{quote}",
                      "the conversation is too large for the API: ask the vendor's support"),
    "unreadable": Rule("retry", "a gateway or a sign-in page may have answered, or an error in "
                       "disguise", UnavailableError,
                       "{endpoint} answers with something that is not this API's JSON{after} "
                       "({problem}){quote}",
                       f"a proxy may be in the way, or the API is at fault: {_GOES_ON}"),
    "no token": Rule("give up", "that is not the login host", RefusedError,
                     "the login host answered without a token",
                     "check {ENVIRONMENT} and the proxy"),
    "login": Rule("give up", "the login host refuses this kind of login", RefusedError, _LOGIN,
                  "the OAuth client must have the grant Client Credentials: "
                  "check {ID} and {SECRET}"),
    "login id": Rule("give up", "the login host does not know the client", RefusedError, _LOGIN,
                     "check {ID}, and that {ENVIRONMENT} is the region of this OAuth client"),
    "login secret": Rule("give up", "the secret is wrong", RefusedError, _LOGIN,
                         "check {SECRET}, and that {ENVIRONMENT} is the region of this OAuth "
                         "client"),
}

#: By the API's own code, where a 4xx alone says too little.
CODES: dict[str, Rule] = {
    # What this code means is read from its name; docs/api.md has no text for it.
    "ip.not.authorized": Rule("give up", "a new token has the same address", RefusedError,
                              "the API refuses the address of this machine{quote}", _ALLOW),
    "missing.division.permission": Rule("give up", "the role lacks a division", RefusedError,
                                        "{endpoint} is not allowed; the OAuth client's role is not "
                                        "given for a division that is asked for", GRANT),
    "response.entity.too.large": Rule("give up", "the answer would be too large", RejectedError,
                                      _REJECTED, "the answer would be too large: "
                                      "give fewer rows a page with --page-size"),
    "invalid.date": Rule("give up", _WRONG, RejectedError, _REJECTED, _OUR_CHOICE),
}
# fmt: on

#: Texts of a 400 that refuse what lastpage chooses itself, whatever the code (docs/api.md, 1.8).
_OURS = re.compile(r"pagination may not exceed|search interval", re.IGNORECASE)


def rule_for(call: Call, outcome: Answer | TransportError) -> Rule:
    """The rule for an answer that is not wanted, or for none."""
    if call.rows and _is_too_large(outcome):
        return RULES["too large"]
    if isinstance(outcome, TransportError):
        return RULES[outcome.fault]
    if 200 <= outcome.status < 300:
        return RULES["unreadable"]
    status, body = outcome.status, read_error(outcome)
    if call.endpoint.endswith("/oauth/token") and status in (400, 401, 403):
        if body.code != "invalid_client":
            return RULES["login"]
        return RULES["login id" if "not found" in body.message else "login secret"]
    if status == 400 and _OURS.search(body.message):
        return CODES["invalid.date"]
    if 400 <= status < 500 and body.code in CODES:
        return CODES[body.code]
    if status in RULES:
        return RULES[status]
    if 300 <= status < 400:
        return RULES["a redirect"]
    return RULES["another 5xx" if status >= 500 else "another status"]


def _is_too_large(outcome: Answer | TransportError) -> bool:
    if isinstance(outcome, TransportError):
        return outcome.fault == "oversize"
    is_refused = 400 <= outcome.status < 500
    return outcome.status == 413 or (
        is_refused and read_error(outcome).code.endswith("entity.too.large")
    )


def case_of(outcome: Answer | TransportError) -> int | str:
    """The status, or the word for what went wrong below HTTP."""
    return outcome.status if isinstance(outcome, Answer) else outcome.fault


# The errors -------------------------------------------------------------------------------------

_CORRELATION = ("inin-correlation-id", "genesys-correlation-id")
#: What a server that repeats our headers would give away.
_AUTHORIZATION = re.compile(r"\b(Bearer|Basic)\s+[\w+/=.~-]{16,}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """The fields of an error body that a sentence needs; all empty where the body is not JSON."""

    code: str = ""
    message: str = ""
    permissions: str = ""
    context: str = ""


def error_for(
    call: Call,
    outcome: Answer | TransportError,
    tries: int = 1,
    region: str = "",
    *,
    too_large: bool = False,
) -> ApiError:
    """The error for a final answer, or for none; `region` is where the login was tried."""
    problem = _error(rule_for(call, outcome), call, outcome, tries, region=region)
    problem.too_large = too_large
    return problem


def tokenless(call: Call, answer: Answer) -> ApiError:
    """The error for a login that brought no token; the body is not quoted, it may hold one."""
    return _error(RULES["no token"], call, answer)


def correlation_id(answer: Answer) -> str:
    """What the vendor's support finds a request by; empty where the headers do not have it."""
    return next((answer.headers[name] for name in _CORRELATION if answer.headers.get(name)), "")


def read_error(answer: Answer) -> ErrorBody:
    """What an error body says, or nothing."""
    try:
        body: Any = msgspec.json.decode(answer.body)
    except (*UNREADABLE, TransportError):
        return ErrorBody()
    if not isinstance(body, dict):
        return ErrorBody()
    message = str(
        body.get("message") or body.get("error_description") or body.get("description") or ""
    )
    params = body.get("messageParams")
    listed = params.get("permissions") if isinstance(params, dict) else None
    found = re.search(r"\[([\w:., -]+)\]", message)
    permissions = str(listed or (found[1] if found else "")).strip("[] ")
    code = str(body.get("code") or body.get("error") or "")
    message = _AUTHORIZATION.sub(r"\1 …", message)[:500]
    return ErrorBody(code[:100], message, permissions, str(body.get("contextId") or ""))


def _error(
    rule: Rule,
    call: Call,
    outcome: Answer | TransportError,
    tries: int = 1,
    *,
    region: str = "",
) -> ApiError:
    """Everything that a bug report needs, in the sentence and beside it."""
    if isinstance(outcome, TransportError):
        problem = str(outcome)
        status, body, correlation = None, ErrorBody(outcome.fault, problem), ""
    else:
        status, problem = outcome.status, ""
        # What should have been a token is not quoted.
        body = ErrorBody() if rule is RULES["no token"] else read_error(outcome)
        if rule is RULES["unreadable"]:
            problem = flaw(call, outcome)
        correlation = correlation_id(outcome) or body.context
    lacking = (body.permissions or call.permission) if "{permission}" in rule.what else ""
    sentence = f"{rule.what}; {rule.advice}".format(
        endpoint=call.endpoint,
        quote=f" ({body.message.strip()})" if body.message else "",
        after=f" after {tries} tries" if tries > 1 else "",
        problem=problem,
        rows=f"{call.rows:,} row{'s' * (call.rows != 1)}",
        region=f" in the region {region}" if region else "",
        permission=lacking or "a permission that the API does not name",
        ID=ID,
        SECRET=SECRET,
        ENVIRONMENT=ENVIRONMENT,
    )
    facts = [
        call.endpoint,
        f"HTTP {status}" if status else "",
        body.code,
        f"correlation id {correlation}" if correlation else "",
    ]
    return rule.error(
        f"{sentence} [{', '.join(fact for fact in facts if fact)}]",
        endpoint=call.endpoint,
        status=status,
        code=body.code,
        correlation_id=correlation,
        permission=lacking,
    )
