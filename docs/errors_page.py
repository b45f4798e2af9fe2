"""The tables of errors.md: what docs/api.md says can be answered, and what lastpage makes of it.

Nothing here is written down twice: the answers are read from docs/api.md, 1.8, the decisions from
the table in `api/responses.py`, and every sentence is the one that is really made there.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from lastpage import errors
from lastpage.api import auth, messages, shapes
from lastpage.api.messages import Answer, Call, Fault, TransportError
from lastpage.api.patience import REFUSALS_MAX, Patience
from lastpage.api.responses import RULES, Rule, error_for, rule_for, tokenless
from lastpage.errors import ApiError

API = Path(__file__).with_name("api.md")
QUERY = Call("POST", "/query", endpoint=f"POST {messages.QUERY}", reads=shapes.page)
PAGE = replace(QUERY, rows=1)
LOGIN = Call("POST", "/oauth/token", endpoint=auth.ENDPOINT)
CORRELATION = "11111111-2222-3333-4444-555555555555"
#: What stands in the place of a message in docs/api.md, 1.8, and is none.
REMARKS = ("\N{EN DASH}", "text unknown", "the same")


@dataclass(frozen=True, slots=True)
class Row:
    """One possible answer: what it is, the status or fault that is decided on, and the error it
    becomes.
    """

    answered: str
    case: int | str
    rule: Rule
    error: ApiError

    @classmethod
    def of(cls, answered: str, call: Call, outcome: Answer | TransportError) -> Row:
        """The row of an answer, or of none."""
        rule = rule_for(call, outcome)
        case = outcome.status if isinstance(outcome, Answer) else outcome.fault
        tries = {"retry": Patience().tries, "fewer rows": REFUSALS_MAX}.get(rule.action, 1)
        return cls(answered, case, rule, error_for(call, outcome, tries))

    def cells(self) -> tuple[str, ...]:
        """The row as it stands in the table."""
        kind = type(self.error)
        decision = f"{self.rule.action}: {self.rule.why}"
        sentence = _shown(str(self.error))
        return self.answered, f"`{kind.__name__}`", str(kind.exit_code), decision, sentence


def answers() -> str:
    """Every status and code of docs/api.md, 1.8."""
    return _table(list(listed()))


def others() -> str:
    """What the login host, a gateway, or something that is not the API may answer."""
    return _table(list(elsewhere()))


def faults() -> str:
    """Every way in which no answer comes."""
    return _table(list(unanswered()))


def classes() -> str:
    """The family of errors, as their module draws it."""
    doc = errors.__doc__ or ""
    tree = [line[4:] for line in doc.splitlines() if line.startswith("    ")]
    return "\n".join(["```", *tree, "```"])


def listed() -> Iterator[Row]:
    """The rows of docs/api.md, 1.8; one for each pair of a status and a code."""
    section = API.read_text("utf-8").split("\n### 1.8 ")[1].split("\n### ")[0]
    table = section.split("| status | `code` |")[1]
    for line in itertools.takewhile(lambda text: text.startswith("|"), table.splitlines()[2:]):
        statuses, codes, message, _ = (cell.strip() for cell in line.strip("|").split(" | "))
        for status in re.findall(r"\b\d{3}\b", statuses):
            for code in re.findall(r"`([^`]+)`", codes):
                yield _row(int(status), code, _message(message))


def elsewhere() -> Iterator[Row]:
    """The rows that docs/api.md, 1.8 does not have."""
    for said in ("client not found", "authentication failed"):
        answer = _answer(400, {"error": "invalid_client", "error_description": said})
        yield Row.of(f"login: 400 `invalid_client`, {said}", LOGIN, answer)
    answer = _answer(400, {"error": "unsupported_grant_type"})
    yield Row.of("login: 400, another word", LOGIN, answer)
    large = TransportError("oversize", "the body is larger than 256 MiB")
    yield Row.of("a page of one row: `oversize`, 413, or 400 `….entity.too.large`", PAGE, large)
    html = _answer(200, None)
    error = tokenless(LOGIN, html)
    yield Row("login: 200 without a token", 200, RULES["no token"], error)
    yield Row.of("200 with a page in HTML", QUERY, html)
    yield Row.of("200 with `{}`", QUERY, _answer(200, {}))
    body = {"status": 500, "code": "internal.server.error", "message": "The server …"}
    yield Row.of("200 with an error body", QUERY, _answer(200, body))
    yield Row.of("302, a redirect", QUERY, _answer(302, None))
    yield Row.of("418, a status that docs/api.md does not have", QUERY, _answer(418, None))
    for status in (501, 502, 507):
        yield Row.of(f"{status} in HTML, by a gateway", QUERY, _answer(status, None))


def unanswered() -> Iterator[Row]:
    """The rows of the transport's faults."""
    for fault in get_args(Fault):
        yield Row.of(f"`{fault}`", QUERY, TransportError(fault, "(what the network said)"))


def _row(status: int, code: str, message: str) -> Row:
    params = re.findall(r"permissions[^\[]*\[([\w:]+)", message)
    body = {"status": status, "code": code, "message": message, "contextId": CORRELATION}
    more = {"messageParams": {"permissions": params[0]}} if params else {}
    said = f", {' '.join(message.split()[:5])} …" if code == "bad.request" else ""
    return Row.of(f"{status} `{code}`{said}", QUERY, _answer(status, {**body, **more}))


def _message(cell: str) -> str:
    """A cell's text without the remarks of docs/api.md on it."""
    if cell.startswith(REMARKS):
        return ""
    bold = re.match(r"\*\*(.*?)\*\*", cell)
    return bold[1] if bold else re.sub(r" \(the router.*", "", cell)


def _answer(status: int, body: Any) -> Answer:
    raw = b"<html>" if body is None else json.dumps(body).encode()
    return Answer(status, {"inin-correlation-id": CORRELATION}, raw)


def _table(rows: list[Row]) -> str:
    head = ("answered", "class", "exit", "decision", "sentence")
    lines = [head, tuple("---" for _ in head), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _shown(sentence: str) -> str:
    return (
        sentence.replace("|", "\\|")
        .replace("<", "&lt;")
        .replace(QUERY.endpoint, "POST …/query")
        .replace(CORRELATION, "…")
    )
