"""Seeds: twenty of every run, thirty more of the long one, and those that once found something."""

from pathlib import Path

import pytest

from tests.simulation.play import play

#: Seeds that found a fault of lastpage, or of who judges it here (700083, 880002, 990099), and stay.
FOUND = (5209, 20041, 700083, 880002, 990099, 9910598)
LONG = [pytest.param(seed, marks=pytest.mark.long) for seed in range(20, 50)]


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize("seed", [*range(20), *FOUND, *LONG])
def test_a_seed(tmp_path: Path, seed: int) -> None:
    """Whatever a seed draws: each conversation once, its newest version, and no false claim."""
    play(seed, tmp_path)
