"""Fields of tomorrow: found at every level, named by their path, shown safely, within bounds."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from lastpage.coverage.account import PATHS_MAX
from lastpage.tables.schema import CONVERSATION, Level
from lastpage.tables.unknown import NAME_CHARS_MAX, sentence, unknown_paths


def raw(record: Any) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(record).encode())


def levels(level: Level = CONVERSATION, path: str = "") -> Iterator[tuple[Level, str]]:
    yield level, path
    for child in level.children:
        if child.kind != "map":
            yield from levels(child, f"{path}{child.name}.")


def record_with(path: str, fields: dict[str, Any]) -> Any:
    """A record that has these fields at a level."""
    if not path:
        return fields
    name, _, rest = path.partition(".")
    below = record_with(rest, fields)
    return {name: below if name == "flow" else [{}, below]}


@pytest.mark.parametrize(
    ("level", "path"),
    list(levels()),
    ids=lambda each: each.table if isinstance(each, Level) else "",
)
def test_every_level(level: Level, path: str) -> None:
    """A new field is named at whatever level it is; the fields that are known are not, whatever they hold."""
    known = dict.fromkeys(level.fields, "a member of tomorrow")
    assert unknown_paths([raw(record_with(path, known))]) == set()
    assert unknown_paths([raw(record_with(path, known | {"brandNew": {"deep": 1}}))]) == {
        f"{path}brandNew"
    }


def test_attributes_are_free() -> None:
    """Participant attributes have the names that the organisation gives them."""
    assert (
        unknown_paths(
            [raw({"participants": [{"attributes": {"brandNew": "1"}}, {"attributes": None}]})]
        )
        == set()
    )


def test_records_that_are_none() -> None:
    """What is not a record, or not JSON, or nested without end, has no fields to name and breaks nothing."""
    odd = [
        b"{",
        b'{"participants":"p"}',
        b"7",
        b"null",
        b'{"participants":' + b"[" * 9999 + b"]" * 9999 + b"}",
    ]
    assert unknown_paths(map(msgspec.Raw, odd)) == set()
    assert unknown_paths([msgspec.Raw(b'{"a":"\xff"}'), msgspec.Raw(rb'{"b":"\ud800"}')]) == {
        "a",
        "b",
    }
    assert unknown_paths([raw({"participants": [7, {"sessions": {"brandNew": 1}}]})]) == {
        "participants.sessions.brandNew"
    }


def test_bounds() -> None:
    """A hundred paths at most, none of them long, none with what could move a cursor or forge a line."""
    assert len(unknown_paths([raw({f"new{number}": 1 for number in range(500)})])) == PATHS_MAX
    odd = ["x" * 5000, "\x1b[2J", "a\nb", "é", "", "a.b", "\ud800"]
    found = unknown_paths([raw({name: 1}) for name in odd])
    assert len(found) >= len(odd) - 1
    assert all(len(path) <= NAME_CHARS_MAX + 2 and path.isprintable() for path in found)


def test_the_sentence() -> None:
    """One of them is named, the others are counted."""
    assert "the API sends a.b, which" in sentence(["a.b"])
    assert "the API sends a and 2 more fields, which" in sentence(["c", "b", "a"])
