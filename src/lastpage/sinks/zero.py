"""Texts with U+0000 in them, for a database that has no place for it: PostgreSQL's text.

    where it stood                       in the database                  in `oddities`
    -----------------------------------  -------------------------------  ------------------------
    a text of the record, alone or       the text, with U+FFFD in place   yes, as it came
    in a list; an attribute's name       of it
    what follows from these (overview)   the same                         no: its source is there

So it is said as of every text that cannot be kept as it came (docs/tables.md). Where something of a
record is private, its value is not told, nor an attribute's name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lastpage.tables.build import Shredder
from lastpage.tables.parse import Tables, arrow_schema
from lastpage.tables.schema import CONVERSATION, CONVERSATIONS, KEY, ODDITIES, START, Level

ZERO, INSTEAD = "\x00", "\ufffd"
TEXTS = (pa.string(), pa.list_(pa.string()))


def without_zeros(tables: Mapping[str, pa.Table], shredder: Shredder) -> Tables:
    """Tables of a page without U+0000; where they have oddities, these tell of it."""
    told: list[dict[str, Any]] = []
    clean: Tables = dict(tables)
    for name, table in tables.items():
        odd = [column for column in table.column_names if has_zero(table.column(column))]
        if odd and name in LEVELS and "oddities" in tables:
            told += _told(tables, name, odd, is_private=shredder.selection.is_private)
        if odd:
            clean[name] = cleaned(table)
    if told:
        more = pa.Table.from_pylist(told, arrow_schema(ODDITIES)).select(
            clean["oddities"].column_names
        )
        clean["oddities"] = cleaned(pa.concat_tables([clean["oddities"], more]))
    return clean


def has_zero(column: pa.ChunkedArray) -> bool:
    """Whether a text of a column, alone or in a list, has U+0000 in it."""
    if column.type not in TEXTS:
        return False
    texts = pc.list_flatten(column) if pa.types.is_list(column.type) else column
    return bool(pc.any(pc.match_substring(texts, ZERO)).as_py())


def cleaned(table: pa.Table) -> pa.Table:
    """A table with another letter in place of each U+0000."""
    for position, name in enumerate(table.column_names):
        column = table.column(position)
        if has_zero(column):
            chunks = [_cleaned(chunk) for chunk in column.chunks]
            table = table.set_column(position, name, pa.chunked_array(chunks, column.type))
    return table


def cleaned_text(text: str) -> str:
    return text.replace(ZERO, INSTEAD)


def _cleaned(texts: pa.Array) -> pa.Array:
    if pa.types.is_list(texts.type):
        return pa.array(
            [
                row
                if row is None
                else [each if each is None else cleaned_text(each) for each in row]
                for row in texts.to_pylist()
            ],
            texts.type,
        )
    return pc.replace_substring(texts, ZERO, INSTEAD)


def _levels(level: Level, path: str) -> Iterator[tuple[str, tuple[Level, str]]]:
    """Each table with its level, and where one of its rows is in a record."""
    yield level.table, (level, path)
    for child in level.children:
        place = f"[{{{child.ordinal}}}]" if child.ordinal else ""
        before = f"{path}." if path else ""
        yield from _levels(child, f"{before}{child.name}{place}")


LEVELS = dict(_levels(CONVERSATION, ""))


def _told(
    tables: Mapping[str, pa.Table], name: str, columns: list[str], *, is_private: bool
) -> Iterator[dict[str, Any]]:
    """A row of `oddities` for each text of these columns that has U+0000 in it."""
    level, place = LEVELS[name]
    conversations = tables[CONVERSATIONS]
    starts = (
        dict(zip(*(conversations.column(each).to_pylist() for each in (KEY, START)), strict=True))
        if START in conversations.column_names
        else {}
    )
    fields = {column: field for field, column in level.columns.items()}
    for row in tables[name].to_pylist():
        for column in columns:
            for suffix, text in _texts(row[column]):
                path = place.format(**row)
                if level.kind == "map":
                    path += "" if is_private else f".{row['name']}"
                else:
                    path += f"{'.' if path else ''}{fields.get(column, column)}{suffix}"
                value = None if is_private else json.dumps(text, ensure_ascii=False)
                yield {KEY: row[KEY], START: starts.get(row[KEY]), "path": path, "value": value}


def _texts(value: Any) -> Iterator[tuple[str, str]]:
    """The texts of a cell that have U+0000 in them, each with its place in a list."""
    if isinstance(value, str) and ZERO in value:
        yield "", value
    for position, each in enumerate(value if isinstance(value, list) else ()):
        if each and ZERO in each:
            yield f"[{position}]", each
