"""Fields that the API sends and this version does not know: looked for in a sample of the records, named by their path.

What is under such a field is not looked at, and attributes are free in their names. Two passes: a strict decoder, which builds
nothing and stops at the first field it does not know, and a walk through those few records that it stops at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from types import GenericAlias
from typing import Any

import msgspec

from lastpage.api.messages import UNREADABLE, Raw
from lastpage.coverage.tally import PATHS_MAX
from lastpage.tables.schema import CONVERSATION, Kind, Level

#: Characters of a name that are shown.
NAME_CHARS_MAX = 64
#: What a decoder makes of a record that is none; shredding keeps it as it came.
#: The type of what arrives under a child's name.
ARRIVING: dict[Kind, Callable[[Any], Any]] = {
    "map": lambda below: below,
    "one": lambda below: below | None,
    "list": lambda below: GenericAlias(list, (below,)) | None,
}
NAME = re.compile(rf"\w{{1,{NAME_CHARS_MAX}}}", re.ASCII)


def unknown(records: Iterable[Raw]) -> frozenset[str]:
    """The paths of the unknown fields of these records, such as `participants.sessions.brandNewField`."""
    found: set[str] = set()
    for record in records:
        if len(found) < PATHS_MAX and not _is_known(record):
            found.update(_strange(CONVERSATION, _decoded(record), ""))
    return frozenset(sorted(found)[:PATHS_MAX])


def told(paths: Iterable[str]) -> str:
    """A sentence about them, for people."""
    first, *others = sorted(paths)
    more = f" and {len(others):,} more fields" if others else ""
    return (
        f"the API sends {first}{more}, which this version does not know: the tables leave it out, "
        "a newer version may know it, and --keep-raw keeps whole records"
    )


def _is_known(record: Raw) -> bool:
    try:
        _STRICT.decode(record)
    except UNREADABLE:
        return False
    return True


def _decoded(record: Raw) -> Any:
    try:
        return msgspec.json.decode(record)
    except UNREADABLE:
        return None


def _strange(level: Level, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    children = {child.name: child for child in level.children}
    for name, below in value.items():
        child = children.get(name)
        if child is None:
            if name not in level.fields:
                yield path + _shown(name)
        elif child.kind != "map":
            for each in below if isinstance(below, list) else [below]:
                yield from _strange(child, each, f"{path}{name}.")


def _shown(name: str) -> str:
    """A name as it is, or in quotes, without what could make a mess of a terminal."""
    if NAME.fullmatch(name):
        return name
    text = name[:NAME_CHARS_MAX].encode("ascii", "backslashreplace").decode()
    return f'"{re.sub(r"[^ -~]", "?", text)[:NAME_CHARS_MAX]}"'


def _strict(level: Level) -> Any:
    """A type that takes an object of this level and refuses fields it does not know."""
    fields: list[tuple[str, Any, Any]] = [(name, Raw, msgspec.UNSET) for name in level.fields]
    for child in level.children:
        below = Raw if child.kind == "map" else _strict(child)
        fields.append((child.name, ARRIVING[child.kind](below), msgspec.UNSET))
    return msgspec.defstruct(level.table, fields, forbid_unknown_fields=True, gc=False)


_STRICT = msgspec.json.Decoder(_strict(CONVERSATION))
