"""Answers that are none, wherever they come, from end to end: asked for again, and never taken for no rows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lastpage import UnavailableError
from lastpage.api.messages import QUERY, Answer, Call
from tests.inprocess import InProcess, World, world
from tests.readback import ids
from tests.test_walls import MORNING, truth

WORDS = ("html-200", "error-200", "blank-200")
DAY = datetime(2023, 10, 10, tzinfo=UTC)


def whole(made: World) -> list[str]:
    return sorted(made.truth(DAY, DAY + timedelta(days=1)))


@pytest.mark.invariant("Complete")
@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("before", range(7))
def test_any_page(tmp_path: Path, word: str, before: int) -> None:
    """A page or a count that cannot be read, twice in a row, is asked for again: the counts of the plan, the first page, any other."""
    made = world(per_day=400)
    made.sandbox.faults.put("details.query", *["pass"] * before, word, word)
    summary = made.cloud().fetch(MORNING, tmp_path, page_size=20)
    assert (summary.coverage, summary.retries) == ("complete", 2)
    assert sorted(ids(tmp_path)) == truth(made, 9, 15)


@pytest.mark.invariant("Complete")
@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(
    ("endpoint", "before"),
    [
        ("organization", 0),
        ("jobs.availability", 0),
        ("details.query", 1),
        ("details.query", 2),
        ("jobs.submit", 0),
        ("jobs.status", 0),
        ("jobs.results", 0),
        ("jobs.results", 1),
        ("jobs.delete", 0),
        ("queues", 0),
    ],
)
def test_any_step_of_a_job(tmp_path: Path, endpoint: str, before: int, word: str) -> None:
    """The same for every step of a job, its counts before and after, and whatever else is asked."""
    made = world(per_day=120)
    made.sandbox.faults.put(endpoint, *["pass"] * before, word)
    summary = made.cloud().fetch("2023-10-10", tmp_path, page_size=50)
    assert summary.coverage == "complete"
    assert sorted(ids(tmp_path)) == whole(made)
    assert (endpoint, word) in made.sandbox.faults.receipts
    assert not summary.notes


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("before", [0, 2])
def test_a_page_that_stays_unreadable(tmp_path: Path, word: str, before: int) -> None:
    """A count or a first page that is never readable ends as unavailable, and what the destination holds stays."""
    made = world(per_day=400)
    assert made.cloud().fetch(MORNING, tmp_path).coverage == "complete"
    held = sorted(ids(tmp_path))
    made.sandbox.faults.put("details.query", *["pass"] * before, *[word] * 500)
    with pytest.raises(UnavailableError, match="not this API's JSON") as raised:
        made.cloud().fetch(MORNING, tmp_path)
    assert raised.value.exit_code == 5
    assert sorted(ids(tmp_path)) == held
    made.sandbox.faults.clear()
    assert made.cloud().fetch(MORNING, tmp_path).coverage == "complete"
    assert sorted(ids(tmp_path)) == held == truth(made, 9, 15)


@pytest.mark.parametrize("word", ["html-200", "error-200"])
def test_a_later_page_that_stays_unreadable(tmp_path: Path, word: str) -> None:
    """What has keys, or is no JSON, is no end of a walk either, however often it comes."""
    made = world(per_day=400)
    made.sandbox.faults.put("details.query", *["pass"] * 4, *[word] * 500)
    with pytest.raises(UnavailableError, match="not this API's JSON"):
        made.cloud().fetch(MORNING, tmp_path, page_size=20)


@pytest.mark.invariant("Complete")
@pytest.mark.parametrize(("route", "interval"), [("pages", MORNING), ("cursor", "2023-10-10")])
def test_nothing_in_the_middle(tmp_path: Path, route: Any, interval: str) -> None:
    """`{}` three times on a later page ends that reading; the counts say that it was not the end, and it is read again."""
    made = world(per_day=400)
    endpoint, passes = ("details.query", 4) if route == "pages" else ("jobs.results", 1)
    made.sandbox.faults.put(endpoint, *["pass"] * passes, *["blank-200"] * 3)
    summary = made.cloud().fetch(interval, tmp_path, paginate=route, page_size=20)
    assert summary.coverage == "complete"
    assert any("reading it again" in note for note in summary.notes)
    assert sorted(ids(tmp_path)) == (truth(made, 9, 15) if route == "pages" else whole(made))


@dataclass
class Bare:
    """The sandbox, with `{}` for every page behind the last one."""

    inner: InProcess

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        answer = self.inner.send(base, call, headers)
        is_page = call.path == QUERY and json.loads(call.body or b"")["paging"]["pageNumber"] > 1
        return Answer(200, {}, b"{}") if is_page and not answer.page.heads else answer


def test_nothing_at_the_end(tmp_path: Path) -> None:
    """A server that says `{}` behind the last page is read like any other, for two requests more."""
    made = world(per_day=400)
    cloud = made.cloud(transport=Bare(InProcess(made.sandbox)))
    summary = cloud.fetch("2023-10-20T00:00Z/2023-10-20T15:00Z", tmp_path, paginate="pages")
    assert (summary.coverage, summary.retries) == ("complete", 2)
    assert sorted(ids(tmp_path)) == truth(made, 0, 15)


@pytest.mark.parametrize("words", [["blank-200"] * 3, ["blank-200"] * 6])
def test_a_job_that_says_nothing(tmp_path: Path, words: list[str]) -> None:
    """A job without rows may answer `{}`: the counts say whether it is right."""
    empty = world(per_day=0)
    empty.sandbox.faults.put("jobs.results", *words)
    summary = empty.cloud().fetch("2023-10-10", tmp_path / "empty")
    assert (summary.coverage, summary.conversations) == ("complete", 0)
    made = world(per_day=120)
    made.sandbox.faults.put("jobs.results", *words)
    assert made.cloud().fetch("2023-10-10", tmp_path / "full").coverage == "complete"
    assert sorted(ids(tmp_path / "full")) == whole(made)


@pytest.mark.parametrize("spelt", ["decimal", "text"])
@pytest.mark.parametrize("interval", [MORNING, "2023-10-10"])
def test_counts_however_they_are_spelt(tmp_path: Path, spelt: str, interval: str) -> None:
    """A `totalHits` of 3000.0 or "3000" plans, proves and verifies like 3000."""
    made = world(per_day=400, total_hits_as=spelt)
    assert made.cloud().fetch(interval, tmp_path).coverage == "complete"
    found = sorted(ids(tmp_path))
    assert found == (truth(made, 9, 15) if interval == MORNING else whole(made))
    assert made.cloud().verify(tmp_path).changed == []
