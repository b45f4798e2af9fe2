"""What leaves a destination that is read again: asked of every sink that has tables, over runs and hours.

A day has forty conversations. Some are deleted, hidden, moved or changed, and the same day is fetched again.
"""

import json
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.contract.kinds import SINKS, Kind
from tests.contract.place import BOTH_DAYS, DAY, HOUR, TALKS, Place
from tests.crash.steps import Crash, Stepping, Steps
from tests.elsewhere import copied
from tests.inprocess import NOW, InProcess, talk, world

from lastpage import Summary
from lastpage.api.messages import Answer, Call
from lastpage.tables import parse
from lastpage_sandbox import Skeleton

ONE, TWO, *_ = TALKS


@pytest.fixture(params=[name for name, kind in SINKS.items() if kind.replaces])
def kind(request: pytest.FixtureRequest) -> Kind:
    return SINKS[request.param]


@pytest.fixture(params=[name for name, kind in SINKS.items() if kind.has_tables])
def with_tables(request: pytest.FixtureRequest) -> Kind:
    return SINKS[request.param]


def filled(
    kind: Kind, folder: Path, *talks: Skeleton, span: str = "2023-10-10", **more: Any
) -> Place:
    """A destination that has these conversations, complete."""
    made = world(per_day=0)
    made.sandbox.world.add(*talks)
    place = Place(made, kind, folder)
    assert place.fetch(span, **more).coverage == "complete"
    assert place.has(*talks)
    return place


def notes(summary: Summary) -> str:
    return "\n".join(summary.notes)


# One by one --------------------------------------------------------------------------------------


@pytest.mark.invariant("Destinations")
def test_deleted(kind: Kind, tmp_path: Path) -> None:
    """A row that does not come again stays, and leaves when a run an hour later finds the same."""
    place = filled(kind, tmp_path, *TALKS)
    place.made.sandbox.world.remove(ONE.id)
    first = place.fetch()
    assert (first.coverage, first.finality) == ("complete", "provisional")
    assert "did not come again, and stay" in notes(first)
    assert place.has(*TALKS)
    assert place.facts() == [("complete", "provisional", 40)]
    place.made.clock.sleep(3_300)
    assert "and stay" in notes(place.fetch())
    assert place.has(*TALKS)
    place.made.clock.sleep(300)
    last = place.fetch()
    assert "leave" in notes(last)
    assert (last.coverage, last.finality) == ("complete", "final")
    assert place.has(*TALKS[1:])
    assert place.facts() == [("complete", "final", 39)]
    assert "stay" not in notes(place.fetch())


def test_others_come_meanwhile(kind: Kind, tmp_path: Path) -> None:
    """While a row stays, new and changed ones are written."""
    place = filled(kind, tmp_path, *TALKS)
    new, changed = talk(99, DAY + HOUR), talk(5, DAY + 5 * HOUR / 2, direction="outbound")
    place.made.sandbox.world.remove(ONE.id)
    place.made.sandbox.world.add(new, changed)
    place.fetch()
    assert place.has(*TALKS, new)
    rows = kind.read(tmp_path, "conversations")
    directions = {row["conversation_id"]: row["originating_direction"] for row in rows}
    assert directions[changed.id] == "outbound"


@pytest.mark.invariant("Destinations")
def test_what_no_table_could_take(
    with_tables: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record in `broken` that does not come again leaves on the same evidence as any other."""
    read = parse.parse

    def refusing(page: Sequence[bytes], **how: Any) -> Any:
        if any(ONE.id.encode() in bytes(raw) for raw in page):
            raise ValueError("for some reason")
        return read(page, **how)

    monkeypatch.setattr(parse, "parse", refusing)
    made = world(per_day=0)
    made.sandbox.world.add(*TALKS)
    place = Place(made, with_tables, tmp_path)
    place.fetch()
    made.sandbox.world.remove(ONE.id)
    for _ in range(2):
        assert place.ids("broken") == {ONE.id}
        assert "1 conversations" in notes(place.fetch())
        made.clock.sleep(3600)
    assert place.ids("broken") == set()
    assert place.has(*TALKS[1:])


@pytest.mark.invariant("Destinations")
def test_back_again(kind: Kind, tmp_path: Path) -> None:
    """What was absent once and came again is not remembered: it has to be absent twice anew."""
    place = filled(kind, tmp_path, *TALKS)
    for _ in range(3):
        place.made.sandbox.world.remove(ONE.id)
        assert "and stay" in notes(place.fetch())
        assert place.has(*TALKS)
        place.made.clock.sleep(3600)
        place.made.sandbox.world.add(ONE)
        assert "stay" not in notes(place.fetch())
        place.made.clock.sleep(3600)


def test_a_memory_that_is_lost(kind: Kind, tmp_path: Path) -> None:
    """A ledger that is lost costs another hour, and no row."""
    place = filled(kind, tmp_path, *TALKS)
    place.made.sandbox.world.remove(ONE.id)
    place.fetch()
    shutil.rmtree(place.state)
    for _ in range(2):
        assert place.has(*TALKS)
        place.made.clock.sleep(3600)
        place.fetch()
    assert place.has(*TALKS[1:])


@pytest.mark.parametrize("endpoint", ["details.ids", "details.one"])
def test_no_answer_by_id(kind: Kind, tmp_path: Path, endpoint: str) -> None:
    """Where the API does not say that it does not exist, a row stays."""
    place = filled(kind, tmp_path, *TALKS)
    place.made.sandbox.world.remove(ONE.id)
    place.fetch()
    place.made.clock.sleep(3600)
    place.made.sandbox.faults.put("details.ids", "return-403")
    place.made.sandbox.faults.put("details.one", "return-403")
    assert "the API did not answer" in notes(place.fetch())
    assert place.has(*TALKS)
    # It was no answer that would make it forget the first one.
    place.fetch()
    assert place.has(*TALKS[1:])


def test_more_rows_than_are_asked_for(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run asks for so many ids; the others stay, and later runs ask for them."""
    monkeypatch.setattr("lastpage.extraction.findings.ASKED_MAX", 2)
    place = filled(kind, tmp_path, *TALKS)
    place.made.sandbox.world.remove(*(each.id for each in TALKS[:4]))
    left = []
    for _ in range(4):
        place.fetch()
        place.made.clock.sleep(3600)
        left.append(len(place.ids()))
    assert left == [40, 38, 38, 36]


# Rows that exist, and did not come --------------------------------------------------------------


@dataclass
class Hiding(InProcess):
    """Some conversations are there, but an index is out: no list and no count has them."""

    hidden: tuple[Skeleton, ...]
    when: Callable[[Call], bool] = lambda call: call.method == "POST" or "/jobs" in call.path

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        if self.when(call):
            self.sandbox.world.remove(*(each.id for each in self.hidden))
        else:
            self.sandbox.world.add(*self.hidden)
        try:
            return super().send(base, call, headers)
        finally:
            self.sandbox.world.add(*self.hidden)


@pytest.mark.invariant("Destinations")
def test_an_index_that_lacks_a_row(kind: Kind, tmp_path: Path) -> None:
    """A row that a second reading lacks, although its counts agree, stays while it exists by id."""
    place = filled(kind, tmp_path, *TALKS)
    for _ in range(3):
        hiding = Hiding(place.made.sandbox, (ONE, TWO))
        summary = place.fetch(transport=hiding)
        assert (summary.coverage, summary.finality) == ("complete", "provisional")
        assert "2 conversations" in notes(summary)
        assert "they exist" in notes(summary)
        assert place.has(*TALKS)
        place.made.clock.sleep(3600)
    assert place.fetch().finality == "final"
    assert place.facts() == [("complete", "final", 40)]


@pytest.mark.invariant("Destinations")
def test_a_reading_that_is_short(kind: Kind, tmp_path: Path) -> None:
    """A short reading takes away nothing that exists by id, and adds what came; what was complete stays so."""
    place = filled(kind, tmp_path, *TALKS)
    before = place.ranges()
    new = talk(99, DAY + HOUR)
    place.made.sandbox.world.add(new)
    place.made.sandbox.faults.put("jobs.results", *["pass", "lose-job"] * 4)
    place.made.clock.sleep(3600)
    summary = place.fetch(page_size=36, paginate="cursor")
    assert summary.coverage == "short"
    assert "retention" not in notes(summary)
    assert place.ids() >= {each.id for each in TALKS}
    assert "they exist" in notes(summary)
    (after,) = place.ranges()
    assert (after.coverage, after.as_of) == ("complete", before[0].as_of)
    assert place.fetch().coverage == "complete"
    assert place.has(*TALKS, new)
    assert place.facts() == [("complete", "final", 41)]


def test_page_numbers_after_a_job(kind: Kind, tmp_path: Path) -> None:
    """What page numbers bring beyond a job that was complete is added, and what the job brought stays."""
    place = filled(kind, tmp_path, *TALKS)
    new = talk(99, DAY + HOUR)
    place.made.sandbox.world.add(new)
    place.made.sandbox.world.remove(ONE.id)
    for _ in range(2):
        place.made.clock.sleep(3600)
        assert place.fetch(paginate="pages").coverage == "complete"
        assert place.has(*TALKS, new)
    (after,) = place.ranges()
    facts = (after.route, after.coverage, after.finality, after.conversations)
    assert facts == ("cursor", "complete", "provisional", 41)


# Too many at once --------------------------------------------------------------------------------


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize(("there", "gone"), [(1, 1), (2, 2), (3, 2), (40, 11), (40, 40)])
def test_too_many_at_once(kind: Kind, tmp_path: Path, there: int, gone: int) -> None:
    """More than half of a day, or 10 and 1 % of it, never leave: exit code 3 and a sentence, no question by id."""
    place = filled(kind, tmp_path, *TALKS[:there])
    (before,) = place.ranges()
    new = [talk(99, DAY + HOUR)] if there > 3 else []
    place.made.sandbox.world.remove(*(each.id for each in TALKS[:gone]))
    place.made.sandbox.world.add(*new)
    for rows in (there, there + len(new)):
        place.made.clock.sleep(3600)
        summary = place.fetch()
        assert summary.coverage == "short"
        assert f"{gone} of the {rows} conversations" in notes(summary)
        assert all(word in notes(summary) for word in ("role", "divisions", "retention"))
        assert place.has(*TALKS[:there], *new)
    assert "--accept-removals" in notes(summary)
    assert place.made.sandbox.counters["details.ids"] == 0
    assert place.made.sandbox.counters["details.one"] == 0
    (after,) = place.ranges()
    assert (after.coverage, after.finality) == ("complete", "provisional")
    assert after.as_of == before.as_of
    place.made.sandbox.world.add(*TALKS[:gone])
    assert place.fetch().coverage == "complete"
    assert place.facts() == [("complete", "final", there + len(new))]


def test_a_role_that_lost_a_division(kind: Kind, tmp_path: Path) -> None:
    """What a role does not reach any more stays, and the sentence names the role."""
    north = [talk(number, DAY + number * HOUR / 3, division="North") for number in range(40, 60)]
    place = filled(kind, tmp_path, *TALKS, *north)
    less = world(per_day=0, divisions=("Home",))
    less.sandbox.world.add(*TALKS, *north)
    for _ in range(2):
        less.clock.sleep(3600)
        summary = Place(less, kind, tmp_path).fetch()
        assert summary.coverage == "short"
        assert "20 of the 60 conversations" in notes(summary)
        assert place.has(*TALKS, *north)


def test_half_of_two(kind: Kind, tmp_path: Path) -> None:
    """One of two is not more than half: it is asked for, and leaves like any other."""
    place = filled(kind, tmp_path, ONE, TWO)
    place.made.sandbox.world.remove(ONE.id)
    place.fetch()
    place.made.clock.sleep(3600)
    place.fetch()
    assert place.has(TWO)


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("gone", [11, 38])
def test_removals_that_are_accepted(
    kind: Kind, tmp_path: Path, gone: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person who has looked lets them leave: each is asked for by id, what exists stays, what does not leaves at once."""
    monkeypatch.setattr("lastpage.extraction.findings.ASKED_MAX", 2)
    place = filled(kind, tmp_path, *TALKS)
    place.made.sandbox.world.remove(*(each.id for each in TALKS[:gone]))
    assert place.fetch().coverage == "short"
    assert place.has(*TALKS)
    hiding = Hiding(place.made.sandbox, TALKS[38:])
    summary = place.fetch(accept_removals=True, transport=hiding)
    assert any("going on with the unfinished run" in note for note in summary.notes)
    assert summary.coverage == "complete"
    assert summary.removed == gone
    assert f"{gone} conversations of 2023-10-10 leave" in notes(summary)
    assert "2 conversations of 2023-10-10 did not come again, and stay" in notes(summary)
    assert place.has(*TALKS[gone:])
    assert place.facts() == [("complete", "provisional", 40 - gone)]
    assert place.fetch().coverage == "complete"
    assert place.facts() == [("complete", "final", 40 - gone)]


def test_removals_that_are_few(kind: Kind, tmp_path: Path) -> None:
    """What is accepted is only that they are many: a few leave as they do without it."""
    place = filled(kind, tmp_path, *TALKS)
    place.made.sandbox.world.remove(ONE.id)
    place.fetch(accept_removals=True)
    assert place.has(*TALKS)


@pytest.mark.parametrize("rows", [100_000, 50], ids=["one job", "two jobs"])
def test_too_many_in_one_of_two_days(
    kind: Kind, tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days are ruled on one by one: that too much of one did not come is no matter of the other."""
    monkeypatch.setattr("lastpage.planning.slices.JOB_ROWS", rows)
    other = [talk(100 + number, DAY + 24 * HOUR + number * HOUR / 2) for number in range(40)]
    place = filled(kind, tmp_path, *TALKS, *other, span=BOTH_DAYS)
    place.made.sandbox.world.remove(*(each.id for each in TALKS[:30]), other[0].id)
    assert place.fetch(BOTH_DAYS).coverage == "short"
    place.made.clock.sleep(3600)
    assert place.fetch(BOTH_DAYS).coverage == "short"
    assert place.has(*TALKS, *other[1:])
    assert [each[:2] for each in place.facts()] == [
        ("complete", "provisional"),
        ("complete", "final"),
    ]


def test_what_is_new_does_not_wait(kind: Kind, tmp_path: Path) -> None:
    """While a day stays short, the same command goes on with the day that was not over."""
    span, yesterday = "2023-10-19/2023-10-21", NOW.replace(day=19, hour=0, minute=0, second=0)
    talks = [talk(number, yesterday + number * HOUR / 2) for number in range(40)]
    place = filled(kind, tmp_path, *talks, span=span)
    place.made.sandbox.world.remove(*(each.id for each in talks[:30]))
    late = talk(99, yesterday + 47 * HOUR)
    place.made.sandbox.world.add(late)
    assert place.fetch(span).coverage == "short"
    assert place.has(*talks)
    place.made.clock.sleep(86_400)
    assert place.fetch(span).coverage == "short"
    assert place.has(*talks, late)
    place.made.sandbox.world.add(*talks)
    assert place.fetch(span).coverage == "complete"


# Starts that move --------------------------------------------------------------------------------


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("hours", [24, -24])
@pytest.mark.parametrize("rows", [10_000, 10])
def test_a_start_that_moved(
    kind: Kind, tmp_path: Path, hours: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A conversation whose start moved over a midnight is in its new day, and once: read in one slice or in several."""
    monkeypatch.setattr("lastpage.planning.slices.PAGES_ROWS", rows)
    day = DAY + 24 * HOUR
    talks = [talk(number, DAY + number * HOUR * 1.7) for number in range(40)]
    place = filled(kind, tmp_path, *talks, span="2023-10-10/2023-10-13", paginate="pages")
    moved = talk(20, day + 10 * HOUR + hours * HOUR)
    place.made.sandbox.world.add(moved)
    summary = place.fetch("2023-10-10/2023-10-13", paginate="pages")
    assert summary.coverage == "complete"
    assert place.has(*talks)
    assert place.fetch("2023-10-10/2023-10-13", paginate="pages").coverage == "complete"
    assert "stay" not in notes(summary)
    found = {
        row["conversation_id"]: row["conversation_start"]
        for row in kind.read(tmp_path, "conversations")
    }
    assert str(found[moved.id])[:10] == str(day + 10 * HOUR + hours * HOUR)[:10]


def test_a_start_that_moved_to_where_nobody_looks(kind: Kind, tmp_path: Path) -> None:
    """A row that starts in hours which the destination does not have stays; once they are read, it leaves its old place."""
    place = filled(kind, tmp_path, *TALKS)
    place.made.sandbox.world.add(talk(0, DAY + 30 * HOUR))
    for _ in range(3):
        assert "start at another time" in notes(place.fetch())
        assert place.has(*TALKS)
        place.made.clock.sleep(3600)
    place.fetch(BOTH_DAYS)
    assert place.has(*TALKS)
    assert [each.conversations for each in place.ranges()] == [39, 1]


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("hour", [1, 13])
def test_a_start_that_moved_within_a_day(kind: Kind, tmp_path: Path, hour: int) -> None:
    """A day has a conversation once, also where only the hours of its new start are read; and again where the old ones are."""
    place = filled(kind, tmp_path, *TALKS)
    halves = ["2023-10-10T00:00Z/2023-10-10T12:00Z", "2023-10-10T12:00Z/2023-10-11T00:00Z"]
    new, old = halves if hour < 12 else reversed(halves)
    moved = talk(12, DAY + hour * HOUR) if hour > 12 else talk(30, DAY + hour * HOUR)
    place.made.sandbox.world.add(moved)
    for span in (new, old, new):
        assert place.fetch(span).coverage == "complete"
        assert place.has(*TALKS)
        place.made.clock.sleep(3600)
    found = {
        row["conversation_id"]: row["conversation_start"]
        for row in kind.read(tmp_path, "conversations")
    }
    assert str(found[moved.id])[11:13] == f"{hour:02}"


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("hour", [1, 13])
def test_a_start_that_moved_within_a_day_to_hours_that_are_not_read(
    kind: Kind, tmp_path: Path, hour: int
) -> None:
    """Where only the hours of its old start are read, it stays there until those of the new one are."""
    place = filled(kind, tmp_path, *TALKS)
    halves = ["2023-10-10T00:00Z/2023-10-10T12:00Z", "2023-10-10T12:00Z/2023-10-11T00:00Z"]
    new, old = halves if hour < 12 else reversed(halves)
    place.made.sandbox.world.add(talk(12 if hour > 12 else 30, DAY + hour * HOUR))
    for span in (old, old, new):
        summary = place.fetch(span)
        assert place.has(*TALKS)
        place.made.clock.sleep(3600)
    assert "stay" not in notes(summary)
    assert sum(each.conversations for each in place.ranges()) == 40


@pytest.mark.invariant("Destinations")
def test_a_start_that_moved_while_a_run_was_stopped(kind: Kind, tmp_path: Path) -> None:
    """What a run that goes on late brings of an older start gives way to the row that is there."""
    before = tmp_path / "before"
    before.mkdir()
    made = world(per_day=0)
    made.sandbox.world.add(*TALKS)
    place = Place(made, kind, before)
    place.fetch("2023-10-11")
    steps = Steps()
    copy = Place(made, kind, copied(before, tmp_path / "copy"))
    copy.fetch(transport=Stepping(made.sandbox, steps), disk=steps.disk)
    steps = Steps(steps.names.index("ledger settle") + 2, folder=before)
    with pytest.raises(Crash):
        place.fetch(transport=Stepping(made.sandbox, steps), disk=steps.disk)
    place = replace(place, folder=steps.left)
    made.clock.sleep(6 * 3600)
    made.sandbox.world.add(talk(0, DAY + 15 * HOUR))
    place.fetch("2023-10-10T12:00Z/2023-10-11T00:00Z")
    place.fetch()
    assert place.has(*TALKS)
    (row,) = (
        row for row in kind.read(place.folder, "conversations") if row["conversation_id"] == ONE.id
    )
    assert str(row["conversation_start"])[11:13] == "15"


# Filters -----------------------------------------------------------------------------------------


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize(
    ("asked", "change"),
    [
        ({"direction": "inbound"}, {"direction": "outbound"}),
        ({"media": "voice"}, {"media": "chat"}),
    ],
    ids=["conversation", "segment"],
)
def test_what_the_filters_match_no_more(
    kind: Kind, tmp_path: Path, asked: Any, change: Any
) -> None:
    """Under a filter a row that exists leaves when the filter does not match it, twice and an hour apart."""
    place = filled(kind, tmp_path, *TALKS, **asked)
    place.made.sandbox.world.add(talk(0, DAY, **change))
    first = place.fetch(**asked)
    assert "the filters do not match them any more" in notes(first)
    assert place.has(*TALKS)
    place.made.clock.sleep(3600)
    place.fetch(**asked)
    assert place.has(*TALKS[1:])


def test_what_the_filters_still_match(kind: Kind, tmp_path: Path) -> None:
    """A row that exists and is matched stays, although it did not come."""
    place = filled(kind, tmp_path, *TALKS, direction="inbound")

    def lists(call: Call) -> bool:
        return ("/jobs" in call.path or call.method == "POST") and b"conversationId" not in (
            call.body or b""
        )

    for _ in range(3):
        hiding = Hiding(place.made.sandbox, (ONE,), lists)
        assert "they exist" in notes(place.fetch(direction="inbound", transport=hiding))
        assert place.has(*TALKS)
        place.made.clock.sleep(3600)


def test_a_query_that_shows_nothing(kind: Kind, tmp_path: Path) -> None:
    """A details query that does not show a row without the filters either says nothing of the filters."""
    place = filled(kind, tmp_path, *TALKS, direction="inbound")
    for _ in range(3):
        hiding = Hiding(place.made.sandbox, (ONE,))
        assert "the API did not answer" in notes(place.fetch(direction="inbound", transport=hiding))
        assert place.has(*TALKS)
        place.made.clock.sleep(3600)


@dataclass
class Far(InProcess):
    """By id a conversation has a start that makes no sense."""

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        if call.path.endswith("/details"):
            record = {"conversationId": ONE.id, "conversationStart": "9999-12-31T23:59:59.000Z"}
            return Answer(200, {}, json.dumps({"conversations": [record]}).encode())
        return super().send(base, call, headers)


def test_a_start_that_makes_no_sense(kind: Kind, tmp_path: Path) -> None:
    """Whatever start the API gives for an id: the row stays."""
    place = filled(kind, tmp_path, *TALKS, direction="inbound")
    place.made.sandbox.world.remove(ONE.id)
    for _ in range(2):
        summary = place.fetch(direction="inbound", transport=Far(place.made.sandbox))
        assert "the API did not answer" in notes(summary)
        assert place.has(*TALKS)
        place.made.clock.sleep(3600)


# verify, crashes, and claims that were disproved -------------------------------------------------


@pytest.mark.invariant("Destinations")
def test_a_repair_goes_by_the_same_rule(kind: Kind, tmp_path: Path) -> None:
    """`verify --repair` takes a row away no sooner than `fetch` does."""
    place = filled(kind, tmp_path, *TALKS)
    place.made.sandbox.world.remove(*(each.id for each in TALKS[:3]))
    cloud = place.made.cloud()
    first = cloud.verify(place.path, repair=True)
    assert [each.state for each in first.proofs] == ["changed"]
    assert "3 conversations of 2023-10-10 did not come again, and stay" in "\n".join(first.notes)
    assert place.has(*TALKS)
    place.made.clock.sleep(3600)
    assert [each.state for each in cloud.verify(place.path, repair=True).proofs] == ["same"]
    assert place.has(*TALKS[3:])


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize(
    ("hours", "every"),
    [(1, 3), *(pytest.param(hours, 1, marks=pytest.mark.long) for hours in (0, 1))],
)
def test_a_crash_while_rows_stay(kind: Kind, tmp_path: Path, hours: int, every: int) -> None:
    """Killed at any step of a run in which rows stay or leave, and run again: the same as without the crash."""
    before = tmp_path / "before"
    before.mkdir()
    place = filled(kind, before, *TALKS[:5])
    place.made.sandbox.world.remove(ONE.id)
    place.fetch()
    place.made.clock.sleep(3600 * hours)
    new = talk(99, DAY + HOUR)
    place.made.sandbox.world.add(new)

    def fetched(number: int, at: int) -> tuple[Place, Steps]:
        """A copy of the place, fetched into and killed at a step."""
        there = Place(place.made, kind, copied(before, tmp_path / str(number)))
        steps = Steps(at, folder=there.folder)
        with suppress(Crash):
            there.fetch(transport=Stepping(place.made.sandbox, steps), disk=steps.disk)
        return (replace(there, folder=steps.left) if at else there), steps

    whole, steps = fetched(0, 0)
    assert whole.has(*TALKS[hours:5], new)
    # What comes before is the reading of a slice, as it is everywhere (tests/crash).
    for at in range(steps.names.index("ledger settle"), len(steps.names) + 1, every):
        there, steps = fetched(at, at)
        assert there.ids() >= {each.id for each in TALKS[1:5]}, (at, steps.names[-1])
        there.fetch()
        assert there.has(*TALKS[hours:5], new), (at, steps.names[-1])


def test_it_is_remembered_in_the_ledger(kind: Kind, tmp_path: Path) -> None:
    """The ledger has the day, the id, and since when; nothing once the row has left."""
    place = filled(kind, tmp_path, *TALKS)
    place.made.sandbox.world.remove(ONE.id)

    def remembered() -> list[Any]:
        with sqlite3.connect(place.state / "ledger.sqlite") as ledger:
            found = ledger.execute("select day, id, finding from absence").fetchall()
        ledger.close()
        return found

    place.fetch()
    assert remembered() == [("2023-10-10", ONE.id, "gone")]
    place.made.clock.sleep(3600)
    place.fetch()
    assert remembered() == []


@dataclass
class Late(InProcess):
    """A conversation that others see while its own hours are read without it."""

    late: Skeleton
    own: bytes

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        if call.path.endswith("/query") and self.own in (call.body or b""):
            self.sandbox.world.remove(self.late.id)
        else:
            self.sandbox.world.add(self.late)
        return super().send(base, call, headers)


def test_a_claim_that_is_disproved(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hours that were written as complete, and lack what other hours of the same run saw, are short in the destination."""
    monkeypatch.setattr("lastpage.planning.slices.PAGES_ROWS", 12)
    place = filled(kind, tmp_path, *TALKS, paginate="pages")
    late = talk(99, DAY + HOUR, minutes=600)
    own = b"2023-10-10T00:00"
    summary = place.fetch(paginate="pages", transport=Late(place.made.sandbox, late, own))
    assert summary.coverage == "short"
    first, *others = place.facts()
    assert first[0] == "short"
    assert {each[0] for each in others} == {"complete"}
    assert place.has(*TALKS)
    assert place.fetch(paginate="pages").coverage == "complete"
    assert place.has(*TALKS, late)
    assert {each[0] for each in place.facts()} == {"complete"}


def test_a_claim_that_page_numbers_disprove(kind: Kind, tmp_path: Path) -> None:
    """Hours that a job left complete but for a counted gap, and in which page numbers find the row, have it."""
    morning = NOW.replace(hour=6, minute=0, second=0)
    talks = [talk(number, morning + number * HOUR / 20) for number in range(120)]
    witnessed = talk(999, morning + 2 * HOUR, minutes=240)
    made = world(per_day=0)
    made.sandbox.world.add(*talks)
    hiding = Hiding(made.sandbox, (witnessed,), lambda call: "/jobs" in call.path)
    place = Place(made, kind, tmp_path)
    summary = place.fetch("2023-10-20T06:00Z/2023-10-20T14:00Z", transport=hiding)
    assert "saw" in notes(summary)
    assert summary.coverage == "complete"
    assert place.has(*talks, witnessed)
