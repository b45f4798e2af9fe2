"""The benchmark that plays the rules of checkpoints beside lastpage."""

from datetime import timedelta

import pytest
from benchmarks.checkpoints import Losses, compare


@pytest.mark.long
def test_what_each_loses() -> None:
    """In one life, every rule that remembers where it stopped loses something for ever, and lastpage nothing."""
    lost = {name: losses for name, _, losses in compare(2, timedelta(days=1), timedelta(days=44))}
    assert lost.pop("lastpage sync") == Losses(0, 0, 0, 0)
    assert all(losses.missing and losses.outdated for losses in lost.values())
