"""A small extract of which nothing is kept that only jobs bring: by page numbers, at once; a job has the last word."""

from pathlib import Path
from typing import Any

import pytest

from lastpage import Summary, UsageError
from lastpage.query.interval import Interval
from lastpage.query.written import parse_interval
from lastpage.tables.selection import Selection
from tests.inprocess import World, world
from tests.readback import ids, ranges

DAY = "2023-10-10"
KEPT: dict[str, Any] = {"tables": "sessions", "names": False}


def jobs(made: World) -> int:
    return made.sandbox.counters["jobs.submit"]


def fetch(made: World, to: Path, interval: str = DAY, **options: Any) -> Summary:
    return made.cloud().fetch(interval, to, **KEPT, **options)


def truth(made: World, interval: str = DAY) -> list[str]:
    whole = parse_interval(interval)
    assert isinstance(whole, Interval)
    return sorted(made.truth(whole.start, whole.end))


@pytest.mark.parametrize(
    "kept",
    [
        {},
        {"tables": "participant_attributes"},
        {"tables": "oddities"},
        {"tables": "broken"},
        {"tables": "sessions", "keep_raw": True},
        {"tables": "sessions", "attributes": "order"},
    ],
    ids=str,
)
def test_what_needs_a_job(tmp_path: Path, kept: dict[str, Any]) -> None:
    """All tables, attributes in any form, whole records: these are only in a job."""
    made = world()
    made.cloud().fetch(DAY, tmp_path, names=False, **kept)
    assert jobs(made) == 1


def test_what_needs_none(tmp_path: Path) -> None:
    """Other tables of a settled day come by page numbers, whole; the plan says so beforehand."""
    made = world()
    planned = made.cloud().plan(DAY, tables="sessions")
    assert [(each.route, "needs no job" in each.reason) for each in planned] == [("pages", True)]
    assert [each.route for each in made.cloud().plan(DAY)] == ["cursor"]
    assert fetch(made, tmp_path).coverage == "complete"
    assert sorted(ids(tmp_path)) == truth(made)
    assert jobs(made) == 0


def test_a_job_has_the_last_word(tmp_path: Path) -> None:
    """It is provisional, and says why; the same command reads it by job, and then there is nothing left to read."""
    made = world()
    first, second, third = (fetch(made, tmp_path) for _ in range(3))
    assert [each.finality for each in (first, second, third)] == ["provisional", "final", "final"]
    assert "the same command again reads it by job" in " ".join(first.notes)
    assert "by job" not in " ".join(second.notes)
    assert "1 of 1 days is final and here" in " ".join(third.notes)
    assert [each.route for each in ranges(tmp_path)] == ["cursor"]
    assert jobs(made) == 1


@pytest.mark.parametrize("filters", [{"media": "voice"}, {"direction": "inbound"}], ids=str)
def test_what_filters_leave(tmp_path: Path, filters: dict[str, Any]) -> None:
    """Of a filtered extract the same comes at once as by job."""
    made = world()
    fetch(made, tmp_path / "at once", **filters)
    assert jobs(made) == 0
    fetch(made, tmp_path / "by job", paginate="cursor", **filters)
    assert sorted(ids(tmp_path / "at once")) == sorted(ids(tmp_path / "by job")) != []


def test_where_something_is_held(tmp_path: Path) -> None:
    """A destination that holds something is gone on with by job, whatever has read it."""
    made = world()
    fetch(made, tmp_path / "by job", paginate="cursor")
    fetch(made, tmp_path / "by job", refresh=True)
    fetch(made, tmp_path / "by job", "2023-10-11")
    assert jobs(made) == 3
    fetch(made, tmp_path / "at once")
    assert jobs(made) == 3
    fetch(made, tmp_path / "at once", "2023-10-11")
    assert jobs(made) == 4


def test_a_sync_reads_by_job(tmp_path: Path) -> None:
    """Never in a sync, whatever it keeps and however small it is."""
    made = world(per_day=20)
    made.cloud().sync(tmp_path, since="2023-10-18", **KEPT)
    assert jobs(made) == 1


def test_a_single_file_is_read_by_job(tmp_path: Path) -> None:
    """A file of one table is handed on, and nobody gives the command twice."""
    made = world(per_day=20)
    summary = made.cloud().fetch(DAY, tmp_path / "x.csv", table="sessions", names=False)
    assert (summary.finality, jobs(made)) == ("final", 1)


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize(
    "words",
    [
        ["pass", "index-out-for-900s"],
        ["pass", "index-half-for-900s"],
        ["pass", "pass", "repeat-page"],
        ["pass", "pass", "first-page"],
        ["pass", "pass", "return-400"],
        ["index-out-for-900s"],
    ],
    ids=" ".join,
)
def test_whatever_does_not_agree(tmp_path: Path, words: list[str]) -> None:
    """What was counted and does not come, or comes otherwise, or that nothing was counted: a job reads it, at once."""
    made = world()
    made.sandbox.faults.put("details.query", *words)
    summary = fetch(made, tmp_path)
    assert words[-1] in {word for _, word in made.sandbox.faults.receipts}
    assert (summary.coverage, summary.finality, jobs(made)) == ("complete", "final", 1)
    assert sorted(ids(tmp_path)) == truth(made)


@pytest.mark.invariant("Truthful")
def test_an_index_that_lacks_half(tmp_path: Path) -> None:
    """Through plan, pages and counts: no client can see it by page numbers. It is never called final, and the job brings all."""
    made = world()
    made.sandbox.faults.put("details.query", "index-half-for-900s")
    summary = fetch(made, tmp_path)
    assert (summary.coverage, summary.finality) == ("complete", "provisional")
    assert len(ids(tmp_path)) < len(truth(made))
    summary = fetch(made, tmp_path)
    assert (summary.coverage, summary.finality) == ("complete", "final")
    assert sorted(ids(tmp_path)) == truth(made)


def test_a_second_reading_is_by_job(tmp_path: Path) -> None:
    """Whoever verifies the content holds page numbers against a job."""
    made = world()
    fetch(made, tmp_path)
    assert made.cloud().verify(tmp_path, content=True).changed == []
    assert jobs(made) == 1


def test_arrow_needs_none_either() -> None:
    """The same of tables that go to the caller."""
    made = world()
    got = dict.fromkeys(name for name, _ in made.cloud().tables(DAY, **KEPT))
    assert "sessions" in got
    assert jobs(made) == 0
    list(made.cloud().tables(DAY, names=False))
    assert jobs(made) == 1


def test_a_slice_without_a_job_has_no_attributes() -> None:
    """A slice that was planned for other tables is not read for one that needs a job: it would be empty, and nobody would know."""
    made = world()
    (small,) = made.cloud().plan(DAY, tables="sessions")
    assert sum(batch.num_rows for _, batch in made.cloud().read(small, "sessions"))
    with pytest.raises(UsageError, match="planned for tables that need no job"):
        list(made.cloud().read(small, "participant_attributes"))
    (whole,) = made.cloud().plan(DAY)
    assert sum(batch.num_rows for _, batch in made.cloud().read(whole, "participant_attributes"))


def test_a_selection_says_what_it_needs() -> None:
    """Without a choice everything is kept."""
    assert Selection().needs_jobs
    assert Selection(drop=("ani",)).needs_jobs
    assert not Selection(tables=("segments", "conversation_overview")).needs_jobs
