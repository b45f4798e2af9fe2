"""Ids as digests of 16 bytes, back to back: sorted, as the ledger keeps them for evidence, or in the order in which they came."""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator

#: 128 bits do not collide.
DIGEST_BYTES = 16
#: The fact that an id is no one's any more.
GONE = 0


def digest(text: str) -> bytes:
    """16 bytes that stand for an id."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()


def packed(digests: Iterable[bytes]) -> bytes:
    """Digests as they are kept."""
    return b"".join(sorted(digests))


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


class Log:
    """Facts about ids in the order in which they came, of which the last counts: packed, since a walk has a hundred thousand.

    24 bytes an entry while a walk is under way; `latest()` is a dictionary, six times as large, for when it is judged.
    """

    __slots__ = ("_digests", "_facts", "_latest")

    def __init__(self, entries: Iterable[tuple[bytes, int]] = ()) -> None:
        self._digests = bytearray()
        self._facts = array("q")
        self._latest: dict[bytes, int] | None = None
        for one, fact in entries:
            self.add(one, fact)

    def __len__(self) -> int:
        """Entries, repeated ones included."""
        return len(self._facts)

    def add(self, one: bytes, fact: int) -> None:
        self._digests += one
        self._facts.append(fact)
        self._latest = None

    def latest(self) -> dict[bytes, int]:
        """The last fact of each id, of those that are not gone."""
        if self._latest is None:
            latest = dict(zip(Digests(bytes(self._digests)), self._facts, strict=True))
            self._latest = (
                {one: fact for one, fact in latest.items() if fact != GONE}
                if GONE in self._facts
                else latest
            )
        return self._latest
