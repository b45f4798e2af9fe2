"""What every sink promises, asked of every sink."""

import json
import shutil
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.contract.kinds import SINKS, Kind
from tests.readback import everything

from lastpage.coverage.ranges import Range
from lastpage.errors import DestinationError, LastpageError, UsageError
from lastpage.files import Disk
from lastpage.query.interval import Interval
from lastpage.sinks.sink import Identity, Sink
from lastpage.tables.build import Shredder
from lastpage.tables.selection import Selection

DAY = date(2023, 10, 10)
START = datetime(2023, 10, 10, tzinfo=UTC)
AS_OF = START + timedelta(days=3)
US = Identity("org-1", "{}")
#: Two tables and what a destination says of itself; the others are written by the same steps.
FEW = Shredder(Selection(tables=("sessions",)))


def opened(
    kind: Kind, folder: Path, disk: Disk | None = None, who: Identity = US, shredder: Shredder | None = None
) -> Sink:
    """A sink as a run has it; whoever opens the same place again closes it first, as a second run would have to wait."""
    sink = kind.make(folder, disk or Disk())
    try:
        sink.open()
        sink.claim(who, shredder or Shredder())
    except BaseException:
        sink.close()
        raise
    return sink


def stored(kind: Kind, folder: Path) -> dict[str, str]:
    """What is there: external tag by conversation id; a row that is there twice is an error."""
    rows = [(row["conversation_id"], row["external_tag"]) for row in kind.read(folder, "conversations")]
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
def kind(request: pytest.FixtureRequest) -> Kind:
    return SINKS[request.param]


@pytest.fixture(params=[name for name, kind in SINKS.items() if kind.replaces])
def replacing(request: pytest.FixtureRequest) -> Kind:
    return SINKS[request.param]


def test_what_is_written_is_there(kind: Kind, tmp_path: Path) -> None:
    """Rows, ranges and counts are there again after reopening."""
    sink = opened(kind, tmp_path)
    sink.replace(DAY, [hours(0, 24, conversations=3)], [[record(1), record(2)], [record(23)]])
    sink.close()
    assert stored(kind, tmp_path) == {"h1-0": "one", "h2-0": "one", "h23-0": "one"}
    assert opened(kind, tmp_path).committed() == {DAY: [hours(0, 24, conversations=3)]}


def test_an_empty_range(kind: Kind, tmp_path: Path) -> None:
    """A range without rows is recorded as such."""
    sink = opened(kind, tmp_path)
    sink.replace(DAY, [hours(0, 24)], [])
    sink.close()
    assert opened(kind, tmp_path).committed() == {DAY: [hours(0, 24)]}
    assert stored(kind, tmp_path) == {}


def test_again_changes_nothing(kind: Kind, tmp_path: Path) -> None:
    """The same range of the same version again: the same rows, once."""
    sink = opened(kind, tmp_path)
    for _ in range(2):
        sink.replace(DAY, [hours(0, 24, conversations=1)], [[record(5)]])
    assert stored(kind, tmp_path) == {"h5-0": "one"}


def test_several_days(kind: Kind, tmp_path: Path) -> None:
    """Days do not touch each other."""
    sink = opened(kind, tmp_path)
    tomorrow = Interval(START + timedelta(days=1), START + timedelta(days=2))
    sink.replace(DAY, [hours(0, 24)], [[record(5)]])
    sink.replace(DAY + timedelta(days=1), [replace(hours(0, 24), interval=tomorrow)], [[record(30)]])
    assert stored(kind, tmp_path) == {"h5-0": "one", "h30-0": "one"}


TEXTS = ['"q"', "a\nb", "\r\n", "", " x ", "\u2028", "nul\x00", "👩‍👩‍👧", "x" * 200_000]


@pytest.mark.parametrize("text", TEXTS)
def test_wide_text(kind: Kind, tmp_path: Path, text: str) -> None:
    """Any text comes back as it was."""
    opened(kind, tmp_path).replace(DAY, [hours(0, 24)], [[record(5, text)]])
    assert stored(kind, tmp_path) == {"h5-0": text}


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("text", TEXTS)
def test_wide_text_in_tables(replacing: Kind, tmp_path: Path, text: str) -> None:
    """Any text survives in attributes and lists, also when another range of its day is replaced."""
    body = json.loads(bytes(record(5, text))) | {"divisionIds": [text, "b"]}
    body["participants"][0]["attributes"] = {f"n{text}": text}
    sink = opened(replacing, tmp_path)
    sink.replace(DAY, [hours(0, 12)], [[msgspec.Raw(json.dumps(body).encode())]])
    sink.replace(DAY, [hours(12, 24)], [[record(13)]])
    one, other = replacing.read(tmp_path, "conversations")
    assert [row["external_tag"] for row in (one, other)] == ["one", text]
    assert replacing.listed(other["division_ids"]) == [text, "b"]
    (attribute,) = replacing.read(tmp_path, "participant_attributes")
    assert (attribute["name"], attribute["value"]) == (f"n{text}", text)


def test_a_raw_line_break(tmp_path: Path) -> None:
    """A record that came with line breaks between its fields is still one line."""
    sink = opened(SINKS["jsonl"], tmp_path)
    pretty = msgspec.Raw(json.dumps(json.loads(bytes(record(5))), indent=1).encode())
    sink.replace(DAY, [hours(0, 24)], [[pretty]])
    assert stored(SINKS["jsonl"], tmp_path) == {"h5-0": "one"}


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("odd", ['"\\ud800"', "1e400", "0.30000000000000000000001"])
def test_a_raw_line_break_beside_an_odd_value(tmp_path: Path, odd: str) -> None:
    """A record that is written as a line loses only the line breaks between its values."""
    sink = opened(SINKS["jsonl"], tmp_path)
    sink.replace(DAY, [hours(0, 24)], [[msgspec.Raw(f'{{"conversationId":\r\n"a",\n"odd":{odd}}}'.encode())]])
    (line,) = next(path for path in tmp_path.rglob("*.jsonl*") if path.is_file()).read_bytes().splitlines()
    assert f'"odd":{odd}' in line.decode()


@pytest.mark.invariant("Destinations")
def test_what_lacks_a_record_is_not_final(replacing: Kind, tmp_path: Path) -> None:
    """A range with a record that no table can take is neither complete nor final in the data."""
    broken = msgspec.Raw(bytes(record(5)).replace(b'"participantId": "p"', b'"participantId": {}'))
    sink = opened(replacing, tmp_path)
    sink.replace(DAY, [hours(0, 12), hours(12, 24)], [[record(1), broken]])
    kept = [(version.coverage, version.finality) for version in sink.committed()[DAY]]
    assert kept == [("unproven", "provisional"), ("complete", "final")]


@pytest.mark.invariant("Destinations")
def test_a_start_range_is_replaced(replacing: Kind, tmp_path: Path) -> None:
    """Exactly the fetched range is replaced, in every table; the rest of the day is kept."""
    sink = opened(replacing, tmp_path)
    sink.replace(DAY, [hours(0, 24)], [[record(hour) for hour in (1, 8, 12, 20)]])
    sink.replace(DAY, [hours(8, 13)], [[record(9, "two")]])
    assert stored(replacing, tmp_path) == {"h1-0": "one", "h9-0": "two", "h20-0": "one"}
    assert [row["session_id"] for row in replacing.read(tmp_path, "sessions")] == ["one", "one", "two"]
    sink.close()
    kept = opened(replacing, tmp_path).committed()[DAY]
    assert [(version.interval, version.conversations) for version in kept] == [
        (hours(0, 8).interval, 1),
        (hours(8, 13).interval, 1),
        (hours(13, 24).interval, 1),
    ]


def test_fresher_stays(replacing: Kind, tmp_path: Path) -> None:
    """A version never replaces a fresher one, where they overlap; elsewhere it is written."""
    sink = opened(replacing, tmp_path)
    sink.replace(DAY, [hours(8, 12, as_of=AS_OF + timedelta(hours=1))], [[record(9, "fresh")]])
    sink.replace(DAY, [hours(0, 24)], [[record(1, "old"), record(9, "old"), record(10, "old", 1), record(20, "old")]])
    assert stored(replacing, tmp_path) == {"h1-0": "old", "h9-0": "fresh", "h20-0": "old"}


@pytest.mark.invariant("Destinations")
def test_short_never_replaces_complete(replacing: Kind, tmp_path: Path) -> None:
    """Rows that are known to be incomplete never replace complete ones, however fresh they are."""
    sink = opened(replacing, tmp_path)
    sink.replace(DAY, [hours(0, 24)], [[record(1), record(2)]])
    sink.replace(DAY, [hours(0, 24, coverage="short", as_of=AS_OF + timedelta(days=1))], [[record(1, "two")]])
    assert stored(replacing, tmp_path) == {"h1-0": "one", "h2-0": "one"}
    sink.replace(DAY, [hours(0, 24, as_of=AS_OF + timedelta(days=2))], [[record(2, "two")]])
    assert stored(replacing, tmp_path) == {"h2-0": "two"}


def test_broken_records_come_once(replacing: Kind, tmp_path: Path) -> None:
    """Records that could not be read are replaced with their range, also when they do not say when they started."""
    broken = msgspec.Raw(bytes(record(5)).replace(b'"participantId": "p"', b'"participantId": {}'))
    nobody = msgspec.Raw(b'{"conversationStart": 7}')
    for _ in range(2):
        opened(replacing, tmp_path).replace(DAY, [hours(0, 24)], [[record(1), broken, nobody]])
        assert [row["conversation_id"] for row in replacing.read(tmp_path, "broken")] == ["", "h5-0"]
    opened(replacing, tmp_path).replace(DAY, [hours(8, 24)], [])
    assert len(replacing.read(tmp_path, "broken")) == 2
    opened(replacing, tmp_path).replace(DAY, [hours(0, 8)], [[record(5)]])
    assert [row["conversation_id"] for row in replacing.read(tmp_path, "broken")] == [""]


@pytest.mark.invariant("Destinations")
def test_lines_refuse_an_overlap(tmp_path: Path) -> None:
    """JSON lines cannot replace: another version of a range is refused, and nothing changes."""
    sink = opened(SINKS["jsonl"], tmp_path)
    sink.replace(DAY, [hours(0, 24)], [[record(1)]])
    with pytest.raises(UsageError, match="give another file"):
        sink.replace(DAY, [hours(12, 24, as_of=AS_OF + timedelta(days=1))], [[record(13)]])
    assert stored(SINKS["jsonl"], tmp_path) == {"h1-0": "one"}


class Crash(BaseException):
    """The power goes."""


class Steps:
    """Counts the seams; at the chosen one the power goes, or the disk is full. What the disk has then is left in `left`."""

    def __init__(self, at: int, problem: BaseException, folder: Path) -> None:
        self.at, self.problem, self.count = at, problem, 0
        self.folder, self.left = folder, folder

    def __call__(self, name: str) -> None:
        self.count += 1
        if self.count == self.at:
            if isinstance(self.problem, Crash):
                # Nothing that this process still does on its way out may count.
                self.left = Path(shutil.copytree(self.folder, self.folder.with_name(f"{self.folder.name}-left")))
            raise self.problem


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize("problem", [Crash(), OSError(28, "No space left on device")], ids=["crash", "full"])
def test_crash_at_every_step(kind: Kind, tmp_path: Path, problem: BaseException) -> None:
    """Stopped at any step, a destination has the old day or the new; the next run finishes it."""
    step = 0
    while True:
        step += 1
        folder = tmp_path / str(step)
        folder.mkdir()
        sink = opened(kind, folder, shredder=FEW)
        sink.replace(DAY, [hours(0, 12)], [[record(1), record(2)]])
        sink.close()
        old = stored(kind, folder)
        steps = Steps(step, problem, folder)
        try:
            with closing(opened(kind, folder, Disk(steps), shredder=FEW)) as again:
                again.replace(DAY, [hours(12, 24)], [[record(13)], [record(14)]])
        except (Crash, DestinationError):
            pass
        last = steps.count < step
        folder = steps.left
        after = opened(kind, folder, shredder=FEW)
        new = old | {"h13-0": "one", "h14-0": "one"}
        assert stored(kind, folder) in (old, new)
        held = after.committed()[DAY]
        assert (stored(kind, folder) == new) == (hours(12, 24).interval in [version.interval for version in held])
        after.replace(DAY, [hours(12, 24)], [[record(13)], [record(14)]])
        assert stored(kind, folder) == new
        after.close()
        if last:
            break
    assert step > 3


def test_pages_that_fail(kind: Kind, tmp_path: Path) -> None:
    """If the rows stop coming in the middle, nothing of them is there afterwards."""

    def pages() -> Any:
        yield [record(1)]
        raise KeyboardInterrupt

    sink = opened(kind, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        sink.replace(DAY, [hours(0, 24)], pages())
    sink.close()
    assert opened(kind, tmp_path).committed() == {}
    assert stored(kind, tmp_path) == {}


@pytest.mark.parametrize(
    "other",
    [Identity("org-2", "{}"), Identity("org-1", '{"segmentFilters":[]}'), Identity("org-1", "{}", '{"drop":["ani"]}')],
)
def test_another_identity(kind: Kind, tmp_path: Path, other: Identity) -> None:
    """A destination of another organisation of other filters or of another selection is refused, exit 2, and not changed."""
    opened(kind, tmp_path).replace(DAY, [hours(0, 24)], [[record(1)]])
    with pytest.raises(UsageError, match="give another destination"):
        opened(kind, tmp_path, who=other)
    assert stored(kind, tmp_path) == {"h1-0": "one"}


def test_a_foreign_place(kind: Kind, tmp_path: Path) -> None:
    """What is there and not ours is refused, exit 6, and not touched."""
    place = tmp_path / kind.place
    if not place.suffix:
        place.mkdir()
        place /= "thesis.docx"
    place.write_text("years of work")
    with pytest.raises(LastpageError) as refused:
        opened(kind, tmp_path)
    assert refused.value.exit_code == 6


def test_a_place_that_cannot_be(kind: Kind, tmp_path: Path) -> None:
    """A folder under a file, or a file where a folder is: one sentence, exit 6, and nothing is changed."""
    base = tmp_path / "notes"
    if kind.replaces:
        base.write_text("mine")
    else:
        (base / kind.place).mkdir(parents=True)
    with pytest.raises(DestinationError) as refused:
        opened(kind, base).replace(DAY, [hours(0, 24)], [[record(1)]])
    assert refused.value.exit_code == 6
    assert "\n" not in str(refused.value)
    assert base.read_text() == "mine" if kind.replaces else list((base / kind.place).iterdir()) == []


def test_one_row_goes(replacing: Kind, tmp_path: Path) -> None:
    """A day of one row whose range is replaced by nothing is a day of none, in every table, and said to be one."""
    sink = opened(replacing, tmp_path)
    sink.replace(DAY, [hours(0, 24)], [[record(5)]])
    sink.replace(DAY, [hours(0, 24)], [])
    assert stored(replacing, tmp_path) == {}
    assert replacing.read(tmp_path, "sessions") == []
    sink.close()
    assert [version.conversations for version in opened(replacing, tmp_path).committed()[DAY]] == [0]


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


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_an_older_version_without_a_column(tmp_path: Path, form: str) -> None:
    """A file of an older version that lacks columns is carried over, with nulls."""
    kind = SINKS[form]
    opened(kind, tmp_path).replace(DAY, [hours(0, 12)], [[record(1)]])
    place = tmp_path / "out" / "conversations" / "day=2023-10-10"
    for gone in ("originating_social_media_public", "external_tag", "division_ids"):
        without(place / f"part.{form}", gone)
    opened(kind, tmp_path).replace(DAY, [hours(12, 24)], [[record(13, "two")]])
    assert stored(kind, tmp_path) == {"h1-0": None, "h13-0": "two"}
    assert list(kind.read(tmp_path, "conversations")[0]) == list(Shredder().schemas["conversations"].names)


def without(path: Path, column: str) -> None:
    """A file as a version would have written it that did not know a column."""
    import duckdb
    import pyarrow.parquet as pq

    if path.suffix == ".parquet":
        older = pq.read_table(path, partitioning=None).drop_columns([column])
        pq.write_table(older.replace_schema_metadata(pq.read_metadata(path).metadata), path)
        return
    rows = duckdb.read_csv(str(path), all_varchar=True, hive_partitioning=False)  # noqa: F841 - the query has its name
    duckdb.sql(f"copy (select * exclude ({column}) from rows) to '{path}.new' (header, force_quote *)")
    path.with_name(f"{path.name}.new").replace(path)


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
