"""What a fetch reads of days that are held: nothing of those that are final and here, and the summary names holes."""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lastpage import UsageError
from lastpage.extraction.choosing import holes
from lastpage.extraction.summary import Summary
from lastpage.ledger.ledger import Ledger
from lastpage.query.interval import Interval
from tests.contract.kinds import SINKS, Kind
from tests.contract.place import Place
from tests.crash.steps import Crash, Stepping, Steps
from tests.inprocess import NOW, World, talk, world
from tests.readback import ids, ranges, table

DAY = datetime(2023, 10, 10, tzinfo=UTC)
DAYS = timedelta(days=1)
HOUR = timedelta(hours=1)
TABLES = [kind for kind in SINKS.values() if kind.replaces]


def since(made: World, before: Counter[str]) -> Counter[str]:
    """What was asked for since, by endpoint."""
    return made.sandbox.counters - before


def told(summary: Summary, text: str) -> list[str]:
    return [note for note in summary.notes if text in note]


@pytest.mark.invariant("Sharing the API")
def test_days_that_are_final_and_here(tmp_path: Path) -> None:
    """Days that are held complete and final are not read again; the summary is of all that was asked for."""
    made = world(per_day=60)
    made.cloud().fetch("2023-10-11/2023-10-14", tmp_path)
    made.cloud().fetch("2023-10-15/2023-10-17", tmp_path)
    before = made.sandbox.counters.copy()
    summary = made.cloud().fetch("2023-10-11/2023-10-18", tmp_path)
    assert told(summary, "5 of 7 days are final and here; reading 2")
    assert since(made, before)["jobs.submit"] == summary.slices == 2
    assert (summary.coverage, summary.finality, summary.holes) == ("complete", "final", [])
    truth = made.truth(DAY + DAYS, DAY + 8 * DAYS)
    assert set(ids(tmp_path)) == truth
    assert summary.conversations == len(truth)


@pytest.mark.invariant("Sharing the API")
@pytest.mark.parametrize("span", ["2023-10-11/2023-10-14", "2023-01-10/2023-01-12"])
@pytest.mark.parametrize("kind", TABLES, ids=lambda kind: kind.name)
def test_nothing_is_left_to_read(tmp_path: Path, kind: Kind, span: str) -> None:
    """Where all days are final and here, three requests say so, also of days that are long past; no run is begun."""
    made = world(per_day=60)
    place = Place(made, kind, tmp_path)
    first = place.fetch(span, names=True)
    before = made.sandbox.counters.copy()
    summary = place.fetch(span, names=True, refresh=False)
    days = len(list(_interval(first).days()))
    assert told(summary, f"{days} of {days} days are final and here; --refresh reads them again")
    asked = since(made, before)
    assert asked <= Counter({"token": 1, "organization": 1, "jobs.availability": 1})
    assert (summary.slices, summary.pages, summary.requests) == (0, 0, asked.total())
    same = ("coverage", "finality", "conversations", "interval", "oddities", "destination")
    assert [getattr(summary, name) for name in same] == [getattr(first, name) for name in same]
    with closing(Ledger(place.state)) as ledger:
        assert ledger.unfinished(f"{span} auto") is None
        assert ledger._db.execute("select count(*) from run").fetchone()[0] == 1


def test_refresh(tmp_path: Path) -> None:
    """`refresh` reads what is final and here; so does a repair, of days that are not as the API counts them."""
    made = world(per_day=60)
    cloud = made.cloud()
    cloud.fetch("2023-10-10/2023-10-12", tmp_path)
    late = [talk(number, DAY + HOUR) for number in range(9)]
    made.sandbox.world.add(*late)
    new = {each.id for each in late}
    cloud.fetch("2023-10-10/2023-10-12", tmp_path)
    assert not new & set(ids(tmp_path))
    assert [proof.state for proof in cloud.verify(tmp_path).proofs] == ["missing", "same"]
    assert cloud.verify(tmp_path, repair=True).repaired == [str(Interval(DAY, DAY + DAYS))]
    assert new < set(ids(tmp_path))
    made.sandbox.world.add(talk(99, DAY + 30 * HOUR))
    summary = cloud.fetch("2023-10-10/2023-10-12", tmp_path, refresh=True)
    assert talk(99, DAY).id in ids(tmp_path)
    assert not told(summary, "final and here")


def test_lines_are_not_refreshed(tmp_path: Path) -> None:
    """Lines cannot be replaced, so nothing is sent to read them again."""
    made = world(per_day=60)
    for name in ("x.jsonl", "-"):
        with pytest.raises(UsageError, match="leave out --refresh"):
            made.cloud().fetch("2023-10-10", tmp_path / name if name != "-" else name, refresh=True)
    assert not made.sandbox.counters


@pytest.mark.invariant("Truthful")
def test_a_damaged_day_is_not_here(tmp_path: Path) -> None:
    """A day of which a table is gone in the destination is read again, whatever it has recorded; the others are not."""
    made = world(per_day=60)
    made.cloud().fetch("2023-10-10/2023-10-13", tmp_path)
    shutil.rmtree(tmp_path / "sessions" / "day=2023-10-11")
    summary = made.cloud().fetch("2023-10-10/2023-10-13", tmp_path)
    assert told(summary, "2 of 3 days are final and here; reading 1")
    assert summary.coverage == "complete"
    assert {row["conversation_id"] for row in table(tmp_path, "sessions")} == set(ids(tmp_path))
    elsewhere = tmp_path / "sessions" / "day=2023-10-12"
    shutil.rmtree(elsewhere)
    summary = made.cloud().fetch("2023-10-10", tmp_path)
    assert told(summary, "2023-10-12 is damaged")
    assert not elsewhere.exists()


def test_what_page_numbers_read_is_read_by_job(tmp_path: Path) -> None:
    """Days that page numbers read are as good as they get for who asks for page numbers, and not for others."""
    made = world(per_day=60)
    made.cloud().fetch("2023-10-10", tmp_path, paginate="pages")
    assert [each.finality for each in ranges(tmp_path)] == ["final"]
    same = made.cloud().fetch("2023-10-10", tmp_path, paginate="pages")
    assert told(same, "1 of 1 days is final and here")
    better = made.cloud().fetch("2023-10-10", tmp_path)
    assert not told(better, "final and here")
    assert [each.route for each in ranges(tmp_path)] == ["cursor"]


def test_what_may_change_is_read_again(tmp_path: Path) -> None:
    """What is provisional is read again by the same command, until it is final; then it is here."""
    made = world(per_day=60)
    made.sandbox.world.add(talk(1, DAY + HOUR, None))
    for _ in range(2):
        summary = made.cloud().fetch("2023-10-09/2023-10-11", tmp_path)
        assert summary.finality == "provisional"
    assert told(summary, "1 of 2 days is final and here; reading 1")
    made.sandbox.world.add(talk(1, DAY + HOUR, 60))
    made.clock.sleep(3_600)
    assert made.cloud().fetch("2023-10-09/2023-10-11", tmp_path).finality == "final"
    summary = made.cloud().fetch("2023-10-09/2023-10-11", tmp_path)
    assert told(summary, "2 of 2 days are final and here")


def test_rows_that_may_leave(tmp_path: Path) -> None:
    """A row that did not come again keeps its day from being final, so the same command asks for it an hour later."""
    made = world(per_day=60)
    made.cloud().fetch("2023-10-10", tmp_path)
    gone = ids(tmp_path)[0]
    made.sandbox.world.remove(gone)
    assert told(made.cloud().fetch("2023-10-10", tmp_path, refresh=True), "in an hour or later")
    made.clock.sleep(3_600)
    assert told(made.cloud().fetch("2023-10-10", tmp_path), "leave")
    assert gone not in ids(tmp_path)


@pytest.mark.invariant("Crash-safe")
def test_a_run_of_what_is_due_goes_on(tmp_path: Path) -> None:
    """A run that was stopped goes on with the days that it had chosen; another one reads everything."""
    made = world(per_day=60)
    span = "2023-10-10/2023-10-14"
    made.cloud().fetch("2023-10-10/2023-10-12", tmp_path)
    steps = Steps(at=12)
    with pytest.raises(Crash):
        made.cloud(transport=Stepping(made.sandbox, steps), disk=steps.disk).fetch(span, tmp_path)
    everything = made.cloud().fetch(span, tmp_path, refresh=True)
    assert not told(everything, "going on")
    assert set(ids(tmp_path)) == made.truth(DAY, DAY + 4 * DAYS)
    summary = made.cloud().fetch(span, tmp_path)
    assert told(summary, "going on with the unfinished run")
    assert summary.conversations == everything.conversations
    assert (summary.slices, summary.coverage, summary.finality) == (1, "complete", "final")
    assert set(ids(tmp_path)) == made.truth(DAY, DAY + 4 * DAYS)


@pytest.mark.invariant("Truthful")
def test_a_hole_of_a_late_command(tmp_path: Path) -> None:
    """`24h` that runs ten minutes later than a day ago leaves ten minutes out, and says which; they can be fetched."""
    made = world(per_day=2_000)
    assert made.cloud().fetch("24h", tmp_path).holes == []
    made.clock.sleep(86_400 + 600)
    summary = made.cloud().fetch("24h", tmp_path)
    (hole,) = summary.holes
    start, end = _ends(hole)
    assert NOW - 70 * timedelta(seconds=1) < start < NOW
    assert timedelta(minutes=10) <= end - start < timedelta(minutes=11)
    assert summary.coverage == "complete"
    assert [each.interval for each in made.cloud().verify(tmp_path).holes] == [hole]
    assert made.cloud().fetch(hole, tmp_path).holes == []
    assert set(ids(tmp_path)) >= made.truth(start, end) != set()


def test_which_holes_are_named() -> None:
    """What lies between what was asked for and what is held next to it; not what is further away."""

    def span(first: int, last: int) -> Interval:
        return Interval(DAY + first * HOUR, DAY + last * HOUR)

    held = [span(0, 2), span(4, 6), span(8, 9), span(12, 14)]
    assert holes(held, span(8, 9)) == [span(6, 8), span(9, 12)]
    assert holes(held, span(5, 13)) == [span(6, 8), span(9, 12)]
    assert holes(held, span(13, 14)) == []
    assert holes(held, span(0, 2)) == [span(2, 4)]
    assert holes([], span(0, 2)) == [span(0, 2)]


def _ends(text: str) -> tuple[datetime, datetime]:
    start, end = map(datetime.fromisoformat, text.split("/"))
    return start, end


def _interval(summary: Summary) -> Interval:
    return Interval(*_ends(summary.interval))
