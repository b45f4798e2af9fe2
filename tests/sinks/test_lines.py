"""A folder of JSON lines: a file a day, with the API's own records, untouched; what every folder promises is asked in tests/contract."""

import json
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from tests.contract.kinds import SINKS
from tests.contract.test_sinks import AS_OF, DAY, hours, opened, record, stored, write
from tests.inprocess import World, talk, world
from tests.readback import everything, lines

from lastpage import UsageError
from lastpage.api.records import decode_record
from lastpage.coverage.replacement import Ruling
from lastpage.tables.build import Shredder, record_digest
from lastpage.tables.schema import CONVERSATIONS, DIGEST, END, KEY, START

KIND = SINKS["lines"]
SPAN = "2023-10-10/2023-10-12"
NOON = datetime(2023, 10, 10, 12, tzinfo=UTC)
#: Records that no table takes as they are, each of the hour 1, 2, 3 …: an odd value, half a character, bytes that are none, nothing else.
ODD = [
    b'{"conversationId":"a","conversationStart":"2023-10-10T01:00:00.000Z","participants":7}',
    b'{"conversationId":"b","conversationStart":"2023-10-10T02:00:00.000Z","x":"\\ud800","y":1e400}',
    b'{"conversationId":"c","conversationStart":"2023-10-10T03:00:00.000Z","x":"\xff\x00"}'.replace(
        b"\x00", b""
    ),
    b'{ "conversationStart" : "2023-10-10T04:00:00.1239999Z" , "conversationId" : "d\\u000a" }',
]
#: Records of no day.
BROKEN = [b'{"conversationStart":7}', b'{"conversationId":"e","conversationStart":"soon"}', b"[]"]


def file(folder: Path, name: str = CONVERSATIONS) -> Path:
    return folder / "out" / name / f"day={DAY}" / "part.jsonl"


def put(folder: Path, records: list[bytes], first: float = 0, last: float = 24) -> None:
    write(KIND, folder, [hours(first, last)], [[msgspec.Raw(each) for each in records]])


def filled(folder: Path, **more: Any) -> World:
    made = world(per_day=30)
    assert made.cloud().fetch(SPAN, folder, format="jsonl", **more).coverage == "complete"
    return made


@pytest.mark.invariant("Destinations")
def test_the_bytes(tmp_path: Path) -> None:
    """A line has a record's bytes as they came; records without a readable id or start are lines of `broken`; and a rewritten day keeps both."""
    put(tmp_path, [*ODD, *BROKEN])
    assert file(tmp_path).read_bytes() == b"".join(each + b"\n" for each in ODD)
    assert file(tmp_path, "broken").read_bytes() == b"".join(each + b"\n" for each in BROKEN)
    put(tmp_path, [bytes(record(13))], 12, 24)
    there = [bytes(record(13)), *ODD]
    assert file(tmp_path).read_bytes() == b"".join(each + b"\n" for each in there)
    assert file(tmp_path, "broken").read_bytes() == b"".join(each + b"\n" for each in BROKEN)
    with opened(KIND, tmp_path) as sink:
        (first, second) = sink.held(DAY)
        assert (first.coverage, first.conversations, second.conversations) == ("complete", 4, 1)
        assert sink.damage(DAY, content=True) == ""


@pytest.mark.invariant("Destinations")
def test_a_record_with_line_breaks(tmp_path: Path) -> None:
    """Line breaks between the values of a record are left out, and do not make it another record."""
    pretty = json.dumps(json.loads(bytes(record(5))), indent=1).replace("\n", "\r\n").encode()
    put(tmp_path, [pretty])
    (line,) = file(tmp_path).read_bytes().splitlines()
    assert line == pretty.replace(b"\r\n", b"")
    with opened(KIND, tmp_path) as sink:
        (table,) = sink.read(CONVERSATIONS, DAY)
    assert table[DIGEST].to_pylist() == [Shredder().digest(msgspec.Raw(pretty))]


def test_what_a_line_says(tmp_path: Path) -> None:
    """Of a line are read its id, start, end and digest, as tables have them."""
    ended = bytes(record(5))[:-1] + b',"conversationEnd":"2023-10-10T15:00:00.1239Z"}'
    put(tmp_path, [ended, ODD[3]])
    with opened(KIND, tmp_path) as sink:
        (table,) = sink.read(CONVERSATIONS, DAY)
    assert table.select([KEY, START, END, DIGEST]).to_pylist() == [
        {
            KEY: "h5-0",
            START: NOON - timedelta(hours=7),
            END: NOON + timedelta(hours=3, milliseconds=123),
            DIGEST: record_digest(ended),
        },
        {
            KEY: "d\n",
            START: NOON - timedelta(hours=8) + timedelta(milliseconds=123),
            END: None,
            DIGEST: record_digest(ODD[3]),
        },
    ]


def test_records_of_no_day_come_once(tmp_path: Path) -> None:
    """A record without a readable start stays until it comes again, and is there once."""
    for _ in range(2):
        put(tmp_path, [bytes(record(1)), *BROKEN])
        assert Counter(file(tmp_path, "broken").read_bytes().splitlines()) == Counter(BROKEN)
    put(tmp_path, [BROKEN[0]], 12, 24)
    assert Counter(file(tmp_path, "broken").read_bytes().splitlines()) == Counter(BROKEN)
    with opened(KIND, tmp_path) as sink:
        sink.replace(DAY, [hours(0, 24)], [], Ruling(anew=True))
    assert file(tmp_path, "broken").read_bytes() == b""
    assert stored(KIND, tmp_path) == {}


@pytest.mark.invariant("Destinations")
def test_what_a_fetch_leaves(tmp_path: Path) -> None:
    """A file a day with what the API has; beside it what it holds; no other table, and nobody's name was asked for."""
    made = filled(tmp_path)
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("day=*/*")}
    days = ("2023-10-10", "2023-10-11")
    assert found == {
        f"{name}/day={day}/{each}"
        for day in days
        for name, each in [
            ("conversations", "part.jsonl"),
            ("conversations", "_lastpage.json"),
            ("broken", "part.jsonl"),
        ]
    }
    records = {
        each["conversationId"]: each
        for day in days
        for each in lines(tmp_path / "conversations" / f"day={day}" / "part.jsonl")
    }
    assert records == {each["conversationId"]: each for each in made.cloud().conversations(SPAN)}
    assert {path.name for path in tmp_path.iterdir()} == {".lastpage", "conversations", "broken"}
    assert not made.sandbox.counters.keys() & {"queues", "users", "wrapupcodes", "divisions"}
    facts = json.loads(
        (tmp_path / "conversations" / "day=2023-10-10" / "_lastpage.json").read_bytes()
    )
    assert [each["coverage"] for each in facts["ranges"]] == ["complete"]


def test_read_by_others(tmp_path: Path) -> None:
    """DuckDB reads all days by a glob, with the day as a column; what a day holds is not among its rows."""
    made = filled(tmp_path)
    rows = duckdb.sql(
        "select conversationId, conversationStart::timestamptz at time zone 'UTC', day, "
        "len(participants) "
        f"from read_json('{tmp_path}/conversations/*/*.jsonl', hive_partitioning = true)"
    )
    assert [str(each) for each in rows.types[1:3]] == ["TIMESTAMP", "DATE"]
    found = rows.fetchall()
    assert {str(row[0]) for row in found} == made.truth(
        NOON.replace(hour=0), NOON.replace(day=12, hour=0)
    )
    assert all(row[1].date() == row[2] and row[3] for row in found)


@pytest.mark.invariant("Destinations")
def test_a_folder_keeps_its_format(tmp_path: Path) -> None:
    """A folder of lines stays one, and no other folder becomes one: exit code 2, and nothing is changed."""
    made = filled(tmp_path / "lines")
    cloud = made.cloud()
    cloud.fetch("2023-10-12", tmp_path / "lines")
    assert {path.suffix for path in (tmp_path / "lines").rglob("part.*")} == {".jsonl"}
    with pytest.raises(UsageError, match=r"holds \.jsonl files.*give another folder"):
        cloud.fetch(SPAN, tmp_path / "lines", format="parquet")
    for form in ("parquet", "csv"):
        cloud.fetch("2023-10-12", tmp_path / form, format=form)
        before = everything(tmp_path / form)
        with pytest.raises(UsageError, match=rf"holds \.{form} files"):
            cloud.fetch(SPAN, tmp_path / form, format="jsonl")
        assert everything(tmp_path / form) == before


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize(
    "asked",
    [
        {"tables": "segments"},
        {"columns": "ani"},
        {"drop": "ani"},
        {"hash": "ani"},
        {"attributes": "tier"},
    ],
    ids=lambda each: next(iter(each)),
)
def test_nothing_is_chosen(tmp_path: Path, asked: Any) -> None:
    """Options for tables are refused, before anything is sent, in a new folder and in one that is there."""
    made = filled(tmp_path / "there")
    before = made.sandbox.counters.copy()
    for place, form in ((tmp_path / "there", None), (tmp_path / "new", "jsonl")):
        with pytest.raises(UsageError, match="one a line, untouched"):
            made.cloud().fetch(SPAN, place, format=form, **asked)
        with pytest.raises(UsageError, match="one a line, untouched"):
            made.cloud().sync(place, since="2023-10-10", format=form, **asked)
    assert made.sandbox.counters == before
    assert not (tmp_path / "new").exists()


@pytest.mark.invariant("Truthful")
def test_proved_again(tmp_path: Path) -> None:
    """A second reading finds what differs in a record, and not in which order its fields came; a repair puts it right."""
    made = filled(tmp_path)
    path = tmp_path / "conversations" / "day=2023-10-10" / "part.jsonl"
    before = lines(path)
    turned = [json.dumps(dict(reversed(each.items()))) for each in before]
    path.write_text("".join(f"{line}\n" for line in turned))
    assert made.cloud().verify(tmp_path, content=True).changed == []
    path.write_text(path.read_text().replace('"voice"', '"voise"', 1))
    (changed,) = made.cloud().verify(tmp_path, content=True).changed
    assert (changed.day, changed.why) == (
        "2023-10-10",
        "a second reading differs in conversations",
    )
    assert made.cloud().verify(tmp_path, content=True, repair=True).changed == []
    assert sorted(lines(path), key=str) == sorted(before, key=str)


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize(
    ("name", "old", "new", "look"),
    [
        (CONVERSATIONS, b"\n", b"", "quick"),
        (CONVERSATIONS, b"}\n", b"\0\n", "content"),
        (CONVERSATIONS, b'"conversationId"', b'"conversationIx"', "content"),
        ("broken", b"\n", b"", "quick"),
        ("broken", b'"conversationIx"', b'"conversationId"', "content"),
    ],
)
def test_a_damaged_file(tmp_path: Path, name: str, old: bytes, new: bytes, look: str) -> None:
    """A line that lost its end, a byte or its id is found: by a quick look, or where nothing shows it, by reading all of it."""
    without_id = bytes(record(5)).replace(b'"conversationId"', b'"conversationIx"')
    put(tmp_path, [*ODD, without_id])
    path = file(tmp_path, name)
    whole, facts = path.read_bytes(), path.stat()
    at = whole.rfind(old)
    path.write_bytes(whole[:at] + new + whole[at + len(old) :])
    if look == "content":
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    with opened(KIND, tmp_path) as sink:
        quick, content = sink.damaged().get(DAY, ""), sink.damage(DAY, content=True)
    assert bool(quick) == (look == "quick")
    assert f"the table {name}" in content


def test_a_sync(tmp_path: Path) -> None:
    """What is the same again is left as it was, to the byte; what changed is replaced; the start of a day may move."""
    made = world(per_day=0)
    one, two = talk(1, NOON), talk(2, NOON + timedelta(days=1))
    made.sandbox.world.add(one, two)
    cloud = made.cloud()
    assert cloud.sync(tmp_path, since="2023-10-10", format="jsonl").new == 2
    paths = sorted(tmp_path.glob("conversations/*/part.jsonl"))
    before = [path.read_bytes() for path in paths]
    made.clock.sleep(4 * 86_400)
    made.sandbox.world.add(msgspec.structs.replace(two, direction="outbound"))
    summary = cloud.sync(tmp_path, settle=range(1, 15))
    assert (summary.unchanged, summary.changed, summary.new) == (1, 1, 0)
    after = [path.read_bytes() for path in paths]
    assert [old == new for old, new in zip(before, after, strict=True)].count(False) == 1
    (changed,) = (each for each in after if each and each not in before)
    assert decode_record(msgspec.Raw(changed))["originatingDirection"] == "outbound"


def test_a_growing_file_names_it(tmp_path: Path) -> None:
    """Hours that one growing file has are refused, and the sentence names what keeps lines current."""
    made = world(per_day=30)
    made.cloud().fetch("24h", tmp_path / "x.jsonl")
    made.clock.sleep(3_600)
    with pytest.raises(UsageError, match="lastpage sync --to FOLDER --format jsonl"):
        made.cloud().fetch("24h", tmp_path / "x.jsonl")
    with pytest.raises(UsageError, match="with --format jsonl it has a file of lines a day"):
        made.cloud().sync(tmp_path / "x.jsonl", since="2023-10-10")
    with pytest.raises(UsageError, match="with --format jsonl they are lines, too"):
        made.cloud().fetch("24h", tmp_path / "x.jsonl", refresh=True)


def test_an_older_reading(tmp_path: Path) -> None:
    """Where what is there is fresher, no line of it is replaced."""
    with opened(KIND, tmp_path) as sink:
        sink.replace(DAY, [hours(0, 12, as_of=AS_OF + timedelta(days=1))], [[record(1, "new")]])
        sink.replace(DAY, [hours(0, 24)], [[record(1, "old"), record(13, "old")]])
    assert stored(KIND, tmp_path) == {"h1-0": "new", "h13-0": "old"}
