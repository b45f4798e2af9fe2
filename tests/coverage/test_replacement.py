"""The rule by which rows leave, as a table."""

import pytest

from lastpage.coverage.replacement import APART_S, Finding, is_mass, ruled
from lastpage.ledger.records import Absence

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("missing", "day", "mass"),
    [
        (0, 0, False),
        (1, 1, True),
        (1, 2, False),  # half is not more than half
        (2, 2, True),
        (2, 3, True),
        (9, 18, False),
        (10, 18, True),
        (10, 100, False),  # more than 1 %, not more than 10
        (11, 100, True),
        (11, 1_100, False),  # more than 10, not more than 1 %
        (12, 1_100, True),
        (1_500, 3_000, True),
    ],
)
def test_what_is_a_mass(missing: int, day: int, mass: bool) -> None:
    """More than half of a day, or more than 10 and more than 1 % of it."""
    assert is_mass(missing, day) is mass


@pytest.mark.parametrize(
    ("finding", "remembered", "leaves"),
    [
        ("gone", None, False),
        ("gone", ("gone", APART_S - 1), False),
        ("gone", ("gone", APART_S), True),
        ("gone", ("unmatched", APART_S), False),  # another finding, another hour
        ("gone", ("gone", -1), False),  # a clock that went back
        ("unmatched", None, False),
        ("unmatched", ("unmatched", APART_S), True),
        ("moved", None, True),
        ("stranded", ("gone", APART_S), False),
        ("there", ("gone", APART_S), False),
        ("unanswered", ("gone", APART_S), False),
    ],
)
def test_what_leaves(
    finding: Finding, remembered: tuple[Finding, float] | None, leaves: bool
) -> None:
    """A row leaves when it is found to be gone twice, an hour apart, or when its new owner has it."""
    before = Absence(remembered[0], NOW - remembered[1]) if remembered else None
    assert ruled(finding, before, NOW)[0] is leaves


@pytest.mark.parametrize(
    ("finding", "since"),
    [("gone", NOW - 60), ("unmatched", NOW), ("there", None), ("unanswered", NOW - 60)],
)
def test_what_is_remembered(finding: Finding, since: float | None) -> None:
    """The first of the same findings; silence forgets nothing, and who is there is forgotten."""
    absence = ruled(finding, Absence("gone", NOW - 60), NOW)[1]
    assert (absence and absence.since) == since
