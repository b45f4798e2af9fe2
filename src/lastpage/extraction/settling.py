"""One slice, from its first request to its verdict: walked, tallied, walked again if need be.

    a walk ends as        then
    --------------------  -----------------------------------------------------------------------
    Done                  the tally decides (coverage/tally.py): accepted, read again, or cut
    Narrow                cut: the API will not give this slice as one
    Again                 read again, LOST_MAX times: the job failed, or its cursor is gone
    Smaller               read again, with fewer rows a page
    Stuck                 short at a row that does not come even alone (unless all the API is out)
    Idle                  short: page after page brings nothing new
    cut, and too small,   short: its rows are kept, with the reason
    or cut too often

What page numbers were to read at once though a job could (planning/small.py), a job reads where
it would be read again because of counts, or is Narrow, Stuck or Idle.

This is where attempts, ledger and tally meet, in as many threads as send. It knows no tables and no
sinks.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from lastpage.api.client import Client
from lastpage.api.organization import JobWatermark
from lastpage.api.pace import Turns
from lastpage.api.records import Raw
from lastpage.coverage.evidence import Sighting
from lastpage.coverage.tally import LOST_MAX, Verdict, decide, judge, short
from lastpage.coverage.weighing import Claim, Counts, weigh
from lastpage.errors import RefusedError, RejectedError
from lastpage.extraction.attempt import OpenAttempt
from lastpage.ledger.ledger import Ledger
from lastpage.ledger.records import Entry, Planned, Run
from lastpage.planning.planner import requests_of
from lastpage.planning.slices import Slice, by_job, halves_of, look_ahead
from lastpage.progress import Meter
from lastpage.query.interval import MS, Interval, floor_day, iso
from lastpage.query.query import Query
from lastpage.trace import log_event
from lastpage.walks import ROUTES
from lastpage.walks.cursor import CursorWalk
from lastpage.walks.polls import Jobs
from lastpage.walks.sizes import rows_taught, was_asked_for
from lastpage.walks.walk import (
    Again,
    Count,
    Done,
    Idle,
    Narrow,
    Sign,
    Smaller,
    Stuck,
    Walk,
)

if TYPE_CHECKING:  # it loads Arrow, which lines do without
    from lastpage.extraction.ahead import Ahead

#: Jobs in flight; the API's own limit exists and is not known (docs/api.md, 2).
JOBS_MAX = 6
#: Seconds before a slice is read again because of a deficit: trouble of the API passes.
PAUSES_S = (5.0, 60.0, 120.0)
#: Slices that one slice of the plan may be cut into; where that does not help, size is not why.
CUTS_MAX = 64


@dataclass(slots=True)
class Settler:
    """Settles slices of one run; `settle` may be called from any thread, once a slice."""

    query: Query
    client: Client
    ledger: Ledger
    run: Run
    watermark: JobWatermark
    meter: Meter
    page_size: int | None = None
    stopped: Callable[[], bool] = lambda: False
    #: Names the unknown fields of records.
    unknown: Callable[[Iterable[Raw]], Iterable[str]] = lambda _records: ()
    #: What other slices saw and these lack; a part of a slice looks for its own share.
    missing: Sequence[Sighting] = ()
    #: What the destination holds as complete: start ranges, and the conversations of each.
    held: Sequence[tuple[Interval, int]] = ()
    #: Counts the starts of an interval.
    count: Callable[[Interval], int] = lambda _interval: 0
    counted_anew: bool = False
    #: Returns once the spool has room for another slice.
    wait_for_room: Callable[[], None] = lambda: None
    #: Makes tables of pages while the walk goes on.
    ahead: Ahead | None = None
    turns: Turns = field(init=False)
    #: How long its jobs took.
    took: Jobs = field(default_factory=Jobs)
    _jobs: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(JOBS_MAX))

    def __post_init__(self) -> None:
        self.turns = Turns(self.client.pace, self.client.clock)

    def settle(self, planned: Planned) -> list[Planned]:
        """Fetch a slice to its verdict; returns smaller ones that have to be fetched instead."""
        self.wait_for_room()
        slice_ = planned.slice
        seen = [id_ for id_, start in self.missing if start in slice_.interval]
        in_flight = self._jobs if ROUTES[slice_.route].is_job else nullcontext()
        ids: frozenset[bytes] | None = None
        lost = rereads = rows = 0
        claims = self._claims(slice_)
        with in_flight, self.turns.walking(slice_.position):
            while True:
                current = self._resume_or_begin(slice_, rows)
                still = max(requests_of(slice_) - len(current.requests), 1)
                self.turns.needs(slice_.position, still)
                end = current.walk_on()
                self.took.add(current.requests)
                rows = rows_taught(current.requests) or rows
                log_event("walk", slice=slice_.number, route=slice_.route, end=type(end).__name__)
                match end:
                    case Done(sign):
                        counts = self._counts(current, sign, claims)
                        decision = decide(current.account, counts, ids, rereads, seen)
                        # A job that is known to be partial is not read again for that.
                        if current.is_partial or decision == "accept":
                            verdict = self._judge(current, sign, counts, seen)
                            return self._record(planned, current, verdict)
                        if slice_.is_quick:
                            return self._by_job(planned, current, "counts and rows disagree")
                        ids = current.account.digests | (ids or frozenset())
                        rereads += 1
                        if decision == "narrow":
                            reason = f"each of {rereads} readings brought other rows"
                            return self._cut(planned, current, reason)
                        pause_s = PAUSES_S[min(rereads, len(PAUSES_S)) - 1]
                        then = f"reading it again in {pause_s:.0f} seconds"
                        current.abandon("counts and rows disagree", then)
                        self.client.clock.sleep(pause_s)
                    case Narrow(reason) | Stuck(reason) | Idle(reason) if slice_.is_quick:
                        return self._by_job(planned, current, reason)
                    case Narrow(reason):
                        return self._cut(planned, current, reason)
                    case Smaller(rows, reason):
                        current.abandon(reason, f"reading it again with {rows:,} rows a page")
                    case Stuck(reason):
                        return self._record_stuck(planned, current, reason)
                    case Idle(reason):
                        return self._record_short(planned, current, reason)
                    case Again(reason):
                        lost += 1
                        if lost == LOST_MAX:
                            why = f"{lost} attempts were lost, the last one since {reason}"
                            return self._record_short(planned, current, why)
                        current.abandon(reason)

    def _claims(self, slice_: Slice) -> list[Claim]:
        """What was counted in the slice before: by the plan, and by the destination.

        Where the plan has no count, or one that is old, it is counted now.
        """
        counted = [] if slice_.expected is None else [slice_.expected]
        if self.counted_anew or not counted:
            counted.append(self.count(slice_.interval))
        held: Counter[str] = Counter()
        for interval, conversations in self.held:
            if slice_.interval.clip(interval) == interval:
                held[interval.start.date().isoformat()] += conversations
        return [*(Claim("starts", {"": each}) for each in counted), Claim("held", held)]

    def _counts(self, current: OpenAttempt, sign: Sign, claims: Iterable[Claim]) -> Counts:
        """What is held against a reading; a claim that it contradicts counts no longer."""
        account, slice_ = current.account, current.account.slice
        own = current.walk.counts(sign, account)
        for claim in claims:
            if contradicted := claim.hold_against(account, own, self.client.clock.now()):
                self.meter.note(f"{slice_}: {contradicted}")
        claimed = [claim.count(account) for claim in claims]
        return Counts(own, claimed, self._vague(slice_, [*own, *claimed]))

    def _vague(self, slice_: Slice, counts: Sequence[Count]) -> int:
        """What a moment of the slice's last day counts, if more seem to have started in it.

        Asked where the slice ends in the middle of that day: then a count of it may be too high.
        """
        end, midnight = slice_.interval.end, floor_day(slice_.interval.end)
        if end == midnight or not any(each.of == "starts" and each.missing > 0 for each in counts):
            return 0
        try:
            return self.count(Interval(midnight, midnight + MS))
        except (RejectedError, RefusedError):
            return max(each.counted for each in counts)  # so nothing of it is certain

    def _judge(
        self, current: OpenAttempt, sign: Sign, counts: Counts, seen: Collection[str]
    ) -> Verdict:
        walk, account = current.walk, current.account
        horizon = self.run.horizon
        watermark = walk.settled_until(
            current.watermark, horizon.watermark if horizon.known else None
        )
        # A conversation of a day may meet a filter as long after it as the request looks ahead.
        settled = watermark and min(watermark, account.slice.asked.end) - look_ahead(self.query)
        if account.slice.is_quick:
            settled = None  # a job has the last word
        return judge(
            account,
            counts,
            doubt=walk.doubt(account.slice, current.watermark),
            proof=walk.signs[sign],
            as_of=current.as_of,
            settled=settled,
            seen=seen,
        )

    def _cut(self, planned: Planned, current: OpenAttempt, reason: str) -> list[Planned]:
        parts = len(self.ledger.slices_of(self.run, planned.part, planned.part))
        halves = halves_of(planned.slice, self.query) if parts < CUTS_MAX else []
        if not halves:
            why = f"{reason}, and smaller slices do not help"
            return self._record_short(planned, current, why)
        current.abandon(reason, "taking smaller slices")
        return self.ledger.cut(self.run, planned, self._counted(planned.slice, halves))

    def _by_job(self, planned: Planned, current: OpenAttempt, why: str) -> list[Planned]:
        current.abandon(why, "a job reads it")
        return self.ledger.cut(self.run, planned, [by_job(planned.slice)])

    def _counted(self, whole: Slice, halves: Sequence[Slice]) -> list[Slice]:
        """The halves with their counts: what was counted of the whole is a claim on these.

        Where they have less, they are counted again as a reading would be made again: trouble of
        the API passes. Counts that stay, for over a minute, contradict it.
        """
        counted: list[Slice] = []
        for pause_s in (0.0, *PAUSES_S):
            self.client.clock.sleep(pause_s)
            counted = [replace(half, expected=self.count(half.interval)) for half in halves]
            came = sum(half.expected or 0 for half in counted)
            if weigh(whole.expected or 0, came) == "complete":
                return counted
        self.meter.note(
            f"{whole}: {whole.expected:,} were counted in it, and {came:,} in its halves, four "
            "times over three minutes"
        )
        return counted

    def _record_stuck(self, planned: Planned, current: OpenAttempt, why: str) -> list[Planned]:
        """Raises `UnavailableError` where nothing else is answered either: no row is at fault."""
        self.watermark.read()
        row = current.account.fetched + 1
        return self._record_short(planned, current, f"row {row:,} does not come even alone: {why}")

    def _record_short(self, planned: Planned, current: OpenAttempt, why: str) -> list[Planned]:
        self._record(planned, current, short(current.account, why, current.as_of))
        current.clean_up()
        return []

    def _record(self, planned: Planned, current: OpenAttempt, verdict: Verdict) -> list[Planned]:
        """The slice has its verdict: nothing of it is left to fetch."""
        account, number = current.account, planned.slice.number
        if self.ahead:
            self.ahead.wait(current.attempt.id)
        if verdict.coverage == "short":
            self.meter.note(f"{planned.slice} is short: {verdict.why}")
        self.ledger.end_attempt(current.attempt, "ended", verdict.why)
        sightings = {
            text: iso(start)
            for text, start in account.foreign.items()
            if start in self.run.interval
        }
        ids, attempt = account.digests, current.attempt.id
        self.ledger.settle(self.run, number, attempt, verdict.dump(), ids, sightings)
        log_event("verdict", slice=number, **asdict(verdict))
        self.meter.end_slice()
        return []

    def _resume_or_begin(self, slice_: Slice, rows: int) -> OpenAttempt:
        """The attempt that an earlier process left, if it can be resumed; else a new one.

        `rows` a page are all that refusals of earlier attempts allow, if it is not 0.
        """
        walk = self._walk_of(slice_)
        attempt = self.ledger.open_attempt(self.run, slice_)
        if attempt is not None:
            entries = self.ledger.recover(attempt, slice_)
            is_stale = self.client.server_now() - attempt.began > walk.resumable_s
            is_other = self._is_other_size(entries, walk)
            # A cursor goes on with any page size.
            if entries and not is_stale and (walk.is_job or not is_other):
                anew = walk.page_size if is_other else 0
                return OpenAttempt(self, slice_, walk, attempt, entries, anew)
            why = "left too long" if is_stale else "begun with another page size"
            self.ledger.end_attempt(attempt, "lost", why if entries else "nothing stored")
            if not is_other:
                rows = rows or rows_taught([entry.request for entry in entries])
        watermark = self.watermark.read() if walk.needs_watermark else None
        now = self.client.server_now()
        attempt = self.ledger.begin_attempt(self.run, slice_, now, watermark)
        return OpenAttempt(self, slice_, walk, attempt, rows=rows)

    def _is_other_size(self, entries: Sequence[Entry], walk: Walk) -> bool:
        """Whether the command names a page size that an attempt of its run was not begun with."""
        if self.page_size is None or not entries:
            return False
        return not was_asked_for(entries[0].request, walk.page_size)

    def _walk_of(self, slice_: Slice) -> Walk:
        """The route's walk, with the page size asked for as far as the API takes it."""
        route = ROUTES[slice_.route]
        rows, most = self.page_size or route.page_size_usual, route.page_size_max
        if rows > most:
            self.meter.note(
                f"a page size of {rows:,} is more than the API gives; "
                f"{most:,} is used where that is the most"
            )
        walk = route(self.query, min(rows, most))
        if isinstance(walk, CursorWalk):
            return replace(walk, quiet_s=self.took.quiet_s(slice_.expected))
        return walk


def in_threads(
    todo: Sequence[Planned],
    settle: Callable[[Planned], list[Planned]],
    threads: int,
    stop: Callable[[], None] | None = None,
) -> Iterator[Planned]:
    """Each slice when it is settled; the parts it is cut into follow. The first error ends all.

    With `stop`, threads that are under way are stopped and have left when it ends; without it, they
    leave when they can.
    """
    pool = ThreadPoolExecutor(threads, "lastpage")
    running: dict[Future[list[Planned]], Planned] = {}
    try:
        running.update({pool.submit(settle, planned): planned for planned in todo})
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                planned = running.pop(future)
                running.update({pool.submit(settle, part): part for part in future.result()})
                yield planned
    finally:
        if stop and running:
            stop()
        pool.shutdown(wait=stop is not None, cancel_futures=True)
