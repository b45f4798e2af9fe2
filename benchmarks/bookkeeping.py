"""What a run of many slices spends on its ledger alone: each slice is settled at once, and its group is committed.

Nothing is sent, read, judged or written to a destination. Waiting for the disk is left out: three flushes a slice cost what the disk makes
of them, and do not grow with the number of slices.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from lastpage.coverage.tally import Verdict
from lastpage.extraction.run import Fetching, Options
from lastpage.ledger.ledger import Ledger
from lastpage.ledger.records import Planned
from lastpage.planning.planner import Planner
from lastpage.planning.slices import Horizon, Slice
from lastpage.progress import Meter
from lastpage.query.interval import Interval

#: Slices of a day each.
SIZES = (250, 500, 1_000, 2_000)
FIRST = datetime(2018, 1, 1, tzinfo=UTC)
#: Processor seconds for the largest, at most.
GOAL_S = 1.0


def planned(count: int) -> list[Slice]:
    """So many days of one slice each."""
    starts = [FIRST + timedelta(days=number) for number in range(count)]
    days = [Interval(each, each + timedelta(days=1)) for each in starts]
    return [
        Slice(number, day, day, "cursor", "benchmark", 10) for number, day in enumerate(days, 1)
    ]


class Settled(Fetching):
    """A run without walks and tally: every slice is complete."""

    def _settle_all(self, missing: Mapping[int, Any] | None = None) -> Iterator[Planned]:  # noqa: ARG002
        verdict = Verdict("complete", "final", "benchmark", 10, FIRST).dump()
        for each in self.slices:
            if each.state == "todo":
                attempt = self.ledger.begin_attempt(self.run, each.slice, 0.0, None)
                self.ledger.settle(self.run, each.slice.number, attempt.id, verdict, [], {})
                yield each


def seconds(count: int) -> tuple[float, float]:
    """Processor and wall seconds of a run of so many slices."""
    slices = planned(count)
    whole = Interval(FIRST, slices[-1].interval.end)
    # What a planner is asked for here: the meter, and what time it is.
    client = SimpleNamespace(server_now=lambda: 0.0)
    planner = cast("Planner", SimpleNamespace(client=client, meter=Meter()))
    with tempfile.TemporaryDirectory() as folder, closing(Ledger(Path(folder))) as ledger:
        run = ledger.begin("benchmark", whole, Horizon(whole.end, whole.end, True), slices, 0.0)
        fetching = Settled(planner, ledger, Options(paginate="cursor"), run)
        ledger._db.execute("pragma synchronous = off")
        begun, wall = time.process_time(), time.perf_counter()
        for group in fetching.groups():
            fetching.commit(group)
        return time.process_time() - begun, time.perf_counter() - wall


def main() -> None:
    print("Bookkeeping: a run that settles and commits its slices, and does nothing else")
    print(f"  {'slices':>8} {'processor s':>12} {'ms a slice':>11} {'wall s':>8}")
    for size in SIZES:
        processor, wall = seconds(size)
        print(f"  {size:>8,} {processor:>12.2f} {processor / size * 1e3:>11.2f} {wall:>8.2f}")
    reached = "reached" if processor <= GOAL_S else "NOT reached"
    print(f"  the goal of {GOAL_S:g} s for {SIZES[-1]:,} is {reached}\n")


if __name__ == "__main__":
    main()
