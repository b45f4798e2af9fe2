"""Calls that go out: dialled by an agent for a queue, by a campaign, or by a user for himself
(docs/api.md, 5.7).
"""

from __future__ import annotations

from typing import Any

from lastpage_sandbox.record.agent import Handling, agent, talk
from lastpage_sandbox.record.draft import Draft, Line
from lastpage_sandbox.record.shape import Participant, Property
from lastpage_sandbox.record.voice import Call

CAMPAIGNS = ("Autumn", "Renewals", "Win back")


def dialed(draft: Draft) -> list[Participant]:
    """An agent dials on behalf of a queue; the time until somebody picks up counts as handling."""
    call, skeleton = Call(draft), draft.skeleton
    start, picked_up, done = skeleton.start_ms, skeleton.queued_ms, skeleton.done_ms
    parts = [("dialing", start, picked_up), *talk(draft, picked_up, done)]
    handling = Handling(skeleton.agent, start, parts, skeleton.first_end_ms, None, skeleton.queue)
    line = Line(draft)
    for name in ("nOutbound", "nOutboundAttempted"):
        line.metric(start, name)
    line.metric(picked_up, "nOutboundConnected")
    caller = agent(
        draft, handling, "voice", line, **call.behind(), requested_routings=None, used_routing=None
    )
    return [caller, _called(call, picked_up, done, "customer")]


def campaign(draft: Draft) -> list[Participant]:
    """A dialer calls a contact and hands who answers to an agent; who does not answer is only a
    disposition.
    """
    call, skeleton = Call(draft), draft.skeleton
    reached = skeleton.fate == "campaign"
    start, picked_up, end = skeleton.start_ms, skeleton.queued_ms, skeleton.first_end_ms
    name = CAMPAIGNS[skeleton.agent % len(CAMPAIGNS)]
    contact: dict[str, Any] = {
        "outbound_campaign_id": draft.name("campaign", name),
        "outbound_contact_id": draft.id(),
        "outbound_contact_list_id": draft.name("contact list", name),
    }
    line = Line(draft)
    attempt = Property(
        property="attempt", property_type="integer", value=str(1 + skeleton.agent % 3)
    )
    line.segment("dialing", start, picked_up, None if reached else "system", properties=[attempt])
    line.segment(
        "system",
        picked_up,
        skeleton.left_ms if reached else end,
        "transfer" if reached else "system",
    )
    line.metric(start, "nOutboundAttempted")
    if reached:
        line.metric(picked_up, "nOutboundConnected")
    told = {
        "disposition_name": "disposition.classification.callable."
        + ("person" if reached else "noanswer"),
        "disposition_analyzer": "disposition.analyzer.callprogress",
    }
    facts = call.facts() | contact | (told if picked_up <= draft.until_ms else {})
    dialer = Participant(
        participant_id=draft.id(),
        participant_name=name,
        purpose="dialer",
        sessions=line.session("voice", call.customer, **facts),
    )
    if not reached:
        return [dialer]
    parts = talk(draft, skeleton.left_ms, skeleton.done_ms)
    handling = Handling(skeleton.agent, picked_up, parts, end, None, skeleton.queue)
    handler = agent(
        draft, handling, "voice", **call.behind(), **contact, script_id=draft.name("script", name)
    )
    return [dialer, _called(call, picked_up, skeleton.done_ms, "outbound"), handler]


def personal(draft: Draft) -> list[Participant]:
    """A user's own call, without a queue: purposes `user` and `external`."""
    call, skeleton = Call(draft), draft.skeleton
    start, picked_up, end = skeleton.start_ms, skeleton.queued_ms, skeleton.first_end_ms
    line = Line(draft)
    outbound = skeleton.direction == "outbound"
    line.segment("dialing" if outbound else "alert", start, picked_up)
    line.segment("interact", picked_up, end, "client")
    line.metric(picked_up, "tDialing" if outbound else "tAlert", picked_up - start)
    line.metric(end, "tTalk", end - picked_up)
    line.metric(end, "tTalkComplete", end - picked_up)
    user = Participant(
        participant_id=draft.id(),
        purpose="user",
        user_id=draft.user(skeleton.agent),
        sessions=line.session(
            "voice", draft.id(), **call.facts(rated=(picked_up, end)), peer_id=call.customer
        ),
    )
    return [user, _called(call, picked_up, end, "external")]


def _called(call: Call, connected: int, done: int, purpose: str) -> Participant:
    draft = call.draft
    line = Line(draft)
    line.segment("interact", connected, done, "peer", q850_response_codes=[16])
    line.metric(connected, "nConnected")
    line.metric(done, "tConnected", done - connected)
    name = draft.id() if purpose == "outbound" else call.customer
    facts = call.facts(rated=(connected, done)) | {"recording": True}
    return Participant(
        participant_id=draft.id(),
        participant_name=call.number,
        purpose=purpose,
        sessions=line.session("voice", name, **facts),
    )
