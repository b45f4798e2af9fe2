"""A run: a query becomes a plan, slices are settled in threads, and groups of them are ready for a sink (`deliver.py`).

begin = resume or plan ─▶ settle slices (threads) ─▶ a group is whole ─▶ the consumer has it ─▶ commit
                                                └── at the end: what one slice saw and its owner lacks is walked again
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import TypeVar

from lastpage.api.client import Client
from lastpage.api.organization import Lake
from lastpage.coverage.evidence import Evidence
from lastpage.coverage.tally import PATHS_MAX, Verdict
from lastpage.extraction.attempt import Settler
from lastpage.extraction.byid import ById
from lastpage.extraction.rows import Group, Rows, grouped
from lastpage.extraction.siblings import Siblings
from lastpage.ledger.ledger import Ledger, Planned, Run
from lastpage.planning.planner import Planning, tell_plan
from lastpage.planning.slices import Paginate, Slice
from lastpage.progress import Meter
from lastpage.query.interval import Interval, from_unix, iso
from lastpage.query.query import Query
from lastpage.sinks.sink import Unread
from lastpage.tables import unknown

#: Records that could not be read are named one by one up to so many.
UNREAD_TOLD = 10
#: Bytes of the spool above which fetching waits for the destination.
SPOOL_BYTES_MAX = 20 * 1024**3


@dataclass(frozen=True, slots=True)
class Options:
    """How to fetch; none of it changes what is fetched."""

    paginate: Paginate = "auto"
    page_size: int | None = None
    threads: int = 6


@dataclass(slots=True)
class Fetching:
    """One run over one ledger: `begin`, then `groups` to the end, then `finish`."""

    query: Query
    client: Client
    ledger: Ledger
    options: Options
    meter: Meter
    run: Run
    planning: Planning
    #: Whether an earlier process began it.
    resumed: bool = False
    _stopped: threading.Event = field(default_factory=threading.Event)
    _ready: int = 0
    _siblings: Siblings = field(init=False)

    def __post_init__(self) -> None:
        self._siblings = Siblings(self.ledger, self.run, self.planning.count, self.meter.note)

    @classmethod
    def begin(
        cls,
        asked: str,
        query: Query,
        client: Client,
        ledger: Ledger,
        options: Options,
        meter: Meter,
        slices: Sequence[Slice] | None = None,
        admit: Callable[[Interval], None] = lambda _interval: None,
    ) -> Fetching:
        """Take up the unfinished run of the same command, or plan a new one (of `slices`, if given) and commit the plan.

        `admit` raises for an interval that the destination cannot take; it is asked before anything is counted.
        """
        planning = Planning(query, client, Lake(client), meter, options.paginate)
        run = ledger.unfinished(asked)
        if run is None:
            interval, horizon = planning.resolve()
            admit(interval)
            slices = planning.plan(interval, horizon) if slices is None else slices
            run = ledger.begin(asked, interval, horizon, slices, client.server_now())
        else:
            meter.note(f"going on with the unfinished run of {iso(from_unix(run.began))}: {run.interval}")
            mend(ledger, run)
            tell_plan(planned.slice for planned in ledger.slices(run))
            return cls(query, client, ledger, options, meter, run, planning, resumed=True)
        return cls(query, client, ledger, options, meter, run, planning)

    # The slices -----------------------------------------------------------------------------------------------

    def groups(self) -> Iterator[Group]:
        """Settle every slice, in threads; yield each group as it becomes whole, repaired ones at the end.

        The consumer calls `commit(group)` once the group is where it should be.
        """
        slices = self.ledger.slices(self.run)
        self.meter.expected = sum(planned.slice.expected or 0 for planned in slices if planned.state != "cut")
        self.meter.slices = len([planned for planned in slices if planned.state != "cut"])
        self.meter.slices_done = len([planned for planned in slices if planned.state in ("settled", "committed")])
        try:
            yield from self._whole(slices)
            while todo := self._todo():
                for planned in self._settled(todo):
                    yield from self._whole(self.ledger.slices(self.run), planned.part)
            yield from self._repaired()
        except BaseException:
            self.stop()
            raise

    def commit(self, group: Group) -> None:
        self._ready -= 1
        self.ledger.committed(self.run, [rows.planned for rows in group.rows])

    def unread(self, group: Group, records: Sequence[Unread]) -> None:
        """What the tables could not take is there, but not in them: a slice that lacks one is not proved to be whole."""
        for record in records[:UNREAD_TOLD]:
            self.meter.note(
                f"conversation {record.conversation_id or '(no id)'} is no row: {record.error or 'it cannot be read'}"
            )
        for rows in group.rows:
            interval, verdict = rows.planned.slice.interval, rows.verdict
            lacking = sum(1 for record in records if record.start is not None and record.start in interval)
            if lacking and verdict.coverage == "complete":
                why = (
                    f"{lacking} conversations could not be read into tables; they are in the table broken as they came"
                )
                rows.verdict = replace(verdict, coverage="unproven", finality="provisional", why=why)
                self.ledger.rejudge(self.run, rows.planned.slice.number, rows.verdict.dump())

    def stop(self) -> None:
        """Let the threads end at their next step; what they have kept stays."""
        self._stopped.set()
        self.client.clock.stop()

    def outgrown(self) -> bool:
        """Whether the same command means more by now than this run, which an earlier process began, has read."""
        if not self.resumed:
            return False
        now, _ = self.planning.resolve()
        return now.clip(self.run.interval) != now

    def finish(self) -> None:
        self.ledger.finish(self.run, self.client.clock.now())

    def verdicts(self) -> list[Verdict]:
        slices = self.ledger.slices(self.run)
        return [Verdict.load(planned.verdict) for planned in slices if planned.verdict is not None]

    def unknown_fields(self, tell: Callable[[str], None]) -> list[str]:
        """The paths of fields that this version does not know, as far as samples show; a sentence tells that there are some."""
        paths = sorted({path for verdict in self.verdicts() for path in verdict.unknown})[:PATHS_MAX]
        if paths:
            tell(unknown.sentence(paths))
        return paths

    def _whole(self, slices: Sequence[Planned], part: int | None = None) -> Iterator[Group]:
        """The groups that have all their slices settled and are not written yet; with `part`, only that one's."""
        for members in grouped(slices):
            if part is not None and all(planned.part != part for planned in members):
                continue
            live = [planned for planned in members if planned.state != "cut"]
            ready = [planned for planned in live if planned.state == "settled"]
            if ready and all(planned.state != "todo" for planned in live) and self._siblings.stand(ready):
                numbers = {planned.slice.number for planned in ready}
                judged = [planned for planned in self.ledger.slices(self.run) if planned.slice.number in numbers]
                yield self._group([Rows.settled(self.ledger, planned) for planned in judged])

    def _group(self, rows: list[Rows]) -> Group:
        self._ready += 1
        before = [self.ledger.delivered(self.run, part) for part in {each.planned.part for each in rows}]
        known = [ids for ids in before if ids is not None]
        return Group(rows, frozenset().union(*known) if known else None)

    def _todo(self) -> list[Planned]:
        return [planned for planned in self.ledger.slices(self.run) if planned.state == "todo"]

    def _settled(self, todo: Sequence[Planned]) -> Iterator[Planned]:
        settler = Settler(
            self.query,
            self.client,
            self.ledger,
            self.run,
            self.planning.lake,
            self.meter,
            self.options.page_size,
            self._stopped.is_set,
            unknown.unknown,
        )

        def work(planned: Planned) -> list[Planned]:
            self._wait_for_room()
            return settler.settle(planned)

        return worked(todo, work, self.options.threads)

    def _wait_for_room(self) -> None:
        while self._ready > 0 and self.ledger.spool.size() > SPOOL_BYTES_MAX and not self._stopped.is_set():
            self.client.clock.sleep(1.0)

    def _repaired(self) -> Iterator[Group]:
        """Walk again the owners of rows that other slices saw and they lack; what they were cut into counts for them."""
        missing = self._missing()
        parts: set[int] = set()
        for planned in self.ledger.slices(self.run):
            if lacking := missing.get(planned.slice.number):
                self.meter.note(f"{planned.slice} lacks {len(lacking):,} that others saw; reading it again")
                self.ledger.reopen(self.run, planned.slice.number)
                parts.add(planned.part)
        while todo := self._todo():
            for _ in self._settled(todo):
                pass
            self._siblings.stand(planned for planned in self.ledger.slices(self.run) if planned.state == "settled")
        still = self._taken_by_id(self._missing()) if missing else missing
        for part in sorted(parts):
            settled = [each for each in self.ledger.slices(self.run) if (each.part, each.state) == (part, "settled")]
            if settled:
                yield self._group([self._convicted(planned, still) for planned in settled])

    def _missing(self) -> Mapping[int, list[str]]:
        return Evidence(self.ledger, self.run, self.client, self.meter.note).missing()

    def _taken_by_id(self, missing: Mapping[int, list[str]]) -> Mapping[int, list[str]]:
        """What is still missing once the rows that a job's filter cannot see yet were taken by id."""
        byid = ById(self.ledger, self.run, self.client)
        left = dict(missing)
        for planned in self.ledger.slices(self.run) if self.query.sees_segments else ():
            piece, lacking = planned.slice, missing.get(planned.slice.number, [])
            hidden = planned.state == "settled" and piece.route == "cursor" and piece.direction is None
            if lacking and hidden and byid.take(planned, lacking) == len(lacking):
                self.meter.note(
                    f"{piece}: {len(lacking):,} that the job cannot show yet were taken by id, without attributes"
                )
                del left[piece.number]
        return left

    def _convicted(self, planned: Planned, missing: Mapping[int, list[str]]) -> Rows:
        """A slice's rows; short if it still lacks what others saw."""
        rows = Rows.settled(self.ledger, planned)
        if lacking := missing.get(planned.slice.number):
            why = f"{len(lacking):,} conversations that another slice saw are not among its own"
            rows.verdict = replace(rows.verdict, coverage="short", finality="provisional", why=why)
            self.ledger.rejudge(self.run, planned.slice.number, rows.verdict.dump())
            self.meter.note(f"{planned.slice} is short: {why}")
        return rows


def mend(ledger: Ledger, run: Run) -> None:
    """When a run is taken up again, slices that were short are walked again, and those whose pages a bad disk has damaged."""
    for planned in ledger.slices(run):
        short = planned.verdict is not None and Verdict.load(planned.verdict).coverage == "short"
        if short or (planned.state == "settled" and not ledger.whole(planned)):
            ledger.reopen(run, planned.slice.number)


# PART work
# Work that may leave smaller pieces of work: done in turn or in threads, until nothing is left.


T = TypeVar("T")


def worked(todo: Iterable[T], work: Callable[[T], list[T]], threads: int) -> Iterator[T]:
    """Each piece once it was worked on; what `work` returns joins the queue. The first error ends it."""
    return _in_turn(todo, work) if threads == 1 else _in_threads(todo, work, threads)


def _in_turn(todo: Iterable[T], work: Callable[[T], list[T]]) -> Iterator[T]:
    """One after the other, in this thread: for simulations and for those who want no threads."""
    waiting = list(todo)
    while waiting:
        piece = waiting.pop(0)
        waiting = work(piece) + waiting
        yield piece


def _in_threads(todo: Iterable[T], work: Callable[[T], list[T]], threads: int) -> Iterator[T]:
    pool = ThreadPoolExecutor(threads, "lastpage")
    try:
        running: dict[Future[list[T]], T] = {pool.submit(work, piece): piece for piece in todo}
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                piece = running.pop(future)
                running.update({pool.submit(work, part): part for part in future.result()})
                yield piece
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
