"""The tables of INVARIANTS.md: every promise of lastpage, and the test that keeps it.

A test that keeps a promise is marked with the section that the promise belongs to. The first
sentence of its docstring is the promise:

    @pytest.mark.invariant("Crash-safe")
    def test_torn_ends(...):
        '''After a torn end, bytes without a row are cut off.'''
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: In the order of the page.
SECTIONS = (
    "Complete",
    "Truthful",
    "Crash-safe",
    "Destinations",
    "Staying current",
    "Tables",
    "Names",
    "Sharing the API",
    "Several processes",
    "Messages and pages",
    "Safe",
)


def promises() -> str:
    """Each section with its promises, in the order of the tests.

    ValueError for a test that is marked with another section, or has no docstring.
    """
    sections: dict[str, list[str]] = {name: [] for name in SECTIONS}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for test, section in _marked(ast.parse(path.read_text("utf-8"))):
            where, promise = f"{path.relative_to(ROOT).as_posix()}::{test.name}", _promise(test)
            if section not in sections or not promise:
                raise ValueError(
                    f"{where} needs a docstring, and a section of {', '.join(SECTIONS)}"
                )
            sections[section].append(f"| {promise} | `{where}` |")
    return "\n\n".join(_section(name, rows) for name, rows in sections.items())


def _marked(module: ast.Module) -> Iterator[tuple[ast.FunctionDef, str]]:
    """The tests of a file that are marked, each with its section."""
    for test in module.body:
        if isinstance(test, ast.FunctionDef):
            for mark in test.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.invariant":
                    yield test, ast.literal_eval(mark.args[0])


def _promise(test: ast.FunctionDef) -> str:
    """The first sentence of the docstring, without its full stop."""
    text = " ".join((ast.get_docstring(test) or "").split())
    return re.split(r"(?<=\.) ", text)[0].removesuffix(".").replace("|", "\\|")


def _section(name: str, rows: list[str]) -> str:
    return "\n".join([f"## {name}\n", "| promise | test |", "|---|---|", *rows])
