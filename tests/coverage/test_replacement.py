"""The rule by which rows leave, as a table; and when a damaged day is written anew."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lastpage.coverage.ranges import Range
from lastpage.coverage.replacement import APART_S, Finding, hindrance, is_mass, ruled
from lastpage.ledger.records import Absence
from lastpage.query.interval import Interval

NOW = 1_700_000_000.0
YESTERDAY = datetime(2023, 10, 12, tzinfo=UTC)


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
        ("moving", ("moving", APART_S), False),
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
    [
        ("gone", NOW - 60),
        ("unmatched", NOW),
        ("moving", NOW),
        ("awaited", NOW),
        ("stranded", None),
        ("there", None),
        ("unanswered", NOW - 60),
    ],
)
def test_what_is_remembered(finding: Finding, since: float | None) -> None:
    """The first of the same findings; silence forgets nothing, and who is there is forgotten."""
    absence = ruled(finding, Absence("gone", NOW - 60), NOW)[1]
    assert (absence and absence.since) == since


@pytest.mark.parametrize(
    ("finding", "leaves"),
    [("gone", True), ("unmatched", True), ("there", False), ("stranded", False), ("moving", False)],
)
def test_what_leaves_at_once(finding: Finding, leaves: bool) -> None:
    """Where it was accepted that many are gone, one answer is enough; what exists stays all the same."""
    assert ruled(finding, None, NOW, at_once=True)[0] is leaves


def hours(first: float, last: float, **more: Any) -> Range:
    start = datetime(2023, 10, 10, tzinfo=UTC)
    interval = Interval(start + timedelta(hours=first), start + timedelta(hours=last))
    facts = {"route": "cursor", "coverage": "complete", "finality": "final", "conversations": 40}
    return Range(interval, **{"as_of": start + timedelta(days=3), **facts, **more})


@pytest.mark.parametrize(
    ("held", "new", "staying", "is_cut", "why"),
    [
        ([hours(0, 24)], [hours(0, 24)], 0, False, ""),
        ([hours(0, 12)], [hours(0, 24)], 0, False, ""),
        ([hours(0, 24)], [hours(0, 12), hours(12, 24)], 0, False, ""),
        ([hours(0, 24, coverage="short")], [hours(0, 24)], 0, False, ""),
        ([], [hours(0, 24)], 0, False, ""),
        ([hours(0, 24)], [hours(6, 12)], 0, False, "not all of its hours"),
        ([hours(0, 6), hours(12, 24)], [hours(0, 12)], 0, False, "not all of its hours"),
        ([hours(0, 24)], [hours(0, 24, coverage="unproven")], 0, False, "not complete"),
        (
            [hours(0, 24)],
            [hours(0, 12), hours(12, 24, coverage="short")],
            0,
            False,
            "not complete",
        ),
        ([hours(0, 24)], [hours(0, 24)], 1, False, "1 of its conversations"),
        ([hours(0, 24)], [hours(0, 24, conversations=37)], 0, False, ""),
        ([hours(0, 24)], [hours(0, 24, conversations=38)], 0, True, ""),
        ([hours(0, 24)], [hours(0, 24, conversations=37)], 0, True, "37 conversations came"),
        ([hours(0, 24)], [hours(0, 24, route="pages")], 0, False, "no participant attributes"),
        ([hours(0, 24, route="pages")], [hours(0, 24, route="pages")], 0, False, ""),
        ([hours(0, 24)], [hours(0, 24, as_of=YESTERDAY)], 0, False, "it was read again since"),
        ([hours(0, 24, route="pages")], [hours(0, 24, as_of=YESTERDAY)], 0, False, ""),
        ([hours(0, 24, as_of=YESTERDAY)], [hours(0, 24)], 0, False, ""),
    ],
)
def test_what_hinders(
    held: list[Range], new: list[Range], staying: int, is_cut: bool, why: str
) -> None:
    """A damaged day is written anew by a reading of all of its hours, complete, with its rows and attributes."""
    found = hindrance(held, new, staying, is_cut=is_cut)
    assert (why in found) if why else not found
