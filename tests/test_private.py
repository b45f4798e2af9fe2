"""What lastpage keeps for itself beside a destination is its owner's alone, whatever the umask was; rows are as the umask makes them."""

import os
from collections.abc import Iterator
from pathlib import Path
from stat import S_IMODE

import pytest

from lastpage.sinks.destination import Destination
from tests.inprocess import world

PLACES = ("out", "x.duckdb", "x.jsonl", "x.jsonl.gz")
DAYS = "2023-10-18/2023-10-20"


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def kept(place: Path) -> dict[str, str]:
    """The state folder and everything in it, with their modes."""
    state = Destination.parse(str(place)).state
    assert state
    found = [state, *(each for each in sorted(state.rglob("*")) if "staging" not in each.parts)]
    return {str(each.relative_to(state)): oct(S_IMODE(each.stat().st_mode)) for each in found}


def private(place: Path) -> dict[str, str]:
    """The same, as it should be."""
    state = Destination.parse(str(place)).state
    assert state
    return {name: oct(0o700 if (state / name).is_dir() else 0o600) for name in kept(place)}


@pytest.mark.invariant("Safe")
@pytest.mark.parametrize("name", PLACES)
def test_only_the_owner(tmp_path: Path, umask: int, name: str) -> None:
    """Ledger, answers, lock and records of a run may be read by nobody but its owner, while it is unfinished and afterwards."""
    made, place = world(per_day=20), tmp_path / name
    with made.outage("jobs.results"):
        made.cloud().fetch(DAYS, place, paginate="cursor")
    assert {"ledger.sqlite", "spool"} < set(kept(place))
    assert kept(place) == private(place)
    made.cloud().fetch(DAYS, place, paginate="cursor")
    assert kept(place) == private(place)


def test_rows_follow_the_umask(tmp_path: Path) -> None:
    """What a destination is for is as readable as the user's other files."""
    before = os.umask(0o027)
    try:
        for name in PLACES:
            world(per_day=20).cloud().fetch("2023-10-18", tmp_path / name)
    finally:
        os.umask(before)
    files = [tmp_path / name for name in PLACES[1:]]
    files += (tmp_path / "out" / "conversations").glob("day=*/part.parquet")
    assert {oct(S_IMODE(each.stat().st_mode)) for each in files} == {"0o640"}


def test_what_an_older_build_left_open(tmp_path: Path) -> None:
    """A state folder that anybody could read is closed by the next run."""
    made = world(per_day=20)
    made.cloud().fetch("2023-10-18", tmp_path / "out")
    state = tmp_path / "out" / ".lastpage"
    for each in (state, *state.rglob("*")):
        each.chmod(0o777)
    made.cloud().fetch("2023-10-19", tmp_path / "out")
    assert kept(tmp_path / "out") == private(tmp_path / "out")
