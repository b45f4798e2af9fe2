"""How tables stand in PostgreSQL: types, keys, indexes, views, and comments that say what is meant.

A table has `day` first, and the same columns as in a folder.

    of a table                          it has
    ----------------------------------  ----------------------------------------------------------
    of the record's levels, overview,   the primary key `day`, `conversation_id` and the ordinals: a
    attributes as columns               conversation may start on another day than it did, and is
                                        in both until the old day has let it go
    with names or texts as keys         an index on `day` and `conversation_id`
    conversations                       an index on `conversation_id`, to find one by its id
    segments, participants              an index on `queue_id` and `day`, on `user_id` and `day`; no
                                        hash index, which takes the longer the more rows it has of a
                                        queue

Nothing is cast: a type that is another one than ours is refused (`differing`), since what is
appended arrives as bits, and five becomes 2.5e-323 where somebody has made a double of a bigint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from lastpage.errors import UsageError
from lastpage.sinks.server import check_name
from lastpage.tables.figures import SUMS, VIEWS
from lastpage.tables.schema import (
    CONVERSATION,
    CONVERSATIONS,
    KEY,
    OVERVIEW,
    OVERVIEW_COLUMNS,
    Level,
)
from lastpage.tables.selection import PIVOT

DAY = "day"
#: As `format_type` says them, so that a column that is there can be compared.
TYPES: dict[pa.DataType, str] = {
    pa.string(): "text",
    pa.timestamp("ms", tz="UTC"): "timestamp with time zone",
    pa.bool_(): "boolean",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float64(): "double precision",
    pa.list_(pa.string()): "text[]",
    pa.list_(pa.int64()): "bigint[]",
    pa.date32(): "date",
}
INDEXES = {
    CONVERSATIONS: (KEY,),
    "segments": ("queue_id", DAY),
    "participants": ("user_id", DAY),
}
#: Names that PostgreSQL has for itself in every table.
SYSTEM = {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}
COLUMNS_MAX = 1_600
#: What the views begin with.
VIEW = "Figures, each counted when its metric was emitted, by"
#: The tables that are no level of the record, and what is in them.
MEANINGS = {
    CONVERSATIONS: "One row a conversation.",
    OVERVIEW: "One row a conversation, with what is asked most; definitions are at its columns.",
    PIVOT: "One row a participant, with chosen attributes as columns.",
    "oddities": "Values that are in their tables otherwise than they came, and where they were.",
    "broken": "Records that no table could take, as they came.",
    "raw": "Every record as it came.",
    "queues_by_day": f"{VIEW} UTC day, queue and medium.",
    "queues_by_interval": f"{VIEW} half-hour, queue and medium.",
    "lastpage_meta": "Whose data these are. Written by lastpage; change nothing here.",
    "lastpage_ranges": "Which hours of a day are held, how complete, as of when.",
    "lastpage_tables": "How many rows each table has of a day.",
}
#: The columns of views.
IN_VIEWS = {each.name: f"{each.formula}: {each.counted}" for each in SUMS} | {
    DAY: "The UTC day on which what is counted was emitted.",
    "half_hour": "When it begins; what is counted was emitted in it.",
}
#: Columns of the same meaning everywhere.
EVERYWHERE = {
    DAY: "The UTC day on which the conversation started.",
    KEY: "The conversation's id.",
    "conversation_start": "When the conversation started, a moment in UTC.",
    "record_digest": "Another number whenever anything in the API's record is otherwise.",
}


def check_names(schemas: Mapping[str, pa.Schema]) -> None:
    """Raise `UsageError` for columns that PostgreSQL would refuse, or cut the names of."""
    for table, schema in schemas.items():
        if len(schema.names) >= COLUMNS_MAX:
            raise UsageError(
                f"{table} would have {len(schema.names) + 1:,} columns, and PostgreSQL takes "
                f"{COLUMNS_MAX:,} at most; choose fewer attributes, or give a folder"
            )
        for name in schema.names:
            check_name(name, "--attributes")
            if name in SYSTEM:
                raise UsageError(
                    f"--attributes {name}: PostgreSQL tables have a column of that name already; "
                    "leave it out, or give a folder"
                )


def defined(schema: pa.Schema) -> dict[str, str]:
    """The columns of a table of days, with their types."""
    return {DAY: TYPES[pa.date32()], **types(schema)}


def types(schema: pa.Schema) -> dict[str, str]:
    """The columns of a schema, with their types."""
    return {field.name: TYPES[field.type] for field in schema}


def differing(
    table: str, wanted: Mapping[str, str], there: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """The columns that are of another type than what would be written, or are not there."""
    for column, type_ in wanted.items():
        if there.get(column) != type_:
            yield f"{table}.{column}", there.get(column, "missing"), type_


def key_of(table: str) -> tuple[str, ...]:
    """The columns of a table's primary key; none where texts would be among them."""
    keys = dict(_keys(CONVERSATION, (DAY, KEY)))
    same = {OVERVIEW: CONVERSATIONS, PIVOT: "participants"}
    return keys.get(same.get(table, table), ())


def after_creation(table: str, quoted_table: str, schema: pa.Schema) -> Iterator[str]:
    """The statements that a new table of days is completed with."""
    key = key_of(table)
    if key and set(key[1:]) <= set(schema.names):
        yield f"alter table {quoted_table} add primary key ({', '.join(key)})"
    else:
        yield f"create index on {quoted_table} ({DAY}, {KEY})"
    index = INDEXES.get(table, ())
    if index and set(index) <= {DAY, *schema.names}:
        yield f"create index on {quoted_table} ({', '.join(index)})"


def comments(
    table: str, quoted_table: str, columns: list[str], kind: str = "table"
) -> Iterator[str]:
    """The statements that say what a table, or a view, and its columns mean."""
    levels = {level.table: (level, parent) for level, parent in _levels(CONVERSATION, "")}
    level, parent = levels.get(table, (None, ""))
    meaning = MEANINGS.get(table, "")
    if level and not meaning:
        meaning = f"The API's {level.name} of each row of {parent}."
    if meaning:
        yield f"comment on {kind} {quoted_table} is {literal(meaning)}"
    for column in columns:
        if said := _meaning(table, level, column):
            yield f"comment on column {quoted_table}.{quoted(column)} is {literal(said)}"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _meaning(table: str, level: Level | None, column: str) -> str:
    if table in VIEWS:
        return IN_VIEWS.get(column, "")
    if table == OVERVIEW:
        defined = {each.name: each.definition for each in OVERVIEW_COLUMNS}
        if column in defined:
            return defined[column]
    if column in EVERYWHERE:
        return EVERYWHERE[column]
    fields = {name: field for field, name in level.columns.items()} if level else {}
    if column in fields:
        is_time = level is not None and level.fields[fields[column]] == "time"
        return f"{fields[column]} of the API{', a moment in UTC' if is_time else ''}."
    if level and level.kind == "map" and column in ("name", "value"):
        return f"The {column} of the attribute, a free text."
    return "The place in its list, from 0; a part of the key." if column.endswith("_no") else ""


def _levels(level: Level, parent: str) -> Iterator[tuple[Level, str]]:
    yield level, parent
    for child in level.children:
        yield from _levels(child, level.table)


def _keys(level: Level, keys: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    keys = (*keys, level.ordinal) if level.ordinal else keys
    if level.kind != "map":
        yield level.table, keys
    for child in level.children:
        yield from _keys(child, keys)
