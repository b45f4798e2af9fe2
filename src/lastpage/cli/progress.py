"""Progress on stderr: a bar on a terminal, a line every few seconds elsewhere. It reads the meter; nothing waits for it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from lastpage.cli.telling import Telling
from lastpage.fetch.client import Client
from lastpage.meter import Meter

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
