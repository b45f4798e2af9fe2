"""One row a conversation: held against the same definitions, written down once more, slowly, over the raw records."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from tests.inprocess import world
from tests.tables.test_parse import RECORD, raws

from lastpage.tables.derived import Names, overview, overview_schema
from lastpage.tables.parse import shred

DAY = datetime(2023, 10, 10, tzinfo=UTC)
Json = dict[str, Any]


def of(*records: Json, names: Names | None = None) -> list[Json]:
    rows: list[Json] = overview(shred(raws(*records)), names or Names()).to_pylist()
    return rows


def sessions(record: Json) -> Iterator[tuple[Json, Json]]:
    return (
        (person, each)
        for person in record.get("participants", ())
        for each in person.get("sessions", ())
    )


def total(record: Json, *names: str) -> int | None:
    values = [
        each["value"]
        for _, session in sessions(record)
        for each in session.get("metrics", ())
        if each["name"] in names
    ]
    return sum(values) if values else None


def in_order(record: Json, purposes: Iterable[str], field: str) -> list[str]:
    """The values of a field of segments, in the order in which those began."""
    found = [
        (segment["segmentStart"], position, segment[field])
        for position, (person, session) in enumerate(sessions(record))
        for segment in session.get("segments", ())
        if field in segment and (not purposes or person["purpose"] in purposes)
    ]
    return [value for _, _, value in sorted(found, key=lambda each: each[:2])]


def agents(record: Json) -> list[str]:
    began = [
        (segment["segmentStart"], position, person["userId"])
        for position, (person, session) in enumerate(sessions(record))
        for segment in session.get("segments", ())
        if person["purpose"] in ("agent", "user")
        and segment["segmentType"] == "interact"
        and "userId" in person
    ]
    return list(dict.fromkeys(user for _, _, user in sorted(began)))


def moment(record: Json, field: str) -> datetime | None:
    return datetime.fromisoformat(record[field]) if field in record else None


def expected(record: Json) -> Json:
    start, end = moment(record, "conversationStart"), moment(record, "conversationEnd")
    queues = in_order(record, ("acd", "agent"), "queueId")
    codes = in_order(record, (), "wrapUpCode")
    media = list(
        dict.fromkeys(each["mediaType"] for _, each in sessions(record) if "mediaType" in each)
    )
    return {
        "conversation_id": record["conversationId"],
        "conversation_start": start,
        "conversation_end": end,
        "duration_ms": (end - start) // timedelta(milliseconds=1) if start and end else None,
        "direction": record.get("originatingDirection"),
        "media_type": media[0] if media else None,
        "media_types": media,
        "first_queue_id": queues[0] if queues else None,
        "first_queue": None,
        "last_queue_id": queues[-1] if queues else None,
        "last_queue": None,
        "offered": total(record, "nOffered") or 0,
        "answered": total(record, "tAnswered") is not None,
        "abandoned": total(record, "tAbandon") is not None,
        "flowed_out": total(record, "tFlowOut") is not None,
        "transfers": total(record, "nTransferred") or 0,
        "blind_transfers": total(record, "nBlindTransferred") or 0,
        "consult_transfers": total(record, "nConsultTransferred") or 0,
        "wait_ms": total(record, "tAnswered", "tAbandon", "tFlowOut"),
        "ivr_ms": total(record, "tIvr"),
        "talk_ms": total(record, "tTalkComplete"),
        "hold_ms": total(record, "tHeldComplete"),
        "acw_ms": total(record, "tAcw"),
        "handle_ms": total(record, "tHandle"),
        "agent_count": len(agents(record)),
        "agent_ids": agents(record),
        "agents": [None for _ in agents(record)],
        "wrap_up_code": codes[-1] if codes else None,
        "wrap_up": None,
    }


@pytest.mark.invariant("Tables")
def test_a_realistic_day() -> None:
    """Every column of the overview is what its definition says, for conversations of all media."""
    records = list(world(per_day=500).sandbox.truth(DAY, DAY.replace(day=11)).values())
    for row, record in zip(of(*records), records, strict=True):
        assert row == expected(record)
    rows = of(*records)
    for name in ("answered", "abandoned", "flowed_out"):
        assert {row[name] for row in rows} == {True, False}
    for name in ("hold_ms", "transfers", "wrap_up_code", "first_queue_id"):
        assert len({row[name] for row in rows}) > 1


def test_handled_by_several() -> None:
    """Queues and agents come in the order of time, not of the record; a user who was only alerted is not an agent."""

    def leg(purpose: str, user: str, start: int, queue: str, kind: str = "interact") -> Json:
        segment = {
            "segmentStart": f"2023-10-10T10:{start:02d}:00.000Z",
            "segmentType": kind,
            "queueId": queue,
        }
        return {
            "purpose": purpose,
            "userId": user,
            "sessions": [{"mediaType": "voice", "segments": [segment]}],
        }

    (row,) = of(
        RECORD
        | {
            "participants": [
                leg("customer", "nobody", 0, "the last queue"),
                leg("agent", "second", 9, "billing"),
                leg("acd", "nobody", 1, "sales"),
                leg("agent", "first", 3, "sales"),
                leg("agent", "rang", 2, "sales", "alert"),
                leg("agent", "first", 12, "billing"),
            ]
        }
    )
    assert (row["first_queue_id"], row["last_queue_id"]) == ("sales", "billing")
    assert (row["agent_ids"], row["agent_count"]) == (["first", "second"], 2)


def test_names() -> None:
    """Ids with a name show it; one that is in no list shows none."""
    lists = {
        kind: pa.table(
            {
                "id": pa.array(list(pairs), pa.string()),
                "name": pa.array(list(pairs.values()), pa.string()),
            }
        )
        for kind, pairs in {"queues": {"q1": "Sales"}, "users": {"u2": "Ada"}}.items()
    }

    def leg(user: str, queue: str, start: int) -> Json:
        segment = {
            "segmentStart": f"2023-10-10T10:0{start}:00.000Z",
            "segmentType": "interact",
            "queueId": queue,
            "wrapUpCode": "w",
        }
        return {"purpose": "agent", "userId": user, "sessions": [{"segments": [segment]}]}

    (row,) = of(
        RECORD | {"participants": [leg("u1", "q1", 1), leg("u2", "q2", 2)]}, names=Names(lists)
    )
    assert (row["first_queue"], row["last_queue"], row["agents"], row["wrap_up"]) == (
        "Sales",
        None,
        [None, "Ada"],
        None,
    )


@pytest.mark.parametrize(
    "record",
    [RECORD, RECORD | {"participants": []}, RECORD | {"participants": [{"sessions": None}]}],
)
def test_next_to_nothing(record: Json) -> None:
    """A conversation without participants is a row all the same."""
    (row,) = of(record)
    assert (row["conversation_id"], row["answered"], row["agent_ids"], row["wait_ms"]) == (
        "c1",
        False,
        [],
        None,
    )
    assert overview(shred([])).schema == overview_schema()
