"""The pace against windows, in simulated time: nothing is waited for that nobody needs, and no request is one too many.

The server counts with the sandbox's own limiter. Callers take turns in a queue of moments; nothing sleeps.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.simulation.backfill import Moment

from lastpage.api.pace import WATCH_S, WINDOW_S, Pace, Share
from lastpage_sandbox.limiter import Limiter

#: A whole number of windows after which an offset is how much of a window has passed.
BEGUN = 6000.0


class Grid(Limiter):
    """Windows that follow each other without a pause, where the sandbox's begin with a request."""

    def _roll(self, now: float) -> None:
        if now - self._began >= self._window_s:
            self._began, self._count = now - now % self._window_s, 0


KINDS = {"sandbox": Limiter, "grid": Grid}


@dataclass
class Scene:
    """So many callers, each of which waits for its answer, at a moment of the server's window; and others with the same client."""

    callers: int = 1
    allowed: int = 300
    window_s: float = 60.0
    #: How much of the server's window has passed when the first request goes out.
    offset: float = 0.0
    kind: str = "sandbox"
    headers: bool = True
    latency: Callable[[], float] = lambda: 0.3
    #: Seconds between the requests of another program, which never stops.
    others_s: float = 0.0
    paced: bool = True
    share: float | None = None
    clock: Moment = field(default_factory=lambda: Moment(BEGUN))
    #: When requests of ours arrived; how many of ours, and of others, were refused.
    arrived: list[float] = field(default_factory=list)
    refused: int = 0
    refused_others: int = 0

    def __post_init__(self) -> None:
        self.pace = Pace(self.clock, self.share)
        self._limiter = KINDS[self.kind](round(self.allowed * 60 / self.window_s), self.window_s)
        self._limiter.take(0, BEGUN - self.offset)
        self._numbers = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._left = 0
        if self.others_s:
            self._at(self.clock.at - self.offset, self._other)
            self._run(until=self.clock.at)

    def send(self, requests: int, *, until: float = float("inf"), told: bool = True) -> float:
        """Send so many, as fast as the pace lets us; returns the seconds that it took. The pace is told how many, or is not."""
        begun, self._left = self.clock.at, requests
        if told:
            self.pace.plan(requests)
        for _ in range(self.callers):
            self._ask(told)
        self._run(until)
        if told:
            self.pace.plan(-self._left)
        return self.clock.at - begun

    def opened(self) -> Scene:
        """After the first request, of which a client waits for the answer before there is work for more."""
        callers, self.callers = self.callers, 1
        self.send(1, told=False)
        self.callers = callers
        return self

    def most(self, seconds: float) -> int:
        """The most requests of ours in any stretch of so many seconds."""
        most = first = 0
        for last, moment in enumerate(self.arrived):
            while self.arrived[first] <= moment - seconds:
                first += 1
            most = max(most, last - first + 1)
        return most

    def _run(self, until: float = float("inf")) -> None:
        while self._events and self._events[0][0] <= until:
            is_done = self._left == 0 and all(each == self._other for *_, each in self._events)
            if is_done and until == float("inf"):
                break
            self.clock.at, _, happens = heapq.heappop(self._events)
            happens()

    def _at(self, moment: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._numbers), happens))

    def _ask(self, told: bool) -> None:
        if not self._left:
            return
        self._left -= 1
        pause_s = self.pace.take()
        self._at(self.clock.at + (pause_s if self.paced else 0.0), lambda: self._arrive(told))

    def _arrive(self, told: bool) -> None:
        number = self.pace.go()
        self.arrived.append(self.clock.at)
        over = self._limiter.count(self.clock.at)
        self.refused += over is not None
        headers = self._limiter.headers(self.clock.at) if self.headers else {}
        self._at(self.clock.at + self.latency(), lambda: self._hear(headers, number, told))

    def _hear(self, headers: dict[str, str], number: int, told: bool) -> None:
        self.pace.learn(headers, number)
        if told:
            self.pace.plan(-1)
        self._ask(told)

    def _other(self) -> None:
        self.refused_others += self._limiter.count(self.clock.at) is not None
        self._at(self.clock.at + self.others_s, self._other)


ENDLESS = 100_000
#: Where a server's windows begin relative to ours, second by second, and how they do.
OFFSETS = range(60)


# At once -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("window_s", [30.0, 60.0, 120.0])
@pytest.mark.parametrize("callers", [1, 6])
def test_what_fits_takes_no_longer(callers: int, window_s: float) -> None:
    """12,000 conversations by page numbers fit into a window: they take as long as with no pace at all."""
    pages = 12_000 // 100 + 1
    took, least = (
        Scene(callers, window_s=window_s, paced=paced).opened().send(pages)
        for paced in (True, False)
    )
    assert took <= 1.05 * least


def test_what_fits_behind_what_did_not() -> None:
    """The end of a long run, once it fits into what its window has left, is not spread."""
    scene = Scene(callers=6)
    scene.send(700)
    assert scene.refused == 0
    assert scene.clock.at - BEGUN < 2 * WINDOW_S + 25.0


def test_a_second_job_in_the_same_window() -> None:
    """What the first one left is what there is: the rest of it is used, and nothing is refused."""
    scene = Scene(callers=6)
    first, second = scene.send(150), scene.send(130)
    assert first + second < 20.0
    third = scene.send(130)
    assert third > 20.0
    assert scene.refused == 0


def test_a_share_is_never_exceeded() -> None:
    """With a share of our own, what fits is spread all the same."""
    scene = Scene(share=60)
    assert scene.send(30) >= 28.0
    assert scene.most(60.0) <= 60


def test_without_headers_nothing_is_at_once() -> None:
    """Nobody knows what is left of a window of which no answer tells."""
    scene = Scene(callers=6, headers=False)
    scene.send(100)
    assert scene.most(1.0) <= 7


def test_what_comes_before_a_plan() -> None:
    """The first requests of a command are not spread, and those that nobody planned after them are; no window has more for it."""
    scene = Scene(latency=lambda: 0.05)
    opening = scene.send(30, told=False)
    assert opening < 3.0
    scene.send(ENDLESS, told=False, until=BEGUN + 300)
    assert scene.refused == 0
    assert scene.most(WINDOW_S) <= 300


# No request is one too many ----------------------------------------------------------------------


@pytest.mark.invariant("Sharing the API")
@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("callers", [1, 6])
@pytest.mark.parametrize("kind", KINDS)
def test_any_sixty_seconds(kind: str, callers: int, told: bool) -> None:
    """Whoever draws all they can from the first request on sends no more than the allowance in any stretch of 60 seconds, wherever the server's windows begin."""
    for offset, (allowed, headers) in itertools.product(OFFSETS, ((60, True), (300, False))):
        scene = Scene(callers, allowed, kind=kind, headers=headers, offset=offset).opened()
        scene.send(ENDLESS, until=BEGUN + 200, told=told)
        assert scene.refused == 0, (offset, headers)
        assert scene.most(WINDOW_S) <= allowed, (offset, headers)


@pytest.mark.invariant("Sharing the API")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("job", [40, 250, 290])
def test_any_window(job: int, kind: str) -> None:
    """Jobs that fit go out at once, one after the other; no window of the server has more than its allowance, wherever it begins."""
    for offset in OFFSETS:
        scene = Scene(6, kind=kind, offset=offset)
        for _ in range(1500 // job):
            scene.send(job)
        assert scene.refused == 0, offset


@pytest.mark.parametrize("window_s", [30.0, 120.0])
def test_windows_of_another_length(window_s: float) -> None:
    """How long windows are is what the server says: all of the allowance is used, and no more."""
    scene = Scene(6, window_s=window_s)
    scene.send(ENDLESS, until=BEGUN + 20 * window_s)
    assert scene.refused == 0
    assert len(scene.arrived) >= 0.95 * 300 * 19
    assert scene.pace.per_minute == 300 * 60 / window_s


def test_one_late_answer_makes_no_short_window() -> None:
    """An answer that took seconds tells of an end that is over; that is no window of a second."""
    scene = Scene(6)
    scene.send(ENDLESS, until=BEGUN + 59.9)
    late = scene._limiter.headers(BEGUN + 59.5)
    for scene.clock.at in (BEGUN + 61.5, BEGUN + 63.0, BEGUN + 64.5, BEGUN + 66.0):
        scene.pace.learn(late, len(scene.arrived))
    assert scene.pace.per_minute == 300


@given(
    callers=st.integers(1, 12),
    allowed=st.sampled_from([20, 60, 180, 300]),
    window_s=st.sampled_from([30.0, 60.0, 120.0]),
    offset=st.floats(0, 120),
    kind=st.sampled_from(sorted(KINDS)),
    jobs=st.lists(st.tuples(st.integers(1, 500), st.booleans()), min_size=1, max_size=6),
    slowest=st.floats(0.01, 8.0),
    seed=st.integers(0, 1000),
)
@settings(max_examples=100, deadline=None)
@pytest.mark.invariant("Sharing the API")
def test_no_request_is_one_too_many(
    callers: int,
    allowed: int,
    window_s: float,
    offset: float,
    kind: str,
    jobs: list[tuple[int, bool]],
    slowest: float,
    seed: int,
) -> None:
    """Whatever is planned, or is not, however slow answers are and in whatever order they come: nothing of ours is refused."""
    drawn = random.Random(seed)
    scene = Scene(
        callers, allowed, window_s, offset, kind, latency=lambda: drawn.uniform(0.01, slowest)
    )
    for requests, told in jobs:
        scene.send(requests, told=told)
    assert scene.refused == 0


# Others ------------------------------------------------------------------------------------------


@pytest.mark.invariant("Sharing the API")
@pytest.mark.parametrize("others_s", [0.6, 1.0])
@pytest.mark.parametrize("offset", [0.0, 20.0, 50.0])
def test_the_share_of_others_is_left(offset: float, others_s: float) -> None:
    """Another program with the same client is not shut out by what fits; it gets all that it got before."""
    scene = Scene(6, others_s=others_s, offset=offset)
    for _ in range(6):
        scene.send(150)
    assert (scene.refused, scene.refused_others) == (0, 0)


def test_what_is_left_by_others_is_used() -> None:
    """Once they have been watched, what is theirs is known, and what fits beside it goes out at once."""
    scene = Scene(6, others_s=1.0)
    scene.send(ENDLESS, until=BEGUN + 61.0)
    scene._events = [each for each in scene._events if each[2] == scene._other]
    assert scene.send(100) < 15.0
    assert scene.refused == scene.refused_others == 0


def test_strangers_in_the_window() -> None:
    """Who finds a window half used by somebody leaves them as much of the rest, until they have been watched."""
    scene = Scene(1, others_s=0.3, offset=30.0)
    scene.send(60)
    assert scene.clock.at - BEGUN >= WATCH_S
    assert scene.refused_others == 0


def test_two_processes_at_once() -> None:
    """Two that begin at the same moment with as much planned as fits once: neither is refused anything."""
    scene = Scene(6)
    other = Scene(6, clock=scene.clock)
    other._limiter, other._events, other._numbers = scene._limiter, scene._events, scene._numbers
    for each in (scene, other):
        each._left = 200
        each.pace.plan(200)
        for _ in range(each.callers):
            each._ask(True)
    while scene._events:
        scene.clock.at, _, happens = heapq.heappop(scene._events)
        happens()
    assert scene.refused == other.refused == 0
    assert len(scene.arrived) + len(other.arrived) == 400


# A share -----------------------------------------------------------------------------------------


def together(scenes: Sequence[Scene], until: float, begin: Sequence[float] = ()) -> None:
    """Several processes with one client: all send what they may until then, each after so many seconds."""
    first = scenes[0]
    for each in scenes[1:]:
        each._limiter, each._events, each._numbers = first._limiter, first._events, first._numbers
    for number, each in enumerate(scenes):
        each._left = ENDLESS
        each.pace.plan(ENDLESS)
        for _ in range(each.callers):
            later = begin[number] if begin else 0.0
            each._at(BEGUN + later, partial(each._ask, True))
    while first._events and first._events[0][0] <= until:
        first.clock.at, _, happens = heapq.heappop(first._events)
        happens()


@pytest.mark.invariant("Several processes")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("before", [0, 20, 200])
@pytest.mark.parametrize("processes", [2, 4, 8])
def test_processes_that_share_the_allowance(processes: int, before: int, kind: str) -> None:
    """Processes that were each told of the others take nearly all of the allowance together, and nothing of theirs is refused, wherever a window begins and whatever a plan has taken of it."""
    for offset in range(0, 60, 7):
        clock = Moment(BEGUN)
        latency = partial(random.Random(offset).uniform, 0.05, 0.9)
        scenes = [
            Scene(2, kind=kind, offset=offset, clock=clock, latency=latency)
            for _ in range(processes)
        ]
        scenes[0]._limiter.take(before, BEGUN)
        with ExitStack() as shares:
            for each in scenes:
                shares.enter_context(each.pace.shared(Share(processes)))
            together(scenes, until=BEGUN + 300)
        assert sum(each.refused for each in scenes) == 0, offset
        late = sum(BEGUN + 120 <= at < BEGUN + 300 for each in scenes for at in each.arrived)
        assert late >= 0.9 * 3 * 300, offset


@given(
    processes=st.integers(2, 8),
    callers=st.integers(1, 6),
    allowed=st.sampled_from([180, 300]),
    before=st.integers(0, 300),
    offset=st.floats(0, 60),
    kind=st.sampled_from(sorted(KINDS)),
    slowest=st.floats(0.01, 8.0),
    begins=st.floats(0, 30),
    seed=st.integers(0, 1000),
)
@example(6, 6, 300, 45, 48.82, "grid", 2.4844611825639014, 9.660984128497143, 5149)
@settings(max_examples=25, deadline=None)
@pytest.mark.invariant("Several processes")
def test_no_request_of_a_process_is_one_too_many(
    processes: int,
    callers: int,
    allowed: int,
    before: int,
    offset: float,
    kind: str,
    slowest: float,
    begins: float,
    seed: int,
) -> None:
    """However many processes share the allowance, whenever each begins, however slow answers are: nothing of theirs is refused."""
    drawn, clock = random.Random(seed), Moment(BEGUN)
    latency = partial(drawn.uniform, 0.01, slowest)
    scenes = [
        Scene(callers, allowed, offset=offset, kind=kind, latency=latency, clock=clock)
        for _ in range(processes)
    ]
    # What each asks before it has heard of a window has to fit.
    scenes[0]._limiter.take(min(before, max(allowed - 14 * processes, 0)), BEGUN)
    with ExitStack() as shares:
        for each in scenes:
            shares.enter_context(each.pace.shared(Share(processes)))
        together(scenes, BEGUN + 150, [drawn.uniform(0, begins) for _ in scenes])
    assert sum(each.refused for each in scenes) == 0


def test_a_share_of_a_share() -> None:
    """Of a fixed number of requests a minute each process takes its part; the smallest share of what is under way counts, and ends with it."""
    scene = Scene(share=120)
    with scene.pace.shared(Share(4)), scene.pace.shared(Share(2, 80)):
        assert scene.pace.per_minute == 20
        assert scene.send(10) >= 9 * 60 / 20 - 3.0
    assert scene.pace.per_minute == 120


def test_a_share_follows_the_allowance() -> None:
    """What a process takes is a part of what the API allows, as its headers say."""
    scene = Scene(allowed=600)
    with scene.pace.shared(Share(3)):
        scene.send(1)
        assert scene.pace.per_minute == 200
