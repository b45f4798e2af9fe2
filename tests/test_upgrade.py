"""What an older build left is taken up by this one.

What it fetched stays, what it began is finished, nothing is there twice.
The fixtures (tests/fixtures/upgrade) were made by commit 2120596.
"""

import re
import sqlite3
import tarfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from lastpage import Cloud, DestinationError, Summary, UsageError
from lastpage_sandbox.replies import Asked
from tests.fixtures.upgrade import cases
from tests.fixtures.upgrade.cases import Case
from tests.inprocess import NOW, World
from tests.readback import database, everything, lines

FIXTURES = Path(__file__).parent / "fixtures" / "upgrade"
#: Soon enough for a walk by page numbers to go on where it stopped.
SOON = NOW + timedelta(minutes=1)
LATER = NOW + timedelta(hours=1)
#: Unfinished runs that this build would plan otherwise.
OF_THEN = (cases.DIRECTIONS_READ, cases.DIRECTIONS_SHORT, cases.FILTER, cases.NAMED)
Tables = dict[str, list[dict[str, Any]]]


def every(*wanted: Case, sinks: tuple[str, ...] = ()) -> pytest.MarkDecorator:
    """A test of each destination of these cases, or of these ones."""
    each = [(case, sink) for case in wanted for sink in sinks or case.sinks]
    names = [f"{case.name}-{sink}" for case, sink in each]
    return pytest.mark.parametrize(("case", "sink"), each, ids=names)


def unpacked(case: Case, folder: Path, sink: str) -> Path:
    """A destination as the old build left it, with its ledger."""
    with tarfile.open(FIXTURES / f"{case.name}.tar.xz") as archive:
        ours = re.compile(rf"{re.escape(sink)}(\.lastpage)?(/|$)")
        members = [member for member in archive if ours.match(member.name)]
        # The first releases of Python 3.11 know no filter; the archive is our own.
        safe: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(folder, members, **safe)
    return folder / sink


def again(case: Case, made: World, place: Path) -> Summary:
    """The command that the old build was given."""
    return made.cloud().fetch(case.interval, place, **case.keywords(place.name))


def held(place: Path) -> Tables:
    """The tables of a destination that have rows; lines are a table, too."""
    if ".jsonl" in place.name:
        rows = [{"conversation_id": record["conversationId"]} for record in lines(place)]
        return {"conversations": rows}
    tables = database(place) if place.suffix == ".duckdb" else everything(place)
    return {name: rows for name, rows in tables.items() if rows}


def ids(place: Path) -> list[str]:
    return sorted(row["conversation_id"] for row in held(place)["conversations"])


def truth(case: Case, made: World) -> list[str]:
    """The conversations that a case asks for: all of its span, or those that have voice by now."""
    there, now_ms = made.truth(*case.span), round(made.clock.now() * 1000)
    if "media" in case.options:
        there &= {each.id for each in case.talks() if each.has_media("voice", now_ms)}
    return sorted(there)


def states(made: World, place: Path) -> set[str]:
    """What `verify` finds, over all days."""
    return {proof.state for proof in made.cloud().verify(place).proofs}


# Finished ----------------------------------------------------------------------------------------


@every(cases.FINISHED)
def test_a_finished_destination(tmp_path: Path, case: Case, sink: str) -> None:
    """What is held stays when the span beside it is fetched, and fetched again it is there once."""
    place, made = unpacked(case, tmp_path, sink), case.world(LATER)
    before = held(place)
    assert ids(place) == truth(case, made)
    assert states(made, place) == {"same"}
    for neighbour in ("2023-10-17/2023-10-18", "2023-10-20T12:00Z/2023-10-20T14:00Z"):
        assert made.cloud().fetch(neighbour, place).coverage == "complete"
    assert carried(before, held(place)) == carried(before, before)
    assert again(case, made, place).coverage == "complete"
    start, end = case.span
    assert ids(place) == sorted(made.truth(start - timedelta(days=1), end + timedelta(hours=2)))
    assert states(made, place) == {"same"}


@every(cases.FINISHED, sinks=("parquet", "csv", "out.duckdb"))
def test_a_destination_without_odd_values(tmp_path: Path, case: Case, sink: str) -> None:
    """One that has no table for odd values gets it with the first day that is fetched."""
    place, made = unpacked(case, tmp_path, sink), case.world(LATER, odd_share=0.5)
    before = held(place)
    assert "oddities" not in (database(place) if sink == "out.duckdb" else everything(place))
    assert states(made, place) == {"same"}
    summary = made.cloud().fetch("2023-10-18", place, refresh=True)
    odd = held(place)["oddities"]
    assert (summary.coverage, summary.oddities) == ("complete", len(odd))
    assert (
        {row["conversation_id"] for row in odd}
        < {*ids(place)}
        == {row["conversation_id"] for row in before["conversations"]}
    )
    more = made.cloud().fetch("2023-10-19", place, refresh=True)
    assert more.oddities == len(held(place)["oddities"]) - len(odd)


def carried(before: Tables, now: Tables) -> Tables:
    """Of the tables as they are now, the conversations and the columns that they had before."""
    there = {row["conversation_id"] for row in before["conversations"]}
    kept: Tables = {}
    for name, rows in before.items():
        if "conversation_id" in rows[0]:
            stayed = (row for row in now[name] if row["conversation_id"] in there)
            kept[name] = [{column: row[column] for column in rows[0]} for row in stayed]
    return kept


# Unfinished --------------------------------------------------------------------------------------


@every(cases.KILLED)
def test_a_run_that_was_killed(tmp_path: Path, case: Case, sink: str) -> None:
    """It goes on where it stopped: what was committed or kept is not asked for again."""
    place, made = unpacked(case, tmp_path, sink), case.world(SOON)
    assert again(case, made, place).coverage == "complete"
    assert ids(place) == truth(case, made)
    assert made.sandbox.counters["jobs.submit"] == 0
    assert pages_asked(made)[0] == 3
    assert states(made, place) == {"same"}


def pages_asked(made: World) -> list[int]:
    """The page numbers that were asked for; counts have a page size of 1."""
    queries = (entry.json for entry in made.sandbox.log if entry.endpoint == "details.query")
    asked = (query["paging"] for query in queries)
    return [paging["pageNumber"] for paging in asked if paging["pageSize"] > 1]


@every(cases.JOB)
@pytest.mark.parametrize("lives", [True, False])
def test_a_job_under_way(tmp_path: Path, case: Case, sink: str, lives: bool) -> None:
    """A job that is still there is read on from its cursor; one that is gone is submitted again."""
    place, made = unpacked(case, tmp_path, sink), case.world(NOW)
    if lives:
        submit_as_then(made)
    made.clock.sleep(60)
    assert again(case, made, place).coverage == "complete"
    assert ids(place) == truth(case, made)
    read = [entry for entry in made.sandbox.log if entry.endpoint == "jobs.results"]
    assert ("cursor" in next(entry for entry in read if entry.status == 200).query) == lives
    assert made.sandbox.counters["jobs.submit"] == (1 if lives else 2)


def submit_as_then(made: World) -> None:
    """The jobs of the old build: a sandbox of the same seed gives them the same ids and rows."""
    for day in (18, 19):
        span = f"2023-10-{day}T00:00:00.000Z/2023-10-{day + 1}T00:00:00.000Z"
        body = {"interval": span, "startOfDayIntervalMatching": True}
        asked = Asked("POST", "", {}, {}, b"", json=body)
        made.sandbox.jobs.submit(asked, made.sandbox.clock.at())


@every(cases.STAGED)
def test_files_half_in_place(tmp_path: Path, case: Case, sink: str) -> None:
    """A day whose files were being put into place is whole once the destination was opened; until then that is said."""
    place, made = unpacked(case, tmp_path, sink), case.world(SOON)
    assert ids(place) != truth(case, made)
    assert "writing" in states(made, place)
    assert ids(place) != truth(case, made)
    assert again(case, made, place).coverage == "complete"
    assert ids(place) == truth(case, made)
    assert {row["conversation_id"] for row in held(place)["sessions"]} == {*ids(place)}
    assert states(made, place) == {"same"}
    assert made.sandbox.counters["jobs.submit"] == 0


@every(*OF_THEN)
def test_a_run_that_is_planned_again(tmp_path: Path, case: Case, sink: str) -> None:
    """A plan by rules that are gone (directions, rows by id) is made again, which is said once."""
    place, made = unpacked(case, tmp_path, sink), case.world(SOON)
    summary = again(case, made, place)
    assert summary.coverage == "complete"
    assert any("planned again" in note for note in summary.notes)
    assert ids(place) == truth(case, made)
    assert states(made, place) == {"same"}
    later = made.cloud().fetch("2023-10-17", place, **others(case))
    assert not any("planned again" in note for note in later.notes)


@every(*OF_THEN, sinks=("parquet", "out.jsonl"))
def test_another_command_first(tmp_path: Path, case: Case, sink: str) -> None:
    """A day later and after another command, the older run is still planned again and finished."""
    place, made = unpacked(case, tmp_path, sink), case.world(NOW + timedelta(days=1))
    made.cloud().fetch("2023-10-17", place, **others(case))
    assert len(ids(place)) >= 12, "the 19th was committed"
    summary = again(case, made, place)
    assert summary.coverage == "complete"
    assert any("planned again" in note for note in summary.notes)
    assert ids(place) == truth(case, made)


def others(case: Case) -> dict[str, Any]:
    """What another command on the same destination says, too."""
    return {name: value for name, value in case.options.items() if name in ("media", "names")}


# Versions ----------------------------------------------------------------------------------------


def ledger_of(place: Path) -> Path:
    """The ledger's file: within a folder, beside a file."""
    state = place / ".lastpage" if place.is_dir() else place.with_name(f"{place.name}.lastpage")
    return state / "ledger.sqlite"


def content(ledger: Path, *changes: str) -> list[str]:
    """What a ledger holds, as SQL, and its version; `changes` are made before."""
    db = sqlite3.connect(ledger, isolation_level=None)
    for statement in changes:
        db.execute(statement)
    found = [*db.iterdump(), str(db.execute("pragma user_version").fetchone())]
    db.close()
    return found


def assert_a_sentence(problem: BaseException, *words: str) -> None:
    """Told in one line, with what to do next, and without a word of SQL's own."""
    assert "\n" not in str(problem)
    assert not re.search(r"no such (table|column)|syntax error|no column", str(problem)), problem
    assert any(word in str(problem) for word in ("give another", "move", "update"))
    for word in words:
        assert word in str(problem)


@every(cases.FINISHED, cases.KILLED)
def test_a_newer_ledger(tmp_path: Path, case: Case, sink: str) -> None:
    """A ledger of a newer version is refused in a sentence and left as it is."""
    place, made = unpacked(case, tmp_path, sink), case.world(SOON)
    before = content(ledger_of(place), "pragma user_version = 99")
    with pytest.raises(UsageError) as caught:
        again(case, made, place)
    assert_a_sentence(caught.value, "newer lastpage", "update")
    assert content(ledger_of(place)) == before


#: What no version of ours ever had.
FOREIGN = {
    "version 0": "pragma user_version = 0",
    "a negative version": "pragma user_version = -1",
    **{
        f"no {table}": f"drop table {table}"
        for table in ("meta", "run", "slice", "attempt", "page", "owned", "sighting", "delivered")
    },
    "no column": "alter table run drop column until",
    "another name": "alter table page rename column offset to place",
}


@pytest.mark.parametrize("statement", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_ledger(tmp_path: Path, statement: str) -> None:
    """A version or a schema that never was is told in a sentence, and the file is left as it is."""
    case, made = cases.KILLED, cases.KILLED.world(SOON)
    place = unpacked(case, tmp_path, "parquet")
    before = content(ledger_of(place), statement)
    with pytest.raises(DestinationError) as caught:
        again(case, made, place)
    assert_a_sentence(caught.value, str(ledger_of(place)))
    assert content(ledger_of(place)) == before


def newer_parquet(place: Path) -> None:
    for path in place.glob("conversations/day=*/part.parquet"):
        rows = pq.read_table(path, partitioning=None)
        facts = pq.read_metadata(path).metadata[b"lastpage"]
        facts = facts.replace(b'"version":1', b'"version":99')
        pq.write_table(rows.replace_schema_metadata({b"lastpage": facts}), path)


def newer_csv(place: Path) -> None:
    for path in place.glob("conversations/day=*/_lastpage.json"):
        newer_record(path)


def newer_database(place: Path) -> None:
    with duckdb.connect(place) as db:
        db.execute("update lastpage_meta set version = 99")


def newer_lines(place: Path) -> None:
    newer_record(place.with_name(f"{place.name}.lastpage") / "jsonl.json")


def newer_record(path: Path) -> None:
    text = path.read_text("utf-8")
    assert '"version":1' in text
    path.write_text(text.replace('"version":1', '"version":99'), "utf-8")


NEWER = {
    "parquet": newer_parquet,
    "csv": newer_csv,
    "out.duckdb": newer_database,
    "out.jsonl": newer_lines,
}
VERBS: dict[str, Callable[[Cloud, Path], object]] = {
    "fetch": lambda cloud, place: cloud.fetch("2023-10-17", place),
    "verify": lambda cloud, place: cloud.verify(place),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("sink", NEWER)
def test_a_newer_destination(tmp_path: Path, sink: str, verb: str) -> None:
    """A destination that says a newer version is refused in a sentence and left as it is."""
    case, place = cases.FINISHED, unpacked(cases.FINISHED, tmp_path, sink)
    NEWER[sink](place)
    before = ids(place)
    with pytest.raises(UsageError) as caught:
        VERBS[verb](case.world(SOON).cloud(), place)
    assert_a_sentence(caught.value, "newer lastpage", "update")
    assert ids(place) == before
