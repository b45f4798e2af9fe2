"""The members of the query's enumerations, and dimensions that the record spells otherwise (docs/api.md, 1.3)."""

from __future__ import annotations

ORDERS = ("asc", "desc", "unordered")
ORDER_BY = ("conversationStart", "conversationEnd", "segmentStart", "segmentEnd")
JUNCTIONS = ("and", "or")
OPERATORS = ("matches", "exists", "notExists")
PREDICATES = ("dimension", "property", "metric")
PROPERTIES = ("bool", "integer", "real", "date", "string", "uuid")
AGGREGATIONS = ("termFrequency", "numericRange")


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Dimensions of conversationFilters.
CONVERSATION = _names(
    "accessAttribute conversationEnd conversationId conversationInitiator conversationStart customerParticipation "
    "divisionId externalTag mediaStatsMinConversationMos originatingDirection originatingSocialMediaPublic"
)
#: Dimensions of segmentFilters.
SEGMENT = _names(
    "addressFrom addressTo agentAssistantId agentOwned ani authenticated bargedParticipantId callbackNumber "
    "callbackScheduledTime canonicalExternalContactId cleared coachedParticipantId conference deliveryPushed "
    "deliveryStatus destinationAddress destinationConversationId detectedSpeechEnd detectedSpeechStart direction "
    "disconnectType dnis edgeId engagementSource errorCode exitReason extendedDeliveryStatus externalContactId "
    "externalOrganizationId flaggedReason flowId flowName flowOutType flowOutcome flowOutcomeId flowOutcomeValue "
    "flowVersion groupId journeyActionId journeyActionMapId journeyCustomerId journeyCustomerIdType "
    "journeyCustomerSessionId mediaCount mediaType messageType monitoredParticipantId outboundCampaignId "
    "outboundContactId outboundContactListId participantName protocolCallId provider purpose queueId recording "
    "remote remoteNameDisplayable requestedLanguageId requestedRouting requestedRoutingSkillId scoredAgentId "
    "screenMonitoredUserId screenRecording scriptId segmentEnd segmentType sessionDnis sipResponseCode "
    "skillExpressionId snippetRecording subject teamId transferTargetAddress transferTargetName transferType "
    "usedRouting userId wrapUpCode wrapUpNote"
)
#: Dimensions of evaluationFilters.
EVALUATION = _names(
    "assigneeApplicable assigneeId calibrationId contextId deleted evaluationId evaluationStatus evaluatorId "
    "eventTime formId formName queueId released rescored systemSubmitted userId"
)
#: Dimensions of surveyFilters.
SURVEY = _names(
    "eventTime queueId surveyCompletedDate surveyFormContextId surveyFormId surveyId surveyPartialResponse "
    "surveyPromoterScore surveyStatus surveyType userId"
)
#: Metrics of conversationFilters.
METRICS = _names(
    "nAgentDeclined nAlertExpired nBlindTransferred nBotInteractions nCallbackAttempts nCallbackOverSla "
    "nCallbackScheduled nCfcOffered nCobrowseSessions nConnected nConsult nConsultTransferred nConversations "
    "nError nFlow nFlowMilestone nFlowOutcome nFlowOutcomeFailed nOffered nOutbound nOutboundAbandoned "
    "nOutboundAttempted nOutboundConnected nOverSla nStateTransitionError nTakeover nTransferred "
    "oAudioMessageCount oExternalAudioMessageCount oExternalMediaCount oFlowMilestone oMediaCount oMessageCount "
    "oMessageSegmentCount oMessageTurn oSkillExpressionApplications tAbandon tAcd tActiveCallback "
    "tActiveCallbackComplete tAcw tAgentResponseTime tAgentVideoConnected tAlert tAnswered "
    "tAverageAgentResponseTime tAverageCustomerResponseTime tBarging tCallbackAbandon tCallbackConnect "
    "tCallbackNotReached tCallbackVirtualWait tCfcAbandon tCfcAcd tCfcAnswered tCfcFlowOut tCoaching "
    "tCoachingComplete tConnected tContacting tConversationDuration tDialing tFirstConnect tFirstDial "
    "tFirstEngagement tFirstResponse tFlow tFlowDisconnect tFlowExit tFlowOut tFlowOutcome tHandle tHeld "
    "tHeldComplete tIvr tMonitoring tMonitoringComplete tNotResponding tPark tParkComplete tScreenMonitoring "
    "tShortAbandon tSnippetRecord tTalk tTalkComplete tTransmitting tUserResponseTime tVoicemail"
)

#: For each filter array: the name of its kind in errors, its dimensions, its metrics.
KINDS = {
    "conversationFilters": ("Conversation", CONVERSATION, METRICS),
    "segmentFilters": ("Segment", SEGMENT, frozenset({"tSegmentDuration"})),
    "evaluationFilters": ("Evaluation", EVALUATION, frozenset({"oTotalCriticalScore", "oTotalScore"})),
    "surveyFilters": ("Survey", SURVEY, frozenset({"oSurveyTotalScore"})),
    "resolutionFilters": ("Resolution", frozenset(), frozenset({"nNextContactAvoided"})),
}
#: Dimensions whose field has another name, because it is a list.
FIELDS = {
    "accessAttribute": "accessAttributes",
    "callbackNumber": "callbackNumbers",
    "destinationAddress": "destinationAddresses",
    "divisionId": "divisionIds",
    "requestedRouting": "requestedRoutings",
    "requestedRoutingSkillId": "requestedRoutingSkillIds",
    "sipResponseCode": "sipResponseCodes",
}
