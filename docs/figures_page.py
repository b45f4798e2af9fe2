"""What docs/figures.md takes from the tables of figures."""

from __future__ import annotations

from collections.abc import Iterable

from lastpage.figures.level import ServiceLevel
from lastpage.tables.figures import MADE, RATIOS, SUMS, Ratio

Row = tuple[str, str, str, str]
HEAD = ("figure", "formula", "how this was counted", "how sure, and whence")
UNITS = {100: ", in %", 0.001: ", in s"}
SURE = {"vendor": "H", "seen": "M", "guess": "L"}


def sums() -> str:
    """The sums, in the order of the columns."""
    return _table(
        (f"`{each.name}`", _formula(each.formula), each.counted, _sure(each.sure, each.source))
        for each in SUMS
    )


def made() -> str:
    """The rows that are made of others."""
    return "\n".join(f"* *{name}*: {meaning}." for name, meaning in MADE.items())


def ratios() -> str:
    """What is made of sums."""
    own = ServiceLevel(20, 80).ratio
    rows = [_ratio(each, f"`{each.name}`") for each in (*RATIOS, ServiceLevel().ratio)]
    return _table([*rows, _ratio(own, "the same, `--sl 80/20`")])


def _ratio(each: Ratio, name: str) -> Row:
    formula = f"`{each.over}` ÷ `{each.under}`{UNITS[each.times]}"
    return name, formula, each.counted, _sure(each.sure, each.source)


def _sure(sure: str, source: str) -> str:
    return f"{SURE[sure]} · {source}"


def _table(rows: Iterable[Row]) -> str:
    lines = [HEAD, ("---",) * len(HEAD), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _formula(text: str) -> str:
    """The formula; the names of rows that are made stand in italics."""
    kind, _, names = text.removesuffix(")").partition("(")
    listed = [f"*{name}*" if name in MADE else f"`{name}`" for name in names.split(", ")]
    return f"{kind}({', '.join(listed)})"
