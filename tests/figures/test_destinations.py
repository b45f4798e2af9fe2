"""The same figures from every destination, from the views, and by another way of counting."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from tests import postgres
from tests.contract.kinds import SINKS, Kind
from tests.figures.records import DAY, HELD, acd, agent, record, session
from tests.inprocess import World, world
from tests.readback import database

import lastpage
from lastpage.errors import UsageError
from lastpage.files import Disk
from lastpage.sinks.sink import Identity
from lastpage.tables.build import Shredder
from lastpage.tables.derived import names_of
from lastpage.tables.figures import NAMES
from lastpage_sandbox.aggregates import AggregatesQuery
from lastpage_sandbox.replies import Asked

#: Of each view, what adds up; what does not is counted anew.
ADDING = [name for name in NAMES if name != "conversations"]
SPAN = "2023-10-06/2023-10-13"
#: One of each: two queues in a session, unresolved, after a callback, a refused alert.
SOME = [
    record(1, session("acd", "voice", [("09:00", "09:10", "A"), ("09:10", "09:30", "B")],
                      ("09:00", "nOffered", 1), ("09:10", "tFlowOut", 600_000), ("09:10", "nOffered", 1), ("09:20", "tAbandon", 600_000))),
    record(2, acd("A", ("09:01", "nOffered", 1), media="callback"), acd("A", ("09:20", "nOffered", 1)),
           agent("A", ("09:20", "tAnswered", 0), ("09:28", "tTalkComplete", 400_000), ("09:29", "tHandle", 420_000))),
    record(3, acd("B", ("09:01", "nOffered", 1), media="message")),
    record(4, agent("B", ("09:01:08", "tNotResponding", 7_421), ("09:02", "tAcw", 57_000), ("09:02", "tHandle", 57_000))),
]  # fmt: skip


def put(kind: Kind, folder: Path) -> Any:
    """These records in a destination; where it is."""
    with kind.opened(folder, Disk()) as sink:
        sink.claim(Identity("org-1", "{}"), Shredder())  # type: ignore[call-arg]
        sink.replace(DAY, [HELD], [SOME])
        sink.refresh(names_of({"queues": {"A": "Sales", "B": "Support"}}))
    return kind.at(folder)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> lastpage.Report:
    """What a folder of Parquet says."""
    place = put(SINKS["parquet"], tmp_path_factory.mktemp("wanted"))
    return lastpage.report(place, tz="Europe/Berlin", show_personal_data=True)


@pytest.fixture(scope="module")
def wanted(report: lastpage.Report) -> pa.Table:
    found = report.table
    assert found.column("local").to_pylist() == ["2023-10-10 11:00"] * 4
    assert found.select(
        ["queue", "media_type", "offered", "unresolved", "handled"]
    ).to_pydict() == {
        "queue": ["Sales", "Sales", "Support", "Support"],
        "media_type": ["callback", "voice", "message", "voice"],
        "offered": [1, 2, 1, 1],
        "unresolved": [1, 0, 1, 0],
        "handled": [0, 1, 0, 1],
    }
    return found


@pytest.mark.parametrize("name", ["csv", "delta", "duckdb", "postgres", "objects"])
def test_every_destination_says_the_same(
    name: str, report: lastpage.Report, wanted: pa.Table, tmp_path: Path
) -> None:
    """Whatever holds the tables, the figures are the same, names of queues included, and so is the sample."""
    found = lastpage.report(put(SINKS[name], tmp_path), tz="Europe/Berlin", show_personal_data=True)
    assert found.table.equals(wanted)
    assert found.sample == report.sample
    assert [each["wait"] for each in found.sample] == [1200]


def test_the_views_say_the_same(wanted: pa.Table, tmp_path: Path) -> None:
    """`queues_by_interval` and `queues_by_day` of DuckDB and of PostgreSQL have the report's sums."""
    columns = ["queue", "media_type", *NAMES]
    rows = wanted.select(columns).to_pylist()
    order = "order by queue, media_type"
    path = put(SINKS["duckdb"], tmp_path)
    with duckdb.connect(path, read_only=True) as db:
        for view in "queues_by_interval", "queues_by_day":
            asked = f"select {', '.join(columns)} from {view} {order}"
            assert db.sql(asked).to_arrow_table().to_pylist() == rows
        assert db.sql("select distinct day from queues_by_day").fetchall() == [(DAY,)]
    put(SINKS["postgres"], tmp_path)
    schema = postgres.schema(tmp_path)
    for view in "queues_by_interval", "queues_by_day":
        asked = f"select {', '.join(columns)} from {schema}.{view} {order}"
        assert postgres.run(asked) == rows
    ((half_hour,),) = {tuple(row.values()) for row in postgres.run(f"select distinct half_hour from {schema}.queues_by_interval")}  # fmt: skip
    assert half_hour == datetime(2023, 10, 10, 9, tzinfo=UTC)


OLD = """create view {schema}.queues_by_day as select day, 'q'::text as queue_id, 'm'::text as media_type,
  1::bigint as conversations, 1::bigint as offered from {schema}.conversations"""


def test_a_view_of_an_older_version(tmp_path: Path) -> None:
    """It gets its new columns, and views of others on it stay; what somebody else calls so stays as it is."""
    put(SINKS["postgres"], tmp_path)
    schema = postgres.schema(tmp_path)
    for statement in (
        f"drop view {schema}.queues_by_day",
        f"drop view {schema}.queues_by_interval",
        OLD.format(schema=schema),
        f"create view {schema}.mine as select offered from {schema}.queues_by_day",
        f"create view {schema}.queues_by_interval as select 1 as own",
    ):
        postgres.run(statement)
    put(SINKS["postgres"], tmp_path)
    (row,) = postgres.run(f"select sum(handled)::bigint as handled from {schema}.queues_by_day")
    assert row["handled"] == 2
    assert sum(row["offered"] for row in postgres.run(f"select * from {schema}.mine")) == 5
    assert postgres.run(f"select * from {schema}.queues_by_interval") == [{"own": 1}]
    said = f"select col_description('{schema}.queues_by_day'::regclass, 5) as said"
    assert postgres.run(said)[0]["said"].startswith(
        "v(nOffered): Every entry into the queue counts"
    )


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Path]:
    """A week of an organisation, in DuckDB."""
    made = world(per_day=120, customer_first_share=0.5)
    path = tmp_path_factory.mktemp("week") / "x.duckdb"
    made.cloud().fetch(SPAN, path)
    return made, path


def test_half_hours_add_up_to_days(fetched: tuple[World, Path]) -> None:
    """Every sum of a day, queue and medium is that of its half-hours; days are those of emission, not of the start."""
    added = ", ".join(f"sum({name})::bigint as {name}" for name in ADDING)
    keys = "queue_id, media_type, queue"
    with duckdb.connect(fetched[1], read_only=True) as db:
        db.execute("set timezone = 'UTC'")
        days = db.sql(f"select day, {keys}, {', '.join(ADDING)} from queues_by_day order by all")
        halves = db.sql(
            f"select half_hour::date as day, {keys}, {added} from queues_by_interval group by all order by all"
        )
        rows = days.to_arrow_table().to_pylist()
        assert rows == halves.to_arrow_table().to_pylist()
    assert sum(row["after_callback"] for row in rows) > 5
    assert {row["queue"] for row in rows} > {"Sales", "Support"}


def test_every_row_has_something(fetched: tuple[World, Path]) -> None:
    """No row of the views is nothing but zeros."""
    with duckdb.connect(fetched[1], read_only=True) as db:
        for view in "queues_by_interval", "queues_by_day":
            rows = db.sql(f"select {', '.join(NAMES)} from {view}").fetchall()
            assert rows
            assert all(any(row) for row in rows)


def test_by_another_way(fetched: tuple[World, Path]) -> None:
    """By a walk over the rows in Python: the same counts and sums by day of emission, queue and medium."""
    tables = database(fetched[1])
    keys = ("conversation_id", "participant_no", "session_no")

    def key(row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(row[name] for name in keys)

    queues = {key(row): row["queue_id"] for row in tables["segments"] if row["queue_id"]}
    media = {key(row): row["media_type"] for row in tables["sessions"]}
    counts: Counter[tuple[Any, ...]] = Counter()
    sums: Counter[tuple[Any, ...]] = Counter()
    for row in tables["metrics"]:
        if key(row) in queues:
            day = datetime.fromisoformat(str(row["emit_date"])).astimezone(UTC).date()
            cell = (day, queues[key(row)], media[key(row)], row["name"])
            counts[cell] += 1
            sums[cell] += row["value"]
    with duckdb.connect(fetched[1], read_only=True) as db:
        found = db.sql("from queues_by_day").to_arrow_table().to_pylist()
    for row in found:
        cell = (row["day"], row["queue_id"], row["media_type"])
        for name, metric in ("answered", "tAnswered"), ("abandoned", "tAbandon"), ("handled", "tHandle"):  # fmt: skip
            assert row[name] == counts[*cell, metric]
        for name, metric in ("offered", "nOffered"), ("handle_ms", "tHandle"), ("over_sla", "nOverSla"):  # fmt: skip
            assert (row[name] or 0) == sums[*cell, metric]
    assert sum(row["handle_ms"] or 0 for row in found) == sum(
        value for cell, value in sums.items() if cell[3] == "tHandle"
    )


def test_as_aggregates_count(fetched: tuple[World, Path]) -> None:
    """What the emulated API counts by half-hour, queue and medium is what stands in the view."""
    made, path = fetched
    names = {"nOffered": "offered", "tAnswered": "answered", "tAbandon": "abandoned", "tFlowOut": "flowed_out",
             "tHandle": "handled", "nOverSla": "over_sla", "nTransferred": "transfers"}  # fmt: skip
    day = "2023-10-12T00:00:00.000Z/2023-10-13T00:00:00.000Z"
    body = {
        "interval": day,
        "granularity": "PT30M",
        "groupBy": ["queueId", "mediaType"],
        "metrics": list(names),
    }
    asked = Asked("POST", "", {}, {}, b"", body)
    reply = AggregatesQuery(made.sandbox.library).answer(asked, round(made.clock.now() * 1000))
    wanted = {
        (data["interval"][:16], *sorted(result["group"].items()), names[each["metric"]]): each["stats"]["count"]
        for result in reply.body["results"]
        if "queueId" in result["group"]
        for data in result["data"]
        for each in data["metrics"]
    }  # fmt: skip
    with duckdb.connect(path, read_only=True) as db:
        db.execute("set timezone = 'UTC'")
        rows = db.sql("from queues_by_interval where half_hour::date = date '2023-10-12'")
        found = {
            (f"{row['half_hour']:%Y-%m-%dT%H:%M}", ("mediaType", row["media_type"]), ("queueId", row["queue_id"]), name): row[name]
            for row in rows.to_arrow_table().to_pylist()
            for name in names.values()
            if row[name]
        }  # fmt: skip
    assert len(found) > 200
    assert found == wanted


def test_how_far_back(fetched: tuple[World, Path]) -> None:
    """What was emitted outside of what is held is left out, and the notes say how far back was read."""
    path = fetched[1]
    found = lastpage.report(path)
    days = {each.date() for each in found.table.column("half_hour").to_pylist()}
    first, last = date(2023, 10, 6), date(2023, 10, 12)
    assert (min(days), max(days)) == (first, last)
    assert "2023-10-06T00:00:00.000Z to 2023-10-13T00:00:00.000Z" in found.notes[0]
    with duckdb.connect(path, read_only=True) as db:
        ((after,),) = db.sql(
            "select count(*) from queues_by_day where day > '2023-10-12'"
        ).fetchall()
    assert after > 0


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"tables": "segments"}, "metrics.emit_date"),
        ({"drop": "segments.queue_id"}, "segments.queue_id"),
        ({"drop": "queue_id"}, "segments.queue_id"),
    ],
)
def test_tables_that_are_missing(options: dict[str, str], names: str, tmp_path: Path) -> None:
    """Without what figures are made of there is none, and the sentence says what is missing; no view is made."""
    world(per_day=9).cloud().fetch("2023-10-10", tmp_path / "x.duckdb", names=False, **options)
    with pytest.raises(UsageError, match=f"a report needs .*{names}"):
        lastpage.report(tmp_path / "x.duckdb")
    with duckdb.connect(tmp_path / "x.duckdb", read_only=True) as db:
        assert "queues_by_day" not in {row[0] for row in db.sql("show tables").fetchall()}


def test_what_has_no_tables(tmp_path: Path) -> None:
    """Lines, nothing at all, and a destination that is empty: each is told what it is."""
    made = world(per_day=5)
    made.cloud().fetch("2023-10-10", tmp_path / "x.jsonl")
    for place, said in (
        (tmp_path / "x.jsonl", "has the API's own records"),
        (tmp_path / "none", "nothing was fetched into"),
        (tmp_path / "empty", "holds nothing yet"),
    ):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(UsageError, match=said):
            lastpage.report(place)


def test_hashed_queues_have_no_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where queues are hashed they are told apart, and their names are nowhere."""
    monkeypatch.setenv("LASTPAGE_HASH_KEY", "k" * 20)
    world(per_day=30).cloud().fetch("2023-10-10", tmp_path / "out", hash="queue_id")
    table = lastpage.report(tmp_path / "out").table
    assert set(table.column("queue").to_pylist()) == {None}
    assert len(set(chain(table.column("queue_id").to_pylist()))) > 2


def test_a_day_that_is_held_in_part(tmp_path: Path) -> None:
    """Holes, and hours that are missing in a day, are told; what begins and ends it all is no hole."""
    made = world(per_day=30)
    for span in "2023-10-07T06:00Z/2023-10-07T18:00Z", "2023-10-09T00:00Z/2023-10-09T20:00Z", "2023-10-09T21:00Z/2023-10-10T05:00Z":  # fmt: skip
        made.cloud().fetch(span, tmp_path / "out", names=False)
    found = lastpage.report(tmp_path / "out")
    told = {each.day.day: (each.verdict, each.missing) for each in found.days}
    assert {day: verdict for day, (verdict, _) in told.items()} == {
        7: "part", 8: "hole", 9: "part", 10: "complete",
    }  # fmt: skip
    assert [each.length for each in told[9][1]] == [timedelta(hours=1)]
    assert found.days[1].as_of is None
    assert {"1 day is not here, between days that are", "2 days are here in part"} <= {*found.notes}
