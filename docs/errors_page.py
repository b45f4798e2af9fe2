"""The tables of errors.md: what docs/api.md says can be answered, and what lastpage makes of it.

Nothing here is written down twice: the answers are read from docs/api.md, 1.8, and decisions and sentences come from the functions
that make them for the client.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from lastpage import errors
from lastpage.api import auth
from lastpage.api.messages import TRIES_MAX, Answer, Call, Fault, TransportError
from lastpage.api.responses import Decision, complain, complain_fault, complain_tokenless, complain_unreadable, decide
from lastpage.errors import ApiError
from lastpage.walks import pages
from lastpage.walks.walk import UNREADABLE_MAX

API = Path(__file__).with_name("api.md")
QUERY = Call("POST", "/query", endpoint=pages.ENDPOINT)
LOGIN = Call("POST", "/oauth/token", endpoint=auth.ENDPOINT)
CORRELATION = "11111111-2222-3333-4444-555555555555"
#: A cell of the table in docs/api.md that begins so is a remark, not a message.
REMARKS = ("\N{EN DASH}", "text unknown", "the same")
#: The walk decides it: an answer has to be read before this is known.
UNREADABLE = Decision("retry", f"a gateway may have answered; {UNREADABLE_MAX} times while a slice is read, else once")
TOKENLESS = Decision("give up", "that is not the login host")


@dataclass(frozen=True, slots=True)
class Row:
    """One possible answer: what it is, the status or fault that is decided on, and the error it becomes."""

    answered: str
    case: int | str
    error: ApiError

    @property
    def decision(self) -> Decision:
        if self.case != 200:
            return decide(self.case)
        return TOKENLESS if self.error.endpoint == LOGIN.endpoint else UNREADABLE

    def cells(self) -> tuple[str, ...]:
        kind = type(self.error)
        what = f"{self.decision.action}: {self.decision.why}"
        return self.answered, f"`{kind.__name__}`", str(kind.exit_code), what, _shown(str(self.error))


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
    for word, said in (("invalid_client", "client not found"), ("invalid_client", "authentication failed")):
        answer = _answer(400, {"error": word, "description": said, "error_description": said})
        yield Row(f"login: 400 `{word}`, {said}", 400, complain(LOGIN, answer))
    answer = _answer(400, {"error": "unsupported_grant_type"})
    yield Row("login: 400, another word", 400, complain(LOGIN, answer))
    yield Row("login: 200 without a token", 200, complain_tokenless(LOGIN, _answer(200, None)))
    unreadable = complain_unreadable(QUERY, _answer(200, None), ValueError("JSON is malformed"), UNREADABLE_MAX)
    yield Row("200 with a body that is not this API's", 200, unreadable)
    for status, what in ((302, "a redirect"), (418, "a status that docs/api.md does not have")):
        yield Row(f"{status}, {what}", status, complain(QUERY, _answer(status, None)))
    for status in (501, 502, 507):
        error = complain(QUERY, _answer(status, None), _tries(status))
        yield Row(f"{status} in HTML, by a gateway", status, error)


def unanswered() -> Iterator[Row]:
    for fault in get_args(Fault):
        error = complain_fault(QUERY, TransportError(fault, "(what the network said)"), _tries(fault))
        yield Row(f"`{fault}`", fault, error)


def _row(status: int, code: str, message: str) -> Row:
    params = re.findall(r"permissions[^\[]*\[([\w:]+)", message)
    body = {"status": status, "code": code, "message": message, "contextId": CORRELATION}
    more = {"messageParams": {"permissions": params[0]}} if params else {}
    answer = _answer(status, {**body, **more})
    said = f", {' '.join(message.split()[:5])} …" if code == "bad.request" else ""
    return Row(f"{status} `{code}`{said}", status, complain(QUERY, answer, _tries(status)))


def _message(cell: str) -> str:
    """A cell's text without the remarks of docs/api.md on it."""
    if cell.startswith(REMARKS):
        return ""
    bold = re.match(r"\*\*(.*?)\*\*", cell)
    return bold[1] if bold else re.sub(r" \(the router.*", "", cell)


def _answer(status: int, body: Any) -> Answer:
    raw = b"<html>" if body is None else json.dumps(body).encode()
    return Answer(status, {"inin-correlation-id": CORRELATION}, raw)


def _tries(case: int | str) -> int:
    return TRIES_MAX if decide(case).action == "retry" else 1


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
