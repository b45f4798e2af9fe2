"""`lastpage verify` as typed: what it prints of each state, and how it ends."""

import json
from pathlib import Path

import pytest
from tests.inprocess import NOW
from tests.served import served

from lastpage.cli.app import run
from lastpage_sandbox import Sandbox, Settings

PART = "2023-10-10T00:00Z/2023-10-10T12:00Z"


@pytest.fixture
def held(box: Sandbox, capsys: pytest.CaptureFixture[str]) -> Sandbox:
    """Half a day, two days, and one beyond a hole of two."""
    for interval in (PART, "2023-10-11/2023-10-13", "2023-10-15"):
        assert run(["fetch", interval, "--quiet", "--no-names"]) == 0
    capsys.readouterr()
    return box


def remove(box: Sandbox, day: str, number: int) -> None:
    """By the control plane, as a user of the sandbox deletes conversations."""
    span = {"interval": f"{day}T00:00Z/{day}T23:59Z", "show": "ids"}
    _, _, body = box.request("GET", "/_sandbox/truth", span, {}, b"")
    for name in json.loads(body)["ids"][:number]:
        box.request("DELETE", f"/_sandbox/conversations/{name}", {}, {}, b"")


def printed(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """The words of each line."""
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_holes(held: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """A hole has a line in its place, by an interval that can be typed, and is no reason to fail."""
    assert run(["verify"]) == 0
    _, *lines, conclusion = printed(capsys)
    assert [line[0] for line in lines] == [
        "2023-10-10",
        "2023-10-10T12:00:00.000Z/2023-10-11T00:00:00.000Z",
        "2023-10-11",
        "2023-10-12",
        "2023-10-13/2023-10-15",
        "2023-10-15",
    ]
    assert [line[3] for line in lines] == ["same", "hole", "same", "same", "hole", "same"]
    assert int(lines[4][2]) > 0
    assert " ".join(conclusion) == (
        "4 of 4 days are as the API has them; holes: 2 (fetch their intervals to fill them)"
    )
    assert run(["fetch", lines[4][0], "--quiet", "--no-names"]) == 0
    assert run(["fetch", lines[1][0], "--quiet", "--no-names"]) == 0
    capsys.readouterr()
    assert run(["verify"]) == 0
    assert " ".join(printed(capsys)[-1]) == "6 of 6 days are as the API has them"


def test_near_is_not_the_same(held: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """Two deletions are within the counts' error: told apart from what is the same, with what to do; exit code 0."""
    remove(held, "2023-10-12", 2)
    assert run(["verify"]) == 0
    assert " ".join(printed(capsys)[-1]).startswith(
        "3 of 4 days are as the API has them; "
        "near, within the counts' error: 1 (--content looks closer)"
    )
    assert run(["verify", "--content"]) == 3
    out = capsys.readouterr().out
    assert "a second reading differs in conversations" in out
    assert "not as it has them: 1 (--repair reads them again)" in out


def test_lines_have_no_content_to_look_at(box: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be typed is not advised."""
    assert run(["fetch", "2023-10-11", "--quiet", "--to", "x.jsonl"]) == 0
    remove(box, "2023-10-11", 2)
    capsys.readouterr()
    assert run(["verify", "x.jsonl"]) == 0
    assert " ".join(printed(capsys)[-1]) == (
        "0 of 1 days are as the API has them; near, within the counts' error: 1"
    )


def test_nothing_is_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where all is older than the retention, nothing is advised that cannot be done any more."""
    settings = Settings(seed=7, per_day=20, job_polls=0, retention_days=90)
    with served(settings, NOW, monkeypatch, tmp_path) as box:
        for interval in ("2023-10-11", "2023-10-13"):
            assert run(["fetch", interval, "--quiet", "--no-names"]) == 0
        box.clock.advance(200 * 86_400)
        capsys.readouterr()
        assert run(["verify"]) == 0
    _, *lines, conclusion = printed(capsys)
    assert [line[3] for line in lines] == ["kept", "hole", "kept"]
    assert " ".join(conclusion) == (
        "older than the organisation keeps, and not counted: 2; "
        "holes that can no longer be filled: 1"
    )


def test_a_day_in_writing(held: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """A day that another run is writing is no day that has changed: exit code 7, or 3 where another one has."""
    mark = Path("conversations/.lastpage/staging/day=2023-10-11/commit")
    mark.parent.mkdir(parents=True)
    mark.touch()
    assert run(["verify"]) == 7
    _, *lines, conclusion = printed(capsys)
    assert (lines[2][0], lines[2][2:4]) == ("2023-10-11", ["-", "writing"])
    assert " ".join(conclusion) == (
        "3 of 3 days are as the API has them; being written by another run: 1 "
        "(verify again when it is done); holes: 2 (fetch their intervals to fill them)"
    )
    remove(held, "2023-10-12", 5)
    assert run(["verify"]) == 3


def test_json(held: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` has the proofs, one a day, and the holes; exit code 3 where a day has changed."""
    remove(held, "2023-10-12", 5)
    assert run(["verify", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"proofs", "holes", "repaired", "notes"}
    assert [(proof["day"], proof["state"]) for proof in found["proofs"]] == [
        ("2023-10-10", "same"),
        ("2023-10-11", "same"),
        ("2023-10-12", "changed"),
        ("2023-10-15", "same"),
    ]
    assert [hole["interval"] for hole in found["holes"]] == [
        "2023-10-10T12:00:00.000Z/2023-10-11T00:00:00.000Z",
        "2023-10-13T00:00:00.000Z/2023-10-15T00:00:00.000Z",
    ]
