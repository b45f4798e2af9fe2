"""Answers as bytes: headers, compression, and the faults that a wire can have (docs/api.md,
1.2).
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate

import msgspec

from lastpage_sandbox.page import Page
from lastpage_sandbox.replies import Reply, plain

#: Bodies below this are not worth compressing.
GZIP_FROM_BYTES = 500
DRIPS = 10
#: What stands in front of the real API adds these to everything (1.2).
EDGE = {
    "Cache-Control": "no-cache, no-store, must-revalidate",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Via": "1.1 sandbox.invalid (CloudFront)",
    "X-Amz-Cf-Pop": "BOX50-P1",
}
#: What some words put in the place of an answer: status, kind and body.
INSTEAD = {
    "html-502": (
        502,
        "text/html",
        b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
    ),
    "html-200": (
        200,
        "text/html",
        b"<html><head><title>Sign in</title></head><body><form></form></body></html>",
    ),
    "error-200": (200, "application/json", msgspec.json.encode(plain(500).reply("").body)),
    "blank-200": (200, "application/json", b"{}"),
}


class IncompleteBody(ConnectionError):
    """The connection died in the middle of a body; `partial` is what came."""

    def __init__(self, partial: bytes) -> None:
        super().__init__("the connection died in the middle of the body")
        self.partial = partial


@dataclass(frozen=True, slots=True)
class Wire:
    """An answer ready to be sent. Only `cut_at` bytes of the body go out, if not None, or all of it
    in `drip_s` seconds.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    cut_at: int | None = None
    drip_s: float = 0.0

    def pieces(self, sleep: Callable[[float], None]) -> Iterator[bytes]:
        """The body as a socket gets it."""
        if self.cut_at is not None:
            yield self.body[: self.cut_at]
            raise ConnectionResetError(104, "Connection reset by peer")
        if not self.drip_s:
            yield self.body
            return
        step = max(len(self.body) // DRIPS, 1)
        for at in range(0, len(self.body), step):
            sleep(self.drip_s / DRIPS)
            yield self.body[at : at + step]


def wired(
    reply: Reply, headers: Mapping[str, str], words: tuple[str, ...], *, at: float, zipped: bool
) -> Wire:
    """The answer with the words that concern the wire done to it."""
    status = reply.status
    headers = {
        "Content-Type": "application/json",
        "Date": formatdate(at, usegmt=True),
        "X-Cache": "Miss from cloudfront" if status < 400 else "Error from cloudfront",
        **EDGE,
        **headers,
        **reply.headers,
    }
    if isinstance(reply.body, Page) and zipped and not words:
        return Wire(status, {**headers, "Content-Encoding": "gzip"}, reply.body.gzipped())
    body = encoded(reply)
    for word in INSTEAD.keys() & words:
        status, headers["Content-Type"], body = INSTEAD[word]
    if "truncate-json" in words:
        body = body[: max(len(body) * 2 // 3, 1)]
    if "bad-gzip" in words or (zipped and len(body) > GZIP_FROM_BYTES):
        body, headers["Content-Encoding"] = gzip.compress(body, 1, mtime=0), "gzip"
    if "bad-gzip" in words:
        body = body[: len(body) // 2]
    return Wire(status, headers, body, _cut_at(words, len(body)), _drip_s(words))


def encoded(reply: Reply) -> bytes:
    """JSON without spaces; bytes are JSON already."""
    if reply.body is None:
        return b""
    if isinstance(reply.body, Page):
        return reply.body.plain()
    return reply.body if isinstance(reply.body, bytes) else msgspec.json.encode(reply.body)


def _cut_at(words: tuple[str, ...], size: int) -> int | None:
    cuts = [
        int(found[1]) * 1024 for word in words if (found := re.fullmatch(r"cut-after-(\d+)k", word))
    ]
    return min(*cuts, size // 2) if cuts else None


def _drip_s(words: tuple[str, ...]) -> float:
    return sum(
        float(found[1]) for word in words if (found := re.fullmatch(r"drip-([\d.]+)s", word))
    )
