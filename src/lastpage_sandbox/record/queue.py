"""The waiting: a participant of purpose `acd`, one a visit to a queue (docs/api.md, 5.1, 5.2,
5.7).
"""

from __future__ import annotations

from typing import Any

from lastpage_sandbox.record.draft import Draft, Line
from lastpage_sandbox.record.shape import Flow, Participant

#: The service level's target; an answer after a longer wait is counted.
TARGET_MS = 20_000
#: Voice is handed to the queue with a moment's delay; nothing else is.
DELAY_MS = 14
#: What a visit's end is called in its metric and its disconnect type.
ENDS = {
    "answered": ("tAcd", "transfer"),
    "abandoned": ("tAbandon", "peer"),
    "flow": ("tFlowOut", "transfer"),
    "left": ("", "peer"),
}
SHORT_ABANDON_MS = 5_000
#: Whoever leaves a web message is no abandon.
WITHOUT_ABANDONS = "webmessaging"


def acd(
    draft: Draft, peer: str, queue: str, times: tuple[int, int], end: str, media: str, **facts: Any
) -> Participant:
    """A visit to `queue` from one time to another that ended `answered`, `abandoned` or by
    `flow`; or was `left`, which web messaging calls by no metric.
    """
    entered, left = times
    if end == "abandoned" and facts.get("message_type") == WITHOUT_ABANDONS:
        end = "left"
    name, how = ENDS[end]
    asked: dict[str, Any] = {
        "queue_id": draft.name("queue", queue),
        "requested_routing_skill_ids": [draft.name("skill", len(queue) % 4)],
    }
    line = Line(draft)
    waiting = left - waited(media, entered, left)
    if waiting > entered:
        line.segment("delay", entered, waiting, **asked)
    line.segment("interact", waiting, left, how, sip_response_codes=_codes(media, end), **asked)
    line.metric(waiting, "nOffered")
    if name:
        line.metric(left, name, left - waiting)
    if end == "abandoned" and left - waiting < SHORT_ABANDON_MS:
        line.metric(left, "tShortAbandon", left - waiting)
    if end == "answered":
        over_sla(line, left, left - waiting)
    flow = Flow(
        flow_id=draft.name("flow", "in queue"), flow_name="In-Queue", flow_type="INQUEUECALL", flow_version="2.0"
    )  # fmt: skip
    facts |= {"requested_routings": ["Standard"], "used_routing": "Standard", "peer_id": peer}
    sessions = line.session(media, draft.id(), flow=flow if media == "voice" else None, **facts)
    return Participant(
        participant_id=draft.id(), participant_name=queue, purpose="acd", sessions=sessions
    )


def over_sla(line: Line, answered: int, waited: int) -> None:
    """Count an answer that missed the target; that it is the queue's session is a guess."""
    if waited > TARGET_MS:
        line.metric(answered, "nOverSla")


def waited(media: str, entered: int, left: int) -> int:
    """Milliseconds of a visit that count as waiting; the delay does not."""
    return left - min(entered + DELAY_MS, left) if media == "voice" else left - entered


def _codes(media: str, end: str) -> list[int] | None:
    return [410] if media == "voice" and end == "answered" else None
