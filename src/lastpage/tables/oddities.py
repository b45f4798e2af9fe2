"""Odd values: each is read as well as its column allows, and told of; its record stays whole.

A parser takes a record whole or not at all, so one odd value would keep a conversation out of every
table. Where a page is refused, the records that do not fit are looked at value by value, as the
bytes that came, and written anew for the parser:

    what came                                  in its table             in `oddities`
    -----------------------------------------  -----------------------  ------------------------
    null, or what the column's type allows     itself                   nothing
    a number that is spelt as a text           the number               nothing
    an attribute that is not a text            its JSON, as a text      its path, and its JSON
    a text with half a character in it, or     the text, with U+FFFD    its path, and its JSON
    with bytes that are no text                in place of these
    a name of an attribute like that           the name, with U+FFFD    the path of all of them,
                                                                        and their JSON
    anything else: 12.5 for an integer, an     null                     its path, and its JSON
    empty text for a time, a text where
    there should be a list of objects

A path is `participants[0].sessions[1].metrics[2].value`: the API's names, and places in lists from
0. Fields that no table has are left out, as always.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from math import inf, isfinite
from typing import Annotated, Any, TypeVar

import msgspec

from lastpage.api.records import MARK, UNREADABLE, Head, Raw, marked, moment, readable, unmarked
from lastpage.tables.schema import CONVERSATION, Level, Type
from lastpage.tables.shape import shape
from lastpage.tables.unknown import named

NULL = b"null"
#: A number in JSON, or in a text what the parser takes for one.
NUMBER = re.compile(rb'"?([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"?')
#: Places in lists, in a path.
PLACES = re.compile(r"\[\d+\](?=\.|$)")
#: Kinds of odd values that a sentence names.
KINDS_NAMED_MAX = 5
#: An integer that may fit into a column.
WHOLE = re.compile(rb"[+-]?\d{1,19}")
#: Below, a double has every integer.
EXACT = 2**53
INT64 = range(-(2**63), 2**63)
#: What lists are lists of.
ELEMENTS: dict[Type, Type] = {"strs": "str", "ints": "int"}

T = TypeVar("T")
#: Names of tables.
Names = frozenset[str]
Integer = Annotated[int, msgspec.Meta(ge=INT64.start, le=INT64.stop - 1)]
#: What surely fits, as types of msgspec.
SHAPES: dict[Type, Any] = {
    "str": str | None,
    "time": Annotated[datetime, msgspec.Meta(tz=True)] | None,
    "bool": bool | None,
    "int": Integer | None,
    "num": float | None,
    "strs": list[str | None] | None,
    "ints": list[Integer | None] | None,
}

_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Oddity:
    """A value that is in its table otherwise than it came."""

    conversation_id: str
    start: datetime
    path: str
    #: Its JSON, as it came.
    value: str
    #: The tables that should have it.
    tables: Names


def mended(record: Raw, head: Head, *, thorough: bool = False) -> tuple[bytes, list[Oddity]]:
    """A record as JSON that the parser takes, and what is odd in it.

    Objects that fit are left as they came, unless every value is to be looked at (`thorough`).
    """
    value = bytes(record)
    is_text = readable(value) == value
    mender = _Mender(head, is_text, thorough)
    return mender.level(CONVERSATION, value if is_text else marked(value), ""), mender.found


@dataclass(slots=True)
class _Mender:
    """Writes one record anew, from the outside in. Where not all of it is text, it is marked."""

    head: Head
    is_text: bool
    thorough: bool
    found: list[Oddity] = field(default_factory=list)

    def level(self, level: Level, value: bytes, path: str) -> bytes:
        """An object of a level."""
        if not self.thorough and self._fits(level, value):
            return value
        fields = self._decoded(_decode_object, value, path, below(level))
        if fields is None:
            return NULL
        children = {child.name: child for child in level.children}
        here, pairs = frozenset({level.table}), []
        for name, each in fields.items():
            where = f"{path}.{name}" if path else name
            if name in level.fields:
                part = self._value(level.fields[name], bytes(each), where, here)
            elif name in children:
                part = self._child(children[name], bytes(each), where)
            else:
                continue
            pairs.append((_encode(name), part))
        return _written(pairs)

    def _child(self, child: Level, value: bytes, path: str) -> bytes:
        """What stands under the name of a child."""
        if child.kind == "one":
            return self.level(child, value, path)
        if child.kind == "list":
            return self._list(value, path, below(child), partial(self.level, child))
        return self._map(value, path, below(child))

    def _list(
        self, value: bytes, path: str, tables: Names, each: Callable[[bytes, str], bytes]
    ) -> bytes:
        """A list, of what `each` makes of an element and its path."""
        elements = self._decoded(_decode_list, value, path, tables)
        if elements is None:
            return NULL
        parts = (each(bytes(element), f"{path}[{place}]") for place, element in enumerate(elements))
        return b"[%s]" % b",".join(parts)

    def _map(self, value: bytes, path: str, tables: Names) -> bytes:
        """Free names and their texts; all are told of where a name is no text."""
        fields = self._decoded(_decode_object, value, path, tables)
        if fields is None:
            return NULL
        names = [json.dumps(name).encode() for name in fields]
        if any(self._cell(name) != self._came(name) for name in names):
            self._odd(value, path, tables)
        pairs = []
        for name, each in zip(map(self._cell, names), map(bytes, fields.values()), strict=True):
            where = f"{path}.{_decode_text(name)}"
            if each == NULL or each.startswith(b'"'):
                pairs.append((name, self._text(each, where, tables)))
            else:
                text = _encode(self._came(each).decode())
                pairs.append((name, self._odd(each, where, tables, text)))
        return _written(pairs)

    def _value(self, type_: Type, value: bytes, path: str, tables: Names) -> bytes:
        """The value of a column."""
        if type_ in ELEMENTS:
            read = partial(self._value, ELEMENTS[type_], tables=tables)
            return self._list(value, path, tables, read)
        if value == NULL or (type_ == "str" and value.startswith(b'"')):
            return self._text(value, path, tables)
        found = READ[type_](value) if type_ in READ else None
        return self._odd(value, path, tables) if found is None else found

    def _text(self, value: bytes, path: str, tables: Names) -> bytes:
        cell = self._cell(value)
        return cell if cell == self._came(value) else self._odd(value, path, tables, cell)

    def _odd(self, value: bytes, path: str, tables: Names, instead: bytes = NULL) -> bytes:
        """Tell of a value; what is read instead."""
        came = self._came(value).decode()
        self.found.append(Oddity(self.head.id, self.head.start, path, came, tables))
        return instead

    def _decoded(
        self, decode: Callable[[bytes], T], value: bytes, path: str, tables: Names
    ) -> T | None:
        """What an object or a list holds; None where it is null, or none."""
        try:
            return None if value == NULL else decode(value)
        except UNREADABLE:
            self._odd(value, path, tables)
            return None

    def _fits(self, level: Level, value: bytes) -> bool:
        """Whether an object is parsed as it came; of times at the calendar's ends it is unsure."""
        if not self.is_text and MARK in value:
            return False
        try:
            _checker(level).decode(value)
        except UNREADABLE:
            return False
        return True

    def _cell(self, value: bytes) -> bytes:
        """What a column has of JSON that may be marked."""
        return value if self.is_text else unmarked(value, rb"\ufffd")

    def _came(self, value: bytes) -> bytes:
        """JSON that may be marked, as it came."""
        return value if self.is_text else unmarked(value)


def by_kind(paths: Iterable[str]) -> Counter[str]:
    """How many odd values there are of each kind: of each path, whatever its places in lists."""
    return Counter(PLACES.sub("", path) for path in paths)


def sentence(odd: Counter[str]) -> str:
    """A sentence about them, for people."""
    kinds = [f"{_shown(path)} ({count:,})" for path, count in odd.most_common(KINDS_NAMED_MAX)]
    more = f" and {len(odd) - len(kinds):,} other kinds" if len(odd) > len(kinds) else ""
    return (
        f"{odd.total():,} values did not fit their columns: {', '.join(kinds)}{more}; they are "
        "null there, or text, and the table oddities has each as it came"
    )


@cache
def below(level: Level) -> Names:
    """The tables of a level and those below it."""
    return frozenset(name for name, _ in level.tables())


def _shown(path: str) -> str:
    """A path without what could make a mess of a terminal; attributes have any names."""
    return ".".join(map(named, path.split("."))) if path else "the record"


@cache
def _checker(level: Level) -> msgspec.json.Decoder[Any]:
    type_ = shape(level, SHAPES.__getitem__, dict[str, str | None], is_strict=False)
    return msgspec.json.Decoder(type_)


def _written(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """An object, of names and values in JSON."""
    return b"{%s}" % b",".join(b"%s:%s" % pair for pair in pairs)


# How what is no text is read: as JSON that the parser takes; None where it does not fit ----------


def _time(value: bytes) -> bytes | None:
    return value if moment(value) else None


def _boolean(value: bytes) -> bytes | None:
    return value if value in (b"true", b"false") else None


def _number(value: bytes) -> bytes | None:
    found = NUMBER.fullmatch(value)
    number = float(found[1]) if found else inf
    return repr(number).encode() if isfinite(number) else None


def _integer(value: bytes) -> bytes | None:
    found = NUMBER.fullmatch(value)
    if found and WHOLE.fullmatch(found[1]):
        exact = int(found[1])
        return b"%d" % exact if exact in INT64 else None
    number = float(found[1]) if found else inf
    return b"%d" % number if abs(number) < EXACT and number.is_integer() else None


READ: dict[Type, Callable[[bytes], bytes | None]] = {
    "time": _time,
    "bool": _boolean,
    "num": _number,
    "int": _integer,
}
