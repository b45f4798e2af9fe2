"""The seam to the network: one call in, one answer out. Everything above it runs without a socket.

A transport sends once and tries nothing twice. It returns whatever status came, with the body as received
(still gzipped where the server did that), and raises `TransportError` where no whole answer came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol

from isal import isal_zlib

from lastpage.fetch import envelope

#: What went wrong below HTTP; `fetch/retry.py` decides by this word.
Fault = Literal["connect", "timeout", "reset", "truncated", "tls", "proxy", "oversize"]
#: How often a request is sent in all, unless it has a cap of its own.
TRIES_MAX = 8
#: No body of this API is larger; one that is, is not this API (a bomb, a proxy, a stream without end).
MIB = 1024 * 1024
BODY_BYTES_MAX = 256 * MIB
#: Parts of a compressed body; servers send one.
MEMBERS_MAX = 100


class TransportError(Exception):
    """No whole answer came. `fault` says how; the message is for people and holds no secret."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault: Fault = fault


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request, as plain values. `path` is absolute on the API's host; headers of the client are added later."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    #: Method and path with ids left out, for errors and counts: `GET /…/details/jobs/{jobId}`.
    endpoint: str = ""
    #: Statuses the caller wants to see as an answer instead of an error, e.g. a 404 in the middle of a cursor.
    passes: frozenset[int] = frozenset()
    #: How often it may be sent in all. A job submission has a smaller cap than the rest.
    tries: int = TRIES_MAX
    #: What the role lacks where a 403 does not say it; empty where nobody knows.
    permission: str = "analytics:conversationDetail:view"


@dataclass(frozen=True)
class Answer:
    """One HTTP response: `headers` have lower-case names, `raw` is the body as received."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = b""
    #: What the body may have at most, decoded.
    bytes_max: int = BODY_BYTES_MAX

    @cached_property
    def body(self) -> bytes:
        """The body, decoded; at most `bytes_max` bytes, else `TransportError('oversize')`."""
        return decode(self.raw, self.headers.get("content-encoding", ""), self.bytes_max)

    @cached_property
    def page(self) -> envelope.Page:
        """The body as a page, read once for its walk and its tally; a body that is none raises one of `envelope.UNREADABLE`."""
        return envelope.page(self.body)


class Transport(Protocol):
    """Send one call to `base` (scheme, host, port) with these headers; once."""

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer: ...


def decode(raw: bytes, encoding: str, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """Undo gzip, of one part or several, within bounds: a kilobyte can hold a gigabyte, so the size is checked while inflating."""
    if encoding.strip().lower() not in {"gzip", "x-gzip"}:
        return raw
    body = b""
    for _ in range(MEMBERS_MAX):
        member, raw = _inflated(raw, bytes_max - len(body) + 1)
        body += member
        if len(body) > bytes_max:
            raise TransportError("oversize", f"the body inflates to more than {bytes_max / MIB:,.0f} MiB")
        if not raw:
            return body
    raise TransportError("oversize", f"the compressed body has more than {MEMBERS_MAX} parts")


def _inflated(raw: bytes, bytes_max: int) -> tuple[bytes, bytes]:
    """The first member of a gzip body, or so much of it, and what comes after it."""
    inflater = isal_zlib.decompressobj(wbits=31)
    try:
        member = inflater.decompress(raw, bytes_max)
    except isal_zlib.error as problem:  # type: ignore[misc] # its stub takes it for a value
        raise TransportError("truncated", f"the compressed body is damaged ({problem})") from None
    if not inflater.eof and len(member) < bytes_max:
        raise TransportError("truncated", "the compressed body ends in the middle")
    return member, inflater.unused_data
