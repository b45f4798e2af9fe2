"""The rules, one test a row, the waits, and the sentence of every answer that is final."""

import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import pytest
from tests.inprocess import URL, InProcess, world

from lastpage import ApiError, Cloud, Credentials
from lastpage.api.messages import Answer, Call, Fault, TransportError
from lastpage.api.patience import BACKOFF_S_MAX, backoff_s, retry_after_s
from lastpage.api.responses import (
    CODES,
    RULES,
    error_for,
    rule_for,
)

UUID = r"[0-9a-f]{8}-[0-9a-f-]{27}"
#: Endpoint, word, exit code, and what the sentence has to say: whose fault, what to do.
ROWS = [
    ("details.query", "return-400", 2, ("the query is at fault", "check the filters")),
    ("details.query", "return-401", 4, ("refuses the token", "GENESYS_CLIENT_ID", "disabled")),
    (
        "details.query",
        "return-403",
        4,
        ("role lacks", "analytics:conversationDetail:view", "Admin >"),
    ),
    ("jobs.submit", "return-403", 4, ("role lacks", "Admin >")),
    ("details.query", "return-404", 2, ("GENESYS_ENVIRONMENT",)),
    ("details.query", "return-413", 2, ("too large", "fewer filters")),
    ("details.query", "return-415", 2, ("report it",)),
    ("jobs.submit", "return-409", 2, ("report it",)),
    ("details.query", "return-429-after:30", 5, ("rate limit", "--requests-per-minute")),
    ("details.query", "return-429", 5, ("rate limit", "a client of its own")),
    ("details.query", "return-429-after:4000", 5, ("rate limit",)),
    ("jobs.status", "return-500", 5, ("the API is at fault", "run the same command again")),
    ("jobs.results", "html-502", 5, ("the API is at fault", "it goes on")),
    ("jobs.results", "return-503", 5, ("the API is at fault", "it goes on")),
    ("jobs.submit", "return-504", 5, ("3 tries", "the API is at fault")),
    ("token", "return-503", 5, ("POST /oauth/token", " tries")),
    ("token", "return-403", 4, ("login was refused", "GENESYS_CLIENT_ID")),
]


@pytest.mark.parametrize(("endpoint", "word", "exit_code", "words"), ROWS)
def test_a_no_for_good(endpoint: str, word: str, exit_code: int, words: tuple[str, ...]) -> None:
    """The class and its exit code, the sentence, and everything a bug report needs."""
    made = world(per_day=20)
    made.sandbox.faults.put(endpoint, *[word] * 60)
    with pytest.raises(ApiError) as raised:
        made.cloud().fetch_all("2023-10-10")
    problem, sentence = raised.value, str(raised.value)
    assert problem.exit_code == exit_code, sentence
    assert all(each in sentence for each in words), sentence
    assert problem.endpoint in sentence or endpoint == "token"
    assert problem.status == (502 if "502" in word else int(re.findall(r"\d{3}", word)[0]))
    assert re.fullmatch(UUID, problem.correlation_id)
    assert problem.correlation_id in sentence
    assert f"HTTP {problem.status}" in sentence


@dataclass
class Broken:
    """A network that fails in one way, for ever."""

    fault: Any

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        raise TransportError(self.fault, "the wire is cut")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("connect", ("check the network", "HTTPS_PROXY", " tries")),
        ("timeout", ("run the same command again", " tries")),
        ("reset", ("run the same command again",)),
        ("truncated", ("run the same command again",)),
        ("tls", ("nothing was sent", "certificate")),
        ("proxy", ("HTTPS_PROXY", "NO_PROXY")),
        ("oversize", ("not the API", "proxy")),
    ],
)
def test_no_answer(fault: str, words: tuple[str, ...]) -> None:
    """Without an answer the advice follows from how the network failed; exit code 5."""
    with pytest.raises(ApiError) as raised:
        world().cloud(transport=Broken(fault)).fetch_all("2023-10-10")
    assert raised.value.exit_code == 5
    assert all(each in str(raised.value) for each in words), str(raised.value)
    assert (raised.value.status, raised.value.code) == (None, fault)


@dataclass
class Elsewhere:
    """A host that is not the API: it redirects, or greets."""

    answer: Answer

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        return self.answer


@pytest.mark.parametrize(
    ("answer", "exit_code", "words"),
    [
        (
            Answer(302, {"location": "https://elsewhere.example/"}),
            5,
            ("redirects", "GENESYS_ENVIRONMENT"),
        ),
        (
            Answer(200, {"content-type": "text/html"}, b"<html>Welcome</html>"),
            4,
            ("without a token", "GENESYS_ENVIRONMENT"),
        ),
        (
            Answer(200, {"content-type": "application/json"}, b'{"token":1}'),
            4,
            ("without a token",),
        ),
        (Answer(501, {}, b""), 5, ("POST /oauth/token",)),
        (Answer(418, {}, b"I am a teapot"), 2, ("rejects the request",)),
    ],
)
def test_something_else_answers(answer: Answer, exit_code: int, words: tuple[str, ...]) -> None:
    """A portal, a proxy's page, another API: a sentence, and no traceback of a decoder."""
    cloud = Cloud(
        Credentials("client", "hunter2"), URL, transport=Elsewhere(answer), clock=world().clock
    )
    with pytest.raises(ApiError) as raised:
        cloud.fetch_all("2023-10-10")
    assert raised.value.exit_code == exit_code
    assert all(each in str(raised.value) for each in words), str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_the_permission_of_the_body() -> None:
    """The permission that is named is the one of the error body, not one from a list of ours."""
    made = world(permissions=frozenset({"analytics:dataRetention:view"}))
    with pytest.raises(
        ApiError, match="analytics:conversationDetail:view, analytics:agentConversationDetail:view"
    ):
        made.cloud(transport=InProcess(made.sandbox)).fetch_all("2023-10-10")


ACTIONS = {
    **dict.fromkeys(
        (400, 403, 404, 405, 409, 413, 415, 501, "tls", "proxy", "oversize"), "give up"
    ),
    **dict.fromkeys(
        (408, 429, 500, 502, 503, 504, "connect", "timeout", "reset", "truncated"), "retry"
    ),
    401: "refresh",
}


CALL = Call("GET", "/x", endpoint="GET /x")


def outcome(case: Any) -> Answer | TransportError:
    return Answer(case) if isinstance(case, int) else TransportError(case, "it broke")


@pytest.mark.parametrize(("case", "action"), ACTIONS.items())
def test_a_rule(case: int | str, action: str) -> None:
    """Each status and each fault has its action, with a reason."""
    rule = rule_for(CALL, outcome(case))
    assert rule is RULES[case]
    assert rule.action == action
    assert rule.why


def test_no_rule_is_untested() -> None:
    """The table has no status and no fault that the list above does not have."""
    listed = {case for case in RULES if isinstance(case, int)} | set(get_args(Fault))
    assert listed == set(ACTIONS)


@pytest.mark.parametrize(
    ("status", "action"),
    [(301, "give up"), (307, "give up"), (418, "give up"), (507, "retry"), (599, "retry")],
)
def test_statuses_without_a_rule(status: int, action: str) -> None:
    """Redirects are not followed, unknown server errors are tried again, unknown client errors are not."""
    assert rule_for(CALL, outcome(status)).action == action


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("status", [302, 500, 503])
def test_a_code_out_of_place(code: str, status: int) -> None:
    """Outside the 4xx the code of an answer changes nothing."""
    answer = Answer(status, raw=json.dumps({"code": code}).encode())
    assert rule_for(CALL, answer) is rule_for(CALL, outcome(status))


@pytest.mark.parametrize("word", ["tls", "no token", "{endpoint}", "{0}", "400"])
def test_a_code_that_is_a_word_of_ours(word: str) -> None:
    """A body cannot choose a rule of another status, nor fill in the sentence."""
    answer = Answer(400, raw=json.dumps({"code": word, "message": word}).encode())
    assert rule_for(CALL, answer) is RULES[400]
    assert f"({word})" in str(error_for(CALL, answer))


def test_backoff() -> None:
    """Full jitter under a doubling limit, never above a minute."""
    rng = random.Random(1)
    for tries in range(1, 20):
        waits = [backoff_s(tries, rng) for _ in range(200)]
        limit = min(2.0 ** (tries - 1), BACKOFF_S_MAX)
        assert all(0 <= wait <= limit for wait in waits)
        assert max(waits) > limit * 0.9
        assert min(waits) < limit * 0.1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("Fri, 20 Oct 2023 15:30:30 GMT", 10.0),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    """Seconds and HTTP dates are both read; nonsense is ignored."""
    assert retry_after_s(header, 1_697_815_820.0) == seconds
