"""Names for ids: the organisation's lists of queues, users, wrap-up codes and divisions, as tables and for look-ups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

#: What a list's table has; the id is the key.
SCHEMA = pa.schema([("id", pa.string()), ("name", pa.string())])
#: The lists, and the column whose values they name.
LISTS = {"queues": "queue_id", "users": "user_id", "wrap_up_codes": "wrap_up_code", "divisions": "division_ids"}


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


#: Nobody was asked.
NONE = Names()
