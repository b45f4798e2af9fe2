"""Which tables and columns a destination has, and what becomes of personal data in them: chosen once, kept for good.

Columns are named `column`, wherever there is one of that name, or `table.column`; `attributes.NAME` is a participant attribute.
Keys, and the starts that say which day a conversation belongs to, cannot be chosen away.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Self

import msgspec
import pyarrow as pa

from lastpage.errors import UsageError
from lastpage.tables.derived import OVERVIEW, OVERVIEW_SCHEMA, PIVOT, attribute_column, pivot_schema
from lastpage.tables.names import LISTS
from lastpage.tables.schema import RAW, TABLES

#: The variable with what hashes are keyed with; its value is never written anywhere.
HASH_KEY = "LASTPAGE_HASH_KEY"

#: A destination says with its conversations what it holds, and which records it could not read is nothing to choose.
ALWAYS = ("conversations", "broken")
ATTRIBUTE = "attributes."
#: Every table that can be, by name. Those that follow from others stand behind them.
ALL: dict[str, pa.Schema] = {**TABLES, OVERVIEW: OVERVIEW_SCHEMA}
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Selection:
    """What is kept of the conversations; empty means everything, untouched."""

    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    hash: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    keep_raw: bool = False

    def __post_init__(self) -> None:
        for name in self.tables:
            if name not in ALL:
                raise _unknown("--tables", name, ALL)
        set(places("--columns", self.columns, ALL))
        for table, column in self.dropped() | self.hashed():
            if is_key(table, column):
                raise UsageError(
                    f"{table}.{column} is a key, which is always there; it can be neither dropped nor hashed"
                )
        for table, column in self.hashed():
            if ALL[table].field(column).type not in (pa.string(), pa.list_(pa.string())):
                raise UsageError(f"--hash {table}.{column}: only text can be hashed; drop it instead")
        if twice := sorted({*self.drop} & {*self.hash}):
            raise UsageError(f"{twice[0]} is to be dropped and hashed; choose one")
        _refuse_twins(self.attributes)
        if self.keep_raw and self.is_private:
            raise UsageError(
                "--keep-raw keeps whole records, with everything that --columns, --drop or --hash take out"
            )

    @classmethod
    def load(cls, text: str) -> Self:
        return msgspec.json.decode(text, type=cls)

    def dump(self) -> str:
        """As canonical JSON, without what is at its default: what a destination remembers."""
        chosen = {name: value for name, value in asdict(self).items() if value}
        return msgspec.json.encode(chosen, order="sorted").decode()

    @property
    def is_private(self) -> bool:
        """Whether something personal was taken out; then nothing may be kept as it came."""
        return bool(self.columns or self.drop or self.hash)

    @property
    def schemas(self) -> dict[str, pa.Schema]:
        """The tables a destination has, `conversations` first."""
        wanted = {*ALWAYS, *(self.tables or ALL)}
        schemas = {name: self._columns_of(name, schema) for name, schema in ALL.items() if name in wanted}
        if self.attributes:
            schemas[PIVOT] = pivot_schema(self.attributes)
        if self.keep_raw:
            schemas["raw"] = RAW
        return schemas

    def dropped(self) -> set[Place]:
        return set(places("--drop", self.drop, ALL))

    def hashed(self) -> set[Place]:
        """Only where a value comes from: tables that follow from others follow them in this, too."""
        return set(places("--hash", self.hash, TABLES))

    @property
    def lists(self) -> tuple[str, ...]:
        """The organisation's lists that may stand beside the tables: no name brings back an id that was hashed or dropped."""
        gone = {column for _, column in self.dropped() | self.hashed()}
        kept = {column for schema in self.schemas.values() for column in schema.names}
        return tuple(kind for kind, columns in LISTS.items() if columns & kept and not columns & gone)

    def _columns_of(self, name: str, schema: pa.Schema) -> pa.Schema:
        kept = {column for table, column in places("--columns", self.columns, ALL) if table == name}
        gone = {column for table, column in self.dropped() if table == name}
        chosen = [
            field
            for field in schema
            if is_key(name, field.name) or (field.name not in gone and (not kept or field.name in kept))
        ]
        return pa.schema(chosen)


def is_key(table: str, column: str) -> bool:
    return column in ("conversation_id", "conversation_start") or column.endswith("_no") or table == "broken"


def attribute_names(columns: Iterable[str]) -> list[str]:
    """The participant attributes among column names."""
    return [text.removeprefix(ATTRIBUTE) for text in columns if text.startswith(ATTRIBUTE)]


def places(option: str, columns: Iterable[str], tables: Mapping[str, pa.Schema]) -> Iterator[Place]:
    """Where the columns of an option are: (table, column); raises `UsageError` for one that is nowhere."""
    for text in columns:
        if text.startswith(ATTRIBUTE):
            if option == "--columns":
                raise UsageError(
                    f"--columns {text}: an attribute is a row; give it to --attributes to have it as a column"
                )
            continue
        table, _, column = text.rpartition(".")
        found = [(name, column) for name, schema in tables.items() if column in schema.names and table in ("", name)]
        if not found:
            raise _unknown(option, text, {column for schema in tables.values() for column in schema.names})
        yield from found


def _refuse_twins(attributes: Sequence[str]) -> None:
    """Raises `UsageError` for attributes whose columns would have one name; who does not mind case sees to that himself."""
    named: dict[str, str] = {}
    for name in attributes:
        column = attribute_column(name)
        if column in named:
            raise UsageError(f"--attributes: {named[column]} and {name} would be one column; choose one")
        named[column] = name


def _unknown(option: str, text: str, known: Iterable[str]) -> UsageError:
    known = sorted(known)
    near = difflib.get_close_matches(text.rpartition(".")[2], known, 3)
    hint = f"did you mean {' or '.join(near)}?" if near else "docs/tables.md lists them all"
    return UsageError(f"{option} {text!r} is no table or column that lastpage has; {hint}")


#: Everything, as it came.
EVERYTHING = Selection()
