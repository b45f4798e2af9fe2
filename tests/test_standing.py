"""How a destination stands, by what it has recorded; the ledger is only looked at."""

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lastpage
from lastpage import DestinationError, InUseError, Status, UsageError, status
from lastpage.coverage.ranges import Range
from lastpage.errors import DamagedError
from lastpage.ledger.glance import Glance, LastRun, glance
from lastpage.ledger.ledger import FILE, Ledger
from lastpage.ledger.memory import KEPT_SINCE
from lastpage.query.interval import DAY, HOUR, Interval
from lastpage.sinks.destination import Destination
from lastpage.standing import standing
from tests.contract.kinds import SINKS, Kind
from tests.contract.test_look import read_only, seen
from tests.contract.test_sinks import FEW, hours, record, write
from tests.inprocess import NOW, World, talk, world

START = datetime(2023, 10, 10, tzinfo=UTC)
#: Long after the days of these tests: jobs have passed them, and nothing is read again.
SETTLED = START + 90 * DAY


def at(moment: float) -> datetime:
    return START + moment * HOUR


def held(first: float, last: float, as_of: float = 40 * 24, **more: Any) -> Range:
    facts = {"route": "cursor", "coverage": "complete", "finality": "final", "conversations": 5}
    interval = Interval(at(first), at(last))
    return Range(interval, at(as_of), **{**facts, "open": 0, **more})


def pages(first: float, last: float, **more: Any) -> Range:
    return held(first, last, last, **{"route": "pages", "finality": "provisional", **more})


def stands(
    *ranges: Range, now: float = 41 * 24, mark: float | None = 40 * 24, **more: Any
) -> Status:
    """How these stand at an hour, given up to when jobs had their data at the last run."""
    run = LastRun(at(now - 1), at(now), "complete", at(mark)) if mark is not None else None
    remembered = Glance(run, more.pop("kept_since", None))
    settle = more.pop("settle", (3, 7, 30))
    return standing("x", ranges, {}, remembered, at=at(now), settle=settle, **more)


def spans(*intervals: Interval) -> list[tuple[float, float]]:
    return [((each.start - START) / HOUR, (each.end - START) / HOUR) for each in intervals]


def hour(moment: datetime | None) -> float | None:
    return moment and (moment - START) / HOUR


def test_all_is_held() -> None:
    """What is held, and up to when it is all there, final and settled; only what is new is due."""
    found = stands(held(0, 24), held(24, 48, open=2))
    assert spans(found.held) == [(0, 48)]
    assert (found.days, found.conversations, found.open) == (2, 10, 2)
    assert (hour(found.frontier), found.holes, found.provisional_from) == (48, [], None)
    assert hour(found.settled_to) == 48
    assert [each.reason for each in found.due] == ["new"]
    assert (found.due_next, found.is_stale, found.is_whole, found.notes) == (None, False, True, [])


def test_holes() -> None:
    """A hole is named, ends the frontier, and is no whole; what the organisation no longer keeps is none."""
    found = stands(held(0, 8), held(9, 24), held(48, 72))
    assert spans(*found.holes) == [(8, 9), (24, 48)]
    assert (hour(found.frontier), found.is_whole) == (8, False)
    kept = stands(held(0, 8), held(9, 24), held(48, 72), kept_since=at(24))
    assert spans(*kept.holes) == [(24, 48)]
    kept = stands(held(0, 8), held(9, 24), held(48, 72), kept_since=at(48))
    assert (kept.holes, hour(kept.frontier), kept.is_whole) == ([], 72, True)


def test_known_to_lack_rows() -> None:
    """What is short ends the frontier, and is told; not where it is too old to be read again."""
    short = held(0, 24, coverage="short"), held(24, 48)
    assert (stands(*short).coverage, hour(stands(*short).frontier)) == ("short", 0)
    assert [each.reason for each in stands(*short).due] == ["short", "new"]
    kept = stands(*short, kept_since=at(24))
    assert (kept.coverage, hour(kept.frontier)) == ("complete", 48)
    assert stands(held(0, 24, coverage="unproven", finality="provisional")).coverage == "unproven"


def test_the_tail() -> None:
    """What is provisional, what will be read again, and when: the first of all that is held."""
    days = held(0, 24, 40), held(24, 48, 52), pages(48, 60)
    found = stands(*days, now=61, mark=52)
    assert (hour(found.frontier), hour(found.provisional_from)) == (60, 48)
    assert found.settled_to is None
    assert [(each.reason, *spans(each.interval)) for each in found.due] == [
        ("new", (60, 60 + 59 / 60))
    ]
    assert found.due_next
    assert (found.due_next.reason, hour(found.due_next.at)) == ("provisional", 72)
    assert "jobs reached 2023-10-12T04:00:00.000Z when the last run began" in found.notes[0]
    later = stands(*days, now=99, mark=97)
    assert [each.reason for each in later.due] == ["settling +3", "provisional", "new"]
    assert later.due_next
    assert (later.due_next.reason, hour(later.due_next.at)) == ("settling +3", 120)


def test_settled() -> None:
    """Settled is what will not be read again, by the policy that is given."""
    days = held(0, 24, 32 * 24), held(24, 48, 20 * 24)
    assert hour(stands(*days).settled_to) == 24
    assert hour(stands(*days, settle=(3, 7)).settled_to) == 48
    assert hour(stands(*days, pages(48, 50), settle=()).settled_to) == 48


def test_nothing_says_how_far_jobs_reach() -> None:
    """Without a last run it is assumed, and said."""
    found = stands(held(0, 24, 40), now=80, mark=None)
    assert "taken to be 48 hours behind, at 2023-10-11T07:00:00.000Z" in found.notes[0]


def test_a_filter_that_looks_at_segments() -> None:
    """Then jobs reach a day less, as for a fetch."""
    body = {
        "segmentFilters": [
            {"type": "or", "predicates": [{"dimension": "mediaType", "value": "voice"}]}
        ]
    }
    run = LastRun(at(50), at(51), "complete", at(50))
    found = standing("x", [pages(0, 24)], body, Glance(run), at=at(52))
    assert "2023-10-11T02:00:00.000Z" in found.notes[0]


@pytest.mark.parametrize(("age", "stale"), [(None, False), (2, False), (1.99, True), (0, True)])
def test_stale(age: float | None, stale: bool) -> None:
    """It is stale if everything is held only up to longer ago than is allowed."""
    found = stands(
        held(0, 24),
        now=26,
        mark=20,
        max_age=None if age is None else age * HOUR,
    )
    assert (found.is_stale, found.is_whole, found.age) == (stale, not stale, 2 * HOUR)


def test_a_clock_that_is_behind() -> None:
    """By this machine's clock what is held lies in the future: then it is not old, and nothing is due."""
    found = stands(held(0, 24), held(24, 48), now=30, mark=None, max_age=timedelta(0))
    assert (hour(found.frontier), found.is_stale, found.age) == (48, False, timedelta(0))
    assert found.due == []


def test_open_conversations() -> None:
    """They are added up; days of older versions, which did not count them, are told."""
    assert stands(held(0, 24, open=3), held(24, 48, open=4)).open == 7
    assert stands(held(0, 24, open=3), held(24, 48, open=None)).open == 3
    assert stands(held(0, 24, open=None)).open is None


@given(
    st.lists(
        st.tuples(st.integers(0, 99), st.sampled_from(["complete", "short"])),
        min_size=1,
        unique_by=lambda each: each[0],
    )
)
def test_whatever_is_held(parts: list[tuple[int, str]]) -> None:
    """Before the frontier there is no hole and nothing short, and it lies in what is held."""
    ranges = [held(number, number + 1, coverage=coverage) for number, coverage in sorted(parts)]
    found = stands(*ranges)
    assert found.held.start <= found.frontier <= found.held.end
    assert all(hole.start >= found.frontier and hole.end < found.held.end for hole in found.holes)
    covered = sum((each.interval.length for each in ranges), timedelta(0))
    assert covered + sum((hole.length for hole in found.holes), timedelta(0)) == found.held.length
    json.dumps(found.record())


# A destination ------------------------------------------------------------------------------------


@pytest.fixture(params=SINKS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return SINKS[request.param]


def fetched(made: World, place: Path, kind: Kind, *intervals: str) -> Path:
    for interval in intervals:
        made.cloud().fetch(interval, kind.at(place), format=kind.format, names=False)
    return kind.at(place)


@pytest.mark.invariant("Destinations")
def test_of_every_kind(kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`status` tells what is held, its holes and the last run, needs neither credentials nor a right to write, and changes nothing."""
    made = world(per_day=20)
    made.sandbox.world.add(talk(1, NOW - 3 * DAY, None))
    place = fetched(
        made, tmp_path / "in", kind, "2023-10-10/2023-10-12", "2023-10-17/2023-10-20T15:00Z"
    )
    for name in ("GENESYS_CLIENT_ID", "GENESYS_CLIENT_SECRET", "GENESYS_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    with read_only(tmp_path / "in"):
        before = seen(tmp_path / "in")
        found = status(place, now=NOW, max_age="100h")
        assert seen(tmp_path / "in") == before
    assert [str(hole)[:10] for hole in found.holes] == ["2023-10-12"]
    assert str(found.held) == "2023-10-10T00:00:00.000Z/2023-10-20T15:00:00.000Z"
    assert (found.days, found.is_stale, found.is_whole) == (6, True, False)
    assert found.conversations == len(made.truth(START, START + 2 * DAY)) + len(
        made.truth(START + 7 * DAY, START + 10 * DAY + 15 * HOUR)
    )
    assert found.last_run
    assert found.last_run.coverage == "complete"
    assert found.last_run.ended
    assert NOW <= found.last_run.began < found.last_run.ended < NOW + HOUR
    if kind.replaces:
        # Nobody knows whether the rest of them has ended since.
        assert found.open
        assert [each.reason for each in found.due][:1] == ["hole"]
        assert found.due_next
    else:
        assert (found.open, found.due, found.due_next) == (None, [], None)
    assert found.provisional_from
    assert found.provisional_from.date() == (NOW - 3 * DAY).date()


def test_after_a_sync(tmp_path: Path) -> None:
    """What is current is whole, until it is too old; what is due next is due then."""
    made = world(per_day=20)
    made.cloud().sync(tmp_path / "x", since="2023-10-01", names=False)
    found = status(tmp_path / "x", now=NOW, max_age=600)
    assert (found.is_whole, found.due, found.holes) == (True, [], [])
    assert found.due_next
    assert found.due_next.at
    made.clock.sleep((found.due_next.at - NOW).total_seconds() + 86_400)
    now = datetime.fromtimestamp(made.clock.now(), UTC)
    assert not status(tmp_path / "x", now=now, max_age="26h").is_whole
    made.cloud().sync(tmp_path / "x", names=False)
    found = status(tmp_path / "x", now=now, max_age="26h")
    assert (found.is_whole, found.due) == (True, [])
    assert found.last_run
    assert found.last_run.coverage == "complete"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"max_age": "26"}, "26h"),
        ({"max_age": "a day"}, "26h"),
        ({"max_age": "99999d"}, "26h"),
        ({"max_age": -1}, "a length such as '26h'"),
        ({"max_age": True}, "a length such as '26h'"),
        ({"max_age": timedelta(-1)}, "a length such as '26h'"),
        ({"settle": (0,)}, "3,7,30"),
        ({"now": datetime(2023, 10, 20)}, "time zone"),  # noqa: DTZ001 - that is the mistake
        ({"dest": "-"}, "nothing was fetched into - yet"),
        ({"dest": "nowhere"}, "nothing was fetched into nowhere yet"),
        ({"dest": "postgres://x"}, "it names no database"),
        ({"dest": "empty"}, "holds nothing yet"),
        ({"dest": "foreign"}, "give what fetch or sync was given as --to"),
    ],
    ids=str,
)
def test_bad_input(
    asked: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence; exit code 2."""
    monkeypatch.chdir(tmp_path)
    write(SINKS["parquet"], tmp_path, [hours(0, 24)], [[record(1)]], shredder=FEW)
    (tmp_path / "empty").mkdir()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "letter.txt").touch()
    with pytest.raises(UsageError, match=message):
        status(**{"dest": "out", **asked})


def test_a_place_that_cannot_be_read(tmp_path: Path) -> None:
    """It is damaged, or is being written; exit codes 6 and 7."""
    write(SINKS["parquet"], tmp_path, [hours(0, 24)], [[record(1)]], shredder=FEW)
    (path,) = tmp_path.rglob("conversations/*/*.parquet")
    path.write_bytes(b"PAR1")
    with pytest.raises(DamagedError):
        status(tmp_path / "out")
    write(SINKS["duckdb"], tmp_path, [hours(0, 24)], [[record(1)]], shredder=FEW)
    with holding(tmp_path / "x.duckdb"), pytest.raises(InUseError):
        status(tmp_path / "x.duckdb")


@contextmanager
def holding(path: Path) -> Any:
    """Another process has the DuckDB file open, as a run that writes has."""
    code = f"import duckdb; db = duckdb.connect({str(path)!r}); print(1, flush=True); input()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield
        process.communicate(b"\n")


def test_what_this_user_may_not_read(tmp_path: Path) -> None:
    """It says so, and not that nothing is there."""
    place = fetched(world(per_day=5), tmp_path, SINKS["parquet"], "2023-10-10")
    code = (
        "import sys, lastpage; from tests.looker import obey_permissions; obey_permissions()\n"
        "try: print(lastpage.status(sys.argv[1]).notes)\n"
        "except lastpage.LastpageError as problem: print(problem.exit_code, problem)"
    )

    def looked() -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, str(place)], capture_output=True, text=True, check=True
        )
        return done.stdout

    for folder, wanted in [
        (place / ".lastpage", "the last run is unknown: "),
        (place / "conversations", "6 cannot read "),
        (next((place / "conversations").iterdir()), "6 cannot read "),
    ]:
        folder.chmod(0)
        try:
            found = looked()
        finally:
            folder.chmod(0o700)
        assert wanted in found
    assert "unknown" not in looked()


# The ledger ---------------------------------------------------------------------------------------


def begun(made: World, place: Path) -> Path:
    """A destination whose last run did not end; the state folder."""
    made.cloud().fetch("2023-10-10", place, names=False)
    with made.outage("jobs.results"):
        made.cloud().fetch("2023-10-11", place, names=False)
    state = Destination.parse(str(place)).state
    assert state
    return state


def test_a_run_that_did_not_end(tmp_path: Path) -> None:
    """It has no verdict, whatever the one before had."""
    state = begun(world(per_day=20), tmp_path / "x")
    last = glance(state).last_run
    assert last
    assert (last.ended, last.coverage) == (None, None)
    assert status(tmp_path / "x", now=NOW).last_run == last


KILLED = """
import os, sys
from pathlib import Path
from lastpage.ledger.ledger import Ledger
Ledger(Path(sys.argv[1])).remember("kept_since", "2023-10-10T00:00:00.000Z")
if "waits" in sys.argv:
    print(1, flush=True)
    input()
os._exit(9)
"""


@pytest.mark.invariant("Destinations")
def test_what_waits_in_the_log(tmp_path: Path) -> None:
    """While a run goes on, and after it was killed, its ledger is read with its log, and left as it is."""
    state = begun(world(per_day=20), tmp_path / "x")
    command = [sys.executable, "-c", KILLED, str(state), "waits"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert run.stdout
        run.stdout.readline()
        for _ in range(2):
            assert (state / f"{FILE}-wal").stat().st_size
            before = seen(tmp_path)
            assert glance(state).kept_since == START
            assert seen(tmp_path) == before
            if run.poll() is None:
                run.communicate(b"\n")
    with closing(Ledger(state)) as ledger:
        assert ledger.recall(KEPT_SINCE) == "2023-10-10T00:00:00.000Z"
    assert not (state / f"{FILE}-wal").exists()
    assert glance(state).kept_since == START
    assert not (state / f"{FILE}-wal").exists()


def of_another_program(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("create table run (id integer)")
        db.commit()


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("pragma user_version = 99")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (Path.unlink, "there is no ledger in"),
        (lambda path: shutil.rmtree(path.parent), "there is no ledger in"),
        (lambda path: path.write_bytes(b"nothing" * 999), "file is not a database"),
        (lambda path: path.write_bytes(path.read_bytes()[:5000]), "malformed"),
        (of_another_program, "was not written by lastpage"),
        (newer, "was written by a newer lastpage"),
    ],
    ids=["removed", "all removed", "something else", "cut", "of another program", "newer"],
)
def test_a_ledger_that_cannot_be_read(change: Any, why: str, tmp_path: Path) -> None:
    """That part is unknown, and it is said why; the rest is told, and nothing is made."""
    made = world(per_day=20)
    made.cloud().fetch("2023-10-10", place := tmp_path / "x", names=False)
    change(place / ".lastpage" / FILE)
    before = seen(tmp_path)
    found = status(place, now=NOW)
    assert seen(tmp_path) == before
    assert found.last_run is None
    assert found.notes[0].startswith("the last run is unknown: ")
    assert why in found.notes[0]
    assert found.is_whole


def test_a_ledger_of_an_older_version(tmp_path: Path) -> None:
    """It remembers no verdict and no facts."""
    world(per_day=5).cloud().fetch("2023-10-10", tmp_path / "x", names=False)
    state = tmp_path / "x" / ".lastpage"
    last = glance(state).last_run
    assert last
    with closing(sqlite3.connect(state / FILE)) as db:
        db.execute("alter table run drop column coverage")
        db.execute("drop table memory")
        db.execute("pragma user_version = 5")
        db.commit()
    assert glance(state) == Glance(replace(last, coverage=None), None)


def test_a_folder_with_an_odd_name(tmp_path: Path) -> None:
    """Its ledger is found."""
    place = tmp_path / "a?b#c %41 é"
    world(per_day=5).cloud().fetch("2023-10-10", place, names=False)
    assert status(place, now=SETTLED).last_run


def test_it_is_exported() -> None:
    """`lastpage.status` is the function, whatever was imported."""
    assert lastpage.status is status
    assert issubclass(InUseError, DestinationError)
