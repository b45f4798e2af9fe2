"""From a page of raw records to the tables of a destination, in this order:

    shred      the record's own tables                  `parse.shred`
    digest     of the record as it came                 here
    privatise  dropped and hashed columns, attributes   only where a selection takes something out
    derive     overview, attributes as columns, raw     `derived`
    choose     the tables and columns of the selection

Personal data goes before anything is derived, so that no table brings back what another lost. A
hash is keyed and the same everywhere, so that joins go on working; without the key no
text can be found by trying.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

import pyarrow as pa
import pyarrow.compute as pc
from isal.isal_zlib import adler32, crc32

from lastpage.api.records import Raw, on_one_line, read_head
from lastpage.errors import UsageError
from lastpage.ledger.ids import DIGEST_BYTES, digest
from lastpage.tables.derived import FROM, NO_NAMES, Names, overview, pivoted
from lastpage.tables.parse import Tables, arrow_schema, shred
from lastpage.tables.schema import CONVERSATIONS, DIGEST, KEY, OVERVIEW, TABLES
from lastpage.tables.selection import EVERYTHING, HASH_KEY, PIVOT, Selection, attribute_names
from lastpage.tables.values import array, one_piece

#: A key that is shorter can be guessed.
KEY_CHARS_MIN = 16


class Shredding(Protocol):
    """What makes tables of pages."""

    @property
    def schemas(self) -> Mapping[str, pa.Schema]:
        """The tables, `conversations` first, as Arrow schemas."""

    def __call__(self, page: Sequence[Raw]) -> Tables:
        """Every table of a page's records."""


@dataclass(frozen=True)
class Shredder:
    """Makes the tables of pages for one destination.

    `key` is what hashes are made with. Raises `UsageError` where something is to be hashed and the
    key is missing or too short.
    """

    selection: Selection = EVERYTHING
    key: bytes = b""
    names: Names = NO_NAMES
    #: The tables of the destination, `conversations` first, as Arrow schemas.
    schemas: dict[str, pa.Schema] = field(init=False)
    #: These, and those that they follow from: where an odd value matters.
    _sources: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        if self.selection.hash and len(self.key) < KEY_CHARS_MIN:
            raise UsageError(
                f"--hash needs a key of at least {KEY_CHARS_MIN} characters in {HASH_KEY}: "
                "the same key gives the same hashes, so keep it, and keep it secret"
            )
        schemas = {name: arrow_schema(each) for name, each in self.selection.schemas.items()}
        object.__setattr__(self, "schemas", schemas)
        # Who asks for `oddities` by name wants them of all tables.
        names = TABLES if "oddities" in self.selection.tables else schemas
        sources = frozenset(source for name in names for source in FROM.get(name, (name,)))
        object.__setattr__(self, "_sources", sources)

    @classmethod
    def from_env(cls, selection: Selection) -> Self:
        """With the key of the variable LASTPAGE_HASH_KEY; raises `UsageError` as the class does."""
        return cls(selection, os.environ.get(HASH_KEY, "").encode())

    @classmethod
    def to_read(cls, selection: Selection) -> Self:
        """For the tables of a destination that are only read: no key is needed to read hashes."""
        return cls(replace(selection, hash=()))

    @property
    def key_print(self) -> str:
        """What tells whether a key is the one that was used before, and tells nothing else."""
        return self._hash("lastpage") if self.selection.hash else ""

    def __call__(self, page: Sequence[Raw]) -> Tables:
        """Every table of a page's records, as the destination has them."""
        tables = shred(page, self._sources)
        tables[CONVERSATIONS] = self._with_digests(tables[CONVERSATIONS], page)
        if self.selection.is_private:
            tables = self._private(tables)
        if OVERVIEW in self.schemas:
            tables[OVERVIEW] = overview(tables, self.names)
        if PIVOT in self.schemas:
            tables[PIVOT] = pivoted(tables, self.selection.attributes)
        if "raw" in self.schemas:
            tables["raw"] = _raw_table(page, self.schemas["raw"])
        return {name: tables[name].select(schema.names) for name, schema in self.schemas.items()}

    def digest(self, raw: Raw) -> int | None:
        """The digest of a record, as the destination has it.

        What was taken out of a record could be found by trying, with its digest and all the rest.
        So where something is, digests are keyed; and without a key there are none.
        """
        if not self.selection.is_private:
            return record_digest(raw)
        return _blake2b(raw, hashlib.blake2b(self.key).digest()) if self.key else None

    def is_digest(self, known: int | None, raw: Raw) -> bool:
        """Whether a digest that a destination has is that of a record, by whichever version."""
        if known is None:
            return False
        if known == self.digest(raw):
            return True
        return not self.selection.is_private and known == _blake2b(raw)

    def _with_digests(self, conversations: pa.Table, page: Sequence[Raw]) -> pa.Table:
        """The conversations of a page, each with the digest of its record."""
        records: Iterable[Raw] = page
        if len(conversations) < len(page):  # some are broken
            by_id = {head.id: raw for raw in page if (head := read_head(raw))}
            records = map(by_id.__getitem__, conversations.column(KEY).to_pylist())
        digests = array(map(self.digest, records), pa.int64())
        return conversations.append_column(DIGEST, digests)

    def _private(self, tables: Tables) -> Tables:
        """The record's tables without what the selection drops, and with hashes for what it hashes.

        A record in `broken` says everything, so only enough of it stays to know it again. A value
        in `oddities` may be what is dropped, or hold it, so none stays, and no attribute's name.
        """
        private = dict(tables)
        there = {(name, column) for name, table in tables.items() for column in table.column_names}
        # Attributes first: they go by their names, which may be dropped or hashed themselves.
        private["participant_attributes"] = self._private_attributes(
            tables["participant_attributes"]
        )
        for name, column in self.selection.dropped() & there:
            private[name] = _changed(private[name], column, _nulls)
        for name, column in self.selection.hashed() & there:
            private[name] = _changed(private[name], column, self._hashed)
        odd = _changed(private["oddities"], "value", _nulls)
        private["oddities"] = _changed(odd, "path", _nameless)
        broken = _changed(private["broken"], "record", _digests)
        private["broken"] = _changed(broken, "error", _nulls)
        return private

    def _private_attributes(self, table: pa.Table) -> pa.Table:
        dropped = array(attribute_names(self.selection.drop), pa.string())
        hashed = array(attribute_names(self.selection.hash), pa.string())
        table = table.filter(pc.invert(pc.is_in(table.column("name"), value_set=dropped)))
        chosen = one_piece(pc.is_in(table.column("name"), value_set=hashed))
        return _changed(
            table, "value", lambda values: pc.if_else(chosen, self._hashed(values), values)
        )

    def _hashed(self, values: pa.Array) -> pa.Array:
        """Each text, alone or in a list, as its keyed hash."""
        if pa.types.is_list(values.type):
            hashes = self._hashed(values.values)
            return pa.ListArray.from_arrays(values.offsets, hashes, mask=values.is_null())
        coded = values.dictionary_encode()
        hashes = array([self._hash(text) for text in coded.dictionary.to_pylist()], pa.string())
        return hashes.take(coded.indices)

    def _hash(self, text: str) -> str:
        key = hashlib.blake2b(self.key).digest()
        return hashlib.blake2b(text.encode(), key=key, digest_size=DIGEST_BYTES).hexdigest()


def record_digest(raw: Raw | bytes) -> int:
    """A number of 64 bits that is another one when anything in a record is, but line breaks.

    Two sums in one, CRC-32 less 2**31 above Adler-32: a hash takes six times as long.
    """
    line = on_one_line(raw)
    return (crc32(line) - 2**31) << 32 | adler32(line)


def _blake2b(raw: Raw, key: bytes = b"") -> int:
    """The digest where it is keyed; without a key, as older versions made it."""
    found = hashlib.blake2b(on_one_line(raw), digest_size=8, key=key)
    return int.from_bytes(found.digest(), "little", signed=True)


def _raw_table(page: Sequence[Raw], schema: pa.Schema) -> pa.Table:
    """The records themselves; those without a readable id or start are in `broken`."""
    rows = [(head, raw) for raw in page if (head := read_head(raw)) is not None]
    columns: list[list[Any]] = [
        [head.id for head, _ in rows],
        [head.start for head, _ in rows],
        [str(raw, "utf-8", "backslashreplace") for _, raw in rows],
    ]
    arrays = [array(values, each.type) for values, each in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)


def _changed(table: pa.Table, column: str, change: Callable[[pa.Array], pa.Array]) -> pa.Table:
    """A table in which one column is another one of the same name and type."""
    position = table.column_names.index(column)
    values = change(one_piece(table.column(position)))
    return table.set_column(position, table.schema.field(position), values)


def _nulls(values: pa.Array) -> pa.Array:
    return pa.nulls(len(values), values.type)


def _nameless(paths: pa.Array) -> pa.Array:
    """Paths without the names of attributes."""
    return pc.replace_substring_regex(paths, r"(?s)(\.attributes)\..*", r"\1")


def _digests(records: pa.Array) -> pa.Array:
    """What stands for records that may not be kept as they came: enough to know each again."""
    return array([f"not kept: {digest(each).hex()}" for each in records.to_pylist()], pa.string())
