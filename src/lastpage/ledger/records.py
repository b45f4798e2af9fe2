"""The ledger's rows as values: a run, its slices, their attempts, and the answers they brought; and
what is remembered from one run to the next of rows that did not come again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from sqlite3 import Row
from typing import Literal, Self

from lastpage.ledger.spool import Frame
from lastpage.planning.slices import Horizon, Slice
from lastpage.query.interval import Interval, parse_iso
from lastpage.walks.walk import Request

#: The columns of what became of a slice.
OUTCOME = ("state", "attempt", "verdict", "held")
#: todo -> settled (its walk is over and judged) -> committed (the destination has it); or cut.
State = Literal["todo", "settled", "committed", "cut"]


@dataclass(frozen=True, slots=True)
class Run:
    """One command's run: what it resolved to when it began (unix seconds, by the API's clock)."""

    id: int
    interval: Interval
    horizon: Horizon
    began: float

    @classmethod
    def from_row(cls, row: Row) -> Self:
        horizon = Horizon(
            until=parse_iso(row["until"]),
            watermark=parse_iso(row["watermark"]),
            known=bool(row["known"]),
        )
        return cls(row["id"], _interval(row["start"], row["stop"]), horizon, row["began"])


@dataclass(frozen=True, slots=True)
class Planned:
    """A slice and what became of it. `part` is the number of the plan's slice it was cut from.

    `held` is what the destination held of its hours when they were committed, as a JSON list.
    """

    slice: Slice
    part: int
    state: State
    attempt: int | None = None
    verdict: str | None = None
    held: str | None = None

    @classmethod
    def from_row(cls, row: Row) -> Self:
        slice_ = Slice(
            number=row["number"],
            interval=_interval(row["start"], row["stop"]),
            asked=_interval(row["asked_start"], row["asked_stop"]),
            route=row["route"],
            reason=row["reason"],
            expected=row["expected"],
        )
        return cls(slice_, row["part"], *(row[each] for each in OUTCOME))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One walk of a slice. `watermark` is the jobs', read before it began; None where unknown."""

    id: int
    began: float
    watermark: datetime | None

    @classmethod
    def from_row(cls, row: Row) -> Self:
        watermark = parse_iso(row["watermark"]) if row["watermark"] else None
        return cls(row["id"], row["began"], watermark)


@dataclass(frozen=True, slots=True)
class Entry:
    """A request that was answered, and where in the spool the answer lies."""

    request: Request
    status: int
    encoding: str
    frame: Frame

    @classmethod
    def from_row(cls, row: Row, slice_: Slice) -> Self:
        request = Request.from_record(slice_, json.loads(row["request"]))
        return cls(request, row["status"], row["encoding"], Frame(row["offset"], row["length"]))


@dataclass(frozen=True, slots=True)
class Absence:
    """Why a row that a destination has seems to be gone, and since when (unix seconds, by the API's
    clock); coverage/replacement.py has the rule.
    """

    finding: str
    since: float


def _interval(start: str, end: str) -> Interval:
    return Interval(parse_iso(start), parse_iso(end))
