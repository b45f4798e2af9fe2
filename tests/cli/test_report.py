"""`lastpage report` as typed."""

import csv
import io
from pathlib import Path

import pytest
from tests.inprocess import world

import lastpage
from lastpage.cli.app import run


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    world(per_day=40).cloud().fetch("2023-10-09/2023-10-11", "conversations")
    return tmp_path


def test_csv(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """CSV on stdout, what has to be said on stderr; a row has the instant in UTC and as the clocks show it, sums, and what is made of them."""
    assert run(["report", "--csv", "--tz", "Asia/Kathmandu", "--sl", "80/20", "--flow-outs"]) == 0
    printed = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(printed.out)))
    table = lastpage.report("conversations").table
    assert len(rows) == len(table) > 50
    assert rows[0]["half_hour"].endswith(("00:00Z", "30:00Z"))
    assert {row["local"][-2:] for row in rows} == {"15", "45"}
    for name in "offered", "answered", "handle_ms":
        added = sum(int(row[name] or 0) for row in rows)
        assert added == sum(value or 0 for value in table.column(name).to_pylist()) > 0
    for row in rows:
        divisor = int(row["answered"]) + int(row["abandoned"]) + int(row["flowed_out"])
        level = row["service_level_pct"]
        if divisor and row["media_type"] != "callback":
            assert float(level) == pytest.approx(
                100 * int(row["answered_in_time"]) / divisor, abs=0.01
            )
        else:
            assert level == ""
    assert "note: service_level_pct: Answered within 20 s (ours" in printed.err
    assert "note: read: what began from 2023-10-09T00:00:00.000Z" in printed.err


def test_a_page(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --csv it is a page, report.html or what --to says; - is stdout."""
    assert run(["report", "--tz", "Europe/Berlin"]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("written to report.html\n")
    page = (place / "report.html").read_text("utf-8")
    assert "Clocks show Europe/Berlin." in page
    assert "tel:" not in page
    assert run(["report", "--to", "-", "--show-personal-data"]) == 0
    assert "tel:" in capsys.readouterr().out


def test_a_file(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --to it is a file, and stdout stays empty; what cannot be written is a sentence."""
    assert run(["report", "conversations", "--csv"]) == 0
    text = capsys.readouterr().out
    assert run(["report", "conversations", "--csv", "--to", "figures.csv"]) == 0
    assert capsys.readouterr().out == ""
    assert (place / "figures.csv").read_text("utf-8") == text
    assert run(["report", "--csv", "--to", "nowhere/figures.csv"]) == 6
    assert "cannot write to nowhere/figures.csv" in capsys.readouterr().err
    assert not (place / "nowhere").exists()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["--csv", "--sl", "80"], "write 80/20"),
        (["--csv", "--tz", "Mars"], "is not a time zone"),
        (["elsewhere", "--csv"], "nothing was fetched into elsewhere"),
    ],
)
def test_what_is_wrong(typed: list[str], said: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    assert run(["report", *typed]) == 2
    assert said in capsys.readouterr().err
