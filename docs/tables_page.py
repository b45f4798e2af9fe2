"""What docs/tables.md draws from the schema: the diagram, the tables with their columns, and how the overview is defined."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from lastpage.tables.derived import COUNTS, OVERVIEW, OVERVIEW_SCHEMA, SUMS
from lastpage.tables.schema import CONVERSATION, TABLES, Level

TYPES = {
    pa.string(): "text",
    pa.timestamp("ms", tz="UTC"): "timestamp",
    pa.bool_(): "boolean",
    pa.int32(): "int32",
    pa.int64(): "int64",
    pa.float64(): "double",
    pa.list_(pa.string()): "text[]",
    pa.list_(pa.int64()): "int64[]",
}
#: Of the overview: where those columns come from that are not sums of metrics.
DEFINED = {
    "conversation_id": "the key",
    "conversation_start": "as in `conversations`",
    "conversation_end": "as in `conversations`; null while it is open",
    "duration_ms": "from start to end; null while it is open",
    "direction": "`conversations.originating_direction`: how it began",
    "media_type": "of the first session that has one; participants are in the order in which they joined",
    "media_types": "of all sessions, each once, in that order: a callback has two",
    "first_queue_id": "the queue of the segment that began first, of those that belong to `acd` and `agent` participants "
    "and name a queue; a customer's segments name the last queue from the first second on (docs/api.md, 5.1)",
    "first_queue": "its name, as it was when the conversation was fetched; null with `--no-names`",
    "last_queue_id": "the same, of the segment that began last",
    "last_queue": "its name",
    "answered": "whether there is a `tAnswered`",
    "abandoned": "whether there is a `tAbandon`; one visit to a queue can be abandoned and another answered",
    "agent_count": "how many agents",
    "agent_ids": "the users of `agent` and `user` participants with an `interact` segment, each once, in the order in which "
    "they began; a user who was alerted and did not answer is not among them",
    "agents": "their names, in the same order; null for a user without a name",
    "wrap_up_code": "of the last segment (by its start) that has one",
    "wrap_up": "its name",
}


def diagram() -> str:
    """The tables and which belongs to which, for Mermaid."""
    lines = ["```mermaid", "erDiagram", *_relations(CONVERSATION)]
    lines += [f"    conversations ||--|| {OVERVIEW} : is", "```"]
    return "\n".join(lines)


def columns() -> str:
    """Every table with its columns, keys first."""
    return "\n\n".join(f"### {name}\n\n{_columns(schema)}" for name, schema in TABLES.items())


def defined() -> str:
    """The columns of the overview and their definitions."""
    lines = ["| column | type | definition |", "|---|---|---|"]
    lines += [f"| `{field.name}` | {TYPES[field.type]} | {_definition(field.name)} |" for field in OVERVIEW_SCHEMA]
    return "\n".join(lines)


def _relations(level: Level) -> Iterator[str]:
    for child in level.children:
        many = "o|" if child.kind == "one" else "o{"
        yield f"    {level.table} ||--{many} {child.table} : has"
        yield from _relations(child)


def _columns(schema: pa.Schema) -> str:
    kinds: dict[str, list[str]] = {}
    for field in schema:
        kinds.setdefault(TYPES[field.type], []).append(f"`{field.name}`")
    return "\n".join(f"- {kind}: {' '.join(names)}" for kind, names in kinds.items())


def _definition(name: str) -> str:
    if name in DEFINED:
        return DEFINED[name]
    metrics = " + ".join(f"`{metric}`" for metric in SUMS[name])
    return f"the sum of {metrics}; " + ("0 without one" if name in COUNTS else "null without one")
