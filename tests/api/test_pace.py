"""The pace, in simulated time, against a server with fixed windows of 60 seconds; and the turns."""

import itertools

import pytest
from tests.simulation.backfill import NOW, Moment

from lastpage.api.pace import TURN_S_MAX, Pace, Position, Turns
from lastpage.clock import SimClock
from lastpage.planning.slices import Slice
from lastpage.query.interval import DAY, Interval


class Windows:
    """A server's allowance: a fixed window that begins with the first request after the last one's end."""

    def __init__(
        self, clock: SimClock, allowed: int, *, headers: bool = True, offset: float = 0.0
    ) -> None:
        self.clock, self.allowed, self.headers = clock, allowed, headers
        self.began, self.count, self.refused, self.served = clock.now() - offset, 0, 0, 0

    def take(self, requests: int = 1) -> dict[str, str]:
        now = self.clock.now()
        while now - self.began >= 60:
            self.began, self.count = self.began + 60, 0
        self.count += requests
        self.refused += self.count > self.allowed
        self.served += self.count <= self.allowed
        reset = max(int(self.began + 60 - now) + 1, 1)
        names = ("count", "allowed", "reset")
        return (
            {
                f"inin-ratelimit-{name}": str(value)
                for name, value in zip(names, (self.count, self.allowed, reset), strict=True)
            }
            if self.headers
            else {}
        )


def drive(server: Windows, pace: Pace, minutes: float, others_every_s: float | None = None) -> int:
    """Send for so many minutes as fast as the pace allows; another program takes one request every so often."""
    clock = server.clock
    end = clock.now() + minutes * 60
    next_other = clock.now()
    sent = 0
    while clock.now() < end:
        number = pace.wait()
        while others_every_s and next_other <= clock.now():
            server.take()
            next_other += others_every_s
        pace.learn(server.take(), number)
        sent += 1
    return sent


@pytest.mark.invariant("Sharing the API")
@pytest.mark.parametrize("offset", [0.0, 13.0, 59.0])
@pytest.mark.parametrize("allowed", [300, 180, 600])
def test_alone(allowed: int, offset: float) -> None:
    """At least 95 % of the allowance is used, and no request is one too many."""
    clock = SimClock(1000.0)
    server = Windows(clock, allowed, offset=offset)
    sent = drive(server, Pace(clock), 30)
    assert server.refused == 0
    assert sent >= 0.95 * allowed * 30 - 300


def test_without_headers() -> None:
    """Without headers the documented limit is kept, with a margin."""
    clock = SimClock(1000.0)
    server = Windows(clock, 300, headers=False, offset=31.0)
    sent = drive(server, Pace(clock), 30)
    assert server.refused == 0
    assert sent >= 0.95 * 300 * 30


@pytest.mark.invariant("Sharing the API")
def test_with_others() -> None:
    """If another program uses a third of the allowance, the rest is used and nothing is refused."""
    clock = SimClock(1000.0)
    server = Windows(clock, 300)
    sent = drive(server, Pace(clock), 30, others_every_s=0.6)
    assert server.refused == 0
    assert sent >= 0.95 * 200 * 30


def test_spread_not_burst() -> None:
    """Requests are spread while nothing is known, but for a login and what it is for; those behind them wait for both."""
    clock = SimClock(1000.0)
    pace = Pace(clock)
    moments = []
    for _ in range(100):
        pace.wait()
        moments.append(clock.now())
    assert moments[0] == moments[1] <= moments[2] - 2 * 0.19
    assert min(b - a for a, b in itertools.pairwise(moments[1:])) >= 0.19


def test_a_share() -> None:
    """`requests_per_minute` is an upper bound of our own."""
    clock = SimClock(1000.0)
    server = Windows(clock, 300)
    assert 55 * 10 <= drive(server, Pace(clock, requests_per_minute=60), 10) <= 60 * 10


def test_hold() -> None:
    """After a 429 all threads wait."""
    clock = SimClock(1000.0)
    pace = Pace(clock)
    pace.hold(17)
    pace.wait()
    assert clock.now() >= 1017


def test_an_allowance_without_end() -> None:
    """With a very large allowance the pace costs nothing."""
    clock = SimClock(1000.0)
    server = Windows(clock, 6_000_000)
    pace = Pace(clock)
    for _ in range(1000):
        number = pace.wait()
        pace.learn(server.take(), number)
    assert clock.now() < 1001


def test_used_up() -> None:
    """When nothing is left of a window, the next request goes out with the next window."""
    clock = SimClock(1000.0)
    pace = Pace(clock)
    pace.learn(
        {
            "inin-ratelimit-count": "300",
            "inin-ratelimit-allowed": "300",
            "inin-ratelimit-reset": "40",
        },
        pace.wait(),
    )
    pace.wait()
    assert 1040 <= clock.now() <= 1041


@pytest.mark.parametrize("value", ["", "many", "-1", "0"])
def test_nonsense_headers(value: str) -> None:
    """Headers that make no sense teach nothing."""
    pace = Pace(SimClock(1000.0))
    pace.learn(
        {
            "inin-ratelimit-allowed": value,
            "inin-ratelimit-count": value,
            "inin-ratelimit-reset": value,
        },
        1,
    )
    assert pace.per_minute == 300


# Turns ------------------------------------------------------------------------------------------

BEGUN = 1000.0


def position(number: int, day: int) -> Position:
    whole = Interval(NOW + day * DAY, NOW + (day + 1) * DAY)
    return Slice(number, whole, whole, "cursor", "test").position


EARLY, LATE = position(1, 1), position(2, 5)


def queueing() -> tuple[Moment, Pace, Turns]:
    """A moment at which other requests already wait."""
    clock = Moment(BEGUN)
    pace = Pace(clock)
    for _ in range(3):
        pace.take()
    return clock, pace, Turns(pace, clock)


def test_the_earliest_goes_first() -> None:
    """While requests wait, only the earliest slice may ask; once it is done, the next one may."""
    _, _, turns = queueing()
    with turns.walking(LATE):
        with turns.walking(EARLY):
            assert turns.has_turn(EARLY, BEGUN)
            assert not turns.has_turn(LATE, BEGUN)
        assert turns.has_turn(LATE, BEGUN)


def test_slack() -> None:
    """When no request waits, every slice may ask; while all threads are held, later slices may not."""
    clock, pace, turns = queueing()
    with turns.walking(EARLY), turns.walking(LATE):
        clock.at += 1.0
        assert turns.has_turn(LATE, clock.at)
        pace.hold(30.0)
        assert not turns.has_turn(LATE, clock.at)


def test_no_slice_waits_for_long() -> None:
    """A cursor may expire, so after a few seconds a later slice may ask like the first."""
    clock, pace, turns = queueing()
    with turns.walking(EARLY), turns.walking(LATE):
        pace.hold(60.0)
        clock.at += TURN_S_MAX - 0.1
        assert not turns.has_turn(LATE, BEGUN)
        clock.at += 0.2
        assert turns.has_turn(LATE, BEGUN)


def test_parts_stand_where_their_whole_stood() -> None:
    """Parts of an early slice have high numbers, and are early all the same."""
    _, _, turns = queueing()
    part = position(9, 0)
    with turns.walking(EARLY), turns.walking(part):
        assert turns.has_turn(part, BEGUN)
        assert not turns.has_turn(EARLY, BEGUN)
