"""One row a conversation, as analysts write it first: media, direction, queues, answered or not, times, agents.

Every column follows from the other tables by the metric rules of docs/api.md, 5.7; docs/tables.md says how. A time is null where
no metric told it: nobody was on hold, or the conversation is still open.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from lastpage.tables.names import NONE, Names

Tables = dict[str, pa.Table]
NAME = "conversation_overview"
KEY = "conversation_id"
_TIME = pa.timestamp("ms", tz="UTC")
_TEXTS = pa.list_(pa.string())
#: A session's place in its conversation as one number: participants and sessions of a conversation are far fewer.
_PLACES = 1_000_000
#: Metrics that are summed over a conversation, by column.
SUMS: dict[str, tuple[str, ...]] = {
    "offered": ("nOffered",),
    "transfers": ("nTransferred",),
    "blind_transfers": ("nBlindTransferred",),
    "consult_transfers": ("nConsultTransferred",),
    "wait_ms": ("tAnswered", "tAbandon", "tFlowOut"),
    "ivr_ms": ("tIvr",),
    "talk_ms": ("tTalkComplete",),
    "hold_ms": ("tHeldComplete",),
    "acw_ms": ("tAcw",),
    "handle_ms": ("tHandle",),
}
#: Counts are 0 where no metric told them; times are null.
COUNTS = ("offered", "transfers", "blind_transfers", "consult_transfers")
#: Metrics whose presence says yes.
FACTS = {"answered": "tAnswered", "abandoned": "tAbandon"}
_USED = sorted({name for names in SUMS.values() for name in names} | set(FACTS.values()))
#: Whose segments a queue is taken from: a customer's name the last queue from the first second on (docs/api.md, 5.1).
IN_QUEUES = pa.array(["acd", "agent"])
#: Whose talking makes an agent of the conversation.
AGENTS = pa.array(["agent", "user"])

SCHEMA = pa.schema(
    [
        (KEY, pa.string()),
        ("conversation_start", _TIME),
        ("conversation_end", _TIME),
        ("duration_ms", pa.int64()),
        ("direction", pa.string()),
        ("media_type", pa.string()),
        ("media_types", _TEXTS),
        ("first_queue_id", pa.string()),
        ("first_queue", pa.string()),
        ("last_queue_id", pa.string()),
        ("last_queue", pa.string()),
        ("offered", pa.int64()),
        ("answered", pa.bool_()),
        ("abandoned", pa.bool_()),
        ("transfers", pa.int64()),
        ("blind_transfers", pa.int64()),
        ("consult_transfers", pa.int64()),
        ("wait_ms", pa.int64()),
        ("ivr_ms", pa.int64()),
        ("talk_ms", pa.int64()),
        ("hold_ms", pa.int64()),
        ("acw_ms", pa.int64()),
        ("handle_ms", pa.int64()),
        ("agent_count", pa.int64()),
        ("agent_ids", _TEXTS),
        ("agents", _TEXTS),
        ("wrap_up_code", pa.string()),
        ("wrap_up", pa.string()),
    ]
)


def overview(tables: Tables, names: Names = NONE) -> pa.Table:
    """The table for what `tables` has: conversations, participants, sessions, segments and metrics of the same page."""
    whole = tables["conversations"]
    rows = _Rows(whole.column(KEY).combine_chunks())
    columns = {name: whole.column(name) for name in (KEY, "conversation_start", "conversation_end")}
    columns["duration_ms"] = pc.subtract(
        *(whole.column(f"conversation_{name}").cast(pa.int64()) for name in ("end", "start"))
    )
    columns["direction"] = whole.column("originating_direction")
    columns |= _media(rows, tables["sessions"]) | _metrics(rows, tables["metrics"])
    columns |= _segments(rows, tables, names)
    return pa.table({name: columns[name] for name in SCHEMA.names}, schema=SCHEMA)


class _Rows:
    """Which conversation of the page a row of another table belongs to, and the way back."""

    def __init__(self, ids: pa.Array) -> None:
        self._ids = ids
        self._all = pa.array(range(len(ids)), pa.int32())

    def at(self, table: pa.Table) -> pa.Array:
        """Of each row of a table, the number of its conversation."""
        return pc.index_in(table.column(KEY).combine_chunks(), value_set=self._ids)

    def first(self, at: pa.Array, values: pa.Array) -> pa.Array:
        """Of each conversation the first of these values, null where it has none."""
        return values.take(pc.index_in(self._all, value_set=at))

    def lists(self, at: pa.Array, values: pa.Array) -> pa.Array:
        """Of each conversation its distinct values in the order in which they come, and none of them null."""
        there = pc.is_valid(values)
        found = pa.table({"at": at, "value": values}).filter(there)
        found = found.append_column("row", pa.array(range(len(found)), pa.int64()))
        once = found.group_by(["at", "value"], use_threads=False).aggregate([("row", "min")])
        once = once.sort_by([("at", "ascending"), ("row_min", "ascending")])
        counts = once.group_by("at", use_threads=False).aggregate([("value", "count")])
        lengths = pc.fill_null(
            self.first(counts.column("at").combine_chunks(), counts.column("value_count").combine_chunks()), 0
        )
        offsets = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths)]).cast(pa.int32())
        return pa.ListArray.from_arrays(offsets, once.column("value").combine_chunks().cast(pa.string()))


def _media(rows: _Rows, sessions: pa.Table) -> dict[str, pa.Array]:
    sessions = sessions.select([KEY, "media_type"]).filter(pc.is_valid(sessions.column("media_type")))
    at, media = rows.at(sessions), sessions.column("media_type").combine_chunks()
    return {"media_type": rows.first(at, media), "media_types": rows.lists(at, media)}


def _metrics(rows: _Rows, metrics: pa.Table) -> dict[str, pa.Array]:
    used = metrics.filter(pc.is_in(metrics.column("name"), value_set=pa.array(_USED)))
    told = pa.table({"at": rows.at(used), "name": used.column("name"), "value": used.column("value")})
    sums = told.group_by(["at", "name"], use_threads=False).aggregate([("value", "sum")])
    columns: dict[str, pa.Array] = {}
    for column, names in SUMS.items():
        mine = sums.filter(pc.is_in(sums.column("name"), value_set=pa.array(names)))
        whole = mine.group_by("at", use_threads=False).aggregate([("value_sum", "sum")])
        found = rows.first(*(whole.column(name).combine_chunks() for name in ("at", "value_sum_sum")))
        columns[column] = pc.fill_null(found, 0) if column in COUNTS else found
    for column, name in FACTS.items():
        at = sums.filter(pc.equal(sums.column("name"), name)).column("at").combine_chunks()
        columns[column] = pc.is_valid(rows.first(at, at))
    return columns


def _segments(rows: _Rows, tables: Tables, names: Names) -> dict[str, pa.Array]:
    """What the segments tell, in the order in which they began."""
    people, segments = tables["participants"], tables["segments"]
    person = pc.index_in(_place(rows, segments), value_set=_place(rows, people))
    told = pa.table(
        {
            "at": rows.at(segments),
            "start": segments.column("segment_start"),
            "queue": segments.column("queue_id"),
            "code": segments.column("wrap_up_code"),
            "type": segments.column("segment_type"),
            "purpose": people.column("purpose").take(person),
            "user": people.column("user_id").take(person),
        }
    ).sort_by([("at", "ascending"), ("start", "ascending")])
    queued = told.filter(pc.is_in(told.column("purpose"), value_set=IN_QUEUES)).filter(pc.field("queue").is_valid())
    coded = told.filter(pc.field("code").is_valid())
    talked = told.filter(pc.is_in(told.column("purpose"), value_set=AGENTS)).filter(pc.field("type") == "interact")
    first, last = _first(rows, queued, "queue"), _first(rows, _turned(queued), "queue")
    agents = rows.lists(*(talked.column(name).combine_chunks() for name in ("at", "user")))
    code = _first(rows, _turned(coded), "code")
    return {
        "first_queue_id": first,
        "first_queue": names.of("queues", first),
        "last_queue_id": last,
        "last_queue": names.of("queues", last),
        "agent_count": pc.list_value_length(agents).cast(pa.int64()),
        "agent_ids": agents,
        "agents": pa.ListArray.from_arrays(agents.offsets, names.of("users", agents.values)),
        "wrap_up_code": code,
        "wrap_up": names.of("wrap_up_codes", code),
    }


def _place(rows: _Rows, table: pa.Table) -> pa.Array:
    """Of each row its participant, as one number."""
    return pc.add(
        pc.multiply(rows.at(table).cast(pa.int64()), _PLACES), table.column("participant_no").combine_chunks()
    )


def _first(rows: _Rows, table: pa.Table, name: str) -> pa.Array:
    return rows.first(table.column("at").combine_chunks(), table.column(name).combine_chunks())


def _turned(table: pa.Table) -> pa.Table:
    """The last row first."""
    return table.take(pa.array(range(len(table) - 1, -1, -1), pa.int64()))
