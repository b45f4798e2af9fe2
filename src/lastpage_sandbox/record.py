"""A skeleton rendered: the tree of participants, sessions, segments and metrics, as it stands at a moment (docs/api.md, 5).

Everything is laid out on the conversation's timeline first; what lies after the moment is then left out: segments not begun,
ends not reached, metrics not emitted (3.4). Keys are sorted, scalars before collections; nulls are absent (5.1).
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lastpage_sandbox.world import Skeleton

Json = dict[str, Any]
NESTED = (
    "evaluations", "surveys", "resolutions", "participants", "attributes", "sessions",
    "mediaEndpointStats", "flow", "metrics", "segments",
)  # fmt: skip
#: Evaluations and surveys come this long after the end (3.4), and only now and then.
EVALUATED_AFTER_MS = 3 * 86_400_000


def stamp(ms: int) -> str:
    """`2023-10-01T00:00:00.000Z`."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def name_id(seed: int, *name: object) -> str:
    """The UUID of a queue, an agent, a division …: the same name, the same id."""
    return str(uuid.UUID(int=random.Random(f"{seed} {name}").getrandbits(128), version=4))


@dataclass(frozen=True, slots=True)
class Draft:
    """One conversation being rendered at a moment."""

    skeleton: Skeleton
    seed: int
    at_ms: int
    ids: random.Random

    def id(self) -> str:
        return str(uuid.UUID(int=self.ids.getrandbits(128), version=4))

    @property
    def end_ms(self) -> int:
        """Where the timeline ends, reached or not."""
        return self.skeleton.end_ms if self.skeleton.end_ms is not None else self.skeleton.start_ms + 3_600_000

    @property
    def ended(self) -> bool:
        return self.skeleton.end_ms is not None and self.skeleton.end_ms <= self.at_ms


def render(skeleton: Skeleton, seed: int, at_ms: int, *, attributes: bool) -> Json:
    """The record as the API would show it at `at_ms`; participant attributes only where jobs have them."""
    draft = Draft(skeleton, seed, at_ms, random.Random(skeleton.id))
    voice = skeleton.media == "voice"
    conversation = {
        "conversationId": skeleton.id,
        "conversationStart": stamp(skeleton.start_ms),
        "conversationEnd": stamp(skeleton.end_ms) if draft.ended and skeleton.end_ms is not None else None,
        "conversationInitiator": None if voice else "customer",
        "customerParticipation": None if voice else True,
        "divisionIds": [name_id(seed, "division", skeleton.division)],
        "originatingDirection": skeleton.direction,
        "mediaStatsMinConversationMos": 4.31 if voice else None,
        "mediaStatsMinConversationRFactor": 77.4 if voice else None,
        "participants": [part for part in _participants(draft, attributes=attributes) if part.get("sessions")],
    }
    return _ordered({**conversation, **_afterwards(draft)})


def _participants(draft: Draft, *, attributes: bool) -> list[Json]:
    skeleton = draft.skeleton
    start, end = skeleton.start_ms, draft.end_ms
    queued = min(start + skeleton.lead_ms, end)
    left = min(queued + skeleton.wait_ms, end)
    done = max(end - skeleton.acw_ms, left)
    customer = draft.id()
    parties = [_customer(draft, customer, start, done)]
    if skeleton.media == "voice":
        parties.append(_ivr(draft, customer, start, queued))
    parties.append(_acd(draft, customer, queued, left))
    if skeleton.fate != "abandoned":
        parties += _agents(draft, customer, left, done, end)
    if attributes:
        parties[0]["attributes"] = _attributes(draft)
    return [_ordered(party) for party in parties]


def _customer(draft: Draft, session: str, start: int, done: int) -> Json:
    skeleton = draft.skeleton
    segments = [
        segment(draft, "system", start - 13, start + 230) if skeleton.media == "voice" else None,
        segment(draft, "interact", start + 230, done, queueId=_queue(draft), disconnectType="endpoint"),
    ]
    metrics = [metric(draft, start + 230, "nConnected", 1), metric(draft, done, "tConnected", done - start - 230)]
    sent = _session(draft, session, segments, metrics, stats=True)
    number = f"+49{draft.ids.randrange(10**9, 10**10)}"
    return {
        "participantId": draft.id(),
        "participantName": number if skeleton.media == "voice" else "Guest",
        "purpose": "customer",
        "sessions": sent,
    }


def _ivr(draft: Draft, peer: str, start: int, queued: int) -> Json:
    metrics = [
        metric(draft, start, "nFlow", 1),
        metric(draft, queued, "tIvr", queued - start),
        metric(draft, queued + 3, "tFlow", queued - start - 188),
    ]
    flow = {
        "entryReason": "tel:+498912345678",
        "entryType": "dnis",
        "exitReason": "TRANSFER",
        "flowId": name_id(draft.seed, "flow"),
        "flowName": "Main Menu",
        "flowType": "INBOUNDCALL",
        "flowVersion": "5.0",
        "startingLanguage": "de-de",
        "endingLanguage": "de-de",
        "transferTargetAddress": _queue(draft),
        "transferTargetName": draft.skeleton.queue,
        "transferType": "ACD",
    }
    segments = [
        segment(draft, "system", start, start + 44),
        segment(draft, "ivr", start + 44, queued, disconnectType="transfer"),
    ]
    sessions = _session(draft, draft.id(), segments, metrics, peerId=peer, flow=_ordered(flow), stats=True)
    return {"participantId": draft.id(), "participantName": "Main Menu", "purpose": "ivr", "sessions": sessions}


def _acd(draft: Draft, peer: str, queued: int, left: int) -> Json:
    skeleton = draft.skeleton
    end = "tAbandon" if skeleton.fate == "abandoned" else "tAcd"
    metrics = [metric(draft, queued, "nOffered", 1), metric(draft, left, end, left - queued)]
    segments = [
        segment(
            draft, "interact", queued, left, queueId=_queue(draft), requestedRoutingSkillIds=[name_id(draft.seed, "skill", 1)],
            disconnectType="peer" if skeleton.fate == "abandoned" else "transfer",
        )
    ]  # fmt: skip
    sessions = _session(draft, draft.id(), segments, metrics, peerId=peer)
    return {"participantId": draft.id(), "participantName": skeleton.queue, "purpose": "acd", "sessions": sessions}


def _agents(draft: Draft, peer: str, left: int, done: int, end: int) -> list[Json]:
    if draft.skeleton.fate != "transferred":
        return [_agent(draft, peer, draft.skeleton.agent, (left, done, end))]
    middle = (left + done) // 2
    first = _agent(draft, peer, draft.skeleton.agent, (left, middle, middle + 1000), transferred=True)
    return [first, _agent(draft, peer, draft.skeleton.agent + 1, (middle, done, end))]


def _agent(draft: Draft, peer: str, agent: int, times: tuple[int, int, int], *, transferred: bool = False) -> Json:
    left, done, end = times
    answered = left + min(2364, (done - left) // 3)
    queue = _queue(draft)
    hold = answered + (done - answered) // 2
    metrics = [
        metric(draft, answered, "tAlert", answered - left),
        metric(draft, answered, "tAnswered", draft.skeleton.wait_ms),
        metric(draft, done, "tHeld", done - hold),
        metric(draft, done, "tHeldComplete", done - hold),
        metric(draft, done, "tTalk", hold - answered),
        metric(draft, done, "tTalkComplete", hold - answered),
        metric(draft, end, "tAcw", end - done),
        metric(draft, end, "tHandle", end - answered),
        metric(draft, done, "nTransferred", 1) if transferred else None,
        metric(draft, done, "nBlindTransferred", 1) if transferred else None,
    ]
    how = "transfer" if transferred else "peer"
    segments = [
        segment(draft, "alert", left, answered, queueId=queue),
        segment(draft, "interact", answered, hold, queueId=queue),
        segment(draft, "hold", hold, done, queueId=queue, disconnectType=how),
        segment(draft, "wrapup", done, end, queueId=queue, disconnectType=how, wrapUpCode=_wrap_up(draft)),
    ]
    sessions = _session(draft, draft.id(), segments, metrics, peerId=peer, stats=True)
    return {
        "participantId": draft.id(),
        "purpose": "agent",
        "userId": name_id(draft.seed, "user", agent % 60),
        "sessions": sessions,
    }


def _session(
    draft: Draft,
    session: str,
    segments: Sequence[Json | None],
    metrics: Sequence[Json | None],
    *,
    stats: bool = False,
    **more: Any,
) -> list[Json]:
    begun = [part for part in segments if part]
    if not begun:
        return []
    skeleton = draft.skeleton
    emitted = sorted((each for each in metrics if each), key=lambda each: (each["emitDate"], each["name"]))
    facts: Json = {
        "direction": skeleton.direction or "inbound",
        "mediaType": skeleton.media,
        "sessionId": session,
        "requestedRoutings": ["Standard"],
        "usedRouting": "Standard",
        **_ADDRESSES.get(skeleton.media, {}),
        **more,
        "metrics": emitted,
        "segments": begun,
    }
    if stats and skeleton.media == "voice":
        facts["mediaEndpointStats"] = [
            _endpoint(draft, begun[-1]["segmentStart"], codec) for codec in ("audio/opus", "audio/PCMU")
        ]
    return [_ordered(facts)]


_ADDRESSES: dict[str, Json] = {
    "voice": {
        "ani": "tel:+4915112345678",
        "dnis": "tel:+498912345678",
        "edgeId": "5d4bd3e1-7e5b-4a9e-9d0c-6a0f5c1b2a3d",
        "protocolCallId": "b1a8c6f0e3d24a5f9c7b",
        "provider": "Edge",
        "recording": True,
        "remoteNameDisplayable": "Munich, Germany",
        "sessionDnis": "tel:+498912345678",
    },
    "chat": {"provider": "Webchat Provider"},
    "message": {
        "addressFrom": "+4915112345678",
        "addressTo": "+498912345678",
        "messageType": "whatsapp",
        "provider": "PureCloud Messaging",
    },
    "email": {"addressFrom": "guest@example.org", "addressTo": "help@example.com", "provider": "PureCloud Email"},
    "callback": {
        "callbackNumbers": ["+4915112345678"],
        "callbackUserName": "Guest",
        "timeoutSeconds": 30,
        "provider": "PureCloud Callback",
    },
}  # fmt: skip


def segment(draft: Draft, kind: str, start: int, end: int, **more: Any) -> Json | None:
    """A segment as it stands: nothing before it began, no end and no disconnect type before it ended."""
    if start > draft.at_ms:
        return None
    over = end <= draft.at_ms and (draft.skeleton.end_ms is not None or end < draft.end_ms)
    if not over:
        more = {key: value for key, value in more.items() if key not in ("disconnectType", "wrapUpCode")}
    return _ordered(
        {
            "conference": False,
            "segmentStart": stamp(start),
            "segmentEnd": stamp(max(end, start)) if over else None,
            "segmentType": kind,
            **more,
        }
    )


def metric(draft: Draft, emitted: int, name: str, value: int) -> Json | None:
    """A metric, once it is emitted; its value is always an integer (1.9)."""
    if emitted > draft.at_ms or (draft.skeleton.end_ms is None and emitted >= draft.end_ms):
        return None
    return {"emitDate": stamp(emitted), "name": name, "value": max(int(value), 0)}


def _endpoint(draft: Draft, when: str, codec: str) -> Json:
    return {
        "codecs": [codec],
        "eventTime": when,
        "maxLatencyMs": draft.ids.randrange(2, 40),
        "minMos": 4.31 if codec == "audio/opus" else 4.88,
        "minRFactor": 77.4 if codec == "audio/opus" else 92.5,
        "receivedPackets": draft.ids.randrange(1000, 50_000),
    }


def _attributes(draft: Draft) -> Json:
    number = draft.ids.randrange(10**8)
    return {
        "customerNumber": f"{number:08d}",
        "language": "de",
        "menuPath": "1>3>2",
        "note": 'said "übermorgen", 5 € — ok ✓',
        **{f"flow.step.{step}": f"visited at {step * 7} s" for step in range(number % 12)},
    }


def _afterwards(draft: Draft) -> Json:
    """What comes days after the end: an evaluation or a survey, for a few (3.4)."""
    skeleton = draft.skeleton
    draw = random.Random(f"after {skeleton.id}").random()
    after = draft.end_ms + EVALUATED_AFTER_MS
    if not draft.ended or draft.at_ms < after or draw > 0.04:
        return {}
    if draw < 0.02:
        evaluation = {
            "evaluationId": name_id(draft.seed, "evaluation", skeleton.id),
            "evaluationStatus": "Finished",
            "evaluatorId": name_id(draft.seed, "user", 0),
            "eventTime": stamp(after),
            "formId": name_id(draft.seed, "form"),
            "formName": "Call quality",
            "queueId": _queue(draft),
            "released": True,
            "rescored": False,
            "userId": name_id(draft.seed, "user", skeleton.agent),
            "oTotalCriticalScore": 90,
            "oTotalScore": 85,
        }
        return {"evaluations": [_ordered(evaluation)]}
    survey = {
        "eventTime": stamp(after),
        "queueId": _queue(draft),
        "surveyFormId": name_id(draft.seed, "survey form"),
        "surveyFormName": "How was it",
        "surveyId": name_id(draft.seed, "survey", skeleton.id),
        "surveyPromoterScore": 9,
        "surveyStatus": "Finished",
        "userId": name_id(draft.seed, "user", skeleton.agent),
        "oSurveyTotalScore": 80,
    }
    return {"surveys": [_ordered(survey)]}


def _queue(draft: Draft) -> str:
    return name_id(draft.seed, "queue", draft.skeleton.queue)


def _wrap_up(draft: Draft) -> str:
    return (
        "ININ-WRAP-UP-TIMEOUT"
        if draft.skeleton.agent % 5 == 0
        else name_id(draft.seed, "wrap-up", draft.skeleton.agent % 7)
    )


def _ordered(record: Json) -> Json:
    scalars = {key: record[key] for key in sorted(record) if record[key] is not None and key not in NESTED}
    return scalars | {key: record[key] for key in NESTED if record.get(key)}
