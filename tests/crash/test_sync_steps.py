"""A sync that is stopped at step 1, 2, 3 …, in the midst of days that changed, moved and stayed the same: the next one leaves no hole, no twin and no old row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lastpage import Summary
from tests import elsewhere, objects, postgres
from tests.crash.steps import Crash, Stepping, Steps
from tests.inprocess import World, talk, world
from tests.readback import database, everything

START = datetime(2023, 10, 16, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
PLACES: dict[str, dict[str, Any]] = {
    "out": {"format": "parquet"},
    "csv": {"format": "csv"},
    "delta": {"format": "delta"},
    "out.duckdb": {},
    postgres.NAME: {},
    objects.NAME: {},
}
#: One step in so many. Reading is the same whatever the destination, so the long lane is close where that is cheap.
EVERY = {name: 89 if name == objects.NAME else 23 for name in PLACES}
EVERY_LONG = {
    "out": 3,
    "csv": 9,
    "delta": 9,
    "out.duckdb": 9,
    postgres.NAME: 9,
    objects.NAME: 19,
}


def before() -> World:
    """Two days of conversations, one of them open; and an evening later on."""
    made = world(per_day=0, late_wrap_up_share=0.0)
    for number in range(6):
        made.sandbox.world.add(talk(number, START + number * 7 * HOUR))
    made.sandbox.world.add(talk(6, START + 5 * HOUR, 5 * 24 * 60, media="message"))
    return made


def meanwhile(made: World) -> World:
    """A conversation changes, one starts on another day by now, a new one comes; a day stays the same."""
    changed = talk(1, START + 7 * HOUR)
    moved = talk(2, START + 14 * HOUR)
    made.sandbox.world.add(replace(changed, direction="outbound"))
    made.sandbox.world.add(talk(2, START + 25 * HOUR, media=moved.media))
    made.sandbox.world.add(talk(7, START + 5 * DAY))
    made.clock.sleep((3 * DAY).total_seconds())
    return made


def sync(made: World, place: Path, steps: Steps, **more: Any) -> Summary:
    cloud = made.cloud(transport=Stepping(made.sandbox, steps), disk=steps.disk)
    chosen = {"tables": ["sessions"], "names": False, **PLACES[place.name]}
    return cloud.sync(elsewhere.there(place), settle=(1, 2, 3, 4, 5), **chosen, **more)


def held(place: Path) -> dict[str, Any]:
    tables = elsewhere.everything(place)
    if tables is None:
        tables = database(place) if place.suffix == ".duckdb" else everything(place)
    return {name: tables[name] for name in ("conversations", "sessions")}


@pytest.mark.invariant("Staying current")
@pytest.mark.parametrize(
    ("name", "every"),
    [
        *EVERY.items(),
        *(pytest.param(*each, marks=pytest.mark.long) for each in EVERY_LONG.items()),
    ],
)
def test_a_sync_that_is_stopped(tmp_path: Path, name: str, every: int) -> None:
    """Killed before any step, the next sync leaves what one that nobody disturbed leaves: days that changed, moved rows, days that stayed."""
    first = tmp_path / "first" / name
    sync(before(), first, Steps(), since=START)

    def copied(to: str) -> Path:
        return elsewhere.copied(first.parent, tmp_path / to) / name

    steps, untouched = Steps(), copied("untouched")
    summary = sync(meanwhile(before()), untouched, steps)
    assert summary.changed
    assert summary.moved == 1
    assert summary.unchanged
    wanted = held(untouched)
    assert len(wanted["conversations"]) == 8
    for at in range(1, len(steps.names) + 1, every):
        place = copied(str(at))
        made, crashing = meanwhile(before()), Steps(at, folder=place.parent)
        with pytest.raises(Crash):
            sync(made, place, crashing)
        left = crashing.left / name
        summary = sync(made, left, Steps())
        assert (summary.coverage, summary.holes) == ("complete", []), at
        assert held(left) == wanted, (at, crashing.names[-1])
