"""Stop at step 1, 2, 3 … until the run finishes untouched: by a crash, by one failure, by failing for ever after.

Whatever the step, the next run finishes the job, and what it leaves is what a run that nothing disturbed leaves.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lastpage import DestinationError, LastpageError, UnavailableError
from tests.crash.steps import Crash, Stepping, Steps
from tests.inprocess import World, talk, world
from tests.readback import database, everything, lines

DAY = datetime(2023, 10, 10, 9, tzinfo=UTC)
SPAN = "2023-10-10T08:00Z/2023-10-10T12:00Z"
#: Each with what is asked for there: a few tables, since each of them is written by the same steps.
FEW = {"tables": ["conversations", "sessions", "conversation_overview"]}
PLACES: dict[str, dict[str, Any]] = {
    "out": FEW,
    "csv": FEW | {"format": "csv"},
    "out.duckdb": FEW,
    "out.jsonl": {},
    "out.jsonl.gz": {},
}
#: Every step is tried by a crash, but of a database's, and of the failures, every so many; LASTPAGE_EVERY=1 tries all of them.
EVERY = int(os.environ.get("LASTPAGE_EVERY", "7"))


def small() -> World:
    """A morning of nine conversations: enough for three pages by either route."""
    made = world(per_day=0, job_polls=1)
    made.sandbox.world.add(*(talk(number, DAY + timedelta(minutes=7 * number)) for number in range(9)))
    return made


def held(place: Path) -> Any:
    """What a destination holds, without what tells when it was read."""
    if place.suffix == ".duckdb":
        return database(place)
    if not place.suffix:
        return everything(place)
    return sorted(lines(place), key=lambda record: record["conversationId"])


def fetch(made: World, place: Path, steps: Steps, route: Any) -> None:
    cloud = made.cloud(transport=Stepping(made.sandbox, steps), disk=steps.disk)
    summary = cloud.fetch(SPAN, place, paginate=route, page_size=4, names=False, **PLACES[place.name])
    assert summary.coverage == "complete"


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize("route", ["pages", "cursor"])
@pytest.mark.parametrize("name", PLACES)
def test_a_crash_at_every_step(tmp_path: Path, name: str, route: str) -> None:
    """Killed before any step of disk, ledger or network, run again: the same result."""
    untouched = tmp_path / "untouched" / name
    steps = Steps()
    fetch(small(), untouched, steps, route)
    wanted = held(untouched)
    assert len(wanted["conversations"] if isinstance(wanted, dict) else wanted) == 9
    every = EVERY if name == "out.duckdb" else 1
    for at in range(1, len(steps.names) + 1, every):
        place = tmp_path / str(at) / name
        made, crashing = small(), Steps(at, folder=place.parent)
        place.parent.mkdir()
        with pytest.raises(Crash):
            fetch(made, place, crashing, route)
        place = crashing.left / name
        fetch(made, place, Steps(), route)
        assert held(place) == wanted, (at, crashing.names[-1])


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize("how", ["once", "for ever"])
@pytest.mark.parametrize("route", ["pages", "cursor"])
@pytest.mark.parametrize("name", PLACES)
def test_a_failure_at_every_step(tmp_path: Path, name: str, route: str, how: Any) -> None:
    """A full disk or a cut connection ends with the right error, or none, and nothing is lost."""
    untouched = tmp_path / "untouched" / name
    steps = Steps(how=how)
    fetch(small(), untouched, steps, route)
    wanted = held(untouched)
    for at in range(1, len(steps.names) + 1, EVERY):
        place = tmp_path / str(at) / name
        made, failing = small(), Steps(at, how)
        try:
            fetch(made, place, failing, route)
        except LastpageError as problem:
            broken = failing.names[at - 1]
            kind = UnavailableError if broken == "send" else DestinationError
            assert (type(problem), problem.exit_code) == (kind, kind.exit_code), (at, broken)  # noqa: PT017
            fetch(made, place, Steps(), route)
        else:
            assert how == "once", (at, failing.names[at - 1])
        assert held(place) == wanted, (at, failing.names[at - 1])
