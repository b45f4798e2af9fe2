"""Looking at a destination changes nothing in it, needs no right to, and meets no half of a change unawares."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from tests import objects
from tests.contract.kinds import SINKS, Kind
from tests.contract.test_sinks import AS_OF, DAY, FEW, US, hours, opened, put, record
from tests.inprocess import InProcess, World, talk
from tests.looker import organisation
from tests.test_verify import START, states

from lastpage import InUseError
from lastpage.api.messages import Answer, Call
from lastpage.coverage.verification import Hole, held_days
from lastpage.extraction.verifier import Extract
from lastpage.files import Disk
from lastpage.query.interval import Interval
from lastpage.sinks.destination import Destination
from lastpage.sinks.duckdb import DuckDB
from lastpage.sinks.sink import TableReader

SPAN = "2023-10-10/2023-10-12"
SAME = {"2023-10-10": "same", "2023-10-11": "same"}
TABLES = [name for name, kind in SINKS.items() if kind.replaces]
FOLDERS = ["parquet", "csv", "lines"]
#: What another process can look at: the store in memory is one process's (tests/sinks/test_objects.py has the others).
OF_PROCESSES = [name for name in SINKS if name != objects.NAME]
#: Where an identifier of a record is, that its tables have in common: its tag.
TAGS = {"conversations": "external_tag", "sessions": "session_id"}


def seen(folder: Path) -> dict[str, Any]:
    """All that a file system shows of a folder: a file that comes and goes changes the time of the one it was in."""
    facts = {path: path.stat() for path in sorted([folder, *folder.rglob("*")])}
    found = {
        str(path): (fact.st_mode, fact.st_ino, fact.st_size, fact.st_mtime_ns)
        for path, fact in facts.items()
    }
    there = objects.names(folder) if folder in objects.FOLDERS.values() else ()
    return found | {name: objects.get(folder, name) for name in there}


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nobody may write to it, or to what is in it."""
    modes = {path: path.stat().st_mode for path in [folder, *folder.rglob("*")]}
    try:
        for path, mode in modes.items():
            path.chmod(mode & ~0o222)
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def looked(place: Path, *options: str) -> Any:
    """What `verify` says in a process that may not write."""
    command = [sys.executable, "-m", "tests.looker", str(place), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def filled(kind: Kind, folder: Path) -> tuple[World, Path]:
    """An organisation, and two days of it in a destination."""
    made, place = organisation(), kind.at(folder)
    folder.mkdir(exist_ok=True)
    assert made.cloud().fetch(SPAN, place, format=kind.format).coverage == "complete"
    return made, place


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("name", OF_PROCESSES)
def test_no_right_to_write(name: str, tmp_path: Path) -> None:
    """`verify` needs no right to write, though another run holds the destination, and leaves no trace."""
    _, place = filled(SINKS[name], folder := tmp_path / "folder")
    destination = Destination.parse(str(place))
    with ExitStack() as stack:
        state = stack.enter_context(destination.held())
        if name != "duckdb":  # a database has one writer, or readers
            stack.enter_context(destination.sink(state, Disk()))
        stack.enter_context(read_only(folder))
        before = seen(folder)
        assert looked(place, *(["content"] if SINKS[name].replaces else [])) == SAME
        assert seen(folder) == before


@pytest.mark.parametrize("name", OF_PROCESSES)
def test_the_owner_alone(name: str, tmp_path: Path) -> None:
    """What lastpage keeps for itself is its owner's: others look without it, or are told who can."""
    _, place = filled(SINKS[name], tmp_path)
    state = Destination.parse(str(place)).state
    assert state
    state.chmod(0)
    try:
        found = looked(place)
    finally:
        state.chmod(0o700)
    if SINKS[name].replaces:
        assert found == SAME
    elif found != SAME:  # else this is a superuser who cannot be bound
        assert "run it as the user who fetched" in found
        assert "remove" not in found


@dataclass
class Watching:
    """Looks at a sink at every step of a change of it."""

    kind: Kind
    folder: Path
    steps: Counter[str] = field(default_factory=Counter)

    def __call__(self, name: str) -> None:
        state = self.look()
        # Until the change counts as made, nothing has moved, and a reader need not wait for it.
        is_made = any(self.folder.rglob("staging/*/commit"))
        if self.kind.name == objects.NAME:
            is_made = bool(json.loads(objects.get(self.folder, "_lastpage/lock"))["change"])
        assert (state == "changing") == is_made
        self.steps[state] += 1

    def look(self) -> str:
        """What a reader sees, having looked twice: `old`, `new`, `changing`, or `in use`."""
        before = seen(self.folder)
        try:
            with self.kind.looked_at(self.folder) as sink:
                found = {
                    "new" if range_.as_of > AS_OF else "old" for range_ in sink.committed()[DAY]
                }
                if isinstance(sink, TableReader):
                    changing = sink.changing()
                    found |= {tag for table in TAGS for tag in tags(sink, table)}
                    if DAY in changing:
                        return "changing"
        except InUseError:
            return "in use"
        finally:
            assert seen(self.folder) == before
        (state,) = found
        return state


def tags(sink: TableReader, table: str) -> set[str]:
    parts = sink.read(table, DAY)
    return {tag for part in parts for tag in _tags(part, TAGS[table])}


def _tags(part: pa.Table, column: str) -> Iterable[str]:
    if "record" in part.column_names:
        yield from (json.loads(line)["externalTag"] for line in part.column("record").to_pylist())
    else:
        yield from part.column(column).to_pylist()


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("name", TABLES)
def test_at_every_step_of_a_change(name: str, tmp_path: Path) -> None:
    """A reader sees all of a day as it was, or all as it is, or is told that it is changing; a look leaves the change alone."""
    kind, watching = SINKS[name], Watching(SINKS[name], tmp_path)
    later = AS_OF + timedelta(days=1)
    with opened(kind, tmp_path, shredder=FEW) as sink:
        put(sink, [hours(0, 24)], [[record(5, "old"), record(6, "old")]])
    with opened(kind, tmp_path, Disk(watching), shredder=FEW) as sink:
        put(sink, [hours(0, 24, as_of=later)], [[record(5, "new"), record(7, "new")]])
    assert watching.look() == "new"
    if name == "duckdb":
        assert set(watching.steps) == {"in use"}
    elif name == "delta":
        assert set(watching.steps) == {"old", "new"}  # once it is pinned
    elif name == "postgres":
        assert set(watching.steps) == {"old"}  # until it is committed
    elif name == "objects":
        assert set(watching.steps) == {"old", "changing", "new"}  # what is staged goes afterwards
    else:
        assert set(watching.steps) == {"old", "changing"}
    assert watching.steps.total() > 2


@pytest.mark.parametrize("name", [name for name in SINKS if name not in TABLES])
def test_at_every_step_of_an_append(name: str, tmp_path: Path) -> None:
    """Bytes that are not recorded yet are not there for a reader, and are not cut off by it."""
    kind, found = SINKS[name], []

    def look(_step: str) -> None:
        before = seen(tmp_path)
        with kind.looked_at(tmp_path) as sink:
            found.append(len(sink.committed().get(DAY, [])))
        assert seen(tmp_path) == before

    with opened(kind, tmp_path, Disk(look)) as sink:
        put(sink, [hours(0, 6)], [[record(1)]])
        put(sink, [hours(6, 12)], [[record(7)]])
    assert found == sorted(found)
    assert set(found) == {0, 1, 2}
    assert len(kind.read(tmp_path, "conversations")) == 2


@dataclass
class Meanwhile(InProcess):
    """Before its third count, another run does something."""

    act: Any = None
    counts: int = 0

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        self.counts += call.endpoint.endswith("details/query")
        if self.counts == 3 and self.act:
            self.act, act = None, self.act
            act()
        return super().send(base, call, headers)


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize("content", [False, True])
@pytest.mark.parametrize("name", TABLES)
def test_a_day_that_another_run_writes(name: str, content: bool, tmp_path: Path) -> None:
    """A day that is replaced while it is verified is being written: neither missing rows nor the same; others are judged."""
    made, place = filled(SINKS[name], tmp_path)
    assert made.cloud().fetch("2023-10-14", place).coverage == "complete"
    made.sandbox.world.add(*(talk(number, START + timedelta(hours=9)) for number in range(9)))
    made.sandbox.world.add(*(talk(9 + number, START + timedelta(hours=33)) for number in range(9)))
    made.clock.sleep(7_200)

    def act() -> None:
        made.cloud().fetch("2023-10-11", place, refresh=True)
        made.cloud().fetch("2023-10-12", place, refresh=True)

    cloud = made.cloud(transport=Meanwhile(made.sandbox, act))
    verification = cloud.verify(place, content=content)
    assert states(verification) == [
        ("2023-10-10", "changed" if content else "missing"),
        ("2023-10-11", "writing"),
        ("2023-10-14", "same"),
    ]
    assert [proof.day for proof in verification.writing] == ["2023-10-11"]
    assert [proof.day for proof in verification.changed] == ["2023-10-10"]
    # What another run has filled is no hole any more.
    left = Interval(START + timedelta(days=3), START + timedelta(days=4))
    assert verification.holes == [Hole(str(left), len(made.truth(left.start, left.end)))]
    assert states(made.cloud().verify(place))[1:] == [
        ("2023-10-11", "same"),
        ("2023-10-12", "same"),
        ("2023-10-14", "same"),
    ]


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize("name", FOLDERS)
def test_a_change_that_a_crash_left(name: str, tmp_path: Path) -> None:
    """Days whose files are half moved are being written, also one that was not there before; a repair finishes them."""
    made, place = filled(SINKS[name], tmp_path)
    made.sandbox.world.add(*(talk(number, START + timedelta(hours=9)) for number in range(9)))
    made.clock.sleep(7_200)

    def die(step: str) -> None:
        if step == "file rename" and any(place.glob(".lastpage/staging/day=*/commit")):
            raise Killed

    for day in ("2023-10-10", "2023-10-14"):
        with pytest.raises(Killed):
            made.cloud(disk=Disk(die)).fetch(day, place, names=False, refresh=True)
        mark = place / ".lastpage" / "staging" / f"day={day}" / "commit"
        assert mark.exists()
        found = made.cloud().verify(place)
        assert dict(states(found)) == SAME | {day: "writing"}
        assert found.proofs[0 if day == "2023-10-10" else 2].counted is None
        assert "was stopped" in found.writing[0].why
        assert mark.exists()
        assert set(dict(states(made.cloud().verify(place, repair=True))).values()) == {"same"}
        assert not mark.exists()


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize("name", FOLDERS)
def test_a_change_that_begins_meanwhile(name: str, tmp_path: Path) -> None:
    """A day that records what it did, and of which some tables are new, is being written."""
    made, place = filled(SINKS[name], tmp_path)

    def act() -> None:
        mark = place / ".lastpage" / "staging" / "day=2023-10-11" / "commit"
        mark.parent.mkdir(parents=True)
        mark.touch()

    found = made.cloud(transport=Meanwhile(made.sandbox, act)).verify(place, content=True)
    assert states(found) == [("2023-10-10", "same"), ("2023-10-11", "writing")]


def test_what_a_change_shows() -> None:
    """A mark at either look, or another record at the second one; of what came meanwhile nothing was read."""
    days = {number: held_days({DAY: [hours(0, 24, conversations=number)]}) for number in (1, 2)}
    plain, other = Extract(US, days[1]), Extract(US, days[2])
    marked = Extract(US, days[1], frozenset({DAY}))
    later = DAY + timedelta(days=1)
    more = held_days({DAY: [hours(0, 24, conversations=1)], later: [hours(24, 48)]})
    assert plain.written_until(plain) == set()
    assert plain.written_until(Extract(US, more)) == set()
    assert marked.written_until(plain) == plain.written_until(marked) == {DAY}
    assert plain.written_until(other) == Extract(US, more).written_until(other) - {later} == {DAY}


def test_a_repair_meets_the_other_run_first(tmp_path: Path) -> None:
    """A repair writes, so it is refused before anything is counted."""
    made, place = filled(SINKS["parquet"], tmp_path)
    asked = made.sandbox.counters["details.query"]
    with Destination.parse(str(place)).held(), pytest.raises(InUseError):
        made.cloud().verify(place, repair=True)
    assert made.sandbox.counters["details.query"] == asked


def test_a_table_that_is_not_there_yet(tmp_path: Path) -> None:
    """A database of an older version has no such table, or lacks a column of it: it is read as nothing, and as nulls."""
    kind = SINKS["duckdb"]
    with opened(kind, tmp_path) as sink:
        put(sink, [hours(0, 24)], [[record(5, "old")]])
    with duckdb.connect(kind.at(tmp_path)) as db:
        db.execute("drop table surveys; alter table conversations drop column external_tag")
    before = seen(tmp_path)
    with kind.looked_at(tmp_path) as sink:
        assert isinstance(sink, DuckDB)
        spilling = sink._db.sql("select current_setting('temp_directory')")
        assert spilling.fetchall() == [("",)]
        assert list(sink.read("surveys", DAY)) == []
        assert tags(sink, "conversations") == {None}
    assert seen(tmp_path) == before
