"""What docs/tables.md takes from the schema: the diagram, the columns, the overview's
definitions.
"""

from __future__ import annotations

from collections.abc import Iterator

from lastpage.tables.schema import (
    CONVERSATION,
    OVERVIEW,
    OVERVIEW_COLUMNS,
    Columns,
    Level,
    Type,
)
from lastpage.tables.selection import ALL

TYPES: dict[Type, str] = {
    "str": "text",
    "time": "timestamp",
    "bool": "boolean",
    "ordinal": "int32",
    "int": "int64",
    "num": "double",
    "strs": "text[]",
    "ints": "int64[]",
}


def diagram() -> str:
    """The tables and which belongs to which, for Mermaid."""
    lines = ["```mermaid", "erDiagram", *_relations(CONVERSATION)]
    lines += [f"    conversations ||--|| {OVERVIEW} : is", "```"]
    return "\n".join(lines)


def columns() -> str:
    """Every table with its columns, keys first."""
    return "\n\n".join(
        f"### {name}\n\n{_columns(each)}" for name, each in ALL.items() if name != OVERVIEW
    )


def defined() -> str:
    """The columns of the overview and their definitions."""
    lines = ["| column | type | definition |", "|---|---|---|"]
    lines += [
        f"| `{column.name}` | {TYPES[column.type]} | {column.definition} |"
        for column in OVERVIEW_COLUMNS
    ]
    return "\n".join(lines)


def _relations(level: Level) -> Iterator[str]:
    for child in level.children:
        many = "o|" if child.kind == "one" else "o{"
        yield f"    {level.table} ||--{many} {child.table} : has"
        yield from _relations(child)


def _columns(table: Columns) -> str:
    names: dict[str, list[str]] = {}
    for name, type_ in table.items():
        names.setdefault(TYPES[type_], []).append(f"`{name}`")
    return "\n".join(f"- {kind}: {' '.join(each)}" for kind, each in names.items())
