"""What every sink promises, asked of every sink."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests import objects, postgres
from tests.contract.kinds import SINKS, Kind
from tests.elsewhere import copied
from tests.readback import everything

from lastpage.coverage.ranges import Range
from lastpage.coverage.replacement import Ruling
from lastpage.errors import DestinationError, LastpageError, UsageError
from lastpage.files import Disk
from lastpage.query.interval import Interval
from lastpage.sinks.destination import SINKS as ROWS
from lastpage.sinks.destination import Destination
from lastpage.sinks.sink import Identity, LineSink, Pages, TableSink
from lastpage.tables.build import Shredder
from lastpage.tables.selection import Selection

DAY = date(2023, 10, 10)
START = datetime(2023, 10, 10, tzinfo=UTC)
AS_OF = START + timedelta(days=3)
US = Identity("org-1", "{}")
#: Two tables and what a destination says of itself; the others are written by the same steps.
FEW = Shredder(Selection(tables=("sessions",)))


@contextmanager
def opened(
    kind: Kind,
    folder: Path,
    disk: Disk | None = None,
    identity: Identity = US,
    shredder: Shredder | None = None,
) -> Iterator[Any]:
    """A sink as a run has it."""
    with kind.opened(folder, disk or Disk()) as sink:
        if isinstance(sink, TableSink):
            sink.claim(identity, shredder or Shredder())
        else:
            sink.claim(identity)
        yield sink


def put(sink: TableSink | LineSink, ranges: list[Range], pages: Pages) -> None:
    """Write ranges of a day, by the sink's contract."""
    if isinstance(sink, TableSink):
        sink.replace(ranges[0].day, ranges, pages)
    else:
        sink.append(ranges, pages)


def write(kind: Kind, folder: Path, ranges: list[Range], pages: Pages, **more: Any) -> None:
    """Write ranges of a day, and leave the sink closed."""
    with opened(kind, folder, **more) as sink:
        put(sink, ranges, pages)


def held(kind: Kind, folder: Path) -> dict[date, list[Range]]:
    """What the sink says it holds."""
    with opened(kind, folder) as sink:
        return {day: bare(ranges) for day, ranges in sink.committed().items()}


def bare(ranges: list[Range]) -> list[Range]:
    """Without how many conversations are open, which only tables know."""
    return [replace(each, open=None) for each in ranges]


def stored(kind: Kind, folder: Path) -> dict[str, str]:
    """What is there: external tag by conversation id; a row that is there twice is an error."""
    rows = [
        (row["conversation_id"], row["external_tag"]) for row in kind.read(folder, "conversations")
    ]
    assert len(rows) == len(dict(rows))
    return dict(rows)


def record(hour: float, tag: str = "one", number: int = 0) -> msgspec.Raw:
    start = (START + timedelta(hours=hour)).isoformat().replace("+00:00", "Z")
    body = {"conversationId": f"h{hour}-{number}", "conversationStart": start, "externalTag": tag}
    children: dict[str, Any] = {
        "participants": [{"participantId": "p", "sessions": [{"sessionId": tag}]}]
    }
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


@pytest.fixture(params=[name for name, kind in SINKS.items() if kind.has_tables])
def with_tables(request: pytest.FixtureRequest) -> Kind:
    return SINKS[request.param]


@pytest.fixture(params=[name for name, kind in SINKS.items() if not kind.replaces])
def lines(request: pytest.FixtureRequest) -> Kind:
    return SINKS[request.param]


def test_what_is_written_is_there(kind: Kind, tmp_path: Path) -> None:
    """Rows, ranges and counts are there again after reopening."""
    write(kind, tmp_path, [hours(0, 24, conversations=3)], [[record(1), record(2)], [record(23)]])
    assert stored(kind, tmp_path) == {"h1-0": "one", "h2-0": "one", "h23-0": "one"}
    assert held(kind, tmp_path) == {DAY: [hours(0, 24, conversations=3)]}


def test_an_empty_range(kind: Kind, tmp_path: Path) -> None:
    """A range without rows is recorded as such."""
    write(kind, tmp_path, [hours(0, 24)], [])
    assert held(kind, tmp_path) == {DAY: [hours(0, 24)]}
    assert stored(kind, tmp_path) == {}


def test_again_changes_nothing(kind: Kind, tmp_path: Path) -> None:
    """The same range of the same version again: the same rows, once."""
    for _ in range(2):
        write(kind, tmp_path, [hours(0, 24, conversations=1)], [[record(5)]])
    assert stored(kind, tmp_path) == {"h5-0": "one"}


def test_several_days(kind: Kind, tmp_path: Path) -> None:
    """Days do not touch each other."""
    tomorrow = Interval(START + timedelta(days=1), START + timedelta(days=2))
    write(kind, tmp_path, [hours(0, 24)], [[record(5)]])
    write(kind, tmp_path, [replace(hours(0, 24), interval=tomorrow)], [[record(30)]])
    assert stored(kind, tmp_path) == {"h5-0": "one", "h30-0": "one"}


TEXTS = ['"q"', "a\nb", "\r\n", "", " x ", "\u2028", "nul\x00", "👩‍👩‍👧", "x" * 200_000]


@pytest.mark.parametrize("text", TEXTS)
def test_wide_text(kind: Kind, tmp_path: Path, text: str) -> None:
    """Any text comes back as it was."""
    write(kind, tmp_path, [hours(0, 24)], [[record(5, text)]], shredder=FEW)
    assert stored(kind, tmp_path) == {"h5-0": kind.kept(text)}


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("text", TEXTS)
def test_wide_text_in_tables(replacing: Kind, tmp_path: Path, text: str) -> None:
    """Any text survives in attributes and lists, also when another range of its day is replaced."""
    body = json.loads(bytes(record(5, text))) | {"divisionIds": [text, "b"]}
    body["participants"][0]["attributes"] = {f"n{text}": text}
    few = Shredder(Selection(tables=("participant_attributes",)))
    first = [[msgspec.Raw(json.dumps(body).encode())]]
    write(replacing, tmp_path, [hours(0, 12)], first, shredder=few)
    write(replacing, tmp_path, [hours(12, 24)], [[record(13)]], shredder=few)
    one, other = replacing.read(tmp_path, "conversations")
    text = replacing.kept(text)
    assert [row["external_tag"] for row in (one, other)] == ["one", text]
    assert replacing.listed(other["division_ids"]) == [text, "b"]
    (attribute,) = replacing.read(tmp_path, "participant_attributes")
    assert (attribute["name"], attribute["value"]) == (f"n{text}", text)


def test_a_raw_line_break(tmp_path: Path) -> None:
    """A record that came with line breaks between its fields is still one line."""
    pretty = msgspec.Raw(json.dumps(json.loads(bytes(record(5))), indent=1).encode())
    write(SINKS["jsonl"], tmp_path, [hours(0, 24)], [[pretty]])
    assert stored(SINKS["jsonl"], tmp_path) == {"h5-0": "one"}


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("odd", ['"\\ud800"', "1e400", "0.30000000000000000000001"])
def test_a_raw_line_break_beside_an_odd_value(tmp_path: Path, odd: str) -> None:
    """A record that is written as a line loses only the line breaks between its values."""
    write(
        SINKS["jsonl"],
        tmp_path,
        [hours(0, 24)],
        [[msgspec.Raw(f'{{"conversationId":\r\n"a",\n"odd":{odd}}}'.encode())]],
    )
    (line,) = (
        next(path for path in tmp_path.rglob("*.jsonl*") if path.is_file())
        .read_bytes()
        .splitlines()
    )
    assert f'"odd":{odd}' in line.decode()


@pytest.mark.invariant("Destinations")
def test_what_lacks_a_record_is_not_final(with_tables: Kind, tmp_path: Path, refused: str) -> None:
    """A range with a record that no table can take is neither complete nor final in the data."""
    pages = [[record(1), record(5, refused)]]
    write(with_tables, tmp_path, [hours(0, 12), hours(12, 24)], pages)
    found = [(version.coverage, version.finality) for version in held(with_tables, tmp_path)[DAY]]
    assert found == [("unproven", "provisional"), ("complete", "final")]


@pytest.mark.invariant("Destinations")
def test_a_start_range_is_replaced(replacing: Kind, tmp_path: Path) -> None:
    """Exactly the fetched range is replaced, in every table; the rest of the day is kept."""
    write(replacing, tmp_path, [hours(0, 24)], [[record(hour) for hour in (1, 8, 12, 20)]])
    write(replacing, tmp_path, [hours(8, 13)], [[record(9, "two")]])
    assert stored(replacing, tmp_path) == {"h1-0": "one", "h9-0": "two", "h20-0": "one"}
    assert [row["session_id"] for row in replacing.read(tmp_path, "sessions")] == [
        "one",
        "one",
        "two",
    ]
    found = held(replacing, tmp_path)[DAY]
    assert [(version.interval, version.conversations) for version in found] == [
        (hours(0, 8).interval, 1),
        (hours(8, 13).interval, 1),
        (hours(13, 24).interval, 1),
    ]


def test_fresher_stays(replacing: Kind, tmp_path: Path) -> None:
    """A version never replaces a fresher one, where they overlap; elsewhere it is written."""
    write(
        replacing,
        tmp_path,
        [hours(8, 12, as_of=AS_OF + timedelta(hours=1))],
        [[record(9, "fresh")]],
    )
    write(
        replacing,
        tmp_path,
        [hours(0, 24)],
        [[record(1, "old"), record(9, "old"), record(10, "old", 1), record(20, "old")]],
    )
    assert stored(replacing, tmp_path) == {"h1-0": "old", "h9-0": "fresh", "h20-0": "old"}


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("coverage", ["short", "unproven"])
def test_incomplete_rows_join_complete_ones(replacing: Kind, tmp_path: Path, coverage: str) -> None:
    """Rows that are known to be incomplete are written into complete ones, which stay complete as of then."""
    write(replacing, tmp_path, [hours(0, 12)], [[record(1), record(2)]])
    later = AS_OF + timedelta(days=1)
    other = hours(0, 24, coverage=coverage, finality="provisional", as_of=later)
    with opened(replacing, tmp_path) as sink:
        ruling = Ruling({"h2-0": START + timedelta(hours=2)})
        sink.replace(DAY, [other], [[record(1, "two"), record(13, "two")]], ruling)
    assert stored(replacing, tmp_path) == {"h1-0": "two", "h2-0": "one", "h13-0": "two"}
    assert held(replacing, tmp_path)[DAY] == [
        hours(0, 12, finality="provisional", conversations=2),
        replace(other, interval=hours(12, 24).interval, conversations=1),
    ]


@pytest.mark.invariant("Destinations")
def test_rows_that_stay(replacing: Kind, tmp_path: Path) -> None:
    """Rows that are named as staying stay in every table beside what comes; their hours are provisional."""
    write(replacing, tmp_path, [hours(0, 24)], [[record(1), record(2), record(13)]])
    later = {"as_of": AS_OF + timedelta(days=1)}
    with opened(replacing, tmp_path) as sink:
        ruling = Ruling({"h2-0": START + timedelta(hours=2)})
        sink.replace(DAY, [hours(0, 12, **later), hours(12, 24, **later)], [[record(3)]], ruling)
        assert bare(sink.held(DAY)) == [
            hours(0, 12, finality="provisional", conversations=2, **later),
            hours(12, 24, **later),
        ]
        assert sink.held(DAY - timedelta(days=1)) == []
    for table in ("conversations", "participants", "sessions", "conversation_overview"):
        found = [row["conversation_id"] for row in replacing.read(tmp_path, table)]
        assert found == ["h2-0", "h3-0"], table


def moved(raw: msgspec.Raw, hour: float) -> msgspec.Raw:
    """The same conversation, which starts at another hour."""
    start = (START + timedelta(hours=hour)).isoformat().replace("+00:00", "Z")
    return msgspec.Raw(json.dumps(json.loads(bytes(raw)) | {"conversationStart": start}).encode())


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize(("old", "new"), [(2, 13), (13, 2)])
def test_what_comes_makes_room_for_itself(
    replacing: Kind, tmp_path: Path, old: float, new: float
) -> None:
    """A day has a conversation once: what comes makes room for itself, also where it started in hours that are not read."""
    write(
        replacing, tmp_path, [hours(0, 12), hours(12, 24)], [[record(old), record(3), record(20)]]
    )
    later = {"as_of": AS_OF + timedelta(days=1)}
    read = hours(12, 24, **later) if new > 12 else hours(0, 12, **later)
    pages = [[moved(record(old, "two"), new), record(20 if new > 12 else 3)]]
    write(replacing, tmp_path, [read], pages)
    assert stored(replacing, tmp_path) == {f"h{old}-0": "two", "h3-0": "one", "h20-0": "one"}
    assert sorted(row["session_id"] for row in replacing.read(tmp_path, "sessions")) == [
        "one",
        "one",
        "two",
    ]
    assert sorted(each.conversations for each in held(replacing, tmp_path)[DAY]) == [1, 2]


@pytest.mark.invariant("Destinations")
def test_what_comes_makes_room_in_broken_too(
    with_tables: Kind, tmp_path: Path, refused: str
) -> None:
    """The same of a record that no table could take, before or after its start moved."""
    first = [[record(2, refused), record(3), msgspec.Raw(b'{"conversationStart": 7}')]]
    write(with_tables, tmp_path, [hours(0, 12), hours(12, 24)], first)
    later = {"as_of": AS_OF + timedelta(days=1)}
    again = [[moved(record(2, "two"), 13), moved(record(3, refused), 14)]]
    write(with_tables, tmp_path, [hours(12, 24, **later)], again)
    assert stored(with_tables, tmp_path) == {"h2-0": "two"}
    assert [row["conversation_id"] for row in with_tables.read(tmp_path, "broken")] == ["", "h3-0"]
    assert [row["conversation_id"] for row in with_tables.read(tmp_path, "sessions")] == ["h2-0"]


@pytest.mark.invariant("Destinations")
def test_rows_that_leave(replacing: Kind, tmp_path: Path, refused: str) -> None:
    """Named rows leave a day in every table; what it says of itself is as after the writing of these ranges, counted anew."""
    before = hours(0, 24, finality="provisional")
    write(replacing, tmp_path, [before], [[record(1), record(2), record(3, refused)]])
    with opened(replacing, tmp_path) as sink:
        sink.leave(DAY, ["h1-0", "h3-0"])
        found = [(each.coverage, each.finality, each.conversations) for each in sink.held(DAY)]
        # No table could take the third; a line takes it.
        claim = "unproven" if replacing.has_tables else "complete"
        assert found == [(claim, "provisional", 1)]
        assert sink.damage(DAY, content=True) == ""
        sink.leave(DAY, ["h2-0"], [hours(0, 24)])
        found = [(each.coverage, each.finality, each.conversations) for each in sink.held(DAY)]
        assert found == [("complete", "final", 0)]
        assert sink.damage(DAY, content=True) == ""
    for table in ("conversations", "participants", "sessions", "broken", "conversation_overview"):
        assert replacing.read(tmp_path, table) == [], table


@pytest.mark.invariant("Destinations")
def test_changes_that_belong_together(replacing: Kind, tmp_path: Path) -> None:
    """Two days that change together: in a database both or none; in a folder the first one, if the second fails."""
    tomorrow = replace(
        hours(0, 24), interval=Interval(START + timedelta(days=1), START + timedelta(days=2))
    )
    write(replacing, tmp_path, [hours(0, 24)], [[record(5)]])
    with suppress(Crash), opened(replacing, tmp_path) as sink, sink.together():
        sink.replace(tomorrow.day, [tomorrow], [[moved(record(5, "two"), 30)]])
        raise Crash
    rows = replacing.read(tmp_path, "conversations")
    tags = ["one"] if replacing.is_database else ["one", "two"]
    assert sorted(row["external_tag"] for row in rows) == tags
    with opened(replacing, tmp_path) as sink, sink.together():
        sink.replace(tomorrow.day, [tomorrow], [[moved(record(5, "two"), 30)]])
        sink.leave(DAY, ["h5-0"])
    assert stored(replacing, tmp_path) == {"h5-0": "two"}


@pytest.mark.invariant("Destinations")
def test_what_comes_with_another_start(replacing: Kind, tmp_path: Path) -> None:
    """Where it is known when a conversation starts, what comes of it with another start is not written."""
    with opened(replacing, tmp_path) as sink:
        ruling = Ruling(starts={"h5-0": START + timedelta(hours=9)})
        pages = [[record(5), moved(record(5, "two"), 9), record(6)]]
        sink.replace(DAY, [hours(0, 24)], pages, ruling)
    assert stored(replacing, tmp_path) == {"h5-0": "two", "h6-0": "one"}


@pytest.mark.invariant("Destinations")
def test_what_stays_does_not_come(replacing: Kind, tmp_path: Path) -> None:
    """Of a conversation that is named as staying nothing is written, in whatever hours it comes."""
    write(replacing, tmp_path, [hours(0, 12), hours(12, 24)], [[record(2)]])
    with opened(replacing, tmp_path) as sink:
        ruling = Ruling({"h2-0": START + timedelta(hours=2)})
        sink.replace(DAY, [hours(12, 24)], [[moved(record(2, "two"), 13), record(14)]], ruling)
    assert stored(replacing, tmp_path) == {"h2-0": "one", "h14-0": "one"}


@pytest.mark.invariant("Destinations")
def test_broken_records_that_stay(with_tables: Kind, tmp_path: Path, refused: str) -> None:
    """A record in `broken` that is named as staying stays."""
    write(with_tables, tmp_path, [hours(0, 24)], [[record(2, refused), record(3, refused)]])
    with opened(with_tables, tmp_path) as sink:
        sink.replace(DAY, [hours(0, 24)], [], Ruling({"h2-0": START + timedelta(hours=2)}))
    assert [row["conversation_id"] for row in with_tables.read(tmp_path, "broken")] == ["h2-0"]


@pytest.mark.invariant("Destinations")
def test_open_conversations_are_counted(replacing: Kind, tmp_path: Path) -> None:
    """Of each range is recorded how many of its conversations have no end."""
    ended = msgspec.Raw(
        bytes(record(13))[:-1] + b', "conversationEnd": "2023-10-10T15:00:00.000Z"}'
    )
    write(replacing, tmp_path, [hours(0, 12), hours(12, 24)], [[record(1), record(2), ended]])
    with opened(replacing, tmp_path) as sink:
        assert [each.open for each in sink.held(DAY)] == [2, 0]


def test_ends_that_are_not_kept(with_tables: Kind, tmp_path: Path) -> None:
    """Where ends are not kept, no number of open conversations is recorded."""
    selection = Selection(drop=("conversation_end",))
    private = {"identity": replace(US, selection=selection.dump()), "shredder": Shredder(selection)}
    with opened(with_tables, tmp_path, **private) as sink:
        sink.replace(DAY, [hours(0, 24)], [[record(1)]])
        assert [each.open for each in sink.held(DAY)] == [None]


@pytest.mark.invariant("Destinations")
def test_the_same_came_again(replacing: Kind, tmp_path: Path) -> None:
    """What a day records of its hours is renewed alone: no row of any table, and no other file, is written anew."""
    write(replacing, tmp_path, [hours(0, 12), hours(12, 24)], [[record(1), record(13)]])
    tables = {name: replacing.read(tmp_path, name) for name in ("conversations", "sessions")}
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*/day=*/part.*")}
    later = hours(0, 24, as_of=AS_OF + timedelta(days=3))
    with opened(replacing, tmp_path) as sink:
        sink.renew(DAY, [later])
        assert bare(sink.held(DAY)) == [replace(later, conversations=2)]
        assert sink.damage(DAY, content=True) == ""
        assert sink.damaged() == {}
    assert tables == {name: replacing.read(tmp_path, name) for name in tables}
    written = {
        path.parent.parent.name for path, at in files.items() if path.stat().st_mtime_ns != at
    }
    assert written <= {"conversations"}


@pytest.mark.invariant("Destinations")
def test_rows_are_added_to_a_job(replacing: Kind, tmp_path: Path) -> None:
    """To what a job has read as complete, page numbers add rows, and replace none; without any, nothing is changed."""
    write(replacing, tmp_path, [hours(0, 12), hours(12, 24)], [[record(1), record(2), record(13)]])
    before = held(replacing, tmp_path)[DAY]
    pages = hours(0, 24, route="pages", finality="provisional", as_of=AS_OF + timedelta(days=1))
    there = {f"h{hour}-0": START + timedelta(hours=hour) for hour in (1, 2, 13)}
    with opened(replacing, tmp_path) as sink:
        written = sink.replace(DAY, [pages], [[record(1, "two")]], Ruling(there))
        assert written.unchanged == [each.interval for each in before]
        assert bare(sink.held(DAY)) == before
        written = sink.replace(DAY, [pages], [[record(2, "two"), record(3, "two")]], Ruling(there))
        assert written.unchanged == [hours(12, 24).interval]
        assert [(each.finality, each.conversations) for each in sink.held(DAY)] == [
            ("provisional", 3),
            ("final", 1),
        ]
    assert stored(replacing, tmp_path) == {
        "h1-0": "one",
        "h2-0": "one",
        "h3-0": "two",
        "h13-0": "one",
    }


def test_a_claim_that_was_wrong(replacing: Kind, tmp_path: Path) -> None:
    """Hours in which a conversation is known to start that is not there are short, and give way to what is not."""
    write(replacing, tmp_path, [hours(0, 12), hours(12, 24)], [[record(1)]])
    short = hours(0, 24, coverage="short", finality="provisional")
    pages = hours(0, 24, route="pages", finality="provisional")
    gone = [START + timedelta(hours=2)]
    with opened(replacing, tmp_path) as sink:
        sink.replace(DAY, [short], [], Ruling({"h1-0": START + timedelta(hours=1)}, gone))
        found = [(each.coverage, each.finality) for each in sink.held(DAY)]
        assert found == [("short", "provisional"), ("complete", "provisional")]
        sink.replace(DAY, [pages], [[record(1, "two"), record(2, "two")]], Ruling({}, gone))
        found = [(each.coverage, each.route) for each in sink.held(DAY)]
        assert found == [("complete", "pages"), ("complete", "cursor")]
    assert stored(replacing, tmp_path) == {"h1-0": "two", "h2-0": "two"}


def test_broken_records_come_once(with_tables: Kind, tmp_path: Path, refused: str) -> None:
    """Records that could not be read are replaced with their range, also when they do not say when they started."""
    broken = record(5, refused)
    without_start = msgspec.Raw(b'{"conversationStart": 7}')
    for _ in range(2):
        write(with_tables, tmp_path, [hours(0, 24)], [[record(1), broken, without_start]])
        assert [row["conversation_id"] for row in with_tables.read(tmp_path, "broken")] == [
            "",
            "h5-0",
        ]
    write(with_tables, tmp_path, [hours(8, 24)], [])
    assert len(with_tables.read(tmp_path, "broken")) == 2
    write(with_tables, tmp_path, [hours(0, 8)], [[record(5)]])
    assert [row["conversation_id"] for row in with_tables.read(tmp_path, "broken")] == [""]


@pytest.mark.invariant("Destinations")
def test_odd_values_go_with_their_conversations(with_tables: Kind, tmp_path: Path) -> None:
    """What was odd in a conversation is told of as long as the conversation is there, and the range is as complete as it was."""
    few = Shredder(Selection(tables=("participants",)))

    def odd(hour: float) -> msgspec.Raw:
        return msgspec.Raw(
            bytes(record(hour)).replace(b'"participantId": "p"', b'"participantId": 7')
        )

    def told() -> list[tuple[str, str, str]]:
        rows = with_tables.read(tmp_path, "oddities")
        return [(row["conversation_id"], row["path"], row["value"]) for row in rows]

    for _ in range(2):
        write(with_tables, tmp_path, [hours(0, 24)], [[odd(5), record(7), odd(9)]], shredder=few)
        path = "participants[0].participantId"
        assert told() == [("h5-0", path, "7"), ("h9-0", path, "7")]
    write(with_tables, tmp_path, [hours(0, 8)], [[record(5)]], shredder=few)
    assert told() == [("h9-0", path, "7")]
    people = with_tables.read(tmp_path, "participants")
    assert [row["participant_id"] for row in people] == ["p", None]
    assert {(each.coverage, each.finality) for each in held(with_tables, tmp_path)[DAY]} == {
        ("complete", "final")
    }


@pytest.mark.invariant("Destinations")
def test_lines_refuse_an_overlap(lines: Kind, tmp_path: Path) -> None:
    """JSON lines cannot replace: another version of a range is refused, and nothing changes."""
    write(lines, tmp_path, [hours(0, 24)], [[record(1)]])
    with pytest.raises(UsageError, match="give another file"):
        write(lines, tmp_path, [hours(12, 24, as_of=AS_OF + timedelta(days=1))], [[record(13)]])
    assert stored(lines, tmp_path) == {"h1-0": "one"}


def test_rows_found_late(lines: Kind, tmp_path: Path) -> None:
    """What was found late is appended once, also where it comes again after a crash; the range says what it holds."""
    write(lines, tmp_path, [hours(0, 24, conversations=1)], [[record(1)]])
    for _ in range(2):
        with opened(lines, tmp_path) as sink:
            sink.append_late([hours(0, 24, conversations=2)], [[record(2)]])
    assert stored(lines, tmp_path) == {"h1-0": "one", "h2-0": "one"}
    assert held(lines, tmp_path) == {DAY: [hours(0, 24, conversations=2)]}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_keeps_its_contract(row: Any, tmp_path: Path) -> None:
    """What a row of the table of sinks opens has the methods of the contract that the row names, and no others."""
    if row.shape == "server":
        destination = SINKS[row.name].destination(tmp_path)
    else:
        ending = row.endings[0]
        name = {"folder": "out", "stream": ending}.get(row.shape, f"x{ending}")
        destination = Destination.parse(name if row.shape == "stream" else str(tmp_path / name))
    with replace(destination, kind=row).sink(tmp_path / "state", Disk()) as sink:
        assert isinstance(sink, TableSink) == (row.contract != "lines")
        assert isinstance(sink, LineSink) == (row.contract == "lines")


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
                self.left = copied(self.folder, self.folder.with_name(f"{self.folder.name}-left"))
            raise self.problem


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize(
    "problem", [Crash(), OSError(28, "No space left on device")], ids=["crash", "full"]
)
def test_crash_at_every_step(kind: Kind, tmp_path: Path, problem: BaseException) -> None:
    """Stopped at any step, a destination has the old day or the new; the next run finishes it."""
    before = tmp_path / "before"
    before.mkdir()
    write(kind, before, [hours(0, 12)], [[record(1), record(2)]], shredder=FEW)
    old = stored(kind, before)
    step = 0
    while True:
        step += 1
        folder = copied(before, tmp_path / str(step))
        steps = Steps(step, problem, folder)
        try:
            pages = [[record(13)], [record(14)]]
            write(kind, folder, [hours(12, 24)], pages, disk=Disk(steps), shredder=FEW)
        except (Crash, DestinationError):
            pass
        last = steps.count < step
        folder = steps.left
        new = old | {"h13-0": "one", "h14-0": "one"}
        with opened(kind, folder, shredder=FEW) as sink:
            assert stored(kind, folder) in (old, new)
            intervals = [version.interval for version in sink.committed()[DAY]]
            assert (stored(kind, folder) == new) == (hours(12, 24).interval in intervals)
            put(sink, [hours(12, 24)], [[record(13)], [record(14)]])
            assert stored(kind, folder) == new
        if last:
            break
    assert step > 3


def test_pages_that_fail(kind: Kind, tmp_path: Path) -> None:
    """If the rows stop coming in the middle, nothing of them is there afterwards."""

    def pages() -> Any:
        yield [record(1)]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(kind, tmp_path, [hours(0, 24)], pages())
    assert held(kind, tmp_path) == {}
    assert stored(kind, tmp_path) == {}


@pytest.mark.parametrize(
    "other",
    [
        Identity("org-2", "{}"),
        Identity("org-1", '{"segmentFilters":[]}'),
        Identity("org-1", "{}", '{"drop":["ani"]}'),
    ],
)
def test_another_identity(kind: Kind, tmp_path: Path, other: Identity) -> None:
    """A destination of another organisation of other filters or of another selection is refused, exit 2, and not changed."""
    write(kind, tmp_path, [hours(0, 24)], [[record(1)]])
    with (
        pytest.raises(UsageError, match="give another destination"),
        opened(kind, tmp_path, identity=other),
    ):
        pass
    assert stored(kind, tmp_path) == {"h1-0": "one"}


def make_foreign(folder: Path) -> None:
    """The schema that stands for a folder has a table of somebody else."""
    postgres.run(f"create schema {postgres.schema(folder)}")
    postgres.run(f"create table {postgres.schema(folder)}.thesis (page text)")


def test_a_foreign_place(kind: Kind, tmp_path: Path) -> None:
    """What is there and not ours is refused, exit 6, and not touched."""
    path = kind.at(tmp_path)
    if kind.is_server:
        make_foreign(tmp_path)
    elif kind.is_elsewhere:
        objects.put(tmp_path, "thesis.docx", b"years of work")
    elif not path.suffix:
        path.mkdir()
        path /= "thesis.docx"
    if not kind.is_elsewhere:
        path.write_text("years of work")
    with pytest.raises(LastpageError) as refused, opened(kind, tmp_path):
        pass
    assert refused.value.exit_code == 6
    if kind.name == objects.NAME:
        assert objects.names(tmp_path) == ["thesis.docx"]


def test_a_place_that_cannot_be(kind: Kind, tmp_path: Path) -> None:
    """A folder under a file, or a file where a folder is: one sentence, exit 6, and nothing is changed."""
    if kind.is_elsewhere:
        pytest.skip("it is in no folder")
    base = tmp_path / "notes"
    if kind.replaces:
        base.write_text("mine")
    else:
        (kind.at(base)).mkdir(parents=True)
    with pytest.raises(DestinationError) as refused:
        write(kind, base, [hours(0, 24)], [[record(1)]])
    assert refused.value.exit_code == 6
    assert "\n" not in str(refused.value)
    assert base.read_text() == "mine" if kind.replaces else list((kind.at(base)).iterdir()) == []


def test_one_row_goes(replacing: Kind, tmp_path: Path) -> None:
    """A day of one row whose range is replaced by nothing is a day of none, in every table, and said to be one."""
    write(replacing, tmp_path, [hours(0, 24)], [[record(5)]])
    write(replacing, tmp_path, [hours(0, 24)], [])
    assert stored(replacing, tmp_path) == {}
    assert replacing.read(tmp_path, "sessions") == []
    assert [version.conversations for version in held(replacing, tmp_path)[DAY]] == [0]


def test_a_foreign_parquet_file(tmp_path: Path) -> None:
    """A Parquet file without our mark is not ours."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "out" / "conversations" / "day=2023-10-10" / "part.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(DestinationError, match="not written by lastpage"):
        held(SINKS["parquet"], tmp_path)


def test_a_line_file_that_shrank(tmp_path: Path) -> None:
    """A file that is shorter than recorded was tampered with; it is refused, not appended to."""
    write(SINKS["jsonl"], tmp_path, [hours(0, 24)], [[record(1)]])
    (tmp_path / "x.jsonl").write_bytes(b"")
    with pytest.raises(DestinationError, match="shorter"):
        held(SINKS["jsonl"], tmp_path)


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_an_older_version_without_a_column(tmp_path: Path, form: str) -> None:
    """A file of an older version that lacks columns is carried over, with nulls."""
    kind = SINKS[form]
    write(kind, tmp_path, [hours(0, 12)], [[record(1)]])
    path = tmp_path / "out" / "conversations" / "day=2023-10-10"
    for gone in ("originating_social_media_public", "external_tag", "division_ids"):
        without(path / f"part.{form}", gone)
    write(kind, tmp_path, [hours(12, 24)], [[record(13, "two")]])
    assert stored(kind, tmp_path) == {"h1-0": None, "h13-0": "two"}
    assert list(kind.read(tmp_path, "conversations")[0]) == list(
        Shredder().schemas["conversations"].names
    )


def without(path: Path, column: str) -> None:
    """A file as a version would have written it that did not know a column."""
    import duckdb
    import pyarrow.parquet as pq

    if path.suffix == ".parquet":
        older = pq.read_table(path, partitioning=None).drop_columns([column])
        pq.write_table(older.replace_schema_metadata(pq.read_metadata(path).metadata), path)
        return
    rows = duckdb.read_csv(str(path), all_varchar=True, hive_partitioning=False)  # noqa: F841 - the query has its name
    duckdb.sql(
        f"copy (select * exclude ({column}) from rows) to '{path}.new' (header, force_quote *)"
    )
    path.with_name(f"{path.name}.new").replace(path)


def test_read_by_others(tmp_path: Path) -> None:
    """DuckDB reads the folder as one table a kind, with the day as a column."""
    import duckdb

    write(SINKS["parquet"], tmp_path, [hours(0, 24)], [[record(1), record(2)]])
    found = duckdb.sql(
        f"select c.conversation_id, c.day, count(*) from '{tmp_path}/out/conversations/*/*.parquet' c "
        f"join '{tmp_path}/out/sessions/*/*.parquet' s using (conversation_id) group by all order by 1"
    ).fetchall()
    assert [row[0] for row in found] == ["h1-0", "h2-0"]
    assert str(found[0][1]) == "2023-10-10"
    assert everything(tmp_path / "out")["broken"] == []
