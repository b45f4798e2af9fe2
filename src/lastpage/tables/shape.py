"""A level of the record's tree as a type of msgspec: its decoder checks objects at 400 MB/s."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import GenericAlias
from typing import Any

import msgspec

from lastpage.tables.schema import Kind, Level, Type

#: The type of what arrives under a child's name, from the type of an object.
ARRIVING: dict[Kind, Callable[[Any], Any]] = {
    "map": lambda below: below,
    "one": lambda below: below | None,
    "list": lambda below: GenericAlias(list, (below | None,)) | None,
}


@cache
def shape(level: Level, scalar: Callable[[Type], Any], free: Any, *, is_strict: bool) -> Any:
    """The type of an object of this level.

    `scalar` gives the type of a field, `free` is that of free names and values. Where it is strict,
    a field that the level does not have is refused.
    """
    fields: list[tuple[str, Any, Any]] = [
        (name, scalar(type_), msgspec.UNSET) for name, type_ in level.fields.items()
    ]
    for child in level.children:
        below = free if child.kind == "map" else shape(child, scalar, free, is_strict=is_strict)
        fields.append((child.name, ARRIVING[child.kind](below), msgspec.UNSET))
    return msgspec.defstruct(level.table, fields, forbid_unknown_fields=is_strict, gc=False)
