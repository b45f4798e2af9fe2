"""A page of rows as it goes out: the rows, which other pages may share, and a tail, which is the
page's own.

Compressing costs more than anything else here, so the compressed rows are what is kept. They end on
a byte with nothing left to refer back to, and the tail is compressed after them: together one gzip
member, as if it had been compressed in one piece.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from lastpage_sandbox.shelf import Shelf

HEAD, MIDDLE, END = b'{"conversations":[', b"],", b"}"
#: A gzip member of no name and no time, compressed in haste.
MEMBER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
LEVEL = 1


@dataclass(frozen=True, slots=True)
class Squeezed:
    """The beginning of a gzip member, with what its trailer has to know."""

    data: bytes
    checksum: int
    size: int


#: Bodies kept at most, in bytes as they are kept.
Kept = Shelf[bytes | Squeezed]
KEPT_MAX = 192 << 20


def kept() -> Kept:
    """A shelf for pages."""
    return Shelf(KEPT_MAX, lambda value: len(value.data if isinstance(value, Squeezed) else value))


@dataclass(frozen=True, slots=True)
class Page:
    """A body that is rendered when it is known how it will be sent. `key` names the rows and all
    that they depend on.
    """

    key: Hashable
    rows: Callable[[], list[bytes]]
    tail: bytes
    shelf: Kept

    def plain(self) -> bytes:
        return self._begun() + self.tail + END

    def gzipped(self) -> bytes:
        begun = self.shelf.get((self.key, "gzip"), self._squeezed)
        assert isinstance(begun, Squeezed)
        last = self.tail + END
        trailer = struct.pack(
            "<II", zlib.crc32(last, begun.checksum), (begun.size + len(last)) & 0xFFFFFFFF
        )
        return b"".join((MEMBER, begun.data, _deflated(last, zlib.Z_FINISH), trailer))

    def _begun(self) -> bytes:
        begun = self.shelf.get((self.key, "plain"), self._joined)
        assert isinstance(begun, bytes)
        return begun

    def _joined(self) -> bytes:
        return HEAD + b",".join(self.rows()) + MIDDLE

    def _squeezed(self) -> Squeezed:
        joined = self._joined()
        return Squeezed(_deflated(joined, zlib.Z_FULL_FLUSH), zlib.crc32(joined), len(joined))


def _deflated(data: bytes, flush: int) -> bytes:
    squeeze = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return squeeze.compress(data) + squeeze.flush(flush)
