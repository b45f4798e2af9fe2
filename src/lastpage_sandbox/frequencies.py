"""Aggregations on the details query: how often a dimension has each value, how many lie in each
range (docs/api.md, 1.3).

A conversation counts once for each value and each range that it has, whatever the number of its
segments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from lastpage_sandbox.filters import is_range, measures, member, segments, values, within
from lastpage_sandbox.replies import bad_request, invalid_value, plain
from lastpage_sandbox.vocabulary import AGGREGATIONS, CONVERSATION, METRICS, SEGMENT

Json = dict[str, Any]
SIZE_DEFAULT = 10
BOUNDS = ("gte", "lt")


def checked(body: Json) -> list[Json]:
    """The aggregations of a body, or a 400."""
    asked = body.get("aggregations") or []
    if not isinstance(asked, list) or not all(isinstance(each, dict) for each in asked):
        raise plain(400)
    for each in asked:
        _check(each)
    return asked


def aggregated(asked: list[Json], records: Iterable[Json]) -> list[Json]:
    """One AggregationResult for each, in the order they were asked for."""
    counts = [Counter[Any]() for _ in asked]
    total = 0
    for record in records:
        total += 1
        for each, counter in zip(asked, counts, strict=True):
            counter.update(_keys(each, record))
    return [_result(each, counter, total) for each, counter in zip(asked, counts, strict=True)]


def _keys(asked: Json, record: Json) -> set[Any]:
    """The values of a record, or the numbers of the ranges it lies in."""
    if asked["type"] == "numericRange":
        found = list(_measured(asked, record))
        return {
            number
            for number, limits in enumerate(asked["ranges"])
            if any(within(value, limits) for value in found)
        }
    dimension = asked["dimension"]
    places: Iterable[Json] = (record,) if dimension in CONVERSATION else segments(record)
    return {str(value) for place in places for value in values(dimension, place)}


def _measured(asked: Json, record: Json) -> Iterable[float]:
    if metric := asked.get("metric"):
        return measures(metric, record)
    return (value for value in values(asked["dimension"], record) if isinstance(value, int | float))


def _result(asked: Json, counter: Counter[Any], total: int) -> Json:
    if asked["type"] == "numericRange":
        results = [
            {"count": counter[number], **limits} for number, limits in enumerate(asked["ranges"])
        ]
    else:
        ranked = sorted(counter.items(), key=lambda pair: (-pair[1], pair[0]))[
            : asked.get("size", SIZE_DEFAULT)
        ]
        results = [{"count": count, "value": value} for value, count in ranked]
    named = {name: asked[name] for name in ("type", "dimension", "metric") if asked.get(name)}
    return {**named, "count": total, "results": results}


def _check(asked: Json) -> None:
    if asked.get("type") not in AGGREGATIONS:
        raise invalid_value(asked.get("type"), "DetailQueryAggregationType", AGGREGATIONS)
    member(asked, "dimension", "DetailQueryAggregationDimension", CONVERSATION | SEGMENT)
    member(asked, "metric", "DetailQueryAggregationMetric", METRICS)
    if asked["type"] == "termFrequency":
        _check_terms(asked)
    elif asked.get("dimension") is None and asked.get("metric") is None:
        raise bad_request("numericRange needs a metric or a dimension.")
    elif not _are_ranges(asked.get("ranges")):
        raise bad_request("numericRange needs ranges, each with numbers for gte, lt or both.")


def _check_terms(asked: Json) -> None:
    size = asked.get("size", SIZE_DEFAULT)
    if asked.get("dimension") is None:
        raise bad_request("termFrequency needs a dimension.")
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise bad_request("size must be at least 1.")


def _are_ranges(ranges: Any) -> bool:
    return (
        isinstance(ranges, list) and bool(ranges) and all(is_range(each, BOUNDS) for each in ranges)
    )
