"""Proving again: every line of the two tables of verification.py, by assertion alone."""

from datetime import UTC, datetime, timedelta

import pytest

from lastpage.coverage.ranges import Range
from lastpage.coverage.verification import (
    HeldDay,
    Proof,
    Verification,
    compared,
    held_days,
    holes,
    kept,
    prove,
)
from lastpage.query.interval import Interval

START = datetime(2023, 10, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def version(
    first: int, last: int, coverage: str = "complete", finality: str = "final", rows: int = 5
) -> Range:
    interval = Interval(START + first * HOUR, START + last * HOUR)
    return Range(interval, START, "cursor", coverage, finality, rows)


def held(*ranges: Range) -> list[HeldDay]:
    return held_days(
        {each.day: [*filter(lambda one: one.day == each.day, ranges)] for each in ranges}
    )


def test_held_days() -> None:
    """A day is one, however many ranges it has: those that touch are joined, and it is as good as the worst."""
    first, second = held(
        version(6, 12, "unproven", rows=2),
        version(0, 6),
        version(13, 24, finality="provisional"),
        version(24, 48),
    )
    assert [each.conversations for each in first.ranges] == [7, 5]
    assert (first.hull.conversations, first.hull.coverage, first.hull.finality) == (
        12,
        "unproven",
        "provisional",
    )
    assert (first.is_whole, second.is_whole) == (False, True)
    assert str(prove(first, 12).interval) == str(Interval(START, START + 24 * HOUR))


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ([(0, 24), (24, 48)], []),
        ([(0, 6), (13, 24)], [(6, 13)]),
        ([(0, 6), (6, 12), (80, 96)], [(12, 80)]),
        ([(0, 6), (20, 24), (30, 48), (72, 96)], [(6, 20), (24, 30), (48, 72)]),
    ],
)
def test_holes(ranges: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    """What lies between two held ranges is a hole, within a day or over many; what touches has none."""
    days = held(
        *(
            version(max(first, 24 * day), min(last, 24 * day + 24))
            for first, last in ranges
            for day in range(first // 24, -(-last // 24))
        )
    )
    assert list(holes(days)) == [version(*each).interval for each in expected]


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize(
    ("coverage", "rows", "counted", "state"),
    [
        ("complete", 5000, 5000, "same"),
        ("complete", 5000, 5005, "near"),  # within the counts' error
        ("complete", 5000, 4995, "near"),
        ("complete", 234, 232, "near"),
        ("complete", 5000, 5006, "missing"),
        ("complete", 5000, 4994, "changed"),
        ("complete", 234, 231, "changed"),
        ("complete", 0, 0, "same"),
        ("complete", 0, 1, "missing"),  # none of one is no rounding
        ("complete", 2, 0, "changed"),
        ("complete", 2, 1, "near"),
        ("unproven", 5000, 5000, "unproven"),
        ("unproven", 5000, 5050, "unproven"),  # the count was as high when it was fetched
        ("unproven", 5000, 5070, "missing"),
        ("unproven", 5000, 4994, "changed"),
        ("unproven", 3, 8, "missing"),
        ("short", 5000, 5000, "short"),
        ("short", 5000, 9000, "short"),
    ],
)
def test_a_proof(coverage: str, rows: int, counted: int, state: str) -> None:
    """What is counted is held against what is there: each line of the first table."""
    (day,) = held(version(0, 24, coverage, rows=rows))
    proof = prove(day, counted)
    assert (proof.state, proof.conversations, proof.counted) == (state, rows, counted)
    assert proof.needs_repair is (state in ("missing", "changed", "short"))


@pytest.mark.invariant("Truthful")
def test_what_is_in_broken_is_there() -> None:
    """Records that no table could take are counted by the API, and are there: they are not missing."""
    (day,) = held(version(0, 24, "unproven", rows=100))
    assert prove(day, 140).state == "missing"
    proof = prove(HeldDay(day.ranges, unread=40), 140)
    assert (proof.state, proof.conversations) == ("unproven", 100)
    assert "40 in the table broken" in proof.why
    assert prove(HeldDay(day.ranges, unread=40), 190).state == "missing"


@pytest.mark.parametrize(
    ("counted", "state"), [(5, "same"), (6, "near"), (40, "unproven"), (0, "unproven")]
)
def test_counts_that_cannot_say(counted: int, state: str) -> None:
    """Where counts do not say how much there is of it, a difference proves nothing."""
    (day,) = held(version(0, 6))
    proof = prove(day, counted, "the API counts whole days only")
    assert proof.state == state
    assert (proof.why == "the API counts whole days only") == (state == "unproven")


@pytest.mark.parametrize("coverage", ["complete", "unproven", "short"])
def test_a_day_that_is_no_longer_kept(coverage: str) -> None:
    """It is not counted, and it has not changed, whatever it was when it was fetched."""
    (day,) = held(version(0, 24, coverage))
    proof = kept(day, 90)
    assert (proof.state, proof.counted, proof.needs_repair) == ("kept", None, False)
    assert ("incomplete when it was fetched" in proof.why) == (coverage == "short")


def counted_as(state: str) -> Proof:
    coverage, counted = {
        "same": ("complete", 5000),
        "near": ("complete", 5002),
        "missing": ("complete", 5040),
        "changed": ("complete", 4900),
        "unproven": ("unproven", 5000),
        "short": ("short", 5000),
    }[state]
    (day,) = held(version(0, 24, coverage, rows=5000))
    proof = prove(day, counted)
    assert proof.state == state
    return proof


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize(
    ("differing", "coverage", "states"),
    [
        ("segments", "complete", {}),
        ("segments", "unproven", {}),
        (
            "",
            "complete",
            {
                "same": "same",
                "near": "same",
                "missing": "same",
                "changed": "same",
                "unproven": "same",
                "short": "short",
            },
        ),
        (
            "",
            "unproven",
            {
                "same": "same",
                "near": "same",
                "missing": "unproven",
                "changed": "same",
                "unproven": "unproven",
                "short": "short",
            },
        ),
    ],
)
def test_a_second_reading(differing: str, coverage: str, states: dict[str, str]) -> None:
    """A second reading says more than a count: each line of the second table."""
    for before in ("same", "near", "missing", "changed", "unproven", "short"):
        proof = compared(counted_as(before), differing, coverage)
        assert proof.state == states.get(before, "changed"), before
        assert ("segments" in proof.why) == bool(differing)


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize("before", ["same", "near", "missing", "changed", "unproven", "short"])
def test_a_second_reading_that_is_short(before: str) -> None:
    """Where rows are known to be missing of it, nothing is held against it."""
    proof = compared(counted_as(before), "conversations", "short")
    assert proof.state == before
    assert "second reading was short" in proof.why


def test_what_is_not_as_the_api_has_it() -> None:
    """`changed` is what exit code 3 is for."""
    proofs = [counted_as(state) for state in ("same", "near", "missing", "changed", "unproven")]
    found = Verification([*proofs, counted_as("short")], [], []).changed
    assert [proof.state for proof in found] == ["missing", "changed", "short"]
