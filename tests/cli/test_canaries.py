"""What must not be told is planted wherever it could come from, and looked for in everything that is written."""

import base64
import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from tests.cli.planted import (
    ANI,
    ATTRIBUTE,
    CODE,
    CONTEXT,
    CURSOR,
    HEADER,
    MESSAGE,
    NAME,
    ORGANISATION,
    SUBJECT,
    Planted,
    refusal,
)
from tests.inprocess import NOW

from lastpage.cli.app import run
from lastpage_sandbox import Sandbox, Settings

QUEUE, VALUE = "ca0a12ca-0000-4000-8000-00000000cafe", "canary-value"
PROXY_USER, PROXY_PASSWORD, USERINFO = (
    "canary-proxy-user",
    "canary-proxy-password",
    "canary-userinfo",
)
HASH_KEY = "canary-hash-key-as-long-as-a-key-should-be"
PERSONAL = (NAME, ATTRIBUTE, ANI, SUBJECT)
SAID = (MESSAGE, CONTEXT, HEADER, CURSOR, ORGANISATION, CODE, QUEUE, VALUE)
VERBS = (
    ["fetch", "2023-10-10", "--to", "out", "--query", "body.json", "--hash", "sessions.ani"],
    ["fetch", "2023-10-20", "--to", "out.jsonl"],
    ["plan", "2023-10-09/2023-10-20", "--query", "body.json"],
    ["verify", "held", "--content"],
    ["doctor"],
)
TELLING = ["--debug", "trace", "--verbose"]
#: Where, the status, the body: everything of it is planted.
REFUSALS = [
    ("conversations/details", 401, refusal("bad.credentials")),
    ("conversations/details", 403, refusal("missing.any.permissions")),
    ("conversations/details", 400, refusal()),
    ("conversations/details", 500, b"<html>canary-message</html>"),
    ("conversations/details", 200, b'{"conversations": [{"conversationId": "canary-message'),
    (
        "conversations/details",
        200,
        b'{"totalHits": "canary-message", "jobId": "../canary-message"}',
    ),
    ("conversations/details", 429, refusal()),
    ("organizations/me", 404, refusal()),
    ("organizations/me", 200, b'["canary-message"]'),
    ("oauth/token", 400, b'{"error": "canary.code", "description": "canary-message"}'),
    ("oauth/token", 200, b'{"token": "canary-message"}'),
]


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Planted]:
    """The planted organisation, its variables, a query body with a planted value, and an extract to verify."""
    settings = Settings(
        seed=7, per_day=8, requests_per_minute=60_000, job_polls=0, orphans=0.0, job_page_default=5
    )
    made = Planted(Sandbox(settings, now=NOW.timestamp))
    with made.served() as url:
        monkeypatch.setenv("GENESYS_CLIENT_ID", settings.client_id)
        monkeypatch.setenv("GENESYS_CLIENT_SECRET", settings.client_secret)
        monkeypatch.setenv("GENESYS_ENVIRONMENT", url)
        monkeypatch.setenv("LASTPAGE_HASH_KEY", HASH_KEY)
        monkeypatch.chdir(tmp_path)
        predicates = [
            {"dimension": "queueId", "value": QUEUE},
            {"dimension": "ani", "value": VALUE},
            {"dimension": "mediaType", "value": "voice"},
        ]
        Path("body.json").write_text(
            json.dumps({"segmentFilters": [{"type": "or", "predicates": predicates}]})
        )
        assert run(["fetch", "2023-10-12", "--to", "held", "-q", "--page-size", "5"]) == 0
        yield made


def secrets(planted: Planted) -> set[str]:
    settings = planted.box.settings
    pair = base64.b64encode(f"{settings.client_id}:{settings.client_secret}".encode()).decode()
    return {
        settings.client_secret,
        pair,
        PROXY_USER,
        PROXY_PASSWORD,
        USERINFO,
        HASH_KEY,
        *planted.tokens,
    }


def leaked(words: Iterable[str], *texts: str | bytes) -> list[str]:
    """The words that are in any of the texts, as they are or as JSON has them."""
    raw = b"\n".join(text.encode() if isinstance(text, str) else text for text in texts)
    return [
        word for word in words if word.encode() in raw or base64.b64encode(word.encode()) in raw
    ]


def files(state_only: bool) -> list[bytes]:
    """Everything below the working folder; or what of it is neither extract nor spool."""
    places = [path for path in Path.cwd().rglob("*") if path.is_file() and path.name != "body.json"]
    if state_only:
        places = [path for path in places if ".lastpage" in str(path) and "spool" not in str(path)]
    assert places
    return [path.read_bytes() for path in places]


def check(planted: Planted, told: str, records: str) -> None:
    """No secret anywhere; nothing personal outside extract and spool; nothing of anybody's in the trace and the requests."""
    trace = Path("trace").read_text("utf-8")
    ids = planted.jobs | planted.conversations
    requests = "\n".join(line for line in told.splitlines() if ": 2" in line or '"request"' in line)
    assert leaked(secrets(planted), told, records, *files(state_only=False)) == []
    assert leaked(PERSONAL, told, records, *files(state_only=True)) == []
    assert (
        leaked(
            [*PERSONAL, *SAID, *ids, planted.box.settings.client_id, "127.0.0.1"],
            trace,
            records,
            requests,
        )
        == []
    )
    assert trace.startswith('{"event":"start"')
    assert '{"event":"end"' in trace.splitlines()[-1]


@pytest.mark.invariant("Safe")
@pytest.mark.parametrize("how", ["text", "json"])
def test_a_run(
    planted: Planted, how: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """No secret is in anything that is written, and nothing personal is outside the extract."""
    for verb in VERBS:
        with caplog.at_level(logging.DEBUG, "lastpage"):
            assert run([*verb, *TELLING, "--log-format", how]) == 0
        told = capsys.readouterr()
        check(planted, told.err if verb[0] == "doctor" else told.out + told.err, caplog.text)
        assert "request" in Path("trace").read_text("utf-8")
    assert planted.tokens
    assert planted.jobs
    assert planted.conversations


@pytest.mark.invariant("Safe")
@pytest.mark.parametrize(("where", "status", "body"), REFUSALS)
def test_a_run_that_fails(
    planted: Planted,
    where: str,
    status: int,
    body: bytes,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A run that fails writes no secret either, and a trace has none of the API's own words."""
    planted.refusal = (where, status, body)
    for verb in VERBS:
        with caplog.at_level(logging.DEBUG, "lastpage"):
            code = run([*verb, *TELLING])
        told = capsys.readouterr()
        check(planted, told.out + told.err, caplog.text)
        end = json.loads(Path("trace").read_text("utf-8").splitlines()[-1])
        assert (end["exit_code"], "fault of lastpage (" in told.err) == (code, False)
        if code and verb[0] != "doctor" and end["error"] != "UsageError":
            assert end["error"] in ("RejectedError", "RefusedError", "UnavailableError")
            assert end.get("status", 200) == status
            assert "status" in end or end["code"] == "truncated"
            assert where in end["endpoint"]


def test_a_proxy_with_a_password(
    planted: Planted,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A proxy's name and password are in its variable and nowhere else."""
    import os

    place = os.environ["GENESYS_ENVIRONMENT"].removeprefix("http://")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", f"http://{PROXY_USER}:{PROXY_PASSWORD}@{place}")
    monkeypatch.setenv("https_proxy", f"http://{PROXY_USER}:{PROXY_PASSWORD}@{place}")
    monkeypatch.setenv("GENESYS_ENVIRONMENT", "eu-central-1")
    for verb in VERBS:
        with caplog.at_level(logging.DEBUG, "lastpage"):
            assert run([*verb, *TELLING]) == 5
        told = capsys.readouterr()
        check(planted, told.err, caplog.text)
        assert leaked(secrets(planted), told.out) == []
        assert "proxy" in told.out + told.err


@pytest.mark.invariant("Safe")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GENESYS_ENVIRONMENT", f"https://me:{USERINFO}@api.mypurecloud.de"),
        ("GENESYS_ENVIRONMENT", f"https://api.mypurecloud.de/?token={USERINFO}"),
        ("GENESYS_ENVIRONMENT", f"{USERINFO}-and-so-on-as-long-as-a-secret-is-43"),
        ("GENESYS_CLIENT_ID", USERINFO),
        ("GENESYS_CLIENT_SECRET", f"{USERINFO} "),
        ("HTTPS_PROXY", f"socks9://me:{USERINFO}@[127.0.0.1"),
    ],
)
def test_variables_that_are_wrong(
    planted: Planted,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A variable that holds something else, perhaps the secret, is named and not quoted."""
    if name == "HTTPS_PROXY":
        monkeypatch.setenv("GENESYS_ENVIRONMENT", "eu-central-1")
        monkeypatch.setenv("https_proxy", value)
    monkeypatch.setenv(name, value)
    for verb in VERBS:
        assert run([*verb, *TELLING]) in (2, 4)
        told = capsys.readouterr()
        check(planted, told.out + told.err, "")
        assert name in told.out + told.err
