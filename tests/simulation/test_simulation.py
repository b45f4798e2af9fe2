"""Seeds: fifty of every run, and those that once found something."""

from pathlib import Path

import pytest

from tests.simulation.play import play

#: Seeds that found a fault of lastpage, or of who judges it here (the last one), and stay.
FOUND = (5209, 20041, 700083)


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize("seed", [*range(50), *FOUND])
def test_a_seed(tmp_path: Path, seed: int) -> None:
    """Whatever a seed draws: each conversation once, its newest version, and no false claim."""
    play(seed, tmp_path)
