"""What a command prints: its result on stdout, everything else on stderr.

    stderr   progress and notes, requests with --verbose, the sentence of an error
    stdout   a summary or a table; one JSON value with --json

Text is for people. With `--log-format json` each line on stderr is one JSON object, for machines.
Text is printed as it is: brackets in a name are not markup, and no line is cut.
"""

from __future__ import annotations

import itertools
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

from cyclopts import Group, Parameter

from lastpage.cli.options import in_any_case
from lastpage.outside import shown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import ProgressColumn
    from rich.text import Text

    from lastpage.api.client import Client
    from lastpage.extraction.summary import Summary
    from lastpage.progress import Meter

PRINT = Group("What to print", sort_key=4)
#: A cell of a table or a part of a line: a text, or a text and its style.
Cell = str | tuple[str, str]
STYLES = {
    **dict.fromkeys(("complete", "same", "ok", "whole"), "green"),
    **dict.fromkeys(("unproven", "near", "hole", "writing", "warning"), "yellow"),
    **dict.fromkeys(("short", "missing", "changed", "damaged", "failed"), "bold red"),
    **dict.fromkeys(("stale", "holes"), "bold red"),
    "kept": "dim",
}
MEANING = {
    "complete": "everything that is visible to this client's divisions is there",
    "unproven": "it could not be proved that everything is there; a note says why",
    "short": "evidence says that rows are missing; run the same command again",
}
#: The logger of requests (`trace.py`); `--verbose` prints its records.
REQUESTS = "lastpage.request"
#: Seconds between two looks at the meter: for a bar, and for lines.
BAR_EVERY_S, LINE_EVERY_S = 0.25, 5.0
#: No line of a table is longer.
WIDTH_MAX = 1_000


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """How much is printed on stderr, and in which form."""

    quiet: Annotated[bool, Parameter(group=PRINT, negative="", alias="-q")] = False
    "No progress; notes come with the summary."
    verbose: Annotated[bool, Parameter(group=PRINT, negative="", alias="-v")] = False
    "Every request, with status, time and correlation id."
    debug: Annotated[Path | None, Parameter(group=PRINT)] = None
    "Write a trace for a bug report to this file; nothing secret or personal is in it."
    log_format: Annotated[
        Literal["text", "json"], Parameter(group=PRINT, converter=in_any_case)
    ] = "text"
    "Lines for people, or one JSON object a line."

    @property
    def as_json(self) -> bool:
        """Whether lines on stderr are JSON."""
        return self.log_format == "json"

    def write(self, event: str, text: str, **facts: Any) -> None:
        """One line on stderr."""
        sys.stderr.write(json_line(event, text, **facts) if self.as_json else f"{text}\n")
        sys.stderr.flush()


DEFAULT_OUTPUT = OutputOptions()


def json_line(event: str, text: str, **facts: Any) -> str:
    """An event as one line of JSON, with its end."""
    import msgspec

    return msgspec.json.encode({"event": event, "text": text, **facts}).decode() + "\n"


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether JSON lines were asked for, as far as arguments show that cannot be understood."""
    pairs = itertools.pairwise(arguments)
    return "--log-format=json" in arguments or ("--log-format", "json") in pairs


# stderr while a verb works ------------------------------------------------------------------------


@contextmanager
def showing_requests(output: OutputOptions) -> Iterator[None]:
    """Print every request while the block runs, if `--verbose` asks for it."""
    if not output.verbose:
        yield
        return
    handler, logger = _RequestHandler(output), logging.getLogger(REQUESTS)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


class _RequestHandler(logging.Handler):
    def __init__(self, output: OutputOptions) -> None:
        super().__init__(logging.DEBUG)
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        facts: dict[str, Any] = getattr(record, "facts", {})
        text = (
            f"{facts.get('endpoint', '')}: {facts.get('status', '')} "
            f"in {facts.get('seconds', 0.0):.3f} s, try {facts.get('tries', 1)}, "
            f"{facts.get('correlation_id') or 'no correlation id'}"
        )
        self._output.write("request", text, **facts)


@contextmanager
def showing_progress(meter: Meter, client: Client, output: OutputOptions) -> Iterator[None]:
    """Show what the meter counts, and requests, until the block ends; a thread reads the meter."""
    with showing_requests(output):
        if output.quiet:
            yield
            return
        ended = threading.Event()
        meter.shows = True
        display = Display(meter, client, output)
        bar = sys.stderr.isatty() and not output.as_json and not output.verbose
        work = display.bar if bar else display.lines
        thread = threading.Thread(target=work, args=(ended,), name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(timeout=2)


class Display:
    """Progress on stderr: a bar on a terminal, a line every few seconds elsewhere."""

    def __init__(self, meter: Meter, client: Client, output: OutputOptions) -> None:
        self._meter, self._client, self._output = meter, client, output
        self._notes_shown = 0
        self._began: tuple[float, int] | None = None

    def lines(self, ended: threading.Event) -> None:
        """A line every few seconds, until the event is set."""
        meter = self._meter
        while not ended.wait(LINE_EVERY_S):
            self._show_notes(lambda text: self._output.write("note", text))
            self._output.write(
                "progress",
                self.status(),
                conversations=meter.conversations,
                expected=meter.expected,
                requests=self._client.counts.requests,
                slices=meter.slices,
                slices_done=meter.slices_done,
            )
        self._show_notes(lambda text: self._output.write("note", text))

    def bar(self, ended: threading.Event) -> None:
        """A bar with numbers beside it, until the event is set."""
        from rich.progress import Progress

        meter, screen = self._meter, console(sys.stderr)
        with Progress(*columns(), console=screen, transient=True) as progress:
            task = progress.add_task("planning", total=None)
            while not ended.wait(BAR_EVERY_S):
                self._show_notes(screen.print)
                total = max(meter.expected, meter.conversations) if meter.expected else None
                text = "planning" if meter.expected is None else self._numbers()
                progress.update(task, completed=meter.conversations, total=total, description=text)
            self._show_notes(screen.print)

    def status(self) -> str:
        """One line: conversations of expected, rate, requests, slices, time left."""
        meter, counts = self._meter, self._client.counts
        if meter.expected is None:
            return f"planning · {counts.requests:,} requests"
        rate, per_minute = self._rate(), self._client.pace.per_minute
        parts = [
            f"{meter.conversations:,} of about {meter.expected:,} conversations",
            f"{rate:,.0f}/s",
            f"{counts.requests:,} requests (at most {per_minute:,.0f} a minute)",
            f"{meter.slices_done} of {meter.slices} slices",
        ]
        if rate and meter.expected > meter.conversations:
            parts.append(f"about {(meter.expected - meter.conversations) / rate:,.0f} s left")
        return " · ".join(parts)

    def _numbers(self) -> str:
        """What stands beside the bar: rate, requests, slices."""
        meter, requests = self._meter, self._client.counts.requests
        slices = f"{meter.slices_done} of {meter.slices} slices"
        return f"{self._rate():,.0f}/s · {requests:,} requests · {slices}"

    def _rate(self) -> float:
        """Conversations a second since the first look."""
        now, conversations = self._client.clock.now(), self._meter.conversations
        if self._began is None:
            self._began = (now, conversations)
        began, before = self._began
        return (conversations - before) / (now - began) if now > began else 0.0

    def _show_notes(self, show: Callable[[str], None]) -> None:
        notes = self._meter.notes[self._notes_shown :]
        for note in notes:
            if note not in self._meter.told:
                show(f"note: {note}")
        self._notes_shown += len(notes)


def columns() -> tuple[ProgressColumn, ...]:
    """Bar and numbers. In 80 columns the bar becomes shorter, never the numbers."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column

    return (
        SpinnerColumn(),
        BarColumn(bar_width=16),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.description}", table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
    )


# Results ------------------------------------------------------------------------------------------


def console(out: TextIO, width: int | None = None) -> Console:
    """Prints texts as they are, without markup, emoji or colours for numbers."""
    from rich.console import Console

    return Console(
        file=out, width=width, soft_wrap=width is None, highlight=False, markup=False, emoji=False
    )


def styled(word: str, width: int = 0) -> Cell:
    """A word of a verdict in its colour, padded to a width."""
    return f"{word:<{width}}", STYLES[word]


def typed(interval: str) -> str:
    """An interval as it can be typed: as dates where both its ends are midnights."""
    midnight = "T00:00:00.000Z"
    return interval.replace(midnight, "") if interval.count(midnight) == 2 else interval


def print_line(*cells: Cell, out: TextIO | None = None) -> None:
    """One line on stdout, or elsewhere; a terminal wraps it, nothing cuts it."""
    console(out or sys.stdout).print(_text(*cells))


def _text(*cells: Cell) -> Text:
    """Cells as one text; what a destination has recorded is text from outside, too."""
    from rich.text import Text

    pairs = ((cell, "") if isinstance(cell, str) else cell for cell in cells)
    return Text.assemble(*((shown(text), style) for text, style in pairs))


def print_notes(meter: Meter, output: OutputOptions) -> None:
    """The notes of a verb that shows no progress."""
    for note in meter.notes:
        output.write("note", f"note: {note}")


def print_json(value: Any) -> None:
    """One JSON value on stdout, as one line."""
    import msgspec

    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def print_table(heads: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """As wide as it has to be: what a narrow terminal wraps can still be read."""
    from rich.measure import Measurement
    from rich.table import Table

    table = Table(*heads, box=None, header_style="bold")
    for row in rows:
        table.add_row(*map(_text, row))
    screen = console(sys.stdout)
    needed = Measurement.get(screen, screen.options.update(width=WIDTH_MAX), table).maximum
    console(sys.stdout, max(screen.width, needed)).print(table)


def differences(summary: Summary) -> str:
    """What was found to be otherwise than it was held, for a line."""
    counts = ("new", "changed", "closed", "moved", "removed", "unchanged")
    told = [f"{getattr(summary, name):,} {name}" for name in counts if getattr(summary, name)]
    return ", ".join(told) or ("none" if summary.slices else "nothing was due")


def print_summary(summary: Summary, meter: Meter, out: TextIO, *, as_json: bool = False) -> None:
    """What a run did, and how far it can be trusted, with the notes that were not shown yet.

    As JSON it is one line, and whole.
    """
    if as_json:
        out.write(summary.json() + "\n")
        return
    print_line(styled(summary.coverage), f" — {MEANING[summary.coverage]}", out=out)
    if summary.finality == "provisional":
        print_line("provisional — true as of now; some of it will still change", out=out)
    repeated = f" ({summary.duplicates:,} came twice, kept once)" if summary.duplicates else ""
    retries = f", {summary.retries:,} of them retries" if summary.retries else ""
    read = f"{summary.slices:,} slices, {summary.pages:,} pages, {summary.requests:,} requests"
    holes = (("hole", f"{typed(hole)}, never fetched") for hole in summary.holes)
    for name, value in (
        ("conversations", f"{summary.conversations:,}{repeated}"),
        ("changes", differences(summary)),
        ("interval", summary.interval),
        *holes,
        ("read", f"{read}{retries}"),
        ("seconds", f"{summary.seconds:,.1f}"),
        ("written to", summary.destination),
    ):
        print_line(f"  {name:<14} {value}", out=out)
    for note in summary.notes:
        if not meter.is_told(note):
            print_line(f"  note: {note}", out=out)
