"""Hostile servers: whatever comes over the wire is bounded, refused and explained, and the token goes nowhere else.

On real sockets where the wire is the trouble; through the sandbox, with answers rewritten on their way, where the content is.
"""

import gzip
import json
import random
import socket
import ssl
import threading
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.inprocess import NOW, InProcess, World, talk, world
from tests.peer import Peer, Script, peer
from tests.readback import ids

from lastpage.api.auth import ClientCredentials, StaticToken
from lastpage.api.client import Client
from lastpage.api.messages import JOBS, MIB, Answer, Call, Transport, TransportError, decompress
from lastpage.api.pace import Pace
from lastpage.api.patience import Patience
from lastpage.api.transport import Urllib3Transport
from lastpage.clock import SimClock
from lastpage.errors import ApiError, RefusedError, RejectedError, UnavailableError
from lastpage.planning.slices import Slice
from lastpage.query.credentials import Credentials
from lastpage.query.environment import Environment
from lastpage.query.query import Query
from lastpage.query.written import parse_interval
from lastpage.walks.cursor import CursorWalk
from lastpage.walks.walk import Request

ENDPOINT = "GET /x"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
START = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
DAY = parse_interval("2023-10-10")
UUID = "0f0e0d0c-0000-0000-0000-000000000001"
NEST = b"[" * 100_000


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "SSL_CERT_FILE",
    ):
        monkeypatch.delenv(name, raising=False)


def client(base: str, transport: Transport) -> Client:
    clock = SimClock(NOW.timestamp())
    return Client(
        Environment("x", base, base),
        StaticToken("tok"),
        transport,
        clock,
        Pace(clock),
        random.Random(1),
    )


def asked(server: Peer, **limits: Any) -> Answer:
    """The whole client on a real socket, with one try."""
    once = Patience(tries=1, trouble_s=0.0)
    hasty = client(f"http://127.0.0.1:{server.port}", Urllib3Transport(**limits))
    return hasty.with_patience(once).send(Call("GET", "/x", endpoint=ENDPOINT))


def endless(chunk: bytes, head: bytes = START + b"\r\n") -> Callable[[socket.socket], None]:
    """Bytes without end, as fast as they are taken, until the client hangs up."""

    def send(connection: socket.socket) -> None:
        try:
            connection.sendall(head)
            while True:
                connection.sendall(chunk)
        except OSError:
            pass

    return send


def dripping(chunk: bytes, head: bytes) -> Callable[[socket.socket], None]:
    """Never silent and never done."""
    stop = threading.Event()

    def send(connection: socket.socket) -> None:
        try:
            connection.sendall(head)
            while not stop.wait(0.005):
                connection.sendall(chunk)
        except OSError:
            pass

    return send


CHUNKED = START + b"Transfer-Encoding: chunked\r\n\r\n"
BOMB = gzip.compress(b" " * 8 * MIB)
ENDLESS: dict[str, tuple[Script, str, str]] = {
    "a body": (endless(b"x" * 4096), "oversize", "larger than"),
    "tiny chunks": (endless(b"1\r\nx\r\n" * 100, CHUNKED), "oversize", "larger than"),
    "one chunk size": (endless(b"1" * 4096, CHUNKED), "reset", "broke"),
    "a gzip bomb": (
        START + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB, "oversize", "inflates to more than",
    ),
    "headers": (endless(b"X-More: y\r\n", START), "reset", "broke"),
    "one header": (endless(b"y" * 4096, START + b"X-More: "), "reset", "broke"),
    "a status line": (endless(b"y" * 4096, b"HTTP/1.1 200 "), "reset", "broke"),
    "a body that drips": (dripping(b"x", START + b"\r\n"), "timeout", "not to the end"),
    "headers that drip": (dripping(b"y", START + b"X-More: "), "timeout", "not to the end"),
    "a status line that drips": (dripping(b"y", b"HTTP/1.1 200 "), "timeout", "not to the end"),
    "100 Continue for ever": (dripping(b"HTTP/1.1 100 Continue\r\n\r\n", b""), "timeout", "not to the end"),
    "a length that is too long": (START + b"Content-Length: 99\r\n\r\n{}", "truncated", "after 2 of 99 bytes|in the middle"),
    "a length that is too short": (START + b'Content-Length: 5\r\n\r\n{"a": 1}', "truncated", "JSON ends in the middle"),
}  # fmt: skip


@pytest.mark.invariant("Safe")
@pytest.mark.parametrize("name", ENDLESS)
def test_answers_without_end(name: str) -> None:
    """Every part of an answer is bounded in size and time; more is an error with exit code 5."""
    script, code, words = ENDLESS[name]
    drips = code == "timeout"
    with peer(script) as server, pytest.raises(UnavailableError) as refused:
        asked(server, body_bytes=64 * 1024, answer_s=0.2 if drips else 60.0, read_s=60.0)
    assert (refused.value.exit_code, refused.value.code) == (5, code)
    assert any(part in str(refused.value) for part in words.split("|"))


@pytest.mark.invariant("Safe")
def test_a_bomb_does_not_go_off() -> None:
    """A gzip bomb costs its limit, not its size."""
    bomb = gzip.compress(b"\0" * 64 * MIB)
    tracemalloc.start()
    try:
        with pytest.raises(TransportError, match="inflates to more than 1 MiB") as refused:
            decompress(bomb, "gzip", MIB)
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()
    assert refused.value.fault == "oversize"
    with pytest.raises(TransportError, match="parts"):
        decompress(gzip.compress(b"") * 1_000, "gzip")


def test_a_body_of_several_parts_is_whole() -> None:
    """What comes after the first part of a compressed body is not dropped."""
    assert decompress(gzip.compress(b'{"a":') + gzip.compress(b"1}"), "gzip") == b'{"a":1}'
    assert decompress(gzip.compress(b"x" * 100), "gzip", 100) == b"x" * 100
    with pytest.raises(TransportError, match="inflates"):
        decompress(gzip.compress(b"x" * 60) * 2, "gzip", 100)


@pytest.mark.invariant("Safe")
@pytest.mark.parametrize("status", [b"301 Moved", b"302 Found", b"307 Temporary", b"308 Permanent"])
def test_the_token_does_not_follow(status: bytes) -> None:
    """A redirect is refused, and nothing is ever sent elsewhere."""
    with peer() as elsewhere:
        location = b"Location: http://127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n" % elsewhere.port
        redirect = b"HTTP/1.1 " + status + b"\r\n" + location
        with peer(redirect) as server, pytest.raises(UnavailableError, match="must not follow"):
            asked(server)
        with peer(redirect) as server:
            made = client(f"http://127.0.0.1:{server.port}", Urllib3Transport())
            made._auth = ClientCredentials(Credentials(UUID, "s3cret"), made.clock)
            with pytest.raises(ApiError, match="must not follow"):
                made.send(Call("GET", "/x", endpoint=ENDPOINT))
        elsewhere.socket.settimeout(0.05)
        with pytest.raises(TimeoutError):
            elsewhere.socket.accept()


@contextmanager
def tls(authority: trustme.CA, name: str) -> Iterator[Peer]:
    """A server of one answer over TLS, whose certificate is for `name`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)

    def speak(connection: socket.socket) -> None:
        pass

    server = Peer(speak)

    def serve() -> None:
        connection, _ = server.socket.accept()
        try:
            with context.wrap_socket(connection, server_side=True) as wrapped:
                server.heads.append(wrapped.recv(65536))
                wrapped.sendall(OK)
        except OSError:
            connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        thread.join(timeout=10)
        server.socket.close()


@pytest.mark.invariant("Safe")
def test_a_certificate_that_does_not_verify(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate that does not verify ends the run, and the token was not sent."""
    authority = trustme.CA()
    call = Call("GET", "/x", endpoint=ENDPOINT)
    with tls(authority, "localhost") as server:
        with pytest.raises(
            UnavailableError, match="certificate of localhost does not verify"
        ) as refused:
            client(f"https://localhost:{server.port}", Urllib3Transport()).send(call)
        assert (refused.value.code, refused.value.exit_code, server.heads) == ("tls", 5, [])
        assert "nothing was sent" in str(refused.value)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with tls(authority, "api.example") as server:
        with pytest.raises(UnavailableError, match="certificate of localhost does not verify"):
            client(f"https://localhost:{server.port}", Urllib3Transport()).send(call)
        assert server.heads == []
    with tls(authority, "localhost") as server:
        assert (
            client(f"https://localhost:{server.port}", Urllib3Transport()).send(call).raw == b"{}"
        )


# What is in the answers -----------------------------------------------------------------------------------------------


@dataclass
class Rewriting:
    """The sandbox, with the answers of one path rewritten on their way."""

    inner: InProcess
    ending: str
    change: Callable[[dict[str, Any]], Any]
    paths: list[str] = field(default_factory=list)

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        self.paths.append(call.path)
        answer = self.inner.send(base, call, headers)
        if not call.path.endswith(self.ending) or answer.status >= 300 or not answer.body:
            return answer
        changed = self.change(json.loads(answer.body))
        raw = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
        return Answer(answer.status, {"content-type": "application/json"}, raw)


def hostile(made: World, ending: str, change: Callable[[dict[str, Any]], Any]) -> Rewriting:
    return Rewriting(InProcess(made.sandbox), ending, change)


BAD_IDS = [
    "../../x",
    "a/b?c",
    "a#b",
    "..",
    "a\\b",
    "a%2fb",
    "a\0b",
    "a\r\nX: y",
    "",
    " ",
    "é",
    "x" * 5_000,
]


@pytest.mark.invariant("Safe")
@pytest.mark.parametrize("job", BAD_IDS)
def test_job_ids_that_are_none(job: str, tmp_path: Path) -> None:
    """A job id that could leave its segment of a path is refused, and no path ever holds it."""
    made = world(per_day=20)
    wire = hostile(made, "/jobs", lambda body: {**body, "jobId": job})
    with pytest.raises(UnavailableError, match="job id that is not one") as refused:
        made.cloud(transport=wire).fetch("2023-10-10", tmp_path / "out")
    assert refused.value.exit_code == 5
    assert len(str(refused.value)) < 600
    assert not any(
        path.startswith(f"{JOBS}/") and path != f"{JOBS}/availability" for path in wire.paths
    )


@pytest.mark.invariant("Safe")
@pytest.mark.parametrize(
    "cursor", ["../../x", "a/b?c=d&e#f", "a\r\nX-Evil: y", "a\0b", "é\u2028", "%2e%2e%2f"]
)
def test_cursors_stay_in_the_query(cursor: str) -> None:
    """Whatever a cursor holds, it is one value of the query: no path, parameter or header."""
    call = CursorWalk(Query(DAY)).call(
        Request(Slice(1, DAY, DAY, "cursor", ""), "results", job=UUID, cursor=cursor)
    )  # type: ignore[arg-type]
    with peer(OK) as server:
        client(f"http://127.0.0.1:{server.port}", Urllib3Transport()).send(
            replace(call, reads=None)
        )
    line, _, headers = server.heads[0].partition(b"\r\n")
    path, _, query = line.split(b" ")[1].partition(b"?")
    assert path.decode() == f"{JOBS}/{UUID}/results"
    assert query.count(b"&") == 1
    assert b"#" not in line
    assert b"evil" not in headers.lower()


def test_a_cursor_that_cycles_ends(tmp_path: Path) -> None:
    """A cursor that leads back is an attempt lost; after some of them the run ends, and says short."""
    made, before = world(per_day=20), []

    def lead_back(body: dict[str, Any]) -> dict[str, Any]:
        if before:
            return {**body, "cursor": before.pop()}
        before.append(body["cursor"])
        return body

    wire = hostile(made, "/results", lead_back)
    summary = made.cloud(transport=wire).fetch(
        "2023-10-10", tmp_path / "out", page_size=5, paginate="cursor"
    )
    assert summary.coverage == "short"
    assert any("led back" in note for note in summary.notes), summary.notes
    assert summary.requests < 100


@pytest.mark.invariant("Safe")
@pytest.mark.parametrize("ending", ["/jobs", "/results", "/query", "/me", "/availability"])
def test_nesting_bombs(ending: str, tmp_path: Path) -> None:
    """JSON that is nested without end is an answer that cannot be read, wherever it comes."""
    made = world(per_day=20)
    wire = hostile(made, ending, lambda _: b'{"conversations":' + NEST + b"]" * len(NEST) + b"}")
    with pytest.raises(UnavailableError, match="JSON") as refused:
        made.cloud(transport=wire).fetch("2023-10-10", tmp_path / "out")
    assert refused.value.exit_code == 5
    assert len(wire.paths) < 40


def test_nesting_bombs_in_errors_and_logins() -> None:
    """An error body that is nested without end is judged by its status alone."""
    body = b'{"message":' + NEST + b"]" * len(NEST) + b"}"
    head = b"HTTP/1.1 400 Bad\r\nContent-Length: %d\r\n\r\n" % len(body)
    with peer(head + body) as server, pytest.raises(RejectedError):
        asked(server)
    with peer(START + b"Content-Length: %d\r\n\r\n" % len(body) + body) as server:
        made = client(f"http://127.0.0.1:{server.port}", Urllib3Transport())
        made._auth = ClientCredentials(Credentials(UUID, "s3cret"), made.clock)
        with pytest.raises((RefusedError, UnavailableError), match="token") as refused:
            made.send(Call("GET", "/x", endpoint=ENDPOINT))
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("hits", [b"1e400", b"9" * 5_000, b'"many"', b"1.5", b"[]"])
def test_counts_that_are_none(hits: bytes, tmp_path: Path) -> None:
    """A count that is not a number of rows is an answer that cannot be read."""
    made = world(per_day=20)
    wire = hostile(made, "/query", lambda _: b'{"totalHits":' + hits + b"}")
    with pytest.raises(UnavailableError, match="JSON"):
        made.cloud(transport=wire).fetch("2023-10-10", tmp_path / "out")


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:30:00-01:00", "2023-10-10", "soon", 7]
)
def test_watermarks_that_are_none(moment: object, tmp_path: Path) -> None:
    """A watermark that is not a moment in UTC is an answer that cannot be read."""
    made = world(per_day=20)
    wire = hostile(
        made, "/availability", lambda _: json.dumps({"dataAvailabilityDate": moment}).encode()
    )
    with pytest.raises(UnavailableError, match="JSON"):
        made.cloud(transport=wire).fetch("2023-10-10", tmp_path / "out")


@pytest.mark.invariant("Safe")
def test_conversation_ids_are_never_paths(tmp_path: Path) -> None:
    """Conversation ids with separators, dots or line breaks are in the rows, and in no path."""
    made = world(per_day=0)
    start = NOW.replace(hour=10) - timedelta(days=10)
    odd = ["../../etc/passwd", "/tmp/x", "a\0b", "a\\..\\b", "line\nbreak", "..", "day=2023-10-10"]
    renamed = {}
    for number, name in enumerate(odd):
        skeleton = talk(number, start)
        made.sandbox.world.add(skeleton)
        renamed[skeleton.id] = name

    def rename(body: dict[str, Any]) -> dict[str, Any]:
        for record in body.get("conversations") or ():
            record["conversationId"] = renamed[record["conversationId"]]
        return body

    (tmp_path / "in").mkdir()
    wire = hostile(made, "/results", rename)
    for to in ("in/out", "in/x.jsonl"):
        summary = made.cloud(transport=wire).fetch("2023-10-10", tmp_path / to)
        assert summary.conversations == len(odd)
    assert sorted(ids(tmp_path / "in/out")) == sorted(odd)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    days = {
        path.name for path in (tmp_path / "in/out").glob("*/*") if ".lastpage" not in path.parts
    }
    assert "day=2023-10-10" in days
    assert all(day == "day=2023-10-10" or day.endswith(".parquet") for day in days)


def test_keys_that_stand_twice(tmp_path: Path) -> None:
    """A record with a key twice is one record, the same to the account and to the tables."""
    made = world(per_day=0)
    made.sandbox.world.add(talk(1, NOW.replace(hour=10) - timedelta(days=10)))
    twice = b'{"conversations":[{"conversationId":"a","conversationId":"b","conversationStart":"2023-10-10T10:00:00.000Z"}]}'
    summary = made.cloud(transport=hostile(made, "/results", lambda _: twice)).fetch(
        "2023-10-10", tmp_path / "out"
    )
    assert (summary.conversations, ids(tmp_path / "out")) == (1, ["b"])
