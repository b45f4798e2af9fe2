"""Values that do not fit: one cell, told of; never a conversation."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tables.test_parse import RECORD, raws

from lastpage.tables.oddities import by_kind, sentence
from lastpage.tables.parse import shred
from lastpage.tables.schema import CONVERSATION, TABLES, Level, column

#: A record with an object of every level, whose fields are to be spoilt.
WHOLE = RECORD | {
    "externalTag": "tag",
    "evaluations": [{"oTotalScore": 87.5}],
    "surveys": [{"surveyPromoterScore": 9}],
    "participants": [
        {"purpose": "customer", "attributes": {"tier": "gold"}},
        {
            "purpose": "agent",
            "screenRecording": True,
            "attributes": {"tier": "silver", "empty": ""},
            "sessions": [
                {
                    "mediaType": "voice",
                    "requestedRoutings": ["Standard"],
                    "eligibleAgentCounts": [1, 2],
                    "metrics": [{"name": "tTalk", "value": 5}, {"name": "tHeld", "value": 6}],
                    "segments": [{"segmentEnd": "2023-10-10T10:00:00.000Z"}],
                    "flow": {"flowId": "f", "outcomes": [{"flowOutcome": "o"}]},
                }
            ],
        },
    ],
}
PERSON, SESSION = "participants[1]", "participants[1].sessions[0]"
#: Where a value is put, as JSON, and what its table has there then; then whether it is odd.
ODD: list[tuple[str, str, str, Any]] = [
    (f"{SESSION}.metrics[1].value", "12.5", "metrics.value", [5, None]),
    (f"{SESSION}.metrics[1].value", '"long"', "metrics.value", [5, None]),
    (f"{SESSION}.metrics[1].value", "true", "metrics.value", [5, None]),
    (f"{SESSION}.metrics[1].value", "1e400", "metrics.value", [5, None]),
    (f"{SESSION}.metrics[1].value", "9223372036854775808", "metrics.value", [5, None]),
    (f"{SESSION}.metrics[1].value", "9" * 5000, "metrics.value", [5, None]),
    (f"{SESSION}.metrics[1].value", "9007199254740993.0", "metrics.value", [5, None]),
    (f"{SESSION}.metrics[1].name", "7", "metrics.name", ["tTalk", None]),
    (f"{SESSION}.metrics[1]", '"x"', "metrics.value", [5, None]),
    (f"{SESSION}.metrics", '{"name":"tTalk"}', "metrics.value", []),
    (f"{SESSION}.eligibleAgentCounts[1]", "1.5", "sessions.eligible_agent_counts", [[1, None]]),
    (f"{SESSION}.eligibleAgentCounts", "3", "sessions.eligible_agent_counts", [None]),
    (f"{SESSION}.requestedRoutings[0]", "3", "sessions.requested_routings", [[None]]),
    (f"{SESSION}.segments[0].segmentEnd", '""', "segments.segment_end", [None]),
    (f"{SESSION}.segments[0].segmentEnd", "1696932000000", "segments.segment_end", [None]),
    (f"{SESSION}.flow", "[]", "flows.flow_id", []),
    (f"{SESSION}.flow.outcomes", "7", "flows.flow_id", ["f"]),
    (f"{PERSON}.screenRecording", '"yes"', "participants.screen_recording", [None, None]),
    (f"{PERSON}.sessions", '"none"', "participants.purpose", ["customer", "agent"]),
    (f"{PERSON}.attributes", "[1]", "participant_attributes.value", ["gold"]),
    (f"{PERSON}.attributes.tier", "5", "participant_attributes.value", ["gold", "5", ""]),
    (f"{PERSON}.attributes.tier", "false", "participant_attributes.value", ["gold", "false", ""]),
    (f"{PERSON}.attributes.tier", '{"a":[1.50]}', "participant_attributes.value", ["gold", '{"a":[1.50]}', ""]),
    (f"{PERSON}.attributes.tier", r'"\ud83d!"', "participant_attributes.value", ["gold", "\ufffd!", ""]),
    ("participants", '"many"', "conversations.external_tag", ["tag"]),
    ("participants[0]", "7", "participants.purpose", [None, "agent"]),
    ("evaluations[0].oTotalScore", '"NaN"', "evaluations.o_total_score", [None]),
    ("evaluations[0].oTotalScore", "1e400", "evaluations.o_total_score", [None]),
    ("conversationEnd", '"yesterday"', "conversations.conversation_end", [None]),
    ("conversationEnd", '"9999-12-31T23:30:00.000-01:00"', "conversations.conversation_end", [None]),
    ("externalTag", "{}", "conversations.external_tag", [None]),
    ("externalTag", r'"cut \ud83d"', "conversations.external_tag", ["cut \ufffd"]),
]  # fmt: skip
#: The same for what fits, although it is spelt in another way than is usual.
FITS: list[tuple[str, str, str, Any]] = [
    (f"{SESSION}.metrics[1].value", "6.0", "metrics.value", [5, 6]),
    (f"{SESSION}.metrics[1].value", "6e1", "metrics.value", [5, 60]),
    (f"{SESSION}.metrics[1].value", '"6"', "metrics.value", [5, 6]),
    (f"{SESSION}.metrics[1].value", '"6.0"', "metrics.value", [5, 6]),
    (f"{SESSION}.metrics[1].value", "null", "metrics.value", [5, None]),
    (f"{SESSION}.metrics[1].value", str(2**53), "metrics.value", [5, 2**53]),
    (f"{SESSION}.metrics[1].value", str(-(2**53) - 1), "metrics.value", [5, -(2**53) - 1]),
    (f"{SESSION}.metrics[1].value", str(2**63 - 1), "metrics.value", [5, 2**63 - 1]),
    (f"{SESSION}.metrics[1]", "null", "metrics.value", [5, None]),
    (f"{SESSION}.eligibleAgentCounts", "[3,null]", "sessions.eligible_agent_counts", [[3, None]]),
    ("evaluations[0].oTotalScore", '"4.25"', "evaluations.o_total_score", [4.25]),
    (f"{PERSON}.attributes.tier", "null", "participant_attributes.value", ["gold", None, ""]),
    ("brandNew", r'"\ud83d"', "conversations.external_tag", ["tag"]),
    (f"{SESSION}.brandNew", r'{"a":"\ud83d"}', "conversations.external_tag", ["tag"]),
]


def at(path: str, value: str) -> msgspec.Raw:
    """The whole record with this JSON at this path."""
    record = json.loads(json.dumps(WHOLE))
    steps: list[Any] = [
        int(step) if step.isdecimal() else step
        for step in path.replace("[", ".").replace("]", "").split(".")
    ]
    place = record
    for step in steps[:-1]:
        place = place[step]
    place[steps[-1]] = "HERE"
    return msgspec.Raw(json.dumps(record).replace('"HERE"', value).encode())


def odd_in(tables: Any) -> list[tuple[str, str, str]]:
    return [
        (row["conversation_id"], row["path"], row["value"])
        for row in tables["oddities"].to_pylist()
    ]


@pytest.mark.invariant("Tables")
@pytest.mark.parametrize("beside", ["", "0.5"])
@pytest.mark.parametrize(("path", "value", "cell", "found"), ODD)
def test_an_odd_value(path: str, value: str, cell: str, found: Any, beside: str) -> None:
    """A value that does not fit costs its own cell and nothing else: it is told of, and its record is in every table."""
    other = at(f"{SESSION}.metrics[1].value", beside) if beside else raws(WHOLE)[0]
    other = msgspec.Raw(bytes(other).replace(b'"c1"', b'"c0"'))
    tables = shred([other, at(path, value)])
    assert len(tables["broken"]) == 0
    assert tables["conversations"].column("conversation_id").to_pylist() == ["c0", "c1"]
    name, _, cells = cell.partition(".")
    rows = [row for row in tables[name].to_pylist() if row["conversation_id"] == "c1"]
    assert [row[cells] for row in rows] == found
    expected = [("c0", f"{SESSION}.metrics[1].value", beside)] if beside else []
    assert odd_in(tables) == [*expected, ("c1", path, value)]
    assert {row["conversation_start"] for row in tables["oddities"].to_pylist()} == {
        tables["conversations"].column("conversation_start")[0].as_py()
    }


@pytest.mark.parametrize("beside", ["", "0.5"])
@pytest.mark.parametrize(("path", "value", "cell", "found"), FITS)
def test_a_value_that_fits(path: str, value: str, cell: str, found: Any, beside: str) -> None:
    """What fits is the same whether or not its page has odd values, and is not told of."""
    other = at(f"{SESSION}.metrics[1].value", beside) if beside else raws(WHOLE)[0]
    other = msgspec.Raw(bytes(other).replace(b'"c1"', b'"c0"'))
    tables = shred([other, at(path, value)])
    assert [id_ for id_, *_ in odd_in(tables)] == ["c0"] * bool(beside)
    name, _, cells = cell.partition(".")
    rows = [row for row in tables[name].to_pylist() if row["conversation_id"] == "c1"]
    assert [row[cells] for row in rows] == found


def test_the_rest_of_an_odd_record() -> None:
    """All other cells are what they are in a record without odd values, field by field."""
    sound, spoilt = shred(raws(WHOLE)), shred([at(f"{SESSION}.metrics[1].value", "12.5")])
    for name in TABLES:
        if name not in ("oddities", "metrics"):
            assert spoilt[name].to_pylist() == sound[name].to_pylist()


def test_bytes_that_are_no_text() -> None:
    """Bytes that are not UTF-8 are replaced in the cell, and told of as escapes; U+F8FF stays itself."""
    raw = msgspec.Raw(
        bytes(raws(WHOLE)[0]).replace(b'"tag"', b'"t\xffg\\uF8ff\xef\xa3\xbf\\\\uf8ff"')
    )
    tables = shred([raw])
    assert tables["conversations"].column("external_tag").to_pylist() == [
        "t\ufffdg\uf8ff\uf8ff\\uf8ff"
    ]
    ((_, path, value),) = odd_in(tables)
    assert (path, json.loads(value)) == ("externalTag", "t\udcffg\uf8ff\uf8ff\\uf8ff")


def test_a_name_that_is_no_text() -> None:
    """An object with half a character in a name is told of whole, and the rest of it is in the tables."""
    text = json.dumps(WHOLE).replace('"empty"', '"\\ud83d"')
    tables = shred([msgspec.Raw(text.encode())])
    ((_, path, value),) = odd_in(tables)
    assert path == f"{PERSON}.attributes"
    assert json.loads(value) == {"tier": "silver", "\ud83d": ""}
    attributes = [
        (row["name"], row["value"]) for row in tables["participant_attributes"].to_pylist()
    ]
    assert attributes == [("tier", "gold"), ("tier", "silver"), ("\ufffd", "")]


def test_only_of_tables_that_are_wanted() -> None:
    """What concerns no table that is wanted is not told of; an object concerns those below it, too."""
    page = [at("participants[1].attributes", "7"), at("participants[1].sessions", "7")]
    assert [path for _, path, _ in odd_in(shred(page, {"metrics"}))] == [f"{PERSON}.sessions"]
    assert odd_in(shred(page, {"conversations"})) == []


def test_what_has_no_id_or_no_start() -> None:
    """A record without one of them is broken, as it came, also in a page with odd values."""
    headless = [{**WHOLE, "conversationId": 7}, {**WHOLE, "conversationStart": None}, 7, None, []]
    tables = shred([*raws(*headless), at("externalTag", "7")])
    assert tables["conversations"].column("external_tag").to_pylist() == [None]
    rows = tables["broken"].to_pylist()
    assert [json.loads(row["record"]) for row in rows] == headless
    assert {row["conversation_start"] for row in rows} == {None}
    assert all("no conversationId or no conversationStart" in row["error"] for row in rows)


def test_what_the_parser_refuses_all_the_same(refused: str) -> None:
    """A record that the parser refuses for another reason stands alone in `broken`; others of its page are read."""
    page = [at("externalTag", "7"), at("externalTag", json.dumps(refused)), *raws(WHOLE)]
    tables = shred(page)
    assert tables["conversations"].column("external_tag").to_pylist() == [None, "tag"]
    assert odd_in(tables) == [("c1", "externalTag", "7")]
    (row,) = tables["broken"].to_pylist()
    assert (row["conversation_id"], row["record"]) == ("c1", bytes(page[1]).decode())
    assert row["error"] == "for some reason"


def paths(level: Level, path: str = "") -> Iterator[tuple[str, str, str]]:
    """A path to each field of each level, its table and its column."""
    for name in level.fields:
        yield f"{path}{name}", level.table, column(name)
    for child in level.children:
        if child.kind != "map":
            yield from paths(child, f"{path}{child.name}{'[0]' * (child.kind == 'list')}.")


def nested(path: str, value: Any) -> Any:
    """An object that has a value at a path."""
    step, _, rest = path.partition(".")
    name, bracket, _ = step.partition("[")
    below = nested(rest, value) if rest else value
    return {name: [below] if bracket else below}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda below: st.lists(below, max_size=2) | st.dictionaries(st.text(max_size=2), below, max_size=2),
    max_leaves=4,
)  # fmt: skip


@given(st.sampled_from(sorted(set(paths(CONVERSATION)))), JSON)
def test_any_value_anywhere(place: tuple[str, str, str], value: Any) -> None:
    """Whatever stands in a field, the record is in its tables; what it came as is in the cell or told of."""
    path, table, cell = place
    if path in ("conversationId", "conversationStart"):
        return
    tables = shred(raws({**nested(path, value), **RECORD}))
    assert len(tables["broken"]) == 0
    (row,) = tables[table].to_pylist()
    told = tables["oddities"].to_pylist()
    assert all(each["path"].startswith(path) for each in told)
    if row[cell] is None:
        assert value is None or [json.loads(each["value"]) for each in told] == [value]


def test_a_sentence() -> None:
    """Odd values are counted by their path, whatever their places, and a terminal is safe from their names."""
    found = by_kind(
        ["a[0].b[12].c", "a[1].b[0].c", "a[0].attributes.x[7]y", "a[0].attributes.\x1b[2J"]
    )
    assert found["a.b.c"] == 2
    text = sentence(found)
    assert text.startswith("4 values did not fit their columns: a.b.c (2), ")
    assert text.isprintable()
    many = sentence(by_kind(f"field{number}" for number in range(9)))
    assert "and 4 other kinds" in many
