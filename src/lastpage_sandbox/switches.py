"""The switches of `settings.py` by name: values read from text, and what its comments say of
each.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from lastpage_sandbox.settings import Settings, check, kinds


def read(pairs: Iterable[str]) -> dict[str, Any]:
    """`name=value` by name. Sets are separated by commas, `none` is None; a ValueError says what is
    wrong.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise ValueError(f"a switch is set by name=value; not by {pair!r}")
        if name not in kinds():
            raise ValueError(f"there is no switch {name!r}; there are {', '.join(kinds())}")
        found[name] = check(name, _spelt(name, text), kinds()[name], text=True)
    return found


def _spelt(name: str, text: str) -> Any:
    kind = str(kinds()[name])
    if text.lower() == "none" and "None" in kind:
        return None
    if "frozenset" in kind:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def table() -> str:
    """Every switch with its default and its comment, for the README."""
    said = _comments()
    rows = [
        f"| `{each.name}` | {_shown(each.default)} | {said[each.name]} |"
        for each in fields(Settings)
        if each.init
    ]
    return "\n".join(["| switch | default | what it is |", "|---|---|---|", *rows])


def _shown(value: Any) -> str:
    text = ",".join(sorted(value)) if isinstance(value, frozenset) else str(value)
    return f"`{text}`" if text else ""


def _comments() -> dict[str, str]:
    """The comment above each switch; several in a row share one, and the others' says so."""
    said: dict[str, str] = {}
    comment: list[str] = []
    owner = ""
    for line in inspect.getsource(Settings).splitlines():
        if found := re.match(r"\s+#: (.*)", line):
            comment.append(found[1])
        elif found := re.match(r"    (\w+): .* = ", line):
            said[found[1]] = " ".join(comment) or f"see `{owner}`"
            owner, comment = found[1] if comment else owner, []
    return said
