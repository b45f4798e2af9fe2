"""Every level of a conversation as a table: one description, from which the parser's schema and the tables' follow.

Fields and their types are the API's (docs/api.md, 1.9); columns are the same names in snake_case. A child's key is its parent's key
and its ordinal in the parent's list, from 0: times, names and values repeat (two segments can begin in one millisecond), ordinals
do not. Numbers the API calls `number` are doubles; `integer` is read as a double first, since a parser asked for an integer would
read 4.25 as 4 without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import pyarrow as pa

KEY = "conversation_id"

Kind = Literal["list", "one", "map"]
TYPES: dict[str, pa.DataType] = {
    "str": pa.string(),
    "time": pa.timestamp("ms", tz="UTC"),
    "start": pa.timestamp("ms", tz="UTC"),
    "bool": pa.bool_(),
    "int": pa.int64(),
    "num": pa.float64(),
    "strs": pa.list_(pa.string()),
    "ints": pa.list_(pa.int64()),
}
#: How the parser reads what has to be checked before it is an integer, or a start that says which day a record belongs to.
PARSED = TYPES | {"start": pa.string(), "int": pa.float64(), "ints": pa.list_(pa.float64())}


@dataclass(frozen=True)
class Level:
    """A kind of object in the record's tree, and the table it becomes."""

    table: str
    #: Its name in the parent object; empty for the conversation itself.
    name: str
    #: `field:type` pairs, the API's names.
    text: str
    children: tuple[Level, ...] = ()
    kind: Kind = "list"
    #: The column that counts it within its parent; none for what comes once.
    ordinal: str = ""
    fields: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        pairs = (pair.split(":") for pair in self.text.split())
        object.__setattr__(self, "fields", dict(pairs))

    @cached_property
    def parsed(self) -> pa.StructType:
        """The Arrow type the parser reads an object of this level into."""
        own = [pa.field(name, PARSED[kind]) for name, kind in self.fields.items()]
        return pa.struct(own + [pa.field(child.name, child.arriving) for child in self.children])

    @cached_property
    def columns(self) -> dict[str, str]:
        """The column of each field."""
        return {name: column(name) for name in self.fields}

    @property
    def arriving(self) -> pa.DataType:
        """The Arrow type under this level's name in its parent."""
        if self.kind == "map":
            return pa.map_(pa.string(), pa.string())
        return self.parsed if self.kind == "one" else pa.list_(self.parsed)

    def tables(self, keys: tuple[str, ...] = ()) -> Iterator[tuple[str, pa.Schema]]:
        """This table and those below it, with the keys they inherit."""
        mine = (*keys, self.ordinal) if self.ordinal else keys
        columns = [pa.field(key, pa.string() if key == "conversation_id" else pa.int32()) for key in mine]
        if self.kind == "map":
            columns += [pa.field("name", pa.string()), pa.field("value", pa.string())]
        own = [pa.field(column(name), TYPES[kind]) for name, kind in self.fields.items()]
        yield self.table, pa.schema(columns + own)
        for child in self.children:
            yield from child.tables(mine or ("conversation_id",))


def column(name: str) -> str:
    """`mediaStatsMinConversationMos` becomes `media_stats_min_conversation_mos`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


_SEGMENT = Level(
    "segments",
    "segments",
    "segmentStart:time segmentEnd:time segmentType:str audioMuted:bool conference:bool destinationConversationId:str "
    "destinationSessionId:str disconnectType:str errorCode:str groupId:str q850ResponseCodes:ints queueId:str "
    "requestedLanguageId:str requestedRoutingSkillIds:strs requestedRoutingUserIds:strs sipResponseCodes:ints "
    "sourceConversationId:str sourceSessionId:str subject:str videoMuted:bool wrapUpCode:str wrapUpNote:str wrapUpTags:strs",
    (
        Level("scored_agents", "scoredAgents", "agentScore:int scoredAgentId:str", ordinal="scored_agent_no"),
        Level("segment_properties", "properties", "property:str propertyType:str value:str", ordinal="property_no"),
    ),
    ordinal="segment_no",
)
_FLOW = Level(
    "flows",
    "flow",
    "endingLanguage:str entryReason:str entryType:str exitReason:str flowId:str flowName:str flowType:str flowVersion:str "
    "issuedCallback:bool recognitionFailureReason:str startingLanguage:str transferTargetAddress:str transferTargetName:str "
    "transferType:str",
    (
        Level(
            "flow_outcomes",
            "outcomes",
            "flowOutcome:str flowOutcomeEndTimestamp:time flowOutcomeId:str flowOutcomeStartTimestamp:time flowOutcomeValue:str",
            ordinal="outcome_no",
        ),
    ),
    kind="one",
)
_SESSION = Level(
    "sessions",
    "sessions",
    "sessionId:str mediaType:str direction:str activeSkillIds:strs acwSkipped:bool addressFrom:str addressOther:str "
    "addressSelf:str addressTo:str agentAssistantId:str agentBullseyeRing:int agentOwned:bool ani:str assignerId:str "
    "authenticated:bool bargedParticipantId:str bcc:strs callbackNumbers:strs callbackScheduledTime:time callbackUserName:str "
    "cc:strs cleared:bool coachedParticipantId:str cobrowseRole:str cobrowseRoomId:str deliveryPushed:bool deliveryStatus:str "
    "deliveryStatusChangeDate:time destinationAddresses:strs detectedSpeechEnd:time detectedSpeechStart:time "
    "dispositionAnalyzer:str dispositionName:str dnis:str edgeId:str eligibleAgentCounts:ints engagementSource:str "
    "errorCodeDescription:str extendedDeliveryStatus:str flowInType:str flowOutType:str journeyActionId:str "
    "journeyActionMapId:str journeyActionMapVersion:int journeyCustomerId:str journeyCustomerIdType:str "
    "journeyCustomerSessionId:str journeyCustomerSessionIdType:str mediaBridgeId:str mediaCount:int messageType:str "
    "monitoredParticipantId:str outboundCampaignId:str outboundContactId:str outboundContactListId:str peerId:str "
    "protocolCallId:str provider:str recording:bool remote:str remoteNameDisplayable:str removedSkillIds:strs "
    "requestedRoutings:strs roomId:str routingRing:int routingRule:str routingRuleType:str screenMonitoredUserId:str "
    "screenShareAddressSelf:str screenShareRoomId:str scriptId:str selectedAgentId:str selectedAgentRank:int sessionDnis:str "
    "sharingScreen:bool skillExpressionId:str skipEnabled:bool snippetRecording:bool timeoutSeconds:int usedRouting:str "
    "videoAddressSelf:str videoRoomId:str waitingInteractionCounts:ints",
    (
        Level("agent_groups", "agentGroups", "agentGroupId:str agentGroupType:str", ordinal="agent_group_no"),
        Level("proposed_agents", "proposedAgents", "agentRank:int proposedAgentId:str", ordinal="proposed_agent_no"),
        Level(
            "media_endpoint_stats",
            "mediaEndpointStats",
            "eventTime:time codecs:strs discardedPackets:int duplicatePackets:int invalidPackets:int maxLatencyMs:int minMos:num "
            "minRFactor:num overrunPackets:int receivedPackets:int underrunPackets:int",
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
    "participantId:str participantName:str purpose:str userId:str teamId:str externalContactId:str externalOrganizationId:str "
    "flaggedReason:str screenRecording:bool",
    (Level("participant_attributes", "attributes", "", kind="map"), _SESSION),
    ordinal="participant_no",
)
CONVERSATION = Level(
    "conversations",
    "",
    "conversationId:str conversationStart:start conversationEnd:time originatingDirection:str conversationInitiator:str "
    "customerParticipation:bool divisionIds:strs externalTag:str selfServed:bool accessAttributes:strs "
    "associatedConversationId:str conferenceStart:time consultationConversationIds:strs inactivityTimeout:time "
    "knowledgeBaseIds:strs mediaStatsMinConversationMos:num mediaStatsMinConversationRFactor:num "
    "originatingSocialMediaPublic:bool",
    (
        Level(
            "evaluations",
            "evaluations",
            "evaluationId:str evaluationStatus:str eventTime:time assigneeApplicable:bool assigneeId:str calibrationId:str "
            "contextId:str deleted:bool evaluatorId:str formId:str formName:str queueId:str released:bool rescored:bool "
            "systemSubmitted:bool userId:str oTotalCriticalScore:num oTotalScore:num",
            ordinal="evaluation_no",
        ),
        Level(
            "surveys",
            "surveys",
            "surveyId:str surveyStatus:str surveyType:str eventTime:time surveyCompletedDate:time queueId:str "
            "surveyFormContextId:str surveyFormId:str surveyFormName:str surveyPartialResponse:bool surveyPromoterScore:int "
            "userId:str oSurveyTotalScore:num",
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
_RECORD = [("conversation_id", pa.string()), ("conversation_start", TYPES["time"])]
#: Records that could not be read, as they came.
BROKEN = pa.schema([*_RECORD, ("error", pa.string()), ("record", pa.string())])
#: Every record as it came, for those who want to keep it.
RAW = pa.schema([*_RECORD, ("record", pa.string())])
#: Every table by name, `conversations` first.
TABLES: dict[str, pa.Schema] = {**dict(CONVERSATION.tables()), "broken": BROKEN}
