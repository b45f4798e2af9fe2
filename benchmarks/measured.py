"""What processes did that measured themselves (`readers.py`), and the median of several."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

from benchmarks.builds import Build
from benchmarks.pages import Extract


@dataclass(frozen=True, slots=True)
class Measured:
    """One process, or the medians of several."""

    conversations: int
    seconds: float
    processor_s: float
    peak_mib: float
    #: Until it is ready: Python's start and imports.
    start_s: float
    start_processor_s: float

    @property
    def rate(self) -> float:
        """Conversations a second."""
        return self.conversations / self.seconds

    @property
    def each_us(self) -> float:
        """Microseconds of the wall for a conversation."""
        return self.seconds / self.conversations * 1e6

    @property
    def processor_us(self) -> float:
        """Microseconds of the processor for a conversation."""
        return self.processor_s / self.conversations * 1e6


def measured(
    build: Build, reader: str, url: str, extract: Extract, **variables: str
) -> Measured | None:
    """One reader in a process of its own; None where that fails, as for want of a package."""
    try:
        told = build.told(
            "benchmarks.readers", reader, url, extract.size, time.monotonic(), **variables
        )
    except (subprocess.CalledProcessError, json.JSONDecodeError, IndexError):
        return None
    return Measured(**told)


def median(found: Sequence[Measured]) -> Measured:
    """Each figure's own median."""
    values: Iterable[tuple[float, ...]] = zip(*(asdict(one).values() for one in found), strict=True)
    conversations, *rest = map(statistics.median, values)
    return Measured(int(conversations), *rest)


#: What two builds are compared by: lower is better.
COMPARED: tuple[tuple[str, Callable[[Measured], float]], ...] = (
    ("wall seconds", lambda one: one.seconds),
    ("processor µs a conversation", lambda one: one.processor_us),
    ("peak MiB", lambda one: one.peak_mib),
)
