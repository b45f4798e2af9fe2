"""The run as a whole: what evidence does to a verdict, and what is left behind when it ends early."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sqlite3 import Row
from typing import Any

import pytest

from lastpage import RejectedError, Summary
from lastpage.api.messages import Answer, Call
from lastpage.clock import RealClock
from lastpage.coverage.tally import LOST_MAX
from lastpage.errors import Interrupted
from lastpage.ledger.records import Planned
from lastpage.planning.planner import Planner
from lastpage.planning.slices import Slice
from lastpage.query.interval import Interval
from lastpage_sandbox import Skeleton
from tests.inprocess import NOW, InProcess, World, talk, world
from tests.readback import ids, lines

TODAY = NOW.replace(hour=0, minute=0, second=0)
HOUR = timedelta(hours=1)
ACROSS = "2023-10-20T06:00Z/2023-10-20T14:00Z"
#: Starts before the watermark (09:00) and lives past it, so both routes can see it.
WITNESSED = talk(1, TODAY.replace(hour=8, minute=30), minutes=120)


@dataclass
class Meddling(InProcess):
    """Does something to the world before a request that the test is waiting for."""

    when: Callable[[Call], bool]
    act: Callable[[], Any]

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        if self.when(call):
            self.act()
        return super().send(base, call, headers)


def at_watermark(call: Call) -> bool:
    """A page of the part after the watermark; probes have a page size of 1."""
    body: Any = json.loads(call.body) if call.body and call.path.endswith("/query") else {}
    return body.get("interval", "").startswith("2023-10-20T09") and body["paging"]["pageSize"] > 1


@pytest.mark.invariant("Truthful")
def test_a_hole_that_another_slice_saw(tmp_path: Path) -> None:
    """A row that another slice saw and its owner lacks is read again, and is then there, once."""
    made = world()
    meddling = Meddling(made.sandbox, at_watermark, lambda: made.sandbox.world.add(WITNESSED))
    summary = made.cloud(transport=meddling).fetch(ACROSS, tmp_path)
    assert summary.coverage == "complete"
    assert any("lacks 1 that others saw" in note for note in summary.notes)
    found = ids(tmp_path)
    assert WITNESSED.id in found
    assert sorted(found) == sorted(made.truth(TODAY.replace(hour=6), TODAY.replace(hour=14)))


def test_a_hole_in_a_file_that_grows(tmp_path: Path) -> None:
    """Lines cannot be replaced: what was found late is appended, once, and nothing that is there comes again."""
    made = world()
    meddling = Meddling(made.sandbox, at_watermark, lambda: made.sandbox.world.add(WITNESSED))
    summary = made.cloud(transport=meddling).fetch(ACROSS, tmp_path / "x.jsonl")
    assert summary.coverage == "complete"
    found = [record["conversationId"] for record in lines(tmp_path / "x.jsonl")]
    assert found[-1] == WITNESSED.id
    assert sorted(found) == sorted(made.truth(TODAY.replace(hour=6), TODAY.replace(hour=14)))


@pytest.mark.invariant("Destinations")
def test_a_short_file_that_grows(tmp_path: Path) -> None:
    """A short run that goes on appends only the rows that were missing."""
    made = world(per_day=60)
    made.sandbox.faults.put("jobs.status", *["fail-job"] * 4)
    place = tmp_path / "x.jsonl"
    for coverage in ("short", "complete"):
        assert made.cloud().fetch("2023-10-10", place, paginate="cursor").coverage == coverage
    assert sorted(record["conversationId"] for record in lines(place)) == sorted(
        _truth_of(made, 10)
    )


@pytest.mark.invariant("Truthful")
def test_a_hole_that_stays(tmp_path: Path) -> None:
    """A row that another slice saw and its owner never brings makes the run short."""
    made = world()
    hidden = Hidden(made.sandbox, _but_to_the_last_slice)
    summary = made.cloud(transport=hidden).fetch(ACROSS, tmp_path)
    assert summary.coverage == "short"
    assert any("another slice saw" in note for note in summary.notes)


def test_a_hole_of_a_job_that_page_numbers_fill(tmp_path: Path) -> None:
    """A row that no job brings is read by page numbers, at the end of the run."""
    made = world()
    summary = made.cloud(transport=Hidden(made.sandbox, _by_job)).fetch(ACROSS, tmp_path)
    assert summary.coverage == "complete"
    assert WITNESSED.id in ids(tmp_path)


def test_a_hole_that_was_deleted(tmp_path: Path) -> None:
    """What was seen and then deleted is not missing: asked for by id it is gone, nothing is read again, and the run says so."""
    made = world()
    summary = made.cloud(transport=Hidden(made.sandbox, lambda call: not at_watermark(call))).fetch(
        ACROSS, tmp_path
    )
    assert summary.coverage == "complete"
    assert any("gone by now" in note for note in summary.notes)
    assert made.sandbox.counters["jobs.submit"] == 1
    assert WITNESSED.id not in ids(tmp_path)


@pytest.mark.invariant("Truthful")
def test_a_hole_that_is_deleted_before_the_next_run(tmp_path: Path) -> None:
    """A run is not short for ever because of a row that was deleted since another slice saw it."""
    made = world()
    hidden = Hidden(made.sandbox, _but_to_the_last_slice)
    assert made.cloud(transport=hidden).fetch(ACROSS, tmp_path).coverage == "short"
    made.sandbox.world.remove(WITNESSED.id)
    assert made.cloud().fetch(ACROSS, tmp_path).coverage == "complete"


@pytest.mark.parametrize("counts", ["day+overlap", "exact-start", "whole-day"])
def test_a_job_that_lacks_rows_of_a_part_of_a_day(tmp_path: Path, counts: str) -> None:
    """Threads of the morning hide no missing row of the afternoon, whatever the API counts."""
    made = world(per_day=0, sync_interval=counts)
    morning = datetime(2023, 10, 10, 7, tzinfo=UTC)
    talks = [
        talk(number, morning + number * timedelta(minutes=5), minutes=900) for number in range(120)
    ]
    made.sandbox.world.add(*talks)
    lacking = Hidden(made.sandbox, _by_job, talks[100:110])
    summary = made.cloud(transport=lacking).fetch("2023-10-10T12:00Z/2023-10-11", tmp_path)
    assert (summary.coverage, summary.conversations) == ("unproven", 50)


def _by_job(call: Call) -> bool:
    return "/jobs" in call.path


def _but_to_the_last_slice(call: Call) -> bool:
    """All but the last slice and what is asked by id."""
    return not at_watermark(call) and not call.path.endswith("/details")


@dataclass
class Hidden(InProcess):
    """Some conversations are there, but not to the requests that they hide from."""

    hides: Callable[[Call], bool]
    hidden: Sequence[Skeleton] = (WITNESSED,)

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        if self.hides(call):
            self.sandbox.world.remove(*(each.id for each in self.hidden))
        else:
            self.sandbox.world.add(*self.hidden)
        return super().send(base, call, headers)


@pytest.mark.invariant("Crash-safe")
def test_a_spool_that_the_disk_damaged(tmp_path: Path) -> None:
    """Pages that the disk has damaged are fetched anew by the same command."""
    made = world()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lastpage.sinks.folder.Folder.replace", full)
        with pytest.raises(OSError, match="space"):
            made.cloud().fetch("2023-10-10", tmp_path)
    segment = next((tmp_path / ".lastpage" / "spool").glob("*.pages"))
    damaged = bytearray(segment.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    segment.write_bytes(damaged)
    summary = made.cloud().fetch("2023-10-10", tmp_path)
    assert summary.coverage == "complete"
    assert sorted(ids(tmp_path)) == sorted(_truth_of(made, 10))


def test_a_client_serves_again_after_a_run_that_failed(tmp_path: Path) -> None:
    """What stops one run's threads does not stop the next run of the same client."""
    made = world(threads=2)
    cloud = made.cloud()
    with made.outage("jobs.results"):
        cloud.fetch("2023-10-10", tmp_path)
    assert cloud.fetch("2023-10-10", tmp_path).coverage == "complete"


def test_stopping_the_clock() -> None:
    """A stopped clock wakes all who sleep, and sleeps again for the next."""
    clock = RealClock()
    sleepers = clock._stopped
    clock.stop()
    assert sleepers.is_set()
    clock.sleep(0)
    clock._stopped.set()
    with pytest.raises(Interrupted):
        clock.sleep(60)


@pytest.mark.parametrize("threads", [1, 3])
def test_leaving_early(threads: int) -> None:
    """A caller that has seen enough of an iteration may leave it, and nothing complains."""
    made = world(threads=threads)
    for _ in made.cloud().conversations("2023-10-10/2023-10-13"):
        break


def test_a_finished_run_leaves_no_pages_behind(tmp_path: Path) -> None:
    """The ledger keeps verdicts, not requests: it does not grow with what was fetched."""
    made = world()
    made.cloud().fetch("2023-10-10", tmp_path)
    from lastpage.ledger.ledger import Ledger

    ledger = Ledger(tmp_path / ".lastpage")
    rows = {
        name: ledger._db.execute(f"select count(*) from {name}").fetchone()[0]
        for name in ("slice", "page", "owned")
    }
    assert rows == {"slice": 1, "page": 0, "owned": 0}
    assert list(ledger.spool.folder.iterdir()) == []


def test_another_zone_is_another_command(tmp_path: Path) -> None:
    """`2023-10-10` of another zone does not take up the unfinished run of this one."""
    from zoneinfo import ZoneInfo

    made = world()
    with made.outage("jobs.results"):
        made.cloud().fetch("2023-10-10", tmp_path)
    made.cloud().fetch("2023-10-10", tmp_path, tz=ZoneInfo("Asia/Tokyo"))
    start = datetime(2023, 10, 9, 15, tzinfo=UTC)
    assert sorted(ids(tmp_path)) == sorted(made.truth(start, start + timedelta(days=1)))


def test_a_page_size_that_is_too_large(tmp_path: Path) -> None:
    """`page_size=200` is lowered to what the details query gives, and the summary says so."""
    made = world()
    summary = made.cloud().fetch("2023-10-20T10:00Z/2023-10-20T12:00Z", tmp_path, page_size=200)
    assert summary.coverage == "complete"
    assert any("page size of 200" in note for note in summary.notes)
    asked = {
        entry.json["paging"]["pageSize"]
        for entry in made.sandbox.log
        if entry.endpoint == "details.query"
    }
    assert asked == {1, 100}


def _truth_of(made: World, day: int) -> set[str]:
    start = datetime(2023, 10, day, tzinfo=UTC)
    return made.truth(start, start + timedelta(days=1))


@pytest.mark.parametrize(("minutes", "asked_again"), [(1, False), (10, True)])
def test_page_numbers_go_on_only_while_fresh(
    tmp_path: Path, minutes: int, asked_again: bool
) -> None:
    """Rows slide: a page-number walk goes on where it stopped for five minutes, after that it begins anew."""
    made = world(per_day=3000)
    span = "2023-10-20T10:00Z/2023-10-20T12:00Z"
    made.sandbox.faults.put("details.query", *["pass"] * 5, "return-404")
    with pytest.raises(RejectedError):
        made.cloud().fetch(span, tmp_path)
    before = _pages_asked(made)
    made.clock.sleep(minutes * 60)
    summary = made.cloud().fetch(span, tmp_path)
    second = _pages_asked(made)[len(before) :]
    assert before[:2] == [1, 2]
    assert summary.coverage == "complete"
    assert (1 in second) == asked_again
    assert sorted(ids(tmp_path)) == sorted(
        made.truth(TODAY.replace(hour=10), TODAY.replace(hour=12))
    )


def _pages_asked(made: World) -> list[int]:
    """The page numbers that were asked for, in order; probes have a page size of 1."""
    asked = (
        entry.json["paging"]
        for entry in made.sandbox.log
        if entry.endpoint == "details.query" and entry.json
    )
    return [paging["pageNumber"] for paging in asked if paging["pageSize"] > 1]


@pytest.mark.invariant("Crash-safe")
def test_a_command_that_means_more_by_now(tmp_path: Path) -> None:
    """`24h`, left unfinished yesterday, is finished today, and then the last 24 hours are read."""
    made = world(per_day=60)
    with made.outage("jobs.results"):
        made.cloud().fetch("24h", tmp_path)
    made.clock.sleep(23 * 3600)
    summary = made.cloud().fetch("24h", tmp_path)
    assert any("by now" in note for note in summary.notes)
    until = datetime.fromtimestamp(made.clock.now(), UTC) - timedelta(minutes=2)
    assert made.truth(NOW - timedelta(hours=24), until) <= set(ids(tmp_path))


def test_a_resumed_run_notes_each_thing_once(tmp_path: Path) -> None:
    """Up to when an interval is read, and which fields are unknown, is noted once, though two runs follow each other."""
    made = world(per_day=60, tomorrow_share=1.0)
    with made.outage("jobs.results"):
        made.cloud().fetch("2023-10-18/2023-10-22", tmp_path)
    made.clock.sleep(86_400)

    def wait() -> None:
        made.clock.sleep(1.5)

    slow = Meddling(made.sandbox, lambda _call: True, wait)
    summary = made.cloud(transport=slow).fetch("2023-10-18/2023-10-22", tmp_path)
    assert any("by now" in note for note in summary.notes)
    for words in ("the interval is read up to 2023-10-21", "the API sends"):
        assert sum(note.startswith(words) for note in summary.notes) == 1, words


def resumed_where_jobs_fail(place: Path, interval: str, days: int) -> tuple[World, Summary]:
    """A run that an outage stopped goes on some days later, when jobs fail, and by then means more."""
    made = world(per_day=60)
    with made.outage("jobs.results"):
        made.cloud().fetch(interval, place, paginate="cursor")
    made.sandbox.faults.put("jobs.status", *["fail-job"] * LOST_MAX)
    made.clock.sleep(days * 86_400)
    summary = made.cloud().fetch(interval, place, paginate="cursor")
    assert any("by now" in note for note in summary.notes)
    return made, summary


@pytest.mark.invariant("Truthful")
def test_an_unfinished_run_that_ends_short(tmp_path: Path) -> None:
    """A run that was resumed and is short makes the summary short, though what the command means by now is complete."""
    _, summary = resumed_where_jobs_fail(tmp_path, "24h", 2)
    assert (summary.coverage, summary.finality) == ("short", "provisional")
    assert any("attempts were lost" in note for note in summary.notes)


def test_a_day_that_was_not_over_and_short(tmp_path: Path) -> None:
    """What was short of a day that was not over is read again with the whole day, which then counts alone."""
    made, summary = resumed_where_jobs_fail(tmp_path, "2023-10-20", 5)
    assert summary.coverage == "complete"
    assert sorted(ids(tmp_path)) == sorted(_truth_of(made, 20))


def test_a_day_that_was_not_over(tmp_path: Path) -> None:
    """A day begun while it was running, and finished days later, is the whole day."""
    made = world(per_day=60)
    with made.outage("jobs.results"):
        made.cloud().fetch("2023-10-20", tmp_path)
    made.clock.sleep(5 * 86_400)
    summary = made.cloud().fetch("2023-10-20", tmp_path)
    assert summary.coverage == "complete"
    assert sorted(ids(tmp_path)) == sorted(_truth_of(made, 20))


@pytest.mark.invariant("Truthful")
def test_a_repair_that_has_to_be_cut(tmp_path: Path) -> None:
    """A repair that has to be cut into smaller slices is written, too."""
    made = world()

    def add() -> None:
        made.sandbox.world.add(WITNESSED)
        made.sandbox.faults.put(
            "jobs.results", *[] if made.sandbox.faults.receipts else ["wall-400"]
        )

    summary = made.cloud(transport=Meddling(made.sandbox, at_watermark, add)).fetch(
        ACROSS, tmp_path
    )
    assert summary.coverage == "complete"
    assert sorted(ids(tmp_path)) == sorted(
        made.truth(TODAY.replace(hour=6), TODAY.replace(hour=14))
    )


# Work that is done once ---------------------------------------------------------------------------


def slices_read(days: int, place: Path, patch: pytest.MonkeyPatch) -> int:
    """How many slices a fetch takes out of its ledger that has a slice of an hour in so many days."""
    read: list[Planned] = []

    def counted(row: Row) -> Planned:
        read.append(planned := from_row(row))
        return planned

    def cut(self: Planner, interval: Interval, *_: object) -> list[Slice]:
        parts = (Interval(at, at + HOUR) for at in steps(interval))
        return [Slice(n, each, each, "pages", "test", 0) for n, each in enumerate(parts, 1)]

    def steps(interval: Interval) -> Iterator[datetime]:
        return (interval.start + number * HOUR for number in range(0, 24 * days, 24))

    from_row = Planned.from_row
    patch.setattr(Planned, "from_row", counted)
    patch.setattr(Planner, "plan", cut)
    span = f"{TODAY - timedelta(days=days):%Y-%m-%d}/{TODAY:%Y-%m-%d}"
    world(per_day=4).cloud().fetch(span, place)
    patch.undo()
    assert len(read) > days
    return len(read)


def test_the_bookkeeping_of_many_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a slice costs in the ledger does not grow with the number of slices."""
    few, many = (slices_read(days, tmp_path / f"{days}", monkeypatch) for days in (10, 40))
    assert many < 5 * few
