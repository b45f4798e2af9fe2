"""Filters evaluated for real: arrays are ANDed, an element of `segmentFilters` is met by one segment (docs/api.md, 1.3).

Most dimensions are compared with the rendered record. A handful can be answered from the skeleton, which is what makes counting
large organisations cheap; both ways give the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lastpage_sandbox.replies import bad_request, invalid_value

Json = dict[str, Any]
KEYS = ("conversationFilters", "segmentFilters", "evaluationFilters", "surveyFilters", "resolutionFilters")
OPERATORS = ("matches", "exists", "notExists")
CONVERSATION = frozenset(
    {
        "accessAttribute", "conversationEnd", "conversationId", "conversationInitiator", "conversationStart",
        "customerParticipation", "divisionId", "externalTag", "mediaStatsMinConversationMos", "originatingDirection",
        "originatingSocialMediaPublic",
    }
)  # fmt: skip
#: Dimensions whose field has another name, or is a list.
FIELDS = {
    "divisionId": "divisionIds",
    "accessAttribute": "accessAttributes",
    "requestedRoutingSkillId": "requestedRoutingSkillIds",
}


def checked(body: Json) -> Json:
    """The filter arrays of a body, or a 400."""
    arrays: Json = {}
    for key in KEYS:
        array = body.get(key)
        if array is None:
            continue
        if not isinstance(array, list):
            raise bad_request("The request could not be understood by the server due to malformed syntax.")
        for item in array:
            _check(key, item)
        if array:
            arrays[key] = array
    return arrays


def has_predicate(arrays: Json) -> bool:
    """What lifts the 7-day rule: a filter without predicates does not (2)."""
    return any(True for array in arrays.values() for item in array for _ in _predicates(item))


def matches(arrays: Json, record: Json, inside: Callable[[Json], bool]) -> bool:
    """Whether a rendered record meets every element; `inside` says which segments a filter may see."""
    for key, array in arrays.items():
        candidates = list(_candidates(key, record, inside))
        for item in array:
            if not any(_meets(item, facts) for facts in candidates):
                return False
    return True


def _candidates(key: str, record: Json, inside: Callable[[Json], bool]) -> Iterator[Json]:
    if key == "conversationFilters":
        yield record
    elif key == "segmentFilters":
        for participant in record.get("participants", ()):
            for session in participant.get("sessions", ()):
                for segment in session.get("segments", ()):
                    if inside(segment):
                        yield {**participant, **session, **segment}
    else:
        yield from record.get(key.removesuffix("Filters") + "s", ())


def _check(key: str, item: Any) -> None:
    if not isinstance(item, dict):
        raise bad_request("The request could not be understood by the server due to malformed syntax.")
    if item.get("type") not in ("and", "or"):
        raise invalid_value(item.get("type"), "QueryFilterType", ("and", "or"))
    for clause in item.get("clauses") or ():
        if clause.get("type") not in ("and", "or"):
            raise invalid_value(clause.get("type"), "QueryClauseType", ("and", "or"))
    for predicate in _predicates(item):
        if predicate.get("operator", "matches") not in OPERATORS:
            raise invalid_value(predicate.get("operator"), "QueryOperator", OPERATORS)
        dimension = predicate.get("dimension")
        if key == "conversationFilters" and dimension is not None and dimension not in CONVERSATION:
            raise invalid_value(dimension, "ConversationDetailQueryDimension", CONVERSATION)


def _predicates(item: Json) -> Iterator[Json]:
    yield from item.get("predicates") or ()
    for clause in item.get("clauses") or ():
        yield from clause.get("predicates") or ()


def _meets(item: Json, facts: Json) -> bool:
    parts = [_holds(predicate, facts) for predicate in item.get("predicates") or ()]
    parts += [_meets(clause, facts) for clause in item.get("clauses") or ()]
    return (all if item["type"] == "and" else any)(parts) if parts else True


def _holds(predicate: Json, facts: Json) -> bool:
    operator = predicate.get("operator", "matches")
    values = list(_values(predicate, facts))
    if operator == "exists":
        return bool(values)
    if operator == "notExists":
        return not values
    if limits := predicate.get("range"):
        return any(isinstance(value, int | float) and _within(value, limits) for value in values)
    wanted = str(predicate.get("value", "")).lower()
    return any(str(value).lower() in (wanted, f"tel:{wanted}", f"sip:{wanted}") for value in values)


def _values(predicate: Json, facts: Json) -> Iterator[Any]:
    if name := predicate.get("metric"):
        yield from (metric["value"] for metric in facts.get("metrics", ()) if metric["name"] == name)
        if name in facts:
            yield facts[name]
        return
    if name := predicate.get("property"):
        yield from (each["value"] for each in facts.get("properties", ()) if each["property"] == name)
        return
    dimension = str(predicate.get("dimension"))
    value = facts.get(FIELDS.get(dimension, dimension))
    if isinstance(value, list):
        yield from value
    elif value is not None:
        yield "true" if value is True else "false" if value is False else value


def _within(value: float, limits: Json) -> bool:
    return all(
        test(value, limits[name])
        for name, test in (
            ("gt", float.__gt__), ("gte", float.__ge__), ("lt", float.__lt__), ("lte", float.__le__),
        )
        if limits.get(name) is not None and (value := float(value)) is not None
    )  # fmt: skip
