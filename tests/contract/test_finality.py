"""Finality is a fact about a day: the same alone and inside a longer range, in every kind of destination."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.contract.kinds import SINKS, Kind
from tests.inprocess import talk, world

from lastpage.files import Disk

DAYS = ("2023-10-16", "2023-10-17", "2023-10-18", "2023-10-19", "2023-10-20")
WHOLE = "2023-10-16/2023-10-21"


@pytest.fixture(params=SINKS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return SINKS[request.param]


def finality(kind: Kind, folder: Path, *intervals: str, **asked: Any) -> dict[date, set[str]]:
    """What each day is called once these intervals were fetched, on a Friday at 15:30.

    A thread of Tuesday is still open, and the watermark is at 09:30.
    """
    made = world(per_day=0)
    hours = (datetime(2023, 10, day, hour, tzinfo=UTC) for day in range(16, 21) for hour in (1, 8))
    made.sandbox.world.add(*(talk(number, start) for number, start in enumerate(hours)))
    made.sandbox.world.add(talk(99, datetime(2023, 10, 17, 10, tzinfo=UTC), None))
    folder.mkdir()
    for interval in intervals:
        place = kind.at(folder)
        made.cloud().fetch(interval, place, format=kind.format, names=False, **asked)
    with kind.opened(folder, Disk()) as sink:
        days = sink.committed()
    return {day: {each.finality for each in held} for day, held in days.items()}


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize(
    ("asked", "final"),
    [
        ({}, (16, 18, 19)),
        ({"paginate": "pages"}, (16, 18, 19)),
        # A filter on segments looks a day further.
        ({"media": "voice"}, (16, 18)),
        ({"paginate": "pages", "media": "voice"}, (16, 18)),
        ({"paginate": "cursor"}, (16, 18, 19)),
    ],
)
def test_a_day_alone_and_inside_a_longer_range(
    kind: Kind, tmp_path: Path, asked: dict[str, Any], final: tuple[int, ...]
) -> None:
    """A day is final if its own conversations have ended and the watermark had passed its end, whatever was read with it."""
    whole = finality(kind, tmp_path / "whole", WHOLE, **asked)
    assert tuple(day.day for day, words in whole.items() if words == {"final"}) == final
    assert finality(kind, tmp_path / "alone", *DAYS, **asked) == whole
