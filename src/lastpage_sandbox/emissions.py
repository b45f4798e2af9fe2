"""What a record's sessions emitted, each with everything that can be grouped by or filtered on
(docs/api.md, 1.6, 3.6).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from lastpage_sandbox.library import Library
from lastpage_sandbox.moments import DAY_MS, read
from lastpage_sandbox.skeleton import LIFE_MS_MAX, Skeleton

Json = dict[str, Any]
#: A night's run changes records until this long after their end.
AFTERWARDS_MS = 6 * DAY_MS
SEEN_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Emitter:
    """One session: what is true of it, when it began, and its metrics as (moment, name, value)."""

    conversation: str
    facts: Json
    began_ms: int
    metrics: tuple[tuple[int, str, int], ...]


class Emissions:
    """The sessions of a world, by when they were doing something."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._kept = lru_cache(maxsize=SEEN_MAX)(self._of)

    def during(self, start_ms: int, end_ms: int, now_ms: int) -> Iterator[Emitter]:
        """Every session that may have emitted something in `[start, end)`."""
        library = self._library
        for skeleton in library.world.visible(
            start_ms - LIFE_MS_MAX - AFTERWARDS_MS, end_ms, now_ms
        ):
            if self._may_emit(skeleton, start_ms, end_ms):
                yield from self._kept(skeleton, library.epoch(skeleton, now_ms))

    def _may_emit(self, skeleton: Skeleton, start_ms: int, end_ms: int) -> bool:
        if skeleton.lives_into(start_ms, end_ms):
            return True
        return any(
            start_ms <= change for change in self._library.world.schedule.of(skeleton).changes
        )

    def _of(self, skeleton: Skeleton, at_ms: int) -> tuple[Emitter, ...]:
        record = msgspec.json.decode(self._library.rendered(skeleton, at_ms, attributes=False))
        return tuple(_emitters(record))


def _emitters(record: Json) -> Iterator[Emitter]:
    for participant in record["participants"]:
        for session in participant["sessions"]:
            segments = session.get("segments", [])
            began = min((read(segment["segmentStart"]) for segment in segments), default=None)
            if began is None:
                continue
            metrics = (
                *(
                    (read(each["emitDate"]), each["name"], each["value"])
                    for each in session.get("metrics", [])
                ),
                *_without_end(participant, session),
            )
            facts = {
                **_scalars(record),
                **_scalars(participant),
                **_scalars(session),
                **_of_any(segments),
            }
            yield Emitter(record["conversationId"], facts, began, metrics)


def _without_end(participant: Json, session: Json) -> Iterator[tuple[int, str, int]]:
    """The wait of a callback whose customer was called first: no metric ends it, and `tWait` is all
    that aggregates have of it beside the offer (docs/api.md, 5.7).
    """
    if participant["purpose"] != "acd" or session["mediaType"] != "callback":
        return
    if {each["name"] for each in session.get("metrics", [])} & {"tAcd", "tAbandon", "tFlowOut"}:
        return
    for segment in session["segments"]:
        if segment["segmentType"] == "interact" and "segmentEnd" in segment:
            began, ended = read(segment["segmentStart"]), read(segment["segmentEnd"])
            yield ended, "tWait", ended - began


def _scalars(level: Json) -> Json:
    """What is no level of its own."""
    return {
        key: value
        for key, value in level.items()
        if not isinstance(value, dict)
        and not (isinstance(value, list) and value and isinstance(value[0], dict))
    }


def _of_any(segments: list[Json]) -> Json:
    """What some segment has, each value once: a session's queues, its wrap-up codes."""
    found: dict[str, dict[Any, None]] = {}
    for segment in segments:
        for key, value in segment.items():
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, str | int | float):
                    found.setdefault(key, {})[each] = None
    return {key: list(values) for key, values in found.items()}
