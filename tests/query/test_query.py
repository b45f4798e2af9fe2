"""Queries: filters where the API wants them, and sentences for what is not legal."""

from typing import Any

import pytest

from lastpage.errors import UsageError
from lastpage.query.interval import parse_interval
from lastpage.query.query import Query, read_body

DAY = parse_interval("2023-10-01")
ID = "11111111-2222-3333-4444-555555555555"


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
        ({"body": {"interval": "2020-01-01/2020-01-02"}}, "'interval'"),
        ({"body": {"paging": {"pageSize": 25, "pageNumber": 1}}}, "'paging'"),
        ({"body": {"order": "asc"}}, "'order'"),
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
