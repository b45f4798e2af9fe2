"""An inbound call: customer, menu, queue, agents (docs/api.md, 5.1)."""

from __future__ import annotations

from typing import Any

from lastpage_sandbox.moments import stamp
from lastpage_sandbox.record.draft import Draft, Line
from lastpage_sandbox.record.handed import handed
from lastpage_sandbox.record.shape import EndpointStat, Flow, FlowOutcome, Participant
from lastpage_sandbox.skeleton import DIVISIONS

#: The caller's leg exists a moment before the conversation does, and connects a moment after it
#: began.
BEFORE_MS, CONNECTED_MS = 13, 230
LANGUAGES = ("de-de", "en-us", "pt-br")
PLACES = ("Munich, Germany", "Berlin, Germany", "Leipzig, Germany")
DISCONNECTS = ("endpoint", "peer")


class Call:
    """What all legs of one call have in common: the numbers, the edge, who sees what of it."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.customer = draft.id()
        self.number = draft.phone()
        self.line = f"tel:+4989{100_000 + draft.below(8)}"
        self.place = PLACES[draft.below(len(PLACES))]
        self.edge = draft.name("edge", draft.below(3))
        self.leg = draft.below(1 << 40)

    def facts(self, *, rated: tuple[int, int] | None = None) -> dict[str, Any]:
        """A leg's own fields; `rated` from one moment to another it has a voice quality."""
        draft, self.leg = self.draft, self.leg + 1
        return {
            "ani": f"tel:{self.number}",
            "dnis": self.line,
            "edge_id": self.edge,
            "media_count": 1,
            "media_endpoint_stats": _rated(draft, rated) if rated else None,
            "protocol_call_id": f"{self.leg * 0x9E3779B97F4A7C15 & (1 << 128) - 1:032x}",
            "provider": "Edge",
            "remote": self.number,
            "remote_name_displayable": self.place,
            "session_dnis": self.line,
        }

    def behind(self) -> dict[str, Any]:
        """The fields of a leg behind the menu, which the customer's leg is the peer of."""
        skeleton = self.draft.skeleton
        address = f"sip:{self.leg & 0xFFFFFF:06x}+sandbox.invalid;tgrp={self.edge};trunk-context=sandbox@127.0.0.1;user=phone"
        facts = self.facts(rated=(skeleton.left_ms, skeleton.done_ms))
        return facts | {"peer_id": self.customer, "session_dnis": address, "recording": True}


def voice(draft: Draft) -> list[Participant]:
    """Everyone in the order of joining."""
    call = Call(draft)
    return [_customer(call), _menu(call), *handed(draft, call.customer, "voice", call.behind)]


def _customer(call: Call) -> Participant:
    draft, skeleton = call.draft, call.draft.skeleton
    connected = min(skeleton.start_ms + CONNECTED_MS, skeleton.queued_ms)
    done = skeleton.done_ms
    line = Line(draft)
    line.segment("system", skeleton.start_ms - BEFORE_MS, connected)
    line.segment(
        "interact",
        connected,
        done,
        DISCONNECTS[draft.below(2)],
        queue_id=draft.queue_id,
        q850_response_codes=[16],
    )
    line.metric(connected, "nConnected")
    line.metric(done, "tConnected", done - connected)
    facts = call.facts(rated=(connected, done)) | {
        "remote": None,
        "recording": True,
        "requested_routings": ["Standard"],
    }
    if skeleton.left_ms <= draft.until_ms and skeleton.fate != "abandoned":
        facts |= {"used_routing": "Standard", "selected_agent_id": draft.user(skeleton.agent)}
    sessions = line.session("voice", call.customer, **facts)
    return Participant(
        participant_id=draft.id(),
        participant_name=call.number,
        purpose="customer",
        external_contact_id=draft.id(),
        sessions=sessions,
    )


def _menu(call: Call) -> Participant:
    draft, skeleton = call.draft, call.draft.skeleton
    start, left = skeleton.start_ms, skeleton.queued_ms
    begun = min(start + 44, left)
    ran = max(left - begun - 188, 0)
    line = Line(draft)
    line.segment("system", start, begun)
    line.segment("ivr", begun, left, "transfer")
    line.metric(begun, "nFlow")
    for emitted, name, value in (
        (left, "tIvr", left - begun),
        (left + 3, "tFlow", ran),
        (left + 3, "tFlowExit", ran),
    ):
        line.metric(emitted, name, value)
    flow = _flow(call, left)
    if flow.outcomes:
        line.metric(left, "nFlowOutcome")
        line.metric(left, "tFlowOutcome", ran)
    facts = call.facts(rated=(start, left)) | {"peer_id": call.customer}
    sessions = line.session("voice", draft.id(), flow=flow, **facts)
    return Participant(
        participant_id=draft.id(), participant_name="Main Menu", purpose="ivr", sessions=sessions
    )


def _flow(call: Call, left: int) -> Flow:
    draft, start = call.draft, call.draft.skeleton.start_ms
    language = (
        LANGUAGES[DIVISIONS.index(draft.skeleton.division) % 3]
        if draft.skeleton.division in DIVISIONS
        else "de-de"
    )
    outcome = FlowOutcome(
        flow_outcome=draft.name("outcome"),
        flow_outcome_end_timestamp=stamp(left),
        flow_outcome_id=draft.name("outcome"),
        flow_outcome_start_timestamp=stamp(start),
        flow_outcome_value=("SUCCESS", "SUCCESS", "FAILURE")[draft.below(3)],
    )
    told, over = draft.below(3) == 0, left <= draft.until_ms
    return Flow(
        ending_language=language if over else None,
        entry_reason=call.line,
        entry_type="dnis",
        exit_reason="TRANSFER" if over else None,
        flow_id=draft.name("flow"),
        flow_name="Main Menu",
        flow_type="INBOUNDCALL",
        flow_version="5.0",
        outcomes=[outcome] if told and over else None,
        starting_language=language,
        transfer_target_address=draft.queue_id if over else None,
        transfer_target_name=draft.skeleton.queue if over else None,
        transfer_type="ACD" if over else None,
    )


def _rated(draft: Draft, span: tuple[int, int]) -> list[EndpointStat]:
    """Both ends of a leg report their quality, in either codec, in the middle and at the end."""
    start, end = span
    stats = []
    for codec, when in zip(
        ("audio/opus", "audio/PCMU") * 2, ((start + end) // 2, end, end, end), strict=True
    ):
        mos, latency, packets = (
            432 + draft.below(60),
            2 + draft.below(60),
            (when - start) // 20 + draft.below(50),
        )
        if when <= draft.until_ms:
            stats.append(
                EndpointStat(
                    codecs=[codec],
                    event_time=stamp(when),
                    max_latency_ms=latency,
                    min_mos=mos / 100,
                    min_r_factor=(7740 + (mos * 7) % 1600) / 100,
                    received_packets=packets,
                )
            )
    draft.stats += stats
    return stats
