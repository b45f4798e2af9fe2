"""What a daily sync sends, held against the least that its policy takes; the days that nothing is due of have no conversations here.

what                                least
----------------------------------  -------------------------------------------------------------------------
a run                               a token, whose data it is, how far jobs reach
a reading by job                    a submission, one poll, its pages of 1,000, a deletion
a reading by page numbers           its pages of 100, and the one that has none
that a reading is whole             a count before it and one after it; twice two, where it begins within a day
… by page numbers                   two after it: they go on until there is no more, so nothing is counted before
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from math import ceil
from pathlib import Path

import msgspec
import pytest

from lastpage_sandbox import Skeleton
from tests.inprocess import World, world
from tests.simulation.life import midnight_ms, stamp

NIGHT = datetime(2023, 10, 20, 2, 10, tzinfo=UTC)
LAG = timedelta(hours=6)
DAY = timedelta(days=1)
#: How many days ago the days are that are due at the second night: jobs have passed their end, or 3, 7, 30 days after it.
DUE = (2, 2 + 3, 2 + 7, 2 + 30)


def volume(per_day: int) -> World:
    """An organisation of so many conversations a day, each of five minutes, with records of one line."""
    made = world(
        NIGHT, per_day=per_day, watermark_lag_s=LAG.total_seconds(), job_polls=0, gzip=False
    )
    box, there = (
        made.sandbox,
        {(NIGHT + DAY).date() - timedelta(days=each) for each in (0, 1, *DUE)},
    )
    draw = box.world._hour

    def drawn(hour: int) -> Iterator[Skeleton]:
        if datetime.fromtimestamp(hour * 3600, UTC).date() in there:
            for each in draw(hour):
                yield msgspec.structs.replace(each, end_ms=each.start_ms + 300_000)

    def record(skeleton: Skeleton, at_ms: int, *, attributes: bool) -> bytes:
        ended = skeleton.ended_at(at_ms)
        end = {} if ended is None else {"conversationEnd": _iso(ended)}
        start = {"conversationId": skeleton.id, "conversationStart": _iso(skeleton.start_ms)}
        return msgspec.json.encode(start | end)

    box.world._hour = lambda hour: tuple(drawn(hour))
    box.library._encoded = record
    return made


def _iso(ms: int) -> str:
    return stamp(ms).replace("+00:00", "Z")


def least(made: World, now: datetime, before: datetime) -> int:
    """What the second night takes, if every answer is what it should be."""
    jobs = (now - LAG).replace(minute=0)
    days = [(now.date() - timedelta(days=each)) for each in DUE]
    readings = [5 + _pages(made, _midnight(day), _midnight(day) + DAY, 1_000) for day in days]
    by_job = 7 + _pages(made, before, jobs, 1_000)
    by_pages = 3 + _pages(made, jobs, now - timedelta(minutes=1), 100)
    return 3 + sum(readings) + by_job + by_pages


def _pages(made: World, start: datetime, end: datetime, rows: int) -> int:
    return ceil(len(made.truth(start, end)) / rows)


def _midnight(day: date) -> datetime:
    return datetime.fromtimestamp(midnight_ms(day) / 1000, UTC)


@pytest.mark.parametrize(
    ("per_day", "more", "times"),
    [(200, 10, 2.0), pytest.param(20_000, 10, 1.1, marks=pytest.mark.long)],
)
def test_a_night(tmp_path: Path, per_day: int, more: int, times: float) -> None:
    """A daily sync sends a few requests more than the least, whatever there is to read; of 20,000 conversations a day, a tenth at most."""
    made = volume(per_day)
    first = (NIGHT - 35 * DAY).date().isoformat()
    how = {"tables": ["oddities"], "names": False}
    made.cloud().sync(tmp_path / "out", since=first, **how)
    made.clock.sleep(NIGHT.timestamp() + 86_400 - made.clock.now())
    made.sandbox.log.clear()
    summary = made.cloud().sync(tmp_path / "out", **how)
    assert summary.coverage == "complete"
    sent = len(made.sandbox.log)
    fewest = least(made, NIGHT + DAY, NIGHT - timedelta(minutes=1))
    assert fewest <= sent <= min(fewest + more, times * fewest), (sent, fewest)
