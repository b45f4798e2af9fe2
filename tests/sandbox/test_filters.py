"""Filters evaluated for real, on both routes: docs/api.md, 1.3, 3.3."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sandbox.box import DETAILS, HOUR, JOBS, MINUTE, Box, Json, ms, some, talk

from lastpage_sandbox.filters import Filters
from lastpage_sandbox.quick import quick
from lastpage_sandbox.record import name_id

TEN = ms(10, 10)
CALLS = (
    talk(1, TEN, 12),
    talk(2, TEN, 30, queue="Support", agent=7, direction="outbound"),
    talk(3, TEN, 40, media="chat", queue="Billing"),
    talk(4, TEN, 1, fate="abandoned"),
    talk(5, TEN, 600, media="email", direction=None),
    talk(6, TEN, 90, media="callback", lead_ms=HOUR),
    talk(7, TEN, None, media="message"),
    talk(8, TEN, 15, fate="transferred", division="North"),
)
SEED = 3


def named(*name: object) -> str:
    return name_id(SEED, *name)


def ranged(metric: str, **limits: float) -> Json:
    return {"type": "and", "predicates": [{"type": "metric", "metric": metric, "range": limits}]}


def both(*predicates: Json, junction: str = "and") -> Json:
    return {"type": junction, "predicates": [each["predicates"][0] for each in predicates]}


@pytest.fixture(scope="module")
def box() -> Box:
    return Box(*CALLS, evaluated_share=0.0, surveyed_share=0.0, resolved_share=0.0)


@pytest.mark.parametrize(
    ("item", "found"),
    [
        (some("conversationEnd", operator="exists"), {1, 2, 3, 4, 5, 6, 8}),
        (some("conversationEnd", operator="notExists"), {7}),
        (some("conversationId", CALLS[0].id), {1}),
        (some("originatingDirection", "outbound"), {2}),
        (some("originatingDirection", "OUTBOUND"), {2}),
        (some("originatingDirection", operator="exists"), {1, 2, 3, 4, 6, 7, 8}),
        (some("divisionId", named("division", "North")), {8}),
        (some("customerParticipation", "true"), {3, 5, 6, 7}),
        (some("conversationInitiator", operator="notExists"), {1, 2, 4, 8}),
        (some("mediaStatsMinConversationMos", operator="exists"), {1, 2, 4, 6, 8}),
        (ranged("tAbandon", gte=1), {4}),
        (ranged("nTransferred", gt=0), {8}),
        (ranged("tConversationDuration", gt=10 * MINUTE, lt=13 * MINUTE), {1}),
        (ranged("nOffered", gte=1, lte=1), {1, 3, 4, 5, 6, 7, 8}),
        ({"type": "and", "predicates": [{"metric": "nConsult", "operator": "notExists"}]}, {1, 2, 3, 4, 5, 6, 7, 8}),
        ({"type": "and", "predicates": [{"metric": "nBlindTransferred", "value": "1"}]}, {8}),
        (both(some("originatingDirection", "inbound"), some("divisionId", named("division", "North"))), {8}),
        (both(some("originatingDirection", "outbound"), some("conversationEnd", operator="notExists"), junction="or"), {2, 7}),
    ],
)  # fmt: skip
def test_conversations(box: Box, item: Json, found: set[int]) -> None:
    """1.3: dimensions and metrics of the conversation; matches ignores case, exists and notExists take no value."""
    assert set(box.found(conversationFilters=[item])) == found


@pytest.mark.parametrize(
    ("item", "found"),
    [
        (some("mediaType", "voice"), {1, 2, 4, 6, 8}),
        (some("mediaType", "callback"), {6}),
        (some("queueId", named("queue", "Billing")), {3}),
        (some("userId", named("user", 7)), {2}),
        (some("purpose", "Agent"), {1, 2, 3, 5, 6, 7, 8}),
        (some("purpose", "ivr"), {1, 4, 8}),
        (some("segmentType", "scheduled"), {6}),
        (some("wrapUpCode", "ININ-WRAP-UP-TIMEOUT"), {1, 3, 5, 6, 8}),
        (some("flowName", "Main Menu"), {1, 4, 8}),
        (some("subject", operator="exists"), {5}),
        (some("provider", "edge"), {1, 2, 4, 6, 8}),
        (some("addressTo", "sales@example.com"), {5}),
        (some("addressTo", "sales@"), set()),
        (some("sipResponseCode", "410"), {1, 8}),
        (some("conference", "true"), set()),
        (ranged("tSegmentDuration", gt=5 * HOUR), {5}),
        (both(some("segmentType", "alert"), some("segmentType", "wrapup")), set()),
        (both(some("purpose", "agent"), some("mediaType", "chat")), {3}),
        (both(some("mediaType", "chat"), some("mediaType", "email"), junction="or"), {3, 5}),
    ],
)
def test_segments(box: Box, item: Json, found: set[int]) -> None:
    """1.3: an element is met by one segment, with what is true of its participant, session and flow."""
    assert set(box.found(segmentFilters=[item])) == found


def test_numbers_with_and_without_their_scheme(box: Box) -> None:
    """1.3: numbers are stored with tel: in ani and dnis, and found with and without it."""
    ani = next(box.record(CALLS[0])["participants"][0]["sessions"][0][name] for name in ("ani",))
    assert (
        box.found(segmentFilters=[some("ani", ani)])
        == box.found(segmentFilters=[some("ani", ani.removeprefix("tel:"))])
        == [1]
    )


def test_arrays_are_anded(box: Box) -> None:
    """1.3: elements of one array may be met by different segments; different arrays must all be met."""
    first, second = some("purpose", "ivr"), some("purpose", "agent")
    assert set(box.found(segmentFilters=[first, second])) == {1, 8}
    assert box.found(segmentFilters=[both(first, second)]) == []
    inbound = [some("originatingDirection", "inbound")]
    assert set(
        box.found(conversationFilters=inbound, segmentFilters=[some("mediaType", "chat")])
    ) == {3}


def test_clauses(box: Box) -> None:
    """1.3: a filter holds predicates and clauses, a clause predicates."""
    voiced = both(some("mediaType", "voice"), some("purpose", "agent"))
    either = {
        "type": "or",
        "clauses": [voiced, both(some("mediaType", "email"), some("purpose", "acd"))],
    }
    assert set(box.found(segmentFilters=[either])) == {1, 2, 5, 6, 8}
    mixed = {
        "type": "and",
        "clauses": [voiced],
        "predicates": some("queueId", named("queue", "Support"))["predicates"],
    }
    assert box.found(segmentFilters=[mixed]) == [2]


def test_properties() -> None:
    """1.3: segments have properties, with a name, a type and a value; nothing else has."""
    box = Box(talk(1, TEN, direction="outbound", fate="campaign", agent=1), talk(2, TEN))

    def about(**more: Any) -> list[int]:
        return box.found(
            segmentFilters=[{"type": "and", "predicates": [{"property": "attempt", **more}]}]
        )

    assert (
        about(value="2")
        == about(value="2", propertyType="integer")
        == about(operator="exists")
        == [1]
    )
    assert about(value="3") == about(value="2", propertyType="string") == []


@pytest.mark.parametrize(
    ("key", "share", "dimension", "metric"),
    [
        ("evaluationFilters", "evaluated_share", "evaluationStatus", "oTotalScore"),
        ("surveyFilters", "surveyed_share", "surveyStatus", "oSurveyTotalScore"),
    ],
)
def test_what_comes_later(key: str, share: str, dimension: str, metric: str) -> None:
    """1.3: evaluations and surveys have filters of their own; who has none meets notExists."""
    box = Box(talk(1, ms(1), 12), **{share: 1.0})
    box.world.add(talk(2, ms(1), 12, fate="abandoned"))
    day = "2023-10-01T00:00Z/2023-10-02T00:00Z"
    assert box.found(day, **{key: [some(dimension, operator="exists")]}) == [1]
    assert box.found(day, **{key: [some(dimension, operator="notExists")]}) == [2]
    assert box.found(day, **{key: [ranged(metric, gte=0)]}) == [1]
    assert box.found(day, **{key: [ranged(metric, lt=0)]}) == []


def test_resolutions() -> None:
    """1.3: resolutions are filtered by their one metric."""
    box = Box(
        talk(1, ms(1), 12, wait_ms=15_001), talk(2, ms(1), 12, wait_ms=16_000), resolved_share=1.0
    )
    day = "2023-10-01T00:00Z/2023-10-02T00:00Z"
    assert box.found(day, resolutionFilters=[ranged("nNextContactAvoided", gte=1)]) == [1]
    assert box.found(day, resolutionFilters=[ranged("nNextContactAvoided", lt=1)]) == [2]


def test_jobs_compare_addresses_of_emails_by_part(box: Box) -> None:
    """3.3: email dimensions match partially in jobs, wholly in the synchronous query."""
    part = [some("addressTo", "sales@")]
    assert [row["conversationId"] for row in box.job(segmentFilters=part)] == [CALLS[4].id]
    assert box.found(segmentFilters=part) == []


def test_a_filter_sees_the_moment() -> None:
    """1.3, 3.4: what has not happened yet is not found: the voice session of a callback that nobody has called back."""
    callback = talk(6, ms(20, 15), 90, media="callback", lead_ms=HOUR)
    box = Box(callback)
    voice, day = [some("mediaType", "voice")], "2023-10-20T00:00Z/2023-10-21T00:00Z"
    assert box.found(day, segmentFilters=voice) == []
    box.sleep(3600)
    assert box.found(day, segmentFilters=voice) == [6]


QUICK = {
    "segmentFilters": [
        some("mediaType", media)
        for media in ("voice", "chat", "email", "message", "callback", "CHAT", "fax")
    ],
    "conversationFilters": [
        *(some("originatingDirection", direction) for direction in ("inbound", "outbound", "none")),
        *(some("originatingDirection", operator=operator) for operator in ("exists", "notExists")),
        *(some("conversationEnd", operator=operator) for operator in ("exists", "notExists")),
        *(some("divisionId", named("division", name)) for name in ("Home", "North", "nowhere")),
        some("conversationId", CALLS[0].id),
    ],
}


@given(st.data())
@settings(max_examples=60)
def test_quick_answers_are_true(data: st.DataObject) -> None:
    """What the skeleton answers is what the rendered record answers, at any moment of any conversation."""
    key = data.draw(st.sampled_from(sorted(QUICK)))
    choice = data.draw(st.lists(st.sampled_from(QUICK[key]), min_size=1, max_size=3))
    item = both(*choice, junction=data.draw(st.sampled_from(["and", "or"])))
    filters = Filters.of({key: [item]})
    test = quick(filters, SEED, whole=True)
    if test is None:
        return
    for skeleton in (*CALLS, *DRAWN.day()[:40]):
        at = skeleton.start_ms + data.draw(
            st.sampled_from([0, 1, 20_000, 4 * MINUTE, HOUR, HOUR + 5 * MINUTE, 6 * 24 * HOUR])
        )
        record = DRAWN.library.record(skeleton, at, attributes=False)
        assert test(skeleton, at) == filters.match(record, lambda _: True, partial=False)


DRAWN = Box(per_day=400)


def test_two_predicates_about_one_segment_are_not_quick() -> None:
    """Two media of one segment contradict each other; that is for the record to say, not for the skeleton."""
    assert (
        quick(
            Filters.of({"segmentFilters": [both(*QUICK["segmentFilters"][:2])]}), SEED, whole=True
        )
        is None
    )
    assert (
        quick(Filters.of({"segmentFilters": [QUICK["segmentFilters"][0]]}), SEED, whole=False)
        is None
    )


def wrong(**predicate: Any) -> Json:
    return {"segmentFilters": [{"type": "and", "predicates": [predicate]}]}


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"segmentFilters": [{"predicates": []}]}, "invalid.value", "Value [] is not valid for field type [QueryFilterType]. Allowable values are: and, or"),
        ({"segmentFilters": [{"type": "xor"}]}, "invalid.value", "[xor]"),
        ({"segmentFilters": [{"type": "and", "clauses": [{"predicates": []}]}]}, "invalid.value", "QueryClauseType"),
        (wrong(dimension="mediaType", operator="like", value="x"), "invalid.value", "matches, notExists"),
        (wrong(dimension="originatingDirection", value="x"), "invalid.value", "SegmentDetailQueryDimension"),
        (wrong(dimension=["mediaType"], value="x"), "invalid.value", "SegmentDetailQueryDimension"),
        (wrong(metric="tTalk", range={"gt": 1}), "invalid.value", "SegmentDetailQueryMetric"),
        (wrong(property="x", propertyType="date-time", value="x"), "invalid.value", "QueryPropertyType"),
        (wrong(dimension="mediaType"), "bad.request", "value or a range"),
        (wrong(metric="tSegmentDuration", range={"from": 1}), "bad.request", "gt, gte, lt, lte"),
        (wrong(metric="tSegmentDuration", range={"gt": "1"}), "bad.request", "numbers"),
        (wrong(value="x"), "bad.request", "one dimension, metric or property"),
        (wrong(dimension="mediaType", metric="tSegmentDuration", value="x"), "bad.request", "one dimension"),
        (wrong(dimension="mediaType", type="metric", value="x"), "bad.request", "of that type"),
        ({"conversationFilters": [{"type": "and", "predicates": [{"property": "x", "value": "y"}]}]}, "bad.request", "Only segments"),
        ({"conversationFilters": [some("queueId", "x")]}, "invalid.value", "[queueId] is not valid for field type [ConversationDetailQueryDimension]"),
        ({"resolutionFilters": [some("queueId", "x")]}, "invalid.value", "ResolutionDetailQueryDimension"),
        ({"evaluationFilters": [ranged("oSurveyTotalScore", gt=1)]}, "invalid.value", "EvaluationDetailQueryMetric"),
        ({"surveyFilters": [some("formId", "x")]}, "invalid.value", "SurveyDetailQueryDimension"),
        ({"segmentFilters": {}}, "bad.request", "malformed"),
        ({"segmentFilters": [[]]}, "bad.request", "malformed"),
        ({"segmentFilters": [{"type": "and", "predicates": "all"}]}, "bad.request", "malformed"),
        ({"segmentFilters": [{"type": "and", "predicates": [7]}]}, "bad.request", "malformed"),
        ({"segmentFilters": [{"type": "and", "clauses": [{"type": "or", "predicates": {}}]}]}, "bad.request", "malformed"),
    ],
)  # fmt: skip
def test_filters_that_are_none(box: Box, body: Json, code: str, words: str) -> None:
    """1.8, 5.6: what is not a member of its enumeration is an invalid.value that names the members; on both routes."""
    for path in (f"{DETAILS}/query", JOBS):
        status, answer = box.ask(
            "POST", path, {"interval": "2023-10-10T00:00Z/2023-10-11T00:00Z", **body}
        )
        assert (status, answer["code"]) == (400, code)
        assert words in answer["message"]
