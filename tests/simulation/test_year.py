"""A copy is kept up for a year, a month, three days; a few days of each in every run, all of it in the long one."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.simulation.year import CADENCES, play

#: What is played in every run, by seed: a seed draws where it writes to, and how far jobs are behind.
FEW = [
    ("daily", 1, timedelta(days=12)),
    ("daily", 2, timedelta(days=12)),
    ("daily", 4, timedelta(days=8)),
    ("hourly", 8, timedelta(hours=12)),
    ("quarter-hourly", 10, timedelta(hours=3)),
]
LONG = [
    pytest.param(name, seed, CADENCES[name].lasts, marks=pytest.mark.long)
    for name, seed in (("daily", 3), ("hourly", 8), ("quarter-hourly", 12))
]


@pytest.mark.invariant("Staying current")
@pytest.mark.parametrize(("name", "seed", "lasts"), [*FEW, *LONG], ids=str)
def test_a_copy_that_is_kept_up(tmp_path: Path, name: str, seed: int, lasts: timedelta) -> None:
    """Whatever happens, a destination that is synced holds what the API shows under its policy, and never says complete over a hole."""
    year = play(seed, tmp_path, replace(CADENCES[name], lasts=lasts))
    assert year.ends["quiet"] > year.ends["crashed"] + year.ends["failed"]
