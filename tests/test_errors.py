"""Every answer that docs/api.md lists, and every way of not answering: class, exit code, decision, and what the error carries."""

import re
from dataclasses import replace
from typing import get_args

import pytest
from docs.errors_page import Row, elsewhere, listed, unanswered

from lastpage import errors
from lastpage.api import shapes
from lastpage.api.messages import Answer, Call, Fault, TransportError
from lastpage.api.responses import error_for
from lastpage.errors import ApiError, LastpageError, RefusedError, RejectedError, UnavailableError

REJECTED, REFUSED, UNAVAILABLE = (RejectedError, 2), (RefusedError, 4), (UnavailableError, 5)
#: Status and code of docs/api.md, 1.8; class, exit code, decision, and words of the sentence: whose fault, what to do.
LISTED = [
    (400, "bad.request", *REJECTED, "give up", "check the filters"),
    (400, "invalid.value", *REJECTED, "give up", "check the filters"),
    (400, "invalid.date", *REJECTED, "give up", "lastpage chose this value"),
    (400, "general.bad.request", *REJECTED, "give up", "check the filters"),
    (400, "response.entity.too.large", *REJECTED, "give up", "--page-size"),
    (400, "bad.request", *REJECTED, "give up", "results.); lastpage chose this value"),
    (400, "bad.request", *REJECTED, "give up", "7 days); lastpage chose this value"),
    (401, "bad.credentials", *REFUSED, "refresh", "GENESYS_CLIENT_SECRET"),
    (401, "authentication.required", *REFUSED, "refresh", "GENESYS_CLIENT_ID"),
    (401, "credentials.expired", *REFUSED, "refresh", "GENESYS_CLIENT_ID"),
    (401, "ip.not.authorized", *REFUSED, "give up", "the address of this machine"),
    (401, "unauthorized", *REFUSED, "refresh", "GENESYS_CLIENT_ID"),
    (403, "ip.not.authorized", *REFUSED, "give up", "the address of this machine"),
    (403, "unauthorized", *REFUSED, "give up", "Admin >"),
    (
        403,
        "missing.any.permissions",
        *REFUSED,
        "give up",
        "lacks analytics:conversationDetail:view",
    ),
    (403, "missing.permissions", *REFUSED, "give up", "lacks analytics:conversationDetail:view"),
    (403, "not.authorized", *REFUSED, "give up", "lacks analytics:conversationDetail:view"),
    (403, "missing.division.permission", *REFUSED, "give up", "for a division"),
    (404, "not.found", *REJECTED, "give up", "GENESYS_ENVIRONMENT"),
    (404, "not found", *REJECTED, "give up", "GENESYS_ENVIRONMENT"),
    (408, "client.timeout", *UNAVAILABLE, "retry", "the network or a proxy is too slow"),
    (409, "general.conflict", *REJECTED, "give up", "report it"),
    (413, "request.entity.too.large", *REJECTED, "give up", "fewer filters"),
    (415, "unsupported.media.type", *REJECTED, "give up", "report it"),
    (429, "too.many.requests.retry.after", *UNAVAILABLE, "retry", "--requests-per-minute"),
    (429, "too.many.requests", *UNAVAILABLE, "retry", "--requests-per-minute"),
    (500, "internal.server.error", *UNAVAILABLE, "retry", "the API is at fault"),
    (503, "service.unavailable", *UNAVAILABLE, "retry", "the API is at fault"),
    (504, "request.timeout", *UNAVAILABLE, "retry", "the API is at fault"),
    (504, "authentication.request.timeout", *UNAVAILABLE, "retry", "the API is at fault"),
]
FAULTS = [
    ("connect", *UNAVAILABLE, "retry", "check the network"),
    ("timeout", *UNAVAILABLE, "retry", "run the same command again"),
    ("reset", *UNAVAILABLE, "retry", "run the same command again"),
    ("truncated", *UNAVAILABLE, "retry", "run the same command again"),
    ("tls", *UNAVAILABLE, "give up", "certificate"),
    ("proxy", *UNAVAILABLE, "give up", "HTTPS_PROXY"),
    ("oversize", *UNAVAILABLE, "give up", "not the API"),
]
CALL = Call("GET", "/x", endpoint="GET /x")


def test_no_answer_is_untested() -> None:
    """The list above has every row of docs/api.md, in its order, and every fault of the transport."""
    assert [(row.case, row.error.code) for row in listed()] == [row[:2] for row in LISTED]
    assert [row.case for row in unanswered()] == [row[0] for row in FAULTS] == list(get_args(Fault))


@pytest.mark.invariant("Messages and pages")
@pytest.mark.parametrize(
    ("row", "kind", "exit_code", "action", "words"),
    [
        *((row, *expected[2:]) for row, expected in zip(listed(), LISTED, strict=True)),
        *((row, *expected[1:]) for row, expected in zip(unanswered(), FAULTS, strict=True)),
    ],
)
def test_an_answer(row: Row, kind: type[ApiError], exit_code: int, action: str, words: str) -> None:
    """Every known answer, and every missing one, has its class, exit code, decision and advice."""
    assert (type(row.error), row.error.exit_code, row.rule.action) == (kind, exit_code, action)
    assert words in str(row.error)


@pytest.mark.invariant("Messages and pages")
@pytest.mark.parametrize(
    "row", [*listed(), *elsewhere(), *unanswered()], ids=lambda row: row.answered
)
def test_a_bug_report_needs_nothing_else(row: Row) -> None:
    """An error of the API has and says endpoint, status or fault, code and correlation id."""
    problem = row.error
    said = re.findall(r"\[([^\[]*)\]$", str(problem))[0].split(", ")
    status = [f"HTTP {problem.status}"] if problem.status else []
    named = [f"correlation id {problem.correlation_id}"] if problem.status else []
    assert said == [problem.endpoint, *status, *([problem.code] if problem.code else []), *named]
    assert problem.endpoint
    assert problem.status or problem.code == row.case
    assert problem.correlation_id or not problem.status


def test_the_family_is_as_it_is_drawn() -> None:
    """The drawing in `errors.py` has every class, under its parent, with its exit code."""
    drawn = re.findall(
        r"^ {4}([│ ]*)(?:[├└]── )?(\w+)(?: +(\d+) |   |$)", f"{errors.__doc__}", re.MULTILINE
    )
    classes = {name: each for name, each in vars(errors).items() if isinstance(each, type)}
    line: list[str] = []
    for depth, name, code in drawn:
        line[len(depth) // 4 + (name != "LastpageError") :] = [name]
        assert not code or classes[name].exit_code == int(code)
        assert classes[name].__base__ is (classes[line[-2]] if len(line) > 1 else Exception)
    assert {name for _, name, _ in drawn} == {
        n for n, each in classes.items() if issubclass(each, LastpageError)
    }


def test_a_server_that_repeats_our_headers() -> None:
    """An error body that quotes an Authorization header is shown without it."""
    message = b'{"message": "bad header Authorization: Bearer abcdefgh-12345678.xyz, sent by Basic QUJDREVGR0hJSktMTU5PUA=="}'
    said = str(error_for(CALL, Answer(400, {}, message)))
    assert "bad header Authorization: Bearer …, sent by Basic …" in said
    assert "abcdefgh" not in said
    assert "QUJD" not in said


def test_a_header_with_controls() -> None:
    """What an error says, and each of its facts, is on one line and holds nothing that a terminal obeys."""
    body = b'{"code": "odd\\u009bcode", "message": "a\\u001b[2J\\nlastpage: all is well"}'
    problem = error_for(CALL, Answer(400, {"inin-correlation-id": "c\x1b[7m\x85"}, body))
    assert r"(a\x1b[2J\nlastpage: all is well)" in str(problem)
    assert (problem.code, problem.correlation_id) == (r"odd\x9bcode", r"c\x1b[7m\x85")
    assert str(problem).isprintable()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"conversations": 1}', b"\xff"])
def test_an_answer_that_is_not_the_apis(body: bytes) -> None:
    """A 200 that is not this API's is an error of lastpage, not of a decoder."""
    call = replace(CALL, reads=shapes.page)
    problem = error_for(call, Answer(200, {"inin-correlation-id": "c-1"}, body))
    assert isinstance(problem, UnavailableError)
    assert "not this API's JSON" in str(problem)
    assert (problem.endpoint, problem.status, problem.correlation_id) == ("GET /x", 200, "c-1")


def test_no_answer_at_all() -> None:
    """A fault's sentence says how often it was tried, and what the network said."""
    said = str(error_for(CALL, TransportError("reset", "the connection broke"), 8))
    assert said.startswith("GET /x did not answer after 8 tries: the connection broke; ")
