"""A conversation being rendered at a moment: everything is laid out on its timeline, and what lies
after the moment is left out.

Left out are segments that have not begun, ends that are not reached, metrics that are not emitted
(docs/api.md, 3.4).
"""

from __future__ import annotations

import random
from typing import Any

from lastpage_sandbox.later import Later
from lastpage_sandbox.moments import stamp
from lastpage_sandbox.record.names import name_id, uuid_of
from lastpage_sandbox.record.shape import EndpointStat, Flow, Metric, Participant, Segment, Session
from lastpage_sandbox.skeleton import Skeleton


class Draft:
    """One conversation at one moment, with the draws that belong to it alone."""

    __slots__ = (
        "_drawn",
        "at_ms",
        "direction",
        "later",
        "queue_id",
        "seed",
        "skeleton",
        "stats",
        "until_ms",
    )

    def __init__(self, skeleton: Skeleton, seed: int, at_ms: int, later: Later) -> None:
        self.skeleton, self.seed, self.at_ms, self.later = skeleton, seed, at_ms, later
        self.until_ms = skeleton.seen_until(at_ms)
        self.direction = skeleton.direction or "inbound"
        self.queue_id = self.name("queue", skeleton.queue)
        #: The voice quality of all sessions, for the conversation's minima.
        self.stats: list[EndpointStat] = []
        self._drawn = random.Random(skeleton.id)

    def id(self) -> str:
        return uuid_of(self._drawn.getrandbits(128))

    def below(self, limit: int) -> int:
        """A number from 0 to below `limit`."""
        return int(self._drawn.random() * limit)

    def name(self, *name: object) -> str:
        return name_id(self.seed, *name)

    def user(self, agent: int) -> str:
        return name_id(self.seed, "user", agent % 60)

    def phone(self) -> str:
        return f"+49{1_500_000_000 + self.below(500_000_000)}"


class Line:
    """One session on the timeline."""

    __slots__ = ("_draft", "metrics", "segments")

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self.segments: list[Segment] = []
        self.metrics: list[Metric] = []

    def segment(
        self,
        kind: str,
        start_ms: int,
        end_ms: int,
        how: str | None = None,
        code: str | None = None,
        **more: Any,
    ) -> None:
        """A segment as it stands; `how` it was disconnected and the wrap-up `code` are known when
        it has ended.
        """
        until = self._draft.until_ms
        if start_ms > until:
            return
        if end_ms > until:
            self.segments.append(
                Segment(conference=False, segment_start=stamp(start_ms), segment_type=kind, **more)
            )
            return
        self.segments.append(
            Segment(
                conference=False,
                segment_start=stamp(start_ms),
                segment_end=stamp(max(end_ms, start_ms)),
                segment_type=kind,
                disconnect_type=how,
                wrap_up_code=code,
                **more,
            )
        )

    def metric(self, emitted_ms: int, name: str, value: int = 1) -> None:
        """A metric, once it is emitted; its value is always an integer (1.9)."""
        if emitted_ms <= self._draft.until_ms:
            self.metrics.append(Metric(emit_date=stamp(emitted_ms), name=name, value=max(value, 0)))

    def session(
        self, media: str, session_id: str, flow: Flow | None = None, **facts: Any
    ) -> list[Session]:
        """The session in a list of its own, which is empty if it has not begun."""
        if not self.segments:
            return []
        self.segments.sort(key=_start)
        self.metrics.sort(key=_emission)
        facts.setdefault("direction", self._draft.direction)
        return [
            Session(
                media_type=media,
                session_id=session_id,
                flow=flow,
                metrics=self.metrics,
                segments=self.segments,
                **facts,
            )
        ]


def joined(participants: list[Participant]) -> list[Participant]:
    """Those of whom anything can be seen yet."""
    return [each for each in participants if each.sessions]


def _emission(metric: Metric) -> tuple[str, str]:
    return metric.emit_date, metric.name


def _start(segment: Segment) -> str:
    return segment.segment_start
