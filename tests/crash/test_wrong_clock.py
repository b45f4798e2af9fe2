"""A machine's clock that is wrong: half of a run two days ahead of the API's time, the rest two days behind it."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from lastpage.clock import Clock, SimClock
from lastpage.ledger.glance import glance
from tests.crash.steps import Crash, Stepping, Steps
from tests.crash.test_steps import ON_DISK, PLACES, held
from tests.crash.test_torn import _a_job_a_day, two_days  # noqa: F401 - a fixture
from tests.inprocess import World

TWO_DAYS_S = 2 * 86_400.0
#: The last hours of it are past the watermark, and read by page numbers.
SPAN = "2023-10-10/2023-10-21"


@dataclass
class Wrong:
    """A clock that is off by so many seconds, and goes as fast as the right one."""

    right: SimClock
    off_s: float

    def now(self) -> float:
        return self.right.now() + self.off_s

    def sleep(self, seconds: float) -> None:
        self.right.sleep(seconds)

    def stop(self) -> None:
        self.right.stop()


def fetch(made: World, place: Path, steps: Steps, clock: Clock) -> str:
    transport = Stepping(made.sandbox, steps)
    cloud = made.cloud(transport=transport, disk=steps.disk, clock=clock)
    asked = {"page_size": 4, "names": False, **PLACES[place.name]}
    return cloud.fetch(SPAN, place, **asked).coverage


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize("first", [TWO_DAYS_S, -TWO_DAYS_S], ids=["ahead", "behind"])
@pytest.mark.parametrize("name", ON_DISK)
def test_half_of_a_run(tmp_path: Path, name: str, first: float) -> None:
    """Stopped anywhere and gone on with four days apart by the machine's clock: complete, and what a right clock brings."""
    steps, whole = Steps(), two_days()
    assert fetch(whole, tmp_path / "whole" / name, steps, whole.clock) == "complete"
    wanted = held(tmp_path / "whole" / name)
    for at in range(20, len(steps.names), max(len(steps.names) // 6, 1)):
        made, place, stopped = two_days(), tmp_path / str(at) / name, Steps(at)
        with pytest.raises(Crash):
            fetch(made, place, stopped, Wrong(made.clock, first))
        assert fetch(made, place, Steps(), Wrong(made.clock, -first)) == "complete"
        assert held(place) == wanted, (at, stopped.names[-1])


@pytest.mark.parametrize("off_s", [TWO_DAYS_S, -TWO_DAYS_S], ids=["ahead", "behind"])
def test_how_long_a_run_took(tmp_path: Path, off_s: float) -> None:
    """A run begins and ends by one clock, the API's: what is recorded of it says how long it took."""
    made, place = two_days(), tmp_path / "out"
    before = made.clock.now()
    assert fetch(made, place, Steps(), Wrong(made.clock, off_s)) == "complete"
    run = glance(place / ".lastpage").last_run
    assert run
    assert run.ended
    assert 0 <= (run.ended - run.began).total_seconds() <= made.clock.now() - before + 1
