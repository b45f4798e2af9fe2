"""Torn copies: a destination that is copied while a run writes to it, its parts one after the other, and gone on with.

The ledger may be copied later than the tables, and of a folder one table later than another. Whatever the steps between which they are
copied, the same command leaves what a run that nothing disturbed leaves; or it refuses a file of lines that lacks its end, or a CSV
file, or one of a folder of lines, that lacks its record, and whoever does what the sentence says has all of it with the same command.
"""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from lastpage import DestinationError
from lastpage.sinks.destination import Destination
from tests.advice import do_as_told
from tests.crash.steps import Crash, Stepping, Steps
from tests.crash.test_steps import ON_DISK, PLACES, held
from tests.inprocess import FEW, World, talk, world

DAY = datetime(2023, 10, 10, 9, tzinfo=UTC)
SPAN = "2023-10-10/2023-10-12"
#: Steps between the copy of the tables and that of the ledger; None is the end.
LATER = (2, 9, None)


def two_days() -> World:
    """Two mornings of five conversations: two jobs, each with two pages."""
    made = world(per_day=0, job_polls=1)
    mornings = product((0, 24), range(5))
    made.sandbox.world.add(
        *(
            talk(10 * hours + number, DAY + timedelta(hours=hours, minutes=7 * number))
            for hours, number in mornings
        )
    )
    return made


@pytest.fixture(autouse=True)
def _a_job_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lastpage.planning.slices.JOB_ROWS", 7)


def fetch(made: World, place: Path, steps: Steps) -> None:
    cloud = made.cloud(transport=Stepping(made.sandbox, steps), disk=steps.disk)
    summary = cloud.fetch(SPAN, place, page_size=4, names=False, **PLACES[place.name])
    assert summary.coverage == "complete"
    assert summary.conversations == 10


def state_of(place: Path) -> Path:
    state = Destination.parse(str(place)).state
    assert state
    return state


@dataclass
class Copying(Steps):
    """Copies parts of a place, each at a step of its own, and crashes at the last of them."""

    copies: dict[int, list[Callable[[], None]]] = field(default_factory=dict)

    def __call__(self, name: str) -> None:
        self.names.append(name)
        for copy in self.copies.pop(len(self.names), ()):
            copy()
        if not self.copies:
            raise Crash(name)


def copied(place: Path, into: Path, parts: Iterable[tuple[int, Path | None]]) -> Copying:
    """Steps that copy these parts of a place; None is all that is no part of another copy."""
    parts = list(parts)
    named = [part for _, part in parts if part]

    def others(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if Path(folder) / name in named}

    def copy(part: Path | None) -> None:
        source, ignore = part or place.parent, None if part else others
        if source.exists():
            target = into / source.relative_to(place.parent)
            shutil.copytree(source, target, dirs_exist_ok=True, ignore=ignore)

    steps = Copying()
    for at, part in parts:
        steps.copies.setdefault(at, []).append(lambda part=part: copy(part))  # type: ignore[misc]
    return steps


def gone_on_with(made: World, place: Path, wanted: Any, where: Any) -> None:
    """The same command, in the copy."""
    try:
        fetch(made, place, Steps())
    except DestinationError as refused:
        assert ".jsonl" in place.name or place.name in ("csv", "lines"), (where, refused)  # noqa: PT017
        do_as_told(refused)
        fetch(made, place, Steps())
    assert held(place) == wanted, where


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize("every", [25, pytest.param(8, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", ON_DISK)
def test_the_ledger_is_copied_later(tmp_path: Path, name: str, every: int) -> None:
    """The tables as they were at one step, the ledger as it was some steps later, or at the end."""
    steps = Steps()
    fetch(two_days(), tmp_path / "whole" / name, steps)
    wanted, last = held(tmp_path / "whole" / name), len(steps.names)
    steps_of = range(every, last + 1, every)
    pairs = {(at, min(at + (later or last), last)) for at, later in product(steps_of, LATER)}
    for at, to in sorted(pairs):
        made = two_days()
        place = tmp_path / f"{at}-{to}" / name
        torn = place.parent.with_name(f"torn-{at}-{to}")
        with pytest.raises(Crash):
            fetch(made, place, copied(place, torn, [(at, None), (to, state_of(place))]))
        gone_on_with(made, torn / name, wanted, (at, to, steps.names[at - 1], steps.names[to - 1]))


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize("every", [25, pytest.param(8, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("name", "first"),
    [*product(["out", "csv", "delta"], FEW), ("lines", "conversations")],
)
def test_one_table_is_copied_before_another(
    tmp_path: Path, name: str, first: str, every: int
) -> None:
    """One table as it was at one step, the others as they were some steps later, and the ledger as it was at the end."""
    steps = Steps()
    fetch(two_days(), tmp_path / "whole" / name, steps)
    wanted, last = held(tmp_path / "whole" / name), len(steps.names)
    for at, later in product(range(every, last + 1, every), (1, 4)):
        made, place = two_days(), tmp_path / f"{at}-{later}" / name
        torn = place.parent.with_name(f"torn-{at}-{later}")
        parts = [(at, place / first), (min(at + later, last), None), (last, state_of(place))]
        with pytest.raises(Crash):
            fetch(made, place, copied(place, torn, parts))
        gone_on_with(made, torn / name, wanted, (at, later, steps.names[at - 1]))
