"""What is special about PostgreSQL: types, locks, comments, names, and what a server does to a writer."""

import json
import multiprocessing
import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from tests import postgres
from tests.contract.kinds import SINKS
from tests.contract.test_sinks import DAY, FEW, hours, moved, opened, put, record, stored, write
from tests.inprocess import talk, world

from lastpage import DestinationError, InUseError, UsageError, status
from lastpage.files import Disk
from lastpage.sinks.destination import Destination
from lastpage.tables.build import Shredder
from lastpage.tables.derived import Names
from lastpage.tables.selection import Selection

pytestmark = pytest.mark.skipif(bool(postgres.WHY_NOT), reason=postgres.WHY_NOT)
KIND = SINKS["postgres"]
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def schema(tmp_path: Path) -> str:
    """The schema that stands for the folder of the test."""
    return postgres.schema(tmp_path)


def one(statement: str) -> Any:
    (row,) = postgres.run(statement)
    (value,) = row.values()
    return value


@pytest.mark.invariant("Destinations")
@pytest.mark.parametrize("other", ["double precision", "timestamp with time zone"])
def test_another_type_of_the_same_width(tmp_path: Path, schema: str, other: str) -> None:
    """A column that somebody has given another type is refused, by name, before a row is sent: its bits would be stored as they are."""
    write(KIND, tmp_path, [hours(0, 12)], [[record(1)]], shredder=FEW)
    table = f"{schema}.conversations"
    column = "record_digest"
    using = "null::timestamptz" if "time" in other else f"{column}::double precision"
    postgres.run(f"alter table {table} alter column {column} type {other} using {using}")
    with pytest.raises(DestinationError, match=f"conversations.{column}.* is {other}, and") as no:
        write(KIND, tmp_path, [hours(12, 24)], [[record(13)]], shredder=FEW)
    assert no.value.exit_code == 6
    assert stored(KIND, tmp_path) == {"h1-0": "one"}


def test_another_type_during_a_run(tmp_path: Path, schema: str) -> None:
    """The same where it happens while a run has the schema open."""
    with opened(KIND, tmp_path, shredder=FEW) as sink:
        put(sink, [hours(0, 12)], [[record(1)]])
        postgres.run(
            f"alter table {schema}.conversations alter column record_digest type double precision"
        )
        with pytest.raises(DestinationError, match="is double precision, and lastpage writes"):
            put(sink, [hours(12, 24)], [[record(13)]])
    assert stored(KIND, tmp_path) == {"h1-0": "one"}


@pytest.mark.invariant("Destinations")
def test_a_statement_that_failed(tmp_path: Path) -> None:
    """A transaction in which a statement failed is never taken for committed, also where somebody passes over the failure."""

    def pass_over(sink: Any) -> None:
        with sink.together():
            put(sink, [hours(0, 12)], [[record(1)]])
            with suppress(DestinationError):
                sink._ask("select 1/0")

    with opened(KIND, tmp_path, shredder=FEW) as sink:
        with pytest.raises(DestinationError, match="a statement failed"):
            pass_over(sink)
        assert sink.committed() == {}
        put(sink, [hours(0, 12)], [[record(1)]])
    assert stored(KIND, tmp_path) == {"h1-0": "one"}


def test_a_column_of_somebody_else(tmp_path: Path, schema: str) -> None:
    """A column that somebody has added gets its default, and no run minds it."""
    write(KIND, tmp_path, [hours(0, 12)], [[record(1)]], shredder=FEW)
    postgres.run(f"alter table {schema}.conversations add column mine text default 'x'")
    write(KIND, tmp_path, [hours(12, 24)], [[record(13)]], shredder=FEW)
    rows = KIND.read(tmp_path, "conversations")
    assert {row["mine"] for row in rows} == {"x"}


def test_a_quick_look_at_years(
    tmp_path: Path, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest days are counted, every table of them; of older ones the conversations, and whether a table has any row."""
    monkeypatch.setattr("lastpage.sinks.postgres.COUNTED", 1)
    tomorrow = hours(24, 48)
    with opened(KIND, tmp_path, shredder=FEW) as sink:
        put(sink, [hours(0, 24)], [[record(1), record(2)]])
        sink.replace(tomorrow.day, [tomorrow], [[moved(record(5), 24), moved(record(6), 24)]])

    def seen(table: str, conversation: str) -> set[date]:
        postgres.run(f"delete from {schema}.{table} where conversation_id like '{conversation}'")
        with KIND.looked_at(tmp_path) as reader:
            return set(reader.damaged())  # type: ignore[union-attr]

    assert seen("sessions", "h1-0") == set()
    with KIND.looked_at(tmp_path) as reader:
        assert "sessions" in reader.damage(DAY)  # type: ignore[union-attr]
    assert seen("sessions", "h2-0") == {DAY}
    assert seen("sessions", "h5-0") == {DAY, tomorrow.day}


def test_a_column_that_is_gone(tmp_path: Path, schema: str) -> None:
    """A column that was dropped is made again, as an older version's would be, with nulls."""
    write(KIND, tmp_path, [hours(0, 12)], [[record(1)]], shredder=FEW)
    postgres.run(f"alter table {schema}.conversations drop column external_tag")
    write(KIND, tmp_path, [hours(12, 24)], [[record(13, "two")]], shredder=FEW)
    assert stored(KIND, tmp_path) == {"h1-0": None, "h13-0": "two"}
    table = f"'{schema}.conversations'::regclass"
    said = f"select col_description({table}, attnum) from pg_attribute where attrelid = {table}"
    assert "externalTag" in one(f"{said} and attname = 'external_tag'")


@pytest.mark.parametrize("name", ["x" * 64, "ü" * 32, "ctid"])
def test_names_that_postgres_cannot_have(tmp_path: Path, name: str) -> None:
    """A column with a name of more than 63 bytes, or with one of PostgreSQL's own, is refused before anything is made."""
    few = Shredder(Selection(attributes=(name,)))
    with pytest.raises(UsageError, match="--attributes"):
        write(KIND, tmp_path, [hours(0, 24)], [[record(1)]], shredder=few)
    assert postgres.tables(tmp_path) == []


def test_a_text_that_is_too_long_for_an_index(tmp_path: Path, schema: str) -> None:
    """An id of thousands of bytes, which no id has: one sentence names the index, and without that it is stored."""
    body = json.loads(bytes(record(5)))
    user = "".join(f"{number:x}" for number in range(2_000))
    body["participants"] = [{"userId": user}]
    pages = [[msgspec.Raw(json.dumps(body).encode())]]
    with pytest.raises(
        DestinationError, match=r"participants_user_id_day_idx.*drop that index"
    ) as no:
        write(KIND, tmp_path, [hours(0, 24)], pages)
    assert no.value.exit_code == 6
    assert KIND.read(tmp_path, "conversations") == []
    postgres.run(f"drop index {schema}.participants_user_id_day_idx")
    write(KIND, tmp_path, [hours(0, 24)], pages)
    assert [row["user_id"] for row in KIND.read(tmp_path, "participants")] == [user]


def test_attributes_as_columns(tmp_path: Path) -> None:
    """A row a participant: several of one conversation, whose key is their place."""
    body = json.loads(bytes(record(5)))
    body["participants"] = [{"attributes": {"Day": each}} for each in ("a", "b")]
    few = Shredder(Selection(attributes=("Day",)))
    write(KIND, tmp_path, [hours(0, 24)], [[msgspec.Raw(json.dumps(body).encode())]], shredder=few)
    rows = KIND.read(tmp_path, "participants_with_attributes")
    assert [row["attribute_Day"] for row in rows] == ["a", "b"]


def test_a_letter_that_postgres_has_not(tmp_path: Path) -> None:
    """U+0000 becomes U+FFFD, and `oddities` has the text as it came, with its place; of what is private, not the text."""
    body = json.loads(bytes(record(5, "a\x00b"))) | {"divisionIds": ["x", "\x00"]}
    body["participants"][0]["attributes"] = {"n\x00": "v\x00"}
    pages = [[msgspec.Raw(json.dumps(body).encode())]]
    write(KIND, tmp_path, [hours(0, 24)], pages)
    told = {row["path"]: row["value"] for row in KIND.read(tmp_path, "oddities")}
    assert told["externalTag"] == '"a\\u0000b"'
    assert told["divisionIds[1]"] == '"\\u0000"'
    assert told["participants[0].sessions[0].sessionId"] == '"a\\u0000b"'
    assert told["participants[0].attributes.n\ufffd"]
    assert {row["conversation_start"].hour for row in KIND.read(tmp_path, "oddities")} == {5}


def test_how_it_is_made(tmp_path: Path, schema: str) -> None:
    """Days are dates, moments have a zone, lists are arrays; keys, indexes and comments are there, and a view counts."""
    write(KIND, tmp_path, [hours(0, 24)], [[record(1)]])
    types = {
        row["column_name"]: row["data_type"]
        for row in postgres.run(
            f"select column_name::text, data_type::text from information_schema.columns "
            f"where table_schema = '{schema}' and table_name = 'conversations'"
        )
    }
    assert next(iter(types)) == "day"
    assert (types["day"], types["conversation_start"]) == ("date", "timestamp with time zone")
    assert types["division_ids"] == "ARRAY"
    keys = postgres.run(
        f"select tablename::text as t, indexdef::text as i from pg_indexes where schemaname = '{schema}'"
    )
    defined = [(row["t"], row["i"].rpartition("USING ")[2]) for row in keys]
    key = "btree (day, conversation_id, participant_no, session_no, segment_no)"
    assert ("segments", key) in defined
    assert ("segments", "btree (queue_id, day)") in defined
    assert ("participants", "btree (user_id, day)") in defined
    assert ("conversations", "btree (conversation_id)") in defined
    assert ("participant_attributes", "btree (day, conversation_id)") in defined
    said = one(
        f"select count(*) from pg_description d join pg_class c on c.oid = d.objoid "
        f"join pg_namespace n on n.oid = c.relnamespace where nspname = '{schema}' and objsubid > 0"
    )
    assert said > 200
    overview = f"'{schema}.conversation_overview'::regclass"
    assert "start to end" in one(
        f"select col_description({overview}, attnum) from pg_attribute "
        f"where attrelid = {overview} and attname = 'duration_ms'"
    )
    assert one(f"select count(*) from {schema}.queues_by_day") == 0


def test_a_view_that_counts(tmp_path: Path, schema: str) -> None:
    """The view has a row a day, queue and medium, as that of DuckDB has."""
    made, views = world(per_day=30), []
    for kind in ("postgres", "duckdb"):
        made.cloud().fetch("2023-10-10", SINKS[kind].at(tmp_path), names=False)
    import duckdb

    order = "order by day, queue_id, media_type"
    views.append(postgres.run(f"select * from {schema}.queues_by_day {order}"))
    with duckdb.connect(tmp_path / "x.duckdb", read_only=True) as db:
        views.append(db.sql(f"from queues_by_day {order}").to_arrow_table().to_pylist())
    assert views[0] == views[1] != []


@pytest.mark.invariant("Crash-safe")
def test_one_writer(tmp_path: Path) -> None:
    """A second writer, with whichever state, is refused at once, exit code 7; readers are not, and see what was committed."""
    write(KIND, tmp_path, [hours(0, 12)], [[record(1)]], shredder=FEW)
    destination = KIND.destination(tmp_path)
    with opened(KIND, tmp_path, shredder=FEW) as sink, sink.together():
        put(sink, [hours(12, 24)], [[record(13)]])
        second = destination.sink(tmp_path / "another", Disk())
        with pytest.raises(InUseError, match="another run is writing") as refused, second:
            pass
        assert refused.value.exit_code == 7
        with destination.look() as reader:
            assert len(reader.committed()[DAY]) == 1
            assert sum(len(part) for part in reader.read("conversations", DAY)) == 1
    with destination.sink(tmp_path / "another", Disk()):
        pass


def test_a_run_that_waits(tmp_path: Path) -> None:
    """With `wait`, the second one begins when the first one is done."""
    made = world(per_day=9)
    destination = KIND.destination(tmp_path)
    with ExitStack() as first:
        first.enter_context(destination.sink(tmp_path / "another", Disk()))
        sleep = made.clock.sleep

        def done(seconds: float) -> None:
            first.close()
            sleep(seconds)

        made.clock.sleep = done  # type: ignore[method-assign]
        summary = made.cloud().fetch("2023-10-10", destination.text, names=False, wait="10m")
    assert summary.coverage == "complete"


def test_a_snapshot_for_a_reader(tmp_path: Path) -> None:
    """All that a look reads is as of one moment, though the day is replaced meanwhile; tables can be read side by side."""
    write(KIND, tmp_path, [hours(0, 24)], [[record(1)]], shredder=FEW)
    later = hours(0, 24, as_of=datetime(2023, 10, 15, tzinfo=UTC))
    with KIND.looked_at(tmp_path) as reader:
        parts = reader.read("sessions", DAY)  # type: ignore[union-attr]
        write(KIND, tmp_path, [later], [[record(2, "two"), record(3, "two")]], shredder=FEW)
        conversations = list(reader.read("conversations", DAY))  # type: ignore[union-attr]
        assert sum(map(len, conversations)) == sum(map(len, parts)) == 1
        assert reader.committed()[DAY][0].conversations == 1


def test_a_table_that_is_locked(tmp_path: Path, schema: str) -> None:
    """Who has to change a table does not wait long for it, since readers would wait behind: exit code 6, and what to do."""
    write(KIND, tmp_path, [hours(0, 12)], [[record(1)]], shredder=FEW)
    postgres.run(f"alter table {schema}.conversations drop column external_tag")
    from adbc_driver_postgresql import dbapi

    address = f"postgresql://lastpage@/postgres?host={postgres.server()}"
    with (
        dbapi.connect(address) as reader,
        reader.cursor() as cursor,
        pytest.MonkeyPatch.context() as patch,
    ):
        cursor.execute(f"select count(*) from {schema}.conversations")
        cursor.fetchall()
        from lastpage.sinks import session

        patch.setitem(session.SQL, "wait_shortly", "set local lock_timeout = '10ms';")
        with pytest.raises(DestinationError, match="end the session that holds the table"):
            write(KIND, tmp_path, [hours(12, 24)], [[record(13)]], shredder=FEW)
        reader.rollback()


def test_nothing_is_changed_without_need(tmp_path: Path) -> None:
    """A second run makes and changes no table."""
    steps: list[str] = []
    for _ in range(2):
        steps.clear()
        write(KIND, tmp_path, [hours(0, 12)], [[record(1)]], disk=Disk(steps.append), shredder=FEW)
    assert "server define" not in steps
    assert "server commit" in steps


def test_the_lists(tmp_path: Path, schema: str) -> None:
    """Lists stand beside the tables, and are written in place; a view on one goes on."""
    import pyarrow as pa

    kind = "queues"
    with opened(KIND, tmp_path, shredder=FEW) as sink:
        sink.refresh(names_of(kind, pa.table({"id": ["1"], "name": ["a"]})))
    postgres.run(f"create view {schema}.mine as select name from {schema}.{kind}")
    with opened(KIND, tmp_path, shredder=FEW) as sink:
        table = pa.table({"id": ["1", "2"], "name": ["b", "c\x00"], "more": ["x", None]})
        sink.refresh(names_of(kind, table))
    rows = postgres.run(f"select name from {schema}.mine order by name")
    assert [row["name"] for row in rows] == ["b", "c\ufffd"]


def names_of(kind: str, table: Any) -> Names:
    """Names with one list."""
    from types import SimpleNamespace

    return SimpleNamespace(lists={kind: table})  # type: ignore[return-value]


def test_what_the_page_asks(tmp_path: Path, schema: str) -> None:
    """Every statement of the page runs; each question finds rows."""
    page = (Path(__file__).parents[2] / "docs" / "postgresql.md").read_text("utf-8")
    asked, granted = re.findall(r"^```sql\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    address = f"postgresql://lastpage@/postgres?host={postgres.server()}"
    from adbc_driver_postgresql import dbapi

    roles = {"loader": f"loader_{schema}", "analyst": f"analyst_{schema}"}
    world(per_day=30).cloud().fetch("2023-10-10", KIND.at(tmp_path))
    with dbapi.connect(address, autocommit=True) as db, db.cursor() as cursor:
        cursor.execute(f"set search_path to {schema}")
        for statement in asked.strip("; \n").split(";\n"):
            cursor.execute(re.sub(r"^--.*\n", "", statement.strip(), flags=re.MULTILINE))
            assert len(cursor.fetchall()), statement
        for role in roles.values():
            postgres.run(f"create role {role}")
        try:
            for statement in granted.replace("genesys", schema).strip("; \n").split(";\n"):
                for name, role in roles.items():
                    statement = re.sub(rf"\b{name}\b", role, statement)  # noqa: PLW2901
                cursor.execute(statement)
        finally:
            for role in roles.values():
                postgres.run(f"drop owned by {role} cascade")
                postgres.run(f"drop role {role}")


# What a server says -------------------------------------------------------------------------------


def test_no_server(tmp_path: Path) -> None:
    """Where nobody answers, one sentence says so, exit code 6, without the password."""
    url = f"postgresql://anna:s3cret@/d?host={tmp_path}"
    for door in (lambda: status(url), lambda: world().cloud().fetch("2023-10-10", url)):
        with pytest.raises(DestinationError, match="cannot use postgresql://anna@/d") as refused:
            door()
        assert refused.value.exit_code == 6
        assert "s3cret" not in str(refused.value)
        assert "\n" not in str(refused.value)


def test_who_may_not(tmp_path: Path, schema: str) -> None:
    """A user without the right to make a schema, or to read it, is told what to have granted."""
    user = f"u{schema}"
    postgres.run(f"create role {user} login")
    try:
        url = postgres.url(tmp_path, user=user)
        with pytest.raises(DestinationError, match=r"permission denied .*; let its owner grant"):
            world(per_day=2).cloud().fetch("2023-10-10", url, names=False)
        write(KIND, tmp_path, [hours(0, 12)], [[record(1)]], shredder=FEW)
        with pytest.raises(DestinationError, match=r"permission denied .*; let its owner grant"):
            status(url)
        postgres.run(f"grant usage on schema {schema} to {user}")
        postgres.run(f"grant select on all tables in schema {schema} to {user}")
        assert status(url).days == 1
    finally:
        postgres.run(f"drop owned by {user}")
        postgres.run(f"drop role {user}")


@contextmanager
def role(name: str, options: str = "") -> Iterator[None]:
    """A user of the server, as long as the block lasts."""
    postgres.run(f"create role {name} login {options}")
    try:
        postgres.run(f"grant create on database {postgres.DATABASE} to {name}")
        yield
    finally:
        postgres.run(f"drop owned by {name} cascade")
        postgres.run(f"drop role {name}")


@pytest.mark.invariant("Safe")
@pytest.mark.parametrize("given", [":wr0ng", ""])
def test_a_wrong_password(tmp_path: Path, given: str) -> None:
    """It is said, exit code 6, and the password is not; so is none, where one is asked for. With the right one all is well."""
    user = postgres.GUARDED
    url = postgres.url(tmp_path)
    with role(user, "password 'r1ght'"):
        with pytest.raises(DestinationError, match="give the right user and password") as refused:
            status(url.replace("lastpage@", f"{user}{given}@"))
        assert refused.value.exit_code == 6
        assert "wr0ng" not in str(refused.value)
        right = url.replace("lastpage@", f"{user}:r1ght@")
        assert world(per_day=2).cloud().fetch("2023-10-10", right).coverage == "complete"


def test_who_reads_only(tmp_path: Path, schema: str) -> None:
    """A replica, or a user whose transactions are read-only: one sentence, exit code 6."""
    user = f"r{schema}"
    with role(user):
        postgres.run(f"alter role {user} set default_transaction_read_only = on")
        with pytest.raises(DestinationError, match="give a server that can be written to") as no:
            world(per_day=2).cloud().fetch("2023-10-10", postgres.url(tmp_path, user=user))
    assert no.value.exit_code == 6
    assert postgres.tables(tmp_path) == []


def test_no_schema(tmp_path: Path) -> None:
    """Where there is no schema there is nothing to say of it."""
    with pytest.raises(UsageError, match="holds nothing yet"):
        status(postgres.url(tmp_path))


def test_a_view_in_place_of_a_table(tmp_path: Path, schema: str) -> None:
    """What has the name of a table and is none: one sentence, exit code 6, and nothing is changed."""
    write(KIND, tmp_path, [hours(0, 12)], [[record(1)]], shredder=FEW)
    postgres.run(f"alter table {schema}.sessions rename to old_sessions")
    postgres.run(f"create view {schema}.sessions as select * from {schema}.old_sessions")
    with pytest.raises(DestinationError, match="sessions") as refused:
        write(KIND, tmp_path, [hours(12, 24)], [[record(13)]], shredder=FEW)
    assert refused.value.exit_code == 6
    assert "\n" not in str(refused.value)
    assert stored(KIND, tmp_path) == {"h1-0": "one"}


@pytest.mark.parametrize("name", ["a$day", 'so "called"', "Größe {0} %s", "-- x"])
def test_a_schema_of_any_name(tmp_path: Path, name: str) -> None:
    """A name is a name, whatever is in it."""
    url = f"{postgres.url(tmp_path).partition('&schema')[0]}&schema={quote(name)}"
    made = world(per_day=3)
    try:
        summary = made.cloud().fetch("2023-10-10", url, state=tmp_path / "s")
        assert (summary.coverage, status(url, state=tmp_path / "s").conversations) == (
            "complete",
            summary.conversations,
        )
        made.clock.sleep(86_400)
        assert made.cloud().sync(url, state=tmp_path / "s", since="2023-10-10").coverage
        assert made.cloud().verify(url, state=tmp_path / "s").changed == []
    finally:
        escaped = name.replace('"', '""')
        postgres.run(f'drop schema if exists "{escaped}" cascade')


@pytest.mark.invariant("Safe")
def test_a_password_is_kept_nowhere(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A password in the URL is in no file of the state, summary, status, or log; a repair goes on with it."""
    made, url = world(per_day=9), KIND.at(tmp_path)
    secret = url.replace("lastpage@", "lastpage:s3cret@")
    summary = made.cloud().fetch("2023-10-10", secret, names=False)
    start = datetime(2023, 10, 10, 9, tzinfo=UTC)
    made.sandbox.world.add(*(talk(number, start) for number in range(9)))
    made.clock.sleep(7200)
    found = made.cloud().verify(secret, repair=True)
    shown = [repr(summary), json.dumps(status(secret).record()), repr(found), *capfd.readouterr()]
    assert found.repaired
    assert summary.destination.startswith("postgresql://lastpage@/postgres?host=")
    assert all("s3cret" not in each for each in shown)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "ledger.sqlite" for path in files)
    assert all(b"s3cret" not in path.read_bytes() for path in files)


def test_a_lost_ledger(tmp_path: Path) -> None:
    """Without its state, a destination says itself what it holds: nothing is read again."""
    made, url = world(per_day=9), KIND.at(tmp_path)
    made.cloud().fetch("2023-10-10", url, names=False, state=tmp_path / "one")
    assert (tmp_path / "one" / "ledger.sqlite").exists()
    summary = made.cloud().fetch("2023-10-10", url, names=False, state=tmp_path / "two")
    assert (summary.slices, summary.coverage) == (0, "complete")


# A writer that is killed --------------------------------------------------------------------------


def write_and_die(url: str, state: str, at: int) -> None:
    """A process that replaces a day, and is killed at a step."""
    count = iter(range(1, 10_000))

    def seam(_: str) -> None:
        if next(count) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    from tests.contract.test_sinks import US

    destination = Destination.parse(url, state=state)
    with destination.sink(Path(state), Disk(seam)) as sink:
        sink.claim(US, FEW)
        sink.replace(DAY, [hours(0, 24, as_of=LATER)], [[record(2, "new"), record(3, "new")]])


LATER = datetime(2023, 10, 20, tzinfo=UTC)


@pytest.mark.invariant("Crash-safe")
def test_a_writer_is_killed(tmp_path: Path) -> None:
    """Killed by SIGKILL at each step: a reader has the old day or the new one, in every table; the lock goes with the writer."""
    codes = []
    for at in steps():
        folder = tmp_path / str(at)
        folder.mkdir()
        write(KIND, folder, [hours(0, 24)], [[record(1, "old")]], shredder=FEW)
        process = SPAWN.Process(target=write_and_die, args=(KIND.at(folder), str(folder / "s"), at))
        process.start()
        process.join()
        codes.append(process.exitcode)
        new = process.exitcode == 0
        tags = set(stored(KIND, folder).values())
        assert tags == ({"new"} if new else {"old"})
        assert {row["session_id"] for row in KIND.read(folder, "sessions")} == tags
        again = hours(0, 24, as_of=LATER + timedelta(days=1))
        wait_for_the_lock(folder)
        write(KIND, folder, [again], [[record(2, "new"), record(3, "new")]], shredder=FEW)
        assert set(stored(KIND, folder).values()) == {"new"}
        if new:
            break
    assert codes[-1] == 0
    assert set(codes[:-1]) == {-signal.SIGKILL}
    assert len(codes) > 3


def steps() -> Iterator[int]:
    yield from range(1, 100)


def wait_for_the_lock(folder: Path) -> None:
    """Until the server has noticed that the writer is gone, which it does when it next listens to it."""
    held = "select count(*) from pg_locks where locktype = 'advisory'"
    for _ in range(10_000):
        if one(held) == 0:
            return
    raise AssertionError("the lock is still held")
