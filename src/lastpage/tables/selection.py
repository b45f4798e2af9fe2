"""Which tables and columns a destination has, and what becomes of personal data in them.

It is chosen once, with the first fetch, and the destination keeps it. Columns are named `column`,
wherever there is one of that name, or `table.column`; `attributes.NAME` is a participant attribute.

    option         what it does                             what it refuses
    --tables       only these tables                        a name that no table has
    --columns      of a table that is named, only these     an attribute, which is a row
    --drop         the column is nowhere                    a key
    --hash         its texts are replaced by keyed hashes   a key, what is not text, dropped ones
    --attributes   a table with a column for each           two that would have the same column
    --keep-raw     every record as it came                  --columns, --drop and --hash beside it

Keys are always there, as is the digest of the record. So are the tables `conversations`, with which
a destination records what it holds, `oddities`, with the values that did not fit, and `broken`,
with the records that could not be read. Where --columns, --drop or --hash take something out,
`oddities` has no values and no names of attributes, and `broken` no records: what was taken out
cannot be told from the rest. For the same reason digests are keyed then, or, without a key, null.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Self

import msgspec

from lastpage.errors import UsageError
from lastpage.tables.schema import (
    CONVERSATIONS,
    DIGEST,
    KEY,
    OVERVIEW,
    OVERVIEW_COLUMNS,
    RAW,
    START,
    TABLES,
    Columns,
)

#: The variable with the key of the hashes; its value is never written anywhere.
HASH_KEY = "LASTPAGE_HASH_KEY"
#: Every table of the conversations, by name. Those that follow from others stand behind them.
ALL: dict[str, Columns] = {
    **TABLES,
    CONVERSATIONS: TABLES[CONVERSATIONS] | {DIGEST: "int"},
    OVERVIEW: {column.name: column.type for column in OVERVIEW_COLUMNS},
}
ALWAYS = (CONVERSATIONS, "oddities", "broken")
#: What begins like this is the name of a participant attribute.
ATTRIBUTE = "attributes."

#: The table that `--attributes` adds, and what it takes over from `participants`.
PIVOT = "participants_with_attributes"
PIVOT_COLUMNS: Columns = {
    KEY: "str",
    "participant_no": "ordinal",
    "purpose": "str",
    "user_id": "str",
}
#: The organisation's lists, and the columns that hold their ids, or names of the same persons.
LISTS = {
    "queues": frozenset({"queue_id", "first_queue_id", "last_queue_id"}),
    "users": frozenset({"user_id", "agent_ids", "agents", "participant_name"}),
    "wrap_up_codes": frozenset({"wrap_up_code"}),
    "divisions": frozenset({"division_ids"}),
}
#: A table and a column of it.
Cell = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Selection:
    """What is chosen of the conversations; empty means everything, untouched.

    Raises `UsageError` for what makes no sense, with what to give instead.
    """

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
        set(_cells("--columns", self.columns, ALL))
        for table, column in self.dropped() | self.hashed():
            if is_key(table, column):
                raise UsageError(
                    f"{table}.{column} is a key, which is always there; "
                    "it can be neither dropped nor hashed"
                )
        for table, column in self.hashed():
            if ALL[table][column] not in ("str", "strs"):
                raise UsageError(
                    f"--hash {table}.{column}: only text can be hashed; drop it instead"
                )
        if twice := sorted({*self.drop} & {*self.hash}):
            raise UsageError(f"{twice[0]} is to be dropped and hashed; choose one")
        attributes: dict[str, str] = {}
        for name in self.attributes:
            column = attribute_column(name)
            if column in attributes:
                raise UsageError(
                    f"--attributes: {attributes[column]} and {name} would be one column; choose one"
                )
            attributes[column] = name
        if self.keep_raw and self.is_private:
            raise UsageError(
                "--keep-raw keeps whole records, with everything that --columns, --drop "
                "or --hash take out"
            )

    @classmethod
    def load(cls, text: str) -> Self:
        """The selection that `dump` wrote."""
        return msgspec.json.decode(text, type=cls)

    def dump(self) -> str:
        """As canonical JSON, without what is at its default: what a destination remembers."""
        chosen = {name: value for name, value in asdict(self).items() if value}
        return msgspec.json.encode(chosen, order="sorted").decode()

    @property
    def is_private(self) -> bool:
        """Whether something is taken out; then no record may be kept as it came."""
        return bool(self.columns or self.drop or self.hash)

    @property
    def needs_jobs(self) -> bool:
        """Whether something is kept that only jobs bring: attributes, or whole records.

        Who asks for `oddities` or `broken` by name wants what is odd in attributes, too.
        """
        only_in_jobs = self.schemas.keys() & {"participant_attributes", PIVOT, "raw"}
        return bool(only_in_jobs or {"oddities", "broken"} & {*self.tables})

    @property
    def schemas(self) -> dict[str, Columns]:
        """The tables that a destination has, `conversations` first, each with its columns."""
        wanted = {*ALWAYS, *(self.tables or ALL)}
        dropped, only = self.dropped(), set(_cells("--columns", self.columns, ALL))
        limited = {table for table, _ in only}
        schemas: dict[str, Columns] = {
            table: {
                column: type_
                for column, type_ in columns.items()
                if is_key(table, column)
                or (
                    (table, column) not in dropped
                    and (table not in limited or (table, column) in only)
                )
            }
            for table, columns in ALL.items()
            if table in wanted
        }
        if self.attributes:
            schemas[PIVOT] = PIVOT_COLUMNS | dict.fromkeys(
                map(attribute_column, self.attributes), "str"
            )
        if self.keep_raw:
            schemas["raw"] = RAW
        return schemas

    def only(self, tables: Sequence[str]) -> Self:
        """The same of these tables alone; `raw`, and the one of attributes, can be named, too.

        Raises `UsageError` for a name that no table has, and for `raw` where something is taken
        out.
        """
        others = {"raw", PIVOT} if self.attributes else {"raw"}
        named = tuple(name for name in tables if name not in others)
        return replace(self, tables=named or (CONVERSATIONS,), keep_raw="raw" in tables)

    @property
    def lists(self) -> tuple[str, ...]:
        """The organisation's lists that may stand beside the tables.

        A list whose ids or names are dropped or hashed anywhere is left out: it would bring them
        back. So is a list of which no table has a column.
        """
        gone = {column for _, column in self.dropped() | self.hashed()}
        there = {column for columns in self.schemas.values() for column in columns}
        return tuple(
            name for name, columns in LISTS.items() if columns & there and not columns & gone
        )

    def dropped(self) -> set[Cell]:
        """The columns that are left out, in every table."""
        return set(_cells("--drop", self.drop, ALL))

    def hashed(self) -> set[Cell]:
        """The columns that are hashed where they come from; tables that follow from them follow."""
        return set(_cells("--hash", self.hash, TABLES))


def is_key(table: str, column: str) -> bool:
    """Whether a column is always there: keys, starts, digests, and all of `broken`."""
    return column in (KEY, START, DIGEST) or column.endswith("_no") or table == "broken"


def attribute_names(columns: Iterable[str]) -> list[str]:
    """The participant attributes among names of columns."""
    return [text.removeprefix(ATTRIBUTE) for text in columns if text.startswith(ATTRIBUTE)]


def attribute_column(attribute: str) -> str:
    """The column of an attribute: its name, with a prefix where it is the name of another column.

    `day` is the column that destinations add.
    """
    reserved = attribute.lower() in {*PIVOT_COLUMNS, "day"}
    return f"attribute_{attribute}" if reserved else attribute


def _cells(option: str, names: Sequence[str], tables: Mapping[str, Columns]) -> Iterator[Cell]:
    """Where the columns of an option are; raises `UsageError` for one that is nowhere."""
    for text in names:
        if text.startswith(ATTRIBUTE):
            if option == "--columns":
                raise UsageError(
                    f"--columns {text}: an attribute is a row; "
                    "give it to --attributes to have it as a column"
                )
            continue
        table, _, column = text.rpartition(".")
        found = [
            (name, column)
            for name, columns in tables.items()
            if column in columns and table in ("", name)
        ]
        if not found:
            raise _unknown(option, text, set().union(*tables.values()))
        yield from found


def _unknown(option: str, text: str, known: Iterable[str]) -> UsageError:
    near = difflib.get_close_matches(text.rpartition(".")[2], sorted(known), 3)
    hint = f"did you mean {' or '.join(near)}?" if near else "docs/tables.md lists them all"
    return UsageError(f"{option} {text!r} is not a table or column of lastpage; {hint}")


#: Everything, as it came.
EVERYTHING = Selection()
