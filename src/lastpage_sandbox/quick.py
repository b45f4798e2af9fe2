"""Filters that a skeleton can answer, which is what makes counting large organisations cheap: they
never render.

Medium, direction, division, whether it ended: by these the plan of a large extraction is counted.
What is answered here is what the rendered record would answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lastpage_sandbox.filters import Filters
from lastpage_sandbox.record import name_id
from lastpage_sandbox.skeleton import Skeleton

Json = dict[str, Any]
#: Whether a skeleton meets it, as it stands at a moment.
Test = Callable[[Skeleton, int], bool]


def quick(filters: Filters, seed: int, *, whole: bool) -> Test | None:
    """One test for all, or None where a record has to be looked at; `whole`: segments outside the
    interval count, too.
    """
    tests = [
        _element(key, item, seed, whole=whole)
        for key, array in filters.arrays.items()
        for item in array
    ]
    known = [test for test in tests if test is not None]
    if len(known) < len(tests):
        return None
    return lambda skeleton, at_ms: all(test(skeleton, at_ms) for test in known)


def _element(key: str, item: Json, seed: int, *, whole: bool) -> Test | None:
    predicates = item.get("predicates") or []
    # Two predicates about one segment need that segment; two about one conversation do not.
    if (
        item.get("clauses")
        or not predicates
        or (key != "conversationFilters" and item["type"] == "and" and predicates[1:])
    ):
        return None
    tests = [_one(key, predicate, seed, whole=whole) for predicate in predicates]
    known = [test for test in tests if test is not None]
    if len(known) < len(tests):
        return None
    junction = all if item["type"] == "and" else any
    return lambda skeleton, at_ms: junction(test(skeleton, at_ms) for test in known)


def _one(key: str, predicate: Json, seed: int, *, whole: bool) -> Test | None:
    operator, wanted = predicate.get("operator") or "matches", str(predicate.get("value")).lower()
    if predicate.get("range"):
        return None
    match key, predicate.get("dimension"), operator:
        case "segmentFilters", "mediaType", "matches" if whole:
            return lambda skeleton, at_ms: skeleton.has_media(wanted, at_ms)
        case "conversationFilters", "originatingDirection", "matches":
            return lambda skeleton, _: skeleton.direction == wanted
        case "conversationFilters", "originatingDirection", _:
            return lambda skeleton, _: (skeleton.direction is not None) == (operator == "exists")
        case "conversationFilters", "conversationEnd", "exists" | "notExists":
            return lambda skeleton, at_ms: (
                (skeleton.ended_at(at_ms) is not None) == (operator == "exists")
            )
        case "conversationFilters", "divisionId", "matches":
            return lambda skeleton, _: name_id(seed, "division", skeleton.division) == wanted
        case "conversationFilters", "conversationId", "matches":
            return lambda skeleton, _: skeleton.id == wanted
        case _:
            return None
