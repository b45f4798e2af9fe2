"""Choosing tables and columns, and taking personal data out of them, so that joins go on working."""

import json
from typing import Any

import pyarrow as pa
import pytest
from tests.tables.test_parse import RECORD, raws

from lastpage.errors import UsageError
from lastpage.tables.build import Shredder
from lastpage.tables.selection import Selection

KEY = b"a key that is long enough"
PERSON = {
    "participantId": "p1",
    "purpose": "agent",
    "userId": "u1",
    "attributes": {"tier": "gold", "birthday": "1970-01-01", "user_id": "odd"},
    "sessions": [
        {
            "ani": "tel:+49123",
            "mediaType": "voice",
            "callbackNumbers": ["tel:+49123", "tel:+49456"],
            "requestedRoutings": ["Standard"],
            "segments": [
                {
                    "segmentType": "interact",
                    "segmentStart": "2023-10-10T10:00:00.000Z",
                    "queueId": "q1",
                }
            ],
        }
    ],
}
RECORDS = raws(RECORD | {"participants": [PERSON, PERSON]}, RECORD | {"conversationId": "c2"})
BROKEN = raws({"conversationId": "c3", "externalTag": "tel:+49123"})
#: A number that is a number, a name that is one, too, and an attribute that is not a text.
ODD = raws(
    RECORD
    | {
        "conversationId": "c4",
        "participants": [
            {
                "userId": 4912,
                "attributes": {"birthday": {"year": 1970}},
                "sessions": [{"ani": 49123, "callbackNumbers": [49456]}],
            }
        ],
    }
)


def shredded(**chosen: Any) -> dict[str, pa.Table]:
    return Shredder(Selection(**chosen), KEY)(RECORDS)


def everything_in(tables: dict[str, pa.Table]) -> str:
    return json.dumps({name: table.to_pylist() for name, table in tables.items()}, default=str)


def test_all_by_default() -> None:
    """Nothing chosen is everything, untouched."""
    tables = shredded()
    assert {name: table.schema for name, table in tables.items()} == Shredder().schemas
    assert "tel:+49123" in everything_in(tables)


def test_tables() -> None:
    """Only the tables that are named, and those that say what a destination holds."""
    assert set(shredded(tables=("segments",))) == {
        "conversations",
        "oddities",
        "broken",
        "segments",
    }


def test_columns() -> None:
    """Of a table that is named only these columns and the keys; other tables are whole."""
    tables = shredded(columns=("sessions.media_type",))
    assert tables["sessions"].column_names == [
        "conversation_id",
        "participant_no",
        "session_no",
        "media_type",
    ]
    assert tables["segments"].schema == Shredder().schemas["segments"]


@pytest.mark.invariant("Tables")
def test_dropped() -> None:
    """What is dropped is nowhere, and not in what follows from it either."""
    tables = shredded(drop=("ani", "callback_numbers", "user_id", "attributes.birthday"))
    assert not {"ani", "callback_numbers"} & {*tables["sessions"].column_names}
    text = everything_in(tables)
    assert "+49123" not in text
    assert "1970" not in text
    assert '"u1"' not in text
    assert '"odd"' in text  # an attribute is not a column, whatever its name
    assert tables["conversation_overview"].column("agent_ids").to_pylist() == [[], []]


@pytest.mark.invariant("Tables")
def test_hashed() -> None:
    """A hash is the same wherever the text was, and the text is nowhere."""
    tables = shredded(hash=("ani", "callback_numbers", "user_id", "attributes.tier"))
    text = everything_in(tables)
    assert not [each for each in ("+49123", "+49456", '"u1"', "gold") if each in text]
    (ani, _) = tables["sessions"].column("ani").to_pylist()
    (numbers, _) = tables["sessions"].column("callback_numbers").to_pylist()
    assert (numbers[0], len(numbers), len(ani)) == (ani, 2, 32)
    (user, _) = tables["participants"].column("user_id").to_pylist()
    assert tables["conversation_overview"].column("agent_ids").to_pylist() == [[user], []]
    attributes = {
        (row["name"], row["value"]) for row in tables["participant_attributes"].to_pylist()
    }
    assert ("birthday", "1970-01-01") in attributes
    assert ("user_id", "odd") in attributes
    other = Shredder(Selection(hash=("ani",)), b"another key, as long as it")(RECORDS)
    assert other["sessions"].column("ani")[0].as_py() != ani


@pytest.mark.invariant("Tables")
@pytest.mark.parametrize("how", ["drop", "hash"])
def test_an_attribute_goes_although_names_do(how: str) -> None:
    """An attribute is dropped or hashed by its own name, even if the column of names is, too."""
    chosen: dict[str, list[str]] = {"drop": [], "hash": []}
    chosen[how].append("participant_attributes.name")
    for other in ("drop", "hash"):
        tables = shredded(**chosen | {other: (*chosen[other], "attributes.birthday")})
        assert "1970-01-01" not in everything_in(tables)
        assert "birthday" not in everything_in(tables)


def test_broken_records_are_private_too() -> None:
    """Of a record that cannot be read nothing is kept that it says, once something personal is taken out."""
    tables = Shredder(Selection(drop=("ani",)))(BROKEN)
    (row,) = tables["broken"].to_pylist()
    assert (row["conversation_id"], row["error"], row["record"][:9]) == ("", None, "not kept:")
    assert "+49123" not in everything_in(tables)
    (row,) = Shredder()(BROKEN)["broken"].to_pylist()
    assert "+49123" in row["record"]


@pytest.mark.invariant("Tables")
@pytest.mark.parametrize(
    "chosen",
    [
        {"drop": ("user_id", "ani", "callback_numbers", "attributes.birthday")},
        {"drop": ("oddities.path", "value")},
        {"hash": ("user_id", "ani", "callback_numbers", "attributes.birthday", "external_tag")},
        {"hash": ("path", "oddities.value")},
        {"drop": ("subject",)},
        {"columns": ("sessions.media_type",)},
    ],
)
def test_odd_values_are_private_too(chosen: dict[str, Any]) -> None:
    """Once something is taken out, it is told where an odd value was, not what it was, nor of which attribute."""
    tables = Shredder(Selection(**chosen), KEY)([*RECORDS, *ODD])
    rows = tables["oddities"].to_pylist()
    assert [row["conversation_id"] for row in rows] == ["c4"] * 4
    assert {row.get("value") for row in rows} == {None}
    told = json.dumps(rows, default=str)
    assert not [each for each in ("49", "1970", "birthday") if each in told]
    if "path" in rows[0] and "path" not in chosen.get("hash", ()):
        assert [row["path"] for row in rows] == [
            "participants[0].userId",
            "participants[0].attributes",
            "participants[0].sessions[0].ani",
            "participants[0].sessions[0].callbackNumbers[0]",
        ]
    assert "49456" in everything_in({"oddities": Shredder()(ODD)["oddities"]})


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        (("participants",), ["userId"]),
        (("sessions",), ["ani", "callbackNumbers"]),
        (("conversation_overview",), ["userId", "ani", "callbackNumbers"]),
        (("evaluations",), []),
        (("oddities",), ["userId", "birthday", "ani", "callbackNumbers"]),
    ],
)
def test_odd_values_of_the_tables_that_are_there(tables: tuple[str, ...], told: list[str]) -> None:
    """Only odd values of the chosen tables are told of, and of those that the overview follows from."""
    rows = Shredder(Selection(tables=tables))(ODD)["oddities"].to_pylist()
    paths = [row["path"].rpartition(".")[2].partition("[")[0] for row in rows]
    assert paths == told


def test_attributes_as_columns() -> None:
    """A row a participant, a column an attribute; one that has a column's name of ours gets a prefix."""
    table = shredded(attributes=("tier", "user_id", "nobody has it"))[
        "participants_with_attributes"
    ]
    assert table.column_names[4:] == ["tier", "attribute_user_id", "nobody has it"]
    assert table.to_pylist()[0] == {
        "conversation_id": "c1",
        "participant_no": 0,
        "purpose": "agent",
        "user_id": "u1",
        "tier": "gold",
        "attribute_user_id": "odd",
        "nobody has it": None,
    }
    assert len(table) == 2


def test_raw() -> None:
    """Every record as it came, byte for byte."""
    tables = Shredder(Selection(keep_raw=True))([*RECORDS, *ODD, *BROKEN])
    assert [row["record"].encode() for row in tables["raw"].to_pylist()] == [
        bytes(raw) for raw in [*RECORDS, *ODD]
    ]


def test_remembered() -> None:
    """A selection comes back from its text as it was, and says nothing of what was not chosen."""
    chosen = Selection(tables=("segments",), hash=("ani",))
    assert Selection.load(chosen.dump()) == chosen
    assert chosen.dump() == '{"hash":["ani"],"tables":["segments"]}'
    assert Selection().dump() == "{}"


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"tables": ("segmnts",)}, "did you mean segments"),
        ({"drop": ("anni",)}, "did you mean ani"),
        ({"columns": ("segments.ani",)}, "not a table or column"),
        ({"drop": ("conversation_id",)}, "is a key"),
        ({"hash": ("participant_no",)}, "is a key"),
        ({"hash": ("segment_start",)}, "only text can be hashed"),
        ({"hash": ("conversation_overview.agent_ids",)}, "not a table or column"),
        ({"drop": ("ani",), "hash": ("ani",)}, "choose one"),
        ({"columns": ("attributes.tier",)}, "give it to --attributes"),
        ({"keep_raw": True, "drop": ("ani",)}, "whole records"),
        ({"attributes": ("tier", "tier")}, "one column"),
        ({"attributes": ("user_id", "attribute_user_id")}, "one column"),
    ],
)
def test_refused(chosen: Any, sentence: str) -> None:
    """What makes no sense is refused with what to give instead."""
    with pytest.raises(UsageError, match=sentence):
        Selection(**chosen)


def test_a_hash_needs_a_key() -> None:
    """Without a key, or with one that can be guessed, nothing is hashed."""
    with pytest.raises(UsageError, match="LASTPAGE_HASH_KEY"):
        Shredder(Selection(hash=("ani",)), b"short")
