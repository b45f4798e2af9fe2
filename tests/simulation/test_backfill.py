"""Eighteen months of 20,000 conversations a day, at 300 requests a minute and 300 ms latency, in simulated time."""

from typing import Any

import pytest

from tests.simulation.backfill import PER_DAY, ROWS, Backfill

DAYS = 548


def spans(days: int, least: float, of_all: float) -> list[Any]:
    """So many days, and in the long run all; each with the least share of the allowance: the first wait weighs less in the end."""
    return [(days, least), pytest.param(DAYS, of_all, marks=pytest.mark.long)]


@pytest.mark.parametrize(("days", "least"), spans(60, 0.8, 0.95))
@pytest.mark.parametrize(
    "scene",
    [
        {},
        {"job_s": 3.0},
        {"headers": False},
        {"others": 100},
        {"others": 100, "job_s": 3.0},
        {"allowed": 180},
    ],
    ids=str,
)
def test_a_backfill(scene: dict[str, Any], days: int, least: float) -> None:
    """At most 1.25 requests a result page, nearly all of the allowance while there is work, and no 429 of ours."""
    done = Backfill(days, **scene).run()
    assert done.pages == days * PER_DAY // ROWS
    assert done.refused == 0
    assert done.requests <= 1.25 * done.pages, done.sent
    assert done.used() >= least


@pytest.mark.long
def test_eighteen_months() -> None:
    """Of a client's own allowance nearly all is used, the first jobs' wait and the plan included; no 429 of ours."""
    done = Backfill(DAYS).run()
    assert done.refused == 0
    assert done.used() >= 0.97


@pytest.mark.invariant("Sharing the API")
def test_a_burst_of_others() -> None:
    """A burst of another program with the same client costs a window or two, not the whole run."""
    disturbed, undisturbed = (Backfill(120, latency_s=1.0, burst=burst).run() for burst in (280, 0))
    assert disturbed.busy_until <= undisturbed.busy_until + 120


def test_slices_end_one_after_the_other() -> None:
    """The first of six is done while most is still to come, so that it can be written meanwhile."""
    done = Backfill(30).run()
    assert done.ends[1] < 0.5 * max(done.ends.values())
    assert next(iter(done.ends)) == 1


@pytest.mark.parametrize(("share", "seconds"), [(None, 10.0), (30, 20.0)])
def test_no_walk_is_left_for_long(share: int | None, seconds: float) -> None:
    """A job that is read may end, and a cursor with it: whatever goes first, every walk goes on."""
    assert Backfill(30, share=share).run().longest_gap_s <= seconds


@pytest.mark.parametrize(("days", "least"), spans(180, 0.8, 0.9))
@pytest.mark.parametrize("others", [0, 100])
def test_slow_jobs(others: int, days: int, least: float) -> None:
    """With jobs of a minute, reading waits for jobs now and then; the requests stay as few, and none is refused."""
    done = Backfill(days, job_s=60.0, others=others).run()
    assert done.refused == 0
    assert done.requests <= 1.25 * done.pages
    assert done.used() >= least
