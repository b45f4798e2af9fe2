"""Damage has a sentence that helps: every file of every destination, damaged in every way, and what people do then.

A damaged destination is either mended by the same command, or refused with a sentence; whoever does what the sentence says has all of
it again with the same command.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.advice import do_as_told
from tests.contract.kinds import SINKS, Kind
from tests.contract.place import DAY, HOUR, Place
from tests.elsewhere import copied
from tests.inprocess import talk, world

from lastpage import DestinationError, LastpageError, UsageError
from lastpage.errors import DamagedError
from lastpage.sinks.sink import read_back

#: Few, since each is fetched a hundred times.
TALKS = [talk(number, DAY + number * HOUR) for number in range(4)]
Damage = Callable[[bytes], bytes]


def something_else(whole: bytes) -> bytes:
    return b"this is something else\n" * (len(whole) // 23 + 1)


def nothing(whole: bytes) -> bytes:
    return b""


def half(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


def other_middle(whole: bytes) -> bytes:
    third = len(whole) // 3
    return whole[:third] + b"\x55" * third + whole[2 * third :]


def other_head(whole: bytes) -> bytes:
    return b"\x55" * min(len(whole), 100) + whole[100:]


DAMAGES: list[Damage] = [something_else, nothing, half, other_middle, other_head]


@pytest.fixture(params=SINKS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return SINKS[request.param]


@pytest.fixture(params=DAMAGES, ids=lambda each: each.__name__)
def damage(request: pytest.FixtureRequest) -> Damage:
    found: Damage = request.param
    return found


def filled(kind: Kind, folder: Path) -> Place:
    made = world(per_day=0)
    made.sandbox.world.add(*TALKS)
    place = Place(made, kind, folder)
    assert place.fetch().coverage == "complete"
    return place


def damaged(place: Place, into: Path, damage: Damage) -> Iterator[tuple[str, Place]]:
    """Copies of a place, in each of which another file is damaged."""
    for path in sorted(place.folder.rglob("*")):
        name = str(path.relative_to(place.folder))
        if not path.is_file() or path.name == "lock":
            continue
        copy = copied(place.folder, into / name.replace("/", "+"))
        content = damage(path.read_bytes())
        is_line = path.parent == place.folder and not place.kind.replaces
        if is_line and len(content) >= path.stat().st_size:
            continue  # of a file of lines only its length is known
        (copy / name).write_bytes(content)
        yield name, Place(place.made, place.kind, copy)


@pytest.mark.invariant("Destinations")
def test_it_is_mended_or_told(kind: Kind, tmp_path: Path, damage: Damage) -> None:
    """The same command mends it, or says what to do; then the same command has all of it again."""
    base = tmp_path / "base"
    base.mkdir()
    for name, place in damaged(filled(kind, base), tmp_path, damage):
        try:
            summary = place.fetch()
        except LastpageError as problem:
            do_as_told(problem)
            summary = place.fetch()
        assert (name, summary.coverage) == (name, "complete")
        assert place.has(*TALKS), name


@pytest.mark.invariant("Destinations")
def test_it_is_verified_and_repaired(kind: Kind, tmp_path: Path, damage: Damage) -> None:
    """`verify --content --repair` finds it and mends it, or says what to do. No sentence quotes a conversation."""
    if not kind.replaces:
        pytest.skip("lines are not compared")
    base = tmp_path / "base"
    base.mkdir()
    for name, place in damaged(filled(kind, base), tmp_path, damage):
        cloud = place.made.cloud()
        try:
            found = cloud.verify(place.path, content=True)
        except (DestinationError, UsageError):
            continue
        assert all(each.id not in proof.why for each in TALKS for proof in found.proofs), name
        if found.changed:
            assert cloud.verify(place.path, content=True, repair=True).changed == [], name
        assert place.has(*TALKS), name


def test_who_may_not_read(tmp_path: Path) -> None:
    """A file that this user may not read is not damaged."""
    told = pytest.raises(LastpageError, match="run it as a user who may read it")
    with told as caught, read_back(tmp_path, tmp_path):
        raise PermissionError(13, "Permission denied")
    assert not isinstance(caught.value, DamagedError)
