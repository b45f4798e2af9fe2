"""The planner with its answers: the interval by the server's clock, the lake's watermark, and a count for every probe."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from lastpage.errors import UsageError
from lastpage.fetch import envelope
from lastpage.fetch.client import Client
from lastpage.fetch.lake import Lake
from lastpage.fetch.pages import count_call
from lastpage.interval import Interval, Relative, from_unix, iso
from lastpage.meter import Meter
from lastpage.plan import LAG_ASSUMED, Horizon, Paginate, Probe, Slice, plan
from lastpage.query import Query

#: Rows of the last minute are still being written (docs/api.md, 3.2).
UNSETTLED = timedelta(minutes=1)


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
        return interval, Horizon(until, mark or until - LAG_ASSUMED, known=mark is not None)

    def plan(self, interval: Interval, horizon: Horizon) -> list[Slice]:
        """Drive the planner, answering its probes."""
        planner = plan(self.query, interval, horizon, self.paginate)
        try:
            probe = next(planner)
            while True:
                probe = planner.send(self._count(probe))
        except StopIteration as end:
            slices: list[Slice] = end.value
            return slices

    def _count(self, probe: Probe) -> int:
        return envelope.page(self.client.send(count_call(self.query, probe)).body).total_hits or 0
