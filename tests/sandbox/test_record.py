"""Records, medium by medium, against the anatomy of real ones: docs/api.md, 1.9 and 5."""

import re
import statistics
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from tests.sandbox.box import (
    DAYS,
    HOUR,
    MINUTE,
    Box,
    Json,
    lasting,
    measured,
    ms,
    parts,
    sessions,
    talk,
)

from lastpage_sandbox.models import models
from lastpage_sandbox.moments import BEYOND_MS, read, stamp
from lastpage_sandbox.skeleton import Skeleton

START = ms(10, 9)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
COMPLETED = {"tTalkComplete", "tHeldComplete", "tAcw", "tHandle", "tConnected"}


@pytest.fixture(scope="module")
def box() -> Box:
    return Box(per_day=1500)


@pytest.fixture(scope="module")
def drawn(box: Box) -> list[tuple[Skeleton, Json]]:
    """A day's conversations, as jobs show them."""
    return [(skeleton, box.record(skeleton, attributes=True)) for skeleton in box.day()]


def made(minutes: float | None = 12, at_ms: int | None = None, **more: Any) -> Json:
    return Box(talk(1, START, minutes, **more)).record(talk(1, START, minutes, **more), at_ms)


def objects(model: str, found: Json) -> Iterator[tuple[str, Json]]:
    """Every object of a record with the name of its model."""
    yield model, found
    for field, value in found.items():
        below = models()[model].fields[field].removesuffix("[]")
        if below in models():
            for each in value if isinstance(value, list) else [value]:
                yield from objects(below, each)


def test_every_field_is_known(drawn: list[tuple[Skeleton, Json]]) -> None:
    """1.9: no field that the model lacks, no member that its enumeration lacks."""
    for _, record in drawn:
        for name, each in objects("AnalyticsConversation", record):
            model = models()[name]
            for field, members in model.enums.items():
                assert each.get(field, members[0]) in members, (name, field)


def test_keys_are_in_order(drawn: list[tuple[Skeleton, Json]]) -> None:
    """5.1: at every level keys are in the order of 1.9, nested collections last; nothing is null, no list is empty."""
    for _, record in drawn:
        for name, each in objects("AnalyticsConversation", record):
            assert list(each) == [field for field in models()[name].fields if field in each]
            assert None not in each.values()
            assert [] not in each.values()


def test_moments_and_numbers(drawn: list[tuple[Skeleton, Json]]) -> None:
    """5.1, 1.9: moments have three digits and a Z, metric values are integers."""
    for _, record in drawn:
        for name, each in objects("AnalyticsConversation", record):
            for field, kind in models()[name].fields.items():
                if field in each and kind == "datetime":
                    assert MOMENT.fullmatch(each[field])
            if name == "AnalyticsSessionMetric":
                assert type(each["value"]) is int


def test_stamps() -> None:
    """3.1: moments are read with and without a zone, and written as they were."""
    for text in (
        "1970-01-01T00:00:00.000Z",
        "2023-10-20T15:30:20.007Z",
        "9999-12-31T23:59:59.999Z",
    ):
        assert stamp(read(text)) == text
    assert read("2023-10-10T00:00") == read("2023-10-10T02:00+02:00") == ms(10)
    for text in ("1969-12-31T23:59:59Z", "9999-12-31T23:59:59-01:00", "soon"):
        with pytest.raises(ValueError, match=r"."):
            read(text)
    assert stamp(BEYOND_MS - 1).startswith("9999-12-31")


def test_sizes(box: Box) -> None:
    """5.1, 5.2: without attributes an inbound call is 9 to 10 KB in the mean, a chat 3 to 4."""
    day = box.day(10) + box.day(11)
    sizes: dict[str, list[int]] = {"voice": [], "chat": []}
    for skeleton in day:
        if skeleton.media in sizes and skeleton.direction == "inbound":
            sizes[skeleton.media].append(
                len(box.library.rendered(skeleton, box.now_ms, attributes=False))
            )
    assert 9_000 <= statistics.mean(sizes["voice"]) <= 10_240
    assert 3_000 <= statistics.mean(sizes["chat"]) <= 4_096


def test_an_inbound_call() -> None:
    """5.1: customer, menu, queue, agent in the order of joining, all of them peers of the customer's session."""
    record = made()
    assert [part["purpose"] for part in record["participants"]] == [
        "customer",
        "ivr",
        "acd",
        "agent",
    ]
    (customer,), (menu,), (queue,), (agent,) = (part["sessions"] for part in record["participants"])
    assert "peerId" not in customer
    assert {each["peerId"] for each in (menu, queue, agent)} == {customer["sessionId"]}
    assert [each["segmentType"] for each in customer["segments"]] == ["system", "interact"]
    assert [each["segmentType"] for each in menu["segments"]] == ["system", "ivr"]
    assert [each["segmentType"] for each in queue["segments"]] == ["delay", "interact"]
    assert agent["segments"][0]["segmentType"] == "alert"
    assert agent["segments"][-1]["segmentType"] == "wrapup"
    assert customer["provider"] == "Edge"
    assert customer["ani"].startswith("tel:+")
    assert menu["flow"]["transferTargetAddress"] == queue["segments"][0]["queueId"]
    assert queue["flow"]["flowType"] == "INQUEUECALL"


def test_the_leg_begins_before_the_conversation() -> None:
    """5.1: the caller's system segment starts 13 ms before conversationStart."""
    first = parts(made(), "customer")[0]["sessions"][0]["segments"][0]
    assert read(first["segmentStart"]) == START - 13


def test_the_minima(drawn: list[tuple[Skeleton, Json]]) -> None:
    """5.1: the conversation's MOS and R factor are the minima over all sessions, each for itself."""
    for _, record in drawn:
        stats = [
            stat
            for _, session in sessions(record)
            for stat in session.get("mediaEndpointStats", [])
        ]
        if stats:
            assert record["mediaStatsMinConversationMos"] == min(stat["minMos"] for stat in stats)
            assert record["mediaStatsMinConversationRFactor"] == min(
                stat["minRFactor"] for stat in stats
            )
        else:
            assert "mediaStatsMinConversationMos" not in record


def test_the_end_covers_the_wrap_up() -> None:
    """3.4: conversationEnd is the end of the last wrap-up, the customer left before."""
    record = made(acw_ms=30_000)
    wrap_up = parts(record, "agent")[0]["sessions"][0]["segments"][-1]
    assert wrap_up["segmentEnd"] == record["conversationEnd"]
    assert lasting(wrap_up) == 30_000
    left = parts(record, "customer")[0]["sessions"][0]["segments"][-1]["segmentEnd"]
    assert read(record["conversationEnd"]) - read(left) == 30_000


def test_wrap_up_codes(drawn: list[tuple[Skeleton, Json]]) -> None:
    """5.7: a code is a UUID or a constant, on closed wrap-up segments only; the disconnect type is repeated there."""
    codes = set()
    for _, record in drawn:
        for _, session in sessions(record):
            for before, segment in pairwise(session["segments"]):
                if segment["segmentType"] == "wrapup" and before["segmentType"] == "interact":
                    codes.add(segment["wrapUpCode"])
                    assert segment["disconnectType"]
                assert segment["segmentType"] == "wrapup" or "wrapUpCode" not in segment
    assert "ININ-WRAP-UP-TIMEOUT" in codes
    assert any(re.fullmatch(r"[0-9a-f-]{36}", code) for code in codes)


def test_a_visit_ends_in_one_way(drawn: list[tuple[Skeleton, Json]]) -> None:
    """5.7: each closed visit to a queue was offered once, and answered, abandoned or sent on; a web message that was left has no end."""
    ends = {"tAcd", "tAbandon", "tFlowOut"}
    seen, left = set(), 0
    for _, record in drawn:
        for part in parts(record, "acd"):
            metrics = measured(part["sessions"][0])
            assert metrics["nOffered"] == 1
            if not ends & set(metrics):
                assert part["sessions"][0]["messageType"] == "webmessaging"
                left += 1
                continue
            assert len(ends & set(metrics)) == 1
            seen |= ends & set(metrics)
            waiting = part["sessions"][0]["segments"][-1]
            assert metrics[next(iter(ends & set(metrics)))] == lasting(waiting)
    assert seen == ends
    assert left


def test_answered_is_how_long_the_queue_took(drawn: list[tuple[Skeleton, Json]]) -> None:
    """5.7: an agent's tAnswered equals the tAcd of that visit."""
    for _, record in drawn:
        waits = [measured(part["sessions"][0]).get("tAcd") for part in parts(record, "acd")]
        answers = [
            measured(session)["tAnswered"]
            for part, session in sessions(record)
            if part["purpose"] == "agent" and "tAnswered" in measured(session)
        ]
        assert answers == [wait for wait in waits if wait is not None]


def test_handling_adds_up(drawn: list[tuple[Skeleton, Json]]) -> None:
    """5.2, 5.7: tHandle is talk, hold, dialling and after-call work; completes are the sums of their parts."""
    handled = 0
    for _, record in drawn:
        for part, session in sessions(record):
            metrics = measured(session)
            if (
                part["purpose"] != "agent"
                or "tHandle" not in metrics
                or "tNotResponding" in metrics
                or session["mediaType"] == "callback"
            ):
                continue
            assert metrics.get("tTalk") == metrics.get("tTalkComplete")
            assert metrics.get("tHeld") == metrics.get("tHeldComplete")
            late = sum(
                each["value"]
                for each in session["metrics"]
                if each["emitDate"] > record["conversationEnd"]
            )
            parts_of = ("tTalk", "tHeld", "tDialing", "tContacting", "tAcw")
            assert metrics["tHandle"] + late == sum(metrics.get(name, 0) for name in parts_of)
            handled += 1
    assert handled > 1000


def test_metrics_are_in_order(drawn: list[tuple[Skeleton, Json]]) -> None:
    """5.7: by emit date, ties by name."""
    for _, record in drawn:
        for _, session in sessions(record):
            keys = [(each["emitDate"], each["name"]) for each in session.get("metrics", [])]
            assert keys == sorted(keys)


def test_segments_follow_each_other(drawn: list[tuple[Skeleton, Json]]) -> None:
    """5.2: within a session the end of one is the start of the next, but for what was added later."""
    for _, record in drawn:
        for part, session in sessions(record):
            for one, following in pairwise(session["segments"]):
                if (
                    part["purpose"] == "agent"
                    and one["segmentType"] == following["segmentType"] == "wrapup"
                ):
                    continue
                assert one["segmentEnd"] == following["segmentStart"]


def test_nobody_answers_at_first() -> None:
    """5.1: the agent who did not answer has an error, no talk, and after-call work counted 4 s short of its segment."""
    first, second = parts(made(fate="unanswered"), "agent")
    (session,) = first["sessions"]
    metrics = measured(session)
    assert (metrics["nError"], metrics["tAlert"]) == (1, metrics["tNotResponding"])
    assert lasting(session["segments"][-1]) - metrics["tAcw"] == 4_000
    assert session["segments"][-1]["errorCode"] == "error.ininedgecontrol.session.inactive"
    assert "tTalk" not in metrics
    assert "tAnswered" in measured(second["sessions"][0])
    assert first["userId"] != second["userId"]


def test_a_blind_transfer() -> None:
    """5.7: the first agent transfers into another queue, whose agent answers."""
    record = made(fate="transferred")
    assert [part["purpose"] for part in record["participants"]] == [
        "customer",
        "ivr",
        "acd",
        "agent",
        "acd",
        "agent",
    ]
    first, second = (measured(part["sessions"][0]) for part in parts(record, "agent"))
    assert (first["nTransferred"], first["nBlindTransferred"]) == (1, 1)
    assert "nTransferred" not in second
    queues = [part["sessions"][0]["segments"][0]["queueId"] for part in parts(record, "acd")]
    assert queues[0] != queues[1]


def test_a_consult_transfer() -> None:
    """5.7: consulted while the customer is on hold; nConsult, then nTransferred and nConsultTransferred."""
    first, second = parts(made(fate="consulted"), "agent")
    metrics = measured(first["sessions"][0])
    assert (metrics["nConsult"], metrics["nTransferred"], metrics["nConsultTransferred"]) == (
        1,
        1,
        1,
    )
    hold = next(each for each in first["sessions"][0]["segments"] if each["segmentType"] == "hold")
    talking = next(
        each for each in second["sessions"][0]["segments"] if each["segmentType"] == "interact"
    )
    assert (
        hold["segmentStart"] < talking["segmentStart"] < hold["segmentEnd"] < talking["segmentEnd"]
    )
    assert hold["disconnectType"] == "consultTransfer"


def test_abandoned() -> None:
    """5.7: who hangs up while waiting has tAbandon to the end, tShortAbandon if soon, and no agent."""
    record = made(0.5, fate="abandoned", lead_ms=28_000)
    metrics = measured(parts(record, "acd")[0]["sessions"][0])
    assert not parts(record, "agent")
    assert metrics["tAbandon"] == metrics["tShortAbandon"] == 2_000 - 14
    assert "tShortAbandon" not in measured(parts(made(fate="abandoned"), "acd")[0]["sessions"][0])


@pytest.mark.parametrize("media", ["voice", "chat", "callback"])
def test_over_the_service_level(media: str) -> None:
    """5.7: nOverSla at an answer after a wait past the target, of callbacks too; of what nobody answered never."""

    def over(**more: Any) -> list[str]:
        queue = parts(made(media=media, **more), "acd")[0]["sessions"][0]
        return [each["emitDate"] for each in queue["metrics"] if each["name"] == "nOverSla"]

    at_the_answer = parts(made(media=media, wait_ms=60_000), "agent")[0]["sessions"][0]["metrics"]
    answered = [each["emitDate"] for each in at_the_answer if each["name"] == "tAnswered"]
    assert over(wait_ms=60_000) == answered
    assert over(wait_ms=10_000) == over(wait_ms=60_000, fate="abandoned") == []
    if media == "voice":
        assert over(wait_ms=60_000, fate="voicemail") == []


def test_a_web_message_that_was_left() -> None:
    """5.7: web messaging has no abandons; other messages do."""
    found: dict[str, set[str]] = {}
    for number in range(40):
        waiting = talk(number, START, 3, media="message", fate="abandoned")
        session = parts(Box(waiting).record(waiting), "acd")[0]["sessions"][0]
        found.setdefault(session["messageType"], set()).update(measured(session))
    assert found.pop("webmessaging") == {"nOffered"}
    assert set(map(frozenset, found.values())) == {frozenset({"nOffered", "tAbandon"})}


def test_dialled_by_an_agent() -> None:
    """5.7: an agent's call for a queue has no queue visit; dialling counts as handling."""
    record = made(direction="outbound")
    assert [part["purpose"] for part in record["participants"]] == ["agent", "customer"]
    metrics = measured(parts(record, "agent")[0]["sessions"][0])
    assert (metrics["nOutbound"], metrics["nOutboundAttempted"], metrics["nOutboundConnected"]) == (
        1,
        1,
        1,
    )
    assert (
        metrics["tHandle"]
        == metrics["tDialing"] + metrics["tTalk"] + metrics.get("tHeld", 0) + metrics["tAcw"]
    )


@pytest.mark.parametrize(
    ("fate", "purposes", "end"),
    [
        ("campaign", ["dialer", "outbound", "agent"], "person"),
        ("unreached", ["dialer"], "noanswer"),
    ],
)
def test_campaigns(fate: str, purposes: list[str], end: str) -> None:
    """5.7: dialer and outbound, with the ids of campaign, contact and list, and a disposition."""
    record = made(direction="outbound", fate=fate)
    assert [part["purpose"] for part in record["participants"]] == purposes
    dialer = record["participants"][0]["sessions"][0]
    assert {
        "outboundCampaignId",
        "outboundContactId",
        "outboundContactListId",
        "dispositionAnalyzer",
    } <= set(dialer)
    assert dialer["dispositionName"].endswith(end)
    assert ("nOutboundConnected" in measured(dialer)) == (fate == "campaign")


def test_a_personal_call() -> None:
    """5.7: an agent's own call has purpose user, and no queue anywhere."""
    record = made(direction="outbound", fate="personal")
    assert [part["purpose"] for part in record["participants"]] == ["user", "external"]
    assert all(
        "queueId" not in segment
        for _, session in sessions(record)
        for segment in session["segments"]
    )


def test_a_chat() -> None:
    """5.2: customer, queue, agent; no delay segment, the provider of web chats."""
    record = made(media="chat")
    assert [part["purpose"] for part in record["participants"]] == ["customer", "acd", "agent"]
    assert [each["segmentType"] for each in parts(record, "acd")[0]["sessions"][0]["segments"]] == [
        "interact"
    ]
    assert {session["provider"] for _, session in sessions(record)} == {"Webchat Provider"}
    assert record["conversationInitiator"] == "customer"


def test_a_message_thread() -> None:
    """5.7: a bot first, addresses and a message type, and the metrics of writing."""
    record = made(600, media="message")
    assert [part["purpose"] for part in record["participants"]] == [
        "customer",
        "botflow",
        "acd",
        "agent",
    ]
    assert record["customerParticipation"] is True
    for _, session in sessions(record):
        assert {"messageType", "addressFrom", "addressTo"} <= set(session)
        assert session["provider"] == "PureCloud Messaging"
    assert {"tFirstResponse", "oMessageCount", "oMessageTurn"} <= set(
        measured(parts(record, "agent")[0]["sessions"][0])
    )


def test_an_email_thread() -> None:
    """5.7: addresses of both sides, a subject in its segments, waiting as the queue's interact."""
    record = made(3 * 24 * 60, media="email")
    customer = parts(record, "customer")[0]["sessions"][0]
    assert {"addressFrom", "addressTo", "addressSelf", "addressOther"} <= set(customer)
    assert customer["segments"][0]["subject"]
    assert parts(record, "acd")[0]["sessions"][0]["segments"][0]["segmentType"] == "interact"


def test_a_callback() -> None:
    """3.4, 5.7: scheduled days before; then callback and voice, two sessions of the same agent in one participant."""
    record = made(3 * 24 * 60 + 10, media="callback", lead_ms=3 * DAYS)
    (agent,) = parts(record, "agent")
    assert [session["mediaType"] for session in agent["sessions"]] == ["callback", "voice"]
    scheduled = parts(record, "acd")[0]["sessions"][0]["segments"][0]
    assert (scheduled["segmentType"], lasting(scheduled)) == ("scheduled", 3 * DAYS)
    assert agent["sessions"][0]["callbackScheduledTime"] == scheduled["segmentEnd"]
    assert {"callbackNumbers", "callbackUserName", "timeoutSeconds"} <= set(agent["sessions"][0])
    assert "callback" in [each["segmentType"] for each in agent["sessions"][0]["segments"]]
    assert measured(agent["sessions"][0])["nCallbackAttempts"] == 1


def test_a_callback_has_its_handling_twice() -> None:
    """5.7: tHandle stands on both sessions of the agent, the answer on that of the callback alone."""
    callback, voice = map(measured, parts(made(media="callback"), "agent")[0]["sessions"])
    assert callback["tHandle"] == voice["tHandle"] > 0
    assert ("tAnswered" in callback, "tAnswered" in voice) == (True, False)


def test_a_callback_that_calls_the_customer_first() -> None:
    """5.7: the callback ends in no way; who was reached comes back by voice, and is answered at once."""
    record = made(media="callback", fate="customer first", wait_ms=60_000)
    callback, voice = parts(record, "acd")
    assert callback["sessions"][0]["mediaType"] == "callback"
    assert set(measured(callback["sessions"][0])) == {"nCallbackScheduled", "nOffered"}
    assert voice["sessions"][0]["mediaType"] == "voice"
    assert measured(voice["sessions"][0]) == {"nOffered": 1, "tAcd": 0}
    (session,) = parts(record, "agent")[0]["sessions"]
    assert (session["mediaType"], measured(session)["tAnswered"]) == ("voice", 0)


def test_a_callback_that_was_given_up() -> None:
    """5.7: without an agent there is no call, so no second medium."""
    record = made(media="callback", fate="abandoned")
    assert [part["purpose"] for part in record["participants"]] == ["customer", "acd"]
    assert {session["mediaType"] for _, session in sessions(record)} == {"callback"}
    assert "mediaStatsMinConversationMos" not in record


@pytest.mark.parametrize("media", ["voice", "chat", "message", "email", "callback"])
def test_open_conversations(media: str) -> None:
    """3.4: while it is open there is no end, its last segment has none, and nothing is complete."""
    record = made(60, START + 30 * MINUTE, media=media)
    assert "conversationEnd" not in record
    agent = parts(record, "agent")[0]["sessions"][-1]
    assert "segmentEnd" not in agent["segments"][-1]
    assert "disconnectType" not in agent["segments"][-1]
    assert not COMPLETED & set(measured(agent))
    ended = made(60, START + 60 * MINUTE, media=media)
    assert ended["conversationEnd"] == stamp(START + 60 * MINUTE)


def test_orphans_never_end() -> None:
    """3.4: some threads never end, however long one waits."""
    record = made(None, START + 9 * DAYS, media="message")
    assert "conversationEnd" not in record
    assert "segmentEnd" not in parts(record, "agent")[0]["sessions"][0]["segments"][-1]
    assert not COMPLETED & {name for _, session in sessions(record) for name in measured(session)}


def test_growing(box: Box) -> None:
    """3.4: what a record shows at one moment it still shows later, ends and metrics added; its ids never change."""
    for skeleton in box.day()[:60]:
        end = skeleton.end_ms or skeleton.start_ms + HOUR
        moments = [skeleton.start_ms + (end - skeleton.start_ms) * step // 7 for step in range(8)]
        records = [box.record(skeleton, moment) for moment in moments]
        for early, late in pairwise(records):
            for one, other in zip(early["participants"], late["participants"], strict=False):
                assert one["participantId"] == other["participantId"]
                for before, after in zip(one["sessions"], other["sessions"], strict=False):
                    assert before["sessionId"] == after["sessionId"]
                    starts = [each["segmentStart"] for each in after["segments"]]
                    assert [each["segmentStart"] for each in before["segments"]] == starts[
                        : len(before["segments"])
                    ]
                    assert all(
                        metric in after.get("metrics", []) for metric in before.get("metrics", [])
                    )


def test_attributes(box: Box, drawn: list[tuple[Skeleton, Json]]) -> None:
    """2, 3.3: attributes only where jobs show them, keys and values cut at 1,024 characters."""
    assert not any("attributes" in part for part in box.record(drawn[0][0])["participants"])
    values = [
        value for _, record in drawn for value in record["participants"][0]["attributes"].values()
    ]
    assert max(len(value) for value in values) == 1024


def test_it_is_the_same_every_time(box: Box) -> None:
    """A record is a function of seed, skeleton and moment."""
    skeleton = box.day()[5]
    again = Box(per_day=1500).library.rendered(skeleton, box.now_ms, attributes=True)
    assert box.library.rendered(skeleton, box.now_ms, attributes=True) == again
    assert msgspec.json.decode(again) == box.record(skeleton, attributes=True)


def test_fine_fractions(drawn: list[tuple[Skeleton, Json]]) -> None:
    """A switch spells times with more digits than three; where they begin stays the same."""
    skeleton, record = drawn[0]
    fine = Box(per_day=1500, fraction_digits=7).library
    found = fine.rendered(skeleton, DAYS * 30_000, attributes=True).decode()
    usual = Box(per_day=1500).library.rendered(skeleton, DAYS * 30_000, attributes=True).decode()
    assert found.replace('9999Z"', 'Z"') == usual
    assert found.count('9999Z"') == len(MOMENT.findall(usual))
    assert record["conversationStart"].replace("Z", "9999Z") in found


def test_odd_values(drawn: list[tuple[Skeleton, Json]]) -> None:
    """A switch gives a share of records values of other types than the model's; the others stay as they are."""
    usual, some = Box(per_day=1500).library, Box(per_day=1500, odd_share=0.3).library
    changed = []
    for skeleton, _ in drawn[:200]:
        one, other = (
            each.rendered(skeleton, DAYS * 30_000, attributes=True) for each in (usual, some)
        )
        assert (b'"score":5,' in other) == (b'"segmentEnd":""' in other) == (one != other)
        changed.append(one != other)
    assert 30 < sum(changed) < 90
