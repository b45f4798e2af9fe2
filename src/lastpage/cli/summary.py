"""What a run did, for people and for machines."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.text import Text

from lastpage.deliver import Summary

STYLE = {"complete": "bold green", "unproven": "bold yellow", "short": "bold red"}
MEANING = {
    "complete": "everything that is visible to this client's divisions is there",
    "unproven": "nothing says that anything is missing, nothing proves that it is not",
    "short": "evidence says that rows are missing; run the same command again",
}


def show(summary: Summary, out: TextIO, *, as_json: bool) -> None:
    """Print a summary; as JSON it is one line."""
    if as_json:
        out.write(summary.json() + "\n")
        return
    console = Console(file=out, highlight=False, soft_wrap=True)
    console.print(Text(summary.coverage, STYLE[summary.coverage]), f"— {MEANING[summary.coverage]}")
    if summary.finality == "provisional":
        console.print("provisional — true as of now; some of it will still change")
    for name, value in _facts(summary):
        console.print(f"  {name:<14} {value}")
    for note in summary.notes:
        console.print(f"  note: {note}")


def _facts(summary: Summary) -> list[tuple[str, str]]:
    repeated = f" ({summary.duplicates:,} came twice, kept once)" if summary.duplicates else ""
    again = f", {summary.retries:,} of them retries" if summary.retries else ""
    return [
        ("conversations", f"{summary.conversations:,}{repeated}"),
        ("interval", summary.interval),
        ("read", f"{summary.slices:,} slices, {summary.pages:,} pages, {summary.requests:,} requests{again}"),
        ("seconds", f"{summary.seconds:,.1f}"),
        ("written to", summary.destination),
    ]
