"""Which version wins: properties that hold for any two histories."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastpage.coverage.ranges import Range, accepted, merged, stays
from lastpage.query.interval import Interval

START = datetime(2023, 10, 10, tzinfo=UTC)


def version(first: int, length: int, as_of: int, coverage: str) -> Range:
    interval = Interval(START + timedelta(hours=first), START + timedelta(hours=first + length))
    return Range(interval, START + timedelta(days=as_of), "cursor", coverage, "final", 0)


VERSIONS = st.builds(
    version,
    st.integers(0, 20),
    st.integers(1, 8),
    st.integers(1, 4),
    st.sampled_from(["complete", "unproven", "short"]),
)


def at(ranges: list[Range], hour: float) -> Range | None:
    found = [each for each in ranges if START + timedelta(hours=hour) in each.interval]
    assert len(found) <= 1
    return found[0] if found else None


@given(st.lists(VERSIONS, max_size=8))
def test_any_history(versions: list[Range]) -> None:
    """After any sequence of writes each moment has at most one version, and it is one that no earlier one could keep out."""
    held: list[Range] = []
    for new in versions:
        before = held
        held = merged(before, [new])
        for hour in range(29):
            old, now = at(before, hour + 0.5), at(held, hour + 0.5)
            inside = START + timedelta(hours=hour + 0.5) in new.interval
            if not inside:
                assert (old is None) == (now is None)
                continue
            assert now is not None
            kept = old is not None and stays(old, new)
            assert now.as_of == (old.as_of if kept and old else new.as_of)
            assert now.coverage == (old.coverage if kept and old else new.coverage)


@given(st.lists(VERSIONS, max_size=4), VERSIONS)
def test_accepted_parts_are_the_new_ones(old: list[Range], new: Range) -> None:
    """What is written lies within the new range, in order, without overlap."""
    held: list[Range] = []
    for each in old:
        held = merged(held, [each])
    parts = accepted(held, [new])
    assert all(new.interval.clip(part) == part for part in parts)
    assert all(a.end <= b.start for a, b in itertools.pairwise(parts))


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize(
    ("old", "new", "old_stays"),
    [
        (("cursor", "complete", "final", 9), ("cursor", "short", "provisional", 5), True),
        (
            ("pages", "short", "provisional", 5),
            ("cursor", "complete", "final", 9),
            False,
        ),  # although it is fresher
        (
            ("cursor", "complete", "final", 9),
            ("cursor", "unproven", "provisional", 5),
            True,
        ),  # known to lack some
        (
            ("cursor", "complete", "provisional", 9),
            ("cursor", "unproven", "provisional", 9),
            True,
        ),  # fresher
        (
            ("pages", "complete", "provisional", 9),
            ("cursor", "complete", "final", 9),
            False,
        ),  # settled since
        (
            ("cursor", "complete", "final", 9),
            ("pages", "complete", "provisional", 9),
            True,
        ),  # it has attributes
    ],
)
def test_which_version_stays(
    old: tuple[str, str, str, int], new: tuple[str, str, str, int], old_stays: bool
) -> None:
    """Incomplete rows lose, final rows of a job win over provisional ones, else fresher ones."""
    assert stays(told(old, 5), told(new, 4)) is old_stays


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("rows", [9, 10])
def test_a_later_job_is_believed(rows: int) -> None:
    """A later job is believed, also where a thread that had ended is open again."""
    assert not stays(
        told(("cursor", "complete", "final", 9), 4),
        told(("cursor", "complete", "provisional", rows), 5),
    )


def told(facts: tuple[str, str, str, int], as_of: int) -> Range:
    """A version of one hour, as fresh as the hour says."""
    route, coverage, finality, rows = facts
    hour = Interval(START, START + timedelta(hours=1))
    return Range(hour, START + timedelta(hours=as_of), route, coverage, finality, rows)
