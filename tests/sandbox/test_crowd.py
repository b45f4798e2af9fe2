"""Many clients at once, each over one connection: nobody is refused, cut off, or kept waiting by others."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from threading import Barrier
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import cheroot.connections
import pytest
from tests.bare import DAY, DETAILS, NOW

from lastpage_sandbox import Sandbox, Settings
from lastpage_sandbox.server import SILENCE_S, THREADS, Server

CLIENTS = 50
#: More than there are threads.
CROWD = THREADS + 10
JSON = {"Content-Type": "application/json"}


class Caller:
    """A client with one connection, which it never opens again: `NotConnected` once it was closed."""

    def __init__(self, server: Server) -> None:
        self._line = HTTPConnection("127.0.0.1", server.port)
        self._line.connect()
        self._line.auto_open = 0
        self._token = ""

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> Any:
        """The body of an answer, or its status if it is none of 2xx."""
        self._line.request(method, path, body, {"Authorization": self._token, **JSON, **headers})
        answer = self._line.getresponse()
        read = answer.read()
        return json.loads(read) if answer.status < 300 else answer.status

    def status(self) -> Any:
        """Of a request without a token: 401."""
        return self.ask("GET", "/api/v2/organizations/me")

    def log_in(self, settings: Settings) -> None:
        pair = f"{settings.client_id}:{settings.client_secret}".encode()
        self._token = "Basic " + base64.b64encode(pair).decode()
        answer = self.ask("POST", "/oauth/token?grant_type=client_credentials")
        self._token = f"Bearer {answer['access_token']}"

    def pages(self) -> Iterator[Any]:
        """The day by page numbers, up to the page with nothing on it."""
        number = 1
        while True:
            paging = {"pageSize": 20, "pageNumber": number}
            page = self.ask(
                "POST", f"{DETAILS}/query", json.dumps({"interval": DAY, "paging": paging})
            )
            if not page.get("conversations"):
                return
            yield from page["conversations"]
            number += 1

    def job(self) -> Iterator[Any]:
        """The day by a job of its own, up to the page without a cursor."""
        job = self.ask("POST", f"{DETAILS}/jobs", json.dumps({"interval": DAY}))["jobId"]
        while self.ask("GET", f"{DETAILS}/jobs/{job}")["state"] != "FULFILLED":
            pass
        paging: dict[str, Any] = {"pageSize": 20}
        while True:
            page = self.ask("GET", f"{DETAILS}/jobs/{job}/results?{urlencode(paging)}")
            yield from page["conversations"]
            if not page.get("cursor"):
                return
            paging["cursor"] = page["cursor"]

    def gone(self) -> bool:
        """Waits until something comes; True if that is the end of the connection."""
        return not self._line.sock.recv(1)

    def close(self) -> None:
        self._line.close()


Call = Callable[[Server], Caller]


@pytest.fixture
def call() -> Iterator[Call]:
    """Makes callers, who hang up in the end."""
    with ExitStack() as calls:
        yield lambda server: calls.enter_context(closing(Caller(server)))


def organisation() -> Sandbox:
    settings = Settings(seed=3, per_day=60, requests_per_minute=1_000_000, job_polls=1)
    return Sandbox(settings, now=NOW.timestamp)


@pytest.mark.parametrize("way", [Caller.pages, Caller.job])
def test_every_walk_is_whole(way: Callable[[Caller], Iterator[Any]], call: Call) -> None:
    """50 clients connect at once and read the same day: each has all of it, over its first connection."""
    box, start = organisation(), Barrier(CLIENTS)
    truth = box.truth_ids(datetime(2023, 10, 10, tzinfo=UTC), datetime(2023, 10, 11, tzinfo=UTC))

    def walk(server: Server) -> list[str]:
        start.wait()
        caller = call(server)
        caller.log_in(box.settings)
        day = (row for row in way(caller) if row["conversationStart"].startswith("2023-10-10"))
        return sorted(row["conversationId"] for row in day)

    with box.serve() as server, ThreadPoolExecutor(CLIENTS) as pool:
        assert list(pool.map(walk, [server] * CLIENTS)) == [sorted(truth)] * CLIENTS


def test_all_connect_before_the_first_is_accepted(call: Call) -> None:
    """The operating system holds them; with too short a line it drops them, and they try again for minutes."""
    server = organisation().serve()
    callers = [call(server) for _ in range(CROWD)]
    with server:
        assert {caller.status() for caller in callers} == {401}


def test_who_says_nothing_takes_no_thread(call: Call) -> None:
    """More silent connections than threads: another client is answered, and they are when they ask."""
    with organisation().serve() as server:
        silent = [call(server) for _ in range(CROWD)]
        assert call(server).status() == 401
        assert {caller.status() for caller in silent} == {401}


def test_connections_are_kept(call: Call) -> None:
    """Each of them, however many there are."""
    with organisation().serve() as server:
        callers = [call(server) for _ in range(CROWD)]
        assert [caller.status() for caller in callers * 2] == [401] * 2 * CROWD


def test_silence_has_an_end(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection is kept while a client pauses, and closed after ten minutes."""
    at = NOW.timestamp()
    clock = SimpleNamespace(time=lambda: at, sleep=time.sleep)
    monkeypatch.setattr(cheroot.connections, "time", clock)
    with organisation().serve() as server:
        silent, pausing, another = call(server), call(server), call(server)
        assert [pausing.status(), another.status()] == [401, 401]
        at += SILENCE_S - 1
        # The server looks for the silent after each turn; the second answer ends the first turn.
        assert [another.status(), another.status(), pausing.status()] == [401, 401, 401]
        at += 2
        assert [another.status(), pausing.status()] == [401, 401]
        assert silent.gone()


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("known", [False, True])
def test_a_large_body_is_heard_out(known: bool, chunked: bool, call: Call) -> None:
    """A refusal comes once all of the body was read, so that closing is no reset: 413, or 401 for a stranger."""
    size, piece = 32 << 20, 1 << 20
    box = organisation()
    with box.serve() as server:
        caller = call(server)
        if known:
            caller.log_in(box.settings)
        sent: Any = iter([b" " * piece] * (size // piece)) if chunked else " " * size
        assert caller.ask("POST", f"{DETAILS}/query", sent) == (413 if known else 401)
        assert call(server).status() == 401
        if not known:
            assert caller.status() == 401
