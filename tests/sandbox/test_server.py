"""The sandbox on a socket: the same answers, and faults that a socket can have."""

from collections.abc import Iterator

import pytest
import urllib3

from lastpage_sandbox import Sandbox, Settings


@pytest.fixture
def served() -> Iterator[tuple[Sandbox, str]]:
    box = Sandbox(Settings(requests_per_minute=100_000), now=lambda: 1_697_815_820.0)
    with box.serve() as server:
        yield box, server.url


def ask(url: str) -> urllib3.BaseHTTPResponse:
    return urllib3.PoolManager(retries=False).request("GET", f"{url}/api/v2/organizations/me", timeout=5.0)


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
