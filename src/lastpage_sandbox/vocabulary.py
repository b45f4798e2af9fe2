"""The members of the query's enumerations, and dimensions that the record spells otherwise
(docs/api.md, 1.3).
"""

from __future__ import annotations

from lastpage_sandbox.models import members

ORDERS = ("asc", "desc", "unordered")
ORDER_BY = ("conversationStart", "conversationEnd", "segmentStart", "segmentEnd")
JUNCTIONS = ("and", "or")
OPERATORS = ("matches", "exists", "notExists")
PREDICATES = ("dimension", "property", "metric")
PROPERTIES = ("bool", "integer", "real", "date", "string", "uuid")
AGGREGATIONS = ("termFrequency", "numericRange")


def _kind(name: str, *, dimensions: bool = True) -> tuple[str, frozenset[str], frozenset[str]]:
    predicate = f"{name}DetailQueryPredicate"
    return (
        name,
        members(predicate, "dimension") if dimensions else frozenset(),
        members(predicate, "metric"),
    )


#: For each filter array: the name of its kind in errors, its dimensions, its metrics.
KINDS = {
    "conversationFilters": _kind("Conversation"),
    "segmentFilters": _kind("Segment"),
    "evaluationFilters": _kind("Evaluation"),
    "surveyFilters": _kind("Survey"),
    "resolutionFilters": _kind("Resolution", dimensions=False),
}
CONVERSATION, METRICS = KINDS["conversationFilters"][1:]
SEGMENT = KINDS["segmentFilters"][1]
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
