"""A destination by other names: links that are followed, links that lead nowhere yet, and hard links."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.contract.kinds import SINKS, Kind
from tests.contract.test_sinks import US, hours, record
from tests.inprocess import world
from tests.readback import lines

from lastpage import InUseError, UsageError
from lastpage.files import Disk
from lastpage.sinks.destination import Destination
from lastpage.sinks.jsonl import JsonLines


@pytest.fixture(params=[name for name, kind in SINKS.items() if not kind.is_elsewhere])
def kind(request: pytest.FixtureRequest) -> Kind:
    return SINKS[request.param]


def linked(folder: Path, kind: Kind) -> tuple[Path, Path]:
    """A place that is not there yet, in a folder that is, and a relative link to it from elsewhere."""
    place, link = folder / "real" / kind.name, folder / "links" / f"other-{kind.name}"
    place.parent.mkdir()
    link.parent.mkdir()
    link.symlink_to(Path("..") / "real" / kind.name)
    return place, link


@pytest.mark.invariant("Crash-safe")
def test_one_run_at_a_time_by_any_name(kind: Kind, tmp_path: Path) -> None:
    """Two names of one destination have one state and one lock, before it is there and afterwards."""
    place, link = linked(tmp_path, kind)
    for _ in range(2):
        ours, others = (Destination.parse(str(each), kind.format) for each in (place, link))
        assert ours.state == others.state
        for first, second in ((ours, others), (others, ours)):
            with first.held(), pytest.raises(InUseError, match="another run"), second.held():
                pass
        world(per_day=9).cloud().fetch("2023-10-10", place, format=kind.format, names=False)


@pytest.mark.invariant("Destinations")
def test_a_link_that_leads_nowhere_yet(kind: Kind, tmp_path: Path) -> None:
    """What a link names is written, with its state beside or in it; the link stays, and both names hold the same."""
    made = world(per_day=9)
    place, link = linked(tmp_path, kind)
    for day, name in (("2023-10-10", link), ("2023-10-11", place), ("2023-10-12", link)):
        summary = made.cloud().fetch(day, name, format=kind.format, names=False)
        assert summary.destination == str(name)
    assert link.is_symlink()
    assert [each.name for each in link.parent.iterdir()] == [link.name]
    rows = kind.read(place.parent, "conversations") if kind.replaces else lines(place)
    start = datetime(2023, 10, 10, tzinfo=UTC)
    assert len(rows) == len(made.truth(start, start.replace(day=13)))
    assert {proof.state for proof in made.cloud().verify(link).proofs} == {"same"}


def test_a_link_by_another_ending(tmp_path: Path) -> None:
    """A name decides how a file is written, so that of a link and that of its file have to agree."""
    for name, target in (("x.jsonl", "y.jsonl.gz"), ("x.jsonl", "y"), ("out", "y.jsonl")):
        link = tmp_path / name
        link.symlink_to(target)
        with pytest.raises(UsageError, match=f"is a link to '.*{target}'"):
            Destination.parse(str(link))
        link.unlink()


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize("there", [True, False], ids=["there", "made"])
def test_a_file_with_two_names(tmp_path: Path, there: bool) -> None:
    """A file of lines is locked itself, from when it is there: a hard link to it has another state, and no way in."""
    place, other = tmp_path / "x.jsonl", tmp_path / "y.jsonl"
    (tmp_path / "x").mkdir()
    with JsonLines.open(place, tmp_path / "x", Disk()) as sink:
        sink.claim(US)
        sink.append([hours(0, 12, conversations=1)], [[record(1)]])
        if not there:
            os.link(place, other)
            assert_held(other, tmp_path / "y")
    if there:
        os.link(place, other)
        with JsonLines.open(place, tmp_path / "x", Disk()):
            assert_held(other, tmp_path / "y")
    # The lock ends with the run.
    with JsonLines.open(place, tmp_path / "x", Disk()) as sink:
        sink.claim(US)
        sink.append([hours(12, 24, conversations=1)], [[record(13)]])
    assert len(lines(other)) == 2


def assert_held(name: Path, state: Path) -> None:
    with pytest.raises(InUseError, match="another name"), JsonLines.open(name, state, Disk()):
        pass
