"""What a plan costs: requests and minutes, from the slices and the allowance. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lastpage.fetch.cursor import PAGE_SIZE, counted_intervals
from lastpage.fetch.pages import PAGE_SIZE_MAX
from lastpage.interval import iso
from lastpage.plan import Slice

#: Submit, delete, and the polls of a job that takes about a minute.
JOB_REQUESTS = 8


@dataclass(frozen=True, slots=True)
class Line:
    """A slice and what it costs."""

    slice: Slice
    requests: int

    @property
    def start(self) -> str:
        return iso(self.slice.interval.start)

    @property
    def end(self) -> str:
        return iso(self.slice.interval.end)

    @property
    def route(self) -> str:
        return self.slice.route + (f" {self.slice.direction}" if self.slice.direction else "")

    @property
    def reason(self) -> str:
        return self.slice.reason

    @property
    def conversations(self) -> int:
        return self.slice.expected or 0


@dataclass(frozen=True, slots=True)
class Forecast:
    """A plan's cost at a number of requests a minute."""

    lines: list[Line]
    per_minute: float

    @classmethod
    def of(cls, slices: Sequence[Slice], per_minute: float) -> Forecast:
        return cls([Line(piece, requests_of(piece)) for piece in slices], per_minute)

    @property
    def conversations(self) -> int:
        return sum(line.conversations for line in self.lines)

    @property
    def requests(self) -> int:
        return sum(line.requests for line in self.lines)

    @property
    def minutes(self) -> float:
        return self.requests / self.per_minute

    def record(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        slices = [
            {
                "slice": line.slice.number,
                "start": line.start,
                "end": line.end,
                "route": line.slice.route,
                "direction": line.slice.direction,
                "conversations": line.conversations,
                "requests": line.requests,
                "reason": line.reason,
            }
            for line in self.lines
        ]
        totals = {"conversations": self.conversations, "requests": self.requests, "minutes": round(self.minutes, 3)}
        return {"slices": slices, **totals, "requests_per_minute": self.per_minute}


def requests_of(piece: Slice) -> int:
    """How many requests a slice takes, if nothing goes wrong."""
    rows = piece.expected or 0
    if piece.route == "pages":
        return math.ceil(rows / PAGE_SIZE_MAX) + 1
    return max(math.ceil(rows / PAGE_SIZE), 1) + 2 * len(counted_intervals(piece)) + JOB_REQUESTS
