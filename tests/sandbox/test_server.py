"""The sandbox on a socket: the same answers, and faults that a socket can have."""

from collections.abc import Iterator

import pytest
import urllib3

from lastpage_sandbox import Sandbox, Settings
from lastpage_sandbox.server import is_loopback


@pytest.fixture
def served() -> Iterator[tuple[Sandbox, str]]:
    box = Sandbox(Settings(requests_per_minute=100_000), now=lambda: 1_697_815_820.0)
    with box.serve() as server:
        yield box, server.url


def ask(url: str) -> urllib3.BaseHTTPResponse:
    return urllib3.PoolManager(retries=False).request(
        "GET", f"{url}/api/v2/organizations/me", timeout=5.0
    )


def test_over_a_socket(served: tuple[Sandbox, str]) -> None:
    """It listens on loopback, and its Date is its own clock's."""
    _, url = served
    assert url.startswith("http://127.0.0.1:")
    answer = ask(url)
    assert answer.status == 401
    assert answer.headers["Date"] == "Fri, 20 Oct 2023 15:30:20 GMT"
    assert answer.headers["ININ-Correlation-Id"]


@pytest.mark.parametrize("word", ["reset", "cut-after-1k"])
def test_a_dead_connection(served: tuple[Sandbox, str], word: str) -> None:
    """Resets and cuts reach the client as broken connections, not as answers; the next request is served."""
    box, url = served
    box.faults.put("organization", word)
    with pytest.raises(urllib3.exceptions.HTTPError):
        ask(url)
    assert ask(url).status == 401


@pytest.mark.parametrize("chunked", [True, False])
def test_framing(chunked: bool) -> None:
    """1.2: bodies come in chunks, or with their length where the switch says so; the connection is kept either way."""
    with Sandbox(Settings(chunked=chunked)).serve() as server:
        pool = urllib3.HTTPConnectionPool("127.0.0.1", server.port, maxsize=1, retries=False)
        answers = [pool.request("GET", "/api/v2/organizations/me") for _ in range(3)]
    assert {answer.headers.get("Transfer-Encoding") for answer in answers} == {
        "chunked" if chunked else None
    }
    assert {"Content-Length" in answer.headers for answer in answers} == {not chunked}
    assert {answer.json()["code"] for answer in answers} == {"authentication.required"}
    assert pool.num_connections == 1


def test_a_body_that_is_too_large(served: tuple[Sandbox, str]) -> None:
    """2: refused, and the rest of it is not taken for the next request."""
    box, url = served
    pool = urllib3.PoolManager(retries=False)
    basic = urllib3.make_headers(
        basic_auth=f"{box.settings.client_id}:{box.settings.client_secret}"
    )
    form = {"grant_type": "client_credentials"}
    token = pool.request_encode_body(
        "POST", f"{url}/oauth/token", form, basic, encode_multipart=False
    ).json()
    headers = {
        "Authorization": f"Bearer {token['access_token']}",
        "Content-Type": "application/json",
    }
    path = f"{url}/api/v2/analytics/conversations/details/query"
    answer = pool.request("POST", path, headers=headers, body=b" " * 600_000)
    assert (answer.status, answer.json()["code"]) == (413, "request.entity.too.large")
    assert pool.request("GET", f"{url}/api/v2/organizations/me", headers=headers).status == 200


def test_the_control_plane_over_a_socket(served: tuple[Sandbox, str]) -> None:
    """Words put from outside are served, a stall in real seconds; a foreign host is refused."""
    box, url = served
    headers = {"Content-Type": "application/json"}
    put = urllib3.request(
        "PUT",
        f"{url}/_sandbox/faults/*",
        body=b'{"words": ["return-503", "stall-0.2s"]}',
        headers=headers,
    )
    assert put.status == 200
    assert box.faults.pending == {"*": ["return-503", "stall-0.2s"]}
    assert (
        urllib3.request("GET", f"{url}/_sandbox/clock", headers={"Host": "evil.example"}).status
        == 403
    )
    assert ask(url).status == 503
    assert box.faults.receipts == [("organization", "return-503")]


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("box", False),
    ],
)
def test_who_can_reach_it(host: str, alone: bool) -> None:
    """Loopback by any name is this machine only."""
    assert is_loopback(host) is alone
