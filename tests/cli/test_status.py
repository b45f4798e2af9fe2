"""`lastpage status` as typed: what it prints, and what monitoring goes by."""

import json
from pathlib import Path

import pytest
from rich.cells import cell_len
from tests.inprocess import NOW, World, talk, world

from lastpage.cli.app import run
from lastpage.query.interval import DAY


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """An organisation; its days from the 10th on are in `conversations`, but for a hole of two."""
    monkeypatch.chdir(tmp_path)
    made = world(per_day=20)
    made.sandbox.world.add(talk(1, NOW - 3 * DAY, None))
    for interval in "2023-10-10/2023-10-13", "2023-10-15/2023-10-20T15:00Z":
        made.cloud().fetch(interval, "conversations", names=False)
    return made


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_holes(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """A hole is told first, and by an interval that can be typed; the exit code is 3 until it is filled."""
    assert run(["status"]) == 3
    first, *lines = printed(capsys)
    assert first == "holes — 1 hole between what is held; sync fills what is still kept"
    assert "  hole           2023-10-13/2023-10-15, never fetched" in lines
    assert lines[0] == "  held           2023-10-10/2023-10-20T15:00Z, 9 days"
    made.cloud().fetch("2023-10-13/2023-10-15", "conversations", names=False)
    assert run(["status"]) == 0
    first, *lines = printed(capsys)
    assert first.startswith("whole — everything is held up to 2023-10-20T15:00Z, ")
    assert first.endswith(" days ago")
    names = [line[2:16].strip() for line in lines if not line.startswith("  note")]
    settled = ["provisional", "settled", "last run", "due now", "due next"]
    assert names == ["held", "conversations", *settled]


def test_stale(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """What is older than it may be is stale, whatever else is wrong; exit code 3."""
    assert run(["status", "--max-age", "26h"]) == 3
    lines = printed(capsys)
    assert [line.split(" — ")[0] for line in lines[:2]] == ["stale", "holes"]
    assert lines[0].endswith("--max-age is 26h")
    made.cloud().fetch("2023-10-13/2023-10-15", "conversations", names=False)
    assert run(["status", "--max-age", "26h"]) == 3
    assert run(["status", "--max-age", "9999d"]) == 0


def test_json(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """One JSON value, with everything that is told."""
    assert run(["status", "--json", "--max-age", "1h", "--settle", "none"]) == 3
    (line,) = printed(capsys)
    found = json.loads(line)
    assert found["held"] == {"from": "2023-10-10T00:00:00.000Z", "to": "2023-10-20T15:00:00.000Z"}
    assert found["frontier"] == "2023-10-13T00:00:00.000Z"
    assert found["holes"] == ["2023-10-13T00:00:00.000Z/2023-10-15T00:00:00.000Z"]
    assert found["provisional_from"] == "2023-10-17T00:00:00.000Z"
    assert found["settled_to"] == "2023-10-13T00:00:00.000Z"
    assert (found["is_stale"], found["is_whole"]) == (True, False)
    assert [each["what"] for each in found["due"]] == ["hole", "new"]
    assert found["due_next"]["what"] == "provisional"
    assert found["due_next"]["when"] == "2023-10-21T00:00:00.000Z"
    assert found["last_run"]["coverage"] == "complete"
    assert found["last_run"]["began"] < found["last_run"]["ended"]
    assert found["open"] >= 1


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["nowhere"], 2, "nothing was fetched into nowhere yet"),
        (["conversations", "--max-age", "soon"], 2, "'soon' is no length of time; write 90s, 10m"),
        (["conversations", "--settle", "x"], 2, "write 3,7,30, or none"),
        (["damaged"], 6, "is damaged"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_how_it_ends(
    arguments: list[str], code: int, told: str, made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence on stderr, and nothing on stdout."""
    made.cloud().fetch("2023-10-10", "damaged", names=False)
    (path,) = Path("damaged/conversations").glob("*/*.parquet")
    path.write_bytes(b"no footer")
    assert run(["status", *arguments]) == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert told in err


def test_plurals(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers have their plurals, and a run that did not end says so."""
    with made.outage("jobs.results"):
        made.cloud().fetch("2023-10-13", "conversations", names=False)
    assert run(["status", "--settle", "none"]) == 3
    text = "\n".join(printed(capsys))
    assert "and has not ended: it goes on, or was stopped" in text
    assert "1 holes" not in text
    made.cloud().fetch("2023-10-20T15:00Z/2023-10-20T15:10Z", "one", names=False)
    assert run(["status", "one"]) == 0
    lines = printed(capsys)
    assert lines[1].endswith(", 1 day")
    assert not any(" 1 were " in line for line in lines)


@pytest.mark.parametrize("width", ["45", "80", "200"])
def test_widths(
    width: str, made: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is told is the same on a terminal of any width, one fact a line."""
    assert run(["status"]) == 3
    wide = printed(capsys)
    monkeypatch.setenv("COLUMNS", width)
    assert run(["status"]) == 3
    assert printed(capsys) == wide
    assert max(map(cell_len, wide)) < 200
