"""A job that lacks a share of its rows: read by page numbers, too, and which of both stays."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lastpage import Summary
from lastpage.planning import slices
from tests.crash.steps import Crash, Stepping, Steps
from tests.inprocess import World, talk, world
from tests.readback import ids, lines, table

DAY = datetime(2023, 10, 10, tzinfo=UTC)


def truth(made: World, days: int = 1) -> list[str]:
    return sorted(made.truth(DAY, DAY + timedelta(days=days)))


def attributes(place: Path) -> set[str]:
    return {row["conversation_id"] for row in table(place, "participant_attributes")}


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_job_that_lacks_a_share(tmp_path: Path, share: float) -> None:
    """A job that gives none or half of what is counted, at every reading, is read by page numbers: whole, and provisional."""
    made = world(per_day=60, job_share=share)
    summary = made.cloud().fetch("2023-10-10", tmp_path)
    assert (summary.coverage, summary.finality) == ("complete", "provisional")
    assert sorted(ids(tmp_path)) == truth(made)
    assert any("have no participant attributes until" in note for note in summary.notes)
    assert not attributes(tmp_path)


def test_a_job_is_due_again(tmp_path: Path) -> None:
    """What came by page numbers is replaced once a job has it all."""
    made = world(per_day=60, job_share=0.5)
    made.cloud().fetch("2023-10-10", tmp_path)
    healthy = world(per_day=60)
    summary = healthy.cloud().fetch("2023-10-10", tmp_path)
    assert (summary.coverage, summary.finality) == ("complete", "final")
    assert attributes(tmp_path)


@pytest.mark.invariant("Destinations")
def test_a_job_that_is_held_stays(tmp_path: Path) -> None:
    """What page numbers brought never replaces a job's complete version."""
    healthy = world(per_day=60)
    healthy.cloud().fetch("2023-10-10", tmp_path)
    before = attributes(tmp_path)
    made = world(per_day=60, job_share=0.5)
    summary = made.cloud().fetch("2023-10-10", tmp_path, refresh=True)
    assert attributes(tmp_path) == before != set()
    assert any("stays as it was" in note for note in summary.notes)


@pytest.mark.invariant("Truthful")
def test_page_numbers_that_have_no_more(tmp_path: Path) -> None:
    """Counts that are too high, the same rows by both routes: short, by the job's own rows, and why."""
    made = world(per_day=60, total_hits_over=0.5)
    summary = made.cloud().fetch("2023-10-10", tmp_path)
    assert summary.coverage == "short"
    assert any("bring the same, so the count may be too high" in note for note in summary.notes)
    assert sorted(ids(tmp_path)) == truth(made)
    assert attributes(tmp_path)


def test_page_numbers_that_are_refused(tmp_path: Path) -> None:
    """Where page numbers cannot reach, the job's own rows stay, short."""
    made = world(per_day=0, job_rows_max=5)
    made.sandbox.world.add(*(talk(n, DAY + timedelta(milliseconds=n)) for n in range(40)))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(slices, "PAGES_ROWS", 10)
        patched.setattr(slices, "WALL_ROWS", 20)
        minute = "2023-10-10T00:00Z/2023-10-10T00:01Z"
        summary = made.cloud().fetch(minute, tmp_path, page_size=5)
    assert summary.coverage == "short"
    assert any("cannot be read by page numbers" in note for note in summary.notes)


def test_jobs_alone(tmp_path: Path) -> None:
    """Where jobs alone were asked for, nothing is read by page numbers."""
    made = world(per_day=60, job_share=0.5)
    summary = made.cloud().fetch("2023-10-10", tmp_path, paginate="cursor")
    assert summary.coverage == "short"
    assert len(ids(tmp_path)) == len(truth(made)) // 2


def test_a_job_that_never_ends_well(tmp_path: Path) -> None:
    """A job that fails four times is read by page numbers, too."""
    made = world(per_day=60)
    made.sandbox.faults.put("jobs.status", *["fail-job"] * 4)
    summary = made.cloud().fetch("2023-10-10", tmp_path)
    assert (summary.coverage, summary.finality) == ("complete", "provisional")
    assert sorted(ids(tmp_path)) == truth(made)


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize("place", ["out", "x.jsonl"])
def test_a_crash_at_any_step(tmp_path: Path, place: str) -> None:
    """Killed anywhere between the job and page numbers, the same command ends the same."""
    steps = count(tmp_path, place)
    for at in range(1, steps + 1, max(steps // 20, 1)):
        made, to = lacking(), tmp_path / f"{at}" / place
        with pytest.raises(Crash):
            fetch(made, to, Steps(at))
        summary = fetch(made, to, Steps())
        assert summary.coverage == "complete"
        found = ids(to) if place == "out" else [row["conversationId"] for row in lines(to)]
        assert sorted(found) == truth(made, 2)


def count(tmp_path: Path, place: str) -> int:
    steps = Steps()
    fetch(lacking(), tmp_path / "whole" / place, steps)
    return len(steps.names)


def lacking() -> World:
    return world(per_day=20, job_share=0.5)


def fetch(made: World, place: Path, steps: Steps) -> Summary:
    cloud = made.cloud(transport=Stepping(made.sandbox, steps), disk=steps.disk)
    return cloud.fetch("2023-10-10/2023-10-12", place, names=False)


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize(
    ("share", "word"),
    [(0.0, "index-out-for-900s"), (0.0, "index-half-for-900s"), (0.2, "index-half-for-900s")],
)
def test_an_index_that_is_out_meanwhile(tmp_path: Path, share: float, word: str) -> None:
    """Page numbers that agree with counts of their own are held against what was counted of the whole, too: never complete."""
    made = world(per_day=60, job_share=share)
    plan, readings = ["pass"], ["pass"] * 8
    made.sandbox.faults.put("details.query", *plan, *readings, word)
    summary = made.cloud().fetch("2023-10-10", tmp_path)
    assert word in {each for _, each in made.sandbox.faults.receipts}
    assert summary.coverage == "short"
