"""A callback: asked for now, scheduled for later, perhaps days (docs/api.md, 3.4, 5.7).

agent first      an agent takes the callback, and dials: one participant with two sessions, both
                 with the handle time
customer first   the customer is dialled, and comes back to the queue by voice, where somebody
                 waits for him; the callback itself ends without an outcome
"""

from __future__ import annotations

from typing import Any

from lastpage_sandbox.moments import stamp
from lastpage_sandbox.record.agent import Handling, agent, talk
from lastpage_sandbox.record.draft import Draft, Line
from lastpage_sandbox.record.queue import acd, over_sla, waited
from lastpage_sandbox.record.shape import Participant, Session
from lastpage_sandbox.record.voice import Call


def callback(draft: Draft) -> list[Participant]:
    """The customer, the queue with its scheduled part, and the agent who takes the callback and
    then dials.
    """
    call, skeleton = Call(draft), draft.skeleton
    facts: dict[str, Any] = {
        "callback_numbers": [call.number],
        "callback_scheduled_time": stamp(skeleton.queued_ms),
        "callback_user_name": "Guest",
        "provider": "PureCloud Callback",
    }
    parties = [_customer(call, facts), _queue(call, facts)]
    match skeleton.fate:
        case "abandoned":
            return parties
        case "customer first":
            return [*parties, *_back_in_the_queue(call)]
    return [*parties, _agent(call, facts)]


def _customer(call: Call, facts: dict[str, Any]) -> Participant:
    """By callback until an agent takes it; by voice from when he picked up."""
    draft, skeleton = call.draft, call.draft.skeleton
    line = Line(draft)
    line.segment("interact", skeleton.start_ms, skeleton.left_ms, "peer")
    line.metric(skeleton.start_ms, "nConnected")
    sessions = line.session("callback", call.customer, **facts)
    if skeleton.fate != "abandoned":
        sessions += _spoken(call)
    return Participant(
        participant_id=draft.id(),
        participant_name=call.number,
        purpose="customer",
        sessions=sessions,
    )


def _spoken(call: Call) -> list[Session]:
    answered, done = _answered(call), call.draft.skeleton.done_ms
    line = Line(call.draft)
    line.segment("interact", answered, done, "endpoint", q850_response_codes=[16])
    line.metric(answered, "nConnected")
    line.metric(done, "tConnected", done - answered)
    return line.session(
        "voice", call.draft.id(), **call.facts(rated=(answered, done)), recording=True
    )


def _queue(call: Call, facts: dict[str, Any]) -> Participant:
    draft, skeleton = call.draft, call.draft.skeleton
    queued, left = skeleton.queued_ms, skeleton.left_ms
    abandoned = skeleton.fate == "abandoned"
    line = Line(draft)
    line.segment("scheduled", skeleton.start_ms, queued, queue_id=draft.queue_id)
    line.segment(
        "interact", queued, left, "system" if abandoned else "transfer", queue_id=draft.queue_id
    )
    line.metric(skeleton.start_ms, "nCallbackScheduled")
    line.metric(queued, "nOffered")
    if skeleton.fate != "customer first":
        line.metric(left, "tAbandon" if abandoned else "tAcd", left - queued)
        if not abandoned:
            over_sla(line, left, left - queued)
    sessions = line.session(
        "callback", draft.id(), peer_id=call.customer, used_routing="Standard", **facts
    )
    return Participant(
        participant_id=draft.id(), participant_name=skeleton.queue, purpose="acd", sessions=sessions
    )


def _agent(call: Call, facts: dict[str, Any]) -> Participant:
    draft, skeleton = call.draft, call.draft.skeleton
    left, dialed, done = skeleton.left_ms, skeleton.dialed_ms, skeleton.done_ms
    alerted = max(skeleton.queued_ms, left - 2_000)
    taken, queue = Line(draft), draft.queue_id
    taken.segment("alert", alerted, left, queue_id=queue)
    taken.segment("callback", left, done, "client", queue_id=queue)
    taken.metric(left, "tAlert", left - alerted)
    taken.metric(left, "tAnswered", waited("callback", skeleton.queued_ms, left))
    taken.metric(left, "nCallbackAttempts")
    taken.metric(done, "tActiveCallback", done - left)
    taken.metric(done, "tActiveCallbackComplete", done - left)
    taken.metric(skeleton.first_end_ms, "tHandle", skeleton.first_end_ms - dialed)
    parts = [("dialing", dialed, _answered(call)), *talk(draft, _answered(call), done)]
    handling = Handling(skeleton.agent, dialed, parts, skeleton.first_end_ms, None, skeleton.queue)
    line = Line(draft)
    line.metric(dialed, "nOutboundAttempted")
    line.metric(_answered(call), "nOutboundConnected")
    caller = agent(draft, handling, "voice", line, **call.behind() | {"direction": "outbound"})
    caller.sessions = (
        taken.session("callback", draft.id(), timeout_seconds=30, peer_id=call.customer, **facts)
        + caller.sessions
    )
    return caller


def _back_in_the_queue(call: Call) -> list[Participant]:
    """By voice, from when he picked up; an agent is there at once."""
    draft, skeleton, answered = call.draft, call.draft.skeleton, _answered(call)
    visit = acd(
        draft, call.customer, skeleton.queue, (answered, answered), "answered", "voice",
        **call.behind() | {"direction": "outbound"},
    )  # fmt: skip
    parts = talk(draft, answered, skeleton.done_ms)
    handling = Handling(skeleton.agent, answered, parts, skeleton.first_end_ms, 0, skeleton.queue)
    taker = agent(draft, handling, "voice", **call.behind() | {"direction": "outbound"})
    return [visit, taker]


def _answered(call: Call) -> int:
    """When the customer picked up."""
    skeleton = call.draft.skeleton
    return skeleton.dialed_ms + (skeleton.done_ms - skeleton.dialed_ms) // 12
