"""One row a participant, with chosen participant attributes as columns: what `--attributes` adds."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

NAME = "participants_with_attributes"
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


def schema(attributes: Sequence[str]) -> pa.Schema:
    """Columns are named as the attributes are; one that would be taken for a column of ours gets a prefix."""
    return pa.schema([*_OWN, *((column(name), pa.string()) for name in attributes)])


def column(attribute: str) -> str:
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
    return pa.table(columns, schema=schema(attributes))


def _key(table: pa.Table) -> pa.Array:
    number = table.column("participant_no").cast(pa.string())
    joined: pa.ChunkedArray = pc.binary_join_element_wise(table.column("conversation_id"), number, " ")
    return joined.combine_chunks()


def _backwards(count: int) -> pa.Array:
    return pa.array(range(count - 1, -1, -1), pa.int64())
