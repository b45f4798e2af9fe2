"""Names for ids: the organisation's lists of queues, users, wrap-up codes and divisions, as tables and for look-ups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

#: What a list's table has; the id is the key.
SCHEMA = pa.schema([("id", pa.string()), ("name", pa.string())])
#: The lists, and the columns that hold their ids, or names of the same persons.
LISTS = {
    "queues": frozenset({"queue_id", "first_queue_id", "last_queue_id"}),
    "users": frozenset({"user_id", "agent_ids", "agents", "participant_name"}),
    "wrap_up_codes": frozenset({"wrap_up_code"}),
    "divisions": frozenset({"division_ids"}),
}


@dataclass(frozen=True)
class Names:
    """The lists that could be had, by kind; a name is as it was when the list was read."""

    lists: Mapping[str, pa.Table] = field(default_factory=dict)

    def of(self, kind: str, ids: pa.Array) -> pa.Array:
        """The name of each id, null where it has none."""
        table = self.lists.get(kind)
        if table is None or not len(table):
            return pa.nulls(len(ids), pa.string())
        known = table.column("id").combine_chunks()
        return table.column("name").combine_chunks().take(pc.index_in(ids, value_set=known))


def names_of(lists: Mapping[str, Mapping[str, str | None]]) -> Names:
    """Lists of names by id as tables, each in the order of the ids."""
    return Names({kind: _table(names) for kind, names in lists.items()})


def _table(names: Mapping[str, str | None]) -> pa.Table:
    ids = sorted(names)
    return pa.table([pa.array(ids, pa.string()), pa.array([names[each] for each in ids], pa.string())], schema=SCHEMA)


#: No list was read.
NONE = Names()
