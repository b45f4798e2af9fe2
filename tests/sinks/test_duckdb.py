"""The DuckDB destination: what it promises beyond what every sink does."""

import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.contract.kinds import SINKS
from tests.contract.test_sinks import DAY, START, held, hours, opened, record, stored, write
from tests.inprocess import World, world
from tests.readback import by_keys, database, everything

from lastpage import DestinationError, InUseError, UsageError
from lastpage.files import Disk
from lastpage.sinks.duckdb import VERSION
from lastpage.sinks.sink import Identity
from lastpage.tables.build import Shredder
from lastpage.tables.derived import Names
from lastpage.tables.selection import LISTS, Selection

KIND = SINKS["duckdb"]
SPAN = "2023-10-10/2023-10-12"
SPAWN = multiprocessing.get_context("forkserver")
SPAWN.set_forkserver_preload(["tests.contract.test_sinks"])


def filled(folder: Path) -> Path:
    """A file with one day in it, closed."""
    write(KIND, folder, [hours(0, 24)], [[record(1), record(2)]])
    return folder / "x.duckdb"


def changed(path: Path, *statements: str) -> None:
    with duckdb.connect(path) as db:
        for statement in statements:
            db.execute(statement)


def held_elsewhere(path: Path) -> subprocess.Popen[str]:
    """Another program that has the file open."""
    code = f"import duckdb; db = duckdb.connect({str(path)!r}); print('open', flush=True); input()"
    other = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout
    assert other.stdout.readline() == "open\n"
    return other


@pytest.mark.invariant("Destinations")
def test_the_same_tables_as_a_folder(tmp_path: Path) -> None:
    """A DuckDB file has the tables, columns and rows of a folder, and only its state beside it."""
    made = world(per_day=40)
    for name in ("out", "x.duckdb"):
        assert made.cloud().fetch(SPAN, tmp_path / name).coverage == "complete"
    found, wanted = database(tmp_path / "x.duckdb"), everything(tmp_path / "out")
    lists = {
        name: pq.read_table(tmp_path / "out" / name / "part.parquet").to_pylist() for name in LISTS
    }
    assert found == {name: by_keys(rows) for name, rows in (wanted | lists).items()}
    assert len(found["conversations"]) > 60
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "out",
        "x.duckdb",
        "x.duckdb.lastpage",
    ]


def test_older_versions_read_it(tmp_path: Path) -> None:
    """The file is of the shape that DuckDB had at 1.0, also after it was written to again."""
    path = filled(tmp_path)
    filled(tmp_path)
    with duckdb.connect(path, read_only=True) as db:
        tags = db.execute(
            "select tags from duckdb_databases() where database_name = 'x'"
        ).fetchall()[0][0]
    assert tags["storage_version"].startswith("v1.0.0")


def test_what_it_holds(tmp_path: Path) -> None:
    """Whose data it is, and what each day has, can be asked for in SQL."""
    with duckdb.connect(filled(tmp_path), read_only=True) as db:
        assert db.execute("from lastpage_meta").fetchall() == [(VERSION, "org-1", "{}", "{}", "")]
        (row,) = db.execute(
            "select day, coverage, finality, conversations from lastpage_ranges"
        ).fetchall()
    assert row == (DAY, "complete", "final", 2)


def test_reading_gives_the_schema(tmp_path: Path) -> None:
    """What is read back has exactly the columns and types of the selection."""
    with opened(KIND, tmp_path) as sink:
        sink.replace(DAY, [hours(0, 24)], [[record(1)], [record(2)]])
        for name, schema in Shredder().schemas.items():
            assert all(table.schema == schema for table in sink.read(name, DAY))
        (found,) = sink.read("conversations", DAY)
        starts = sorted(found.column("conversation_start").to_pylist())
        assert starts == [START + timedelta(hours=hour) for hour in (1, 2)]
        assert list(sink.read("conversations", DAY + timedelta(days=1))) == []


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("mark", [False, True])
def test_somebody_elses_database(tmp_path: Path, mark: bool) -> None:
    """A database that lastpage did not make is refused with exit code 6, and stays as it is."""
    path = tmp_path / "x.duckdb"
    changed(
        path,
        "create table conversations (thesis varchar)"
        if mark
        else "create table thesis (chapter integer)",
    )
    before = path.read_bytes()
    with pytest.raises(DestinationError, match="not written by lastpage") as refused:
        held(KIND, tmp_path)
    assert refused.value.exit_code == 6
    assert path.read_bytes() == before


def test_a_newer_version(tmp_path: Path) -> None:
    """What a newer lastpage wrote is refused with what to do, and not touched."""
    changed(filled(tmp_path), f"update lastpage_meta set version = {VERSION + 1}")
    with pytest.raises(UsageError, match="update this one"):
        held(KIND, tmp_path)
    assert stored(KIND, tmp_path) == {"h1-0": "one", "h2-0": "one"}


@pytest.mark.invariant("Destinations")
def test_an_older_version(tmp_path: Path) -> None:
    """A database of an older version gets the tables and columns it lacks, and keeps the rest."""
    changed(
        filled(tmp_path),
        "drop view queues_by_day",
        "alter table conversations drop external_tag",
        "alter table sessions drop media_type",
        "drop table surveys",
    )
    with opened(KIND, tmp_path) as sink:
        sink.replace(DAY, [hours(2, 24)], [[record(13, "two")]])
        assert list(sink.read("surveys", DAY)) == []
    assert stored(KIND, tmp_path) == {"h1-0": None, "h13-0": "two"}
    assert {row["media_type"] for row in KIND.read(tmp_path, "sessions")} == {None}


def test_tables_of_the_owner_stay(tmp_path: Path) -> None:
    """What analysts put beside our tables stays there."""
    changed(
        filled(tmp_path),
        "create table notes as select 'mine' as note",
        "create view starts as select conversation_start from conversations",
    )
    filled(tmp_path)
    with duckdb.connect(tmp_path / "x.duckdb", read_only=True) as db:
        assert db.execute("select note, count(*) from notes, starts group by 1").fetchall() == [
            ("mine", 2)
        ]


@pytest.mark.invariant("Destinations")
def test_open_in_another_program(tmp_path: Path) -> None:
    """A database that another program has open is left alone, with a sentence and exit code 7."""
    path = filled(tmp_path)
    other = held_elsewhere(path)
    try:
        with pytest.raises(InUseError, match="open in another program") as refused:
            held(KIND, tmp_path)
        with pytest.raises(InUseError, match="is being written by another run, or is open"):
            world().cloud().verify(path)
    finally:
        other.communicate("\n")
    assert refused.value.exit_code == 7
    assert held(KIND, tmp_path) == {DAY: [hours(0, 24, conversations=2)]}


def test_attributes_that_differ_in_case(tmp_path: Path) -> None:
    """Two attributes that DuckDB would take for one are refused; one called as a column of ours is not in its way."""
    twins = Selection(attributes=("Order", "order"))
    with pytest.raises(UsageError, match="differs from it in case only"):
        write(KIND, tmp_path, [hours(0, 24)], [], shredder=Shredder(twins))
    assert not (tmp_path / "x.duckdb").exists()
    odd = Shredder(Selection(attributes=("Day", 'a "b"', "purpose")))
    write(KIND, tmp_path, [hours(0, 24)], [[record(1)]], shredder=odd)
    (row,) = KIND.read(tmp_path, "participants_with_attributes")
    assert {"attribute_Day", 'a "b"', "attribute_purpose"} <= {*row}


def test_lists(tmp_path: Path) -> None:
    """The organisation's lists are tables beside the others; a newer list replaces an older one."""
    with opened(KIND, tmp_path) as sink:
        for name in ("old", "new"):
            sink.refresh(Names({"queues": pa.table({"id": ["q"], "name": [name]})}))
    assert KIND.read(tmp_path, "queues") == [{"id": "q", "name": "new"}]


def test_a_selection(tmp_path: Path) -> None:
    """A selection without what a view needs has no such view; another selection is refused later."""
    chosen = Selection(tables=("sessions",), drop=("sessions.ani",))
    identity = Identity("org-1", "{}", chosen.dump())
    write(
        KIND, tmp_path, [hours(0, 24)], [[record(1)]], identity=identity, shredder=Shredder(chosen)
    )
    there = ["broken", "conversations", "oddities", "sessions"]
    assert sorted(database(tmp_path / "x.duckdb")) == there
    assert "ani" not in KIND.read(tmp_path, "sessions")[0]
    with pytest.raises(UsageError, match="another selection"):
        held(KIND, tmp_path)


def full_disk(folder: Path, room: int) -> None:
    """Write a day, in a process whose files may not grow beyond `room` bytes; exits with the error's code."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    try:
        write(KIND, folder, [hours(0, 24)], wide())
    except DestinationError as problem:
        os._exit(problem.exit_code if "same command again" in str(problem) else 1)


def wide() -> list[list[msgspec.Raw]]:
    """A day that needs a few MiB, in text that does not compress."""
    return [
        [record(number / 100, os.urandom(2_000).hex(), page) for number in range(300)]
        for page in range(3)
    ]


@pytest.mark.parametrize("room_kib", [300, 600, 1200])
def test_a_disk_that_is_full(tmp_path: Path, room_kib: int) -> None:
    """Wherever the room ends, the day is as it was, the error is a sentence, and the same write goes on once there is room."""
    filled(tmp_path)
    process = SPAWN.Process(target=full_disk, args=(tmp_path, room_kib * 1024))
    process.start()
    process.join()
    assert process.exitcode == 6
    assert stored(KIND, tmp_path) == {"h1-0": "one", "h2-0": "one"}
    write(KIND, tmp_path, [hours(0, 24)], wide())
    assert len(stored(KIND, tmp_path)) == 900


def killed(folder: Path, at: int) -> None:
    """Write a day, and be killed before step `at`."""
    steps = Counter[str]()

    def seam(name: str) -> None:
        steps[name] += 1
        if steps.total() == at:
            os.kill(os.getpid(), signal.SIGKILL)

    write(KIND, folder, [hours(12, 24)], [[record(13)], [record(14)]], disk=Disk(seam))


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("there", [False, True])
def test_killed_at_every_step(tmp_path: Path, there: bool) -> None:
    """Killed before any step, a DuckDB file has the old version or the new one, and goes on."""
    before = tmp_path / "before"
    before.mkdir()
    if there:
        filled(before)
    for at in range(1, 100):
        folder = Path(shutil.copytree(before, tmp_path / str(at)))
        process = SPAWN.Process(target=killed, args=(folder, at))
        process.start()
        process.join()
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        old = {"h1-0": "one", "h2-0": "one"} if there else {}
        new = old | {"h13-0": "one", "h14-0": "one"}
        assert stored(KIND, folder) in (old, new), at
        write(KIND, folder, [hours(12, 24)], [[record(13)], [record(14)]])
        assert stored(KIND, folder) == new, at
    assert at > (4 if there else 7)


@pytest.mark.invariant("Destinations")
def test_all_of_a_day_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many parts a day comes in, the database has its old version until the commit."""
    monkeypatch.setattr("lastpage.sinks.duckdb.BATCH", 1)
    filled(tmp_path)
    steps: list[str] = []
    old, new = {"h1-0": "one", "h2-0": "one"}, {"h13-0": "one", "h14-0": "one"}

    def seam(name: str) -> None:
        steps.append(name)
        assert stored(KIND, tmp_path) == old

    def pages() -> Iterator[list[msgspec.Raw]]:
        yield from ([record(15)], [record(16)])
        raise KeyboardInterrupt

    with opened(KIND, tmp_path, Disk(seam)) as sink:
        sink.replace(DAY, [hours(0, 24)], [[record(13)], [record(14)]])
        assert steps[-3:] == ["database write", "database write", "database commit"]
        assert stored(KIND, tmp_path) == new
        old = new
        with pytest.raises(KeyboardInterrupt):
            sink.replace(DAY, [hours(0, 24)], pages())
    assert stored(KIND, tmp_path) == new
    assert held(KIND, tmp_path) == {DAY: [hours(0, 24, conversations=2)]}


def test_the_file_does_not_grow_for_ever(tmp_path: Path) -> None:
    """A day that is read again and again takes the room of a day, give or take its like."""
    made = world(per_day=300)
    sizes = []
    for _ in range(6):
        made.cloud().fetch("2023-10-10", tmp_path / "x.duckdb")
        sizes.append((tmp_path / "x.duckdb").stat().st_size)
        made.clock.sleep(3600)
    assert sizes[-1] <= 2.5 * sizes[0]


def test_queues_by_day(tmp_path: Path) -> None:
    """The view adds up metrics by the queue of their session; what was offered is answered, abandoned or flowed out."""
    made = world(per_day=200)
    made.cloud().fetch(SPAN, tmp_path / "x.duckdb")
    tables = database(tmp_path / "x.duckdb")
    keys = ("conversation_id", "participant_no", "session_no")
    queues = {
        tuple(row[key] for key in keys): row["queue_id"]
        for row in reversed(tables["segments"])
        if row["queue_id"]
    }
    wanted: Counter[tuple[str, str]] = Counter()
    for row in tables["metrics"]:
        if queue := queues.get(tuple(row[key] for key in keys)):
            wanted[queue, row["name"]] += row["value"] if row["name"] == "tHandle" else 1
    with duckdb.connect(tmp_path / "x.duckdb", read_only=True) as db:
        found = db.execute(
            "select queue_id, sum(offered), sum(answered), sum(abandoned), sum(flowed_out), coalesce(sum(handle_ms), 0) "
            "from queues_by_day group by 1"
        ).fetchall()
    assert len(found) > 2
    for queue, offered, answered, abandoned, flowed_out, handle_ms in found:
        names = ("nOffered", "tAnswered", "tAbandon", "tFlowOut", "tHandle")
        assert [wanted[queue, name] for name in names] == [
            offered,
            answered,
            abandoned,
            flowed_out,
            handle_ms,
        ]
        assert offered >= answered + abandoned + flowed_out > 0


def verified(made: World, path: Path, **options: bool) -> list[tuple[str, str]]:
    return [(proof.day, proof.state) for proof in made.cloud().verify(path, **options).proofs]


def test_verify(tmp_path: Path) -> None:
    """An extract in DuckDB is proved again, by counts and by content, and its changed days are read again."""
    made, path = world(per_day=20), tmp_path / "x.duckdb"
    made.cloud().fetch(SPAN, path)
    noon = datetime(2023, 10, 11, 12, tzinfo=UTC)
    made.sandbox.world.remove(
        min(made.truth(noon - timedelta(hours=12), noon + timedelta(hours=12)))
    )
    made.clock.sleep(3600)
    same, changed_day = ("2023-10-10", "same"), ("2023-10-11", "changed")
    assert verified(made, path, content=True) == [same, changed_day]
    verified(made, path, content=True, repair=True)
    made.clock.sleep(3600)
    assert verified(made, path, content=True, repair=True) == [same, ("2023-10-11", "same")]
    ids = {row["conversation_id"] for row in database(path)["conversations"]}
    assert ids == made.truth(datetime(2023, 10, 10, tzinfo=UTC), datetime(2023, 10, 12, tzinfo=UTC))
