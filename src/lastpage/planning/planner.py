"""The plan with its answers: the interval by the server's clock, a count for every probe, the cost.

    resolve   what the interval means now, and how far each route reaches
    plan      slices (`slices.py` asks, the API counts)
    Forecast  what a plan costs, in requests and minutes

Only the watermark and counts are asked for; no conversation is read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Generator, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, TypeVar

from lastpage.api import shapes
from lastpage.api.client import Client
from lastpage.api.messages import QUERY, Call
from lastpage.api.organization import RETENTION_DAYS_MIN, JobWatermark, retention_days
from lastpage.errors import UsageError
from lastpage.planning.finer import Finer
from lastpage.planning.slices import (
    JOB_PAGE_ROWS,
    LAG_ASSUMED,
    PAGE_ROWS_MAX,
    PROBE_DAYS_MAX,
    Horizon,
    Paginate,
    Probe,
    Slice,
    by_pages,
    count_matching,
    count_started,
    counted_intervals,
    from_midnight,
    plan,
)
from lastpage.planning.small import WHOLE, Need
from lastpage.progress import Meter
from lastpage.query.interval import DAY, Interval, Relative, floor_day, from_unix, iso
from lastpage.query.query import Query
from lastpage.trace import log_event

#: Rows of the last minute are still being written (docs/api.md, 3.2).
UNSETTLED = timedelta(minutes=1)
#: Statuses of a count that a walk goes on without.
COUNT_REFUSED = frozenset({400, 403, 404})
#: Requests around a job's pages: submit, delete, and the polls of a job of about a minute.
JOB_REQUESTS = 8

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days an organisation keeps conversations, and from when on all are left."""

    days: int
    #: A midnight.
    since: datetime


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans one query; sends the watermark request and the counts, nothing else."""

    query: Query
    client: Client
    watermark: JobWatermark
    meter: Meter
    paginate: Paginate
    #: What asks for jobs, also of what is small.
    need: Need = WHOLE

    def resolve(self) -> tuple[Interval, Horizon]:
        """The interval by the server's clock, and how far each route reaches.

        Raises `UsageError` for an interval in the future, or older than the retention.
        """
        interval, horizon = self.asked()
        return self.within_retention(interval, horizon.until), horizon

    def asked(self) -> tuple[Interval, Horizon]:
        """The same, whatever the organisation still keeps of it."""
        horizon = self.horizon()
        until, asked = horizon.until, self.query.interval
        interval = asked.until(until) if isinstance(asked, Relative) else asked
        if interval.start >= until:
            raise UsageError(
                f"the interval {interval} lies in the future: "
                f"by the API's clock it is {iso(until + UNSETTLED)}"
            )
        if interval.end > until:
            self.meter.note(
                f"the interval is read up to {iso(until)}, a minute ago by the API's clock"
            )
            interval = Interval(interval.start, until)
        return interval, horizon

    def horizon(self) -> Horizon:
        """How far each route reaches now."""
        mark, until = self.watermark.read(), self.until()
        return Horizon(until, mark or until - LAG_ASSUMED, known=mark is not None)

    def until(self) -> datetime:
        """A minute ago, by the server's clock."""
        return from_unix(self.client.server_now()) - UNSETTLED

    def retention(self, start: datetime, until: datetime) -> Retention | None:
        """How long conversations are kept; None where that takes nothing after `start`.

        None, too, where it is not set, or the API refuses. It is asked only where it can matter.
        """
        if start > until - RETENTION_DAYS_MIN * DAY:
            return None
        days = retention_days(self.client)
        return Retention(days, floor_day(until - days * DAY) + DAY) if days else None

    def within_retention(self, interval: Interval, until: datetime) -> Interval:
        """The part that the organisation still keeps; raises `UsageError` where that is nothing."""
        kept = self.retention(interval.start, until)
        if kept is None or interval.start >= kept.since:
            return interval
        if interval.end <= kept.since:
            raise UsageError(
                f"the interval {interval} is older than what this organisation keeps "
                f"({kept.days:,} days): the oldest whole day left is {kept.since.date()}"
            )
        self.meter.note(
            f"the interval is read from {kept.since.date()} on: "
            f"this organisation keeps conversations for {kept.days:,} days only"
        )
        return Interval(kept.since, interval.end)

    def plan(
        self, interval: Interval, horizon: Horizon, parts: Iterable[Interval] | None = None
    ) -> list[Slice]:
        """The slices of an interval, or of parts of it; one or two requests a week, mostly."""
        chosen = [interval] if parts is None else parts
        plans = (plan(self.query, part, horizon, self.paginate, self.need) for part in chosen)
        found = chain.from_iterable(map(self._answered, plans))
        slices = [replace(each, number=number) for number, each in enumerate(found, 1)]
        log_plan(slices)
        return slices

    def finer(self, slices: Sequence[Slice], finer: Finer) -> list[Slice]:
        """The slices of a plan, cut as is asked for; about one request more for each that comes."""
        found = self._answered(finer.cut(slices, self.query))
        return [replace(each, number=number) for number, each in enumerate(found, 1)]

    def by_pages(self, slice_: Slice, horizon: Horizon) -> list[Slice]:
        """A job's slice as slices of page numbers; raises `UsageError` where these cannot reach."""
        return self._answered(by_pages(slice_, self.query, horizon))

    def count(self, interval: Interval) -> int:
        """How many conversations started in an interval, as the API counts."""
        weeks = interval.pieces(PROBE_DAYS_MAX)
        return sum(self._answered(count_started(week)) for week in weeks)

    def count_matching(self, interval: Interval, seen_to: datetime) -> int:
        """The same of days of which a filter may see segments up to a later moment."""
        return self._answered(count_matching(interval, seen_to))

    def _answered(self, questions: Generator[Probe, int, T]) -> T:
        try:
            probe = next(questions)
            while True:
                probe = questions.send(send_probe(self.client, self.query, probe))
        except StopIteration as end:
            answer: T = end.value
            return answer


def send_probe(client: Client, query: Query, probe: Probe) -> int:
    """How many conversations the API counts for a probe. Raises `ApiError`.

    Where it shows the row that was asked for and says no number, there is at least that one.
    """
    page = client.send(count_call(query, probe)).page
    return len(page.heads or ()) if page.total_hits is None else page.total_hits


def count_call(query: Query, probe: Probe, passes: frozenset[int] = frozenset()) -> Call:
    """The cheapest count there is: one row asked for, `totalHits` read (docs/api.md, 1.3)."""
    body = {
        "interval": str(probe.interval),
        "paging": {"pageSize": 1, "pageNumber": 1},
        **query.filters(),
    }
    return Call(
        "POST",
        QUERY,
        body=json.dumps(body).encode(),
        endpoint=f"POST {QUERY}",
        passes=passes,
        reads=shapes.page,
    )


def log_plan(slices: Iterable[Slice]) -> None:
    """One event of the trace for each slice."""
    for each in slices:
        facts = {"slice": each.number, "interval": str(each.interval), "expected": each.expected}
        log_event("plan", **facts, route=each.route)


@dataclass(frozen=True, slots=True)
class Line:
    """A slice and what it costs, as plain values; the command line prints it."""

    slice: int
    start: str
    end: str
    route: str
    conversations: int
    requests: int
    reason: str

    @classmethod
    def of(cls, slice_: Slice) -> Line:
        return cls(
            slice=slice_.number,
            start=iso(slice_.interval.start),
            end=iso(slice_.interval.end),
            route=slice_.route,
            conversations=slice_.expected or 0,
            requests=requests_of(slice_),
            reason=slice_.reason,
        )


@dataclass(frozen=True, slots=True)
class Forecast:
    """A plan's cost at a number of requests a minute."""

    lines: list[Line]
    per_minute: float

    @classmethod
    def of(cls, slices: Sequence[Slice], per_minute: float) -> Forecast:
        return cls([Line.of(each) for each in slices], per_minute)

    @property
    def conversations(self) -> int:
        """What the API counts in all slices."""
        return sum(line.conversations for line in self.lines)

    @property
    def requests(self) -> int:
        """Requests that all slices take if nothing goes wrong."""
        return sum(line.requests for line in self.lines)

    @property
    def minutes(self) -> float:
        """Minutes that these requests take."""
        return self.requests / self.per_minute

    def record(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "slices": [asdict(line) for line in self.lines],
            "conversations": self.conversations,
            "requests": self.requests,
            "minutes": round(self.minutes, 3),
            "requests_per_minute": self.per_minute,
        }


def requests_of(slice_: Slice) -> int:
    """How many requests a slice takes if nothing goes wrong."""
    rows = slice_.expected or 0
    if slice_.route == "pages":
        counts = len(from_midnight(slice_.interval))
        return math.ceil(rows / PAGE_ROWS_MAX) + 1 + counts
    pages, counts = max(math.ceil(rows / JOB_PAGE_ROWS), 1), 2 * len(counted_intervals(slice_))
    return pages + counts + JOB_REQUESTS
