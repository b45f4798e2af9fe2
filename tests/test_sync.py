"""`sync`: a destination stays what the API would answer, day after day, and reads what is due and no more."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lastpage import Summary, UsageError
from lastpage.tables import build
from lastpage_sandbox import Skeleton
from tests.contract.kinds import SINKS, Kind
from tests.contract.place import Place
from tests.inprocess import NOW, World, talk, world

START = datetime(2023, 10, 16, tzinfo=UTC)
DAY = timedelta(days=1)
#: A midnight within a whole week of these.
LATER = round((START + 8 * DAY).timestamp() * 1000)
TABLES = [kind for kind in SINKS.values() if kind.replaces]


@pytest.fixture(params=TABLES, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


def now(made: World) -> datetime:
    return datetime.fromtimestamp(made.clock.now(), UTC)


def noted(summary: Summary, text: str) -> bool:
    return any(text in note for note in summary.notes)


def truth(made: World, summary: Summary) -> set[str]:
    """What started in the interval that a summary tells of."""
    start, _, end = summary.interval.partition("/")
    return made.truth(datetime.fromisoformat(start), datetime.fromisoformat(end))


@pytest.mark.invariant("Staying current")
def test_day_after_day(kind: Kind, tmp_path: Path) -> None:
    """After each night the destination has what the API has: jobs to the watermark, page numbers from there; then days by job, once, and when they settle."""
    made = world(per_day=12)
    place = Place(made, kind, tmp_path)
    due = []
    for night in range(9):
        summary = place.sync(since=START if night == 0 else None)
        assert (summary.coverage, summary.holes) == ("complete", [])
        assert place.ids("conversations") == truth(made, summary)
        assert summary.conversations == len(place.ids("conversations"))
        due.append([note for note in summary.notes if note.startswith("due: ")])
        made.clock.sleep(DAY.total_seconds())
    assert due[0] == ["due: new (5 days, 2023-10-16 to 2023-10-20)"]
    assert "provisional (2023-10-20); new (2 days, 2023-10-20 to 2023-10-21)" in due[1][0]
    assert "settling +3 (2023-10-20)" in due[4][0]
    assert "settling +7 (2023-10-20)" in due[8][0]
    routes = {each.day: each.route for each in place.ranges()}
    assert {route for day, route in routes.items() if day < now(made).date() - 2 * DAY} == {
        "cursor"
    }


@pytest.mark.invariant("Staying current")
def test_nothing_is_due(kind: Kind, tmp_path: Path) -> None:
    """Within the same minute a sync asks for a token, whose data it is and the watermark, and begins no run."""
    made = world(per_day=40)
    place = Place(made, kind, tmp_path)
    place.sync(since=START)
    before = made.sandbox.counters.copy()
    summary = place.sync()
    asked = made.sandbox.counters - before
    assert asked == Counter({"token": 1, "organization": 1, "jobs.availability": 1})
    assert (summary.coverage, summary.slices, summary.new) == ("complete", 0, 0)


@pytest.mark.invariant("Staying current")
def test_away_for_a_month(tmp_path: Path, kind: Kind) -> None:
    """Whoever comes back after a month has no hole: all days since are read, mostly by job."""
    made = world(per_day=10)
    place = Place(made, kind, tmp_path)
    place.sync(since=START)
    made.clock.sleep(30 * DAY.total_seconds())
    summary = place.sync()
    assert (summary.coverage, summary.holes) == ("complete", [])
    assert place.ids("conversations") == truth(made, summary)


# What may change afterwards -----------------------------------------------------------------------


def quiet(tmp_path: Path, kind: Kind, *talks: Skeleton, **settings: Any) -> Place:
    """A destination, synced, of an organisation in which only these conversations are."""
    made = world(per_day=0, late_wrap_up_share=0.0, **settings)
    made.sandbox.world.add(*talks)
    place = Place(made, kind, tmp_path)
    place.sync(since=START)
    return place


def later(place: Place, days: float) -> None:
    place.made.clock.sleep((days * DAY).total_seconds())


@pytest.mark.invariant("Staying current")
def test_an_open_conversation_ends(kind: Kind, tmp_path: Path) -> None:
    """A conversation that was open when a job read its day, and has ended since, makes the day due: by job, once jobs reach its end; it is asked for once a day."""
    ends = NOW + 2 * DAY
    long = talk(1, START, (ends - START) / timedelta(minutes=1), media="message")
    place = quiet(tmp_path, kind, long, talk(2, START + DAY), watermark_lag_s=12 * 3600)
    made = place.made
    settle = {"settle": ()}
    for _ in range(3):
        later(place, 0.5)
        place.sync(**settle)
    before = made.sandbox.counters.copy()
    place.sync(**settle)
    assert (made.sandbox.counters - before)["details.ids"] == 0
    later(place, 1)
    assert not noted(place.sync(**settle), "open")
    later(place, 1)
    summary = place.sync(**settle)
    assert noted(summary, "open (2023-10-16)")
    assert (summary.closed, summary.changed) == (1, 0)
    assert {each.open for each in place.ranges() if each.day == START.date()} == {0}
    later(place, 1)
    assert not noted(place.sync(**settle), "2023-10-16")


@pytest.mark.invariant("Staying current")
@pytest.mark.parametrize("hours", [-24, 24, -96])
def test_a_start_that_moves_to_a_day_that_was_read(kind: Kind, tmp_path: Path, hours: int) -> None:
    """A start that moved to a day that is not due: the next sync reads both days, and it is in the new one, once; nothing is due after that."""
    day = START + 5 * DAY
    others = [talk(number, START + number * DAY / 4) for number in range(28)]
    place = quiet(tmp_path, kind, *others, watermark_lag_s=3600)
    later(place, 6)
    place.sync(settle=())
    moved = next(each for each in others if each.start_ms == day.timestamp() * 1000)
    place.made.sandbox.world.add(replace(moved, start_ms=moved.start_ms + hours * 3_600_000))
    # Of its old day something is due, and nothing of the new one.
    place.fetch(f"{day:%Y-%m-%d}")
    assert place.ids() == {each.id for each in others}
    summary = place.sync(settle=())
    assert noted(summary, "changed (2 days")
    assert summary.moved == 1
    assert place.ids() == {each.id for each in others}
    counts = {each.day: each.conversations for each in place.ranges()}
    assert (counts[day.date()], counts[(day + timedelta(hours=hours)).date()]) == (3, 5)
    later(place, 1)
    assert not noted(place.sync(settle=()), "changed")


def test_hours_of_a_day_that_were_read_one_after_the_other(tmp_path: Path) -> None:
    """Hours without open conversations are not read for those of other hours, nor asked about before these can be read again."""
    midnight = START + DAY
    ended = midnight + timedelta(hours=2.5)
    long = talk(1, START + DAY / 2, (ended - START - DAY / 2) / timedelta(minutes=1))
    made = world(midnight - timedelta(minutes=10), per_day=0, watermark_lag_s=600)
    made.sandbox.world.add(long)
    place = Place(made, SINKS["parquet"], tmp_path)
    place.sync(since=START)
    for minutes in (0.5, 15, 75):
        # By job are read: nothing, the last minutes, the hours before.
        made.clock.sleep((midnight - now(made)).total_seconds() + 60 * minutes)
        place.sync()
    made.clock.sleep((midnight + DAY - now(made)).total_seconds() + 60 * 75)
    assert not noted(place.sync(), "open")
    made.clock.sleep(3600)
    assert place.sync().closed == 1


def test_a_day_of_which_other_hours_are_due(tmp_path: Path) -> None:
    """Open conversations are asked about although other hours of their day are read anyway."""
    end = START + DAY
    long = talk(1, START + DAY / 2, 22 * 60)
    made = world(START + DAY / 10, per_day=0, watermark_lag_s=4 * 3600)
    made.sandbox.world.add(long)
    place = Place(made, SINKS["parquet"], tmp_path)
    place.sync(since=START)
    made.clock.sleep((end - now(made)).total_seconds() + 2 * 3600)
    place.sync()
    # The hours with it are read by job as of a moment after the day's end; the others are those of page numbers.
    made.clock.sleep(4 * 3600)
    place.fetch(f"{START:%Y-%m-%d}T03:00Z/{START:%Y-%m-%d}T22:00Z")
    made.clock.sleep(DAY.total_seconds() + 3600)
    summary = place.sync()
    assert noted(summary, "provisional (")
    assert noted(summary, "open (2023-10-16)")
    assert summary.closed == 1


@pytest.mark.invariant("Staying current")
def test_only_changed_days_are_written(kind: Kind, tmp_path: Path) -> None:
    """Of a day of which the same comes again, only what it records of its hours is renewed."""
    one, two = talk(1, START), talk(2, START + DAY)
    place = quiet(tmp_path, kind, one, two)
    files = {path: path.stat().st_mtime_ns for path in place.folder.rglob("day=*/part.*")}
    as_of = {each.day: each.as_of for each in place.ranges()}
    place.made.sandbox.world.add(replace(two, direction="outbound"))
    later(place, 3)
    summary = place.sync(settle=(1, 2, 3, 4, 5, 6, 7))
    assert (summary.unchanged, summary.changed) == (1, 1)
    assert all(each.as_of > as_of[each.day] for each in place.ranges() if each.day in as_of)
    written = {
        f"{path.parent.name} {path.parent.parent.name}"
        for path, changed in files.items()
        if path.exists() and path.stat().st_mtime_ns != changed
    }
    if files:
        assert f"day=2023-10-17 {kind.side}" in written
        assert "day=2023-10-16 sessions" not in written


@pytest.mark.parametrize("name", ["parquet", "duckdb"])
def test_digests_of_an_older_version(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That digests are made in another way by now makes no record another one."""
    with monkeypatch.context() as older:
        older.setattr(build, "record_digest", build._blake2b)
        place = quiet(tmp_path, SINKS[name], talk(1, START), talk(2, START + DAY))
    later(place, 3)
    summary = place.sync(settle=(1, 2, 3, 4, 5, 6, 7))
    assert (summary.unchanged, summary.changed) == (2, 0)


@pytest.mark.invariant("Staying current")
def test_too_many_that_are_gone(kind: Kind, tmp_path: Path) -> None:
    """A day of which too many do not come is read again once a day, and says so, until it is accepted."""
    made = world(per_day=0)
    talks = [talk(number, START + number * timedelta(hours=1)) for number in range(400)]
    made.sandbox.world.add(*talks)
    place = Place(made, kind, tmp_path)
    made.clock.sleep(40 * DAY.total_seconds())
    assert place.sync(since=START, settle=()).coverage == "complete"
    first = next(number for number, each in enumerate(talks) if each.start_ms >= LATER)
    made.sandbox.world.remove(*(each.id for each in talks[first : first + 13]))
    told = []
    for sweep, hours in ((9, 1), (0, 22), (0, 2), (0, 1), (0, 0)):
        told.append(place.sync(settle=(), sweep=sweep).coverage)
        made.clock.sleep(hours * 3600)
    assert told == ["short", "complete", "complete", "short", "complete"]
    assert place.has(*talks)
    summary = place.sync(settle=(), accept_removals=True)
    assert (summary.coverage, summary.removed) == ("complete", 13)
    assert place.has(*talks[:first], *talks[first + 13 :])
    assert not noted(place.sync(settle=()), "changed")


@pytest.mark.invariant("Staying current")
def test_changes_are_told(kind: Kind, tmp_path: Path) -> None:
    """`--changes` has each record that is new, changed or closed, once; nothing of what is as it was."""
    one, two, long = (
        talk(1, START),
        talk(2, START + DAY),
        talk(3, START, 6 * 24 * 60, media="message"),
    )
    place, file = (
        Place(world(per_day=0, late_wrap_up_share=0.0), kind, tmp_path),
        tmp_path / "changes",
    )
    place.made.sandbox.world.add(one, two, long)
    place.sync(since=START, changes=file)
    assert told(file) == Counter({("new", one.id): 1, ("new", two.id): 1, ("new", long.id): 1})
    place.made.sandbox.world.add(replace(two, direction="outbound"))
    later(place, 7)
    file.unlink()
    place.sync(changes=file)
    assert told(file) == Counter({("changed", two.id): 1, ("closed", long.id): 1})
    records = [json.loads(line)["record"] for line in file.read_bytes().splitlines()]
    assert {each["conversationId"] for each in records} == {two.id, long.id}


def told(file: Path) -> Counter[tuple[str, str]]:
    lines = map(json.loads, file.read_bytes().splitlines())
    return Counter((each["change"], each["conversation_id"]) for each in lines)


def test_a_torn_line_of_changes(tmp_path: Path) -> None:
    """What a stopped run tore is cut off; a file with another kind of end is refused, and stays."""
    place, file = Place(world(per_day=0), SINKS["parquet"], tmp_path), tmp_path / "changes"
    place.made.sandbox.world.add(talk(1, START))
    whole = b'{"change": "new", "conversation_id": "x", "record": {}}\n'
    file.write_bytes(whole + b'{"change": "new", "conv')
    place.sync(since=START, changes=file)
    assert file.read_bytes().startswith(whole + b'{"change": "new", "conversation_id": "00000001')
    file.write_bytes(b"id,name\n1,no end")
    with pytest.raises(UsageError, match="not a file of changes"):
        place.sync(changes=file)
    assert file.read_bytes() == b"id,name\n1,no end"


def test_changes_of_private_destinations(tmp_path: Path) -> None:
    """Whole records would bring back what the destination leaves out."""
    place = Place(world(per_day=10), SINKS["parquet"], tmp_path)
    with pytest.raises(UsageError, match="leave out --changes"):
        place.sync(since=START, drop=["ani"], changes=tmp_path / "changes")
    assert place.made.sandbox.counters.total() == 0


@pytest.mark.invariant("Staying current")
@pytest.mark.parametrize("others", [1, -1])
def test_sweep(tmp_path: Path, others: int) -> None:
    """With `--sweep`, weeks are counted again, the longest unchecked first; the days of one that differs are read."""
    first = datetime(2023, 8, 1, tzinfo=UTC)
    talks = [talk(number, first + number * DAY) for number in range(70)]
    made = world(per_day=0, late_wrap_up_share=0.0)
    made.sandbox.world.add(*talks)
    place = Place(made, SINKS["parquet"], tmp_path)
    place.sync(since=first)
    if others > 0:
        made.sandbox.world.add(talk(99, first + 30 * DAY + timedelta(hours=3)))
    else:
        made.sandbox.world.remove(talks[30].id)
    later(place, 1)
    assert not noted(place.sync(), "changed")
    found = []
    for _ in range(6):
        before = made.sandbox.counters.copy()
        found.append(noted(place.sync(sweep=2), "changed"))
        assert (made.sandbox.counters - before)["details.query"] >= 2
    assert found.index(True) <= 5
    assert len(place.ids()) == 71 or others < 0


@pytest.mark.invariant("Staying current")
def test_what_is_no_longer_kept(kind: Kind, tmp_path: Path) -> None:
    """Days that the organisation keeps no longer stay, and are neither due nor held against anybody."""
    made = world(per_day=10, retention_days=100)
    place = Place(made, kind, tmp_path)
    first = NOW - 98 * DAY
    place.sync(since=first.date())
    held = place.ids()
    later(place, 10)
    summary = place.sync(since=first.date())
    assert (summary.coverage, summary.holes) == ("complete", [])
    assert place.ids() >= held
    assert truth(made, summary) <= place.ids()


@pytest.mark.invariant("Names")
def test_lists_are_read_once_a_day(tmp_path: Path) -> None:
    """A sync reads the organisation's lists once a day, and puts the names of that day beside ids meanwhile."""
    made = world(per_day=40)
    place = Place(made, SINKS["parquet"], tmp_path)
    overview = {"names": True, "tables": ["conversation_overview"]}
    place.sync(since=START, **overview)
    lists = {"queues", "users", "wrapupcodes", "divisions"} & made.sandbox.counters.keys()
    assert lists
    for hours, reads in ((1, False), (22, False), (2, True)):
        made.clock.sleep(hours * 3600)
        before = made.sandbox.counters.copy()
        place.sync(**overview)
        assert any((made.sandbox.counters - before)[name] for name in lists) is reads
    named = {row["first_queue"] for row in place.kind.read(tmp_path, "conversation_overview")}
    assert named > {None, "Sales"}


# Whatever happens in between ----------------------------------------------------------------------


@pytest.mark.invariant("Staying current")
def test_a_run_that_fails(kind: Kind, tmp_path: Path) -> None:
    """After a run that the API ended, and one that was stopped, the next sync has no hole; nothing that was done is done again."""
    made = world(per_day=40)
    place = Place(made, kind, tmp_path)
    with made.outage("details.query", *["pass"] * 6):
        place.sync(since=START)
    later(place, 1.5)
    summary = place.sync(since=START)
    assert (summary.coverage, summary.holes) == ("complete", [])
    assert place.ids() == truth(made, summary)


@pytest.mark.invariant("Staying current")
def test_a_lost_ledger(kind: Kind, tmp_path: Path) -> None:
    """All that a sync knows is what is held: without its ledger it reads no day again that is not due."""
    made = world(per_day=40)
    place = Place(made, kind, tmp_path)
    place.sync(since=START)
    shutil.rmtree(place.state)
    before = made.sandbox.counters.copy()
    summary = place.sync()
    assert (made.sandbox.counters - before)["jobs.submit"] == 0
    assert (summary.coverage, summary.slices) == ("complete", 0)


# What makes no sense ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({}, "holds nothing yet, so a sync cannot know from when on"),
        ({"since": "tomorrow"}, "cannot read 'tomorrow'"),
        ({"since": "1999-01-01"}, "nothing can be held since"),
        ({"since": datetime(2023, 10, 1)}, "has no time zone"),  # noqa: DTZ001
        ({"since": 5}, "is no time"),
        ({"since": START, "settle": (0,)}, "after 0 days"),
        ({"since": START, "settle": (1.5,)}, "after 1.5 days"),
        ({"since": START, "sweep": -1}, "a number of requests \\(sweep\\) of -1"),
        ({"since": START, "paginate": "pages"}, "leave out paginate"),
        ({"since": START, "changes": "no/such/folder"}, "cannot write changes"),
    ],
)
def test_what_makes_no_sense(tmp_path: Path, asked: dict[str, Any], sentence: str) -> None:
    """It is refused with a sentence before anything is sent, and leaves nothing behind."""
    place = Place(world(per_day=10), SINKS["parquet"], tmp_path)
    with pytest.raises(UsageError, match=sentence):
        place.sync(**asked)
    assert place.made.sandbox.counters.total() == 0
    assert list(tmp_path.iterdir()) == []


def test_in_the_future(tmp_path: Path) -> None:
    """Only the API's clock says what has not come yet."""
    place = Place(world(per_day=10), SINKS["parquet"], tmp_path)
    with pytest.raises(UsageError, match="has nothing to hold yet"):
        place.sync(since="2023-10-21")


def test_lines(tmp_path: Path) -> None:
    """A file of lines only grows; the sentence says what to give instead."""
    place = Place(world(per_day=10), SINKS["jsonl"], tmp_path)
    with pytest.raises(UsageError, match="cannot be replaced, as a sync replaces days"):
        place.sync(since=START, tables=())
    assert place.made.sandbox.counters.total() == 0
