"""A long backfill in simulated time: the real planner, walks and pace, as many jobs at once as lastpage keeps, a server of numbers.

Events are kept in a queue of moments; nothing sleeps. A worker asks the pace for its moment, sends, and hears the answer 300 ms
later. The server counts requests in fixed windows of 60 seconds, as docs/api.md, 8 supposes, and refuses what is too much.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from lastpage.api.messages import Answer
from lastpage.api.pace import Pace, Turns
from lastpage.extraction.settling import JOBS_MAX
from lastpage.planning.planner import requests_of
from lastpage.planning.slices import Horizon, Slice, plan
from lastpage.query.interval import DAY, Interval
from lastpage.query.query import Query
from lastpage.walks.cursor import CursorWalk
from lastpage.walks.polls import Jobs
from lastpage.walks.walk import Done, Request

NOW = datetime(2023, 10, 20, tzinfo=UTC)
PER_DAY = 20_000
ROWS = 1_000
WINDOW_S = 60.0
#: The records of every page: only how many there are matters here.
RECORDS = msgspec.Raw(
    msgspec.json.encode(
        [{"conversationId": "one", "conversationStart": "2023-10-10T10:00:00.000Z"}] * ROWS
    )
)


@dataclass
class Moment:
    """A clock that does not sleep."""

    at: float = 0.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        raise AssertionError("what sleeps has a moment of its own in the queue")

    def stop(self) -> None:
        pass


@dataclass
class Backfill:
    """So many days, read by jobs that take `job_s` each; another program takes `others` requests a minute."""

    days: int
    job_s: float = 30.0
    allowed: int = 300
    headers: bool = True
    others: int = 0
    #: Requests that another program sends all at once, after five minutes.
    burst: int = 0
    latency_s: float = 0.3
    #: Requests a minute that are ours, if not all.
    share: int | None = None
    clock: Moment = field(default_factory=Moment)
    sent: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    #: When the last slice was taken: until then there is work for everybody.
    busy_until: float = 0.0
    sent_while_busy: int = 0
    #: When each slice was done.
    ends: dict[int, float] = field(default_factory=dict)
    #: The longest time between two pages of one slice.
    longest_gap_s: float = 0.0

    def __post_init__(self) -> None:
        self.pace = Pace(self.clock, self.share)
        self._turns = Turns(self.pace, self.clock)
        self._under_way: dict[int, AbstractContextManager[None]] = {}
        self._window = (0.0, 0)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._done_at: dict[str, float] = {}
        self._read: Counter[str] = Counter()
        self._asked_at: dict[str, float] = {}
        self._rows: dict[str, int] = {}
        self._jobs = Jobs()
        self._walks: dict[int, CursorWalk] = {}
        self._made: dict[int, list[Request]] = {}

    def run(self) -> Backfill:
        query = Query(Interval(NOW - self.days * DAY, NOW))
        slices = self._plan(query)
        self._todo: Iterator[Slice] = iter(slices)
        self._query = query
        with self._turns.planned({each.position: requests_of(each) for each in slices}):
            for _ in range(JOBS_MAX):
                self._take()
            if self.others:
                self._at(0.0, self._other)
            if self.burst:
                self._at(300.0, self._burst)
            while self._events and not self._idle():
                self.clock.at, _, happens = heapq.heappop(self._events)
                happens()
        return self

    @property
    def pages(self) -> int:
        return self.sent["results"]

    @property
    def requests(self) -> int:
        return sum(self.sent.values())

    def used(self) -> float:
        """The share of what others leave of the allowance that was used while there was work."""
        return self.sent_while_busy / ((self.allowed - self.others) * self.busy_until / 60)

    def _plan(self, query: Query) -> list[Slice]:
        assert isinstance(query.interval, Interval)
        planner = plan(query, query.interval, Horizon(NOW, NOW))
        try:
            probe = next(planner)
            while True:
                self.clock.at += self.pace.take()
                number = self.pace.go()
                self.clock.at += self.latency_s
                self.pace.learn(self._serve("probe"), number)
                probe = planner.send(int(PER_DAY * (probe.interval.length / DAY)))
        except StopIteration as end:
            slices: list[Slice] = end.value
            return slices

    def _take(self) -> None:
        piece = next(self._todo, None)
        if piece is None:
            self.busy_until = self.busy_until or self.clock.at
            return
        self._under_way[piece.number] = self._turns.walking(piece.position)
        self._under_way[piece.number].__enter__()
        walk = CursorWalk(self._query, ROWS, self._jobs.quiet_s(piece.expected))
        self._walks[piece.number], self._made[piece.number] = walk, []
        self._ask(walk.first(piece))

    def _ask(self, request: Request) -> None:
        if request.wait_s:
            self._at(self.clock.at + request.wait_s, lambda: self._queue(request))
        else:
            self._queue(request)

    def _queue(self, request: Request, since: float | None = None) -> None:
        since = self.clock.at if since is None else since
        if request.kind == "results" and not self._turns.has_turn(request.slice.position, since):
            self._at(self.clock.at + self.pace.distance_s, lambda: self._queue(request, since))
            return
        self._at(self.clock.at + self.pace.take(), lambda: self._send(request))

    def _send(self, request: Request) -> None:
        number = self.pace.go()
        headers = self._serve(request.kind)
        if request.kind == "results":
            before = self._asked_at.get(request.job, self.clock.at)
            self.longest_gap_s = max(self.longest_gap_s, self.clock.at - before)
            self._asked_at[request.job] = self.clock.at
        self._at(self.clock.at + self.latency_s, lambda: self._hear(request, headers, number))

    def _hear(self, request: Request, headers: dict[str, str], number: int) -> None:
        self.pace.learn(headers, number)
        self._turns.asked(request.slice.position)
        self._made[request.slice.number].append(request)
        step = self._walks[request.slice.number].after(request, self._answer(request))
        if isinstance(step, Request):
            self._ask(step)
        else:
            assert isinstance(step, Done)
            self.ends[request.slice.number] = self.clock.at
            self._under_way.pop(request.slice.number).__exit__(None, None, None)
            self._jobs.add(self._made.pop(request.slice.number))
            self._take()

    def _serve(self, kind: str) -> dict[str, str]:
        self.sent[kind] += 1
        if not self.busy_until:
            self.sent_while_busy += 1
        count = self._count()
        self.refused += count > self.allowed
        if not self.headers:
            return {}
        reset = int(self._window[0] + WINDOW_S - self.clock.at) + 1
        facts = {"count": count, "allowed": self.allowed, "reset": reset}
        return {f"inin-ratelimit-{name}": str(value) for name, value in facts.items()}

    def _count(self) -> int:
        began, count = self._window
        if self.clock.at - began >= WINDOW_S:
            began, count = self.clock.at, 0
        self._window = (began, count + 1)
        return count + 1

    def _other(self) -> None:
        self._count()
        self._at(self.clock.at + 60.0 / self.others, self._other)

    def _burst(self) -> None:
        for _ in range(self.burst):
            self._count()

    def _answer(self, request: Request) -> Answer:
        job = request.job
        match request.kind:
            case "submit":
                job = f"job-{next(self._numbers)}"
                self._done_at[job] = self.clock.at + self.job_s
                self._rows[job] = int(PER_DAY * (request.slice.interval.length / timedelta(days=1)))
                body: object = {"jobId": job}
            case "poll":
                body = {"state": "FULFILLED" if self.clock.at >= self._done_at[job] else "PENDING"}
            case "results":
                self._read[job] += ROWS
                more = {"cursor": f"{self._read[job]}"} if self._read[job] < self._rows[job] else {}
                body = {"conversations": RECORDS, **more}
            case _:
                body = {"totalHits": 0}
        return Answer(200, {}, msgspec.json.encode(body))

    def _at(self, moment: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._numbers), happens))

    def _idle(self) -> bool:
        """Whether only the other program is still at work."""
        return bool(self.busy_until) and all(
            happens == self._other for _, _, happens in self._events
        )
