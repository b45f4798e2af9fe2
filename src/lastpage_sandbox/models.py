"""The models of the API, read from `models.txt`: what `openapi.py` describes and what aggregates
are checked against.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import groupby


@dataclass(frozen=True, slots=True)
class Model:
    """One model: types by field, the fields that are always there, the members of its
    enumerations.
    """

    name: str
    fields: dict[str, str]
    required: frozenset[str]
    enums: dict[str, tuple[str, ...]]


@cache
def models() -> dict[str, Model]:
    """Every model by name."""
    text = files("lastpage_sandbox").joinpath("models.txt").read_text("utf-8")
    return {model.name: model for model in _read(text)}


def members(model: str, field: str) -> frozenset[str]:
    """The members of an enumeration."""
    return frozenset(models()[model].enums[field])


def _read(text: str) -> Iterator[Model]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    count = 0

    def number(line: str) -> int:
        nonlocal count
        count += not line.startswith(" ")
        return count

    for _, group in groupby(lines, key=number):
        head, *enums = " ".join(
            line.strip() if line.startswith("    ") else "\n" + line for line in group
        ).split("\n")[1:]
        name, _, fields = head.partition(": ")
        types = dict(field.split() for field in fields.split(";"))
        yield Model(
            name,
            {field: kind.rstrip("!") for field, kind in types.items()},
            frozenset(field for field, kind in types.items() if kind.endswith("!")),
            {
                field.strip(): tuple(named.split())
                for field, _, named in (line.partition(" = ") for line in enums)
            },
        )
