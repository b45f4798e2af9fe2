"""Ids as digests of 16 bytes, back to back: sorted as the ledger keeps them, or as they came.

A walk of a hundred thousand conversations has as many ids. As a set of texts they would weigh
twenty megabytes; packed, each takes 16 bytes (24 with a fact about it).
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

#: 128 bits do not collide.
DIGEST_BYTES = 16
#: The fact that an id is not owned any more.
GONE = 0


def digest(text: str) -> bytes:
    """16 bytes that stand for an id."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()


def packed(digests: Iterable[bytes]) -> bytes:
    """Digests as they are kept."""
    return b"".join(sorted(digests))


class Digests:
    """Sorted digests in one piece of bytes, searched by halving."""

    __slots__ = ("_packed",)

    def __init__(self, packed: bytes = b"") -> None:
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed) // DIGEST_BYTES

    def __getitem__(self, position: int) -> bytes:
        return self._packed[position * DIGEST_BYTES : (position + 1) * DIGEST_BYTES]

    def __iter__(self) -> Iterator[bytes]:
        return iter(_apart(self._packed))

    def __contains__(self, one: bytes) -> bool:
        position = bisect_left(range(len(self)), one, key=self.__getitem__)
        return position < len(self) and self[position] == one


class Log:
    """Facts about ids in the order in which they came, of which the last counts.

    `latest()` is a dictionary, six times as large, for when a walk is judged.
    """

    __slots__ = ("_digests", "_facts", "_latest")

    def __init__(self) -> None:
        self._digests = bytearray()
        self._facts = array("q")
        self._latest: dict[bytes, int] | None = None

    def __len__(self) -> int:
        """Entries, repeated ones included."""
        return len(self._facts)

    def extend(self, ids: Sequence[str], facts: Sequence[int]) -> None:
        """Enter the ids of a page, each with its fact."""
        self._digests += b"".join(map(digest, ids))
        self._facts.extend(facts)
        self._latest = None

    def has_new(self, ids: Sequence[str]) -> bool:
        """Whether one of these ids has no entry, not even one that is gone.

        Of most pages the first id is new. That is looked for in the bytes as they are; a set of all
        entries is made only where it is not.
        """
        if not ids:
            return False
        if self._digests.find(digest(ids[0])) < 0:
            return True
        return not set(_apart(bytes(self._digests))).issuperset(map(digest, ids))

    def latest(self) -> dict[bytes, int]:
        """The last fact of each id, of those that are not gone."""
        if self._latest is None:
            latest = dict(zip(_apart(bytes(self._digests)), self._facts, strict=True))
            if GONE in self._facts:
                latest = {one: fact for one, fact in latest.items() if fact != GONE}
            self._latest = latest
        return self._latest


def _apart(packed: bytes) -> list[bytes]:
    positions = range(0, len(packed), DIGEST_BYTES)
    return [packed[position : position + DIGEST_BYTES] for position in positions]
