"""Stop at step 1, 2, 3 … until the run finishes untouched: by a crash, by one failure, by failing for ever after.

Whatever the step, the next run finishes the job, and what it leaves is what a run that nothing disturbed leaves.
"""

from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from lastpage import DestinationError, LastpageError, UnavailableError
from tests import elsewhere, inprocess, objects, postgres
from tests.crash.steps import Crash, Stepping, Steps
from tests.elsewhere import there
from tests.inprocess import World, talk, world
from tests.readback import database, everything, lines

DAY = datetime(2023, 10, 10, 9, tzinfo=UTC)
SPAN = "2023-10-10T08:00Z/2023-10-10T12:00Z"
#: Each with what is asked for there: two tables, since each of them is written by the same steps.
FEW = {"tables": inprocess.FEW}
PLACES: dict[str, dict[str, Any]] = {
    "out": FEW,
    "csv": FEW | {"format": "csv"},
    "lines": {"format": "jsonl"},
    "delta": FEW | {"format": "delta"},
    "out.duckdb": FEW,
    postgres.NAME: FEW,
    objects.NAME: FEW,
    "out.jsonl": {},
    "out.jsonl.gz": {},
}
ON_DISK = [name for name in PLACES if name not in elsewhere.KINDS]
#: Reading is the same whatever the destination. So it is stopped at every step, by both routes, on the way to the cheapest one;
#: each of the others is stopped at every step of its own, and at one in so many before that.
EVERY, EVERY_LONG = 15, 7
LANES: list[tuple[str, str, int]] = [
    ("out.jsonl", "pages", 1),
    ("out.jsonl", "cursor", 1),
    ("out", "cursor", EVERY),
    ("csv", "pages", EVERY),
    ("lines", "pages", EVERY),
    ("delta", "pages", EVERY),
    ("out.duckdb", "pages", EVERY),
    (postgres.NAME, "pages", EVERY),
    (objects.NAME, "pages", EVERY),
    ("out.jsonl.gz", "cursor", EVERY),
]


def with_long(lanes: list[tuple[str, str, int]]) -> list[Any]:
    """These lanes; and in the long run every destination by both routes, more closely: the cheapest one at every step."""
    closely = [
        (name, route, 1 if name == "out.jsonl" else EVERY_LONG)
        for name, route in product(PLACES, ("pages", "cursor"))
    ]
    rest = [lane for lane in closely if lane not in lanes]
    return [*lanes, *(pytest.param(*lane, marks=pytest.mark.long) for lane in rest)]


def small() -> World:
    """A morning of nine conversations: enough for three pages by either route."""
    made = world(per_day=0, job_polls=1)
    made.sandbox.world.add(
        *(talk(number, DAY + timedelta(minutes=7 * number)) for number in range(9))
    )
    return made


def held(place: Path) -> Any:
    """What a destination holds, without what tells when it was read."""
    if place.suffix == ".duckdb":
        return database(place)
    if place.name in elsewhere.KINDS:
        return elsewhere.everything(place)
    if not place.suffix:
        return everything(place)
    return sorted(lines(place), key=lambda record: record["conversationId"])


def fetch(made: World, place: Path, steps: Steps, route: Any) -> None:
    cloud = made.cloud(transport=Stepping(made.sandbox, steps), disk=steps.disk)
    summary = cloud.fetch(
        SPAN, there(place), paginate=route, page_size=4, names=False, **PLACES[place.name]
    )
    assert summary.coverage == "complete"


def tried(names: list[str], every: int) -> list[int]:
    """The numbers of the steps to stop at: those of the destination, which begin once the slice is settled, and one in `every`."""
    settled = names.index("ledger settle")
    return [
        at
        for at, name in enumerate(names, 1)
        if at > settled
        or name.startswith(("file", "database", "delta", "server", "store"))
        or (at - 1) % every == 0
    ]


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize(("name", "route", "every"), with_long(LANES))
def test_a_crash_at_every_step(tmp_path: Path, name: str, route: str, every: int) -> None:
    """Killed before any step of disk, ledger or network, run again: the same result."""
    untouched = tmp_path / "untouched" / name
    steps = Steps()
    fetch(small(), untouched, steps, route)
    wanted = held(untouched)
    assert len(wanted["conversations"] if isinstance(wanted, dict) else wanted) == 9
    for at in tried(steps.names, every):
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
@pytest.mark.parametrize(
    ("name", "route", "every"), with_long([(name, route, EVERY) for name, route, _ in LANES])
)
def test_a_failure_at_every_step(
    tmp_path: Path, name: str, route: str, every: int, how: Any
) -> None:
    """A full disk or a cut connection ends with the right error, or none, and nothing is lost."""
    untouched = tmp_path / "untouched" / name
    steps = Steps(how=how)
    fetch(small(), untouched, steps, route)
    wanted = held(untouched)
    for at in range(1, len(steps.names) + 1, every):
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
