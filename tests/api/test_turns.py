"""The earliest of the walks under way goes first; the others take what is left, and none waits for long."""

from tests.simulation.backfill import NOW, Moment

from lastpage.api.pace import TURN_S_MAX, Pace, Position, Turns
from lastpage.planning.slices import Slice
from lastpage.query.interval import DAY, Interval

BEGUN = 1000.0


def piece(number: int, day: int) -> Position:
    whole = Interval(NOW + day * DAY, NOW + (day + 1) * DAY)
    return Slice(number, whole, whole, "cursor", "test").position


EARLY, LATE = piece(1, 1), piece(2, 5)


def queueing() -> tuple[Moment, Pace, Turns]:
    """A moment at which others stand in line already."""
    clock = Moment(BEGUN)
    pace = Pace(clock)
    for _ in range(3):
        pace.wait()
    return clock, pace, Turns(pace, clock)


def test_the_earliest_goes_first() -> None:
    """Where others stand in line only the earliest slice joins them, whoever came first; once it is done, the next one."""
    _, _, order = queueing()
    with order.walking(LATE):
        with order.walking(EARLY):
            assert order.has_turn(EARLY, BEGUN)
            assert not order.has_turn(LATE, BEGUN)
        assert order.has_turn(LATE, BEGUN)


def test_slack() -> None:
    """As time goes on the line is gone, and everybody may ask; while all have to wait, nobody else does."""
    clock, pace, order = queueing()
    with order.walking(EARLY), order.walking(LATE):
        clock.at += 1.0
        assert order.has_turn(LATE, clock.at)
        pace.hold(30.0)
        assert not order.has_turn(LATE, clock.at)


def test_nobody_gives_way_for_long() -> None:
    """A cursor that has been opened may end: after a few seconds a later slice goes like the first."""
    clock, pace, order = queueing()
    with order.walking(EARLY), order.walking(LATE):
        pace.hold(60.0)
        clock.at += TURN_S_MAX - 0.1
        assert not order.has_turn(LATE, BEGUN)
        clock.at += 0.2
        assert order.has_turn(LATE, BEGUN)


def test_parts_stand_where_their_whole_stood() -> None:
    """A slice that was cut in mid-run has parts with the highest numbers; they are early all the same."""
    _, _, order = queueing()
    part = piece(9, 0)
    with order.walking(EARLY), order.walking(part):
        assert order.has_turn(part, BEGUN)
        assert not order.has_turn(EARLY, BEGUN)
