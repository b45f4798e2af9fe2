"""The transport on real sockets: whatever happens there becomes an answer or one of seven words."""

import gzip
import socket

import pytest
from tests.peer import Peer, Script, peer

from lastpage.api.messages import Answer, Call, Fault, TransportError
from lastpage.api.transport import Urllib3Transport, proxy_for
from lastpage.errors import UsageError

CALL = Call("GET", "/x", query=(("cursor", "a+/="), ("pageSize", "1000")))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
PROXIES = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own proxy must not change these tests."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


def send(server: Peer, scheme: str = "http", **options: float) -> Answer:
    return Urllib3Transport(**options).send(
        f"{scheme}://127.0.0.1:{server.port}", CALL, {"X-Mine": "1"}
    )


def fault_of(server: Peer, scheme: str = "http", **options: float) -> tuple[Fault, str]:
    with pytest.raises(TransportError) as broken:
        send(server, scheme, **options)
    return broken.value.fault, str(broken.value)


def test_one_exchange() -> None:
    """Path, escaped query and headers go out; status, lower-case headers and the body come back."""
    with peer(
        b"HTTP/1.1 404 No\r\nContent-Length: 2\r\nININ-Correlation-Id: abc\r\n\r\n{}"
    ) as server:
        answer = send(server)
    assert server.heads[0].startswith(b"GET /x?cursor=a%2B%2F%3D&pageSize=1000 HTTP/1.1\r\n")
    assert b"X-Mine: 1\r\n" in server.heads[0]
    assert (answer.status, answer.headers["inin-correlation-id"], answer.raw) == (404, "abc", b"{}")


def test_connections_are_kept() -> None:
    """Several requests go through one connection: no handshake a page."""

    def thrice(connection: socket.socket) -> None:
        for number in range(3):
            chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
            connection.sendall(chunked if number == 1 else OK)
            server.heads.append(connection.recv(65536))

    with peer(thrice) as server:
        transport = Urllib3Transport()
        for _ in range(3):
            assert transport.send(f"http://127.0.0.1:{server.port}", CALL, {}).raw == b"{}"
        transport._pools.clear()
    assert len([head for head in server.heads if head]) == 3


def test_gzip_is_kept_as_received() -> None:
    """A compressed body stays compressed in `raw`, for the spool, and is inflated in `body`."""
    raw = gzip.compress(b'{"a":1}')
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(raw)
    with peer(head + raw) as server:
        answer = send(server)
    assert (answer.raw, answer.body) == (raw, b'{"a":1}')


def test_redirects_are_not_followed() -> None:
    """A redirect is an answer like any other; the token in the headers goes nowhere else."""
    with peer(
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    ) as server:
        assert send(server).status == 302
    assert len(server.heads) == 1


def test_nothing_is_sent_twice() -> None:
    """A 503 with `Retry-After`, which urllib3 would like to repeat by itself, comes back at once."""
    with peer(b"HTTP/1.1 503 No\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n", OK) as server:
        assert send(server).status == 503
        assert len(server.heads) == 1
        send(server)


def _die(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        (b"", "reset"),
        (_die, "reset"),
        (b"SSH-2.0-hello\r\n", "reset"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", "truncated"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n", "truncated"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabcde", "truncated"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "truncated"),
    ],
)
def test_broken_answers(script: Script, fault: Fault) -> None:
    """A connection that dies, or a body that is shorter than announced, is never an answer."""
    with peer(script) as server:
        assert fault_of(server)[0] == fault


def test_silence() -> None:
    """A server that says nothing is left after the read timeout."""
    with peer(lambda _: server.done.wait(10) and None) as server:
        assert fault_of(server, read_s=0.05)[0] == "timeout"


def test_a_body_that_drips() -> None:
    """Bytes that come one by one, each in time, do not hold a thread for ever."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not server.done.wait(0.01):
            connection.sendall(b"x")

    with peer(drip) as server:
        fault, message = fault_of(server, answer_s=0.1, read_s=5)
    assert fault == "timeout"
    assert "not to the end" in message


def test_a_body_without_end() -> None:
    """Reading stops at the largest size a body may have."""
    with peer(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2000) as server:
        assert fault_of(server, body_bytes=1000)[0] == "oversize"


def test_no_host_there() -> None:
    """An unknown host, a closed port and a bad name: each says so, and may be tried again."""
    for base, words in (
        ("http://127.0.0.1:1", "does not accept"),
        ("https://nowhere.invalid", "nowhere.invalid was not found"),
        (f"https://{'a' * 70}.example", "is not the name of a host"),
    ):
        with pytest.raises(TransportError, match=words) as broken:
            Urllib3Transport().send(base, CALL, {})
        assert broken.value.fault == "connect"


def test_no_tls() -> None:
    """A host without TLS is final; one that hangs up in the handshake may do better the next time."""
    with peer(OK) as server:
        assert fault_of(server, "https")[0] == "tls"
    with peer(b"") as server:
        assert fault_of(server, "https")[0] == "reset"


@pytest.mark.parametrize(
    ("status", "fault", "words"),
    [
        (b"407 Who", "proxy", "name and password"),
        (b"403 No", "proxy", "status 403"),
        (b"503 Busy", "connect", "could not be reached"),
    ],
)
def test_a_proxy_says_no(
    monkeypatch: pytest.MonkeyPatch, status: bytes, fault: Fault, words: str
) -> None:
    """A proxy is asked with the credentials of its URL; a 4xx of it is final, being down or busy is not."""
    with peer(b"HTTP/1.1 " + status + b"\r\n\r\n") as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:p%40ss@127.0.0.1:{server.port}")
        with pytest.raises(TransportError, match=words) as broken:
            Urllib3Transport().send("https://api.mypurecloud.de", CALL, {})
    assert broken.value.fault == fault
    assert b"proxy-authorization: basic bwu6cebzcw==" in server.heads[0].lower()
    assert "ss@" not in str(broken.value)


def test_a_proxy_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that is down may come back."""
    monkeypatch.setenv("HTTPS_PROXY", "127.0.0.1:1")
    with pytest.raises(TransportError) as broken:
        Urllib3Transport().send("https://api.mypurecloud.de", CALL, {})
    assert broken.value.fault == "connect"


def test_no_http_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of another kind is an error that names the variable."""
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
    with pytest.raises(UsageError, match="HTTPS_PROXY"):
        Urllib3Transport().send("https://api.mypurecloud.de", CALL, {})


@pytest.mark.parametrize(
    ("variables", "base", "proxy"),
    [
        ({}, "https://api.mypurecloud.de", None),
        ({"HTTPS_PROXY": "http://p:8080"}, "https://api.mypurecloud.de", "http://p:8080"),
        ({"https_proxy": "p:8080"}, "https://api.mypurecloud.de", "http://p:8080"),
        ({"ALL_PROXY": "http://p:8080"}, "https://api.mypurecloud.de", "http://p:8080"),
        (
            {"HTTPS_PROXY": "http://p:8080", "NO_PROXY": ".mypurecloud.de"},
            "https://api.mypurecloud.de",
            None,
        ),
        ({"HTTPS_PROXY": "http://p:8080", "NO_PROXY": "*"}, "https://api.mypurecloud.de", None),
        ({"HTTP_PROXY": "http://p:8080"}, "http://127.0.0.1:8025", None),
        ({"HTTPS_PROXY": "http://p:8080"}, "https://localhost:8025", None),
    ],
)
def test_which_proxy(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], base: str, proxy: str | None
) -> None:
    """The usual variables decide; this machine itself is never behind a proxy."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(base) == proxy
