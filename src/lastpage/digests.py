"""Ids as digests of 16 bytes, sorted, back to back: what the ledger keeps as evidence, and how to look one up in it."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterator

DIGEST_BYTES = 16


def digest(text: str) -> bytes:
    """16 bytes that stand for an id."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()


class Digests:
    """Sorted digests in one piece of bytes: a hundred thousand take 1.6 MB, a set of them seven times as much."""

    __slots__ = ("_packed",)

    def __init__(self, packed: bytes = b"") -> None:
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed) // DIGEST_BYTES

    def __getitem__(self, place: int) -> bytes:
        return self._packed[place * DIGEST_BYTES : (place + 1) * DIGEST_BYTES]

    def __iter__(self) -> Iterator[bytes]:
        return map(self.__getitem__, range(len(self)))

    def __contains__(self, one: bytes) -> bool:
        place = bisect_left(range(len(self)), one, key=self.__getitem__)
        return place < len(self) and self[place] == one
