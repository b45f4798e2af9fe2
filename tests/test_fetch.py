"""The main job from end to end, against the sandbox: exactly the truth, no row twice, coverage and finality right."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lastpage import UsageError
from lastpage.extraction.summary import Summary
from tests.inprocess import FEW, NOW, World, talk, world
from tests.readback import ids, lines, ranges, table
from tests.test_walls import cut_at

DAY = datetime(2023, 10, 10, tzinfo=UTC)
DAYS = timedelta(days=1)
HOUR = timedelta(hours=1)


def check(box: World, summary: Summary, folder: Path, start: datetime, end: datetime) -> None:
    """Exactly the truth, each row once, and the summary says so."""
    found = ids(folder)
    assert len(found) == len(set(found))
    assert set(found) == box.truth(start, end)
    assert summary.conversations == len(found)
    assert summary.coverage == "complete"


def old(box: World, folder: Path, interval: str = "2023-10-10/2023-10-13") -> Summary:
    """Three days long past: one job, final."""
    summary = box.cloud().fetch(interval, folder)
    check(box, summary, folder, DAY, DAY + 3 * DAYS)
    assert summary.finality == "final"
    return summary


def recent(box: World, folder: Path, **asked: Any) -> Summary:
    """Yesterday's evening to now: by both routes, provisional."""
    start, end = NOW - 20 * HOUR, NOW - timedelta(minutes=1)
    summary = box.cloud().fetch(f"{start.isoformat()}/{end.isoformat()}", folder, **asked)
    check(box, summary, folder, start, end)
    assert summary.finality == "provisional"
    return summary


@pytest.mark.invariant("Sharing the API")
def test_days_long_past(tmp_path: Path) -> None:
    """Three days in bulk are one job, deleted once it is read, and every table is there."""
    box = world()
    summary = old(box, tmp_path)
    assert summary.slices == 1
    assert box.sandbox.jobs.live == []
    assert box.sandbox.counters["jobs.submit"] == 1
    truth = box.sandbox.truth(DAY, DAY + 3 * DAYS)
    assert Counter(row["conversation_id"] for row in table(tmp_path, "participants")) == Counter(
        {name: len(record["participants"]) for name, record in truth.items()}
    )


@pytest.mark.invariant("Complete")
def test_across_the_watermark(tmp_path: Path) -> None:
    """Every conversation that started in the interval is there once, also across the watermark."""
    box = world()
    recent(box, tmp_path)
    assert {version.route for version in ranges(tmp_path)} == {"pages", "cursor"}


def test_an_empty_range(tmp_path: Path) -> None:
    """No conversations is an answer: complete, zero rows, and the range is recorded."""
    box = world(per_day=0)
    summary = old(box, tmp_path)
    assert summary.conversations == 0
    assert [version.conversations for version in ranges(tmp_path)] == [0, 0, 0]


@pytest.mark.invariant("Complete")
@pytest.mark.parametrize("count", [99, 100, 101, 200])
@pytest.mark.parametrize("route", ["pages", "cursor"])
def test_full_pages(tmp_path: Path, count: int, route: str) -> None:
    """No page boundary loses a row: one page exactly full, one row more, one row less."""
    box = world(per_day=0)
    box.sandbox.world.add(
        *(talk(number, DAY + number * timedelta(minutes=3)) for number in range(count))
    )
    summary = box.cloud().fetch("2023-10-10", tmp_path, paginate=route, page_size=100)
    check(box, summary, tmp_path, DAY, DAY + DAYS)
    assert summary.conversations == count


@pytest.mark.invariant("Complete")
@pytest.mark.parametrize("route", ["pages", "cursor"])
def test_across_midnight(tmp_path: Path, route: str) -> None:
    """A conversation belongs to the UTC day it started in, with its true end, and to no other."""
    box = world(per_day=0)
    late = talk(1, DAY + 23 * HOUR + 50 * timedelta(minutes=1), 30)
    box.sandbox.world.add(late, talk(2, DAY + DAYS + HOUR))
    summary = box.cloud().fetch("2023-10-10/2023-10-12", tmp_path, paginate=route)
    check(box, summary, tmp_path, DAY, DAY + 2 * DAYS)
    row = next(row for row in table(tmp_path) if row["conversation_id"] == late.id)
    assert row["conversation_end"] == DAY + DAYS + timedelta(minutes=20)


@pytest.mark.invariant("Complete")
@pytest.mark.parametrize("route", ["pages", "cursor"])
def test_active_but_not_started_here(tmp_path: Path, route: str) -> None:
    """What was only active in an interval is not taken there, and not missing in its own day."""
    box = world(per_day=0)
    box.sandbox.world.add(
        talk(1, DAY - 2 * DAYS, 4 * 24 * 60), talk(2, DAY + HOUR), talk(3, DAY + 14 * HOUR, 60)
    )
    noon = DAY + 12 * HOUR
    summary = box.cloud().fetch(
        f"{noon.isoformat()}/{(DAY + DAYS).isoformat()}", tmp_path, paginate=route
    )
    check(box, summary, tmp_path, noon, DAY + DAYS)
    assert summary.conversations == 1


def test_open_conversations_are_provisional(tmp_path: Path) -> None:
    """A range with a conversation that is still open is complete, and provisional."""
    box = world(per_day=0)
    box.sandbox.world.add(talk(1, DAY, None))
    summary = box.cloud().fetch("2023-10-10", tmp_path)
    assert (summary.coverage, summary.finality) == ("complete", "provisional")


PLACES = [
    "token",
    "details.query",
    "jobs.submit",
    "jobs.status",
    "jobs.results",
    "jobs.delete",
    "jobs.availability",
]
TROUBLE = [
    *(
        "return-429",
        "return-429-after:7",
        "return-500",
        "html-502",
        "return-503",
        "return-504",
        "return-408",
    ),
    *("reset", "cut-after-1k", "truncate-json", "bad-gzip", "stall-5s"),
]


@pytest.mark.invariant("Complete")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("word", TROUBLE)
def test_trouble(tmp_path: Path, place: str, word: str) -> None:
    """Whatever goes wrong once, anywhere, the result is the truth."""
    box = world(per_day=20)
    box.sandbox.faults.put(place, word)
    summary = recent(box, tmp_path, tables=FEW)
    assert box.sandbox.faults.receipts == [(place, word)]
    if word not in ("stall-5s", "bad-gzip", "truncate-json", "cut-after-1k"):
        assert summary.retries == 1


@pytest.mark.parametrize("place", PLACES[1:])
def test_a_token_lost_in_mid_walk(tmp_path: Path, place: str) -> None:
    """A token that ends in the middle is renewed once, and no page is lost."""
    box = world(per_day=60)
    box.sandbox.faults.put(place, "pass", "expire-token") if place in (
        "details.query",
        "jobs.results",
    ) else box.sandbox.faults.put(place, "expire-token")
    box.sandbox.world.add(*(talk(number, DAY) for number in range(5)))
    recent(box, tmp_path, tables=FEW)
    assert (
        box.sandbox.counters["token"] == 2
        or ("jobs.results", "expire-token") not in box.sandbox.faults.receipts
    )


@pytest.mark.invariant("Complete")
@pytest.mark.parametrize(
    "words",
    [["short-page"], ["empty-page"], ["empty-page", "empty-page", "short-page"], ["repeat-page"]],
)
def test_odd_result_pages(tmp_path: Path, words: list[str]) -> None:
    """A short or empty page with a cursor is not the end; a page that comes twice counts once."""
    box = world(per_day=60)
    box.sandbox.faults.put("jobs.results", "pass", *words)
    summary = box.cloud().fetch("2023-10-10/2023-10-13", tmp_path, page_size=20, tables=FEW)
    check(box, summary, tmp_path, DAY, DAY + 3 * DAYS)
    assert not box.sandbox.faults.pending
    assert (summary.duplicates > 0) == ("repeat-page" in words)


@pytest.mark.invariant("Complete")
@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("jobs.status", ["fail-job"]),
        ("jobs.status", ["cancel-job"]),
        ("jobs.status", ["expire-job"]),
        ("jobs.status", ["lose-job"]),
        ("jobs.results", ["lose-job"]),
        ("jobs.results", ["pass", "pass", "lose-job"]),
        ("jobs.results", ["pass", "expire-job"]),
        ("jobs.results", ["pass", "loop-cursor"]),
    ],
)
def test_jobs_that_die(tmp_path: Path, place: str, words: list[str]) -> None:
    """A job that fails or vanishes is submitted again, and its pages are not mixed in."""
    box = world(per_day=60)
    box.sandbox.faults.put(place, *words)
    summary = box.cloud().fetch("2023-10-10/2023-10-13", tmp_path, page_size=20, tables=FEW)
    check(box, summary, tmp_path, DAY, DAY + 3 * DAYS)
    assert box.sandbox.counters["jobs.submit"] == 2
    assert any("reading it again" in note for note in summary.notes)


def test_a_token_that_ends_while_one_waits(tmp_path: Path) -> None:
    """Tokens may end twice while one request is repeated; each new one is tried, and only a fresh one that is refused ends it."""
    box = world(token_lifetime_s=300)
    box.sandbox.faults.put(
        "jobs.results", "expire-token", "return-503", "expire-token", "return-429-after:400"
    )
    assert box.cloud().fetch("2023-10-11", tmp_path).coverage == "complete"


def test_a_job_that_always_fails(tmp_path: Path) -> None:
    """Resubmission is bounded: after four attempts the slice is short, says why, and is tried again by the same command."""
    box, days = world(per_day=60), "2023-10-10/2023-10-13"
    box.sandbox.faults.put("jobs.status", *["fail-job"] * 4)
    summary = box.cloud().fetch(days, tmp_path, paginate="cursor")
    assert summary.coverage == "short"
    assert box.sandbox.counters["jobs.submit"] == 4
    assert any("4 attempts were lost" in note for note in summary.notes)
    assert box.cloud().fetch(days, tmp_path, paginate="cursor").coverage == "complete"
    assert box.sandbox.counters["jobs.submit"] == 5
    assert set(ids(tmp_path)) == box.truth(DAY, DAY + 3 * DAYS)


@pytest.mark.invariant("Destinations")
def test_again_with_other_cuts(tmp_path: Path) -> None:
    """Reading a range again, in other parts, changes nothing and makes no twins."""
    box = world(per_day=60)
    old(box, tmp_path)
    before = table(tmp_path, "segments")
    for interval in ("2023-10-10T07:30Z/2023-10-11T09:15Z", "2023-10-11", "2023-10-10/2023-10-13"):
        box.cloud().fetch(interval, tmp_path)
        assert set(ids(tmp_path)) == box.truth(DAY, DAY + 3 * DAYS)
    assert table(tmp_path, "segments") == before


def test_october_then_november(tmp_path: Path) -> None:
    """Intervals accumulate in one destination."""
    box = world(per_day=20, now=datetime(2023, 12, 5, tzinfo=UTC))
    box.cloud().fetch("2023-10", tmp_path, tables=FEW)
    summary = box.cloud().fetch("2023-11", tmp_path, tables=FEW)
    assert set(ids(tmp_path)) == box.truth(
        datetime(2023, 10, 1, tzinfo=UTC), datetime(2023, 12, 1, tzinfo=UTC)
    )
    assert summary.coverage == "complete"
    assert len(ranges(tmp_path)) == 61


@pytest.mark.invariant("Truthful")
def test_a_provisional_day_becomes_final(tmp_path: Path) -> None:
    """Once the watermark has passed, the job's version replaces the one of page numbers."""
    box = world()
    recent(box, tmp_path)
    box.clock.sleep(3 * 86_400)
    day = NOW.replace(hour=0, minute=0, second=0)
    summary = box.cloud().fetch("2023-10-20", tmp_path)
    assert {version.route for version in ranges(tmp_path) if version.interval.start >= day} == {
        "cursor"
    }
    assert summary.finality in ("final", "provisional")
    assert len(ids(tmp_path)) == len(set(ids(tmp_path)))


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz", "x.jsonl.zst"])
def test_json_lines(tmp_path: Path, name: str) -> None:
    """JSON lines hold the API's own records, whatever the compression, and a second range is appended."""
    box = world(per_day=60)
    path = tmp_path / name
    for interval in ("2023-10-10", "2023-10-11/2023-10-13"):
        assert box.cloud().fetch(interval, path).coverage == "complete"
    found = {record["conversationId"]: record for record in lines(path)}
    assert found == box.sandbox.truth(DAY, DAY + 3 * DAYS)
    assert len(lines(path)) == len(found)


@pytest.mark.invariant("Crash-safe")
def test_json_lines_again(tmp_path: Path) -> None:
    """Killed once everything is recorded and before anybody was told: the same command says so, and asks for nothing."""
    box = world(per_day=60)
    path = tmp_path / "x.jsonl"
    first = box.cloud().fetch("2023-10-10/2023-10-12", path)
    there = path.read_bytes()
    box.sandbox.counters.clear()
    for interval, days in (("2023-10-10/2023-10-12", 2), ("2023-10-11", 1)):
        again = box.cloud().fetch(interval, path)
        assert (again.coverage, again.finality) == (first.coverage, first.finality)
        assert again.conversations == len(box.truth(DAY + (2 - days) * DAYS, DAY + 2 * DAYS))
        assert any("nothing was fetched" in note for note in again.notes)
    assert set(box.sandbox.counters) == {"token", "organization"}
    for in_part in ("2023-10-10/2023-10-13", "2023-10-10T06:00Z/2023-10-12"):
        with pytest.raises(UsageError, match="cannot replace"):
            box.cloud().fetch(in_part, path)
    assert path.read_bytes() == there


@pytest.mark.invariant("Truthful")
def test_unproven_json_lines_again(tmp_path: Path) -> None:
    """What is recorded is told as what it is: unproven stays unproven, and provisional stays provisional."""
    box = world(per_day=60, availability="403")
    for _ in range(2):
        summary = box.cloud().fetch("2023-10-10", tmp_path / "x.jsonl")
        assert (summary.coverage, summary.finality) == ("unproven", "provisional")


def test_many_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several threads bring the same as one."""
    cut_at(100, monkeypatch)
    box = world(threads=4)
    summary = box.cloud().fetch("2023-10-10/2023-10-13", tmp_path, paginate="pages", page_size=10)
    check(box, summary, tmp_path, DAY, DAY + 3 * DAYS)
    assert summary.slices > 4


@pytest.mark.invariant("Complete")
def test_in_bad_weather(tmp_path: Path) -> None:
    """With one answer in five going wrong, the result is the truth."""
    box = world(profile="hostile", per_day=100, seed=3)
    summary = box.cloud().fetch("2023-10-10/2023-10-13", tmp_path, page_size=12)
    check(box, summary, tmp_path, DAY, DAY + 3 * DAYS)
    assert len(box.sandbox.faults.receipts) > 3


def test_without_the_watermark(tmp_path: Path) -> None:
    """Where availability is refused, a lag is assumed, everything is fetched, and what cannot be proved is said."""
    box = world(per_day=60, availability="403")
    summary = box.cloud().fetch("2023-10-10/2023-10-13", tmp_path)
    assert set(ids(tmp_path)) == box.truth(DAY, DAY + 3 * DAYS)
    assert (summary.coverage, summary.finality) == ("unproven", "provisional")


def test_a_forced_job_past_the_watermark(tmp_path: Path) -> None:
    """A job beyond the watermark is silently partial; ours says unproven."""
    box = world()
    summary = box.cloud().fetch("24h", tmp_path, paginate="cursor")
    assert summary.coverage == "unproven"
    assert any("jobs reached only" in note for note in summary.notes)
    # Reading it again would bring the same: the watermark is at fault, not the walk.
    assert box.sandbox.counters["jobs.submit"] == summary.slices


def test_iterating() -> None:
    """Iterating yields the truth, records as the API sent them, attributes included."""
    box = world(per_day=60)
    found = list(box.cloud().conversations("2023-10-10/2023-10-13"))
    assert {record["conversationId"]: record for record in found} == box.sandbox.truth(
        DAY, DAY + 3 * DAYS
    )
    assert len(found) == len({record["conversationId"] for record in found})


def test_pages_tell_what_the_api_said() -> None:
    """For those who want pages: count, total hits and continuation of each, and the same rows in all."""
    box = world()
    numbered = list(box.cloud().pages("2023-10-10", paginate="pages"))
    assert [page.continuation for page in numbered[:2]] == [2, 3]
    assert numbered[-1].continuation is None
    truth = box.truth(DAY, DAY + DAYS)
    assert {record["conversationId"] for page in numbered for record in page.conversations} == truth
    assert numbered[0].total_hits == len(truth)
    cursors = list(box.cloud().pages("2023-10-10", page_size=100))
    assert all(isinstance(page.continuation, str) for page in cursors[:-1])
    assert cursors[-1].continuation is None
    assert sum(page.count for page in cursors) == len(truth)
