"""Walks that go on and bring nothing new: each has its bound, by assertion and from end to end."""

import json
import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest

from lastpage.api.messages import Answer
from lastpage.coverage.account import Account
from lastpage.planning.slices import Slice
from lastpage.query.interval import Interval, iso
from lastpage.query.query import Query
from lastpage.walks.cursor import CursorWalk
from lastpage.walks.pages import PagesWalk
from lastpage.walks.walk import EMPTY_MAX, READS, Again, Done, Idle, Request, drive
from tests.crash.steps import Crash, Stepping, Steps
from tests.inprocess import World, world
from tests.readback import ids
from tests.test_walls import MORNING, truth

START = datetime(2023, 10, 1, tzinfo=UTC)
DAY = Interval(START, START + timedelta(days=1))


def page(names: Iterable[int], **more: Any) -> Answer:
    """A page of conversations with these names, one second apart."""
    rows = [
        {"conversationId": str(name), "conversationStart": iso(START + timedelta(seconds=name))}
        for name in names
    ]
    return Answer(200, raw=json.dumps({"conversations": rows, "totalHits": 9_999, **more}).encode())


def by_numbers(answer: Callable[[int], Answer], size: int, expected: int | None) -> tuple[Any, int]:
    """How a walk by page numbers ends, where page N is `answer(N)`; and how many pages it read."""
    slice_ = Slice(1, DAY, DAY, "pages", "test", expected)
    account, made = Account(slice_, DAY.end), []

    def keep(request: Request, answer: Answer) -> None:
        account.take(len(made), request, answer)
        made.append(request)

    walk = PagesWalk(Query(DAY), page_size=size)
    end = drive(
        walk,
        walk.first(slice_),
        send=lambda request: answer(request.ordinal),
        keep=keep,
        sleep=lambda _s: None,
        since_new=account.since_new,
    )
    return end, sum(request.kind in READS for request in made)


@pytest.mark.invariant("Complete")
@pytest.mark.parametrize(
    ("size", "expected", "pages"),
    [(100, 3_000, 61), (100, 501, 12), (100, 400, 11), (100, None, 11), (7, 0, 11), (1, 30, 61)],
)
def test_a_server_that_ignores_page_numbers(size: int, expected: int | None, pages: int) -> None:
    """The same page for every number ends a walk after 10 pages, or twice as many as were expected."""
    end, read = by_numbers(lambda _: page(range(size)), size, expected)
    assert isinstance(end, Idle)
    assert f"{pages - 1} pages in a row" in end.reason
    assert read == pages


def test_pages_that_bring_something_now_and_then() -> None:
    """One new conversation in nine pages is progress, wherever in its page it stands; a page that is all broken may be."""

    def answer(number: int) -> Answer:
        if number > 200:
            return page([])
        return page([1, 2, 1_000 + number // 9, 3])

    assert by_numbers(answer, 4, 0) == (Done("absent"), 201)
    broken = Answer(200, raw=b'{"conversations": [{}, 7], "totalHits": 9}')
    assert by_numbers(lambda number: broken if number < 30 else page([]), 4, 0)[0] == Done("absent")


def test_a_whole_page_that_comes_again() -> None:
    """Rows that slide by some pages are no reason to stop: what stands behind them comes."""
    numbers = [*range(8), *[7] * 9, *range(8, 20)]

    def answer(number: int) -> Answer:
        at = numbers[number - 1] if number <= len(numbers) else math.inf
        return page(range(int(at) * 5, int(at) * 5 + 5) if at != math.inf else [])

    assert by_numbers(answer, 5, 100) == (Done("absent"), len(numbers) + 1)


def by_cursor(pages: Iterable[Answer]) -> tuple[Any, int]:
    """How a job's walk ends that is given these pages; and how many it read."""
    slice_ = Slice(1, DAY, DAY, "cursor", "test", 30)
    account, answers, read = Account(slice_, DAY.end), iter(pages), count()

    def send(request: Request) -> Answer:
        return next(answers) if request.kind in READS else Answer(200, raw=b'{"totalHits": 30}')

    def keep(request: Request, answer: Answer) -> None:
        if request.kind in READS:
            account.take(next(read), request, answer)

    end = drive(
        CursorWalk(Query(DAY), page_size=10),
        Request(slice_, "results", job="j", page_size=10),
        send=send,
        keep=keep,
        sleep=lambda _s: None,
        since_new=account.since_new,
    )
    return end, next(read)


def test_fresh_cursors() -> None:
    """A cursor that is always another, with the same rows or none, ends as well; `empty` has a larger bound, and one does not hide the other."""
    same = (page(range(10), cursor=f"c{number}") for number in count())
    end, read = by_cursor(same)
    assert isinstance(end, Idle)
    assert read == 11
    none = (page([], cursor=f"c{number}") for number in count())
    end, read = by_cursor(none)
    assert isinstance(end, Idle)
    assert "empty" in end.reason
    assert read == EMPTY_MAX
    both = (page(range(10) if number % 2 else [], cursor=f"c{number}") for number in count())
    end, read = by_cursor(both)
    assert isinstance(end, Idle)
    assert read < 25


def test_what_is_slow_is_not_stopped() -> None:
    """Hundreds of empty pages before the rows, and a last page that brings nothing new, are read to the end."""
    empty = [page([], cursor=f"c{number}") for number in range(EMPTY_MAX - 1)]
    rows = [page(range(10), cursor=f"d{number}") for number in range(10)]
    assert by_cursor([*empty, *rows, page(range(10))]) == (Done("read"), EMPTY_MAX + 10)
    assert isinstance(by_cursor([*rows[:2], rows[0]])[0], Again)


# From end to end ----------------------------------------------------------------------------------


def asked(made: World, endpoint: str, size: int) -> int:
    """How many pages of this size were asked for."""
    return sum(
        1
        for entry in made.sandbox.log
        if entry.endpoint == endpoint
        and (endpoint != "details.query" or entry.json["paging"]["pageSize"] == size)
    )


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize("dialect", ["none", "next-page-token"])
def test_page_one_for_ever(tmp_path: Path, dialect: str) -> None:
    """A server that gives page 1 for every number or token: `short` with the reason after twice the pages, and the next run goes on."""
    made = world(per_day=600, dialect=dialect)
    counted = len(truth(made, 0, 15))
    interval = "2023-10-20T00:00Z/2023-10-20T15:00Z"
    made.sandbox.faults.put("details.query", "pass", *["first-page"] * 1_000)
    summary = made.cloud().fetch(interval, tmp_path, page_size=10, paginate="pages")
    assert summary.coverage == "short"
    assert any("only conversations that had come before" in note for note in summary.notes)
    assert summary.conversations == 10
    assert asked(made, "details.query", 10) <= 2 * counted / 10 + 2
    made.sandbox.faults.clear()
    again = made.cloud().fetch(interval, tmp_path, page_size=10, paginate="pages")
    assert again.coverage == "complete"
    assert sorted(ids(tmp_path)) == truth(made, 0, 15)


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize(("word", "most"), [("first-page", 30), ("empty-page", EMPTY_MAX + 1)])
def test_a_job_without_end(tmp_path: Path, word: str, most: int) -> None:
    """A job that hands fresh cursors for ever, with the same rows or none: `short` with the reason, and the job is deleted."""
    made = world(per_day=120)
    made.sandbox.faults.put("jobs.results", "pass", *[word] * 3_000)
    summary = made.cloud().fetch("2023-10-10", tmp_path, page_size=10, paginate="cursor")
    assert summary.coverage == "short"
    assert any("pages in a row" in note for note in summary.notes)
    assert asked(made, "jobs.results", 10) <= most
    assert made.sandbox.jobs.live == []


def test_a_job_without_end_is_read_the_other_way(tmp_path: Path) -> None:
    """Where page numbers are allowed, they bring what the job keeps for itself."""
    made = world(per_day=120)
    made.sandbox.faults.put("jobs.results", *["first-page"] * 3_000)
    summary = made.cloud().fetch("2023-10-10", tmp_path, page_size=10)
    assert summary.coverage == "complete"
    start = datetime(2023, 10, 10, tzinfo=UTC)
    assert sorted(ids(tmp_path)) == sorted(made.truth(start, start + timedelta(days=1)))


def test_a_stop_in_the_middle(tmp_path: Path) -> None:
    """What an earlier process read counts: after a crash the bound is the same."""
    made = world(per_day=600)
    made.sandbox.faults.put("details.query", *["first-page"] * 1_000)
    steps = Steps(at=80)
    with pytest.raises(Crash):
        made.cloud(transport=Stepping(made.sandbox, steps), disk=steps.disk).fetch(
            MORNING, tmp_path, page_size=10
        )
    before = asked(made, "details.query", 10)
    assert before > 5
    assert made.cloud().fetch(MORNING, tmp_path, page_size=10).coverage == "short"
    assert asked(made, "details.query", 10) <= 2 * len(truth(made, 9, 15)) / 10 + 3


def test_the_names_do_not_matter() -> None:
    """The bound is of ids, not of positions: what came first and last may be the same."""
    pages = islice((page([1, 10 + number, 2], cursor=f"c{number}") for number in count()), 50)
    assert by_cursor([*pages, page([1, 2])]) == (Done("read"), 51)
