"""Progress on stderr: a bar on a terminal, a line every few seconds elsewhere. It reads the meter; nothing waits for it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from lastpage.fetch.client import Client
from lastpage.meter import Meter

TERMINAL_EVERY_S = 0.25
LINE_EVERY_S = 5.0


@contextmanager
def showing(meter: Meter, client: Client, *, quiet: bool = False) -> Iterator[None]:
    """Show what the meter counts until the block ends."""
    if quiet:
        yield
        return
    ended = threading.Event()
    watch = _bars if sys.stderr.isatty() else _lines
    thread = threading.Thread(target=watch, args=(meter, client, ended), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=2)


def _lines(meter: Meter, client: Client, ended: threading.Event) -> None:
    told = 0
    rate = Rate()
    while not ended.wait(LINE_EVERY_S):
        told = _notes(meter, told, sys.stderr.write)
        sys.stderr.write(f"{status(meter, client, rate.of(meter, client))}\n")
    _notes(meter, told, sys.stderr.write)


def _bars(meter: Meter, client: Client, ended: threading.Event) -> None:
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    told = 0
    rate = Rate()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("planning", total=None)
        while not ended.wait(TERMINAL_EVERY_S):
            told = _notes(meter, told, lambda text: console.print(text, end="", highlight=False))
            total = max(meter.expected, meter.conversations) if meter.expected else None
            text = status(meter, client, rate.of(meter, client))
            progress.update(task, completed=meter.conversations, total=total, description=text)


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
    """One line: conversations of expected, rate, requests of the allowance, slices."""
    if meter.expected is None:
        return f"planning · {client.counts.requests:,} requests"
    parts = [
        f"{meter.conversations:,} of about {meter.expected:,} conversations",
        f"{rate:,.0f}/s",
        f"{client.counts.requests:,} requests (at most {client.pace.per_minute:,.0f} a minute)",
        f"{meter.slices_done} of {meter.slices} slices",
    ]
    if rate and meter.expected > meter.conversations:
        parts.append(f"about {(meter.expected - meter.conversations) / rate:,.0f} s left")
    return " · ".join(parts)


def _notes(meter: Meter, told: int, write: object) -> int:
    fresh = meter.notes[told:]
    for note in fresh:
        write(f"note: {note}\n")  # type: ignore[operator]
    return told + len(fresh)
