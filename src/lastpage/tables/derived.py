"""One row a conversation, as analysts write it first: media, direction, queues, answered or not, times, agents.

Every column follows from the other tables by the metric rules of docs/api.md, 5.7; docs/tables.md says how. A time is null where
no metric told it: nobody was on hold, or the conversation is still open.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from lastpage.tables.names import NONE, Names
from lastpage.tables.parse import Tables, numbers
from lastpage.tables.schema import KEY

OVERVIEW = "conversation_overview"
_TIME = pa.timestamp("ms", tz="UTC")
_TEXTS = pa.list_(pa.string())
#: A session's place in its conversation as one number: participants and sessions of a conversation are far fewer.
_PLACES = pa.scalar(1_000_000, pa.int64())
_NONE = pa.scalar(0, pa.int64())
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
USED = sorted({name for names in SUMS.values() for name in names} | set(FACTS.values()))
#: Whose segments a queue is taken from: a customer's name the last queue from the first second on (docs/api.md, 5.1).
IN_QUEUES = pa.array(["acd", "agent"])
#: Whose talking makes an agent of the conversation.
AGENTS = pa.array(["agent", "user"])

OVERVIEW_SCHEMA = pa.schema(
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
    whole = {name: _one(tables["conversations"], name) for name in tables["conversations"].column_names}
    rows = _Rows(whole[KEY])
    columns = {name: whole[name] for name in (KEY, "conversation_start", "conversation_end")}
    start, end = (whole[f"conversation_{name}"].cast(pa.int64()) for name in ("start", "end"))
    columns |= {"duration_ms": pc.subtract(end, start), "direction": whole["originating_direction"]}
    columns |= _media(rows, tables["sessions"]) | _metrics(rows, tables["metrics"])
    columns |= _segments(rows, tables["participants"], tables["segments"], names)
    return pa.table({name: columns[name] for name in OVERVIEW_SCHEMA.names}, schema=OVERVIEW_SCHEMA)


class _Rows:
    """Which conversation of the page a row of another table belongs to, and the way back."""

    def __init__(self, ids: pa.Array) -> None:
        self._ids = ids
        self._all = numbers(len(ids))

    def at(self, table: pa.Table) -> pa.Array:
        """Of each row of a table, the number of its conversation."""
        return pc.index_in(_one(table, KEY), value_set=self._ids)

    def first(self, at: pa.Array, values: pa.Array) -> pa.Array:
        """Of each conversation the first of these values, null where it has none."""
        return values.take(pc.index_in(self._all, value_set=at))

    def lists(self, at: pa.Array, values: pa.Array) -> pa.Array:
        """Of each conversation its distinct values in the order in which they come, none of them null."""
        there = pc.is_valid(values)
        at, values = at.filter(there), values.filter(there)
        told = pa.table({"at": at, "value": values, "row": numbers(len(at))})
        rows = _one(told.group_by(["at", "value"], use_threads=False).aggregate([("row", "min")]), "row_min")
        rows = rows.take(pc.sort_indices(rows))
        at, values = at.take(rows), values.take(rows)
        lengths = pc.fill_null(self.first(*pc.value_counts(at).flatten()), _NONE)
        offsets = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths)])
        return pa.ListArray.from_arrays(offsets.cast(pa.int32()), values)


def _media(rows: _Rows, sessions: pa.Table) -> dict[str, pa.Array]:
    at, media = rows.at(sessions), _one(sessions, "media_type")
    there = pc.is_valid(media)
    return {
        "media_type": rows.first(at.filter(there), media.filter(there)),
        "media_types": rows.lists(at, media),
    }


def _metrics(rows: _Rows, metrics: pa.Table) -> dict[str, pa.Array]:
    told = pa.table({"at": rows.at(metrics), "name": _one(metrics, "name"), "value": _one(metrics, "value")})
    sums = told.group_by(["at", "name"], use_threads=False).aggregate([("value", "sum")])
    at, name, value = (_one(sums, column) for column in ("at", "name", "value_sum"))

    def total(metric: str) -> pa.Array:
        mine = pc.equal(name, _text(metric))
        return rows.first(at.filter(mine), value.filter(mine))

    totals = {metric: total(metric) for metric in USED}
    columns = {column: reduce(_plus, (totals[metric] for metric in names)) for column, names in SUMS.items()}
    columns |= {column: pc.fill_null(columns[column], _NONE) for column in COUNTS}
    return columns | {column: pc.is_valid(totals[metric]) for column, metric in FACTS.items()}


def _segments(rows: _Rows, people: pa.Table, segments: pa.Table, names: Names) -> dict[str, pa.Array]:
    """What the segments tell, in the order in which they began."""
    at, start = rows.at(segments), _one(segments, "segment_start")
    person = pc.index_in(_place(at, segments), value_set=_place(rows.at(people), people))
    purpose = _one(people, "purpose").take(person)
    queued = _in_order(at, start, _one(segments, "queue_id"), pc.is_in(purpose, value_set=IN_QUEUES))
    coded = _in_order(at, start, _one(segments, "wrap_up_code"))
    talking = pc.and_(pc.is_in(purpose, value_set=AGENTS), pc.equal(_one(segments, "segment_type"), _text("interact")))
    agents = rows.lists(*_in_order(at, start, _one(people, "user_id").take(person), talking))
    first, last, code = rows.first(*queued), rows.first(*_turned(queued)), rows.first(*_turned(coded))
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


def _in_order(
    at: pa.Array, start: pa.Array, values: pa.Array, mask: pa.Array | None = None
) -> tuple[pa.Array, pa.Array]:
    """The values there are among the chosen segments, in the order in which those began: conversation numbers, values."""
    there = pc.is_valid(values)
    chosen = pc.indices_nonzero(there if mask is None else pc.and_(there, mask))
    begun = pa.table({"at": at.take(chosen), "start": start.take(chosen)})
    rows = chosen.take(pc.sort_indices(begun, [("at", "ascending"), ("start", "ascending")]))
    return at.take(rows), values.take(rows)


def _place(at: pa.Array, table: pa.Table) -> pa.Array:
    """Of each row its participant, as one number."""
    return pc.add(pc.multiply(at.cast(pa.int64()), _PLACES), _one(table, "participant_no"))


def _plus(one: pa.Array, other: pa.Array) -> pa.Array:
    """A sum in which null counts for nothing; of two nulls it is null."""
    return pc.coalesce(pc.add(one, other), one, other)


def _turned(pair: tuple[pa.Array, pa.Array]) -> tuple[pa.Array, pa.Array]:
    """The last first."""
    at, values = pair
    backwards = pc.subtract(pa.scalar(len(at) - 1, pa.int32()), numbers(len(at)))
    return at.take(backwards), values.take(backwards)


def _text(value: str) -> pa.Scalar:
    return pa.scalar(value, pa.string())


def _one(table: pa.Table, name: str) -> pa.Array:
    """A column in one piece."""
    return table.column(name).combine_chunks()


# PART tables.pivot
# One row a participant, with chosen participant attributes as columns: what `--attributes` adds.


PIVOT = "participants_with_attributes"
_OWN = pa.schema(
    [
        ("conversation_id", pa.string()),
        ("participant_no", pa.int32()),
        ("purpose", pa.string()),
        ("user_id", pa.string()),
    ]
)


#: What an attribute's column may not be called: the columns of ours, and the day that destinations add.
_RESERVED = {*_OWN.names, "day"}


def pivot_schema(attributes: Sequence[str]) -> pa.Schema:
    """Columns are named as the attributes are; one that would be taken for a column of ours gets a prefix."""
    return pa.schema([*_OWN, *((attribute_column(name), pa.string()) for name in attributes)])


def attribute_column(attribute: str) -> str:
    """The column of an attribute."""
    return f"attribute_{attribute}" if attribute.lower() in _RESERVED else attribute


def pivoted(tables: dict[str, pa.Table], attributes: Sequence[str]) -> pa.Table:
    """The table, from `participants` and `participant_attributes`; of a name that is there twice the last value counts."""
    people, told = tables["participants"], tables["participant_attributes"]
    columns = [people.column(name) for name in _OWN.names]
    for name in attributes:
        mine = told.filter(pc.equal(told.column("name"), name))
        mine = mine.take(_backwards(len(mine)))
        rows = pc.index_in(_key(people), value_set=_key(mine))
        columns.append(mine.column("value").take(rows))
    return pa.table(columns, schema=pivot_schema(attributes))


def _key(table: pa.Table) -> pa.Array:
    number = table.column("participant_no").cast(pa.string())
    joined: pa.ChunkedArray = pc.binary_join_element_wise(table.column("conversation_id"), number, " ")
    return joined.combine_chunks()


def _backwards(count: int) -> pa.Array:
    return pa.array(range(count - 1, -1, -1), pa.int64())
