"""Fields that the API sends and this version does not know: looked for in a sample of the records.

A field is named by its path, such as `participants.sessions.brandNewField`. What is under it is not
looked at, and the names of attributes are free. Two passes: a strict decoder, which builds nothing
and stops at the first field it does not know, and a walk through the few records where it stops.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import msgspec

from lastpage.api.records import UNREADABLE, Raw, decode_record
from lastpage.coverage.account import PATHS_MAX
from lastpage.outside import shown
from lastpage.tables.schema import CONVERSATION, Level
from lastpage.tables.shape import shape

#: Characters of a name that are shown.
NAME_CHARS_MAX = 64
NAME = re.compile(rf"\w{{1,{NAME_CHARS_MAX}}}", re.ASCII)


def unknown_paths(records: Iterable[Raw]) -> frozenset[str]:
    """The paths of the unknown fields of these records, at most `PATHS_MAX` of them."""
    found: set[str] = set()
    for record in records:
        if len(found) >= PATHS_MAX:
            break
        try:
            _decoder().decode(record)
        except UNREADABLE:
            try:
                found.update(_unknown_in(CONVERSATION, decode_record(record), ""))
            except (ValueError, RecursionError):
                continue  # It is not JSON, or nested without end, and has no fields.
    return frozenset(sorted(found)[:PATHS_MAX])


def sentence(paths: Iterable[str]) -> str:
    """A sentence about them, for people."""
    first, *others = sorted(paths)
    more = f" and {len(others):,} more fields" if others else ""
    return (
        f"the API sends {first}{more}, which this version does not know: the tables leave it out, "
        "a newer version may know it, and --keep-raw keeps whole records"
    )


def _unknown_in(level: Level, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    children = {child.name: child for child in level.children}
    for name, below in value.items():
        child = children.get(name)
        if child is None:
            if name not in level.fields:
                yield path + named(name)
        elif child.kind != "map":
            for each in below if isinstance(below, list) else [below]:
                yield from _unknown_in(child, each, f"{path}{name}.")


def named(name: str) -> str:
    """A name as it is, or what can be shown of it, in quotes."""
    if NAME.fullmatch(name):
        return name
    return f'"{shown(name[:NAME_CHARS_MAX])[:NAME_CHARS_MAX]}"'


@cache
def _decoder() -> msgspec.json.Decoder[Any]:
    """Refuses every field that is in no level; made once, when the first record is looked at."""
    return msgspec.json.Decoder(shape(CONVERSATION, lambda _type: Raw, Raw, is_strict=True))
