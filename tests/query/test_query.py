"""Queries: filters where the API wants them, and sentences for what is not legal."""

from typing import Any

import pytest

from lastpage.errors import UsageError
from lastpage.query.query import MEDIA, Query, other_filters, read_body
from lastpage.query.written import parse_interval

DAY = parse_interval("2023-10-01")
ID = "11111111-2222-3333-4444-555555555555"
BODY = {
    "segmentFilters": [
        {"type": "and", "predicates": [{"dimension": "wrapUpCode", "operator": "exists"}]}
    ]
}


def test_no_filters() -> None:
    """A query without filters sends none, and is not filtered."""
    query = Query(DAY)
    assert query.filters() == {}
    assert not query.sees_segments


def test_media_and_direction() -> None:
    """Media are a segment's, direction is the conversation's; several media are alternatives."""
    query = Query(DAY, media=("voice", "chat"), direction="inbound")
    assert query.filters() == {
        "segmentFilters": [
            {
                "type": "or",
                "predicates": [
                    {"dimension": "mediaType", "value": "voice"},
                    {"dimension": "mediaType", "value": "chat"},
                ],
            }
        ],
        "conversationFilters": [
            {
                "type": "or",
                "predicates": [{"dimension": "originatingDirection", "value": "inbound"}],
            }
        ],
    }
    assert query.sees_segments


def test_ids() -> None:
    """Queue and user are looked for in segments, the division in the conversation."""
    filters = Query(DAY, queues=(ID,), users=(ID,), divisions=(ID,)).filters()
    dimensions = [item["predicates"][0]["dimension"] for item in filters["segmentFilters"]]
    assert dimensions == ["queueId", "userId"]
    assert filters["conversationFilters"][0]["predicates"][0]["dimension"] == "divisionId"


def test_direction_alone_sees_no_segments() -> None:
    """A filter on the conversation needs no look past the slice's end."""
    assert not Query(DAY, direction="outbound").sees_segments


def test_body() -> None:
    """A body's filters are kept and joined with ours."""
    body = {
        "segmentFilters": [
            {"type": "and", "predicates": [{"dimension": "wrapUpCode", "operator": "exists"}]}
        ]
    }
    query = Query(DAY, media=("voice",), body={**body, "interval": str(DAY)})
    assert len(query.filters()["segmentFilters"]) == 2
    assert body["segmentFilters"] == query.filters()["segmentFilters"][:1]


@pytest.mark.parametrize(
    ("wrong", "fix"),
    [
        ({"media": ("voise",)}, "did you mean voice"),
        ({"direction": "in"}, "is not known; the API has: inbound, outbound"),
        ({"queues": ("Sales",)}, "UUID"),
        ({"users": ("",)}, "UUID"),
        ({"body": {"interval": 20231001}}, "'interval' in the query body is not"),
        ({"body": {"paging": 25}}, "'paging' in the query body is not"),
        ({"body": {"order": {"by": "asc"}}}, "'order' in the query body is not"),
        ({"body": {"limit": 5}}, "'limit'"),
        ({"body": {"startOfDayIntervalMatching": True}}, "'startOfDayIntervalMatching'"),
        ({"body": {"aggregations": [{}]}}, "'aggregations'"),
        ({"body": {"filter": {}}}, "'filter'"),
        ({"body": {"segmentFilters": {}}}, "list of objects"),
        ({"body": {"segmentFilters": [{"predicates": [{}]}]}}, '"type"'),
        ({"body": {"segmentFilters": [{"type": "and"}]}}, "no predicates"),
    ],
)
def test_refused(wrong: dict[str, Any], fix: str) -> None:
    """What the API would misread is refused before anything is sent."""
    with pytest.raises(UsageError, match=fix):
        Query(DAY, **wrong)


def test_what_a_query_builder_writes() -> None:
    """Interval, paging and order of a body are not used, and one note says so; filters are the same without them."""
    filters = {
        "segmentFilters": [
            {"type": "and", "predicates": [{"dimension": "mediaType", "value": "voice"}]}
        ]
    }
    more = {
        "interval": "2020-01-01T00:00:00.000Z/2020-01-02T00:00:00.000Z",
        "paging": {"pageSize": 25, "pageNumber": 3},
        "order": "asc",
        "orderBy": "conversationStart",
    }
    query = Query(DAY, body={**more, **filters})
    (note,) = query.notes
    assert note.startswith("not used of the query body: interval, paging, order, orderBy; ")
    assert query.filters() == filters
    assert query.fingerprint == Query(DAY, body=filters).fingerprint
    for nothing in ({"interval": str(DAY)}, {"order": None}, filters):
        assert Query(DAY, body=nothing).notes == []


@pytest.mark.parametrize(
    ("end", "meant"),
    [
        ("2023-10-01T23:59:59Z", "2023-10-02T00:00:00.000Z"),
        ("2023-10-01T23:59:59.999Z", "2023-10-02T00:00:00.000Z"),
        ("2023-10-01T23:59:59.999999Z", "2023-10-02T00:00:00.000Z"),
        ("2023-10-01T23:59:59+05:45", "2023-10-01T18:15:00.000Z"),
        ("2023-10-01T08:59:59-04:00", "2023-10-01T13:00:00.000Z"),
        ("2023-10-02T00:00:00Z", None),
        ("2023-10-01T23:59:58Z", None),
        ("2023-10-01T17:31:59Z", None),
    ],
)
def test_an_end_that_leaves_out_a_second(end: str, meant: str | None) -> None:
    """An end just before midnight, or before another full hour, gets a note with the end that was meant."""
    notes = Query(parse_interval(f"2023-10-01T00:00Z/{end}")).notes
    assert len(notes) == (meant is not None)
    assert all(note.endswith(f"write {meant}") for note in notes)


@pytest.mark.parametrize("text", ["24h", "2023-10", "2023-10-01"])
def test_nothing_to_note(text: str) -> None:
    """A length, a month and a day end where they end."""
    assert Query(parse_interval(text)).notes == []


@pytest.mark.parametrize(
    ("known", "asked", "words"),
    [
        ({}, {"media": ("voice",)}, "other filters (none, not --media voice)"),
        (
            {"media": ("voice", "chat"), "direction": "inbound"},
            {},
            "other filters (--direction inbound --media voice --media chat, not none)",
        ),
        (
            {"queues": (ID,)},
            {"users": (ID,), "divisions": (ID,)},
            f"other filters (--queue {ID}, not --division {ID} --user {ID})",
        ),
        (
            {"body": BODY},
            {"body": BODY, "media": ("voice",)},
            "other filters (--query FILE, not --query FILE --media voice)",
        ),
        ({"body": BODY}, {"body": {"surveyFilters": BODY["segmentFilters"]}}, "other filters"),
        ({"media": MEDIA}, {}, "--media internalmessage …, not none)"),
    ],
)
def test_other_filters(known: dict[str, Any], asked: dict[str, Any], words: str) -> None:
    """What a destination was made for is told in options, not in JSON."""
    there, here = (Query(DAY, **each).fingerprint for each in (known, asked))
    assert other_filters(there, here).endswith(words)


@pytest.mark.parametrize(
    "recorded", ["", "[]", "3", '{"x": 1}', '{"x": [1]}', '{"x": [[]]}', "null"]
)
def test_filters_that_make_no_sense(recorded: str) -> None:
    """Whatever a destination has recorded can be told."""
    assert other_filters(recorded, "{}").startswith("other filters")


@pytest.mark.parametrize("text", ["{", "[]", '"voice"', ""])
def test_body_files(text: str) -> None:
    """A file that is not a body is refused by name."""
    with pytest.raises(UsageError, match=r"body\.json"):
        read_body(text, "body.json")


def test_fingerprint_is_canonical() -> None:
    """The same filters have the same fingerprint, whatever the interval."""
    assert (
        Query(DAY, media=("voice",)).fingerprint
        == Query(parse_interval("2020"[:4] + "-05"), media=("voice",)).fingerprint
    )
