"""When a job is asked whether it is done, by assertion alone."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lastpage.planning.slices import Slice
from lastpage.query.interval import DAY, Interval
from lastpage.walks.polls import JOBS_ALIKE, WAITS_S, Jobs, quiet_s, wait_s
from lastpage.walks.walk import Request

START = datetime(2023, 10, 10, tzinfo=UTC)
WHOLE = Interval(START, START + DAY)


def polled(job_s: float, quiet: float = 0.0) -> list[float]:
    """When a job that takes so long is asked about, up to the poll that finds it done."""
    waits = (wait_s(polls, quiet) for polls in itertools.count())
    moments = itertools.accumulate(waits)
    asked = []
    for moment in moments:
        asked.append(moment)
        if moment >= job_s:
            return asked
    raise AssertionError


def made(rows: int, job_s: float, quiet: float = 0.0) -> list[Request]:
    """The requests of a job that took so long, as the ledger keeps them: the last poll alone."""
    moments = polled(job_s, quiet)
    before = moments[-2] if len(moments) > 1 else 0.0
    slice_ = Slice(1, WHOLE, WHOLE, "cursor", "test", rows)
    poll = Request(slice_, "poll", waited_s=moments[-1], wait_s=moments[-1] - before)
    return [
        Request(slice_, "submit"),
        poll,
        replace(poll, kind="results"),
        Request(slice_, "delete"),
    ]


def test_the_first_polls() -> None:
    """A job that is done at once is known to be after half a second; in three seconds there are three polls at most."""
    assert polled(0.1) == [0.5]
    assert polled(1.0) == [0.5, 1.0]
    assert [moment for moment in polled(600) if moment <= 3.0] == [0.5, 1.0, 2.0]
    assert list(WAITS_S) == sorted(WAITS_S)


@pytest.mark.parametrize("job_s", [6.0, 40.0, 300.0])
def test_jobs_teach(job_s: float) -> None:
    """Later jobs of a size take fewer polls than the first one, and are found done sooner after they are."""
    jobs, late, polls = Jobs(), [], []
    for _ in range(6):
        quiet = jobs.quiet_s(1000)
        moments = polled(job_s, quiet)
        late.append(moments[-1] - job_s)
        polls.append(len(moments))
        jobs.add(made(1000, job_s, quiet))
    assert max(polls[1:]) < polls[0]
    assert late[-1] <= late[0]


def test_jobs_that_become_quicker() -> None:
    """A job that is done when first asked about says that nothing is known any more."""
    jobs = Jobs()
    jobs.add(made(1000, 100.0))
    slow = jobs.quiet_s(1000)
    assert slow > 50
    jobs.add(made(1000, 2.0, slow))
    assert jobs.quiet_s(1000) == 0.0


def test_only_jobs_of_the_same_size() -> None:
    """What a large job took says nothing of a small one, nor the reverse; within twice the rows it does."""
    jobs = [(1000, 20.0)]
    assert [quiet_s(rows, jobs) for rows in (0, 499, 500, 2000, 2001)] == [0, 0, 20.0, 20.0, 0]


def test_the_quickest_of_the_last_few() -> None:
    """One slow job among quick ones does not keep the next one waiting; and an old quick one is forgotten."""
    assert quiet_s(10, [(10, 3.0), (10, 60.0)]) == 3.0
    assert quiet_s(10, [(10, 3.0), *[(10, 60.0)] * JOBS_ALIKE]) == 60.0


def test_walks_that_tell_nothing() -> None:
    """A walk without a job, and one whose job failed, teach nothing."""
    jobs = Jobs()
    jobs.add([Request(Slice(1, WHOLE, WHOLE, "pages", "test", 10), "page")])
    jobs.add(made(10, 50.0)[:2])
    assert jobs.quiet_s(10) == 0.0
