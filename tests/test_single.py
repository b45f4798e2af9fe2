"""A single file of one table: what it has, what it may write over, and that it is whole or not there."""

import re
import stat
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lastpage import DestinationError, InUseError, UsageError, status
from lastpage.files import Disk
from lastpage.sinks import excel
from lastpage.sinks.destination import Destination
from tests.inprocess import World, world
from tests.readback import comma_separated

DAYS = "2023-10-10/2023-10-12"
#: Excel's day 0, whatever zone a date is in.
EPOCH = datetime(1899, 12, 30, tzinfo=UTC)


def sheet(path: Path) -> list[list[Any]]:
    """The cells of a workbook, by the standard alone: a text, a number or nothing."""
    with zipfile.ZipFile(path) as book:
        root = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    rows = []
    for row in root.iter(f"{space}row"):
        cells: dict[int, Any] = {}
        for cell in row:
            letters = re.sub(r"\d", "", cell.attrib["r"])
            place = 0
            for letter in letters:
                place = place * 26 + ord(letter) - 64
            value, text = cell.find(f"{space}v"), cell.find(f"{space}is/{space}t")
            assert cell.find(f"{space}f") is None, "no formula"
            if text is not None:
                cells[place] = text.text or ""
            elif value is not None:
                number = float(value.text or "")
                cells[place] = bool(number) if cell.attrib.get("t") == "b" else number
        rows.append([cells.get(place) for place in range(1, max(cells, default=0) + 1)])
    return rows


def of_sheet(path: Path) -> list[dict[str, Any]]:
    head, *rows = sheet(path)
    return [dict(zip(head, [*row, *[None] * (len(head) - len(row))], strict=True)) for row in rows]


READ: dict[str, Callable[[Path], object]] = {
    "x.csv": comma_separated,
    "x.parquet": lambda path: pq.read_table(path).to_pylist(),
    "x.xlsx": of_sheet,
}


def folder_rows(
    made: World, to: Path, table: str = "conversation_overview"
) -> list[dict[str, Any]]:
    """The rows that a folder has of the same interval."""
    made.cloud().fetch(DAYS, to)
    parts = [pq.ParquetFile(each).read() for each in sorted((to / table).glob("day=*/*.parquet"))]
    rows: list[dict[str, Any]] = pa.concat_tables(parts).to_pylist()
    assert rows
    return rows


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("table", [None, "segments"])
def test_a_file_has_what_a_folder_has(table: str | None, tmp_path: Path) -> None:
    """A single file has every row of its table, as a folder of the same interval has them, in each of its formats."""
    made = world(per_day=40)
    wanted = folder_rows(made, tmp_path / "folder", table or "conversation_overview")
    for name in READ:
        summary = made.cloud().fetch(DAYS, tmp_path / name, table=table)
        assert (summary.coverage, summary.destination) == ("complete", str(tmp_path / name))
    assert pq.read_table(tmp_path / "x.parquet").to_pylist() == wanted
    for rows in (comma_separated(tmp_path / "x.csv"), of_sheet(tmp_path / "x.xlsx")):
        assert [row["conversation_id"] for row in rows] == [
            row["conversation_id"] for row in wanted
        ]
    for ours, theirs in zip(of_sheet(tmp_path / "x.xlsx"), wanted, strict=True):
        for column, value in theirs.items():
            if isinstance(value, datetime):
                moment = EPOCH + timedelta(days=ours[column])
                assert abs(moment - value) < timedelta(milliseconds=1)
            elif isinstance(value, list):
                assert (ours[column] or "") == ", ".join(map(str, value))
            else:
                assert ours[column] == value


@pytest.mark.parametrize("name", READ)
def test_the_same_again(name: str, tmp_path: Path) -> None:
    """The same command reads nothing that is final, and writes the same file again; also where it was removed."""
    made, to, read = world(per_day=20), tmp_path / name, READ[name]
    made.cloud().fetch(DAYS, to)
    rows = read(to)
    made.sandbox.counters.clear()
    assert made.cloud().fetch(DAYS, to).coverage == "complete"
    assert (read(to), made.sandbox.counters["jobs.submit"]) == (rows, 0)
    to.unlink()
    assert made.cloud().fetch(DAYS, to).coverage == "complete"
    assert read(to) == rows


def edited(to: Path) -> None:
    to.write_bytes(to.read_bytes() + b"my notes\n")


def untouched(_: Path) -> None:
    pass


#: What happens to a file of DAYS; what is asked for then; what is said.
REFUSED: dict[str, tuple[Callable[[Path], None], str, dict[str, Any], str]] = {
    "other hours": (untouched, "2023-10-10", {}, "holds 2023-10-10T00:00:00.000Z/2023-10-12"),
    "other filters": (untouched, DAYS, {"media": "voice"}, "other filters"),
    "another table": (untouched, DAYS, {"table": "segments"}, "another selection"),
    "other columns": (untouched, DAYS, {"drop": "agents"}, "another selection"),
    "edited": (edited, DAYS, {}, "is not as lastpage wrote it"),
}


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("case", REFUSED)
def test_a_file_is_not_written_over(case: str, tmp_path: Path) -> None:
    """A single file of other hours, filters or tables, or one that was changed, is written over only on request."""
    happens, interval, asked, said = REFUSED[case]
    made, to = world(per_day=20), tmp_path / "x.csv"
    made.cloud().fetch(DAYS, to)
    happens(to)
    before = to.read_bytes()
    with pytest.raises(UsageError, match=re.escape(said)) as refusal:
        made.cloud().fetch(interval, to, **asked)
    assert "--replace" in str(refusal.value)
    assert to.read_bytes() == before
    assert made.cloud().fetch(interval, to, replace=True, **asked).coverage == "complete"
    assert to.read_bytes() != before
    # Once it is done, it is the file of the new command.
    assert made.cloud().fetch(interval, to, **asked).coverage == "complete"


def test_a_file_of_another_organization(tmp_path: Path) -> None:
    """A single file is not written over with another organisation's data, and can be on request."""
    to = tmp_path / "x.csv"
    world(per_day=20).cloud().fetch(DAYS, to)
    other = world(per_day=20, seed=8)
    with pytest.raises(UsageError, match="another organization; give --replace"):
        other.cloud().fetch(DAYS, to)
    assert other.cloud().fetch(DAYS, to, replace=True).coverage == "complete"


def test_a_file_of_the_users(tmp_path: Path) -> None:
    """A file that lastpage did not write is refused, nothing is left beside it, and it is written over on request."""
    made, to = world(per_day=20), tmp_path / "x.csv"
    to.write_text("mine")
    with pytest.raises(UsageError, match="lastpage did not write it; give --replace"):
        made.cloud().fetch(DAYS, to)
    assert [each.name for each in tmp_path.iterdir()] == ["x.csv"]
    assert not made.sandbox.counters["jobs.submit"]
    made.cloud().fetch(DAYS, to, replace=True)
    assert len(comma_separated(to)) > 20


def test_a_length_means_other_hours(tmp_path: Path) -> None:
    """`24h` is another interval each time, so it is written over on request only, and holds one interval then."""
    made, to = world(per_day=40), tmp_path / "x.csv"
    made.cloud().fetch("24h", to)
    made.clock.sleep(3 * 3600)
    with pytest.raises(UsageError, match="of an earlier time; give --replace"):
        made.cloud().fetch("24h", to)
    summary = made.cloud().fetch("24h", to, replace=True)
    assert len(comma_separated(to)) == summary.conversations


@pytest.mark.invariant("Truthful")
def test_a_short_file_is_not_written(tmp_path: Path) -> None:
    """A reading that is short leaves a single file as it was; the same command goes on, and writes it."""
    made, to = world(per_day=60), tmp_path / "x.csv"
    to.write_text("mine")
    for before, there in ((True, b"mine"), (False, b"")):
        made.sandbox.faults.put("jobs.status", *["fail-job"] * 4)
        asked: dict[str, Any] = {"paginate": "cursor", "replace": before}
        summary = made.cloud().fetch(DAYS, to, **asked)
        assert summary.coverage == "short"
        assert any("since rows are missing" in note for note in summary.notes)
        assert (to.read_bytes() if to.exists() else b"") == there
        assert made.cloud().fetch(DAYS, to, **asked).coverage == "complete"
        assert len(comma_separated(to)) > 60
        to.unlink()


@pytest.mark.invariant("Crash-safe")
def test_a_crash_at_any_step(tmp_path: Path) -> None:
    """At whatever step of the disk a run stops, a single file is as it was or new, and the same command writes it."""
    made, whole = world(per_day=20), tmp_path / "whole.csv"
    made.cloud().fetch(DAYS, whole)
    step = 0
    while True:
        to, left = tmp_path / f"{step}" / "x.csv", step
        to.parent.mkdir()

        def seam(_: str) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise KeyboardInterrupt

        try:
            made.cloud(disk=Disk(seam)).fetch(DAYS, to)
        except KeyboardInterrupt:
            assert not to.exists() or to.read_bytes() == whole.read_bytes()
            assert made.cloud().fetch(DAYS, to).coverage == "complete"
            assert to.read_bytes() == whole.read_bytes()
        else:
            break
        step += 1
    assert step > 20


def test_what_is_beside_a_file_is_private(tmp_path: Path) -> None:
    """What a single file is made of lies in a folder that only its owner may enter; the file is as the umask makes it."""
    world(per_day=20).cloud().fetch(DAYS, tmp_path / "x.csv")
    assert stat.S_IMODE((tmp_path / "x.csv.lastpage").stat().st_mode) == 0o700
    (tmp_path / "other").touch()
    assert (tmp_path / "x.csv").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_waiting_for_another_run(tmp_path: Path) -> None:
    """A single file that another run has is waited for, or refused at once, as any destination."""
    made, to = world(per_day=20), tmp_path / "x.csv"
    held = Destination.parse(str(to)).held()
    held.__enter__()
    with pytest.raises(InUseError):
        made.cloud().fetch(DAYS, to)
    sleep = made.clock.sleep

    def ends(seconds: float) -> None:
        sleep(seconds)
        held.__exit__(None, None, None)
        made.clock.sleep = sleep  # type: ignore[method-assign]

    made.clock.sleep = ends  # type: ignore[method-assign]
    assert made.cloud().fetch(DAYS, to, wait="10m").coverage == "complete"
    assert to.exists()


def test_other_verbs(tmp_path: Path) -> None:
    """A single file can be verified and has a status; it is neither kept current nor repaired."""
    made, to = world(per_day=20), tmp_path / "x.csv"
    made.cloud().fetch(DAYS, to)
    assert {proof.state for proof in made.cloud().verify(to, content=True).proofs} == {"same"}
    found = status(to)
    assert (found.conversations, found.due) == (len(comma_separated(to)), [])
    with pytest.raises(UsageError, match="written whole"):
        made.cloud().verify(to, repair=True)
    with pytest.raises(UsageError, match="written whole"):
        made.cloud().sync(to, since="2023-10-10")


def test_utf_8_is_said(tmp_path: Path) -> None:
    """With `bom` a CSV file begins with the mark of UTF-8, and is otherwise the same."""
    made = world(per_day=20)
    for name, bom in (("a.csv", False), ("b.csv", True)):
        made.cloud().fetch(DAYS, tmp_path / name, bom=bom)
    plain, marked = ((tmp_path / name).read_bytes() for name in ("a.csv", "b.csv"))
    assert marked == "\ufeff".encode() + plain


def test_dates_in_the_zone(tmp_path: Path) -> None:
    """Dates of a workbook are in the zone that was asked for."""
    made, zone = world(per_day=40), ZoneInfo("Asia/Tokyo")
    made.cloud().fetch("2023-10-10", tmp_path / "x.xlsx", tz="Asia/Tokyo")
    made.cloud().fetch("2023-10-10", tmp_path / "x.parquet", tz="Asia/Tokyo")
    starts = [
        EPOCH + timedelta(days=row["conversation_start"]) for row in of_sheet(tmp_path / "x.xlsx")
    ]
    truth = pq.read_table(tmp_path / "x.parquet").column("conversation_start").to_pylist()
    assert {each.date() for each in starts} == {date(2023, 10, 10)}
    for ours, theirs in zip(starts, truth, strict=True):
        assert abs(ours - theirs.astimezone(zone).replace(tzinfo=UTC)) < timedelta(milliseconds=1)


def test_attributes_as_columns(tmp_path: Path) -> None:
    """The table that attributes add can be a file, too."""
    asked: dict[str, Any] = {"table": "participants_with_attributes", "attributes": "skill"}
    world(per_day=20).cloud().fetch(DAYS, tmp_path / "x.csv", **asked)
    assert "skill" in comma_separated(tmp_path / "x.csv")[0]


# What Excel takes --------------------------------------------------------------------------------


def written(path: Path, **columns: pa.Array) -> list[dict[str, Any]]:
    table = pa.table(columns)
    excel.write(path, table.schema, lambda: [table.slice(0, 1), table.slice(1)], UTC)
    return of_sheet(path)


def test_values_of_a_workbook(tmp_path: Path) -> None:
    """What looks like a number, a date or a formula stays text; long numbers are text in the whole column; null is empty."""
    texts = ["=1+1", "007", "2023-10-10", "", None, "https://example.org"]
    numbers = [1, 2, 10**15, None, -3, 4]
    rows = written(
        tmp_path / "x.xlsx",
        text=pa.array(texts),
        big=pa.array(numbers, pa.int64()),
        talk_ms=pa.array([90_061_000, 0, None, 1, 2, 3], pa.int64()),
        names=pa.array([["Ada", None, "Bo"], [], None, [], [], []], pa.list_(pa.string())),
        old=pa.array([datetime(1, 1, 1, tzinfo=UTC)] * 6, pa.timestamp("ms", "UTC")),
        share=pa.array([0.5, None, 1.0, 2.0, 3.0, 4.0]),
    )
    assert [row["text"] or "" for row in rows] == [text or "" for text in texts]
    assert [row["big"] for row in rows] == [None if each is None else str(each) for each in numbers]
    assert rows[0]["talk [h]:mm:ss"] == pytest.approx(90_061 / 86_400)
    assert [rows[0][name] for name in ("talk_ms", "names", "old", "share")] == [
        90_061_000,
        "Ada, , Bo",
        "0001-01-01 00:00:00",
        0.5,
    ]


def test_what_excel_would_cut(tmp_path: Path) -> None:
    """A text that a cell would cut is refused with the column's name, and so are more rows than a sheet has."""
    with pytest.raises(DestinationError, match=r"32,767 characters.*--drop note"):
        written(tmp_path / "x.xlsx", note=pa.array(["fine", "x" * 32_768]))
    written(tmp_path / "x.xlsx", note=pa.array(["x" * 32_767]))


def test_more_rows_than_a_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than a sheet has are refused before one is written; the tables that were fetched stay."""
    made, to = world(per_day=40), tmp_path / "x.xlsx"
    monkeypatch.setattr(excel, "ROWS_MAX", 50)
    with pytest.raises(DestinationError, match=r"has 50 rows, and these are more; write x.csv"):
        made.cloud().fetch(DAYS, to)
    assert not to.exists()
    monkeypatch.undo()
    made.sandbox.counters.clear()
    assert made.cloud().fetch(DAYS, to).coverage == "complete"
    assert not made.sandbox.counters["jobs.submit"]


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without XlsxWriter a workbook is refused before anything is sent, with what to install."""
    monkeypatch.setattr("lastpage.sinks.destination.find_spec", lambda _: None)
    made = world()
    with pytest.raises(UsageError, match=r"pip install 'lastpage\[excel\]'"):
        made.cloud().fetch(DAYS, tmp_path / "x.xlsx")
    assert not made.sandbox.counters
