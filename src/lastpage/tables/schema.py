"""Every table and column, described once; parser, destinations and docs/tables.md follow from it.

The API's record is a tree of levels, and each level is a table. Fields and their types are the
API's (docs/api.md, 1.9); columns have the same names in snake_case. A child's key is its parent's
key and its ordinal in the parent's list, from 0: times, names and values repeat (two segments can
begin in one millisecond), ordinals do not.

    type      in docs/tables.md
    str       text        also enumerations, since the API's are open
    time      timestamp   a moment in UTC, with milliseconds
    bool      boolean
    ordinal   int32       the place in the parent's list
    int       int64       what the API calls `integer`
    num       double      what the API calls `number`; it may send 4 or 4.25
    strs      text[]
    ints      int64[]

Nothing here needs Arrow, so that a selection is checked without loading it; `parse.arrow_schema`
makes Arrow schemas of these descriptions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, cast

Type = Literal["str", "time", "bool", "ordinal", "int", "num", "strs", "ints"]
#: The columns of a table: type by name.
Columns = dict[str, Type]
#: How objects of a level arrive: a list of them, one or none, or free names and values.
Kind = Literal["list", "one", "map"]

KEY = "conversation_id"
#: The column that says which day a conversation belongs to.
START = "conversation_start"
#: The table that every destination has. What a day holds is recorded with it.
CONVERSATIONS = "conversations"
#: The column that says when a conversation ended; null while it is open.
END = "conversation_end"
#: The column of `conversations` that is another one whenever anything in the API's record is.
DIGEST = "record_digest"
#: The column that is a record as it came.
RECORD = "record"


def column(name: str) -> str:
    """The column of a field: `destinationSessionId` gives `destination_session_id`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


@dataclass(frozen=True, eq=False)
class Level:
    """A kind of object in the record's tree, and the table it becomes."""

    table: str
    #: Its name in the parent object; empty for the conversation itself.
    name: str
    #: `field:type` pairs, the API's names.
    text: str
    children: tuple[Level, ...] = ()
    kind: Kind = "list"
    #: The column that counts it within its parent; empty for what comes once.
    ordinal: str = ""

    @cached_property
    def fields(self) -> dict[str, Type]:
        """The type of each field."""
        return cast("dict[str, Type]", dict(pair.split(":") for pair in self.text.split()))

    @cached_property
    def columns(self) -> dict[str, str]:
        """The column of each field."""
        return {name: column(name) for name in self.fields}

    def tables(self, keys: tuple[str, ...] = ()) -> Iterator[tuple[str, Columns]]:
        """This table and those below it, with the keys they inherit."""
        keys = (*keys, self.ordinal) if self.ordinal else keys
        columns: Columns = {key: "str" if key == KEY else "ordinal" for key in keys}
        if self.kind == "map":
            columns |= {"name": "str", "value": "str"}
        yield (
            self.table,
            columns | {self.columns[name]: type_ for name, type_ in self.fields.items()},
        )
        for child in self.children:
            yield from child.tables(keys or (KEY,))


_SEGMENT = Level(
    "segments",
    "segments",
    "segmentStart:time segmentEnd:time segmentType:str audioMuted:bool conference:bool "
    "destinationConversationId:str destinationSessionId:str disconnectType:str errorCode:str "
    "groupId:str q850ResponseCodes:ints queueId:str requestedLanguageId:str "
    "requestedRoutingSkillIds:strs requestedRoutingUserIds:strs sipResponseCodes:ints "
    "sourceConversationId:str sourceSessionId:str subject:str videoMuted:bool wrapUpCode:str "
    "wrapUpNote:str wrapUpTags:strs",
    (
        Level(
            "scored_agents",
            "scoredAgents",
            "agentScore:int scoredAgentId:str",
            ordinal="scored_agent_no",
        ),
        Level(
            "segment_properties",
            "properties",
            "property:str propertyType:str value:str",
            ordinal="property_no",
        ),
    ),
    ordinal="segment_no",
)
_FLOW = Level(
    "flows",
    "flow",
    "endingLanguage:str entryReason:str entryType:str exitReason:str flowId:str flowName:str "
    "flowType:str flowVersion:str issuedCallback:bool recognitionFailureReason:str "
    "startingLanguage:str transferTargetAddress:str transferTargetName:str transferType:str",
    (
        Level(
            "flow_outcomes",
            "outcomes",
            "flowOutcome:str flowOutcomeEndTimestamp:time flowOutcomeId:str "
            "flowOutcomeStartTimestamp:time flowOutcomeValue:str",
            ordinal="outcome_no",
        ),
    ),
    kind="one",
)
_SESSION = Level(
    "sessions",
    "sessions",
    "sessionId:str mediaType:str direction:str activeSkillIds:strs acwSkipped:bool "
    "addressFrom:str addressOther:str addressSelf:str addressTo:str agentAssistantId:str "
    "agentBullseyeRing:int agentOwned:bool ani:str assignerId:str authenticated:bool "
    "bargedParticipantId:str bcc:strs callbackNumbers:strs callbackScheduledTime:time "
    "callbackUserName:str cc:strs cleared:bool coachedParticipantId:str cobrowseRole:str "
    "cobrowseRoomId:str deliveryPushed:bool deliveryStatus:str deliveryStatusChangeDate:time "
    "destinationAddresses:strs detectedSpeechEnd:time detectedSpeechStart:time "
    "dispositionAnalyzer:str dispositionName:str dnis:str edgeId:str eligibleAgentCounts:ints "
    "engagementSource:str errorCodeDescription:str extendedDeliveryStatus:str flowInType:str "
    "flowOutType:str journeyActionId:str journeyActionMapId:str journeyActionMapVersion:int "
    "journeyCustomerId:str journeyCustomerIdType:str journeyCustomerSessionId:str "
    "journeyCustomerSessionIdType:str mediaBridgeId:str mediaCount:int messageType:str "
    "monitoredParticipantId:str outboundCampaignId:str outboundContactId:str "
    "outboundContactListId:str peerId:str protocolCallId:str provider:str recording:bool "
    "remote:str remoteNameDisplayable:str removedSkillIds:strs requestedRoutings:strs roomId:str "
    "routingRing:int routingRule:str routingRuleType:str screenMonitoredUserId:str "
    "screenShareAddressSelf:str screenShareRoomId:str scriptId:str selectedAgentId:str "
    "selectedAgentRank:int sessionDnis:str sharingScreen:bool skillExpressionId:str "
    "skipEnabled:bool snippetRecording:bool timeoutSeconds:int usedRouting:str "
    "videoAddressSelf:str videoRoomId:str waitingInteractionCounts:ints",
    (
        Level(
            "agent_groups",
            "agentGroups",
            "agentGroupId:str agentGroupType:str",
            ordinal="agent_group_no",
        ),
        Level(
            "proposed_agents",
            "proposedAgents",
            "agentRank:int proposedAgentId:str",
            ordinal="proposed_agent_no",
        ),
        Level(
            "media_endpoint_stats",
            "mediaEndpointStats",
            "eventTime:time codecs:strs discardedPackets:int duplicatePackets:int "
            "invalidPackets:int maxLatencyMs:int minMos:num minRFactor:num overrunPackets:int "
            "receivedPackets:int underrunPackets:int",
            ordinal="stat_no",
        ),
        _FLOW,
        Level("metrics", "metrics", "name:str value:int emitDate:time", ordinal="metric_no"),
        _SEGMENT,
    ),
    ordinal="session_no",
)
_PARTICIPANT = Level(
    "participants",
    "participants",
    "participantId:str participantName:str purpose:str userId:str teamId:str externalContactId:str "
    "externalOrganizationId:str flaggedReason:str screenRecording:bool",
    (Level("participant_attributes", "attributes", "", kind="map"), _SESSION),
    ordinal="participant_no",
)
#: The record itself, and below it the whole tree.
CONVERSATION = Level(
    CONVERSATIONS,
    "",
    "conversationId:str conversationStart:time conversationEnd:time originatingDirection:str "
    "conversationInitiator:str customerParticipation:bool divisionIds:strs externalTag:str "
    "selfServed:bool accessAttributes:strs associatedConversationId:str conferenceStart:time "
    "consultationConversationIds:strs inactivityTimeout:time knowledgeBaseIds:strs "
    "mediaStatsMinConversationMos:num mediaStatsMinConversationRFactor:num "
    "originatingSocialMediaPublic:bool",
    (
        Level(
            "evaluations",
            "evaluations",
            "evaluationId:str evaluationStatus:str eventTime:time assigneeApplicable:bool "
            "assigneeId:str calibrationId:str contextId:str deleted:bool evaluatorId:str "
            "formId:str formName:str queueId:str released:bool rescored:bool systemSubmitted:bool "
            "userId:str oTotalCriticalScore:num oTotalScore:num",
            ordinal="evaluation_no",
        ),
        Level(
            "surveys",
            "surveys",
            "surveyId:str surveyStatus:str surveyType:str eventTime:time surveyCompletedDate:time "
            "queueId:str surveyFormContextId:str surveyFormId:str surveyFormName:str "
            "surveyPartialResponse:bool surveyPromoterScore:int userId:str oSurveyTotalScore:num",
            ordinal="survey_no",
        ),
        Level(
            "resolutions",
            "resolutions",
            "eventTime:time queueId:str userId:str nNextContactAvoided:int",
            ordinal="resolution_no",
        ),
        _PARTICIPANT,
    ),
)

#: Values that are in their tables otherwise than they came (`tables/oddities.py`).
ODDITIES: Columns = {KEY: "str", START: "time", "path": "str", "value": "str"}
#: Records that could not be read, as they came.
BROKEN: Columns = {KEY: "str", START: "time", "error": "str", RECORD: "str"}
#: Every record as it came, for those who want to keep it.
RAW: Columns = {KEY: "str", START: "time", RECORD: "str"}
#: The tables that the record itself gives, by name; `conversations` first.
TABLES: dict[str, Columns] = {
    **dict(CONVERSATION.tables()),
    "oddities": ODDITIES,
    "broken": BROKEN,
}


# The overview: one row a conversation -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the overview; its row here is its type, its computation or its definition.

    One with `metrics` needs no other code (`tables/derived.py`): a `bool` says whether the
    conversation has one of them, an `int` is their sum, or `default` where it has none.
    """

    name: str
    type: Type
    definition: str
    metrics: tuple[str, ...] = ()
    default: int | None = None


def _sum(name: str, *metrics: str) -> Column:
    # Metrics that count begin with n, times with t: nothing was counted, but a time is not known.
    default = 0 if metrics[0].startswith("n") else None
    added = " + ".join(f"`{metric}`" for metric in metrics)
    without = "null" if default is None else default
    return Column(name, "int", f"the sum of {added}; {without} without one", metrics, default)


OVERVIEW = "conversation_overview"
OVERVIEW_COLUMNS = (
    Column(KEY, "str", "the key"),
    Column(START, "time", "as in `conversations`"),
    Column("conversation_end", "time", "as in `conversations`; null while it is open"),
    Column("duration_ms", "int", "from start to end; null while it is open"),
    Column("direction", "str", "`conversations.originating_direction`: how it began"),
    Column(
        "media_type",
        "str",
        "of the first session that has one, in the order in which participants joined",
    ),
    Column("media_types", "strs", "of all sessions, each once, in that order: a callback has two"),
    Column(
        "first_queue_id",
        "str",
        "the queue of the segment that began first, among those of `acd` and `agent` participants "
        "that name one; a customer's segments are left out, since they name the last queue from "
        "the first second on (docs/api.md, 5.1)",
    ),
    Column(
        "first_queue",
        "str",
        "its name, as it was when the conversation was fetched; null with `--no-names`",
    ),
    Column("last_queue_id", "str", "the same of the segment that began last"),
    Column("last_queue", "str", "its name"),
    _sum("offered", "nOffered"),
    Column("answered", "bool", "whether there is a `tAnswered`", ("tAnswered",)),
    Column(
        "abandoned",
        "bool",
        "whether there is a `tAbandon`; one visit to a queue can be abandoned and another answered",
        ("tAbandon",),
    ),
    Column(
        "flowed_out",
        "bool",
        "whether there is a `tFlowOut`; mostly a visit to a queue that ended in a flow, a "
        "voicemail or a callback",
        ("tFlowOut",),
    ),
    _sum("transfers", "nTransferred"),
    _sum("blind_transfers", "nBlindTransferred"),
    _sum("consult_transfers", "nConsultTransferred"),
    _sum("wait_ms", "tAnswered", "tAbandon", "tFlowOut"),
    _sum("ivr_ms", "tIvr"),
    _sum("talk_ms", "tTalkComplete"),
    _sum("hold_ms", "tHeldComplete"),
    _sum("acw_ms", "tAcw"),
    _sum("handle_ms", "tHandle"),
    Column("agent_count", "int", "how many agents"),
    Column(
        "agent_ids",
        "strs",
        "the users of `agent` and `user` participants with an `interact` segment, each once, in "
        "the order in which they began; who was alerted and did not answer is not among them",
    ),
    Column("agents", "strs", "their names, in the same order; null for one without a name"),
    Column("wrap_up_code", "str", "of the segment with one that began last"),
    Column("wrap_up", "str", "its name"),
)
