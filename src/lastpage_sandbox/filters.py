"""Filters evaluated for real: arrays are ANDed, an element of `segmentFilters` is met by one
segment (docs/api.md, 1.3).

Everything here is compared with the rendered record; `quick.py` answers what a skeleton can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from lastpage_sandbox.moments import read
from lastpage_sandbox.replies import bad_request, invalid_value, plain
from lastpage_sandbox.vocabulary import FIELDS, JUNCTIONS, KINDS, OPERATORS, PREDICATES, PROPERTIES

Json = dict[str, Any]
RANGE = ("gt", "gte", "lt", "lte")
#: Dimensions that a job compares by part (3.3).
PARTIAL = ("addressFrom", "addressTo")


@dataclass(frozen=True, slots=True)
class Filters:
    """The filter arrays of a body, checked; equal where their text is equal."""

    text: bytes
    arrays: dict[str, list[Json]] = field(compare=False)

    @classmethod
    def of(cls, body: Json) -> Filters:
        """Read from a body, or a 400."""
        arrays = {}
        for key in KINDS:
            array = body.get(key)
            if array is None:
                continue
            if not isinstance(array, list):
                raise plain(400)
            for item in array:
                _check(key, item)
            if array:
                arrays[key] = array
        return cls(msgspec.json.encode(arrays), arrays)

    def __bool__(self) -> bool:
        return bool(self.arrays)

    @property
    def has_predicate(self) -> bool:
        """What lifts the 7-day rule: a filter without predicates does not (2)."""
        return any(
            True for array in self.arrays.values() for item in array for _ in predicates(item)
        )

    def match(self, record: Json, inside: Callable[[Json], bool], *, partial: bool) -> bool:
        """Whether a record meets every element; `inside` says which segments are seen, `partial` is
        how jobs compare.
        """
        for key, array in self.arrays.items():
            candidates = list(_candidates(key, record, inside))
            for item in array:
                if not any(meets(item, facts, partial) for facts in candidates):
                    return False
        return True


def predicates(item: Json) -> Iterator[Json]:
    """Those of an element and of its clauses."""
    yield from item.get("predicates") or ()
    for clause in item.get("clauses") or ():
        yield from clause.get("predicates") or ()


def segments(record: Json) -> Iterator[Json]:
    """Every segment with all that is true of its flow, session and participant."""
    for participant in record.get("participants", ()):
        for session in participant.get("sessions", ()):
            flow = session.get("flow", {})
            for segment in session.get("segments", ()):
                yield {**participant, **flow, **session, **segment}


def values(dimension: str, facts: Json) -> Iterator[Any]:
    """What an object has of a dimension, none or several."""
    if dimension.startswith("flowOutcome") and "outcomes" in facts:
        yield from (outcome[dimension] for outcome in facts["outcomes"])
        return
    value = facts.get(FIELDS.get(dimension, dimension))
    if isinstance(value, list):
        yield from value
    elif value is not None:
        yield str(value).lower() if isinstance(value, bool) else value


def measures(metric: str, facts: Json) -> Iterator[float]:
    """The values of a metric: of every emission, where it is one that sessions emit."""
    if metric == "tSegmentDuration" and "segmentEnd" in facts:
        yield read(facts["segmentEnd"]) - read(facts["segmentStart"])
    elif metric == "tConversationDuration" and "conversationEnd" in facts:
        yield read(facts["conversationEnd"]) - read(facts["conversationStart"])
    elif metric in facts:
        yield facts[metric]
    for participant in facts.get("participants", ()):
        for session in participant["sessions"]:
            yield from (
                each["value"] for each in session.get("metrics", ()) if each["name"] == metric
            )


def within(value: float, limits: Json) -> bool:
    """Whether a number lies in a NumericRange."""
    return not (
        ("gt" in limits and not value > limits["gt"])
        or ("gte" in limits and not value >= limits["gte"])
        or ("lt" in limits and not value < limits["lt"])
        or ("lte" in limits and not value <= limits["lte"])
    )


def _candidates(key: str, record: Json, inside: Callable[[Json], bool]) -> Iterator[Json]:
    if key == "conversationFilters":
        yield record
    elif key == "segmentFilters":
        yield from (segment for segment in segments(record) if inside(segment))
    else:
        # Without any there is one that has nothing, so that `notExists` can hold.
        yield from record.get(key.removesuffix("Filters") + "s") or ({},)


def meets(item: Json, facts: Json, partial: bool = False) -> bool:
    """Whether an object meets a filter or a clause."""
    parts = [_holds(predicate, facts, partial) for predicate in item.get("predicates") or ()]
    parts += [meets(clause, facts, partial) for clause in item.get("clauses") or ()]
    return (all if item["type"] == "and" else any)(parts) if parts else True


def _holds(predicate: Json, facts: Json, partial: bool) -> bool:
    operator = predicate.get("operator") or "matches"
    found = list(_found(predicate, facts))
    if operator != "matches":
        return bool(found) == (operator == "exists")
    if limits := predicate.get("range"):
        return any(isinstance(value, int | float) and within(value, limits) for value in found)
    wanted = str(predicate.get("value")).lower()
    if partial and predicate.get("dimension") in PARTIAL and facts.get("mediaType") == "email":
        return any(wanted in str(value).lower() for value in found)
    return any(str(value).lower() in (wanted, f"tel:{wanted}", f"sip:{wanted}") for value in found)


def _found(predicate: Json, facts: Json) -> Iterator[Any]:
    if name := predicate.get("metric"):
        return measures(name, facts)
    if name := predicate.get("property"):
        return (
            each["value"]
            for each in facts.get("properties", ())
            if each["property"] == name
            and each["propertyType"] == predicate.get("propertyType", each["propertyType"])
        )
    return values(predicate["dimension"], facts)


def check_tree(item: Any) -> None:
    """Refuse what is no filter of clauses and predicates."""
    if not isinstance(item, dict):
        raise plain(400)
    _junction(item, "QueryFilterType")
    for clause in _list(item, "clauses"):
        _junction(clause, "QueryClauseType")
        _list(clause, "predicates")
    _list(item, "predicates")


def _check(key: str, item: Any) -> None:
    check_tree(item)
    for predicate in predicates(item):
        _check_predicate(key, predicate)


def _junction(item: Json, kind: str) -> None:
    if item.get("type") not in JUNCTIONS:
        raise invalid_value(item.get("type"), kind, JUNCTIONS)


def _list(item: Json, name: str) -> list[Json]:
    found = [] if item.get(name) is None else item[name]
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise plain(400)
    return found


def _check_predicate(key: str, predicate: Json) -> None:
    kind, dimensions, metrics = KINDS[key]
    named = [name for name in PREDICATES if predicate.get(name) is not None]
    if len(named) != 1 or predicate.get("type") not in (None, *named):
        raise bad_request(
            "A predicate is about one dimension, metric or property, and of that type."
        )
    member(predicate, "operator", "QueryOperator", OPERATORS)
    member(predicate, "dimension", f"{kind}DetailQueryDimension", dimensions)
    member(predicate, "metric", f"{kind}DetailQueryMetric", metrics)
    member(predicate, "propertyType", "QueryPropertyType", PROPERTIES)
    if named == ["property"] and key != "segmentFilters":
        raise bad_request("Only segments have properties.")
    if (predicate.get("operator") or "matches") == "matches":
        check_operand(predicate)


def check_operand(predicate: Json) -> None:
    """Refuse something to compare with that is missing or malformed."""
    limits = predicate.get("range")
    if limits is None and predicate.get("value") is None:
        raise bad_request("matches needs a value or a range.")
    if limits is not None and not is_range(limits, RANGE):
        raise bad_request("A range has numbers for some of gt, gte, lt, lte.")


def is_range(limits: Any, names: tuple[str, ...]) -> bool:
    """Whether this is a range of numbers with some of these bounds."""
    return (
        isinstance(limits, dict)
        and bool(limits)
        and set(limits) <= set(names)
        and all(
            isinstance(bound, int | float) and not isinstance(bound, bool)
            for bound in limits.values()
        )
    )


def member(holder: Json, name: str, kind: str, allowed: Any) -> None:
    """Refuse a value that is none of its enumeration."""
    value = holder.get(name)
    if value is not None and (not isinstance(value, str) or value not in allowed):
        raise invalid_value(value, kind, allowed)
