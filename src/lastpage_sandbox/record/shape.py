"""The tree of docs/api.md, 1.9, as far as this organisation fills it.

Fields stand in the order of the wire: scalars by name, then nested collections (5.1). What is None
or empty is left out.
"""

from __future__ import annotations

import msgspec


class Part(msgspec.Struct, rename="camel", omit_defaults=True):
    """Any object of the tree."""


class Metric(Part, kw_only=True):
    emit_date: str
    name: str
    value: int


class Property(Part, kw_only=True):
    property: str
    property_type: str
    value: str


class Segment(Part, kw_only=True):
    conference: bool
    destination_conversation_id: str | None = None
    destination_session_id: str | None = None
    disconnect_type: str | None = None
    error_code: str | None = None
    q850_response_codes: list[int] | None = None
    queue_id: str | None = None
    requested_routing_skill_ids: list[str] | None = None
    segment_end: str | None = None
    segment_start: str
    segment_type: str
    sip_response_codes: list[int] | None = None
    subject: str | None = None
    wrap_up_code: str | None = None
    wrap_up_note: str | None = None
    properties: list[Property] | None = None


class FlowOutcome(Part, kw_only=True):
    flow_outcome: str
    flow_outcome_end_timestamp: str
    flow_outcome_id: str
    flow_outcome_start_timestamp: str
    flow_outcome_value: str


class Flow(Part, kw_only=True):
    ending_language: str | None = None
    entry_reason: str | None = None
    entry_type: str | None = None
    exit_reason: str | None = None
    flow_id: str
    flow_name: str
    flow_type: str
    flow_version: str
    issued_callback: bool | None = None
    starting_language: str | None = None
    transfer_target_address: str | None = None
    transfer_target_name: str | None = None
    transfer_type: str | None = None
    outcomes: list[FlowOutcome] | None = None


class EndpointStat(Part, kw_only=True):
    codecs: list[str]
    event_time: str
    max_latency_ms: int
    min_mos: float
    min_r_factor: float
    received_packets: int


class Session(Part, kw_only=True):
    active_skill_ids: list[str] | None = None
    acw_skipped: bool | None = None
    address_from: str | None = None
    address_other: str | None = None
    address_self: str | None = None
    address_to: str | None = None
    agent_owned: bool | None = None
    ani: str | None = None
    authenticated: bool | None = None
    callback_numbers: list[str] | None = None
    callback_scheduled_time: str | None = None
    callback_user_name: str | None = None
    cc: list[str] | None = None
    delivery_status: str | None = None
    destination_addresses: list[str] | None = None
    direction: str | None = None
    disposition_analyzer: str | None = None
    disposition_name: str | None = None
    dnis: str | None = None
    edge_id: str | None = None
    flow_in_type: str | None = None
    flow_out_type: str | None = None
    media_count: int | None = None
    media_type: str
    message_type: str | None = None
    outbound_campaign_id: str | None = None
    outbound_contact_id: str | None = None
    outbound_contact_list_id: str | None = None
    peer_id: str | None = None
    protocol_call_id: str | None = None
    provider: str | None = None
    recording: bool | None = None
    remote: str | None = None
    remote_name_displayable: str | None = None
    requested_routings: list[str] | None = None
    script_id: str | None = None
    selected_agent_id: str | None = None
    session_dnis: str | None = None
    session_id: str
    timeout_seconds: int | None = None
    used_routing: str | None = None
    media_endpoint_stats: list[EndpointStat] | None = None
    flow: Flow | None = None
    metrics: list[Metric] = []
    segments: list[Segment]


class Participant(Part, kw_only=True):
    external_contact_id: str | None = None
    participant_id: str
    participant_name: str | None = None
    purpose: str
    team_id: str | None = None
    user_id: str | None = None
    sessions: list[Session]
    attributes: dict[str, str] | None = None


class Evaluation(Part, kw_only=True):
    assignee_applicable: bool
    context_id: str
    deleted: bool
    evaluation_id: str
    evaluation_status: str
    evaluator_id: str
    event_time: str
    form_id: str
    form_name: str
    queue_id: str
    released: bool
    rescored: bool
    user_id: str
    o_total_critical_score: int
    o_total_score: int


class Survey(Part, kw_only=True):
    event_time: str
    queue_id: str
    survey_completed_date: str
    survey_form_context_id: str
    survey_form_id: str
    survey_form_name: str
    survey_id: str
    survey_partial_response: bool
    survey_promoter_score: int
    survey_status: str
    survey_type: str
    user_id: str
    o_survey_total_score: int


class Resolution(Part, kw_only=True):
    event_time: str
    queue_id: str
    user_id: str
    n_next_contact_avoided: int


class Conversation(Part, kw_only=True):
    conversation_end: str | None = None
    conversation_id: str
    conversation_initiator: str | None = None
    conversation_start: str
    customer_participation: bool | None = None
    division_ids: list[str]
    media_stats_min_conversation_mos: float | None = None
    media_stats_min_conversation_r_factor: float | None = None
    originating_direction: str | None = None
    evaluations: list[Evaluation] = []
    surveys: list[Survey] = []
    resolutions: list[Resolution] = []
    participants: list[Participant]
