"""The ledger: what is committed is there again, and a row vouches for its bytes."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lastpage.api.messages import Answer
from lastpage.errors import DestinationError, UsageError
from lastpage.ledger.database import VERSION
from lastpage.ledger.ledger import Ledger
from lastpage.ledger.records import Absence, Run
from lastpage.planning.slices import Horizon, Slice, halves_of
from lastpage.query.interval import Interval
from lastpage.query.query import Query
from lastpage.walks.walk import Request

START = datetime(2023, 10, 1, tzinfo=UTC)
DAYS = Interval(START, START + timedelta(days=2))
PIECE = Slice(1, DAYS, DAYS, "cursor", "a reason", 5)
HORIZON = Horizon(DAYS.end, DAYS.end)


def begun(ledger: Ledger) -> Run:
    return ledger.begin("2023-10", DAYS, HORIZON, [PIECE], 1.0)


def test_a_plan_is_there_again(tmp_path: Path) -> None:
    """An unfinished run is found by what was asked, with its slices; a finished one is not."""
    first = Ledger(tmp_path)
    run = begun(first)
    first.close()
    again = Ledger(tmp_path)
    assert again.unfinished("2023-10") == run
    assert again.unfinished("2023-11") is None
    assert [planned.slice for planned in again.slices(run)] == [PIECE]
    again.finish(run, 2.0, "complete")
    assert again.unfinished("2023-10") is None


def test_pages_are_there_again(tmp_path: Path) -> None:
    """Requests and answers of an open attempt are read back in order."""
    ledger = Ledger(tmp_path)
    run = begun(ledger)
    attempt = ledger.begin_attempt(run, PIECE, 1.0, START)
    requests = [Request(PIECE, "results", number, cursor=str(number)) for number in range(3)]
    for number, request in enumerate(requests):
        ledger.add(attempt, number, request, Answer(200, {"content-encoding": ""}, b"%d" % number))
    ledger.close()
    again = Ledger(tmp_path)
    found = again.open_attempt(run, PIECE)
    assert found == attempt
    entries = again.recover(attempt, PIECE)
    assert [entry.request for entry in entries] == requests
    assert [again.answer(attempt, entry).body for entry in entries] == [b"0", b"1", b"2"]


@pytest.mark.invariant("Crash-safe")
def test_torn_ends(tmp_path: Path) -> None:
    """After a torn end, bytes without a row are cut off, rows without their bytes dropped."""
    ledger = Ledger(tmp_path)
    run = begun(ledger)
    attempt = ledger.begin_attempt(run, PIECE, 1.0, START)
    for number in range(3):
        ledger.add(
            attempt, number, Request(PIECE, "results", number), Answer(200, {}, b"body %d" % number)
        )
    ledger.spool.append(attempt.id, b"a frame that no row knows")
    entries = ledger.recover(attempt, PIECE)
    assert len(entries) == 3
    ledger.spool.truncate(attempt.id, entries[2].frame.end - 1)
    assert len(ledger.recover(attempt, PIECE)) == 2
    ledger.add(attempt, 2, Request(PIECE, "results", 2), Answer(200, {}, b"anew"))
    assert [ledger.answer(attempt, page).body for page in ledger.entries(attempt, PIECE)] == [
        b"body 0",
        b"body 1",
        b"anew",
    ]


def test_cutting(tmp_path: Path) -> None:
    """A cut slice is replaced by its parts, which know what they were part of."""
    ledger = Ledger(tmp_path)
    run = begun(ledger)
    parts = ledger.cut(run, ledger.slices(run)[0], halves_of(PIECE, Query(DAYS)))
    assert [
        (planned.slice.number, planned.part, planned.state) for planned in ledger.slices(run)
    ] == [
        (1, 1, "cut"),
        (2, 1, "todo"),
        (3, 1, "todo"),
    ]
    assert ledger.slices(run)[1:] == parts


def test_a_committed_slice_gives_its_room_back(tmp_path: Path) -> None:
    """The spool of a slice is dropped once its rows are in the destination, lost attempts included."""
    ledger = Ledger(tmp_path)
    run = begun(ledger)
    attempt = ledger.begin_attempt(run, PIECE, 1.0, None)
    ledger.add(attempt, 0, Request(PIECE, "results"), Answer(200, {}, b"body"))
    ledger.settle(run, 1, attempt.id, "{}", (), {})
    ledger.commit(run, [(planned, "[]") for planned in ledger.slices(run)])
    assert ledger.spool.size() == 0
    assert ledger.slices(run)[0].state == "committed"


@pytest.mark.invariant("Crash-safe")
def test_identity(tmp_path: Path) -> None:
    """A destination belongs to one organisation and one set of filters."""
    ledger = Ledger(tmp_path)
    ledger.identify(organization="one", filters="{}")
    ledger.identify(organization="one", filters="{}")
    with pytest.raises(UsageError, match="another organization"):
        ledger.identify(organization="two", filters="{}")


def test_notes_that_were_told(tmp_path: Path) -> None:
    """What was told of an unfinished run is known to the next process, until the run is done."""
    first = Ledger(tmp_path)
    run = begun(first)
    for note in ("one", "two", "one"):
        first.tell(run, note)
    first.close()
    again = Ledger(tmp_path)
    assert again.told(run) == {"one", "two"}
    again.finish(run, 2.0, "complete")
    assert again.told(run) == frozenset()


@pytest.mark.parametrize(
    ("version", "new"), [(2, ("told", "absence")), (3, ("absence",)), (4, ()), (5, ()), (6, ())]
)
def test_an_older_ledger(tmp_path: Path, version: int, new: tuple[str, ...]) -> None:
    """A ledger of an older version, which did not have all tables and columns, is brought up to date with all that it holds."""
    first = Ledger(tmp_path)
    run = begun(first)
    first.close()
    db = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
    db.execute("drop index slice_of")
    for table in (*new, *(["memory"] if version < 6 else [])):
        db.execute(f"drop table {table}")
    if version < 6:
        db.execute("alter table run drop column coverage")
    if version < 5:
        db.execute("alter table slice drop column held")
    db.execute(f"pragma user_version = {version}")
    db.close()
    again = Ledger(tmp_path)
    assert again.unfinished("2023-10") == run
    again.tell(run, "one")
    assert again.told(run) == {"one"}
    assert again.absences(DAYS.start.date()) == {}


def test_what_seems_to_be_gone(tmp_path: Path) -> None:
    """It is remembered by day, from one process to the next, until something else is remembered of that day."""
    day, other, absence = DAYS.start.date(), DAYS.end.date(), Absence("gone", 1.5)
    first = Ledger(tmp_path)
    begun(first)
    first.remember_absences(day, {"a": absence, "b": absence})
    first.remember_absences(other, {"a": absence})
    first.remember_absences(day, {"b": absence})
    first.close()
    again = Ledger(tmp_path)
    assert again.absences(day) == {"b": absence}
    assert again.absences(other) == {"a": absence}


def test_what_moves(tmp_path: Path) -> None:
    """Rows whose start moved are there again, by their day; others are not among them."""
    day, other = DAYS.start.date(), DAYS.end.date()
    first = Ledger(tmp_path)
    first.remember_absences(day, {"a": Absence("moving", 1.5), "b": Absence("gone", 1.5)})
    first.remember_absences(other, {"c": Absence("moving", 1.5)})
    assert first.moving() == {day: ["a"], other: ["c"]}
    first.remember_absences(day, {})
    assert first.moving() == {other: ["c"]}


def test_a_newer_ledger(tmp_path: Path) -> None:
    """A ledger of a newer version is refused, not guessed at."""
    ledger = Ledger(tmp_path)
    begun(ledger)
    ledger.close()
    db = sqlite3.connect(tmp_path / "ledger.sqlite")
    db.execute(f"pragma user_version = {VERSION + 1}")
    db.close()
    with pytest.raises(UsageError, match="newer lastpage"):
        Ledger(tmp_path)


def test_a_foreign_ledger(tmp_path: Path) -> None:
    """A database of another program in the ledger's place is not touched."""
    path = tmp_path / "ledger.sqlite"
    db = sqlite3.connect(path)
    db.execute("create table mine (x)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(DestinationError, match="not written by lastpage"):
        Ledger(tmp_path)
    assert path.read_bytes() == before


def test_a_failed_transaction_changes_nothing(tmp_path: Path) -> None:
    """What fails in the middle is rolled back whole."""
    ledger = Ledger(tmp_path)
    run = begun(ledger)

    def parts() -> object:
        yield PIECE
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ledger.cut(run, ledger.slices(run)[0], parts())  # type: ignore[arg-type]
    assert [planned.state for planned in ledger.slices(run)] == ["todo"]


def test_facts_that_are_remembered(tmp_path: Path) -> None:
    """A fact is there for the next process, until another one takes its place."""
    first = Ledger(tmp_path)
    begun(first)
    assert first.recall("asked") is None
    for value in ("one", "two"):
        first.remember("asked", value)
    first.close()
    assert Ledger(tmp_path).recall("asked") == "two"
