"""Filters from end to end: what is selected is what the records themselves say."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lastpage import Cloud, UsageError
from tests.inprocess import FEW, NOW, talk, world
from tests.readback import ids, lines, table

#: Two days by job, and half a day by page numbers.
SPAN = "2023-10-18/2023-10-20T15:00Z"
START, END = datetime(2023, 10, 18, tzinfo=UTC), datetime(2023, 10, 20, 15, tzinfo=UTC)
Record = dict[str, Any]


def segments(record: Record) -> Iterator[Record]:
    for participant in record["participants"]:
        for session in participant["sessions"]:
            for segment in session["segments"]:
                yield {**participant, **session, **segment}


def some(records: list[Record], name: str) -> str:
    """A value that some segment has."""
    return next(
        segment[name] for record in records for segment in segments(record) if name in segment
    )


def has(name: str, *values: str) -> Callable[[Record], bool]:
    return lambda record: any(segment.get(name) in values for segment in segments(record))


def cases(records: list[Record]) -> dict[str, tuple[dict[str, Any], Callable[[Record], bool]]]:
    """Keywords of a fetch, and what they mean in terms of a record."""
    queue, user = some(records, "queueId"), some(records, "userId")
    division = records[0]["divisionIds"][0]
    body = {
        "segmentFilters": [
            {"type": "and", "predicates": [{"dimension": "purpose", "value": "agent"}]}
        ]
    }
    started = {"dimension": "conversationInitiator", "operator": "exists"}
    begun = {"conversationFilters": [{"type": "and", "predicates": [started]}]}
    return {
        "media": ({"media": "email"}, has("mediaType", "email")),
        "two media": ({"media": ["email", "chat"]}, has("mediaType", "email", "chat")),
        "direction": (
            {"direction": "outbound"},
            lambda record: record.get("originatingDirection") == "outbound",
        ),
        "queue": ({"queue": queue}, has("queueId", queue)),
        "user": ({"user": user}, has("userId", user)),
        "division": ({"division": division}, lambda record: division in record["divisionIds"]),
        "media and queue": (
            {"media": "voice", "queue": queue},
            lambda record: has("mediaType", "voice")(record) and has("queueId", queue)(record),
        ),
        "a body of segment filters": ({"query": body}, has("purpose", "agent")),
        "a body of conversation filters": (
            {"query": begun},
            lambda record: "conversationInitiator" in record,
        ),
    }


NAMES = [
    *("media", "two media", "direction", "queue", "user", "division", "media and queue"),
    *("a body of segment filters", "a body of conversation filters"),
]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_selected(tmp_path: Path, name: str) -> None:
    """Each filter, by both routes: exactly what meets it, each once, complete."""
    made = world(per_day=60)
    records = list(made.sandbox.truth(START, END).values())
    asked, meets = cases(records)[name]
    wanted = sorted(record["conversationId"] for record in records if meets(record))
    summary = made.cloud().fetch(SPAN, tmp_path, tables=FEW, **asked)
    assert 0 < len(wanted) < len(records)
    assert sorted(ids(tmp_path)) == wanted
    assert summary.coverage == "complete", summary.notes


@pytest.mark.invariant("Complete")
@pytest.mark.parametrize("paginate", ["pages", "cursor"])
@pytest.mark.parametrize("scope", ["conversation", "interval"])
def test_a_segment_after_midnight(paginate: str, scope: str) -> None:
    """A filter finds a call that starts at 23:50 and reaches its queue at 00:05, in its day."""
    late = datetime(2023, 10, 10, 23, 50, tzinfo=UTC)
    made = world(per_day=0, segment_scope=scope)
    made.sandbox.world.add(talk(1, late, minutes=60, lead_ms=15 * 60_000, queue="Sales"))
    record = made.sandbox.truth(late, late + timedelta(hours=1)).popitem()[1]
    agent = next(segment for segment in segments(record) if segment["purpose"] == "agent")
    assert agent["segmentStart"] > "2023-10-11"
    found = made.cloud().fetch_all("2023-10-10", user=agent["userId"], paginate=paginate)  # type: ignore[arg-type]
    assert [each["conversationId"] for each in found] == [record["conversationId"]]
    assert made.cloud().fetch_all("2023-10-11", user=agent["userId"], paginate=paginate) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("filters", "days"),
    [({}, 40), ({"media": "voice"}, 40), ({"direction": "inbound"}, 40), ({"media": "voice"}, 70)],
)
@pytest.mark.parametrize("paginate", ["pages", "cursor"])
def test_long_intervals(tmp_path: Path, filters: dict[str, Any], days: int, paginate: Any) -> None:
    """The API takes 7 days without a filter and 31 with one; that is ours to know."""
    made = world(per_day=3)
    start = NOW - timedelta(days=days + 20)
    start = start.replace(hour=0, minute=0, second=0)
    span = f"{start.date()}/{(start + timedelta(days=days)).date()}"
    summary = made.cloud().fetch(span, tmp_path / "x.jsonl", paginate=paginate, **filters)
    assert summary.coverage == "complete"
    assert {entry.status for entry in made.sandbox.log if "details" in entry.path} <= {
        200,
        202,
        204,
    }
    if not filters:
        found = sorted(record["conversationId"] for record in lines(tmp_path / "x.jsonl"))
        assert found == sorted(made.truth(start, start + timedelta(days=days)))


#: What the official SDK's models have in the place of a value that they do not know.
REPLACED = "outdated_sdk_version"


class Model:
    """The shape of the official SDK's models."""

    def __init__(self, **values: Any) -> None:
        self.attribute_map = {name: _camel(name) for name in (*values, "never_set")}
        self.__dict__.update(values, never_set=None)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def test_the_sdks_query() -> None:
    """The official SDK's ConversationQuery is as good as a dict; what it leaves unset is not there."""
    made = world(per_day=60)
    predicate = Model(type="dimension", dimension="mediaType", operator="matches", value="voice")
    query = Model(
        segment_filters=[Model(type="and", predicates=[predicate])],
        order=None,
        order_by="conversationStart",
        interval="2023-10-01/2023-10-02",
        paging=Model(page_size=25, page_number=1),
    )
    by_model = made.cloud().fetch_all("2023-10-18", query=query)
    by_name = made.cloud().fetch_all("2023-10-18", media="voice")
    assert by_model
    assert {each["conversationId"] for each in by_model} == {
        each["conversationId"] for each in by_name
    }


@pytest.mark.parametrize(
    ("query", "advice"),
    [
        ("voice", "dict"),
        ([1], "dict"),
        (Model(paging=200), "'paging'"),
        (Model(interval=[1, 2]), "'interval'"),
        ({"order": 1}, "'order'"),
        (Model(order=REPLACED), "official SDK does not know the value of order,"),
        (
            Model(segment_filters=[Model(type="or", predicates=[Model(dimension=REPLACED)])]),
            r"know the value of segmentFilters\[0\]\.predicates\[0\]\.dimension, .* update",
        ),
        ({"surveyFilters": [{"type": REPLACED}]}, r"know the value of surveyFilters\[0\]\.type,"),
        ({"limit": 10}, "'limit'"),
        ({"aggregations": [{"type": "termFrequency"}]}, "'aggregations'"),
        ({"filter": {}}, "'filter'"),
    ],
)
def test_a_body_that_is_none(query: Any, advice: str) -> None:
    """What is ours, or no query at all, is refused before anything is sent."""
    made = world(per_day=0)
    with pytest.raises(UsageError, match=advice):
        made.cloud().fetch_all("2023-10-18", query=query)
    assert not made.sandbox.log


class LoggedIn:
    """The shape of the official SDK's ApiClient."""

    def __init__(self, access_token: str, host: str) -> None:
        self.access_token = access_token
        self.host = host


def test_a_token_of_somebody_else() -> None:
    """A token that was obtained already, as text or in the official SDK's ApiClient; no login is made."""
    from tests.inprocess import URL, InProcess

    made = world(per_day=20)
    owner = made.cloud()
    owner.organization()
    token = owner.client._auth._token  # type: ignore[attr-defined]
    logins = made.sandbox.counters["token"]
    shared = {"transport": InProcess(made.sandbox), "clock": made.clock}
    for cloud in (Cloud(token, URL, **shared), Cloud(LoggedIn(token, URL), **shared)):
        assert cloud.client.environment.api_url == URL
        assert cloud.fetch_all("2023-10-18")
    assert made.sandbox.counters["token"] == logins
    with pytest.raises(UsageError, match="no token yet"):
        Cloud(LoggedIn("", URL))


def test_what_a_job_cannot_show_yet(tmp_path: Path) -> None:
    """Callbacks that were asked for before the watermark and spoken after it match a filter on voice only by what a job cannot see.

    Page numbers read them, from a day before the watermark on; once it has passed, the job's own rows stand in their place.
    """
    made = world(per_day=0)
    asked = datetime(2023, 10, 20, 8, 30, tzinfo=UTC)
    made.sandbox.world.add(
        *(talk(n, asked, 300, media="callback", lead_ms=7_200_000) for n in range(1, 8))
    )
    summary = made.cloud().fetch("2023-10-20T06:00Z/2023-10-20T15:00Z", tmp_path, media="voice")
    assert (summary.coverage, summary.finality, summary.conversations) == (
        "complete",
        "provisional",
        7,
    )
    assert not made.sandbox.counters["jobs.submit"]
    assert sorted(ids(tmp_path)) == sorted(made.truth(asked, asked + timedelta(hours=1)))
    assert table(tmp_path, "participant_attributes") == []
    made.clock.sleep(24 * 3600)
    summary = made.cloud().fetch("2023-10-20T06:00Z/2023-10-20T15:00Z", tmp_path, media="voice")
    assert (summary.coverage, summary.conversations) == ("complete", 7)
    assert len(ids(tmp_path)) == 7
    assert table(tmp_path, "participant_attributes")
