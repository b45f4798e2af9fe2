"""Files that are whole or not there."""

from pathlib import Path

import pytest

from lastpage.files import Disk


class Crash(Exception):
    """The power went."""


def test_steps_have_names(tmp_path: Path) -> None:
    """Writing is: the bytes beside, flushed, renamed, and the folder flushed."""
    steps: list[str] = []
    Disk(steps.append).write(tmp_path / "x", b"data")
    assert steps == ["file write", "file fsync", "file rename", "file fsync"]
    assert (tmp_path / "x").read_bytes() == b"data"


@pytest.mark.parametrize("at", range(4))
def test_a_crash_at_every_step(tmp_path: Path, at: int) -> None:
    """Whatever step is the last, a reader sees the old bytes or the new ones, whole."""
    target = tmp_path / "x"
    target.write_bytes(b"old")
    steps = iter(range(at + 1))

    def seam(_name: str) -> None:
        if next(steps) == at:
            raise Crash

    with pytest.raises(Crash):
        Disk(seam).write(target, b"new!")
    assert target.read_bytes() == (b"new!" if at == 3 else b"old")


def test_removing(tmp_path: Path) -> None:
    """A file, a folder, or nothing."""
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    for name in ("folder", "file", "nothing"):
        Disk().remove(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
