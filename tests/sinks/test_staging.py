"""Files that change together, stopped at every step."""

from contextlib import suppress
from pathlib import Path

from lastpage.files import Disk
from lastpage.sinks.staging import Staging


class Crash(BaseException):
    """The power goes."""


def texts(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_together_or_not_at_all(tmp_path: Path) -> None:
    """Whatever the step, the next run finds all files old or makes all of them new."""
    old, new = {"a/x": "old", "b": "old"}, {"a/x": "new", "b": "new", "c/d/e": "new"}
    for at in range(1, 100):
        steps: list[str] = []

        def seam(name: str, at: int = at, steps: list[str] = steps) -> None:
            steps.append(name)
            if len(steps) == at:
                raise Crash

        folder, beside = tmp_path / str(at) / "folder", tmp_path / str(at) / "beside"
        for files, disk in ((old, Disk()), (new, Disk(seam))):
            try:
                with Staging(folder, beside, disk).change("one") as path:
                    for name, text in files.items():
                        path(name).write_text(text)
            except Crash:
                pass
        Staging(folder, beside, Disk()).recover()
        assert texts(folder) in (old, new)
        assert list(beside.iterdir()) == []
        if len(steps) < at:
            break
    assert texts(folder) == new
    assert at > 10


def test_what_failed_is_forgotten(tmp_path: Path) -> None:
    """An error while writing leaves nothing behind that a later change could mistake for its own."""
    staging = Staging(tmp_path / "folder", tmp_path / "beside", Disk())
    with suppress(ZeroDivisionError), staging.change("one") as path:
        path("a").write_text("half")
        raise ZeroDivisionError
    with staging.change("one") as path:
        path("b").write_text("whole")
    assert texts(tmp_path / "folder") == {"b": "whole"}


def test_conversations_come_last(tmp_path: Path) -> None:
    """What a day holds is recorded with its conversations, so their file is moved when all others are in place."""
    moved: list[str] = []

    class Noting(Disk):
        def replace(self, *moves: tuple[Path, Path]) -> None:
            moved.extend(target.parent.name for _, target in moves)
            super().replace(*moves)

    names = ["broken", "conversations", "conversation_overview", "segments"]
    with Staging(tmp_path / "folder", tmp_path / "beside", Noting()).change("one") as path:
        for name in names:
            path(f"{name}/part").write_text(name)
    assert moved[-1] == "conversations"
    assert sorted(moved) == sorted(["one", *names])
