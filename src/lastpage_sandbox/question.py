"""The body of an aggregates query, checked (docs/api.md, 1.6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from lastpage_sandbox.asking import check_keys, flag, interval_ms, positive
from lastpage_sandbox.buckets import Buckets, zone_of
from lastpage_sandbox.filters import check_operand, check_tree, is_range, member, predicates, values
from lastpage_sandbox.models import members, models
from lastpage_sandbox.moments import DAY_MS
from lastpage_sandbox.replies import bad_request, invalid_value, plain
from lastpage_sandbox.settings import Settings
from lastpage_sandbox.vocabulary import OPERATORS

Json = dict[str, Any]
Group = tuple[tuple[str, str], ...]
QUERY = "ConversationAggregationQuery"
KEYS = set(models()[QUERY].fields)
DIMENSIONS = members("ConversationAggregateQueryPredicate", "dimension")
METRICS = members("ConversationAggregationView", "target")
SORTED_BY = members("ConversationAggregationSort", "name")
FUNCTIONS = members("ConversationAggregationSort", "function")
#: No maximum is known; this keeps a slip from drawing centuries.
DAYS_MAX = 366
#: Groups of topN and bottomN, if none are said: a guess.
LIMIT_DEFAULT = 10


@dataclass(frozen=True, slots=True)
class Top:
    """The few groups with the most, or the least, of a metric."""

    metric: str
    function: str
    limit: int
    most: bool


@dataclass(frozen=True, slots=True)
class Question:
    """A body, checked."""

    buckets: Buckets
    metrics: tuple[str, ...]
    group_by: tuple[str, ...]
    filter: Json
    views: tuple[Json, ...]
    flat: bool
    top: Top | None

    @classmethod
    def of(cls, body: Json, settings: Settings) -> Question:
        check_keys(body, KEYS, settings)
        interval = interval_ms(body)
        if interval[1] - interval[0] > DAYS_MAX * DAY_MS:
            raise bad_request(f"The interval may not have more than {DAYS_MAX} days.")
        metrics = _names(body, "metrics", METRICS, "ConversationAggregateMetric")
        if not metrics:
            raise bad_request("metrics names at least one metric.")
        member(
            body,
            "alternateTimeDimension",
            "AlternateTimeDimension",
            members(QUERY, "alternateTimeDimension"),
        )
        zone = zone_of(_text(body, "timeZone") or "UTC")
        return cls(
            Buckets(interval, _text(body, "granularity"), zone),
            metrics,
            _names(body, "groupBy", DIMENSIONS, "ConversationAggregateDimension"),
            _filter(body),
            _views(body),
            flag(body, "flattenMultivaluedDimensions"),
            _top(body),
        )

    def groups(self, facts: Json) -> Iterator[Group]:
        """The groups that a session belongs to: several, where a dimension has several values."""
        found = [(name, [str(value) for value in values(name, facts)]) for name in self.group_by]
        present = [
            (name, [",".join(sorted(each))] if self.flat else each) for name, each in found if each
        ]
        names = [name for name, _ in present]
        for combination in product(*(each for _, each in present)):
            yield tuple(zip(names, combination, strict=True))


def _text(body: Json, name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise plain(400)
    return value


def _names(body: Json, name: str, known: frozenset[str], kind: str) -> tuple[str, ...]:
    """A list of members of an enumeration, each once."""
    named = body.get(name)
    if named is None:
        return ()
    if not isinstance(named, list):
        raise plain(400)
    for each in named:
        if not isinstance(each, str) or each not in known:
            raise invalid_value(each, kind, known)
    return tuple(dict.fromkeys(named))


def _filter(body: Json) -> Json:
    """The filter; one that everything meets if there is none."""
    item = body.get("filter")
    if item is None:
        return {"type": "and"}
    check_tree(item)
    for predicate in predicates(item):
        member(
            predicate,
            "type",
            "ConversationAggregatePredicateType",
            ("dimension", "property", "metric"),
        )
        member(predicate, "operator", "QueryOperator", OPERATORS)
        if predicate.get("dimension") is None:
            raise bad_request("A predicate names a dimension.")
        member(predicate, "dimension", "ConversationAggregateDimension", DIMENSIONS)
        check_operand(predicate)
    made: Json = item
    return made


def _views(body: Json) -> tuple[Json, ...]:
    """Counts of what lies in a range of a metric's values."""
    views = body.get("views") or []
    if not isinstance(views, list) or not all(isinstance(view, dict) for view in views):
        raise plain(400)
    for view in views:
        if (
            not isinstance(view.get("name"), str)
            or view.get("target") is None
            or view.get("function") is None
        ):
            raise bad_request("A view has a target, a name and a function.")
        member(view, "target", "ConversationAggregateMetric", METRICS)
        member(view, "function", "ViewFunction", members("ConversationAggregationView", "function"))
        if not is_range(view.get("range"), ("gte", "lt")):
            raise bad_request("rangeBound needs a range with numbers for gte, lt or both.")
    return tuple(views)


def _top(body: Json) -> Top | None:
    """What topN and bottomN are about; they need a metric to sort by."""
    kind, sort = body.get("queryType"), body.get("sortMetric")
    member(body, "queryType", "QueryType", members(QUERY, "queryType"))
    if sort is not None and (not isinstance(sort, dict) or sort.get("name") is None):
        raise plain(400)
    if sort is not None:
        member(sort, "name", "ConversationAggregateMetric", SORTED_BY)
        member(sort, "function", "SortFunction", FUNCTIONS)
    if body.get("limit") is not None and not positive(body["limit"]):
        raise bad_request("limit must be at least 1.")
    if kind in (None, "groupBy"):
        return None
    if sort is None:
        raise bad_request(f"{kind} needs a sortMetric.")
    function = sort.get("function") or ("count" if sort["name"].startswith("n") else "sum")
    return Top(sort["name"], function, body.get("limit") or LIMIT_DEFAULT, kind == "topN")
