"""What is walked again, and where it ends."""

from datetime import UTC, datetime, timedelta

import pytest

from lastpage.coverage.account import Account
from lastpage.coverage.tally import REREADS_MAX, decide
from lastpage.coverage.weighing import Counts
from lastpage.ledger.ids import Log, digest
from lastpage.planning.slices import Slice
from lastpage.query.interval import Interval
from lastpage.walks import ROUTES
from lastpage.walks.walk import Count

START = datetime(2023, 10, 1, tzinfo=UTC)
NOON = Interval(START, START + timedelta(hours=12))
FIRST = Slice(1, NOON, NOON, "pages", "")


def account(*ids: str, hits: int) -> Account:
    """A finished walk that brought these ids while the API counted so many."""
    log = Log()
    log.extend(ids, [START.toordinal() << 1] * len(ids))
    return Account(FIRST, START, fetched=len(ids), log=log, hits=[hits])


def own(sums: Account, *claims: Count, vague: int = 0) -> Counts:
    return Counts(ROUTES["pages"].counts("absent", sums), claims, vague)


def seen(*ids: str) -> frozenset[bytes]:
    return frozenset(digest(text) for text in ids)


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize(
    ("sums", "earlier", "rereads", "decision"),
    [
        (account("a", hits=9), seen("a"), 1, "again"),  # so much is missing that it may pass
        (account("a", hits=9), seen("a"), REREADS_MAX, "accept"),  # it did not
        (account("a", "b", hits=2), None, 0, "accept"),  # counts agree
        (account("a", "b", hits=1), None, 0, "accept"),  # a surplus is not a fault
        (account("a", hits=2), None, 0, "again"),  # a gap asks for another walk
        (account("a", hits=2), seen("a"), 1, "accept"),  # the same rows again: the count is off
        (account("a", "b", hits=3), seen("a"), 1, "again"),  # still growing
        (
            account("a", "b", hits=2),
            seen("a", "c"),
            1,
            "again",
        ),  # a row of before is gone: it may have slid
        (
            account("a", "b", hits=3),
            seen("a"),
            REREADS_MAX,
            "narrow",
        ),  # growing for ever: smaller slices
    ],
)
def test_the_decision(
    sums: Account, earlier: frozenset[bytes] | None, rereads: int, decision: str
) -> None:
    """A deficit is read again, within bounds; a row that vanishes between readings is one, too."""
    assert decide(sums, own(sums), earlier, rereads) == decision


def test_what_another_slice_saw() -> None:
    """An id that another slice saw is waited for through one more reading; the same rows again end it."""
    complete = account("a", "b", hits=2)
    assert decide(complete, Counts(), None, 0, ["a"]) == "accept"
    assert decide(complete, Counts(), None, 0, ["c"]) == "again"
    assert decide(complete, Counts(), seen("a", "b"), 1, ["c"]) == "accept"


def test_what_a_claim_does() -> None:
    """A claim is waited for, also while the same ids come; one that may be of a whole day is not."""
    sums, claim = account("a", "b", hits=2), Count("starts", 5, 2)
    assert decide(sums, own(sums, claim), None, 0) == "again"
    assert decide(sums, own(sums, claim), seen("a", "b"), 2) == "again"
    assert decide(sums, own(sums, claim), seen("a", "b"), REREADS_MAX) == "accept"
    assert decide(sums, own(sums, claim, vague=5), None, 0) == "accept"
