"""The client: token, pace, transport, retry; and every final answer as a sentence with its exit code."""

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.inprocess import InProcess, talk, world

from lastpage.api.auth import ClientCredentials, StaticToken
from lastpage.api.client import Client
from lastpage.api.messages import Answer, Call, Fault, TransportError
from lastpage.api.pace import Pace
from lastpage.api.patience import BACKOFF_S_MAX, SHORT_PATIENCE, Patience
from lastpage.clock import SimClock
from lastpage.errors import ApiError, RefusedError, RejectedError, UnavailableError, UsageError
from lastpage.query.credentials import Credentials
from lastpage.query.environment import parse_environment

#: By the client's clock, when it begins.
NOW = 1_697_815_820.0
CALL = Call("GET", "/api/v2/thing", endpoint="GET /api/v2/thing")
OK = Answer(200, {"content-type": "application/json"}, b'{"a":1}')
TOKEN = Answer(200, {}, b'{"access_token":"tok-1","token_type":"bearer","expires_in":86399}')
SECRET = "s3cret"


class Script:
    """A transport that gives the answers of a list, in order, and remembers what it was sent."""

    def __init__(self, *answers: Answer | Fault) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[str, Call, dict[str, str]]] = []
        self.clock = SimClock(NOW)
        #: Seconds that each answer takes.
        self.slow_s = 0.0

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        self.sent.append((base, call, dict(headers)))
        self.clock.sleep(self.slow_s)
        answer = self.answers.pop(0)
        if isinstance(answer, str):
            raise TransportError(answer, "it broke")
        return answer


def client(script: Script, *, token: str | None = "tok-0", seed: int = 1) -> Client:
    clock = script.clock
    auth = (
        StaticToken(token)
        if token
        else ClientCredentials(Credentials("11111111-2222-3333-4444-555555555555", SECRET), clock)
    )
    return Client(
        parse_environment("eu-central-1"), auth, script, clock, Pace(clock), random.Random(seed)
    )


def error(status: int, code: str = "", message: str = "", **more: object) -> Answer:
    body = {
        "status": status,
        "code": code,
        "message": message,
        "contextId": "ctx-1",
        "details": [],
        "errors": [],
        **more,
    }
    return Answer(status, {"content-type": "application/json"}, json.dumps(body).encode())


def test_an_answer() -> None:
    """A call goes to the API host with a bearer token, and asks for gzip."""
    script = Script(OK)
    assert client(script).send(CALL) is OK
    base, _, headers = script.sent[0]
    assert base == "https://api.mypurecloud.de"
    assert headers["Authorization"] == "Bearer tok-0"
    assert headers["Accept-Encoding"] == "gzip"


def test_the_login() -> None:
    """The token comes from the login host, by Basic and a form, once for many calls."""
    script = Script(TOKEN, OK, OK)
    cloud = client(script, token=None)
    cloud.send(CALL)
    cloud.send(CALL)
    base, call, headers = script.sent[0]
    assert (base, call.path, call.body) == (
        "https://login.mypurecloud.de",
        "/oauth/token",
        b"grant_type=client_credentials",
    )
    assert headers["Authorization"].startswith("Basic ")
    assert [each[2]["Authorization"] for each in script.sent[1:]] == ["Bearer tok-1"] * 2


def test_the_token_is_renewed_early() -> None:
    """Five minutes before its end a token is replaced; a short-lived one after four fifths of its life."""
    script = Script(TOKEN, OK, OK, TOKEN, OK)
    cloud = client(script, token=None)
    cloud.send(CALL)
    cloud.clock.sleep(86_399 - 301)
    cloud.send(CALL)
    cloud.clock.sleep(2)
    cloud.send(CALL)
    assert not script.answers


def test_a_401_is_answered_once() -> None:
    """A refused token is replaced once; the second refusal is final and says what to check."""
    script = Script(TOKEN, error(401, "credentials.expired"), TOKEN, OK)
    assert client(script, token=None).send(CALL) is OK
    script = Script(TOKEN, error(401, "bad.credentials"), TOKEN, error(401, "bad.credentials"))
    with pytest.raises(RefusedError, match="GENESYS_CLIENT_ID"):
        client(script, token=None).send(CALL)
    with pytest.raises(RefusedError):
        client(Script(error(401))).send(CALL)


@pytest.mark.parametrize(
    ("message", "variable"),
    [("client not found", "GENESYS_CLIENT_ID"), ("authentication failed", "GENESYS_CLIENT_SECRET")],
)
def test_a_bad_login(message: str, variable: str) -> None:
    """`invalid_client` is a 400; the sentence names the variable to check, and the exit code is 4."""
    body = {"error": "invalid_client", "description": message, "error_description": message}
    script = Script(Answer(400, {}, json.dumps(body).encode()))
    with pytest.raises(RefusedError, match=variable) as refused:
        client(script, token=None).send(CALL)
    assert refused.value.exit_code == 4
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_retried_statuses(status: int) -> None:
    """What may pass is tried again, with a wait; if it does not pass, it is the API's fault and exit code 5."""
    script = Script(error(status), error(status), OK)
    cloud = client(script)
    assert cloud.send(CALL) is OK
    assert cloud.counts.retries == 2
    script = Script(*[error(status)] * 99)
    with pytest.raises(UnavailableError) as gone:
        client(script).send(CALL)
    assert gone.value.exit_code == 5
    assert f"after {len(script.sent)} tries" in str(gone.value)


@pytest.mark.parametrize("fault", ["connect", "timeout", "reset", "truncated"])
def test_retried_faults(fault: Fault) -> None:
    """A broken connection is tried again; if it stays broken, a sentence says so."""
    assert client(Script(fault, OK)).send(CALL) is OK
    script = Script(*[fault] * 99)
    with pytest.raises(UnavailableError) as gone:
        client(script).send(CALL)
    assert f"after {len(script.sent)} tries" in str(gone.value)


@pytest.mark.parametrize(
    ("patience", "slow_s", "least"),
    [
        (Patience(), 0.0, 9),
        (Patience(), 120.0, 8),
        (SHORT_PATIENCE, 0.0, 3),
        (SHORT_PATIENCE, 20.0, 2),
    ],
)
def test_when_a_request_is_given_up(patience: Patience, slow_s: float, least: int) -> None:
    """After eight tries and five minutes of trouble, for the doctor two and ten seconds: whichever comes later."""
    for seed in range(20):
        script = Script(*[error(503)] * 99)
        script.slow_s = slow_s
        hasty = client(script, seed=seed).with_patience(patience)
        with pytest.raises(UnavailableError):
            hasty.send(CALL)
        tries, passed_s = len(script.sent), hasty.clock.now() - NOW - slow_s
        assert tries >= least
        assert tries == least or tries > patience.tries
        assert passed_s >= patience.trouble_s
        # It is not dragged on: the try before this one was not enough.
        assert tries == patience.tries or passed_s < patience.trouble_s + BACKOFF_S_MAX


@pytest.mark.parametrize("word", ["return-503-after:0", "return-429-after:0", "reset"])
def test_trouble_that_passes(word: str) -> None:
    """An outage of some minutes ends no run, although each try is refused at once."""
    made = world()
    until = made.clock.now() + 240

    class Down(InProcess):
        def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
            if made.clock.now() < until:
                self.sandbox.faults.put("*", word)
            return super().send(base, call, headers)

    assert made.cloud(transport=Down(made.sandbox)).fetch_all("2023-10-10")
    assert len(made.sandbox.faults.receipts) > 8


@pytest.mark.invariant("Sharing the API")
@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, RejectedError, 2),
        (403, RefusedError, 4),
        (404, RejectedError, 2),
        (413, RejectedError, 2),
        (415, RejectedError, 2),
        (302, UnavailableError, 5),
    ],
)
def test_final_statuses(status: int, kind: type[ApiError], code: int) -> None:
    """A wrong request is not repeated; its error has endpoint, status, code and correlation id."""
    script = Script(error(status, "some.code", "some words"))
    with pytest.raises(kind) as final:
        client(script).send(CALL)
    assert len(script.sent) == 1
    problem = final.value
    assert (problem.exit_code, problem.status, problem.code, problem.correlation_id, problem.endpoint) == (
        code, status, "some.code", "ctx-1", CALL.endpoint,
    )  # fmt: skip
    assert "correlation id ctx-1" in str(problem)


def test_a_missing_permission_is_named() -> None:
    """403 names the permission from the body, and where it is granted."""
    words = "You must have at least one of the following permissions assigned: [analytics:conversationDetail:view, x:y:z]"
    with pytest.raises(RefusedError, match="analytics:conversationDetail:view, x:y:z") as refused:
        client(Script(error(403, "missing.any.permissions", words))).send(CALL)
    assert "Roles" in str(refused.value)


@pytest.mark.parametrize("fault", ["tls", "proxy", "oversize"])
def test_final_faults(fault: Fault) -> None:
    """A bad certificate, a proxy that refuses and a body without end are not tried again."""
    script = Script(fault)
    with pytest.raises(UnavailableError):
        client(script).send(CALL)
    assert len(script.sent) == 1


PAGE = replace(CALL, rows=100, passes=frozenset({400, 404}))
TOO_LARGE = [
    error(504),
    error(413, "request.entity.too.large"),
    error(400, "response.entity.too.large"),
    error(400, "entity.too.large"),
    "timeout",
    "oversize",
]


@pytest.mark.parametrize("first", TOO_LARGE)
@pytest.mark.parametrize("second", TOO_LARGE)
def test_a_page_that_is_too_large(first: Answer | Fault, second: Answer | Fault) -> None:
    """Two refusals that its size may explain are enough for a page; other trouble between them is waited out."""
    script = Script(first, error(503), second)
    cloud = client(script)
    with pytest.raises(UnavailableError) as refused:
        cloud.send(PAGE)
    assert refused.value.too_large
    assert "--page-size" not in str(refused.value)
    assert cloud.clock.now() - NOW < 10
    assert client(Script(first, OK)).send(PAGE) is OK


@pytest.mark.parametrize(
    ("outcome", "tries"), [(error(504), 8), ("timeout", 8), (error(413), 2), ("oversize", 2)]
)
def test_a_page_of_one_row(outcome: Answer | Fault, tries: int) -> None:
    """A row that is too large for sure is asked for twice; one that may only be slow, as any other request."""
    script = Script(*[outcome] * 99)
    with pytest.raises(UnavailableError) as refused:
        client(script).send(replace(PAGE, rows=1))
    assert refused.value.too_large
    assert len(script.sent) == tries if tries == 2 else len(script.sent) >= tries


@pytest.mark.parametrize("outcome", [error(503), error(502), "reset", "truncated", error(408)])
def test_what_the_size_does_not_explain(outcome: Answer | Fault) -> None:
    """Other trouble is waited out at the same size, and is an error in the end."""
    script = Script(error(504), *[outcome] * 99)
    with pytest.raises(UnavailableError) as refused:
        client(script).send(PAGE)
    assert not refused.value.too_large
    assert len(script.sent) > 8


def test_a_body_of_270_megabytes() -> None:
    """A page above the bound is a page that is too large, not a proxy."""
    made = world(per_day=0, page_rows_max=1, page_too_large="huge")
    start = datetime(2023, 10, 10, tzinfo=UTC)
    made.sandbox.world.add(*(talk(number, start) for number in range(3)))
    assert len(made.cloud().fetch_all("2023-10-10", page_size=3)) == 3
    assert len(made.sandbox.log) < 25


def test_passed_statuses() -> None:
    """A status that the call passes is an answer."""
    assert client(Script(error(404))).send(replace(CALL, passes=frozenset({404}))).status == 404


@pytest.mark.invariant("Sharing the API")
def test_a_smaller_cap() -> None:
    """A job submission is repeated less often than a read, because its answer may be lost; the last time only after five minutes."""
    script = Script(error(504), "connect", error(429), "timeout", error(503))
    cloud = client(script)
    with pytest.raises(UnavailableError, match="5 tries"):
        cloud.send(replace(CALL, lost_max=3))
    assert cloud.clock.now() - NOW >= Patience().trouble_s
    script = Script(*[error(429), "connect"] * 4, error(500), OK)
    assert client(script).send(replace(CALL, lost_max=3)) is OK


def test_a_cap_and_refusals_without_end() -> None:
    """A call with a smaller cap ends as any other where its answers cannot be lost."""
    script = Script(error(504), error(504), *[error(429)] * 99)
    with pytest.raises(UnavailableError, match="8 tries"):
        client(script).send(replace(CALL, lost_max=3))


@pytest.mark.invariant("Sharing the API")
def test_retry_after_is_obeyed_by_all() -> None:
    """After a 429 nothing is sent before the announced time, up to a quarter of an hour."""
    script = Script(replace_headers(error(429), {"retry-after": "33"}), OK)
    cloud = client(script)
    before = cloud.clock.now()
    cloud.send(CALL)
    assert cloud.clock.now() - before >= 33
    with pytest.raises(UnavailableError, match="--requests-per-minute"):
        client(Script(replace_headers(error(429), {"retry-after": "3600"}))).send(CALL)


@pytest.mark.parametrize("announced", ["0", "-5", "Fri, 20 Oct 2023 00:00:00 GMT", "0.0"])
@pytest.mark.parametrize("status", [429, 503])
def test_an_announced_wait_of_nothing(status: int, announced: str) -> None:
    """A `Retry-After` of 0, or in the past, is waited for with the usual growing pauses."""
    answers = [replace_headers(error(status), {"retry-after": announced})] * 7
    waits = []
    for seed in range(20):
        cloud = client(Script(*answers, OK), seed=seed)
        before = cloud.clock.now()
        cloud.send(CALL)
        waits.append(cloud.clock.now() - before)
    assert min(waits) > 10
    assert sum(waits) / len(waits) > 40


def replace_headers(answer: Answer, headers: dict[str, str]) -> Answer:
    return Answer(answer.status, {**answer.headers, **headers}, answer.raw)


@pytest.mark.parametrize("raw", [b'{"conversations":[{"a"', b'{"a":1', b"[1,2"])
def test_truncated_json_is_no_answer(raw: bytes) -> None:
    """A body whose JSON ends in the middle is asked for again, never taken for an empty page."""
    script = Script(Answer(200, {"content-type": "application/json"}, raw), OK)
    assert client(script).send(CALL) is OK


def test_a_refusal_that_is_cut_short() -> None:
    """A 400 whose body is damaged says nothing yet: it may be that a page is too large."""
    whole = error(400, "response.entity.too.large")
    for raw, more in ((whole.raw[:-9], {}), (b"\x1f\x8b no", {"content-encoding": "gzip"})):
        cut = Answer(400, {**whole.headers, **more}, raw)
        script = Script(cut, whole, cut, whole)
        with pytest.raises(UnavailableError) as refused:
            client(script).send(PAGE)
        assert refused.value.too_large
        assert not script.answers


def test_a_gateway_page_is_an_error_in_words() -> None:
    """HTML where JSON should be never breaks the error itself."""
    with pytest.raises(UnavailableError, match="HTTP 502"):
        client(Script(*[Answer(502, {"content-type": "text/html"}, b"<html>")] * 99)).send(CALL)


def test_the_servers_clock() -> None:
    """`server_now` follows the Date header of the answers."""
    script = Script(Answer(200, {"date": "Fri, 20 Oct 2023 18:30:20 GMT"}, b"{}"))
    cloud = client(script)
    assert cloud.server_now() == cloud.clock.now()
    cloud.send(CALL)
    assert abs(cloud.server_now() - cloud.clock.now() - 3 * 3600) < 1


def test_a_token_that_is_not_one() -> None:
    """A login host that answers without a token, or with one that would break the headers, is refused without showing it."""
    with pytest.raises(RefusedError, match="without a token"):
        client(Script(Answer(200, {}, b'{"token":"x"}')), token=None).send(CALL)
    with pytest.raises(RefusedError, match="without a token"):
        client(Script(Answer(200, {}, b'{"access_token":"a\\r\\nX: y"}')), token=None).send(CALL)
    with pytest.raises(UsageError, match="the token is not valid"):
        client(Script(), token="a\r\nX: y")
