"""From a page of raw records to the tables of a destination: taken apart, made private, derived from, chosen. In this order.

Personal data goes before anything is derived, so that no table brings back what another lost. A hash is keyed and the same
everywhere, so joins go on working; who has no key cannot try values.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from lastpage.api.messages import Raw, read_head
from lastpage.errors import UsageError
from lastpage.ledger.ids import DIGEST_BYTES, digest
from lastpage.tables.derived import OVERVIEW, PIVOT, overview, pivoted
from lastpage.tables.names import NONE, Names
from lastpage.tables.parse import Tables, shred
from lastpage.tables.schema import RAW
from lastpage.tables.selection import EVERYTHING, HASH_KEY, Selection, attribute_names

#: A key that is shorter can be guessed.
KEY_CHARS_MIN = 16


@dataclass(frozen=True)
class Shredder:
    """Shreds pages for one destination. `key` is what hashes are made with; needed only where something is hashed."""

    selection: Selection = EVERYTHING
    key: bytes = b""
    names: Names = NONE
    schemas: dict[str, pa.Schema] = field(init=False)

    def __post_init__(self) -> None:
        if self.selection.hash and len(self.key) < KEY_CHARS_MIN:
            raise UsageError(
                f"--hash needs a key of at least {KEY_CHARS_MIN} characters in {HASH_KEY}: "
                "the same key gives the same hashes, so keep it, and keep it secret"
            )
        object.__setattr__(self, "schemas", self.selection.schemas)

    @property
    def key_print(self) -> str:
        """What tells whether a key is the one that was used before, and tells nothing else."""
        return self._hash("lastpage") if self.selection.hash else ""

    def __call__(self, page: Sequence[Raw]) -> Tables:
        """Every table of a page's records, as the destination has them."""
        tables = shred(page)
        if self.selection.is_private:
            tables = self._private(tables)
        if OVERVIEW in self.schemas:
            tables[OVERVIEW] = overview(tables, self.names)
        if PIVOT in self.schemas:
            tables[PIVOT] = pivoted(tables, self.selection.attributes)
        if "raw" in self.schemas:
            tables["raw"] = kept(page)
        return {name: tables[name].select(schema.names) for name, schema in self.schemas.items()}

    def _private(self, tables: Tables) -> Tables:
        made = dict(tables)
        # Attributes first: they go by their names, which may be dropped or hashed themselves.
        made["participant_attributes"] = self._private_attributes(made["participant_attributes"])
        for name, column in self.selection.dropped() & _there(tables):
            made[name] = _replaced(made[name], column, lambda values: pa.nulls(len(values), values.type))
        for name, column in self.selection.hashed() & _there(tables):
            made[name] = _replaced(made[name], column, self._hashed)
        made["broken"] = _replaced(made["broken"], "record", _digested)
        made["broken"] = _replaced(made["broken"], "error", lambda values: pa.nulls(len(values), values.type))
        return made

    def _private_attributes(self, table: pa.Table) -> pa.Table:
        gone, hidden = (
            pa.array(attribute_names(names), pa.string()) for names in (self.selection.drop, self.selection.hash)
        )
        table = table.filter(pc.invert(pc.is_in(table.column("name"), value_set=gone)))
        chosen = pc.is_in(table.column("name"), value_set=hidden)
        return _replaced(
            table, "value", lambda values: pc.if_else(chosen.combine_chunks(), self._hashed(values), values)
        )

    def _hashed(self, values: pa.Array) -> pa.Array:
        """Each text, alone or in a list, as its keyed hash."""
        if pa.types.is_list(values.type):
            return pa.ListArray.from_arrays(values.offsets, self._hashed(values.values), mask=values.is_null())
        coded = values.dictionary_encode()
        return pa.array([self._hash(text) for text in coded.dictionary.to_pylist()], pa.string()).take(coded.indices)

    def _hash(self, text: str) -> str:
        key = hashlib.blake2b(self.key).digest()
        return hashlib.blake2b(text.encode(), key=key, digest_size=DIGEST_BYTES).hexdigest()


def kept(page: Sequence[Raw]) -> pa.Table:
    """The records themselves; those without a readable id or start are in `broken`."""
    rows = [(head, raw) for raw in page if (head := read_head(raw)) is not None]
    columns = [
        [head.id for head, _ in rows],
        [head.start for head, _ in rows],
        [str(raw, "utf-8", "backslashreplace") for _, raw in rows],
    ]
    return pa.table([pa.array(values, each.type) for values, each in zip(columns, RAW, strict=True)], schema=RAW)


def _replaced(table: pa.Table, column: str, change: Callable[[pa.Array], pa.Array]) -> pa.Table:
    place = table.column_names.index(column)
    return table.set_column(place, table.schema.field(place), change(table.column(place).combine_chunks()))


def _digested(records: pa.Array) -> pa.Array:
    """What stands for a record that may not be kept as it came: enough to know it again."""
    return pa.array([f"not kept: {digest(text).hex()}" for text in records.to_pylist()], pa.string())


def _there(tables: Tables) -> set[tuple[str, str]]:
    """The columns of the tables that are not derived; a derived one follows from what is left."""
    return {(name, column) for name, table in tables.items() for column in table.column_names}
