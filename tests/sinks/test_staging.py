"""Files that change together, stopped at every step."""

from contextlib import suppress
from pathlib import Path

from lastpage.files import Disk
from lastpage.sinks.folder import Staging


class Crash(BaseException):
    """The power goes."""


def texts(place: Path) -> dict[str, str]:
    return {
        str(path.relative_to(place)): path.read_text()
        for path in sorted(place.rglob("*"))
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

        place, beside = tmp_path / str(at) / "place", tmp_path / str(at) / "beside"
        for files, disk in ((old, Disk()), (new, Disk(seam))):
            try:
                with Staging(place, beside, disk).change("one") as path:
                    for name, text in files.items():
                        path(name).write_text(text)
            except Crash:
                pass
        Staging(place, beside, Disk()).recover()
        assert texts(place) in (old, new)
        assert list(beside.iterdir()) == []
        if len(steps) < at:
            break
    assert texts(place) == new
    assert at > 10


def test_what_failed_is_forgotten(tmp_path: Path) -> None:
    """An error while writing leaves nothing behind that a later change could mistake for its own."""
    staging = Staging(tmp_path / "place", tmp_path / "beside", Disk())
    with suppress(ZeroDivisionError), staging.change("one") as path:
        path("a").write_text("half")
        raise ZeroDivisionError
    with staging.change("one") as path:
        path("b").write_text("whole")
    assert texts(tmp_path / "place") == {"b": "whole"}
