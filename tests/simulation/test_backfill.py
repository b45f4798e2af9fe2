"""Eighteen months of 20,000 conversations a day, at 300 requests a minute and 300 ms latency, in simulated time."""

from typing import Any

import pytest

from tests.simulation.backfill import PER_DAY, ROWS, Backfill

DAYS = 548


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
def test_a_backfill(scene: dict[str, Any]) -> None:
    """At most 1.25 requests a result page, at least 95 % of the allowance while there is work, and no 429 of ours."""
    done = Backfill(DAYS, **scene).run()
    assert done.pages == DAYS * PER_DAY // ROWS
    assert done.refused == 0
    assert done.requests <= 1.25 * done.pages, done.sent
    assert done.used() >= 0.95


@pytest.mark.parametrize("others", [0, 100])
def test_slow_jobs(others: int) -> None:
    """With jobs of a minute, reading waits for jobs now and then; the requests stay as few, and nobody is refused."""
    done = Backfill(DAYS, job_s=60.0, others=others).run()
    assert done.refused == 0
    assert done.requests <= 1.25 * done.pages
    assert done.used() >= 0.8
