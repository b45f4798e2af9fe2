"""A run: a query becomes a plan, slices are settled in threads, groups are handed to a consumer.

    resume, or begin: plan ─▶ settle slices (threads) ─▶ a group is whole ─▶ consumer ─▶ commit
                                     ▲
                                     └─ at the end: what one slice saw and its owner lacks
                                        is evidence, and the owner is settled again

The plan is committed before anything is fetched, so a run that was stopped goes on with the same
slices.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from lastpage.api.client import Client
from lastpage.coverage.evidence import Evidence, Sighting
from lastpage.coverage.ranges import Range
from lastpage.coverage.tally import REREADS_MAX, Verdict
from lastpage.coverage.weighing import Coverage
from lastpage.extraction.choosing import Choice
from lastpage.extraction.otherwise import OtherWay, is_short, is_short_job
from lastpage.extraction.resuming import HeldIds, Left, holding
from lastpage.extraction.rows import Group, Rows, grouped, together
from lastpage.extraction.settling import Settler, in_threads
from lastpage.extraction.summary import worst_of
from lastpage.ledger.ledger import Ledger
from lastpage.ledger.records import Planned, Run
from lastpage.planning.planner import Planner, log_plan, requests_of
from lastpage.planning.slices import Paginate, Slice
from lastpage.progress import Meter
from lastpage.query.interval import Interval, from_unix, iso, minus
from lastpage.query.query import Query
from lastpage.tables import unknown

if TYPE_CHECKING:  # it loads Arrow, which lines do without
    from lastpage.extraction.ahead import Ahead

#: Bytes of the spool above which fetching waits for the destination.
SPOOL_BYTES_MAX = 20 * 1024**3


@dataclass(frozen=True, slots=True)
class Options:
    """How to fetch; none of it changes what is fetched."""

    paginate: Paginate = "auto"
    page_size: int | None = None
    threads: int = 6
    #: Whether rows leave a destination also where too many of a day did not come again.
    accept_removals: bool = False


@dataclass(slots=True)
class Fetching:
    """One run over one ledger: `resume` or `begin`, `groups` to the end, `finish`."""

    planner: Planner
    ledger: Ledger
    options: Options
    run: Run
    #: What the destination holds when it begins.
    held: Sequence[Range] = ()
    #: Has the digests of what a destination that grows holds of an interval.
    held_ids: HeldIds = lambda _interval: None
    #: Whether an earlier process began it.
    resumed: bool = False
    #: Makes tables of pages while they are fetched.
    ahead: Ahead | None = None
    _stopped: threading.Event = field(default_factory=threading.Event)
    #: Groups that the consumer has and did not commit yet.
    _handed_over: int = 0
    #: Whether no slice of a job will be read by page numbers any more.
    _all_decided: bool = False

    @classmethod
    def resume(
        cls,
        command: str,
        planner: Planner,
        ledger: Ledger,
        options: Options,
        held: Sequence[Range] = (),
        held_ids: HeldIds = lambda _interval: None,
    ) -> Fetching | None:
        """The unfinished run of the same command, if there is one.

        `command` is what makes a repeated command the same one. `held` is what the destination
        holds. `held_ids` has the digests of what a destination that grows holds of an interval,
        None where that is nothing; it is asked where ledger and destination may not agree.
        """
        run, meter = ledger.unfinished(command), planner.meter
        if run is None:
            return None
        since = iso(from_unix(run.began))
        if ledger.slices(run):
            going_on = f"going on with the unfinished run of {since}: {run.interval}"
            meter.note(going_on, of_run=False)
            Left(ledger, run).reopen_damaged(held_ids)
            log_plan(planned.slice for planned in ledger.slices(run))
        else:
            meter.note(
                f"an older version began this run at {since} and cut it in a way that this version "
                "does not: it is planned again, and what the destination holds stays until it is "
                "read anew",
                of_run=False,
            )
            _, horizon = replace(planner, meter=Meter()).resolve()
            slices = planner.plan(run.interval, horizon)
            run = ledger.plan_again(run, horizon, slices, held_ids(run.interval))
        return cls(planner, ledger, options, run, held, held_ids, resumed=True)

    @classmethod
    def begin(
        cls,
        command: str,
        planner: Planner,
        ledger: Ledger,
        options: Options,
        choice: Choice,
        held: Sequence[Range] = (),
        held_ids: HeldIds = lambda _interval: None,
        slices: Sequence[Slice] | None = None,
    ) -> Fetching:
        """Plan a new run of what was chosen, or take `slices` for it, and commit the plan."""
        if slices is None:
            slices = planner.plan(choice.interval, choice.horizon, choice.parts)
        now = planner.client.server_now()
        run = ledger.begin(command, choice.interval, choice.horizon, slices, now)
        return cls(planner, ledger, options, run, held, held_ids)

    @property
    def query(self) -> Query:
        """What is fetched."""
        return self.planner.query

    @property
    def client(self) -> Client:
        """What it is fetched with."""
        return self.planner.client

    @property
    def meter(self) -> Meter:
        """What counts it."""
        return self.planner.meter

    def groups(self) -> Iterator[Group]:
        """Settle every slice; yield each group as it becomes whole, then those read again.

        The consumer calls `commit(group)` once the group is where it should be. What a crash left
        before that call comes first, and as it was: a file that grows may have some of it already,
        and knows only the very same rows again. Then `resuming` says what is settled anew.
        """
        left = Left(self.ledger, self.run)
        lost = left.lost(self.held)
        try:
            self._all_decided = True
            yield from self._ready_groups()
            self._all_decided = False
            if lost:
                self.meter.note(
                    "the destination lacks what was written to it before: it was removed, or "
                    f"an older copy took its place; {len(lost):,} slices are read again"
                )
            left.reopen_lost(lost, self.held_ids)
            left.reopen_doubtful(self.client.server_now())
            slices = self.slices
            self.meter.expected = sum(each.slice.expected or 0 for each in slices)
            self.meter.slices = len(slices)
            self.meter.slices_done = sum(each.state != "todo" for each in slices)
            beside = together(slices)
            for planned in self._settle_all():
                yield from self._ready_groups(beside[planned.part])
            self._read_again()
            self._read_the_other_way()
            self._all_decided = True
            yield from self._ready_groups()
        except BaseException:
            self.stop()
            raise

    def commit(self, group: Group, held: Collection[Range] = ()) -> None:
        """The consumer has written this group: its slices are done, and their spool may go.

        `held` is what the destination holds of its days by now.
        """
        self._handed_over -= 1
        slices = [rows.planned for rows in group.rows]
        for planned in slices:
            if self.ahead and planned.attempt is not None:
                self.ahead.forget(planned.attempt)
        self.ledger.commit(self.run, [(planned, holding(held, planned)) for planned in slices])

    def check_written(self, held: Sequence[Range]) -> None:
        """Make short what was written and is not among what the destination holds by now."""
        for planned in Left(self.ledger, self.run).lost(held):
            why = "the destination lacks by now what this run has written to it"
            self.rejudge(Rows.of_slice(self.ledger, planned), "short", why)

    def postpone(self) -> None:
        """The consumer cannot write a group yet: it comes again when all slices are settled."""
        self._handed_over -= 1

    @property
    def slices(self) -> list[Planned]:
        """The slices that count: none that others stand for."""
        return [planned for planned in self._slices() if planned.state != "cut"]

    def owner(self, start: datetime) -> Planned | None:
        """The slice that owns a moment, if the run has it."""
        return next((each for each in self.slices if start in each.slice.interval), None)

    def is_to_be_read(self, planned: Planned) -> bool:
        """Whether other rows may still come in the place of a slice's."""
        return planned.state == "todo" or self._is_held_back(planned)

    def rejudge(self, rows: Rows, coverage: Coverage, why: str) -> None:
        """Later evidence speaks against a verdict, so no day of it is final either."""
        verdict = replace(rows.verdict, coverage=coverage, why=why).provisional
        self.ledger.rejudge(self.run, rows.planned.slice.number, verdict.dump())

    def unsettle(self, rows: Rows, days: Collection[str]) -> None:
        """These days of a slice (ISO dates) may still change, whatever was said of them."""
        left = [day for day in rows.verdict.final_days if day not in days]
        verdict = replace(rows.verdict, finality="provisional", final_days=left)
        self.ledger.rejudge(self.run, rows.planned.slice.number, verdict.dump())

    def stop(self) -> None:
        """Let the threads end at their next step; what they have stored stays."""
        self._stopped.set()
        self.client.clock.stop()

    def covers(self, other: Fetching) -> bool:
        """Whether it reads all hours that another one read."""
        return not any(minus(each, self.read) for each in other.read)

    @property
    def read(self) -> list[Interval]:
        """What it reads, slice by slice: not all of its interval, where days are final and here."""
        return [planned.slice.interval for planned in self.slices]

    def finish(self) -> None:
        """End the run: the same command begins a new one from now on."""
        verdict = worst_of(self.verdicts())
        self.ledger.finish(self.run, self.client.server_now(), verdict)

    def verdicts(self) -> list[Verdict]:
        """The verdicts of the slices that have one, in the order of the slices."""
        return [Verdict.load(each.verdict) for each in self.slices if each.verdict is not None]

    # Settling ---------------------------------------------------------------------------------

    def _settle_all(self, missing: Mapping[int, list[Sighting]] | None = None) -> Iterator[Planned]:
        """Settle what is to do, and the parts it is cut into; yields each slice when it is done.

        `missing` is what the slices lack, as other slices saw it.
        """
        settler = Settler(
            self.query,
            self.client,
            self.ledger,
            self.run,
            self.planner.watermark,
            self.meter,
            self.options.page_size,
            self._stopped.is_set,
            unknown.unknown_paths,
            [sighting for sightings in (missing or {}).values() for sighting in sightings],
            [(each.interval, each.conversations) for each in self.held if each.is_complete],
            self.planner.count,
            self.resumed or bool(missing),
            self._wait_for_room,
            self.ahead,
        )
        todo = [planned for planned in self._slices() if planned.state == "todo"]
        with settler.turns.planned({each.slice.position: requests_of(each.slice) for each in todo}):
            yield from self._settled(settler, todo)

    def _settled(self, settler: Settler, todo: list[Planned]) -> Iterator[Planned]:
        if self.options.threads > 1:
            stop = None if self.ledger.lasts else self.stop
            yield from in_threads(todo, settler.settle, self.options.threads, stop)
            return
        while todo:
            # The parts of a slice come next, so that days are whole one after the other.
            planned = todo.pop(0)
            todo = settler.settle(planned) + todo
            yield planned

    def _wait_for_room(self) -> None:
        """The spool is bounded: while it is full, wait for groups that the consumer has."""
        while self._handed_over and not self._stopped.is_set():
            if self.ledger.spool.size() <= SPOOL_BYTES_MAX:
                return
            self.client.clock.sleep(1.0)

    def _read_again(self) -> None:
        """Settle again the owners of rows that other slices saw and they lack.

        Each is read again up to `REREADS_MAX` times, also one that only the last readings convict:
        what was written of it as complete is written anew.
        """
        rereads: Counter[int] = Counter()
        missing = self._missing()
        while again := {n: ids for n, ids in missing.items() if rereads[n] < REREADS_MAX}:
            for planned in self.slices:
                if lacking := again.get(planned.slice.number):
                    self.meter.note(
                        f"{planned.slice} lacks {len(lacking):,} that others saw; reading it again"
                    )
                    self.ledger.reopen(self.run, planned.slice.number)
            rereads.update(again.keys())
            for _ in self._settle_all(missing):
                pass
            missing = self._missing()
        for planned in self.slices:
            if lacking := missing.get(planned.slice.number):
                rows = Rows.of_slice(self.ledger, planned)
                why = f"{len(lacking):,} conversations that another slice saw are still missing"
                self.rejudge(rows, "short", why)

    def _read_the_other_way(self) -> None:
        """Settle what is read by page numbers since a job lacks it, and decide which stays."""
        if self.options.paginate == "cursor" or not self._other_way.begin():
            return
        for _ in self._settle_all():
            pass
        # Those pages may have seen what other slices lack, too.
        self._read_again()
        self._other_way.decide()

    def _missing(self) -> dict[int, list[Sighting]]:
        """What slices lack that others saw, of those that are not known to be short already."""
        missing = Evidence(self.ledger, self.run, self.client, self.meter.note).missing()
        for planned in self.slices:
            if is_short(planned):
                missing.pop(planned.slice.number, None)
        return missing

    # Groups -----------------------------------------------------------------------------------

    def _slices(self) -> list[Planned]:
        return self.ledger.slices(self.run)

    @property
    def _other_way(self) -> OtherWay:
        return OtherWay(self.ledger, self.run, self.planner, self.meter.note)

    def _ready_groups(self, parts: tuple[int, int] | None = None) -> Iterator[Group]:
        """Groups that are settled and not written yet; with `parts`, of these in the plan alone."""
        slices = self.ledger.slices_of(self.run, *parts) if parts else self._slices()
        for members in grouped(slices):
            states = {planned.state for planned in members}
            if "todo" not in states and "settled" in states:
                ready = [planned for planned in members if planned.state == "settled"]
                if any(self._is_held_back(planned) for planned in ready):
                    continue
                yield self._group(
                    [Rows.of_slice(self.ledger, planned, self.ahead) for planned in ready]
                )

    def _is_held_back(self, planned: Planned) -> bool:
        """Whether it may still be read by page numbers, or is and it is not decided yet."""
        may_be = not self._all_decided and self.options.paginate != "cursor"
        return (may_be and is_short_job(planned)) or self._other_way.is_open(planned)

    def _group(self, rows: list[Rows]) -> Group:
        self._handed_over += 1
        parts = {each.planned.part for each in rows}
        known = [
            ids for part in parts if (ids := self.ledger.delivered(self.run, part)) is not None
        ]
        return Group(rows, frozenset().union(*known) if known else None)
