"""What is there counts: a destination is held against the ledger, whatever became of it meanwhile.

A run over two days, a slice each, is stopped at its very end: all is written, and the run is not done. Then the destination is
lost, put back from a copy, or copied while the run was on; the same command goes on.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.contract.kinds import SINKS, Kind
from tests.contract.place import BOTH_DAYS, DAY, HOUR, TALKS, Place
from tests.contract.test_damaged import files
from tests.crash.steps import Crash, Stepping, Steps
from tests.elsewhere import KINDS
from tests.inprocess import talk, world

from lastpage import DestinationError

OTHERS = [talk(100 + number, DAY + 24 * HOUR + number * HOUR / 2) for number in range(40)]


@pytest.fixture(params=SINKS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return SINKS[request.param]


@pytest.fixture
def place(kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Nothing is fetched yet; each day is a job of its own."""
    monkeypatch.setattr("lastpage.planning.slices.JOB_ROWS", 50)
    made = world(per_day=0)
    made.sandbox.world.add(*TALKS, *OTHERS)
    return Place(made, kind, tmp_path)


def stopped(place: Place, at: str, number: int = 1) -> None:
    """Fetch both days, and stop at the step of this name when it comes for the so-manieth time."""
    steps = Steps()

    def counted(name: str) -> None:
        steps(name)
        if steps.names.count(at) == number and name == at:
            raise Crash(name)

    transport = Stepping(place.made.sandbox, steps)
    with pytest.raises(Crash):
        place.fetch(BOTH_DAYS, transport=transport, disk=type(steps.disk)(counted))


def removed(place: Place) -> None:
    """Somebody made room: the data are gone, what lastpage keeps of its runs is not."""
    if place.kind.is_elsewhere:
        KINDS[place.kind.name].remove(place.folder)
    for path in list(place.folder.rglob("*")):
        if path.is_file() and place.state not in path.parents:
            path.unlink()


def data(place: Place) -> dict[Path, bytes]:
    """The files of the destination, without the ledger and the spool; of a schema a copy is made."""
    if place.kind.is_elsewhere:
        KINDS[place.kind.name].clone(place.folder, place.folder / "copy")
        return {}
    files = (path for path in place.folder.rglob("*") if path.is_file())
    ours = ("ledger.sqlite", "lock", "segment")
    return {
        path: path.read_bytes()
        for path in files
        if not path.name.startswith(ours) and "spool" not in path.parts
    }


def put_back(place: Place, copy: dict[Path, bytes]) -> None:
    """The destination is again as it was."""
    if place.kind.is_elsewhere:
        KINDS[place.kind.name].clone(place.folder / "copy", place.folder)
        return
    for path in data(place):
        path.unlink()
    for path, content in copy.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def check(place: Place, **more: Any) -> None:
    """The same command, once more: complete, and all of it is there, and told."""
    summary = place.fetch(BOTH_DAYS, **more)
    assert summary.coverage == "complete"
    assert place.has(*TALKS, *OTHERS)
    assert summary.conversations == len(place.ids()) == 80


@pytest.mark.invariant("Crash-safe")
def test_output_removed(place: Place) -> None:
    """An unfinished run whose output was removed reads all of it again."""
    stopped(place, "ledger end")
    assert place.has(*TALKS, *OTHERS)
    removed(place)
    check(place)


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize("commits", [1, 2])
def test_an_older_backup(place: Place, commits: int) -> None:
    """An unfinished run whose destination was put back from a copy reads again what the copy lacks."""
    stopped(place, "ledger commit", commits)
    copy = data(place)
    stopped(place, "ledger end")
    put_back(place, copy)
    check(place)


@pytest.mark.invariant("Crash-safe")
def test_an_older_version(place: Place) -> None:
    """A copy with the same hours, as they were a day before, is an older version: they are read again."""
    if not place.kind.replaces:
        pytest.skip("a file of lines has each hour once")
    place.fetch(BOTH_DAYS)
    before, copy = place.ranges(), data(place)
    place.made.clock.sleep(86_400)
    stopped(place, "ledger end")
    put_back(place, copy)
    check(place)
    assert [each.as_of for each in place.ranges()] > [each.as_of for each in before]


@pytest.mark.invariant("Crash-safe")
def test_a_short_run_whose_output_was_removed(place: Place) -> None:
    """What a short run had read whole is believed no more than anything else."""
    place.made.sandbox.faults.put("jobs.status", *["fail-job"] * 4)
    assert place.fetch(BOTH_DAYS, paginate="cursor").coverage == "short"
    removed(place)
    check(place, paginate="cursor")


@pytest.mark.invariant("Truthful")
def test_removed_while_the_run_is_on(place: Place) -> None:
    """What was written and is not there at the end is missed before anybody is told that it is complete."""
    if not place.kind.has_files:
        pytest.skip("an open file outlives its name")
    steps = Steps()

    def removing(name: str) -> None:
        steps(name)
        if name == "ledger commit" and steps.names.count(name) == 2:
            with files(place) as folder:
                shutil.rmtree(folder / "conversations" / "day=2023-10-10")

    summary = place.fetch(BOTH_DAYS, disk=type(steps.disk)(removing))
    assert summary.coverage == "short"
    assert any("lacks by now what this run has written" in note for note in summary.notes)
    assert summary.conversations == 40
    check(place)


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize("commits", [1, 2])
def test_a_file_removed_while_the_run_is_on(place: Place, commits: int) -> None:
    """A file that is removed while a run has it open is missed, before more is written and at the end; the same command has it anew."""
    if place.kind.has_files:
        pytest.skip("of a folder, days are looked at")
    steps = Steps()

    def removing(name: str) -> None:
        steps(name)
        if name == "ledger commit" and steps.names.count(name) == commits:
            removed(place)

    with pytest.raises(DestinationError, match="was removed, replaced or cut while this run"):
        place.fetch(BOTH_DAYS, disk=type(steps.disk)(removing))
    check(place)


def test_a_file_that_was_cut(place: Place) -> None:
    """A file of lines that is shorter than what was written is refused, and what to do stands in the sentence: done, all is there."""
    if place.kind.replaces:
        pytest.skip("databases and folders are put back whole")
    stopped(place, "ledger end")
    place.path.write_bytes(place.path.read_bytes()[:-10])
    with pytest.raises(DestinationError, match=r"or remove .* and run the same command again"):
        place.fetch(BOTH_DAYS)
    place.path.unlink()
    check(place)


@pytest.mark.invariant("Crash-safe")
def test_a_spool_that_is_gone(place: Place) -> None:
    """A run that was stopped between its destination and its ledger, and whose spool somebody removed to make room, reads again, and makes no twins."""
    stopped(place, "ledger commit")
    shutil.rmtree(place.state / "spool")
    check(place)


def test_the_same_rows_that_prove_more(place: Place) -> None:
    """What a file of lines says of its hours is what the last reading proved, also where that brought nothing new."""
    for count in ("counts-double", "counts-double", "pass"):
        place.made.sandbox.faults.put("details.query", *[count] * 50)
        summary = place.fetch(paginate="pages")
        place.made.sandbox.faults.clear()
        assert {each.coverage for each in place.ranges()} == {summary.coverage}
    assert summary.coverage == place.fetch(paginate="pages").coverage == "complete"
