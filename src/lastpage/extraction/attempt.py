"""One slice, from its first request to its verdict: walked, tallied, and walked again where the tally asks for it.

This is where walk, ledger and tally meet, and it runs in as many threads as send. Nothing here knows of tables or sinks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from datetime import datetime

from lastpage.api.client import Client
from lastpage.api.messages import Answer, Raw
from lastpage.api.organization import JobWatermark
from lastpage.api.pace import Turns
from lastpage.coverage.tally import LOST_MAX, Account, Verdict, decide, judge, shortfall
from lastpage.errors import ApiError, Interrupted
from lastpage.ledger.ledger import Attempt, Kept, Ledger, Planned, Run
from lastpage.planning.slices import JOB_PAGE_ROWS, JOB_PAGE_ROWS_MAX, LAG_ASSUMED, PAGE_ROWS_MAX, Slice, narrower
from lastpage.progress import Meter
from lastpage.query.interval import from_unix, iso
from lastpage.query.query import Query
from lastpage.trace import tell
from lastpage.walks.cursor import CursorWalk
from lastpage.walks.pages import PagesWalk
from lastpage.walks.walk import READS, Again, Done, Narrow, Request, Step, Walk, drive

#: Jobs in flight; the API's own limit exists and is not known (docs/api.md, 2).
JOBS_MAX = 6
#: Slices that one slice of the plan may be cut into; where that does not help, size is not the trouble.
CUTS_MAX = 64
#: Rows of a page-number walk slide; after this long its pages are no longer one answer.
PAGES_FRESH_S = 300.0


@dataclass(slots=True)
class Lost:
    """What went wrong with a slice so far, in this process."""

    attempts: int = 0
    rereads: int = 0
    #: The ids that finished attempts brought, None before the first.
    ids: frozenset[bytes] | None = None


@dataclass(slots=True)
class Settler:
    """Settles slices of one run; `settle(planned)` may be called from any thread, once a slice."""

    query: Query
    client: Client
    ledger: Ledger
    run: Run
    lake: JobWatermark
    meter: Meter
    page_size: int | None = None
    stopped: Callable[[], bool] = lambda: False
    #: What names the unknown fields of records.
    unknown: Callable[[Iterable[Raw]], Iterable[str]] = lambda _records: ()
    _jobs: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(JOBS_MAX))
    _turns: Turns = field(init=False)

    def __post_init__(self) -> None:
        self._turns = Turns(self.client.pace, self.client.clock)

    def settle(self, planned: Planned) -> list[Planned]:
        """Fetch a slice to its verdict. Returns the smaller slices that have to be fetched instead, if any."""
        with (
            self._jobs if planned.slice.route == "cursor" else nullcontext(),
            self._turns.walking(planned.slice.position),
        ):
            return self._settle(planned)

    def wait_for_turn(self, piece: Slice) -> None:
        """Before a page is asked for: to slices before this one, while there is not enough for all."""
        since = self.client.clock.now()
        while not (self._turns.has_turn(piece.position, since) or self.stopped()):
            self.client.clock.sleep(self.client.pace.distance_s)

    def _settle(self, planned: Planned) -> list[Planned]:
        piece, lost = planned.slice, Lost()
        while True:
            walking = self._resume(piece) or self._begin(piece)
            end = walking.go()
            tell("walk", slice=piece.number, route=piece.route, end=type(end).__name__)
            match end:
                case Done(how):
                    parts = self._tallied(planned, walking, how, lost)
                    if parts is not None:
                        return parts
                case Narrow(reason):
                    return self._narrow(planned, walking, reason)
                case Again(reason):
                    lost.attempts += 1
                    if lost.attempts >= LOST_MAX:
                        self._short(
                            planned, walking, f"{lost.attempts} attempts were lost, the last one since {reason}"
                        )
                        return []
                    self.meter.note(f"{piece}: {reason}; beginning again")
                    walking.abandon(reason)

    def _tallied(self, planned: Planned, walking: Walking, how: str, lost: Lost) -> list[Planned] | None:
        """Judge a walk that reached its end: None means that it has to be walked again."""
        sums = walking.sums
        trusted = planned.slice.route == "pages" or self._reaches(walking.attempt, planned.slice)
        decision = decide(sums, how, lost.ids, lost.rereads) if trusted else "accept"
        if decision == "accept":
            lake = walking.lake
            settled = lake if planned.slice.route == "cursor" else self._horizon()
            verdict = judge(sums, how, as_of=walking.as_of, lake=lake, settled=settled)
            self._record(planned, walking, verdict)
            return []
        lost.ids = sums.digests | (lost.ids or frozenset())
        lost.rereads += 1
        if decision == "narrow":
            return self._narrow(planned, walking, f"each of {lost.rereads} readings brought other rows")
        self.meter.note(f"{planned.slice}: counts and rows disagree; reading it again")
        walking.abandon("counts and rows disagree")
        return None

    def _horizon(self) -> datetime | None:
        return self.run.horizon.watermark if self.run.horizon.known else None

    def _reaches(self, attempt: Attempt, piece: Slice) -> bool:
        return attempt.watermark is not None and attempt.watermark >= piece.interval.end

    def _narrow(self, planned: Planned, walking: Walking, reason: str) -> list[Planned]:
        siblings = sum(1 for other in self.ledger.slices(self.run) if other.part == planned.part)
        parts = narrower(planned.slice) if siblings < CUTS_MAX else []
        if not parts:
            self._short(planned, walking, f"{reason}, and smaller slices do not help")
            return []
        self.meter.note(f"{planned.slice}: {reason}; taking smaller slices")
        walking.abandon(reason)
        return self.ledger.cut(self.run, planned, parts)

    def _short(self, planned: Planned, walking: Walking, why: str) -> None:
        self.meter.note(f"{planned.slice} is short: {why}")
        self._record(planned, walking, shortfall(walking.sums, why, walking.as_of))

    def _record(self, planned: Planned, walking: Walking, verdict: Verdict) -> None:
        self.ledger.end_attempt(walking.attempt, "ended", verdict.why)
        inside = {text: iso(start) for text, start in walking.sums.foreign.items() if start in self.run.interval}
        ids = walking.sums.digests
        self.ledger.settle(self.run, planned.slice.number, walking.attempt.id, verdict.dump(), ids, inside)
        tell("verdict", slice=planned.slice.number, **asdict(verdict))
        self.meter.done()

    def _begin(self, piece: Slice) -> Walking:
        lake = self.lake.read() if piece.route == "cursor" else None
        attempt = self.ledger.begin_attempt(self.run, piece, self.client.server_now(), lake)
        walk = self._walk(piece)
        return Walking(self, piece, walk, attempt, walk.first(piece))

    def _resume(self, piece: Slice) -> Walking | None:
        """Go on with what an earlier process left, if it is still worth anything."""
        attempt = self.ledger.open_attempt(self.run, piece)
        if attempt is None:
            return None
        kept, _ = self.ledger.recover(attempt, piece)
        stale = piece.route == "pages" and self.client.server_now() - attempt.began > PAGES_FRESH_S
        if stale or not kept:
            self.ledger.end_attempt(attempt, "lost", "left too long" if stale else "nothing was kept")
            return None
        walk = self._walk(piece)
        walking = Walking(self, piece, walk, attempt, None)
        walking.catch_up(kept)
        return walking

    def _walk(self, piece: Slice) -> Walk:
        if piece.route == "pages":
            return PagesWalk(self.query, self._rows(PAGE_ROWS_MAX, PAGE_ROWS_MAX))
        return CursorWalk(self.query, self._rows(JOB_PAGE_ROWS, JOB_PAGE_ROWS_MAX))

    def _rows(self, usual: int, largest: int) -> int:
        """The page size asked for, as far as the API goes along."""
        asked = self.page_size or usual
        if asked > largest:
            self.meter.note(
                f"a page size of {asked:,} is more than the API gives; {largest:,} is used where that is the most"
            )
        return min(asked, largest)


class Walking:
    """One attempt under way: the walk's next step, the pages kept, the account so far."""

    def __init__(self, settler: Settler, piece: Slice, walk: Walk, attempt: Attempt, step: Step | None) -> None:
        self.attempt = attempt
        self.sums = Account(piece, from_unix(attempt.began), settler.unknown)
        self._settler = settler
        self._walk = walk
        self._step = step
        self._behind: list[Request] = []

    @property
    def as_of(self) -> datetime:
        """How fresh the rows are: when they were asked for, or how far the lake reached before that."""
        if self.sums.piece.route == "pages":
            return self.sums.now
        return self.lake or self.sums.watermark or self.sums.now - LAG_ASSUMED

    @property
    def lake(self) -> datetime | None:
        """How far the lake reached: as it said before the job was submitted, or less, if the results say less."""
        known = self.attempt.watermark
        return min(known, self.sums.watermark or known) if known else None

    def go(self) -> Done | Narrow | Again:
        assert self._step is not None
        settler = self._settler
        return drive(
            self._walk,
            self._step,
            send=self._send,
            keep=self._keep,
            sleep=settler.client.clock.sleep,
            made=list(self._behind),
        )

    def _send(self, request: Request) -> Answer:
        if request.kind in READS:
            self._settler.wait_for_turn(self.sums.piece)
        if self._settler.stopped():
            raise Interrupted("the run was stopped")
        return self._settler.client.send(self._walk.call(request))

    def catch_up(self, kept: list[Kept]) -> None:
        """Take in what an earlier process kept; the next request follows from the last of it."""
        for number, page in enumerate(kept):
            answer = self._settler.ledger.answer(self.attempt, page)
            self._take(number, page.request, answer)
        self._step = self._walk.after(kept[-1].request, answer)

    def abandon(self, reason: str) -> None:
        """Give the attempt up, with the courtesy of deleting its job."""
        self._settler.ledger.end_attempt(self.attempt, "lost", reason)
        job = next((request.job for request in reversed(self._behind) if request.job), "")
        if job and self._behind[-1].kind in ("poll", "results", "submit"):
            try:
                call = self._walk.call(Request(self.sums.piece, "delete", job=job))
                self._settler.client.send(call)
            except ApiError:
                pass  # it expires by itself

    def _keep(self, request: Request, answer: Answer) -> None:
        self._settler.ledger.add(self.attempt, len(self._behind), request, answer)
        self._take(len(self._behind), request, answer)

    def _take(self, number: int, request: Request, answer: Answer) -> None:
        before = len(self.sums.log)
        self.sums.take(number, request, answer)
        self._behind.append(request)
        if request.kind in READS:
            self._settler.meter.page(len(self.sums.log) - before)
