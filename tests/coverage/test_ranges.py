"""Which version wins: properties that hold for any two histories."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastpage.coverage.ranges import Range, accepted, fresher, merged, outcome
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
    """After any sequence of writes each moment has at most one version, whose facts are the old or the new ones, as the table says."""
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
            what = outcome(old, new) if old else "new"
            facts = new if what == "new" or old is None else old
            finality = "provisional" if what == "joined" else facts.finality
            assert what != "added"  # all of them are of one route
            assert (now.as_of, now.coverage) == (facts.as_of, facts.coverage)
            assert now.finality == finality


@given(st.lists(VERSIONS, max_size=4), VERSIONS)
def test_fresher_parts(old: list[Range], new: Range) -> None:
    """They are held, are fresher than what is new, and are not written."""
    held: list[Range] = []
    for each in old:
        held = merged(held, [each])
    parts = fresher(held, [new])
    for hour in range(29):
        moment = START + timedelta(hours=hour + 0.5)
        there = at(held, hour + 0.5)
        is_written = any(moment in part for part in accepted(held, [new]))
        wanted = there is not None and there.as_of > new.as_of and not is_written
        assert any(moment in part for part in parts) == wanted


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
    ("old", "new", "stands"),
    [
        (("cursor", "complete", "final"), ("cursor", "short", "provisional"), "old"),
        # Although it is fresher.
        (("pages", "short", "provisional"), ("cursor", "complete", "final"), "new"),
        (("cursor", "complete", "provisional"), ("cursor", "unproven", "provisional"), "old"),
        # Settled since.
        (("pages", "complete", "provisional"), ("cursor", "complete", "final"), "new"),
        # It has attributes.
        (("cursor", "complete", "final"), ("pages", "complete", "provisional"), "old"),
    ],
)
def test_which_version_stays(
    old: tuple[str, str, str], new: tuple[str, str, str], stands: str
) -> None:
    """Incomplete rows lose, final rows of a job win over provisional ones, else fresher ones."""
    assert outcome(told(old, 5), told(new, 4)) == stands


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("coverage", ["short", "unproven"])
@pytest.mark.parametrize(
    ("old", "new", "stands"),
    [
        ("cursor", "cursor", "joined"),
        ("pages", "pages", "joined"),
        ("pages", "cursor", "joined"),
        ("cursor", "pages", "added"),  # those that are there would lose attributes
    ],
)
def test_what_is_complete_stays_complete(coverage: str, old: str, new: str, stands: str) -> None:
    """Fresher rows that are not complete are written into complete ones, which stay what they are."""
    complete, other = (old, "complete", "final"), (new, coverage, "provisional")
    assert outcome(told(complete, 4), told(other, 5)) == stands


@pytest.mark.invariant("Destinations")
def test_a_later_job_is_believed() -> None:
    """A later job is believed, also where a thread that had ended is open again."""
    final, provisional = ("cursor", "complete", "final"), ("cursor", "complete", "provisional")
    assert outcome(told(final, 4), told(provisional, 5)) == "new"


def told(facts: tuple[str, str, str], as_of: int) -> Range:
    """A version of one hour, as fresh as the hour says."""
    route, coverage, finality = facts
    hour = Interval(START, START + timedelta(hours=1))
    return Range(hour, START + timedelta(hours=as_of), route, coverage, finality, 0)
