"""All tables of a day, or none: what becomes of a day of which a table or rows are missing in the destination.

A day has forty conversations. Somebody takes something of it away behind our back, and it is fetched or verified again.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from tests import objects, postgres
from tests.contract.kinds import SINKS, Kind
from tests.contract.place import BOTH_DAYS, DAY, HOUR, TALKS, Place
from tests.crash.steps import Crash, Stepping, Steps
from tests.elsewhere import KINDS, copied
from tests.inprocess import talk, world
from tests.readback import database, everything

from lastpage import Summary

SIX_HOURS = "2023-10-10T06:00Z/2023-10-10T12:00Z"
ONE, TWO, *_ = TALKS
Damage = Callable[[Place], None]


@pytest.fixture(params=[name for name, kind in SINKS.items() if kind.replaces])
def kind(request: pytest.FixtureRequest) -> Kind:
    return SINKS[request.param]


@contextmanager
def files(place: Place) -> Iterator[Path]:
    """The folder of the files of a destination, to be damaged: of an object store a copy, which goes back."""
    if not place.kind.is_elsewhere:
        yield place.path
        return
    folder = objects.down(place.folder)
    yield folder
    objects.up(folder, place.folder)


def run_sql(place: Place, statement: str) -> None:
    if place.kind.is_server:
        postgres.run(statement.format(schema=f"{postgres.schema(place.folder)}."))
        return
    with duckdb.connect(place.path) as db:
        db.execute(statement.format(schema=""))


def lose_table(place: Place) -> None:
    """The file of a table is gone; in a database the table is."""
    if not place.kind.is_database:
        with files(place) as folder:
            shutil.rmtree(folder / place.kind.side / "day=2023-10-10")
    else:
        run_sql(place, "drop table {schema}sessions cascade")


def lose_rows(place: Place, table: str = "") -> None:
    """Half of the rows of a table are gone."""
    table = table or ("sessions" if place.kind.has_tables else "conversations")
    if place.kind.is_database:
        few = f"from {{schema}}conversations order by conversation_id limit {len(TALKS) // 2}"
        half = f"(select conversation_id {few})"
        run_sql(place, f"delete from {{schema}}{table} where conversation_id in {half}")
        return
    with files(place) as folder:
        halve(*(folder / table / "day=2023-10-10").glob("part*"))


def halve(path: Path) -> None:
    """Half of the rows of a file are gone."""
    if path.suffix == ".csv":
        header, *lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join([header, *lines[: len(lines) // 2]]))
    elif path.suffix == ".jsonl":
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[len(lines) // 2 :]))
    else:
        rows, kept = pq.read_table(path, partitioning=None), pq.read_metadata(path).metadata or {}
        with pq.ParquetWriter(path, rows.schema) as file:
            file.write_table(rows.slice(0, len(rows) // 2))
            file.add_key_value_metadata({b"lastpage": kept.get(b"lastpage", b"")})


def lose_conversations(place: Place) -> None:
    """Half of the conversations are gone, and what belongs to them is there."""
    lose_rows(place, "conversations")


DAMAGES: list[Damage] = [lose_table, lose_rows, lose_conversations]


@pytest.fixture(params=DAMAGES, ids=lambda each: each.__name__)
def damaged(request: pytest.FixtureRequest) -> Damage:
    found: Damage = request.param
    return found


def filled(kind: Kind, folder: Path, **more: Any) -> Place:
    """A destination that has the day, complete."""
    made = world(per_day=0)
    made.sandbox.world.add(*TALKS)
    place = Place(made, kind, folder)
    assert place.fetch(**more).coverage == "complete"
    return place


def notes(summary: Summary) -> str:
    return "\n".join(summary.notes)


def is_whole(place: Place, *talks: Any) -> bool:
    """Whether these and no others are there, with all that belongs to them, and said to be."""
    (proof,) = place.made.cloud().verify(place.path).proofs
    return place.has(*talks) and proof.state == "same"


def content(place: Place) -> Any:
    if place.kind.is_server:
        names = postgres.tables(place.folder)
        return {name: place.kind.read(place.folder, name) for name in names}
    if place.kind.is_elsewhere:
        return objects.everything(place.folder)
    return database(place.path) if place.kind.is_database else everything(place.path)


@pytest.mark.invariant("Destinations")
def test_a_part_of_a_damaged_day(kind: Kind, tmp_path: Path, damaged: Damage) -> None:
    """Whoever reads six hours of a damaged day gets the day whole again: it is read whole before."""
    place = filled(kind, tmp_path)
    damaged(place)
    summary = place.fetch(SIX_HOURS, refresh=False)
    assert summary.coverage == "complete"
    assert "2023-10-10 is damaged" in notes(summary)
    assert is_whole(place, *TALKS)
    assert "damaged" not in notes(place.fetch(SIX_HOURS))


@pytest.mark.invariant("Destinations")
def test_the_damaged_day(kind: Kind, tmp_path: Path, damaged: Damage) -> None:
    """Whoever reads a damaged day gets it whole again, in one reading, however final it was."""
    place = filled(kind, tmp_path)
    damaged(place)
    summary = place.fetch(refresh=False)
    assert (summary.coverage, summary.conversations, summary.slices) == ("complete", 40, 1)
    assert place.made.sandbox.counters["jobs.submit"] == 2
    assert is_whole(place, *TALKS)


@pytest.mark.invariant("Truthful")
def test_it_is_verified(kind: Kind, tmp_path: Path, damaged: Damage) -> None:
    """`verify` says that the day is damaged, and what is missing; a repair reads it again."""
    place = filled(kind, tmp_path)
    damaged(place)
    cloud = place.made.cloud()
    for asked in ({}, {"content": True}):
        (proof,) = cloud.verify(place.path, **asked).changed
        assert proof.state == "damaged"
        assert "the table" in proof.why
    assert [each.state for each in cloud.verify(place.path, repair=True).proofs] == ["same"]
    assert is_whole(place, *TALKS)


@pytest.mark.invariant("Destinations")
def test_what_the_api_has_no_more(kind: Kind, tmp_path: Path, damaged: Damage) -> None:
    """Where the API no longer has the day, it is named as damaged, exit code 3, and nothing is taken away."""
    place = filled(kind, tmp_path)
    damaged(place)
    place.made.sandbox.world.remove(*(each.id for each in TALKS))
    before = content(place)
    for span in (SIX_HOURS, "2023-10-10", "2023-10-10"):
        summary = place.fetch(span)
        assert summary.coverage == "short"
        assert "2023-10-10 is damaged" in notes(summary)
        assert "nothing of it was changed" in notes(summary)
        place.made.clock.sleep(3_600)
        assert content(place).items() >= before.items()


def test_a_row_that_is_gone(kind: Kind, tmp_path: Path) -> None:
    """A damaged day waits until each of its rows came again, or is proved to be gone."""
    place = filled(kind, tmp_path)
    place.made.sandbox.world.remove(ONE.id)
    lose_rows(place)
    before = content(place)
    summary = place.fetch()
    assert summary.coverage == "short"
    assert "1 of its conversations did not come again" in notes(summary)
    assert content(place) == before
    place.made.clock.sleep(3_600)
    assert place.fetch().coverage == "complete"
    assert is_whole(place, *TALKS[1:])


@pytest.mark.parametrize(("gone", "coverage"), [(0, "complete"), (2, "complete"), (3, "short")])
def test_rows_that_cannot_be_read(tmp_path: Path, gone: int, coverage: str) -> None:
    """Of rows that cannot be read only the number is known: as many have to come, up to the counts' error."""
    place = filled(SINKS["parquet"], tmp_path)
    (path,) = place.path.glob("conversations/*/part.parquet")
    damaged = bytearray(path.read_bytes())
    damaged[4:200] = bytes(196)
    path.write_bytes(damaged)
    place.made.sandbox.world.remove(*(each.id for each in TALKS[:gone]))
    summary = place.fetch()
    assert summary.coverage == coverage
    if coverage == "short":
        assert "37 conversations came, and it had 40, not all of which are there" in notes(summary)
        assert path.read_bytes() == damaged
    else:
        assert is_whole(place, *TALKS[gone:])


def test_conversations_that_are_gone(kind: Kind, tmp_path: Path) -> None:
    """What belongs to conversations that are lost, and that the API has no more, stays as well."""
    place = filled(kind, tmp_path)
    lose_conversations(place)
    there = place.ids()
    lost = [each.id for each in TALKS if each.id not in there]
    place.made.sandbox.world.remove(*lost[:3])
    before = content(place)
    summary = place.fetch()
    assert (summary.coverage, content(place)) == ("short", before)
    assert "37 conversations came, and it had 40" in notes(summary)


@pytest.mark.invariant("Crash-safe")
def test_a_day_that_is_damaged_twice(kind: Kind, tmp_path: Path) -> None:
    """A repair that was stopped, and goes on when the day was read and damaged again, does not bring back what it had read."""
    place, steps = filled(kind, tmp_path), Steps()
    lose_table(place)

    def settled(name: str) -> None:
        steps(name)
        if "ledger settle" in steps.names[:-1]:
            raise Crash(name)

    with pytest.raises(Crash):
        place.fetch(
            SIX_HOURS, transport=Stepping(place.made.sandbox, steps), disk=type(steps.disk)(settled)
        )
    place.made.clock.sleep(86_400)
    longer = talk(0, DAY, minutes=10)
    place.made.sandbox.world.remove(ONE.id)
    place.made.sandbox.world.add(longer)
    assert place.fetch(BOTH_DAYS).coverage == "complete"
    rows = place.kind.read(tmp_path, "conversations")
    lose_table(place)
    assert place.fetch(SIX_HOURS).coverage == "complete"
    assert place.has(*TALKS)
    assert place.kind.read(tmp_path, "conversations") == rows


def overwrite_sessions(place: Place) -> None:
    """The head of a file is overwritten, and it looks as before."""
    (path,) = place.path.glob("sessions/*/part.parquet")
    whole, facts = path.read_bytes(), path.stat()
    path.write_bytes(whole[:4] + bytes(196) + whole[200:])
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def test_damage_that_no_quick_look_shows(tmp_path: Path) -> None:
    """A file that is damaged and looks as before: who reads a part of the day changes nothing, and hears what reads it whole."""
    place = filled(SINKS["parquet"], tmp_path)
    overwrite_sessions(place)
    summary = place.fetch(SIX_HOURS)
    assert summary.coverage == "short"
    assert "verify --content --repair reads them" in notes(summary)
    assert place.made.cloud().verify(place.path, content=True, repair=True).changed == []
    assert is_whole(place, *TALKS)


def test_a_damaged_day_with_a_hole(tmp_path: Path) -> None:
    """A damaged day of which some hours were never fetched is repaired with these, since it is read whole."""
    place = filled(SINKS["parquet"], tmp_path, span="2023-10-10T00:00Z/2023-10-10T06:00Z")
    place.fetch("2023-10-10T12:00Z/2023-10-10T18:00Z")
    overwrite_sessions(place)
    found = place.made.cloud().verify(place.path, content=True, repair=True)
    assert found.repaired == ["2023-10-10T00:00:00.000Z/2023-10-10T18:00:00.000Z"]
    assert found.changed == place.made.cloud().verify(place.path, content=True).changed == []


@pytest.mark.invariant("Truthful")
def test_a_repair_that_does_not_succeed(tmp_path: Path) -> None:
    """What no quick look shows is looked at again after a repair: a day that stays damaged is said to be."""
    place = filled(SINKS["parquet"], tmp_path)
    overwrite_sessions(place)
    place.made.sandbox.world.remove(ONE.id)
    (proof,) = place.made.cloud().verify(place.path, content=True, repair=True).changed
    assert proof.state == "damaged"


def test_a_short_reading_of_a_damaged_day(kind: Kind, tmp_path: Path) -> None:
    """An incomplete reading changes nothing of a damaged day."""
    place = filled(kind, tmp_path)
    lose_rows(place)
    before = content(place)
    place.made.sandbox.faults.put("jobs.status", *["fail-job"] * 4)
    summary = place.fetch(paginate="cursor")
    assert (summary.coverage, content(place)) == ("short", before)
    assert place.fetch(paginate="cursor").coverage == "complete"
    assert is_whole(place, *TALKS)


def test_attributes_are_not_given_up(kind: Kind, tmp_path: Path) -> None:
    """A damaged day of a job is not written anew by page numbers, which bring no attributes."""
    place = filled(kind, tmp_path)
    lose_rows(place)
    before = content(place)
    summary = place.fetch(paginate="pages")
    assert (summary.coverage, content(place)) == ("short", before)
    assert "page numbers bring no participant attributes" in notes(summary)


def test_another_day(kind: Kind, tmp_path: Path) -> None:
    """A damaged day that nobody asked for is named, and left alone."""
    place = filled(kind, tmp_path)
    lose_rows(place)
    before = place.ids("sessions")
    summary = place.fetch("2023-10-11")
    assert summary.coverage == "complete"
    assert "2023-10-10 is damaged" in notes(summary)
    assert place.ids("sessions") == before


@pytest.mark.invariant("Crash-safe")
def test_a_run_that_goes_on(kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day of an unfinished run that is damaged since it was written is read again, whole."""
    monkeypatch.setattr("lastpage.planning.slices.JOB_ROWS", 50)
    made = world(per_day=0)
    others = [talk(100 + number, DAY + 24 * HOUR + number * HOUR / 2) for number in range(40)]
    made.sandbox.world.add(*TALKS, *others)
    place, steps = Place(made, kind, tmp_path), Steps()
    place.fetch(BOTH_DAYS, transport=Stepping(made.sandbox, steps), disk=steps.disk)
    shutil.rmtree(tmp_path)
    if kind.is_elsewhere:
        KINDS[kind.name].remove(tmp_path)
    steps = Steps(steps.names.index("ledger end") + 1)
    with pytest.raises(Crash):
        place.fetch(BOTH_DAYS, transport=Stepping(made.sandbox, steps), disk=steps.disk)
    lose_rows(place)
    assert place.fetch(BOTH_DAYS).coverage == "complete"
    assert place.has(*TALKS, *others)


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize("every", [11, pytest.param(3, marks=pytest.mark.long)])
def test_a_crash_while_it_is_repaired(kind: Kind, tmp_path: Path, every: int) -> None:
    """Killed at any step while a damaged day is read again, and run again: it is whole."""
    before = tmp_path / "before"
    before.mkdir()
    place = filled(kind, before)
    lose_table(place)
    steps = Steps()
    copy = Place(place.made, kind, copied(before, tmp_path / "0"))
    copy.fetch(SIX_HOURS, transport=Stepping(place.made.sandbox, steps), disk=steps.disk)
    for at in range(1, len(steps.names) + 1, every):
        there = Place(place.made, kind, copied(before, tmp_path / str(at)))
        stopped = Steps(at, folder=there.folder)
        with pytest.raises(Crash):
            there.fetch(
                SIX_HOURS, transport=Stepping(place.made.sandbox, stopped), disk=stopped.disk
            )
        left = Place(place.made, kind, stopped.left)
        assert left.fetch(SIX_HOURS).coverage == "complete", stopped.names[-1]
        assert is_whole(left, *TALKS), (at, stopped.names[-1])
