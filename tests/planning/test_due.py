"""What is due, by the table at the top of planning/due.py; and what holds for whatever is held."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lastpage.coverage.ranges import Range
from lastpage.planning.due import AT_ONCE, Due, Outlook, Policy, due
from lastpage.planning.slices import Horizon, jobs_reach
from lastpage.query.interval import DAY, HOUR, Interval, minus
from lastpage.query.query import Query

START = datetime(2023, 10, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OCT14 = datetime(2023, 10, 14, tzinfo=UTC)
USUAL = Policy()


@dataclass(frozen=True)
class Version:
    """What is held of some hours, counted from START: nothing but what `due` asks for."""

    interval: Interval
    as_of: datetime
    has_attributes: bool = True
    coverage: str = "complete"
    finality: str = "final"
    open: int | None = None


def at(hours: float) -> datetime:
    return START + hours * HOUR


def span(first: float, last: float) -> Interval:
    return Interval(at(first), at(last))


def job(first: float, last: float, as_of: float = 30 * 24, **more: Any) -> Version:
    return Version(span(first, last), at(as_of), **more)


def pages(first: float, last: float, as_of: float, **more: Any) -> Version:
    facts = {"has_attributes": False, "finality": "provisional", **more}
    return Version(span(first, last), at(as_of), **facts)


def outlook(
    held: Iterable[Version],
    wanted: tuple[float, float] = (0, 24),
    *,
    until: float = 31 * 24,
    jobs: float = 30 * 24,
    policy: Policy = USUAL,
) -> Outlook:
    return due(held, span(*wanted), until=at(until), jobs=at(jobs), policy=policy)


def told(parts: Iterable[Due]) -> list[tuple[float, float, str]]:
    return [
        ((each.interval.start - START) / HOUR, (each.interval.end - START) / HOUR, each.reason)
        for each in parts
    ]


OPEN = {"open": {START.date(): at(50)}}


@pytest.mark.parametrize(
    ("held", "asked", "wanted"),
    [
        pytest.param([], {}, [(0, 24, "new")], id="nothing is held"),
        pytest.param([job(0, 24)], {}, [], id="settled"),
        pytest.param([job(0, 8)], {}, [(8, 24, "new")], id="a part is held"),
        pytest.param([job(0, 8), job(20, 24)], {}, [(8, 20, "hole")], id="a hole"),
        pytest.param([job(-24, 0), job(48, 72)], {}, [(0, 24, "hole")], id="a hole of a day"),
        pytest.param([], {"until": 10}, [(0, 10, "new")], id="not there yet"),
        pytest.param([job(0, 24, coverage="short")], {}, [(0, 24, "short")], id="short"),
        pytest.param(
            [job(0, 24)],
            {"policy": Policy(changed={START.date()})},
            [(0, 24, "changed")],
            id="changed",
        ),
        # A day once by job, when jobs have passed its end and what page numbers read.
        pytest.param([pages(0, 9, 9)], {"wanted": (0, 9), "until": 9, "jobs": 2}, [], id="recent"),
        pytest.param([pages(0, 24, 24)], {"jobs": 23}, [], id="jobs are not there yet"),
        pytest.param([pages(0, 24, 24)], {"jobs": 24}, [(0, 24, "provisional")], id="jobs are"),
        pytest.param([pages(0, 24, 30)], {"jobs": 29}, [], id="page numbers know more"),
        pytest.param(
            [job(0, 8, 8), pages(8, 24, 24)],
            {"jobs": 24},
            [(0, 24, "provisional")],
            id="a day of both routes, whole",
        ),
        pytest.param(
            [job(0, 24, coverage="unproven", finality="provisional")],
            {"jobs": 30 * 24 + 23},
            [],
            id="unproven",
        ),
        pytest.param(
            [job(0, 24, coverage="unproven", finality="provisional")],
            {"jobs": 31 * 24},
            [(0, 24, "provisional")],
            id="unproven, a day later",
        ),
        # Settling.
        pytest.param([job(0, 24, 25)], {"jobs": 24 + 71}, [], id="before +3"),
        pytest.param([job(0, 24, 25)], {"jobs": 24 + 72}, [(0, 24, "settling +3")], id="+3"),
        pytest.param([job(0, 24, 24 + 72)], {"jobs": 24 + 73}, [], id="+3 was read"),
        pytest.param([job(0, 24, 25)], {"jobs": 24 + 8 * 24}, [(0, 24, "settling +7")], id="away"),
        pytest.param(
            [job(0, 24, 24 + 8 * 24)], {"jobs": 24 + 720}, [(0, 24, "settling +30")], id="+30"
        ),
        pytest.param([job(0, 24, 25)], {"policy": Policy(settle=())}, [], id="no settling"),
        # Open conversations that have ended.
        pytest.param(
            [job(0, 24, 40, finality="provisional")],
            {"jobs": 49, "policy": Policy(**OPEN)},
            [],
            id="ended where jobs have not been",
        ),
        pytest.param(
            [job(0, 24, 26, finality="provisional")],
            {"jobs": 50, "policy": Policy(**OPEN)},
            [(0, 24, "open")],
            id="ended",
        ),
        pytest.param(
            [job(0, 23, 26, open=1, finality="provisional"), job(23, 24, 25, open=0)],
            {"jobs": 50, "policy": Policy(**OPEN)},
            [(0, 23, "open")],
            id="ended, and other hours had none",
        ),
        pytest.param(
            [job(0, 24, 40, finality="provisional")],
            {"jobs": 63, "policy": Policy(**OPEN)},
            [],
            id="ended, and read less than a day ago",
        ),
        pytest.param(
            [job(0, 24, 51)], {"jobs": 80, "policy": Policy(**OPEN)}, [], id="ended, and read since"
        ),
        pytest.param(
            [pages(0, 24, 24)],
            {"until": 50, "jobs": 0, "policy": Policy(**OPEN)},
            [(0, 24, "open")],
            id="ended, by page numbers",
        ),
        # Kept.
        pytest.param([], {"policy": Policy(kept_since=at(24))}, [], id="kept"),
        pytest.param(
            [job(0, 24, coverage="short")],
            {"policy": Policy(kept_since=at(24), changed={START.date()})},
            [],
            id="kept, whatever is said of it",
        ),
        pytest.param(
            [],
            {"wanted": (-48, 24), "policy": Policy(kept_since=at(0))},
            [(0, 24, "new")],
            id="left",
        ),
    ],
)
def test_what_is_due(
    held: list[Version], asked: dict[str, Any], wanted: list[tuple[float, float, str]]
) -> None:
    """Each line of the table."""
    assert told(outlook(held, **asked).due) == wanted


@pytest.mark.parametrize(
    ("version", "asked", "is_due"),
    [
        pytest.param(job(0, 24, 25), {}, False, id="final"),
        pytest.param(job(0, 24, finality="provisional"), {}, True, id="provisional"),
        pytest.param(
            job(0, 24, coverage="unproven", finality="provisional"), {}, True, id="unproven"
        ),
        pytest.param(job(0, 24, coverage="short", finality="provisional"), {}, True, id="short"),
        pytest.param(pages(0, 24, 25), {"jobs": 2}, True, id="recent"),
        pytest.param(pages(0, 24, 99, finality="final"), {}, True, id="a job has more"),
        pytest.param(
            pages(0, 24, 99, finality="final"), {"jobs": -9999}, False, id="no job is meant"
        ),
    ],
)
def test_at_once(version: Version, asked: dict[str, Any], is_due: bool) -> None:
    """Whoever fetches leaves only what is complete, final and as a job would have it."""
    assert bool(outlook([version], policy=AT_ONCE, **asked).due) == is_due


def test_the_next_moment() -> None:
    """It is told when more will be due, and what: the earliest of all that is held."""
    held = [job(0, 24, 25), job(24, 48, 49), pages(48, 60, 60)]
    found = outlook(held, (0, 60), until=60, jobs=50)
    assert found.due == []
    assert told(found.later) == [(0, 48, "settling +3"), (48, 60, "provisional")]
    assert found.next == at(72)
    more = outlook(held, (0, 72), until=60, jobs=50)
    assert told(more.later)[-1] == (60, 72, "new")
    assert more.next == at(60)
    assert outlook([job(0, 24, 99 * 24)], until=99 * 24, jobs=99 * 24).next is None


def test_the_frontier() -> None:
    """It stands where the first hour begins that is not held, or is short."""
    assert outlook([]).frontier == at(0)
    assert outlook([job(0, 8), job(9, 24)]).frontier == at(8)
    assert outlook([job(0, 8), job(8, 24, coverage="short")]).frontier == at(8)
    assert outlook([job(0, 8), pages(8, 24, 24)]).frontier == at(24)
    assert outlook([job(0, 8)], (0, 24), until=8).frontier == at(8)


def test_how_far_jobs_reach() -> None:
    """Whole hours before the watermark; a day less under a filter on segments; never by request."""
    horizon = Horizon(at(9), at(5.5))
    plain, filtered = Query(span(0, 9)), Query(span(0, 9), media=("voice",))
    assert jobs_reach(plain, horizon, "auto") == at(5)
    assert jobs_reach(filtered, horizon, "auto") == at(5) - DAY
    assert jobs_reach(filtered, horizon, "cursor") == at(5)
    assert jobs_reach(plain, horizon, "pages") < at(-9999)


# What holds for whatever is held ------------------------------------------------------------------

DAYS = 40


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Range], Interval, datetime, datetime, Policy]:
    """Ranges without overlaps, with holes, of both routes; how far these reach; and a policy."""
    until = at(draw(st.integers(24, DAYS * 24))) + draw(st.integers(0, 59)) * MINUTE
    jobs = START + (until - START) // HOUR * HOUR - draw(st.integers(0, 48)) * HOUR
    held = []
    cuts = sorted(draw(st.sets(st.integers(0, DAYS * 24), max_size=30)))
    for first, last in pairwise(cuts):
        for _, part in span(first, last).days():
            if part.end <= until and draw(st.booleans()):
                route = draw(st.sampled_from(["cursor", "pages"]))
                latest = max(until if route == "pages" else jobs, part.end)
                as_of = part.end + draw(st.floats(0, 1)) * (latest - part.end)
                coverage = draw(st.sampled_from(["complete", "complete", "unproven", "short"]))
                finality = draw(st.sampled_from(["final", "provisional"]))
                held.append(Range(part, as_of, route, coverage, finality, 5))
    days = [START.date() + number * DAY for number in range(DAYS)]
    opened = draw(st.lists(st.sampled_from(days), max_size=3))
    policy = Policy(
        settle=draw(st.sampled_from([(), (3, 7, 30), (1,), (30, 3)])),
        kept_since=draw(st.none() | st.integers(0, DAYS).map(lambda number: at(24 * number))),
        changed=frozenset(draw(st.lists(st.sampled_from(days), max_size=3))),
        open={day: until - draw(st.integers(0, 99)) * HOUR for day in opened},
    )
    first, length = draw(st.integers(0, DAYS * 24)), draw(st.integers(1, DAYS * 24))
    return held, span(first, first + length), until, jobs, policy


def perfect(
    held: list[Range], parts: Iterable[Due], until: datetime, jobs: datetime
) -> list[Range]:
    """What is held after a run in which nothing went wrong: by job as far as these reach."""
    parts = list(parts)
    left = [
        replace(each, interval=rest)
        for each in held
        for rest in minus(each.interval, [part.interval for part in parts])
    ]
    for day in (piece for part in parts for _, piece in part.interval.days()):
        bounds = [day.start, min(max(jobs, day.start), day.end), day.end]
        for first, last in pairwise(bounds):
            if first < last:
                route, as_of = ("cursor", jobs) if last <= jobs else ("pages", until)
                left.append(
                    Range(Interval(first, last), as_of, route, "complete", "provisional", 5)
                )
    return sorted(left, key=lambda each: each.interval)


@settings(max_examples=300, deadline=None)
@given(drawn=worlds(), later_by=st.integers(0, 10_000), lag=st.integers(0, 48))
@example(
    # What page numbers read of the day is short, so it is read by job in this very run.
    drawn=(
        [
            Range(Interval(OCT14, OCT14 + HOUR), OCT14 + HOUR, "cursor", "complete", "final", 5),
            Range(
                Interval(OCT14 + HOUR, OCT14 + 2 * HOUR),
                OCT14 + 24 * HOUR + MINUTE,
                "pages",
                "short",
                "final",
                5,
            ),
        ],
        Interval(OCT14 - 96 * HOUR, OCT14 + 2 * HOUR),
        OCT14 + 24 * HOUR + MINUTE,
        OCT14 + 24 * HOUR,
        Policy(settle=()),
    ),
    later_by=0,
    lag=0,
)
def test_after_a_perfect_run(
    drawn: tuple[list[Range], Interval, datetime, datetime, Policy], later_by: int, lag: int
) -> None:
    """After a run in which nothing went wrong nothing is due before the moment that is named."""
    held, wanted, until, jobs, policy = drawn
    before = due(held, wanted, until=until, jobs=jobs, policy=policy)
    held = perfect(held, before.due, until, jobs)
    policy = replace(policy, changed=frozenset())  # it was read
    after = due(held, wanted, until=until, jobs=jobs, policy=policy)
    assert after.due == []
    soon = until + later_by * MINUTE
    if after.next is not None:
        soon = min(soon, after.next - MINUTE)
    if soon > until:
        at_most = max(jobs, soon - lag * HOUR)
        assert due(held, wanted, until=soon, jobs=at_most, policy=policy).due == []


@settings(max_examples=300, deadline=None)
@given(worlds())
def test_of_whatever_is_held(
    drawn: tuple[list[Range], Interval, datetime, datetime, Policy],
) -> None:
    """What is due lies in what is wanted and there, once; nothing kept; and the frontier behind it."""
    held, wanted, until, jobs, policy = drawn
    for asked in (policy, replace(AT_ONCE, kept_since=policy.kept_since)):
        found = due(held, wanted, until=until, jobs=jobs, policy=asked)
        parts = [each.interval for each in found.due]
        assert all(one.end <= other.start for one, other in pairwise(parts))
        later = [each.interval for each in found.later]
        assert not any(one.clip(other) for one in parts for other in later)
        for part in parts:
            assert wanted.start <= part.start
            assert part.end <= min(wanted.end, until)
            assert asked.kept_since is None or asked.kept_since <= part.start
        first = max(wanted.start, asked.kept_since or wanted.start)
        if first < found.frontier:
            done = [each.interval for each in held if each.coverage != "short"]
            assert minus(Interval(first, found.frontier), done) == []
