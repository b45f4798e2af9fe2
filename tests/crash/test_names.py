"""Stop among the requests for names, and while the lists are put beside the tables: the next run leaves what an undisturbed one leaves."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lastpage.tables.selection import LISTS
from tests.crash.steps import Crash, Stepping, Steps
from tests.crash.test_steps import SPAN, small
from tests.inprocess import World
from tests.readback import everything

#: One that has names, and one that needs a job, as all tables do.
TABLES = ("conversation_overview", "participant_attributes")


def fetch(made: World, place: Path, steps: Steps) -> None:
    cloud = made.cloud(transport=Stepping(made.sandbox, steps), disk=steps.disk)
    summary = cloud.fetch(SPAN, place, tables=TABLES)
    assert summary.coverage == "complete"
    goes_on = ("going on", "is final and here")  # where it had begun, and where it was done
    assert not summary.notes or any(each in summary.notes[0] for each in goes_on)


def held(place: Path) -> Any:
    return everything(place), [
        pq.read_table(place / kind / "part.parquet").to_pylist() for kind in LISTS
    ]


def interesting(names: list[str], every: int) -> Iterator[int]:
    """From the first request to the plan; then a few, for each costs two runs: to the first page, and from the last commit of data on."""
    plan, walk = names.index("ledger plan"), names.index("ledger attempt")
    yield from range(1, plan + 2)
    yield from range(plan + 2, walk + 2, every)
    yield from range(names.index("ledger commit") + 1, len(names) + 1, every)


@pytest.mark.invariant("Names")
@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.long)])
def test_a_crash_among_names(tmp_path: Path, every: int) -> None:
    """Killed among the names and run again: the same tables, the same lists, the same names."""
    steps = Steps()
    fetch(small(), tmp_path / "untouched", steps)
    wanted = held(tmp_path / "untouched")
    assert {row["first_queue"] for row in wanted[0]["conversation_overview"]} == {"Sales"}
    tried = list(interesting(steps.names, every))
    assert len(tried) > 15
    for at in tried:
        place, made, crashing = tmp_path / str(at), small(), Steps(at)
        with pytest.raises(Crash):
            fetch(made, place, crashing)
        fetch(made, place, Steps())
        assert held(place) == wanted, (at, crashing.names[-1])
