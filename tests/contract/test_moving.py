"""Starts that move from one day to another: the row is in its new day before it leaves the old one, over crashes, in every sink of tables."""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.contract.kinds import SINKS, Kind
from tests.contract.place import DAY, HOUR, Place
from tests.contract.test_damaged import files
from tests.contract.test_replacement import filled, notes
from tests.crash.steps import Crash, Stepping, Steps
from tests.elsewhere import copied
from tests.inprocess import InProcess, talk, world

from lastpage.api.messages import Answer, Call
from lastpage_sandbox import Skeleton

DAYS = "2023-10-10/2023-10-14"
FIRST, SECOND = "2023-10-10/2023-10-11", "2023-10-11/2023-10-12"
#: Sixteen conversations of four days.
TALKS = [talk(number, DAY + number * 6 * HOUR + HOUR) for number in range(16)]


@pytest.fixture(params=[name for name, kind in SINKS.items() if kind.replaces])
def kind(request: pytest.FixtureRequest) -> Kind:
    return SINKS[request.param]


def moved(one: Skeleton, hours: float) -> Skeleton:
    """The same conversation, which starts so many hours later."""
    start = datetime.fromtimestamp(one.start_ms / 1000, UTC) + timedelta(hours=hours)
    return talk(int(one.id[:8], 16), start)


def days_of(place: Place, one: Skeleton) -> list[str]:
    """The day of each row of a conversation, as in "10"."""
    rows = place.kind.read(place.folder, "conversations")
    return sorted(
        str(row["conversation_start"])[8:10] for row in rows if row["conversation_id"] == one.id
    )


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("rows", [10_000, 4], ids=["one slice", "several"])
@pytest.mark.parametrize(("number", "days"), [(1, 1), (1, 3), (5, -1), (13, -3)])
def test_it_is_final_again(
    kind: Kind, tmp_path: Path, number: int, days: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the run each day is as complete and as final as it was read, and nothing is due."""
    monkeypatch.setattr("lastpage.planning.slices.JOB_ROWS", rows)
    place = filled(kind, tmp_path, *TALKS, span=DAYS)
    place.made.sandbox.world.add(moved(TALKS[number], 24 * days))
    summary = place.fetch(DAYS)
    assert (summary.coverage, summary.finality) == ("complete", "final")
    assert "1 conversations" in notes(summary)
    assert "leave" in notes(summary)
    assert "stay" not in notes(summary)
    assert place.has(*TALKS)
    assert {each.finality for each in place.ranges()} == {"final"}
    assert sum(each.conversations for each in place.ranges()) == 16
    assert place.fetch(DAYS, refresh=False).pages == 0


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize(("number", "days", "read"), [(1, 1, SECOND), (5, -1, FIRST)])
def test_where_only_the_new_day_is_read(
    kind: Kind, tmp_path: Path, number: int, days: int, read: str
) -> None:
    """A start that moved over a midnight leaves the day before or after also where that is not read."""
    place = filled(kind, tmp_path, *TALKS, span=DAYS)
    place.made.sandbox.world.add(moved(TALKS[number], 24 * days))
    summary = place.fetch(read)
    assert "leave" in notes(summary)
    assert place.has(*TALKS)
    assert {each.finality for each in place.ranges()} == {"final"}


def test_the_only_row_of_a_day(kind: Kind, tmp_path: Path) -> None:
    """What the run brings on another day is not missing from its old one, however small that is."""
    one, other = TALKS[1], TALKS[9]
    place = filled(kind, tmp_path, one, other, span=DAYS)
    place.made.sandbox.world.add(moved(one, 48), moved(other, -24))
    assert place.fetch(DAYS).coverage == "complete"
    assert place.has(one, other)
    assert [each.conversations for each in place.ranges()] == [0, 1, 1, 0]


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("days", [1, 3])
def test_a_day_that_is_damaged(kind: Kind, tmp_path: Path, days: int) -> None:
    """A row never leaves a day that is damaged otherwise than by its being written anew."""
    place = filled(kind, tmp_path, *TALKS, span=DAYS)
    if kind.is_database:
        pytest.skip("only files are taken away")
    with files(place) as folder:
        shutil.rmtree(folder / kind.side / "day=2023-10-10")
    place.made.sandbox.world.add(moved(TALKS[1], 24 * days))
    place.fetch(f"2023-10-1{1 if days == 1 else 3}")
    place.fetch(DAYS)
    place.fetch(DAYS)
    assert place.has(*TALKS)


@dataclass
class Between(InProcess):
    """A start that moves after it was read, and before its new hours are."""

    before: Skeleton
    after: Skeleton
    own: bytes

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        answer = super().send(base, call, headers)
        if call.path.endswith("/query") and self.own in (call.body or b""):
            self.sandbox.world.add(self.after)
        return answer


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize(("number", "hours"), [(0, 24), (0, 12), (0, 36)])
def test_a_start_that_moves_during_a_run(
    kind: Kind, tmp_path: Path, number: int, hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What two slices of a run bring, since its start moved between their readings, is there once: where it starts now."""
    monkeypatch.setattr("lastpage.planning.slices.PAGES_ROWS", 2)
    made = world(per_day=0)
    made.sandbox.world.add(*TALKS)
    place = Place(made, kind, tmp_path)
    one = TALKS[number]
    transport = Between(made.sandbox, one, moved(one, hours), b"2023-10-10T00:00")
    summary = place.fetch(DAYS, paginate="pages", transport=transport)
    assert summary.coverage == "complete"
    assert days_of(place, one) == [str(10 + (1 + hours) // 24)]
    assert place.has(*TALKS)


# Crashes -----------------------------------------------------------------------------------------


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize(
    ("number", "days", "route"),
    [(1, 1, "cursor"), (5, -1, "pages"), (1, 3, "pages")],
)
@pytest.mark.parametrize(
    ("kind", "every"),
    [
        (SINKS["parquet"], 5),
        (SINKS["duckdb"], 5),
        (SINKS["postgres"], 9),
        *(pytest.param(SINKS[name], 2, marks=pytest.mark.long) for name in ("parquet", "duckdb")),
        # A folder's steps are Parquet's; of a server's, each takes its time.
        *(
            pytest.param(SINKS[name], 5, marks=pytest.mark.long)
            for name in ("csv", "delta", "postgres")
        ),
    ],
    ids=lambda each: getattr(each, "name", str(each)),
)
def test_a_crash_while_a_start_moves(
    kind: Kind,
    tmp_path: Path,
    number: int,
    days: int,
    route: Any,
    every: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed at any step: the row is there, at most twice; in a database once. The next run of any command finishes it.

    After every other step this is the same command, after the others another one.
    """
    monkeypatch.setattr("lastpage.planning.slices.PAGES_ROWS", 4)
    before = tmp_path / "before"
    before.mkdir()
    talks = TALKS[: 16 if abs(days) == 3 else 8]
    span = DAYS if abs(days) == 3 else "2023-10-10/2023-10-12"
    place = filled(kind, before, *talks, span=span, paginate=route)
    one = talks[number]
    place.made.sandbox.world.add(moved(one, 24 * days))

    def fetched(name: str, at: int) -> tuple[Place, Steps]:
        there = Place(place.made, kind, copied(before, tmp_path / name))
        steps = Steps(at, folder=there.folder)
        with suppress(Crash):
            there.fetch(
                span, paginate=route, transport=Stepping(place.made.sandbox, steps), disk=steps.disk
            )
        return (replace(there, folder=steps.left) if at else there), steps

    whole, steps = fetched("whole", 0)
    old, new = f"{10 + number // 4}", f"{10 + number // 4 + days}"
    assert days_of(whole, one) == [new]
    found = []
    # How a slice is read and settled is the same everywhere.
    tried = (
        "file",
        "database",
        "delta",
        "server",
        "ledger absences",
        "ledger commit",
        "ledger hold",
    )
    numbers = [at for at, name in enumerate(steps.names, 1) if name.startswith(tried)]
    for count, at in enumerate(sorted({*numbers[::every], numbers[-1]})):
        then = "the same" if count % 2 else "another"
        there, crashed = fetched(str(at), at)
        found.append(days_of(there, one))
        allowed = [[old], [new]] if kind.is_database else [[old], [new], sorted((old, new))]
        assert found[-1] in allowed, (at, crashed.names[-1])
        there.fetch(span if then == "the same" else "2023-10-17", paginate=route)
        if then == "the same" or new in found[-1]:
            assert days_of(there, one) == [new], (at, crashed.names[-1])
        assert there.has(*talks), (at, crashed.names[-1])
    assert [old] in found
    assert [new] in found
