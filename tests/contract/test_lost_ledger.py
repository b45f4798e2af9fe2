"""What was committed stands with the data: a ledger that is lost is rebuilt from it, and nothing is there twice."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.crash.steps import Crash, Stepping, Steps
from tests.inprocess import FEW, World, world
from tests.readback import everything, ids

from lastpage import UsageError

DAY = datetime(2023, 10, 10, tzinfo=UTC)
SPAN = "2023-10-10/2023-10-12"


@pytest.fixture(params=["parquet", "csv", "delta"])
def form(request: pytest.FixtureRequest) -> Any:
    return request.param


def lost(folder: Path) -> None:
    """The state is gone, if there was any: what was refused leaves none. The data stay."""
    shutil.rmtree(folder / ".lastpage", ignore_errors=True)


def fetched(made: World, folder: Path, interval: str = SPAN, **more: Any) -> None:
    assert made.cloud().fetch(interval, folder, **more).coverage == "complete"


def check(made: World, folder: Path, end: int) -> None:
    """Exactly the truth, each row once."""
    found = ids(folder)
    assert len(found) == len(set(found))
    assert set(found) == made.truth(DAY, DAY.replace(day=end))


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize(
    ("again", "end"), [(SPAN, 12), ("2023-10-11T06:00Z/2023-10-13", 13)], ids=["same", "overlap"]
)
def test_no_twins(tmp_path: Path, form: Any, again: str, end: int) -> None:
    """After the ledger is lost, reading the same range or an overlapping one makes no twins."""
    made = world(per_day=20)
    fetched(made, tmp_path, format=form)
    before = everything(tmp_path)
    lost(tmp_path)
    fetched(made, tmp_path, again)
    check(made, tmp_path, end)
    if again == SPAN:
        assert everything(tmp_path) == before


def test_it_is_still_known_whose_it_is(tmp_path: Path, form: Any) -> None:
    """Other filters, another selection and another organisation are refused as before, and nothing changes."""
    made = world(per_day=20)
    fetched(made, tmp_path, format=form, names=False)
    before = everything(tmp_path)
    for who, more in ((made, {"media": "voice"}), (made, {"drop": "ani"}), (world(seed=8), {})):
        lost(tmp_path)
        with pytest.raises(UsageError, match="give another destination"):
            who.cloud().fetch(SPAN, tmp_path, **more)
    lost(tmp_path)
    assert everything(tmp_path) == before


def test_it_is_proved_from_the_data_alone(tmp_path: Path, form: Any) -> None:
    """`verify` needs no ledger, neither to find that nothing changed nor to read again what did."""
    made = world(per_day=20)
    fetched(made, tmp_path, format=form)
    lost(tmp_path)
    assert made.cloud().verify(tmp_path, content=True).changed == []
    shutil.rmtree(tmp_path / "sessions" / "day=2023-10-11")
    lost(tmp_path)
    verification = made.cloud().verify(tmp_path, content=True, repair=True)
    assert verification.repaired == ["2023-10-11T00:00:00.000Z/2023-10-12T00:00:00.000Z"]
    assert made.cloud().verify(tmp_path, content=True).changed == []


@pytest.mark.invariant("Crash-safe")
def test_lost_in_the_middle_of_a_run(tmp_path: Path, form: Any) -> None:
    """A ledger that is lost in the middle of a run costs a new beginning, and no row."""
    made, asked = (
        world(per_day=12),
        {"format": form, "names": False, "tables": FEW},
    )
    steps = Steps()
    cloud = made.cloud(transport=Stepping(made.sandbox, steps), disk=steps.disk)
    cloud.fetch(SPAN, tmp_path / "whole", **asked)
    wanted = everything(tmp_path / "whole")
    for at in range(1, len(steps.names) + 1, 11):
        folder = tmp_path / str(at)
        crashing = Steps(at)
        cloud = made.cloud(transport=Stepping(made.sandbox, crashing), disk=crashing.disk)
        with pytest.raises(Crash):
            cloud.fetch(SPAN, folder, **asked)
        lost(folder)
        made.cloud().fetch(SPAN, folder, **asked)
        assert everything(folder) == wanted, (at, crashing.names[-1])
