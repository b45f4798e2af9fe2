"""The real network: urllib3, the system's certificates, the environment's proxies.

It sends once and follows no redirect. A read timeout is about silence, and a server that sends a
byte now and then, or one `100 Continue` after the other, is never silent; so an answer also has a
deadline: status line, headers and body have to be whole by then (`_with_deadline`).

What may go wrong, and the word for it; `responses.RULES` decides by that word:

    connect     the host is not found or refuses, or a proxy is down or busy
    timeout     silence for too long, or an answer that is not whole by its deadline
    reset       the connection broke, in the handshake or later
    truncated   the body ended before its length or its last chunk
    tls         the certificate does not verify, or the host does not speak TLS
    proxy       the proxy refuses
    oversize    a body above the bound: a page with too many rows, or not the API
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import truststore
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InvalidChunkLength,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from lastpage.api.messages import BODY_BYTES_MAX, MIB, Answer, Call, Fault, TransportError
from lastpage.errors import UsageError
from lastpage.query.environment import is_loopback

#: Seconds to connect; of silence while reading; for a whole answer.
CONNECT_S, READ_S, ANSWER_S = 10.0, 120.0, 900.0
#: A pool smaller than the number of threads would make them take turns.
CONNECTIONS = 16
CHUNK_BYTES = 1 << 20
#: The connection was closed while TLS was being negotiated; this says nothing of the certificate.
_TLS_BROKEN = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
#: What urllib3 raises, the first that fits; the word for it, and a message about the host.
_FAULTS: tuple[tuple[type[HTTPError] | tuple[type[HTTPError], ...], Fault, str], ...] = (
    (NameResolutionError, "connect", "the host {host} was not found"),
    (LocationValueError, "connect", "{host} is not the name of a host"),
    ((ConnectTimeoutError, NewConnectionError), "connect", "{host} does not accept connections"),
    (ReadTimeoutError, "timeout", "{host} did not answer in time, or not to the end"),
    (InvalidChunkLength, "truncated", "the answer of {host} ended in the middle"),
)


class Urllib3Transport:
    """Keeps connections alive; safe for threads. Times are in seconds."""

    def __init__(
        self,
        *,
        connect_s: float = CONNECT_S,
        read_s: float = READ_S,
        answer_s: float = ANSWER_S,
        body_bytes: int = BODY_BYTES_MAX,
        connections: int = CONNECTIONS,
    ) -> None:
        self._timeout = urllib3.Timeout(connect=connect_s, read=read_s)
        self._answer_s = answer_s
        self._body_bytes = body_bytes
        self._connections = connections
        self._pools: dict[str, urllib3.PoolManager] = {}
        self._lock = threading.Lock()
        self._context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        """One request, one answer, whatever its status.

        Raises `TransportError` where no whole answer came, `UsageError` for a proxy that is not an
        HTTP proxy.
        """
        url = base + call.path + (f"?{urlencode(call.query)}" if call.query else "")
        try:
            response = self._pool(base).request(
                call.method,
                url,
                body=call.body,
                headers=dict(headers),
                timeout=self._timeout,
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            try:
                raw = _read(response, self._body_bytes)
            except BaseException:
                response.close()
                raise
            response.release_conn()
        except HTTPError as problem:
            raise _fault(problem, base) from None
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, headers, raw, self._body_bytes)

    def _pool(self, base: str) -> urllib3.PoolManager:
        """One pool for each base: each knows whether its host is behind the proxy."""
        with self._lock:
            if base not in self._pools:
                self._pools[base] = _with_deadline(self._new_pool(base), self._answer_s)
            return self._pools[base]

    def _new_pool(self, base: str) -> urllib3.PoolManager:
        proxy = proxy_for(base)
        options: dict[str, Any] = {
            "maxsize": self._connections,
            "block": True,
            "ssl_context": self._context,
        }
        if proxy is None:
            return urllib3.PoolManager(**options)
        try:
            url = urlsplit(proxy)
            login = f"{unquote(url.username or '')}:{unquote(url.password or '')}"
            return urllib3.ProxyManager(
                proxy,
                proxy_ssl_context=self._context,
                proxy_headers=urllib3.make_headers(
                    proxy_basic_auth=login if url.username else None
                ),
                **options,
            )
        except ValueError:  # urllib3's errors about locations and schemes are of this class
            raise UsageError(
                "the proxy of this environment is not an HTTP proxy; "
                "check HTTPS_PROXY, such as http://proxy:8080"
            ) from None


def proxy_for(base: str) -> str | None:
    """The proxy that the environment's variables name for this base, as a URL.

    Never one for this machine itself: the sandbox is not behind a proxy, and plain http is allowed
    only here.
    """
    url = urlsplit(base)
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or is_loopback(url.hostname or "") or proxy_bypass(url.netloc):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _read(response: urllib3.BaseHTTPResponse, bytes_max: int) -> bytes:
    """The body as received, within bounds.

    One buffer, since a million chunks of one byte would weigh more than their bytes.
    """
    body = bytearray()
    while chunk := response.read1(CHUNK_BYTES):
        body += chunk
        if len(body) > bytes_max:
            size = f"{bytes_max / MIB:,.0f} MiB"
            raise TransportError("oversize", f"the body is larger than {size}")
    expected = response.headers.get("Content-Length", "")
    if expected.isdecimal() and int(expected) > len(body):
        raise TransportError("truncated", f"the body ends after {len(body)} of {expected} bytes")
    return bytes(body)


def _fault(problem: HTTPError, base: str) -> TransportError:
    """What urllib3 raised, in our words; no message quotes a URL, which might hold a secret."""
    host = urlsplit(base).hostname or base
    if isinstance(problem, ProxyError):
        return _proxy_fault(problem, host)
    if isinstance(problem, SSLError):
        return _tls_fault(problem, host)
    for kinds, fault, message in _FAULTS:
        if isinstance(problem, kinds):
            return TransportError(fault, message.format(host=host))
    incomplete = http.client.IncompleteRead | HTTPError
    if isinstance(problem, ProtocolError) and isinstance(problem.args[-1], incomplete):
        return TransportError("truncated", f"the answer of {host} ended in the middle")
    return TransportError("reset", f"the connection to {host} broke")


def _proxy_fault(problem: ProxyError, host: str) -> TransportError:
    """A proxy that answers 4xx to CONNECT will do so again; one that is down may come back."""
    refused = re.search(r"Tunnel connection failed: (\d+)", str(problem.original_error))
    if refused and refused[1].startswith("4"):
        why = "it wants a name and password" if refused[1] == "407" else f"status {refused[1]}"
        return TransportError("proxy", f"the proxy refuses to connect to {host} ({why})")
    return TransportError("connect", f"the proxy could not be reached, or could not reach {host}")


def _tls_fault(problem: SSLError, host: str) -> TransportError:
    reason = problem.args[0] if problem.args else problem
    if isinstance(reason, _TLS_BROKEN):
        return TransportError("reset", f"{host} closed the connection in the TLS handshake")
    if isinstance(reason, ssl.SSLCertVerificationError):
        message = f"the certificate of {host} does not verify ({reason.verify_message})"
        return TransportError("tls", message)
    return TransportError("tls", f"{host} does not speak TLS ({reason})")


# The deadline of an answer ----------------------------------------------------------------------


def _with_deadline(manager: urllib3.PoolManager, answer_s: float) -> urllib3.PoolManager:
    """Let every answer of this manager's connections take at most so many seconds."""
    response = staticmethod(partial(_Response, answer_s=answer_s))
    plain = type("Plain", (HTTPConnection,), {"response_class": response})
    tls = type("Tls", (HTTPSConnection,), {"response_class": response})
    manager.pool_classes_by_scheme = {
        "http": type("PlainPool", (urllib3.HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("TlsPool", (urllib3.HTTPSConnectionPool,), {"ConnectionCls": tls}),
    }
    return manager


class _Response(http.client.HTTPResponse):
    """Python's own response, reading from a socket with a deadline."""

    def __init__(self, sock: socket.socket, *args: Any, answer_s: float, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        deadline = time.monotonic() + answer_s
        self.fp = io.BufferedReader(_Reader(self.fp.detach(), sock, deadline))


class _Reader(io.RawIOBase):
    """Reads as the socket does, and raises `TimeoutError` after the deadline."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: float) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s, silence_s = self._deadline - time.monotonic(), self._sock.gettimeout()
        if left_s <= 0:
            raise TimeoutError("the answer is not whole in time")
        self._sock.settimeout(left_s if silence_s is None else min(left_s, silence_s))
        try:
            read: int | None = self._raw.readinto(buffer)
        finally:
            self._sock.settimeout(silence_s)
        return read

    def close(self) -> None:
        self._raw.close()
        super().close()
