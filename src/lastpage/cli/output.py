"""What is told on stderr beside the result: as text for people, as one JSON object a line for machines."""

from __future__ import annotations

import itertools
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO

import msgspec
from cyclopts import Group, Parameter
from rich.console import Console
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from lastpage.api.client import Client
from lastpage.extraction.delivery import Summary
from lastpage.progress import Meter

TOLD = Group("What is told", sort_key=4)
#: The events of a trace that `--verbose` tells, too.
REQUESTS = "lastpage.request"


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """How much is told, and in which form."""

    quiet: Annotated[bool, Parameter(group=TOLD, negative="", alias="-q")] = False
    "No progress; notes come with the summary."
    verbose: Annotated[bool, Parameter(group=TOLD, negative="", alias="-v")] = False
    "Every request, with status, time and correlation id."
    debug: Annotated[Path | None, Parameter(group=TOLD)] = None
    "Write a trace for a bug report to this file; nothing secret or personal is in it."
    log_format: Annotated[Literal["text", "json"], Parameter(group=TOLD)] = "text"
    "Lines for people, or one JSON object a line."

    @property
    def as_json(self) -> bool:
        return self.log_format == "json"

    def tell(self, event: str, text: str, **facts: Any) -> None:
        """One line on stderr."""
        sys.stderr.write(line(event, text, facts) if self.as_json else f"{text}\n")
        sys.stderr.flush()

    @contextmanager
    def logging(self) -> Iterator[None]:
        """Show the requests while the block runs, if that was asked for."""
        logger = logging.getLogger(REQUESTS)
        if not self.verbose:
            yield
            return
        handler, before = _Handler(self), logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(before)


#: What a verb takes when nothing is typed.
PLAINLY = Telling()


class _Handler(logging.Handler):
    def __init__(self, telling: Telling) -> None:
        super().__init__(logging.DEBUG)
        self._telling = telling

    def emit(self, record: logging.LogRecord) -> None:
        facts: dict[str, Any] = getattr(record, "facts", {})
        self._telling.tell("request", _request(**facts), **facts)


def _request(
    endpoint: str = "", status: int | str = "", seconds: float = 0.0, tries: int = 1, correlation_id: str = "", **_: Any
) -> str:
    return f"{endpoint}: {status} in {seconds:.3f} s, try {tries}, {correlation_id or 'no correlation id'}"


def line(event: str, text: str, facts: dict[str, Any]) -> str:
    return msgspec.json.encode({"event": event, "text": text, **facts}).decode() + "\n"


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether lines of JSON were asked for, as far as can be seen before the arguments are understood."""
    return "--log-format=json" in arguments or any(
        pair == ("--log-format", "json") for pair in itertools.pairwise(arguments)
    )


# PART cli.progress
# Progress on stderr: a bar on a terminal, a line every few seconds elsewhere. It reads the meter; nothing waits for it.


TERMINAL_EVERY_S = 0.25
LINE_EVERY_S = 5.0


@contextmanager
def showing(meter: Meter, client: Client, telling: Telling) -> Iterator[None]:
    """Show what the meter counts, and the requests if asked for, until the block ends."""
    with telling.logging():
        if telling.quiet:
            yield
            return
        ended = threading.Event()
        bars = sys.stderr.isatty() and not telling.as_json and not telling.verbose
        watch = _bars if bars else _lines
        thread = threading.Thread(target=watch, args=(meter, client, telling, ended), name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(timeout=2)


def _lines(meter: Meter, client: Client, telling: Telling, ended: threading.Event) -> None:
    told = 0
    rate = Rate()

    def note(text: str) -> None:
        telling.tell("note", f"note: {text}")

    while not ended.wait(LINE_EVERY_S):
        told = _notes(meter, told, note)
        telling.tell(
            "progress",
            status(meter, client, rate.of(meter, client)),
            conversations=meter.conversations,
            expected=meter.expected,
            requests=client.counts.requests,
            slices=meter.slices,
            slices_done=meter.slices_done,
        )
    _notes(meter, told, note)


def _bars(meter: Meter, client: Client, _telling: Telling, ended: threading.Event) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    told = 0
    rate = Rate()
    with Progress(*columns(), console=console, transient=True) as progress:
        task = progress.add_task("planning", total=None)
        while not ended.wait(TERMINAL_EVERY_S):
            told = _notes(meter, told, lambda text: console.print(f"note: {text}"))
            total = max(meter.expected, meter.conversations) if meter.expected else None
            text = _beside_the_bar(meter, client, rate.of(meter, client))
            progress.update(task, completed=meter.conversations, total=total, description=text)
        _notes(meter, told, lambda text: console.print(f"note: {text}"))


def columns() -> tuple[ProgressColumn, ...]:
    """Bar and numbers. In 80 columns the bar gives way, never the numbers."""
    return (
        SpinnerColumn(),
        BarColumn(bar_width=16),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.description}", table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
    )


class Rate:
    """Conversations a second since the first look."""

    def __init__(self) -> None:
        self._from: tuple[float, int] | None = None

    def of(self, meter: Meter, client: Client) -> float:
        now = client.clock.now()
        if self._from is None:
            self._from = (now, meter.conversations)
        began, before = self._from
        return (meter.conversations - before) / (now - began) if now > began else 0.0


def status(meter: Meter, client: Client, rate: float) -> str:
    """One line: conversations of expected, rate, requests of the allowance, slices, time left."""
    if meter.expected is None:
        return f"planning · {client.counts.requests:,} requests"
    asked = f"{client.counts.requests:,} requests (at most {client.pace.per_minute:,.0f} a minute)"
    parts = [
        f"{meter.conversations:,} of about {meter.expected:,} conversations",
        f"{rate:,.0f}/s · {asked} · {meter.slices_done} of {meter.slices} slices",
    ]
    if rate and meter.expected > meter.conversations:
        parts.append(f"about {(meter.expected - meter.conversations) / rate:,.0f} s left")
    return " · ".join(parts)


def _beside_the_bar(meter: Meter, client: Client, rate: float) -> str:
    if meter.expected is None:
        return "planning"
    return f"{rate:,.0f}/s · {client.counts.requests:,} requests · {meter.slices_done} of {meter.slices} slices"


def _notes(meter: Meter, told: int, tell: Callable[[str], None]) -> int:
    """Tell the notes that are new; how many have been told now."""
    fresh = meter.notes[told:]
    for note in fresh:
        tell(note)
    return told + len(fresh)


# PART cli.summary
# What a run did, for people and for machines.


STYLE = {"complete": "bold green", "unproven": "bold yellow", "short": "bold red"}
MEANING = {
    "complete": "everything that is visible to this client's divisions is there",
    "unproven": "nothing says that anything is missing, nothing proves that it is not",
    "short": "evidence says that rows are missing; run the same command again",
}


def show_summary(summary: Summary, out: TextIO, *, as_json: bool) -> None:
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


# PART cli.table
# Tables for people: as wide as they have to be. What a narrow terminal wraps can still be read; what is cut off cannot.


#: No line of ours is longer.
WIDTH_MAX = 1_000


def table(*columns: str) -> Table:
    return Table(*columns, box=None, header_style="bold")


def show_table(rows: Table, *sentences: str) -> None:
    """Print a table and what is to be said below it."""
    console = Console(highlight=False, soft_wrap=True)
    needed = Measurement.get(console, console.options.update(width=WIDTH_MAX), rows).maximum
    Console(highlight=False, width=max(console.width, needed)).print(rows)
    for sentence in sentences:
        console.print(sentence)
