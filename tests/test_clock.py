"""Clocks: the machine's may be wrong and may jump; what counts is the API's, which every answer tells."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lastpage import clock as module
from lastpage.clock import RealClock, SimClock
from tests.crash.steps import Crash, Stepping, Steps
from tests.inprocess import FEW, world
from tests.readback import ids

HOUR = 3600.0
ASKED: dict[str, Any] = {"names": False, "tables": FEW}


@dataclass
class Wrong:
    """A clock that goes as the world's does, and is wrong by so many seconds; from its nth question on by others."""

    right: SimClock
    wrong_s: float
    jump_s: float = 0.0
    jumps_at: int = 0
    asked: int = 0

    def now(self) -> float:
        self.asked += 1
        jumped = self.jumps_at and self.asked >= self.jumps_at
        return self.right.now() + self.wrong_s + (self.jump_s if jumped else 0.0)

    def sleep(self, seconds: float) -> None:
        self.right.sleep(seconds)

    def stop(self) -> None:
        pass


def test_the_machines_clock_is_set_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine's clock that is set anew in mid-run makes no wait longer or shorter."""
    clock = RealClock()
    before = clock.now()
    monkeypatch.setattr(module.time, "time", lambda: before - HOUR)
    assert 0.0 <= clock.now() - before < HOUR / 2


@pytest.mark.parametrize("wrong_s", [-26 * HOUR, -HOUR, HOUR, 26 * HOUR])
def test_a_clock_that_is_wrong(tmp_path: Path, wrong_s: float) -> None:
    """`24h` means the last 24 hours of the API, and the result is what a right clock gets."""
    made, right = world(per_day=60), world(per_day=60)
    summary = made.cloud(clock=Wrong(made.clock, wrong_s)).fetch("24h", tmp_path / "out", **ASKED)
    wanted = right.cloud().fetch("24h", tmp_path / "right", **ASKED)
    assert (summary.coverage, summary.interval) == (wanted.coverage, wanted.interval)
    assert sorted(ids(tmp_path / "out")) == sorted(ids(tmp_path / "right"))


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize("route", ["pages", "cursor"])
@pytest.mark.parametrize("wrong_s", [-26 * HOUR, HOUR, 26 * HOUR])
def test_a_clock_that_jumps_between_two_processes(
    tmp_path: Path, wrong_s: float, route: str
) -> None:
    """Killed, and taken up by a process with another clock: the same result."""
    made = world(per_day=60)
    crashing = Steps(at=60)
    first = made.cloud(transport=Stepping(made.sandbox, crashing), disk=crashing.disk)
    with pytest.raises(Crash):
        first.fetch("2023-10-10", tmp_path, paginate=route, page_size=10, **ASKED)
    summary = made.cloud(clock=Wrong(made.clock, wrong_s)).fetch(
        "2023-10-10", tmp_path, paginate=route, page_size=10, **ASKED
    )
    day = datetime(2023, 10, 10, tzinfo=UTC)
    assert summary.coverage == "complete"
    assert sorted(ids(tmp_path)) == sorted(made.truth(day, day.replace(day=11)))


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize("jump_s", [-26 * HOUR, -HOUR, HOUR, 26 * HOUR])
@pytest.mark.parametrize("jumps_at", [5, 40, 90])
def test_a_clock_that_jumps_in_mid_run(tmp_path: Path, jump_s: float, jumps_at: int) -> None:
    """A clock that jumps during a run costs time at most, and no row."""
    made = world(per_day=60)
    clock = Wrong(made.clock, 0.0, jump_s, jumps_at)
    summary = made.cloud(clock=clock).fetch("2023-10-10", tmp_path, page_size=10, **ASKED)
    day = datetime(2023, 10, 10, tzinfo=UTC)
    assert clock.asked > jumps_at
    assert summary.coverage == "complete"
    assert sorted(ids(tmp_path)) == sorted(made.truth(day, day.replace(day=11)))
