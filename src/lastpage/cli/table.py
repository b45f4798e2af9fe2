"""Tables for people: as wide as they have to be. What a narrow terminal wraps can still be read; what is cut off cannot."""

from __future__ import annotations

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

#: No line of ours is longer.
WIDTH_MAX = 1_000


def table(*columns: str) -> Table:
    return Table(*columns, box=None, header_style="bold")


def show(rows: Table, *sentences: str) -> None:
    """Print a table and what is to be said below it."""
    console = Console(highlight=False, soft_wrap=True)
    needed = Measurement.get(console, console.options.update(width=WIDTH_MAX), rows).maximum
    Console(highlight=False, width=max(console.width, needed)).print(rows)
    for sentence in sentences:
        console.print(sentence)
