"""The clock: a line over another one, bent while it runs."""

from datetime import UTC, datetime

import pytest

from lastpage_sandbox.clock import LATEST_S, Clock

START = datetime(2023, 10, 20, tzinfo=UTC)


class Outside:
    at = 1_697_815_820.123456

    def __call__(self) -> float:
        return self.at


def test_untouched_it_is_the_time_outside() -> None:
    """To the last bit, so that two programs with one clock agree."""
    outside = Outside()
    clock = Clock(outside)
    for step in (0.1, 1e-6, 3600.3):
        outside.at += step
        assert clock.now() == outside.at


@pytest.mark.parametrize(("rate", "passed"), [(0.0, 0), (1.0, 10), (60.0, 600), (0.5, 5)])
def test_its_pace(rate: float, passed: float) -> None:
    """From its start it runs that many seconds a second; at 0 it stands still."""
    outside = Outside()
    clock = Clock(outside, start=START, rate=rate)
    assert clock.now() == START.timestamp()
    outside.at += 10
    assert clock.now() == pytest.approx(START.timestamp() + passed)


def test_a_new_pace_begins_now() -> None:
    """What has passed stays passed."""
    outside = Outside()
    clock = Clock(outside, start=START)
    outside.at += 10
    clock.run(100)
    outside.at += 1
    assert clock.now() == pytest.approx(START.timestamp() + 110)
    clock.advance(-110)
    assert clock.now() == pytest.approx(START.timestamp())


def test_reset_starts_again() -> None:
    """At the start and the pace that it was made with."""
    outside = Outside()
    clock = Clock(outside, start=START, rate=60)
    outside.at += 1000
    clock.run(0)
    clock.reset()
    assert (clock.now(), clock.rate) == (START.timestamp(), 60)


def test_it_ends_before_the_calendar_does() -> None:
    """A quick clock stops at the end of its range, where dates can still be spelt."""
    outside = Outside()
    clock = Clock(outside, rate=1e6)
    outside.at += 1e9
    assert clock.now() == LATEST_S


@pytest.mark.parametrize("rate", [-1.0, 1e7, float("nan"), float("inf")])
def test_paces_that_are_none(rate: float) -> None:
    """Backwards, or faster than anything can follow, is refused."""
    with pytest.raises(ValueError, match="rate"):
        Clock(rate=rate)


def test_those_who_wait_count_real_seconds() -> None:
    """At any pace; what is skipped has passed for them, and nothing comes back to them, until it is reset."""
    outside = Outside()
    clock = Clock(outside, start=START, rate=1440)
    begun = clock.at().waited_s
    assert begun == outside.at
    outside.at += 60
    assert clock.at() == (pytest.approx(START.timestamp() + 86_400), outside.at)
    clock.run(0)
    outside.at += 60
    assert clock.at().waited_s == outside.at
    clock.advance(300)
    clock.advance(-3600)
    assert clock.at().waited_s == outside.at + 300
    clock.set(clock.now() + 700)
    assert clock.at().waited_s == pytest.approx(outside.at + 1000)
    clock.reset()
    assert clock.at() == (START.timestamp(), outside.at)
