"""The real network: urllib3, the system's certificates, the environment's proxies. Sends once and follows nothing."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import truststore
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    IncompleteRead,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from lastpage.errors import UsageError
from lastpage.fetch.transport import BODY_BYTES_MAX, Answer, Call, TransportError

CONNECT_S, READ_S = 10.0, 120.0
#: A pool smaller than the number of threads would make them take turns.
CONNECTIONS = 16
CHUNK_BYTES = 1 << 20


class Urllib3Transport:
    """Keeps connections alive; safe for threads."""

    def __init__(self, *, connect_s: float = CONNECT_S, read_s: float = READ_S) -> None:
        self._timeout = urllib3.Timeout(connect=connect_s, read=read_s)
        self._pools: dict[str, urllib3.PoolManager] = {}
        self._context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
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
                raw = _read(response)
            except BaseException:
                response.close()
                raise
            response.release_conn()
        except HTTPError as problem:
            raise _fault(problem, base) from None
        return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, raw)

    def _pool(self, base: str) -> urllib3.PoolManager:
        """One pool a base: each knows whether its host is behind the proxy."""
        if base not in self._pools:
            self._pools[base] = self._new_pool(base)
        return self._pools[base]

    def _new_pool(self, base: str) -> urllib3.PoolManager:
        url = urlsplit(base)
        proxy = getproxies().get(url.scheme)
        if not proxy or proxy_bypass(url.hostname or ""):
            return urllib3.PoolManager(maxsize=CONNECTIONS, block=True, ssl_context=self._context)
        try:
            return urllib3.ProxyManager(_proxy_url(proxy), maxsize=CONNECTIONS, block=True, ssl_context=self._context)
        except (LocationParseError, urllib3.exceptions.URLSchemeUnknown, urllib3.exceptions.ProxySchemeUnknown):
            raise UsageError(
                "the proxy of this environment is no URL; check HTTPS_PROXY, such as http://proxy:8080"
            ) from None


def _proxy_url(proxy: str) -> str:
    return proxy if "://" in proxy else f"http://{proxy}"


def _read(response: urllib3.BaseHTTPResponse) -> bytes:
    """The body as received, within bounds."""
    chunks: list[bytes] = []
    size = 0
    while chunk := response.read(CHUNK_BYTES):
        size += len(chunk)
        if size > BODY_BYTES_MAX:
            raise TransportError("oversize", f"the body is larger than {BODY_BYTES_MAX >> 20} MiB")
        chunks.append(chunk)
    expected = response.headers.get("Content-Length", "")
    if expected.isdecimal() and int(expected) > size:
        raise TransportError("truncated", f"the body ends after {size} of {expected} bytes")
    return b"".join(chunks)


def _fault(problem: HTTPError, base: str) -> TransportError:
    """Whatever urllib3 raised, as one of our words; no message quotes a URL with anything secret in it."""
    host = urlsplit(base).hostname or base
    if isinstance(problem, ProxyError):
        return TransportError("proxy", f"the proxy refused to connect to {host}")
    if isinstance(problem, SSLError):
        return TransportError("tls", f"the certificate of {host} does not verify ({problem})")
    if isinstance(problem, NameResolutionError):
        return TransportError("connect", f"there is no host {host} to be found")
    if isinstance(problem, ConnectTimeoutError | NewConnectionError):
        return TransportError("connect", f"{host} does not accept connections")
    if isinstance(problem, ReadTimeoutError):
        return TransportError("timeout", f"{host} did not answer in time")
    if isinstance(problem, IncompleteRead):
        return TransportError("truncated", f"the answer of {host} ended in the middle")
    if isinstance(problem, ProtocolError):
        cut = "IncompleteRead" in str(problem)
        return TransportError("truncated" if cut else "reset", f"the connection to {host} broke")
    return TransportError("reset", f"the connection to {host} failed ({type(problem).__name__})")
