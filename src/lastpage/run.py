"""The only file that knows every stage: a query becomes a plan, slices are settled in threads, groups of them reach a sink.

    fetch = resume or plan ─▶ settle slices (threads) ─▶ a group is whole ─▶ sink.replace, day by day ─▶ ledger.committed
                                                    └── at the end: what one slice saw and its owner lacks is walked again

A group is the slices whose days hang together: a job over three days is one group, and so are the hours of one day.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from lastpage.errors import Interrupted, UsageError
from lastpage.fetch import envelope
from lastpage.fetch.client import Client
from lastpage.fetch.lake import Lake
from lastpage.fetch.pages import count_call
from lastpage.interval import Interval, Relative, from_unix, iso
from lastpage.ledger import Ledger, Planned, Run
from lastpage.meter import Meter
from lastpage.plan import LAG_ASSUMED, Horizon, Paginate, Probe, Slice, plan
from lastpage.query import Query
from lastpage.repair import holes
from lastpage.rows import Raw, Rows
from lastpage.settle import Settler
from lastpage.sinks.sink import Range
from lastpage.tally import Coverage, Finality, Verdict, digest

#: Rows of the last minute are still being written (docs/api.md, 3.2).
SETTLE = timedelta(minutes=1)
#: Bytes of the spool above which fetching waits for the destination.
SPOOL_BYTES_MAX = 20 * 1024**3
ORDER: dict[Coverage, int] = {"complete": 0, "unproven": 1, "short": 2}


@dataclass(frozen=True, slots=True)
class Options:
    """How to fetch; none of it changes what is fetched."""

    paginate: Paginate = "auto"
    page_size: int | None = None
    threads: int = 4


@dataclass(slots=True)
class Group:
    """Settled slices whose days hang together, ready to be written."""

    rows: list[Rows]
    #: Digests of rows that were found missing after the group had been handed over; empty at the first time.
    found: frozenset[bytes] = frozenset()

    @property
    def days(self) -> list[date]:
        return sorted({day for rows in self.rows for day, _ in rows.planned.slice.interval.days()})

    def ranges(self, day: date) -> list[Range]:
        """What the destination should know of this day; parts that were cut by direction are one range."""
        ranges: dict[Interval, Range] = {}
        for rows in self.rows:
            for cell, part in rows.planned.slice.interval.days():
                if cell == day:
                    ranges[part] = _merged(ranges.get(part), _range(part, rows))
        return [ranges[part] for part in sorted(ranges)]

    def pages(self, day: date) -> Iterator[list[Raw]]:
        """The day's conversations, each once, untouched, page by page."""
        for rows in self.rows:
            for cell, part in rows.planned.slice.interval.days():
                if cell == day:
                    yield from rows.of(part)


def _range(part: Interval, rows: Rows) -> Range:
    verdict = rows.verdict
    count = verdict.days.get(part.start.date().isoformat(), 0)
    route = rows.planned.slice.route
    return Range(part, verdict.as_of, route, verdict.coverage, verdict.finality, count)


def _merged(one: Range | None, other: Range) -> Range:
    if one is None:
        return other
    return Range(
        one.interval,
        min(one.as_of, other.as_of),
        one.route,
        max(one.coverage, other.coverage, key=lambda coverage: ORDER[coverage]),
        "provisional" if "provisional" in (one.finality, other.finality) else "final",
        one.conversations + other.conversations,
    )


@dataclass(slots=True)
class Fetching:
    """One run over one ledger: `prepare`, then `groups` to the end, then `coverage` and `finality`."""

    query: Query
    client: Client
    ledger: Ledger
    options: Options = field(default_factory=Options)
    meter: Meter = field(default_factory=Meter)
    run: Run | None = None
    resumed: bool = False
    _lake: Lake | None = None
    _stopped: threading.Event = field(default_factory=threading.Event)
    _ready: int = 0

    @property
    def lake(self) -> Lake:
        if self._lake is None:
            self._lake = Lake(self.client)
        return self._lake

    # The plan -------------------------------------------------------------------------------------------------

    def prepare(self, asked: str) -> Run:
        """Take up the unfinished run of the same command, or plan a new one and commit the plan."""
        self.run = self.ledger.unfinished(asked)
        self.resumed = self.run is not None
        if self.run is None:
            interval, horizon = self.resolve()
            slices = self.plan(interval, horizon)
            self.run = self.ledger.begin(asked, interval, horizon, slices, self.client.server_now())
        else:
            self.meter.note(
                f"going on with the unfinished run of {iso(from_unix(self.run.began))}: {self.run.interval}"
            )
        return self.run

    def resolve(self) -> tuple[Interval, Horizon]:
        """The interval by the server's clock, and how far each route reaches."""
        until = horizon_end(self.client.server_now())
        mark = self.lake.watermark()
        horizon = Horizon(until, mark or until - LAG_ASSUMED, known=mark is not None)
        asked = self.query.interval
        interval = asked.until(until) if isinstance(asked, Relative) else asked
        if interval.start >= until:
            raise UsageError(
                f"the interval {interval} lies in the future: by the API's clock it is {iso(until + SETTLE)}"
            )
        if interval.end > until:
            self.meter.note(f"the interval is read up to {iso(until)}, a minute ago by the API's clock")
            interval = Interval(interval.start, until)
        return interval, horizon

    def plan(self, interval: Interval, horizon: Horizon) -> list[Slice]:
        """Drive the planner, answering its probes."""
        planner = plan(self.query, interval, horizon, self.options.paginate)
        try:
            probe = next(planner)
            while True:
                probe = planner.send(self._count(probe))
        except StopIteration as end:
            slices: list[Slice] = end.value
            return slices

    def _count(self, probe: Probe) -> int:
        return envelope.page(self.client.send(count_call(self.query, probe)).body).total_hits or 0

    # The slices -----------------------------------------------------------------------------------------------

    def groups(self) -> Iterator[Group]:
        """Settle every slice, in threads; yield each group as it becomes whole, repaired ones at the end.

        The consumer calls `commit(group)` once the group is where it should be.
        """
        assert self.run is not None
        slices = self.ledger.slices(self.run)
        self.meter.expected = sum(planned.slice.expected or 0 for planned in slices if planned.state != "cut")
        self.meter.slices = len([planned for planned in slices if planned.state != "cut"])
        self.meter.slices_done = len([planned for planned in slices if planned.state in ("settled", "committed")])
        todo = [planned for planned in slices if planned.state == "todo"]
        try:
            yield from self._whole(slices)
            for planned in self._settled(todo):
                yield from self._whole(self.ledger.slices(self.run), planned.part)
            yield from self._repaired()
        except BaseException:
            self.stop()
            raise

    def commit(self, group: Group) -> None:
        assert self.run is not None
        self._ready -= 1
        self.ledger.committed(self.run, [rows.planned for rows in group.rows])

    def stop(self) -> None:
        """Let the threads end at their next step; what they have kept stays."""
        self._stopped.set()
        self.client.clock.stop()

    def finish(self) -> None:
        assert self.run is not None
        self.ledger.finish(self.run, self.client.clock.now())

    def verdicts(self) -> list[Verdict]:
        assert self.run is not None
        slices = self.ledger.slices(self.run)
        return [Verdict.load(planned.verdict) for planned in slices if planned.verdict is not None]

    def _whole(self, slices: Sequence[Planned], part: int | None = None) -> Iterator[Group]:
        """The groups that have all their slices settled and are not written yet; with `part`, only that one's."""
        for members in grouped(slices):
            if part is not None and all(planned.part != part for planned in members):
                continue
            live = [planned for planned in members if planned.state != "cut"]
            if all(planned.state in ("settled", "committed") for planned in live):
                if fresh := [planned for planned in live if planned.state == "settled"]:
                    self._ready += 1
                    yield Group([Rows.settled(self.ledger, planned) for planned in fresh])

    def _settled(self, todo: Sequence[Planned]) -> Iterator[Planned]:
        assert self.run is not None
        settler = Settler(
            self.query,
            self.client,
            self.ledger,
            self.run,
            self.lake,
            self.meter,
            self.options.page_size,
            self._stopped.is_set,
        )

        def work(planned: Planned) -> list[Planned]:
            self._wait_for_room()
            return settler.settle(planned)

        return in_turn(todo, work) if self.options.threads == 1 else in_threads(todo, work, self.options.threads)

    def _wait_for_room(self) -> None:
        while self._ready > 0 and self.ledger.spool.size() > SPOOL_BYTES_MAX and not self._stopped.is_set():
            self.client.clock.sleep(1.0)

    def _repaired(self) -> Iterator[Group]:
        """Walk again the owners of rows that other slices saw and they lack."""
        assert self.run is not None
        missing = self._missing()
        for number, digests in missing.items():
            self.ledger.reopen(self.run, number)
            owner = next(planned for planned in self.ledger.slices(self.run) if planned.slice.number == number)
            self.meter.note(f"{owner.slice} lacks {len(digests)} that others saw; reading it again")
            for _ in self._settled([owner]):
                pass
        still = self._missing() if missing else {}
        for number, digests in missing.items():
            for planned in self.ledger.slices(self.run):
                if planned.slice.number == number and planned.state == "settled":
                    rows = Rows.settled(self.ledger, planned)
                    if lacking := still.get(number):
                        rows.verdict = self._convict(planned, rows.verdict, len(lacking))
                    self._ready += 1
                    yield Group([rows], found=frozenset(digests))

    def _missing(self) -> dict[int, set[bytes]]:
        assert self.run is not None
        slices = [planned.slice for planned in self.ledger.slices(self.run) if planned.state != "cut"]
        owned = {piece.number: self.ledger.owned(self.run, piece.number) for piece in slices}
        missing: dict[int, set[bytes]] = {}
        for owner, lacking in holes(slices, owned, self.ledger.sightings(self.run)):
            missing.setdefault(owner.number, set()).add(lacking)
        return missing

    def _convict(self, planned: Planned, verdict: Verdict, lacking: int) -> Verdict:
        assert self.run is not None
        why = f"{lacking} conversations that another slice saw are not among its own"
        short = replace(verdict, coverage="short", finality="provisional", why=why)
        self.ledger.rejudge(self.run, planned.slice.number, short.dump())
        self.meter.note(f"{planned.slice} is short: {why}")
        return short


def grouped(slices: Iterable[Planned]) -> list[list[Planned]]:
    """Slices whose days hang together, in order."""
    groups: list[list[Planned]] = []
    last: date | None = None
    for planned in sorted(slices, key=lambda planned: (planned.slice.interval, planned.slice.number)):
        first = planned.slice.interval.start.date()
        end = (planned.slice.interval.end - timedelta(milliseconds=1)).date()
        if last is None or first > last:
            groups.append([])
        groups[-1].append(planned)
        last = max(end, last or end)
    return groups


def in_turn(todo: Sequence[Planned], work: Callable[[Planned], list[Planned]]) -> Iterator[Planned]:
    """One after the other, in this thread: for simulations and for those who want no threads."""
    waiting = list(todo)
    while waiting:
        planned = waiting.pop(0)
        waiting = work(planned) + waiting
        yield planned


def in_threads(todo: Sequence[Planned], work: Callable[[Planned], list[Planned]], threads: int) -> Iterator[Planned]:
    """Several at once; smaller slices join the queue. The first error ends it."""
    pool = ThreadPoolExecutor(threads, "lastpage")
    try:
        running: dict[Future[list[Planned]], Planned] = {pool.submit(work, planned): planned for planned in todo}
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                planned = running.pop(future)
                running.update({pool.submit(work, part): part for part in future.result()})
                yield planned
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def worst(verdicts: Iterable[Verdict]) -> tuple[Coverage, Finality]:
    """Coverage and finality of a run: the worst of its slices'."""
    verdicts = list(verdicts)
    coverage = max((verdict.coverage for verdict in verdicts), key=lambda coverage: ORDER[coverage], default="complete")
    final = all(verdict.finality == "final" for verdict in verdicts)
    return coverage, "final" if final else "provisional"


def horizon_end(server_now: float) -> datetime:
    return from_unix(server_now) - SETTLE
