"""What is walked again, and where it ends."""

from datetime import UTC, datetime, timedelta

import pytest

from lastpage.digests import Digests, Log, digest, packed
from lastpage.interval import Interval
from lastpage.plan import Slice
from lastpage.repair import REREADS_MAX, decide, holes
from lastpage.tally import Account

START = datetime(2023, 10, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOON = Interval(START, START + 12 * HOUR)
FIRST = Slice(1, NOON, NOON, "pages", "")


def account(*ids: str, hits: int) -> Account:
    """A finished walk that brought these ids while the API counted so many."""
    log = Log((digest(text), START.toordinal() << 1) for text in ids)
    return Account(FIRST, START, fetched=len(ids), log=log, hits=[hits])


def seen(*ids: str) -> frozenset[bytes]:
    return frozenset(digest(text) for text in ids)


def holding(*ids: str) -> Digests:
    return Digests(packed(seen(*ids)))


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize(
    ("sums", "earlier", "rereads", "decision"),
    [
        (account("a", "b", hits=2), None, 0, "accept"),  # counts agree
        (account("a", "b", hits=1), None, 0, "accept"),  # a surplus is no fault
        (account("a", hits=2), None, 0, "again"),  # a gap asks for another walk
        (account("a", hits=2), seen("a"), 1, "accept"),  # the same rows again: the count is off
        (account("a", "b", hits=3), seen("a"), 1, "again"),  # still growing
        (account("a", "b", hits=2), seen("a", "c"), 1, "again"),  # a row of before is gone: it may have slid
        (account("a", "b", hits=3), seen("a"), REREADS_MAX, "narrow"),  # growing for ever: smaller slices
    ],
)
def test_the_decision(sums: Account, earlier: frozenset[bytes] | None, rereads: int, decision: str) -> None:
    """A deficit is read again, within bounds; a row that vanishes between readings is one, too."""
    assert decide(sums, "absent", earlier, rereads) == decision


def test_holes() -> None:
    """A row that somebody saw and its owner lacks is a hole."""
    lost = ("lost", START + HOUR)
    assert list(holes([holding("a", "b")], [("a", START), lost, ("b", START)])) == [lost]


def test_parts_by_direction_own_together() -> None:
    """Slices of the same hours, cut by direction: it is enough that one of them has the row."""
    assert list(holes([holding(), holding("a")], [("a", START)])) == []
