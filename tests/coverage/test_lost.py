"""What is lost, by the table at the top of coverage/lost.py."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lastpage.coverage.lost import Lost, lost
from lastpage.coverage.ranges import Range
from lastpage.query.interval import Interval

START = datetime(2023, 10, 10, tzinfo=UTC)
AS_OF = START + timedelta(days=3)


def hours(first: float, last: float, later: float = 0, conversations: int = 5) -> Range:
    interval = Interval(START + timedelta(hours=first), START + timedelta(hours=last))
    as_of = AS_OF + timedelta(hours=later)
    return Range(interval, as_of, "cursor", "complete", "final", conversations)


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        pytest.param([hours(0, 24)], [], id="the same"),
        pytest.param([hours(0, 24, later=1, conversations=3)], [], id="fresher"),
        pytest.param([hours(0, 8), hours(8, 24, later=1)], [], id="cut, and partly fresher"),
        pytest.param([], [(0, 24, "gone")], id="nothing"),
        pytest.param([hours(0, 8), hours(20, 24)], [(8, 20, "gone")], id="a hole"),
        pytest.param([hours(0, 24, later=-1)], [(0, 24, "older")], id="an older version"),
        pytest.param(
            [hours(0, 8, later=-1), hours(12, 24)],
            [(0, 8, "older"), (8, 12, "gone")],
            id="an older part and a hole",
        ),
        pytest.param([hours(0, 24, conversations=4)], [(0, 24, "changed")], id="fewer rows"),
        pytest.param([hours(-24, 0), hours(24, 48)], [(0, 24, "gone")], id="other days"),
    ],
)
def test_what_is_lost(held: list[Range], wanted: list[tuple[float, float, Any]]) -> None:
    """Of what was written: what is gone, older or changed, and nothing else."""
    found = [Lost(hours(first, last).interval, reason) for first, last, reason in wanted]
    assert lost(held, [hours(0, 24)]) == found


def test_nothing_was_written() -> None:
    """What nobody wrote is not missed."""
    assert lost([hours(0, 24)], []) == []
