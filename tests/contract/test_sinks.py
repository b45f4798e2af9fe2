"""What every sink promises, asked of every sink."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.readback import everything, lines, table

from lastpage.errors import DestinationError, LastpageError, UsageError
from lastpage.files import Disk
from lastpage.interval import Interval
from lastpage.sinks.folder import Folder
from lastpage.sinks.jsonl import JsonLines
from lastpage.sinks.parquet import Parquet
from lastpage.sinks.sink import Identity, Range, Sink

DAY = date(2023, 10, 10)
START = datetime(2023, 10, 10, tzinfo=UTC)
AS_OF = START + timedelta(days=3)
US = Identity("org-1", "{}")
Make = Callable[[Path, Disk], Sink]


def parquet(folder: Path, disk: Disk) -> Sink:
    return Folder(folder / "out", folder / "out" / ".lastpage", US, Parquet(), disk)


def jsonl(name: str) -> Make:
    def make(folder: Path, disk: Disk) -> Sink:
        state = folder / f"{name}.lastpage"
        state.mkdir(exist_ok=True)
        return JsonLines(folder / name, state, US, disk)

    return make


SINKS: dict[str, Make] = {
    "parquet": parquet,
    "jsonl": jsonl("x.jsonl"),
    "gz": jsonl("x.jsonl.gz"),
    "zst": jsonl("x.jsonl.zst"),
}
REPLACING = ["parquet"]


def opened(make: Make, folder: Path, disk: Disk | None = None) -> Sink:
    sink = make(folder, disk or Disk())
    sink.open()
    return sink


def stored(folder: Path) -> dict[str, str]:
    """What is there: external tag by conversation id; a row that is there twice is an error."""
    if (folder / "out").exists():
        rows = [(row["conversation_id"], row["external_tag"]) for row in table(folder / "out")]
    else:
        path = next((path for path in folder.glob("x.jsonl*") if path.is_file()), None)
        rows = [(row["conversationId"], row["externalTag"]) for row in lines(path)] if path else []
    assert len(rows) == len(dict(rows))
    return dict(rows)


def record(hour: float, tag: str = "one", number: int = 0) -> msgspec.Raw:
    start = (START + timedelta(hours=hour)).isoformat().replace("+00:00", "Z")
    body = {"conversationId": f"h{hour}-{number}", "conversationStart": start, "externalTag": tag}
    children: dict[str, Any] = {"participants": [{"participantId": "p", "sessions": [{"sessionId": tag}]}]}
    return msgspec.Raw(json.dumps(body | children).encode())


def hours(first: float, last: float, **more: Any) -> Range:
    interval = Interval(START + timedelta(hours=first), START + timedelta(hours=last))
    facts: dict[str, Any] = {
        "as_of": AS_OF,
        "route": "cursor",
        "coverage": "complete",
        "finality": "final",
        "conversations": 0,
    }
    return Range(interval, **{**facts, **more})


@pytest.fixture(params=SINKS)
def make(request: pytest.FixtureRequest) -> Make:
    return SINKS[request.param]


@pytest.fixture(params=REPLACING)
def replacing(request: pytest.FixtureRequest) -> Make:
    return SINKS[request.param]


def test_what_is_written_is_there(make: Make, tmp_path: Path) -> None:
    """Rows, ranges and counts are there again after reopening."""
    sink = opened(make, tmp_path)
    sink.replace(DAY, [hours(0, 24, conversations=3)], [[record(1), record(2)], [record(23)]])
    sink.close()
    assert stored(tmp_path) == {"h1-0": "one", "h2-0": "one", "h23-0": "one"}
    assert opened(make, tmp_path).committed() == {DAY: [hours(0, 24, conversations=3)]}


def test_an_empty_range(make: Make, tmp_path: Path) -> None:
    """A range without rows is recorded as such."""
    sink = opened(make, tmp_path)
    sink.replace(DAY, [hours(0, 24)], [])
    assert opened(make, tmp_path).committed() == {DAY: [hours(0, 24)]}
    assert stored(tmp_path) == {}


def test_again_changes_nothing(make: Make, tmp_path: Path) -> None:
    """The same range of the same version again: the same rows, once."""
    sink = opened(make, tmp_path)
    for _ in range(2):
        sink.replace(DAY, [hours(0, 24, conversations=1)], [[record(5)]])
    assert stored(tmp_path) == {"h5-0": "one"}


def test_several_days(make: Make, tmp_path: Path) -> None:
    """Days do not touch each other."""
    sink = opened(make, tmp_path)
    tomorrow = Interval(START + timedelta(days=1), START + timedelta(days=2))
    sink.replace(DAY, [hours(0, 24)], [[record(5)]])
    sink.replace(DAY + timedelta(days=1), [replace(hours(0, 24), interval=tomorrow)], [[record(30)]])
    assert stored(tmp_path) == {"h5-0": "one", "h30-0": "one"}


@pytest.mark.parametrize("text", ['"q"', "a\nb", "\u2028", "nul\x00", "👩‍👩‍👧", "x" * 200_000])
def test_wide_text(make: Make, tmp_path: Path, text: str) -> None:
    """Any text comes back as it was."""
    opened(make, tmp_path).replace(DAY, [hours(0, 24)], [[record(5, text)]])
    assert stored(tmp_path) == {"h5-0": text}


def test_a_raw_line_break(tmp_path: Path) -> None:
    """A record that came with line breaks between its fields is still one line."""
    sink = opened(SINKS["jsonl"], tmp_path)
    pretty = msgspec.Raw(json.dumps(json.loads(bytes(record(5))), indent=1).encode())
    sink.replace(DAY, [hours(0, 24)], [[pretty]])
    assert stored(tmp_path) == {"h5-0": "one"}


def test_a_start_range_is_replaced(replacing: Make, tmp_path: Path) -> None:
    """Exactly the range is replaced, in every table; the rest of the day is carried over."""
    sink = opened(replacing, tmp_path)
    sink.replace(DAY, [hours(0, 24)], [[record(hour) for hour in (1, 8, 12, 20)]])
    sink.replace(DAY, [hours(8, 13)], [[record(9, "two")]])
    assert stored(tmp_path) == {"h1-0": "one", "h9-0": "two", "h20-0": "one"}
    assert [row["session_id"] for row in table(tmp_path / "out", "sessions")] == ["one", "one", "two"]
    kept = opened(replacing, tmp_path).committed()[DAY]
    assert [(version.interval, version.conversations) for version in kept] == [
        (hours(0, 8).interval, 1),
        (hours(8, 13).interval, 1),
        (hours(13, 24).interval, 1),
    ]


def test_fresher_stays(replacing: Make, tmp_path: Path) -> None:
    """A version never replaces a fresher one, where they overlap; elsewhere it is written."""
    sink = opened(replacing, tmp_path)
    sink.replace(DAY, [hours(8, 12, as_of=AS_OF + timedelta(hours=1))], [[record(9, "fresh")]])
    sink.replace(DAY, [hours(0, 24)], [[record(1, "old"), record(9, "old"), record(10, "old", 1), record(20, "old")]])
    assert stored(tmp_path) == {"h1-0": "old", "h9-0": "fresh", "h20-0": "old"}


def test_short_never_replaces_complete(replacing: Make, tmp_path: Path) -> None:
    """Rows that are known to be short never stand in for rows that are complete, however fresh."""
    sink = opened(replacing, tmp_path)
    sink.replace(DAY, [hours(0, 24)], [[record(1), record(2)]])
    sink.replace(DAY, [hours(0, 24, coverage="short", as_of=AS_OF + timedelta(days=1))], [[record(1, "two")]])
    assert stored(tmp_path) == {"h1-0": "one", "h2-0": "one"}
    sink.replace(DAY, [hours(0, 24, as_of=AS_OF + timedelta(days=2))], [[record(2, "two")]])
    assert stored(tmp_path) == {"h2-0": "two"}


def test_broken_records_come_once(replacing: Make, tmp_path: Path) -> None:
    """Records that could not be read are replaced with their range, also when they do not say when they started."""
    broken = msgspec.Raw(bytes(record(5)).replace(b'"participantId": "p"', b'"participantId": {}'))
    nobody = msgspec.Raw(b'{"conversationStart": 7}')
    for _ in range(2):
        opened(replacing, tmp_path).replace(DAY, [hours(0, 24)], [[record(1), broken, nobody]])
        assert [row["conversation_id"] for row in table(tmp_path / "out", "broken")] == ["", "h5-0"]
    opened(replacing, tmp_path).replace(DAY, [hours(8, 24)], [])
    assert len(table(tmp_path / "out", "broken")) == 2
    opened(replacing, tmp_path).replace(DAY, [hours(0, 8)], [[record(5)]])
    assert [row["conversation_id"] for row in table(tmp_path / "out", "broken")] == [""]


def test_lines_refuse_an_overlap(tmp_path: Path) -> None:
    """JSON lines cannot replace: another version of a range is refused with the mend, and nothing changes."""
    sink = opened(SINKS["jsonl"], tmp_path)
    sink.replace(DAY, [hours(0, 24)], [[record(1)]])
    with pytest.raises(UsageError, match="give another file"):
        sink.replace(DAY, [hours(12, 24, as_of=AS_OF + timedelta(days=1))], [[record(13)]])
    assert stored(tmp_path) == {"h1-0": "one"}


class Crash(BaseException):
    """The power goes."""


class Steps:
    """Counts the seams; at the chosen one the power goes, or the disk is full."""

    def __init__(self, at: int, problem: BaseException) -> None:
        self.at, self.problem, self.count = at, problem, 0

    def __call__(self, name: str) -> None:
        self.count += 1
        if self.count == self.at:
            raise self.problem


@pytest.mark.parametrize("problem", [Crash(), OSError(28, "No space left on device")], ids=["crash", "full"])
def test_crash_at_every_step(make: Make, tmp_path: Path, problem: BaseException) -> None:
    """Stopped at step 1, 2, 3 … until it runs through: reopened, the day is at the old or the new version, never between;
    and written again it is at the new one.
    """
    step = 0
    while True:
        step += 1
        folder = tmp_path / str(step)
        folder.mkdir()
        sink = opened(make, folder)
        sink.replace(DAY, [hours(0, 12)], [[record(1), record(2)]])
        old = stored(folder)
        steps = Steps(step, problem)
        try:
            again = opened(make, folder, Disk(steps))
            again.replace(DAY, [hours(12, 24)], [[record(13)], [record(14)]])
            again.close()
        except (Crash, DestinationError):
            pass
        last = steps.count < step
        after = opened(make, folder)
        new = old | {"h13-0": "one", "h14-0": "one"}
        assert stored(folder) in (old, new)
        held = after.committed()[DAY]
        assert (stored(folder) == new) == (hours(12, 24).interval in [version.interval for version in held])
        after.replace(DAY, [hours(12, 24)], [[record(13)], [record(14)]])
        assert stored(folder) == new
        if last:
            break
    assert step > 3


def test_pages_that_fail(make: Make, tmp_path: Path) -> None:
    """If the rows stop coming in the middle, nothing of them is there afterwards."""

    def pages() -> Any:
        yield [record(1)]
        raise KeyboardInterrupt

    sink = opened(make, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        sink.replace(DAY, [hours(0, 24)], pages())
    assert opened(make, tmp_path).committed() == {}
    assert stored(tmp_path) == {}


@pytest.mark.parametrize("other", [Identity("org-2", "{}"), Identity("org-1", '{"segmentFilters":[]}')])
def test_another_identity(make: Make, tmp_path: Path, other: Identity) -> None:
    """A destination of another organisation or of other filters is refused, exit 2, and not changed."""
    sink = opened(make, tmp_path)
    sink.replace(DAY, [hours(0, 24)], [[record(1)]])
    stranger = make(tmp_path, Disk())
    stranger._identity = other  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="another"):
        stranger.open()
    assert stored(tmp_path) == {"h1-0": "one"}


def test_a_foreign_place(make: Make, tmp_path: Path) -> None:
    """What is there and not ours is refused, exit 6, and not touched."""
    if make is SINKS["parquet"]:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "thesis.docx").write_text("years of work")
    else:
        for name in ("x.jsonl", "x.jsonl.gz", "x.jsonl.zst"):
            (tmp_path / name).write_text("years of work")
    with pytest.raises(LastpageError) as refused:
        opened(make, tmp_path)
    assert refused.value.exit_code == 6


def test_a_foreign_parquet_file(tmp_path: Path) -> None:
    """A Parquet file without our mark is not ours."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "out" / "conversations" / "day=2023-10-10" / "part.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(DestinationError, match="not written by lastpage"):
        opened(SINKS["parquet"], tmp_path)


def test_a_line_file_that_shrank(tmp_path: Path) -> None:
    """A file that is shorter than recorded was tampered with; it is refused, not appended to."""
    opened(SINKS["jsonl"], tmp_path).replace(DAY, [hours(0, 24)], [[record(1)]])
    (tmp_path / "x.jsonl").write_bytes(b"")
    with pytest.raises(DestinationError, match="shorter"):
        opened(SINKS["jsonl"], tmp_path)


def test_an_older_version_without_a_column(tmp_path: Path) -> None:
    """A file of an older version that lacks a column is carried over, with nulls."""
    import pyarrow.parquet as pq

    opened(SINKS["parquet"], tmp_path).replace(DAY, [hours(0, 12)], [[record(1)]])
    path = tmp_path / "out" / "conversations" / "day=2023-10-10" / "part.parquet"
    older = pq.read_table(path, partitioning=None).drop_columns(["self_served", "external_tag"])
    pq.write_table(older.replace_schema_metadata(pq.read_metadata(path).metadata), path)
    opened(SINKS["parquet"], tmp_path).replace(DAY, [hours(12, 24)], [[record(13, "two")]])
    assert stored(tmp_path) == {"h1-0": None, "h13-0": "two"}


def test_read_by_others(tmp_path: Path) -> None:
    """DuckDB reads the folder as one table a kind, with the day as a column."""
    import duckdb

    opened(SINKS["parquet"], tmp_path).replace(DAY, [hours(0, 24)], [[record(1), record(2)]])
    found = duckdb.sql(
        f"select c.conversation_id, c.day, count(*) from '{tmp_path}/out/conversations/*/*.parquet' c "
        f"join '{tmp_path}/out/sessions/*/*.parquet' s using (conversation_id) group by all order by 1"
    ).fetchall()
    assert [row[0] for row in found] == ["h1-0", "h2-0"]
    assert str(found[0][1]) == "2023-10-10"
    assert everything(tmp_path / "out")["broken"] == []
