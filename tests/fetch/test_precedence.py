"""The earliest of the walks under way goes first; the others take what is left."""

from tests.simulation.backfill import Moment

from lastpage.fetch.pace import Pace
from lastpage.fetch.precedence import Precedence


def test_the_earliest_goes_first() -> None:
    """Where others stand in line only the earliest slice may join them, whoever came first; once it is done, the next one."""
    pace = Pace(Moment(1000.0))
    order = Precedence(pace)
    with order.walking(7):
        with order.walking(3):
            assert order.goes(3)
            assert order.goes(7)
            for _ in range(3):
                pace.wait()
            assert order.goes(3)
            assert not order.goes(7)
        assert order.goes(7)


def test_slack() -> None:
    """As time goes on the line is gone, and everybody may ask."""
    clock = Moment(1000.0)
    pace = Pace(clock)
    order = Precedence(pace)
    with order.walking(1), order.walking(2):
        for _ in range(3):
            pace.wait()
        assert not order.goes(2)
        clock.at += 1.0
        assert order.goes(2)
        pace.hold(30.0)
        assert not order.goes(2)
