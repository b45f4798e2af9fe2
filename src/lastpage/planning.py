"""The planner with its answers: the interval by the server's clock, the lake's watermark, and a count for every probe."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from lastpage.errors import UsageError
from lastpage.fetch import envelope
from lastpage.fetch.client import Client
from lastpage.fetch.complaints import understood
from lastpage.fetch.lake import Lake
from lastpage.fetch.organization import RETENTION_DAYS_MIN, retention_days
from lastpage.fetch.pages import count_call
from lastpage.interval import DAY, Interval, Relative, floor_day, from_unix, iso
from lastpage.meter import Meter
from lastpage.plan import LAG_ASSUMED, Horizon, Paginate, Probe, Slice, plan, started
from lastpage.query import Query
from lastpage.trace import tell

#: Rows of the last minute are still being written (docs/api.md, 3.2).
UNSETTLED = timedelta(minutes=1)

T = TypeVar("T")


def tell_plan(slices: Iterable[Slice]) -> None:
    """The slices as a trace has them."""
    for each in slices:
        facts = {"slice": each.number, "interval": str(each.interval), "expected": each.expected}
        tell("plan", **facts, route=each.route, direction=each.direction)


@dataclass(frozen=True, slots=True)
class Planning:
    """Plans one query; sends the watermark request and the counts, nothing else."""

    query: Query
    client: Client
    lake: Lake
    meter: Meter
    paginate: Paginate

    def resolve(self) -> tuple[Interval, Horizon]:
        """The interval by the server's clock, and how far each route reaches."""
        mark = self.lake.watermark()
        until = from_unix(self.client.server_now()) - UNSETTLED
        asked = self.query.interval
        interval = asked.until(until) if isinstance(asked, Relative) else asked
        if interval.start >= until:
            raise UsageError(
                f"the interval {interval} lies in the future: by the API's clock it is {iso(until + UNSETTLED)}"
            )
        if interval.end > until:
            self.meter.note(f"the interval is read up to {iso(until)}, a minute ago by the API's clock")
            interval = Interval(interval.start, until)
        interval = self._kept(interval, until)
        return interval, Horizon(until, mark or until - LAG_ASSUMED, known=mark is not None)

    def _kept(self, interval: Interval, until: datetime) -> Interval:
        """The part of an interval that the organisation's retention has left; asked only where it can matter."""
        if interval.start > until - RETENTION_DAYS_MIN * DAY:
            return interval
        days = retention_days(self.client)
        oldest = floor_day(until - days * DAY) + DAY if days else interval.start
        if interval.end <= oldest:
            raise UsageError(
                f"the interval {interval} is older than what this organisation keeps ({days:,} days): "
                f"the oldest whole day left is {oldest.date()}"
            )
        if interval.start < oldest:
            self.meter.note(
                f"the interval is read from {oldest.date()} on: this organisation keeps conversations for {days:,} days only"
            )
        return Interval(max(interval.start, oldest), interval.end)

    def plan(self, interval: Interval, horizon: Horizon) -> list[Slice]:
        """Drive the planner, answering its probes."""
        slices = self._answered(plan(self.query, interval, horizon, self.paginate))
        tell_plan(slices)
        return slices

    def count(self, interval: Interval) -> int:
        """How many conversations started in an interval of at most a week, as far as the API counts."""
        return self._answered(started(interval))

    def _answered(self, questions: Generator[Probe, int, T]) -> T:
        try:
            probe = next(questions)
            while True:
                probe = questions.send(counted(self.client, self.query, probe))
        except StopIteration as end:
            answer: T = end.value
            return answer


def counted(client: Client, query: Query, probe: Probe) -> int:
    """What the API counts for a probe."""
    call = count_call(query, probe)
    return understood(call, client.send(call), envelope.page).total_hits or 0
