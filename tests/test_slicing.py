"""Slices that are read elsewhere: a plan in as many as are wanted, each read in one walk, as it was planned."""

from __future__ import annotations

import copy
import itertools
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lastpage
from lastpage import Cloud, Slice, UsageError
from lastpage.planning.finer import SLICES_MAX, Finer
from lastpage.planning.slices import Horizon, Probe, halves_of, plan
from lastpage.query.interval import DAY, HOUR, MINUTE, Interval, floor_day
from lastpage.query.query import Query
from lastpage.tables.selection import ALL
from tests.inprocess import NOW, World, world

WEEK = "2023-10-09/2023-10-16"
FIVE = ("conversations", "participants", "sessions", "segments", "metrics")
#: Five tables, and the record as it came.
SIX = (*FIVE, "raw")


def rows(cloud: Cloud, slices: list[Slice], table: str, **options: Any) -> list[dict[str, Any]]:
    return [
        row
        for each in slices
        for name, batch in cloud.read(each, table, **options)
        for row in batch.to_pylist()
        if name == table
    ]


def sent(made: World) -> list[str]:
    """What the organisation was asked since it was looked at last."""
    endpoints = [entry.endpoint for entry in made.sandbox.log]
    made.sandbox.log.clear()
    return endpoints


# What a slice carries -----------------------------------------------------------------------------


@pytest.mark.invariant("Several processes")
def test_a_slice_is_read_as_it_was_planned() -> None:
    """Whoever reads a slice need know nothing of its plan: filters, with names looked up once, columns and page size are in it."""
    made = world(per_day=60)
    asked: dict[str, Any] = {"media": "voice", "queue": "Sales"}
    slices = made.cloud().plan("2023-10-10", **asked, page_size=5, drop="sessions.ani")
    sent(made)
    found = rows(made.cloud(), pickle.loads(pickle.dumps(slices)), "sessions")
    endpoints = sent(made)
    assert "queues" not in endpoints
    assert endpoints.count("jobs.results") > 1
    ids = {each["conversationId"] for each in made.cloud().conversations("2023-10-10", **asked)}
    assert {row["conversation_id"] for row in found} == ids
    assert (
        0
        < len(ids)
        < len(made.truth(datetime(2023, 10, 10, tzinfo=UTC), datetime(2023, 10, 11, tzinfo=UTC)))
    )
    assert "ani" not in found[0]
    assert "dnis" in found[0]


@pytest.mark.parametrize(
    "others",
    [
        {"media": "chat"},
        {"media": ["voice", "chat"]},
        {"queue": "Billing"},
        {"direction": "inbound"},
        {"query": {"segmentFilters": []}},
        {"page_size": 9},
        {"paginate": "pages"},
        {"drop": "dnis"},
        {"tz": "Asia/Tokyo"},
    ],
    ids=str,
)
@pytest.mark.invariant("Several processes")
def test_other_filters_are_refused(others: Any) -> None:
    """A slice is not read with other filters, columns or pages than it was planned with: nothing is asked, and no other rows come."""
    made = world(per_day=20)
    (piece,) = made.cloud().plan("2023-10-10", media="voice", queue="Sales")
    sent(made)
    (name,) = others
    with pytest.raises(UsageError, match=f"was not planned with this {name}.*leave {name} out"):
        made.cloud().read(piece, "segments", **others)
    assert sent(made) == []


def test_the_same_filters_may_be_given_again() -> None:
    """In whatever spelling."""
    made = world(per_day=20)
    body = {
        "segmentFilters": [
            {"type": "or", "predicates": [{"dimension": "mediaType", "value": "voice"}]}
        ]
    }
    (piece,) = made.cloud().plan("2023-10-10", media=["voice"], queue="Sales", query=body)
    again: dict[str, Any] = {
        "media": "voice",
        "queue": ("Sales",),
        "query": dict(body),
        "paginate": "auto",
    }
    assert rows(made.cloud(), [piece], "segments", **again) == rows(
        made.cloud(), [piece], "segments"
    )


@pytest.mark.invariant("Several processes")
def test_another_hash_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice is not read with another hash key than its plan's, since hashes of two keys do not join: nothing is asked."""
    made, hashed = world(per_day=20), "participants.user_id"
    monkeypatch.delenv("LASTPAGE_HASH_KEY", raising=False)
    with pytest.raises(UsageError, match="needs a key"):
        made.cloud().plan("2023-10-10", queue="Sales", hash=hashed)
    assert sent(made) == []
    monkeypatch.setenv("LASTPAGE_HASH_KEY", "one key of twenty...")
    (piece,) = made.cloud().plan("2023-10-10", hash=hashed)
    assert rows(made.cloud(), [piece], "participants")
    sent(made)
    monkeypatch.setenv("LASTPAGE_HASH_KEY", "and another one.....")
    with pytest.raises(UsageError, match="planned with another LASTPAGE_HASH_KEY"):
        made.cloud().read(piece, "participants")
    assert sent(made) == []
    assert b"one key" not in pickle.dumps(piece)


@pytest.mark.invariant("Several processes")
def test_another_organisation() -> None:
    """A slice is not read from another organisation than it was planned for: no row comes. Other clients of the same one can read it."""
    ours, theirs = world(per_day=20), world(per_day=20, seed=8)
    slices = ours.cloud().plan("2023-10-10", slices=2)
    cloud = theirs.cloud()
    for each in slices:
        with pytest.raises(UsageError, match=r"planned for another organisation \("):
            next(cloud.read(each))
    assert sent(theirs) == ["token", "organization"]
    sent(ours)
    colleague = world(per_day=20)
    object.__setattr__(colleague.sandbox.settings, "client_id", "a colleague's")
    cloud = colleague.cloud()
    assert rows(cloud, slices, "segments") == rows(ours.cloud(), slices, "segments")
    assert sent(colleague).count("organization") == 1


@pytest.mark.invariant("Several processes")
def test_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice of another version is refused where it is used, whatever that version holds in it; to unpickle it is no error yet."""
    made = world(per_day=20)
    slices = made.cloud().plan("2023-10-10", slices=2)
    sent(made)
    with monkeypatch.context() as then:
        then.setattr("lastpage.planning.packed.__version__", "7.0.0")
        pickled = pickle.dumps(slices)
    found, _ = pickle.loads(pickle.dumps(pickle.loads(pickled)))
    for use in (made.cloud().read, lambda each: each.interval):
        with pytest.raises(UsageError, match=r"planned by lastpage 7\.0\.0.*plan again"):
            use(found)
    assert sent(made) == []
    assert not hasattr(found, "_repr_html_")
    assert copy.deepcopy(slices) == pickle.loads(pickle.dumps(slices)) == slices


def test_a_slice_of_no_plan() -> None:
    """One that a page of a run tells of has no filters with it, so it cannot be read."""
    made = world(per_day=5)
    page = next(made.cloud().pages("2023-10-10"))
    with pytest.raises(UsageError, match="not one that plan has returned"):
        made.cloud().read(page.slice)


# Tables -------------------------------------------------------------------------------------------


@pytest.mark.invariant("Several processes")
@pytest.mark.parametrize("route", ["pages", "cursor"])
def test_one_walk_for_all_tables(route: Any) -> None:
    """However many tables are read of a slice, the raw records among them, it is walked once."""
    made = world(per_day=60)
    (piece,) = made.cloud().plan("2023-10-10", paginate=route)
    cloud, walks = made.cloud(), []
    cloud.organization()
    for tables in ("conversations", FIVE, SIX):
        sent(made)
        found = list(cloud.read(piece, tables))
        walks.append([each for each in sent(made) if each != "token"])
        assert {name for name, _ in found} == {*([tables] if isinstance(tables, str) else tables)}
    assert walks[0] == walks[1] == walks[2]
    whole = dict(cloud.read(piece))
    assert whole.keys() <= ALL.keys()
    assert len(whole) > 10


def test_raw_records() -> None:
    """They are as the API sent them, whether the plan has kept them or not."""
    made = world(per_day=30)
    records = [
        each["record"] for each in rows(made.cloud(), made.cloud().plan("2023-10-10"), "raw")
    ]
    assert len(records) == len(made.cloud().fetch_all("2023-10-10"))
    kept = made.cloud().plan("2023-10-10", keep_raw=True, tables="segments")
    assert {name for name, _ in made.cloud().read(kept[0])} == {"conversations", "segments", "raw"}
    private = made.cloud().plan("2023-10-10", drop="ani")
    with pytest.raises(UsageError, match="--keep-raw keeps whole records"):
        made.cloud().read(private[0], "raw")


@pytest.mark.parametrize(
    ("nonsense", "why"),
    [
        ({"tables": "segmnts"}, "did you mean segments"),
        ({"tables": ["segments", "nothing"]}, "'nothing' is not a table"),
        ({"tables": 7}, "give a text or a list of texts"),
        ({"unit": "ns"}, "unit is ms or us"),
        ({"colour": "red"}, "there is no option 'colour'"),
    ],
    ids=str,
)
def test_nonsense_is_refused_at_the_call(nonsense: Any, why: str) -> None:
    """Not at the first row, and nothing is sent."""
    made = world(per_day=20)
    (piece,) = made.cloud().plan("2023-10-10")
    sent(made)
    with pytest.raises(UsageError, match=why):
        made.cloud().read(piece, **nonsense)
    assert sent(made) == []


def test_a_table_that_no_job_was_planned_for() -> None:
    """What is planned to be read at once has no participant attributes."""
    made = world(per_day=20)
    (piece,) = made.cloud().plan("2023-10-10", tables="segments")
    assert piece.route == "pages"
    for table in ("participant_attributes", "raw", "oddities"):
        with pytest.raises(UsageError, match=f"and {table} needs one"):
            made.cloud().read(piece, table)
    assert rows(made.cloud(), [piece], "metrics")


# Schemas ------------------------------------------------------------------------------------------


@pytest.mark.invariant("Several processes")
@pytest.mark.parametrize("unit", ["ms", "us"])
def test_the_schema_is_known_before(unit: Any) -> None:
    """The schema that is told of a table is exactly that of every batch of it, order and types, in either unit of moments."""
    made = world(per_day=60)
    keywords: dict[str, Any] = {"drop": "ani", "attributes": "OrderId"}
    (piece,) = made.cloud().plan("2023-10-10", **keywords)
    seen = set()
    for table, batch in made.cloud().read(piece, unit=unit):
        assert batch.schema.equals(
            lastpage.schema(table, unit=unit, **keywords), check_metadata=True
        )
        seen.add(table)
    assert seen > {
        *FIVE,
        "conversation_overview",
        "participants_with_attributes",
        "participant_attributes",
    }
    times = [
        field.type
        for field in lastpage.schema("segments", unit=unit)
        if pa.types.is_timestamp(field.type)
    ]
    assert times == [pa.timestamp(unit, tz="UTC")] * 2


def test_the_unit_changes_no_moment() -> None:
    made = world(per_day=20)
    (piece,) = made.cloud().plan("2023-10-10")
    assert rows(made.cloud(), [piece], "segments", unit="us") == rows(
        made.cloud(), [piece], "segments"
    )


def test_the_schema_of_nothing() -> None:
    """A slice without conversations has no batch; with the schema it is a table without rows."""
    made = world(per_day=0)
    slices = made.cloud().plan("2023-10-10", slices=2)
    for each in slices:
        assert list(made.cloud().read(each)) == []
    for table in [*ALL, "raw"]:
        assert pa.Table.from_batches([], schema=lastpage.schema(table)).num_rows == 0


def test_the_schema_of_no_table() -> None:
    with pytest.raises(UsageError, match="did you mean segments"):
        lastpage.schema("segmnts")
    with pytest.raises(UsageError, match="unit is ms or us"):
        lastpage.schema("segments", unit="s")  # type: ignore[arg-type]


# Cuts ---------------------------------------------------------------------------------------------


def whole_plan(
    interval: Interval, per_day: int, finer: Finer, route: Any, query: Query
) -> tuple[list[Slice], list[Probe]]:
    """A plan of an organisation whose conversations start evenly, and what was asked for it."""
    horizon = Horizon(until=NOW, watermark=NOW - 9 * HOUR)
    probes: list[Probe] = []

    def answered(questions: Any) -> Any:
        try:
            probe = next(questions)
            while True:
                probes.append(probe)
                count = (probe.interval.end - floor_day(probe.interval.start)) / DAY * per_day
                probe = questions.send(int(count))
        except StopIteration as end:
            return end.value

    slices = answered(plan(query, interval, horizon, route))
    return answered(finer.cut(slices, query)), probes


@given(
    start=st.integers(0, 30 * 24 * 60),
    length=st.integers(1, 20 * 24 * 60),
    slices=st.integers(1, 60),
    longest=st.none() | st.integers(1, 30 * 24 * 60),
    per_day=st.sampled_from([0, 7, 3_000, 150_000]),
    route=st.sampled_from(["auto", "pages", "cursor"]),
    media=st.sampled_from([(), ("voice",)]),
)
@settings(max_examples=60, deadline=None)
def test_any_plan_is_whole(
    start: int,
    length: int,
    slices: int,
    longest: int | None,
    per_day: int,
    route: Any,
    media: tuple[str, ...],
) -> None:
    """However finely it is cut, a plan is its interval: disjoint, in order, without a gap; as many and as short as was said, where minutes allow."""
    begun = datetime(2023, 9, 15, tzinfo=UTC) + start * MINUTE
    interval = Interval(begun, begun + length * MINUTE)
    finer = Finer(slices, longest * MINUTE if longest else None)
    query = Query(interval, media=media)
    found, probes = whole_plan(interval, per_day, finer, route, query)
    parts = [each.interval for each in found]
    assert (parts[0].start, parts[-1].end) == (interval.start, interval.end)
    assert all(one.end == next_.start for one, next_ in itertools.pairwise(parts))
    assert len(found) >= min(slices, length)
    assert not longest or all(each.length <= longest * MINUTE for each in parts)
    assert all(each.length >= MINUTE for each in parts)
    assert all(
        each.asked.start == each.interval.start and each.asked.end >= each.interval.end
        for each in found
    )
    assert all(probe.interval.length <= 7 * DAY for probe in probes)
    assert len(probes) <= 4 * len(found) + 60


def test_a_week_is_as_many_tasks_as_are_wanted() -> None:
    """A job's week is cut at midnights first, the fullest days next; what each has was counted."""
    made = world(per_day=40)
    cloud = made.cloud()
    (one,) = cloud.plan(WEEK)
    days = cloud.plan(WEEK, slices=7)
    assert [each.interval.length for each in days] == [DAY] * 7
    assert [each.number for each in days] == list(range(1, 8))
    assert sum(each.expected or 0 for each in days) == one.expected
    assert len(cloud.plan(WEEK, slices=10)) == 10
    assert len(cloud.plan(WEEK, longest="6h")) == 28
    assert len(cloud.plan(WEEK, longest=timedelta(days=2))) == 4
    assert len(cloud.plan(WEEK, longest="1d", slices=9)) == 9


@pytest.mark.invariant("Several processes")
@pytest.mark.parametrize("options", [{"slices": 12}, {"longest": "5h"}], ids=str)
@pytest.mark.parametrize("route", ["auto", "pages"])
def test_slices_are_together_what_was_asked(route: Any, options: Any) -> None:
    """The rows of all slices of a plan, however it was cut, are those of its interval: none is lost, none comes twice."""
    made = world(per_day=40)
    when = "2023-10-18T07:20Z/2023-10-20T15:00Z"
    slices = made.cloud().plan(when, paginate=route, **options)
    assert len(slices) >= 12
    cloud = made.cloud()
    found = [row["conversation_id"] for row in rows(cloud, slices, "conversations")]
    truth = made.truth(
        datetime(2023, 10, 18, 7, 20, tzinfo=UTC), datetime(2023, 10, 20, 15, tzinfo=UTC)
    )
    assert sorted(found) == sorted(truth)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"longest": "30s"}, "no finer than by the minute"),
        ({"longest": "1m"}, "more than 10,000"),
        ({"slices": SLICES_MAX + 1}, "more than 10,000"),
        ({"slices": 0}, "a number of slices of 0"),
        ({"processes": 0}, "a number of processes of 0"),
        ({"longest": "a while"}, "is no length of time"),
    ],
    ids=str,
)
def test_cuts_that_make_no_sense(options: Any, why: str) -> None:
    """Too short, too many, or none: nothing is sent."""
    made = world()
    with pytest.raises(UsageError, match=why):
        made.cloud().plan(WEEK, queue="Sales", **options)
    assert sent(made) == []


def test_halves_look_as_far_as_they_may() -> None:
    """A half of a slice that ends now looks past its own end, though the whole could not."""
    interval = Interval(NOW - 8 * HOUR, NOW)
    piece = Slice(1, interval, interval, "pages", "")
    first, second = halves_of(piece, Query(interval, media=("voice",)))
    assert (first.asked.end, second.asked.end) == (NOW, NOW)
    first, _ = halves_of(piece, Query(interval))
    assert first.asked == first.interval
