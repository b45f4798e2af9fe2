"""Where rows go, as people write it."""

from pathlib import Path

import pytest

from lastpage.errors import DestinationError, InUseError, UsageError
from lastpage.sinks.destination import Destination


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("out", "out/.lastpage"),
        ("a/b.c/out", "a/b.c/out/.lastpage"),
        ("x.jsonl", "x.jsonl.lastpage"),
        ("a/x.jsonl.zst", "a/x.jsonl.zst.lastpage"),
        ("a/x.duckdb", "a/x.duckdb.lastpage"),
        ("-", None),
    ],
)
def test_forms(
    text: str, state: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder keeps its state inside, a file beside it, a stream nowhere; reading the text creates nothing."""
    monkeypatch.chdir(tmp_path)
    destination = Destination.parse(text)
    assert destination.state == (Path(state) if state else None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["", "ftp://host/x", "mysql://host/db", "x.json", "x.sqlite", "x.gz"]
)
def test_no_destination(text: str) -> None:
    """What cannot be written to is refused with what can."""
    with pytest.raises(UsageError, match="give a folder"):
        Destination.parse(text)


def test_a_file_in_the_way(tmp_path: Path) -> None:
    """A file where a folder should be is not overwritten."""
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        Destination.parse(str(tmp_path / "notes"))


@pytest.mark.invariant("Crash-safe")
def test_one_run_at_a_time(tmp_path: Path) -> None:
    """Only one run at a time writes to a destination; a second one is told at once."""
    destination = Destination.parse(str(tmp_path / "out"))
    with destination.held(), pytest.raises(InUseError, match="another run"), destination.held():
        pass
    with destination.held() as state:
        assert state.is_dir()


def test_a_place_that_cannot_be(tmp_path: Path) -> None:
    """A path through a file cannot be a folder: a sentence, not a traceback."""
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(DestinationError, match="cannot write"),
        Destination.parse(str(tmp_path / "file" / "out")).held(),
    ):
        pass


def test_a_stream_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes to stdout has a ledger for as long as it runs."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Destination.parse("-").held() as state:
        assert state.is_dir()
    assert list(tmp_path.iterdir()) == []
