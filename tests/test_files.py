"""Files that are whole or not there."""

from pathlib import Path

import pytest

from lastpage import files
from lastpage.files import Disk


class Crash(Exception):
    """The power went."""


def test_steps_have_names(tmp_path: Path) -> None:
    """Writing is: the bytes beside, flushed, renamed, and the folder flushed."""
    steps: list[str] = []
    Disk(steps.append).write(tmp_path / "x", b"data")
    assert steps == ["file write", "file fsync", "file rename", "file fsync"]
    assert (tmp_path / "x").read_bytes() == b"data"


def test_what_is_flushed_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several files get their names one after the other; then each folder is flushed once, and so is each that has a new one."""
    steps: list[str] = []
    flushed: list[Path] = []
    flush = files._flush

    def noting(path: Path) -> None:
        flush(path)
        flushed.append(path)

    monkeypatch.setattr(files, "_flush", noting)
    (tmp_path / "a").mkdir()
    for name in "xyz":
        (tmp_path / name).write_text(name)
    moves = ((tmp_path / name, tmp_path / to / name) for name, to in zip("xyz", "abb", strict=True))
    Disk(steps.append).replace(*moves)
    assert steps == ["file rename"] * 3 + ["file fsync"] * 3
    assert sorted(flushed) == [tmp_path, tmp_path / "a", tmp_path / "b"]
    assert (tmp_path / "b" / "z").read_text() == "z"


def test_a_flush_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of several flushes that fails is an error."""

    def full(path: Path) -> None:
        if path.name == "b":
            raise OSError("No space left on device")

    monkeypatch.setattr(files, "_flush", full)
    with pytest.raises(OSError, match="No space"):
        Disk().sync(*(tmp_path / name for name in "abc"))


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
