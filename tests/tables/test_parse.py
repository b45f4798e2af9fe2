"""Shredding: every value of the record in its table, keys that never collide, nothing lost."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import arro3.io
import msgspec
import pyarrow as pa
import pytest
from tests.inprocess import world

from lastpage.api.messages import read_page, split_records
from lastpage.api.records import decode_record
from lastpage.tables.parse import schemas, shred
from lastpage.tables.schema import CONVERSATION, TABLES, Level, column

DAY = datetime(2023, 10, 10, tzinfo=UTC)
RECORD = {"conversationId": "c1", "conversationStart": "2023-10-10T10:00:00.000Z"}


def raws(*records: Any) -> list[msgspec.Raw]:
    return [msgspec.Raw(json.dumps(record).encode()) for record in records]


def objects(
    level: Level, record: dict[str, Any], keys: tuple[Any, ...]
) -> Iterator[tuple[str, tuple[Any, ...], dict[str, Any]]]:
    """The record taken apart once more, slowly and plainly: (table, key, object)."""
    yield level.table, keys, record
    for child in level.children:
        below = record.get(child.name)
        if below is None:
            continue
        if child.kind == "map":
            for name, value in below.items():
                yield child.table, keys, {"name": name, "value": value}
        elif child.kind == "one":
            yield from objects(child, below, keys)
        else:
            for ordinal, each in enumerate(below):
                yield from objects(child, each, (*keys, ordinal))


def plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%f").removesuffix("000") + "Z"
    return value


def test_everything_is_there() -> None:
    """Every scalar of every object at every level of a realistic day is in its table, under its key; and nothing else is."""
    records = world(per_day=150).sandbox.truth(DAY, DAY.replace(day=12))
    tables = shred(raws(*records.values()))
    expected: dict[str, list[tuple[tuple[Any, ...], dict[str, Any]]]] = {
        name: [] for name in TABLES
    }
    for record in records.values():
        for name, key, each in objects(CONVERSATION, record, (record["conversationId"],)):
            expected[name].append((key, each))
    for name, rows in expected.items():
        found = tables[name].to_pylist()
        assert len(found) == len(rows), name
        for row, (key, each) in zip(found, rows, strict=True):
            ordinals = [row[column] for column in row if column.endswith("_no")]
            assert (row["conversation_id"], *ordinals) == key
            for field, value in each.items():
                if not isinstance(value, dict) and not (
                    isinstance(value, list) and value and isinstance(value[0], dict)
                ):
                    assert plain(row[column(field)]) == value, (name, field)
    assert len(expected["segments"]) > 1000


def test_columns() -> None:
    """Names are the API's in snake_case."""
    assert column("mediaStatsMinConversationMos") == "media_stats_min_conversation_mos"
    assert column("q850ResponseCodes") == "q850_response_codes"
    assert column("oTotalScore") == "o_total_score"
    assert [*TABLES["segments"]][:4] == [
        "conversation_id",
        "participant_no",
        "session_no",
        "segment_no",
    ]


@pytest.mark.invariant("Tables")
def test_same_names_and_times_do_not_collide() -> None:
    """Metrics and segments that look alike are all kept, and told apart by their place."""
    metric = {"name": "tTalk", "value": 5, "emitDate": "2023-10-10T10:00:00.000Z"}
    segment = {"segmentType": "interact", "segmentStart": "2023-10-10T10:00:00.000Z"}
    session = {"sessionId": "s", "metrics": [metric, metric], "segments": [segment, segment]}
    tables = shred(
        raws(
            RECORD
            | {"participants": [{"sessions": [session]}, {}, {"sessions": [session, session]}]}
        )
    )
    assert [tuple(row.values())[:4] for row in tables["metrics"].to_pylist()] == [
        ("c1", 0, 0, 0), ("c1", 0, 0, 1), ("c1", 2, 0, 0), ("c1", 2, 0, 1), ("c1", 2, 1, 0), ("c1", 2, 1, 1),
    ]  # fmt: skip
    assert len(tables["segments"]) == 6


@pytest.mark.invariant("Tables")
@pytest.mark.parametrize(
    "start",
    [
        None,
        1696932000000,
        "2023-10-10T10:00:00.000",
        "2023-10-10",
        "2023-10-10T10:00:00.00000",
        "2023-10-10T10:00:0.0000Z",
        "0001-01-01T00:00:00.000+01:00",
        "9999-12-31T23:30:00.000-01:00",
    ],
)
def test_a_start_that_nobody_can_own(start: object) -> None:
    """A record whose start the tally cannot read is in no day's tables, but kept as it came."""
    record = {**RECORD, "conversationStart": start}
    assert read_page(json.dumps({"conversations": [record]}).encode()).heads == [None]
    tables = shred(raws({**RECORD, "conversationId": "other"}, record))
    assert tables["conversations"].column("conversation_id").to_pylist() == ["other"]
    assert [row["conversation_start"] for row in tables["broken"].to_pylist()] == [None]


@pytest.mark.invariant("Tables")
@pytest.mark.parametrize(
    ("start", "meant"),
    [
        ("2023-10-10T23:30:00.000-02:00", "2023-10-11T01:30:00.000Z"),
        ("2023-10-10T23:59:59Z", "2023-10-10T23:59:59.000Z"),
        ("2023-10-10T23:59:59.999600Z", "2023-10-10T23:59:59.999Z"),
        ("2023-10-10T23:59:59.9999999Z", "2023-10-10T23:59:59.999Z"),
        ("2023-10-10T23:59:59.999999999999+00:00", "2023-10-10T23:59:59.999Z"),
    ],
)
def test_an_odd_start(start: str, meant: str) -> None:
    """A start with an offset, or more digits, is the same moment for the tables and the tally."""
    record = {**RECORD, "conversationStart": start}
    (head,) = read_page(json.dumps({"conversations": [record]}).encode()).heads or ()
    assert head is not None
    (found,) = shred(raws(record))["conversations"].column("conversation_start").to_pylist()
    assert plain(found) == plain(head.start) == meant
    assert head.start.date() == found.date()


#: Values of a time, and the moments that they are; None: it is no time.
TIMES: dict[Any, str | None] = {
    "2023-10-10T23:59:59.999Z": "2023-10-10T23:59:59.999Z",
    "2023-10-10T23:59:59Z": "2023-10-10T23:59:59.000Z",
    "2023-10-10T23:59:59.9Z": "2023-10-10T23:59:59.900Z",
    "2023-10-10 23:59:59.999Z": "2023-10-10T23:59:59.999Z",
    "2023-10-10t23:59:59.999z": "2023-10-10T23:59:59.999Z",
    "2023-10-10T23:59:59.999-02:00": "2023-10-11T01:59:59.999Z",
    "2023-10-10T23:59:59.9999Z": "2023-10-10T23:59:59.999Z",
    "2023-10-10T23:59:59.9999996Z": "2023-10-10T23:59:59.999Z",
    "2023-10-10T23:59:59.999999999+00:00": "2023-10-10T23:59:59.999Z",
    "1969-12-31T23:59:59.9999999Z": "1969-12-31T23:59:59.999Z",
    "2016-12-31T23:59:60.000Z": None,
    "2023-10-10T10:00:60Z": None,
    "2023-10-10T24:00:00.000Z": None,
    "2023-10-10T23:59:59.999": None,
    "2023-10-10T23:59:59": None,
    "2023-10-10": None,
    "2023-10-10T23:59Z": None,
    "2023-10-10T23:59:59.5+02": None,
    "2023-10-10T23:59:59.999 UTC": None,
    "2023-10-10T23:59:59.Z": None,
    "2023-02-30T10:00:00.000Z": None,
    "2023-10-10T23:59:59,999Z": None,
    "0000-12-31T10:00:00.000Z": None,
    "0001-01-01T00:00:00.000+01:00": None,
    "9999-12-31T23:30:00.000-01:00": None,
    "": None,
    "yesterday": None,
    "1696932000000": None,
    1696932000000: None,
    1696932000.5: None,
    True: None,
}


@pytest.mark.invariant("Tables")
@pytest.mark.parametrize("other", [None, "2023-10-10T10:00:00.000Z"])
@pytest.mark.parametrize(("value", "meant"), TIMES.items())
def test_one_rule_for_times(value: Any, meant: str | None, other: str | None) -> None:
    """What is a time, and which one, is the same for tally and tables, in every field, whatever stands beside it."""
    record = {**RECORD, "conversationStart": value, "conversationEnd": value}
    (head,) = read_page(json.dumps({"conversations": [record]}).encode()).heads or ()
    assert (plain(head.start) if head else None) == meant
    assert (plain(head.end) if head else None) == meant
    record = {
        **RECORD,
        "conversationEnd": value,
        "conferenceStart": other,
        "participants": [
            {
                "sessions": [
                    {
                        "callbackScheduledTime": value,
                        "metrics": [{"emitDate": value}, {"emitDate": other}],
                        "segments": [{"segmentStart": other, "segmentEnd": value}],
                    }
                ]
            }
        ],
    }
    tables = shred(raws(record))
    assert len(tables["broken"]) == 0
    assert [plain(row["emit_date"]) for row in tables["metrics"].to_pylist()] == [meant, other]
    for table, name in (
        ("conversations", "conversation_end"),
        ("sessions", "callback_scheduled_time"),
        ("segments", "segment_end"),
    ):
        assert [plain(each) for each in tables[table].column(name).to_pylist()] == [meant]
    told = [json.loads(row["value"]) for row in tables["oddities"].to_pylist()]
    assert told == ([] if meant else [value] * 4)


@pytest.mark.parametrize(
    "text", ['"quoted"', "line\nbreak", "\u2028", "nul\x00byte", "👩‍👩‍👧", "\\", "ü", "a" * 100_000]
)
def test_wide_text(text: str) -> None:
    """Any text is the same text afterwards, in values and in attributes."""
    record = RECORD | {
        "externalTag": text,
        "participants": [{"attributes": {text: text, "empty": ""}}],
    }
    tables = shred(raws(record))
    assert tables["conversations"].column("external_tag").to_pylist() == [text]
    attributes = {row["name"]: row["value"] for row in tables["participant_attributes"].to_pylist()}
    assert attributes == {text: text, "empty": ""}


def test_unknown_fields_and_enums_pass() -> None:
    """A field or an enum of tomorrow breaks nothing."""
    tables = shred(raws(RECORD | {"brandNew": {"a": [1]}, "originatingDirection": "sideways"}))
    assert tables["conversations"].column("originating_direction").to_pylist() == ["sideways"]


def test_nothing() -> None:
    """No records are empty tables, with their columns."""
    tables = shred([])
    assert {name: table.schema for name, table in tables.items()} == schemas()
    assert all(isinstance(table, pa.Table) and not len(table) for table in tables.values())


@pytest.mark.invariant("Tables")
@pytest.mark.parametrize(
    "half", [r"\ud83d", r"\uDE00 \ud83d", r"\ud83d\u0041", r"\ud83d\ud83d\ude00"]
)
def test_half_a_character_spoils_no_page(half: str) -> None:
    """Half a character costs neither its record nor its page; how the text came is told of."""
    other = json.dumps({**RECORD, "externalTag": "\\\\ud800 \U0001f600"})
    spoilt = json.dumps({**RECORD, "conversationId": "c2", "externalTag": "?"}).replace("?", half)
    body = f'{{"totalHits": 2, "conversations": [{other}, {spoilt}]}}'.encode()
    assert read_page(body).total_hits == 2
    assert [bytes(raw).decode() for raw in split_records(body)] == [other, spoilt]
    assert [head and head.id for head in read_page(body).heads or ()] == ["c1", "c2"]
    tables = shred(split_records(body))
    assert tables["conversations"].column("external_tag").to_pylist() == [
        json.loads(other)["externalTag"],
        re.sub("[\ud800-\udfff]", "\ufffd", json.loads(f'"{half}"')),
    ]
    assert [row["value"] for row in tables["oddities"].to_pylist()] == [f'"{half}"'.lower()]
    assert (
        decode_record(msgspec.Raw(spoilt.encode()))["externalTag"]
        == json.loads(spoilt)["externalTag"]
    )


@pytest.mark.parametrize("value", [b'"t\xffg"', b"9" * 5000, b"1e400", rb'"\udcff"'])
def test_what_python_cannot_read(value: bytes) -> None:
    """A record with such a value, which is no text or too large, still is a record to those who iterate."""
    raw = msgspec.Raw(json.dumps(RECORD).encode()[:-1] + b', "odd": %s}' % value)
    found = decode_record(raw)
    assert found.pop("odd")
    assert found == RECORD


def test_the_parser_waits_for_no_lock_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets bytes: a file of Python's would be read by 8 KiB, each time with Python's lock."""
    given, read = [], arro3.io.read_json

    def told(file: Any, *rest: Any, **more: Any) -> Any:
        given.append(type(file))
        return read(file, *rest, **more)

    monkeypatch.setattr(arro3.io, "read_json", told)
    shred(raws(RECORD))
    assert given == [bytes]
