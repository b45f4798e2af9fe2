"""Tables that follow from others: the overview, attributes as columns, and names for ids.

`conversation_overview` has one row a conversation, as analysts write it first: media, direction,
queues, answered or not, times, agents. Its columns are `OVERVIEW_COLUMNS` with their definitions,
by the metric rules of docs/api.md, 5.7. One with `metrics` is computed from its row there, the
others are computed here. `participants_with_attributes` has one row a participant and a column for
each attribute that was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, reduce

import pyarrow as pa
import pyarrow.compute as pc

from lastpage.tables.parse import Tables, arrow_schema
from lastpage.tables.schema import KEY, OVERVIEW, OVERVIEW_COLUMNS, START
from lastpage.tables.selection import ALL, PIVOT, PIVOT_COLUMNS, attribute_column
from lastpage.tables.values import array, numbers, one_piece, scalar

#: The tables that each of them follows from.
FROM = {
    OVERVIEW: ("conversations", "participants", "sessions", "metrics", "segments"),
    PIVOT: ("participants", "participant_attributes"),
}
#: Whose segments a queue is taken from: a customer's name the last queue from the first second on
#: (docs/api.md, 5.1).
IN_QUEUES = ("acd", "agent")
#: Whose talking makes an agent of the conversation.
AGENTS = ("agent", "user")
#: What the overview takes over from `conversations`, or derives from it alone.
OWN = (KEY, START, "conversation_end", "originating_direction")
#: The metrics that columns of the overview follow from.
METRICS = sorted({metric for column in OVERVIEW_COLUMNS for metric in column.metrics})
#: A list of the organisation's.
LIST = arrow_schema({"id": "str", "name": "str"})
#: More than a conversation has participants: so a conversation and a participant are one number.
PARTICIPANTS_MAX = 1_000_000


@dataclass(frozen=True)
class Names:
    """The organisation's lists that were read, by name: tables with the columns `id` and `name`.

    A name is as it was when the list was read.
    """

    lists: Mapping[str, pa.Table] = field(default_factory=dict)

    def of(self, kind: str, ids: pa.Array) -> pa.Array:
        """The name of each id, null where it has none."""
        table = self.lists.get(kind)
        if table is None or not len(table):
            return pa.nulls(len(ids), pa.string())
        return _column(table, "name").take(pc.index_in(ids, value_set=_column(table, "id")))


#: No list was read.
NO_NAMES = Names()


def names_of(lists: Mapping[str, Mapping[str, str | None]]) -> Names:
    """Lists of names by id as tables, each in the order of the ids."""
    return Names(
        {
            kind: pa.table(
                [
                    array(sorted(names), pa.string()),
                    array([names[each] for each in sorted(names)], pa.string()),
                ],
                schema=LIST,
            )
            for kind, names in lists.items()
        }
    )


@cache
def overview_schema() -> pa.Schema:
    """The Arrow schema of the overview; made once."""
    return arrow_schema(ALL[OVERVIEW])


def overview(tables: Tables, names: Names = NO_NAMES) -> pa.Table:
    """The overview of a page, from its other tables; rows are in the order of `conversations`."""
    own = {name: _column(tables["conversations"], name) for name in OWN}
    rows = _Rows(own[KEY])
    start, end = own[START].cast(pa.int64()), own["conversation_end"].cast(pa.int64())
    columns = {
        **own,
        "duration_ms": pc.subtract(end, start),
        "direction": own["originating_direction"],
        **_media(rows, tables["sessions"]),
        **_metrics(rows, tables["metrics"]),
        **_segments(rows, tables["participants"], tables["segments"], names),
    }
    schema = overview_schema()
    return pa.table([columns[name] for name in schema.names], schema=schema)


def pivoted(tables: Tables, attributes: Sequence[str]) -> pa.Table:
    """Participants with these attributes as columns; of several of one name the last counts."""
    people, pairs = tables["participants"], tables["participant_attributes"]
    columns = {name: people.column(name) for name in PIVOT_COLUMNS}
    for attribute in attributes:
        chosen = pairs.filter(pc.equal(pairs.column("name"), scalar(attribute, pa.string())))
        chosen = chosen.take(_last_first(len(chosen)))
        found = pc.index_in(_participant_key(people), value_set=_participant_key(chosen))
        columns[attribute_column(attribute)] = chosen.column("value").take(found)
    return pa.table(columns)


class _Rows:
    """The conversations of a page, numbered as they come, and what belongs to each of them.

    An `owner` is, for each of some values, the number of its conversation.
    """

    def __init__(self, ids: pa.Array) -> None:
        self._ids = ids
        self._all = numbers(len(ids))

    def owner(self, table: pa.Table) -> pa.Array:
        """Of each row of a table, the number of its conversation."""
        return pc.index_in(_column(table, KEY), value_set=self._ids)

    def first(self, owner: pa.Array, values: pa.Array) -> pa.Array:
        """Of each conversation the first of its values, null where it has none."""
        return values.take(pc.index_in(self._all, value_set=owner))

    def totals(self, metrics: pa.Table, wanted: Sequence[str]) -> dict[str, pa.Array]:
        """Of each of these metrics its sum in each conversation, null where it has none."""
        metric = pc.index_in(_column(metrics, "name"), value_set=array(wanted, pa.string()))
        metrics = metrics.select([KEY, "value"]).append_column("metric", metric)
        metrics = metrics.filter(pc.is_valid(metric))
        # A place for each metric and conversation, all those of a metric in a row.
        count = scalar(len(self._ids), pa.int32())
        place = pc.add(pc.multiply(_column(metrics, "metric"), count), self.owner(metrics))
        places, sums = _sums(place, _column(metrics, "value"))
        everywhere = numbers(len(wanted) * len(self._ids))
        found = sums.take(pc.index_in(everywhere, value_set=places))
        return {
            name: found.slice(number * len(self._ids), len(self._ids))
            for number, name in enumerate(wanted)
        }

    def distinct(self, owner: pa.Array, values: pa.Array) -> pa.Array:
        """Of each conversation a list of its values, each once, as they come, none of them null."""
        there = pc.is_valid(values)
        owner, coded = owner.filter(there), values.filter(there).dictionary_encode()
        # An owner and a value are one number; of equal ones the first stays, where it was.
        different = scalar(len(coded.dictionary), pa.int64())
        pairs = pc.unique(pc.add(pc.multiply(owner, different), coded.indices))
        owner = pc.divide(pairs, different).cast(pa.int32())
        values = coded.dictionary.take(pc.subtract(pairs, pc.multiply(owner, different)))
        lengths = pc.coalesce(self.first(*pc.value_counts(owner).flatten()), scalar(0, pa.int64()))
        offsets = pa.concat_arrays([array([0], pa.int64()), pc.cumulative_sum(lengths)])
        return pa.ListArray.from_arrays(offsets.cast(pa.int32()), values)


def _media(rows: _Rows, sessions: pa.Table) -> dict[str, pa.Array]:
    owner, media = rows.owner(sessions), _column(sessions, "media_type")
    there = pc.is_valid(media)
    return {
        "media_type": rows.first(owner.filter(there), media.filter(there)),
        "media_types": rows.distinct(owner, media),
    }


def _metrics(rows: _Rows, metrics: pa.Table) -> dict[str, pa.Array]:
    """The columns that follow from metrics alone, each from its row in `OVERVIEW_COLUMNS`."""
    totals = rows.totals(metrics, METRICS)
    columns = {}
    for column in OVERVIEW_COLUMNS:
        if column.metrics:
            total = reduce(_plus, (totals[metric] for metric in column.metrics))
            if column.type == "bool":
                total = pc.is_valid(total)
            elif column.default is not None:
                total = pc.coalesce(total, scalar(column.default, pa.int64()))
            columns[column.name] = total
    return columns


def _segments(
    rows: _Rows, people: pa.Table, segments: pa.Table, names: Names
) -> dict[str, pa.Array]:
    """The columns that follow from segments, in the order in which those began."""
    owner, start = rows.owner(segments), _column(segments, "segment_start")
    person = pc.index_in(
        _participant(owner, segments), value_set=_participant(rows.owner(people), people)
    )
    purpose = _column(people, "purpose").take(person)
    in_queue = pc.is_in(purpose, value_set=array(IN_QUEUES, pa.string()))
    talking = pc.and_(
        pc.is_in(purpose, value_set=array(AGENTS, pa.string())),
        pc.equal(_column(segments, "segment_type"), scalar("interact", pa.string())),
    )
    queues = _in_order(owner, start, _column(segments, "queue_id"), in_queue)
    codes = _in_order(owner, start, _column(segments, "wrap_up_code"))
    users = _in_order(owner, start, _column(people, "user_id").take(person), talking)
    agents = rows.distinct(*users)
    first, last, code = (
        rows.first(*queues), rows.first(*_reversed(queues)), rows.first(*_reversed(codes))
    )  # fmt: skip
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
    owner: pa.Array, start: pa.Array, values: pa.Array, mask: pa.Array | None = None
) -> tuple[pa.Array, pa.Array]:
    """The values of the chosen segments that have one, as those began: conversations, values."""
    there = pc.is_valid(values)
    chosen = pc.indices_nonzero(there if mask is None else pc.and_(there, mask))
    begun = pa.table({"owner": owner.take(chosen), "start": start.take(chosen)})
    order = pc.sort_indices(begun, [("owner", "ascending"), ("start", "ascending")])
    rows = chosen.take(order)
    return owner.take(rows), values.take(rows)


def _reversed(pair: tuple[pa.Array, pa.Array]) -> tuple[pa.Array, pa.Array]:
    owner, values = pair
    rows = _last_first(len(owner))
    return owner.take(rows), values.take(rows)


def _last_first(count: int) -> pa.Array:
    """The rows of a table, the last one first."""
    return pc.subtract(scalar(count - 1, pa.int32()), numbers(count))


def _participant(owner: pa.Array, table: pa.Table) -> pa.Array:
    """Of each row its participant within the page, as one number."""
    first = pc.multiply(owner.cast(pa.int64()), scalar(PARTICIPANTS_MAX, pa.int64()))
    return pc.add(first, _column(table, "participant_no"))


def _participant_key(table: pa.Table) -> pa.Array:
    """Of each row its participant, as one text."""
    number = table.column("participant_no").cast(pa.string())
    joined = pc.binary_join_element_wise(table.column(KEY), number, scalar(" ", pa.string()))
    return one_piece(joined)


def _sums(groups: pa.Array, values: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Groups, and of each the sum of its values; those without a value are left out."""
    there = pc.is_valid(values)
    groups, values = groups.filter(there), values.filter(there)
    order = pc.sort_indices(groups)
    runs = pc.run_end_encode(groups.take(order))
    last = pc.subtract(runs.run_ends, scalar(1, pa.int32()))
    up_to = pc.cumulative_sum(values.take(order)).take(last)
    return runs.values, pc.coalesce(pc.pairwise_diff(up_to), up_to)


def _plus(one: pa.Array, other: pa.Array) -> pa.Array:
    """A sum in which null counts for nothing; of two nulls it is null."""
    return pc.coalesce(pc.add(one, other), one, other)


def _column(table: pa.Table, name: str) -> pa.Array:
    """A column in one piece."""
    return one_piece(table.column(name))
