"""The official Python SDK takes the sandbox for the real thing: it logs in, pages a query to its end, runs a job, and knows every word.

The SDK is large, so it has a lane of its own: `make sdk`.
"""

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from lastpage import Cloud, UsageError
from lastpage_sandbox import Sandbox, Settings

sdk = pytest.importorskip(
    "PureCloudPlatformClientV2", reason="the official SDK is not installed; run: make sdk"
)

NOW = datetime(2023, 10, 20, 15, 30, tzinfo=UTC)
DAY = "2023-10-16T00:00:00.000Z/2023-10-17T00:00:00.000Z"
UNKNOWN = "outdated_sdk_version"


@pytest.fixture(scope="module")
def box() -> Iterator[tuple[Sandbox, Any]]:
    """An organisation on a socket, and the SDK's client, logged in."""
    settings = Settings(
        seed=11,
        per_day=250,
        requests_per_minute=60_000,
        job_polls=1,
        evaluated_share=0.2,
        surveyed_share=0.2,
    )
    box = Sandbox(settings, now=NOW.timestamp)
    with box.serve() as server:
        sdk.configuration.host = server.url
        client = sdk.api_client.ApiClient().get_client_credentials_token(
            settings.client_id, settings.client_secret
        )
        yield box, client


@pytest.fixture
def api(box: tuple[Sandbox, Any]) -> Any:
    return sdk.AnalyticsApi(box[1])


def truth(box: tuple[Sandbox, Any]) -> dict[str, dict[str, Any]]:
    start = datetime(2023, 10, 16, tzinfo=UTC)
    return box[0].truth(start, start.replace(day=17))


def pages(api: Any, **more: Any) -> Iterator[Any]:
    """The details query, page by page, to the page without conversations."""
    number = 1
    while True:
        paging = {"pageSize": 100, "pageNumber": number}
        page = api.post_analytics_conversations_details_query(
            {"interval": DAY, "paging": paging, **more}
        )
        if not page.conversations:
            return
        yield page
        number += 1


def run_job(api: Any) -> Iterator[Any]:
    """A job from submission to its last page."""
    body = {"interval": DAY, "startOfDayIntervalMatching": True}
    job = api.post_analytics_conversations_details_jobs(body).job_id
    while api.get_analytics_conversations_details_job(job).state != "FULFILLED":
        time.sleep(0)
    cursor = None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = api.get_analytics_conversations_details_job_results(job, page_size=70, **more)
        yield page
        cursor = page.cursor
        if not cursor:
            return


def test_the_login(box: tuple[Sandbox, Any]) -> None:
    """The SDK's own login, against the sandbox."""
    assert box[1].access_token
    with pytest.raises(sdk.rest.ApiException) as refused:
        sdk.api_client.ApiClient().get_client_credentials_token("nobody", "nothing")
    assert refused.value.status == 400
    assert json.loads(refused.value.body)["error"] == "invalid_client"


def test_a_query_to_its_end(box: tuple[Sandbox, Any], api: Any) -> None:
    """Page numbers bring every conversation of the day."""
    found = [each.conversation_id for page in pages(api) for each in page.conversations]
    assert sorted(found) == sorted(truth(box))
    assert len(found) > 200


def test_a_job_to_its_end(box: tuple[Sandbox, Any], api: Any) -> None:
    """A job brings every conversation, with attributes."""
    found = [each for page in run_job(api) for each in page.conversations or ()]
    assert sorted(each.conversation_id for each in found) == sorted(truth(box))
    assert any(party.attributes for each in found for party in each.participants)


def test_filters_by_the_sdks_models(box: tuple[Sandbox, Any], api: Any) -> None:
    """A body of the SDK's own models means the same as ours."""
    predicate = sdk.SegmentDetailQueryPredicate()
    predicate.dimension, predicate.value = "mediaType", "voice"
    item = sdk.SegmentDetailQueryFilter()
    item.type, item.predicates = "and", [predicate]
    query = sdk.ConversationQuery()
    query.interval, query.segment_filters = DAY, [item]
    hits = api.post_analytics_conversations_details_query(query).total_hits
    voice = [
        record
        for record in truth(box).values()
        if any(
            session["mediaType"] == "voice"
            for party in record["participants"]
            for session in party["sessions"]
        )
    ]
    assert 0 < hits == len(voice) < len(truth(box))


def test_what_it_replaced_is_refused(box: tuple[Sandbox, Any]) -> None:
    """A value that it does not know becomes another one in its models, without a word; lastpage says which."""
    predicate = sdk.SegmentDetailQueryPredicate()
    predicate.dimension, predicate.value = "brandNewDimension", "voice"
    item = sdk.SegmentDetailQueryFilter()
    item.type, item.predicates = "and", [predicate]
    query = sdk.ConversationQuery()
    query.segment_filters = [item]
    asked = box[0].counters.total()
    with pytest.raises(UsageError, match=r"segmentFilters\[0\].predicates\[0\].dimension"):
        Cloud(box[1]).plan("2023-10-16", query=query)
    assert box[0].counters.total() == asked


def test_nothing_is_unknown_to_it(box: tuple[Sandbox, Any], api: Any) -> None:
    """Every field has a place in its models, and every enumeration member is one it knows."""
    rows = [each for page in run_job(api) for each in page.conversations or ()]
    rows += [each for page in pages(api) for each in page.conversations]
    for row in rows:
        assert UNKNOWN not in json.dumps(plain(row), default=str)
    for record in truth(box).values():
        check(record, sdk.AnalyticsConversation())


def test_a_record_goes_round(box: tuple[Sandbox, Any], api: Any) -> None:
    """What the SDK made of a record, written as JSON again, is the record: no field lost, no value changed."""
    seen = {each.conversation_id: plain(each) for page in pages(api) for each in page.conversations}
    for text, record in truth(box).items():
        without = {
            **record,
            "participants": [_without_attributes(party) for party in record["participants"]],
        }
        assert _times(seen[text]) == _times(without)


def test_errors_in_its_shape(box: tuple[Sandbox, Any], api: Any) -> None:
    """A refusal is an ApiException with the platform's body."""
    with pytest.raises(sdk.rest.ApiException) as refused:
        api.post_analytics_conversations_details_query(
            {"interval": "2023-01-01T00:00:00Z/2023-10-01T00:00:00Z"}
        )
    body = json.loads(refused.value.body)
    assert (refused.value.status, body["status"]) == (400, 400)
    assert "does not exceed 7 days" in body["message"]
    assert body["contextId"]


def test_the_lists(box: tuple[Sandbox, Any]) -> None:
    """Queues, users, wrap-up codes and the organisation, by the SDK's own classes."""
    client = box[1]
    assert sdk.RoutingApi(client).get_routing_queues(page_size=25).entities
    assert sdk.UsersApi(client).get_users(page_size=25).entities
    assert sdk.RoutingApi(client).get_routing_wrapupcodes(page_size=25).entities
    assert sdk.OrganizationApi(client).get_organizations_me().id


def check(record: Any, model: Any) -> None:
    """Every key of a record is an attribute of the model, down the tree; the values' types lead to the models below."""
    names = {name: attribute for attribute, name in model.attribute_map.items()}
    unknown = set(record) - set(names)
    assert not unknown, f"{type(model).__name__} has no {unknown}"
    for key, value in record.items():
        kind = re.sub(r"^list\[(.*)\]$", r"\1", model.swagger_types[names[key]])
        below = getattr(sdk, kind, None)
        if below is not None:
            for each in value if isinstance(value, list) else [value]:
                check(each, below())


def plain(value: Any) -> Any:
    """A model as the API's own JSON; what is not set is left out."""
    names = getattr(value, "attribute_map", None)
    if names is None:
        return [plain(each) for each in value] if isinstance(value, list) else value
    pairs = ((name, plain(getattr(value, attribute))) for attribute, name in names.items())
    return {name: each for name, each in pairs if each is not None}


def _times(value: Any) -> Any:
    """Times in one spelling: the SDK makes date-times of them."""
    if isinstance(value, dict):
        return {key: _times(each) for key, each in value.items() if each not in ({}, [])}
    if isinstance(value, list):
        return [_times(each) for each in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", value):
        return datetime.fromisoformat(value).isoformat(timespec="milliseconds")
    return value


def _without_attributes(party: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in party.items() if key != "attributes"}
