"""Two runs at once: the later one leaves with a sentence, or waits as long as it was told to."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lastpage import InUseError, UsageError
from lastpage.clock import SimClock
from lastpage.files import lock
from lastpage.progress import Meter
from lastpage.query.interval import in_words
from lastpage.sinks.destination import Destination
from tests.inprocess import NOW, World, world
from tests.sinks.test_duckdb import held_elsewhere

DAY = "2023-10-10"
SHORT = 60.0


class Until(SimClock):
    """While it is asleep, something happens at a moment."""

    def __init__(self, clock: SimClock, seconds: float, act: Callable[[], object]) -> None:
        super().__init__(clock.now())
        self._at, self._act = clock.now() + seconds, act
        self.slept = []

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.now() >= self._at:
            self._at = float("inf")
            self._act()


@pytest.fixture
def made() -> World:
    return world(per_day=20)


def held(place: Path) -> ExitStack:
    """Another run holds the destination, until this is closed."""
    stack = ExitStack()
    stack.enter_context(Destination.parse(str(place)).held())
    return stack


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("wait", [None, 0, "0s", timedelta(0)])
def test_the_later_leaves(made: World, wait: Any, tmp_path: Path) -> None:
    """Of two runs at once the later one ends at once, with a sentence and exit code 7, unless it was told to wait."""
    with (
        held(tmp_path / "x"),
        pytest.raises(InUseError, match=r"^another run is .*--wait 10m") as problem,
    ):
        made.cloud().fetch(DAY, tmp_path / "x", wait=wait)
    assert problem.value.exit_code == 7
    assert made.clock.slept == []
    assert not made.sandbox.counters


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("name", ["x", "x.duckdb", "x.jsonl"])
@pytest.mark.parametrize("wait", ["10m", 600, timedelta(minutes=10)])
def test_it_waits(made: World, name: str, wait: Any, tmp_path: Path) -> None:
    """A run that was told to wait begins when the other one is done, and says once that it waits."""
    other, meter = held(tmp_path / name), Meter()
    clock = Until(made.clock, SHORT, other.close)
    summary = made.cloud(clock=clock).fetch(
        DAY, tmp_path / name, wait=wait, meter=meter, names=False
    )
    assert summary.coverage == "complete"
    assert sum(clock.slept[:60]) == SHORT
    (note,) = [note for note in summary.notes if "waiting" in note]
    assert (
        note == f"another run is writing to {tmp_path / name}; waiting for that, 10 minutes at most"
    )


def test_the_time_is_up(made: World, tmp_path: Path) -> None:
    """It leaves then, and says how long it has waited; the API was asked nothing."""
    with held(tmp_path / "x"), pytest.raises(InUseError) as problem:
        made.cloud().sync(tmp_path / "x", since=DAY, wait="90s")
    assert str(problem.value).startswith("after 90 seconds of waiting, another run is writing to ")
    assert sum(made.clock.slept) == 90
    assert not made.sandbox.counters


def test_what_it_means_by_then(made: World, tmp_path: Path) -> None:
    """`24h` are the hours before the run begins, and not before it waited."""
    other = held(tmp_path / "x")

    def later() -> None:
        other.close()
        made.clock.sleep(3_600)

    clock = Until(made.clock, SHORT, later)
    summary = made.cloud(clock=clock).fetch("24h", tmp_path / "x", wait="10m", names=False)
    end = datetime.fromisoformat(summary.interval.partition("/")[2])
    assert end > NOW + timedelta(minutes=58)


def test_a_database_in_another_program(made: World, tmp_path: Path) -> None:
    """A DuckDB file that another program has open is waited for, too."""
    place = tmp_path / "x.duckdb"
    made.cloud().fetch(DAY, place, names=False)
    other = held_elsewhere(place)

    def close() -> None:
        other.communicate("\n")

    clock = Until(made.clock, SHORT, close)
    summary = made.cloud(clock=clock).fetch("2023-10-11", place, wait="10m", names=False)
    assert summary.coverage == "complete"
    (note,) = [note for note in summary.notes if "waiting" in note]
    assert "open in another program; waiting for that" in note
    other = held_elsewhere(place)
    try:
        with pytest.raises(
            InUseError, match=r"after 2 minutes of waiting, .* open in another program"
        ):
            made.cloud().fetch("2023-10-12", place, wait="2m", names=False)
    finally:
        close()


@pytest.mark.skipif(os.name != "posix", reason="files have no such locks here")
def test_lines_by_another_name(made: World, tmp_path: Path) -> None:
    """A file of lines that a run has by another name is waited for; the time is one for both locks."""
    place, alias = tmp_path / "x.jsonl", tmp_path / "y.jsonl"
    made.cloud().fetch(DAY, place, names=False)
    os.link(place, alias)
    descriptor, state = lock(alias), held(place)
    assert descriptor is not None
    clock = Until(made.clock, SHORT, state.close)
    with pytest.raises(InUseError, match=r"after 3 minutes of waiting, .* by another name"):
        made.cloud(clock=clock).fetch("2023-10-11", place, wait="3m", names=False)
    assert sum(clock.slept) == 180
    clock = Until(made.clock, SHORT, lambda: os.close(descriptor))
    summary = made.cloud(clock=clock).fetch("2023-10-11", place, wait="3m", names=False)
    assert summary.coverage == "complete"


@pytest.mark.parametrize("wait", ["", "10", "10 minutes", "-1m", -1, True, "99999d", float("nan")])
def test_bad_input(made: World, wait: Any, tmp_path: Path) -> None:
    """One sentence, before anything is sent."""
    with pytest.raises(UsageError, match=r"10m|'26h'"):
        made.cloud().fetch(DAY, tmp_path / "x", wait=wait)
    assert not made.sandbox.counters


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (90, "90 seconds"),
        (120, "2 minutes"),
        (7_199, "119 minutes"),
        (26 * 3600, "26 hours"),
        (10**8, "1,157 days"),
    ],
)
def test_in_words(seconds: float, words: str) -> None:
    """A length of time is told in the largest unit of which there are two."""
    assert in_words(timedelta(seconds=seconds)) == words
