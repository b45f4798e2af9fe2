"""Who handled it: the agents of an inbound conversation and the queue visits between them, by how
it went.

Blind transfers go to another queue and its next free agent; consult transfers are talked over while
the customer is on hold (docs/api.md, 5.7).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lastpage_sandbox.record.agent import Handling, agent, silent, talk
from lastpage_sandbox.record.draft import Draft
from lastpage_sandbox.record.queue import acd, waited
from lastpage_sandbox.record.shape import Participant
from lastpage_sandbox.skeleton import QUEUES

#: What a session of a medium has beside its parts; called once a session, since each has its own.
Facts = Callable[[], dict[str, Any]]
#: How long an alert rings until somebody answers, at most, and until it is taken away.
ALERT_MS, GIVEN_UP_MS = 9_000, 7_421


def handed(draft: Draft, peer: str, media: str, facts: Facts) -> list[Participant]:
    """The first queue, the agents, and the second queue if there was one, in order of joining."""
    skeleton = draft.skeleton
    queued, left = skeleton.queued_ms, skeleton.left_ms
    end = {"abandoned": "abandoned", "voicemail": "flow"}.get(skeleton.fate, "answered")
    first = acd(draft, peer, skeleton.queue, (queued, left), end, media, **facts())
    match skeleton.fate:
        case "abandoned" | "voicemail":
            return [first]
        case "transferred":
            return [first, *_transferred(draft, peer, media, facts)]
        case "consulted":
            return [first, *_consulted(draft, media, facts)]
        case "unanswered":
            given_up = min(queued + GIVEN_UP_MS, left)
            gone = silent(draft, skeleton.agent, (queued, given_up), media, **facts())
            return [first, gone, _answered(draft, media, facts, 1)]
        case _:
            return [first, _answered(draft, media, facts, 0)]


def _answered(draft: Draft, media: str, facts: Facts, turn: int) -> Participant:
    """The agent to whom it came at last; `turn` counts those before."""
    skeleton = draft.skeleton
    handling = Handling(
        skeleton.agent + turn,
        _alerted(draft, skeleton.queued_ms, skeleton.left_ms),
        talk(draft, skeleton.left_ms, skeleton.done_ms),
        skeleton.first_end_ms,
        waited(media, skeleton.queued_ms, skeleton.left_ms),
        skeleton.queue,
    )
    return agent(draft, handling, media, **facts())


def _transferred(draft: Draft, peer: str, media: str, facts: Facts) -> list[Participant]:
    skeleton = draft.skeleton
    left, done = skeleton.left_ms, skeleton.done_ms
    passed = left + (done - left) // 3
    again = passed + min(15_000, (done - passed) // 3)
    queue = QUEUES[(len(skeleton.queue) + skeleton.agent) % len(QUEUES)]
    first = Handling(
        skeleton.agent,
        _alerted(draft, skeleton.queued_ms, left),
        talk(draft, left, passed),
        passed + min(5_000, skeleton.acw_ms),
        waited(media, skeleton.queued_ms, left),
        skeleton.queue,
        how="transfer",
        transferred="Blind",
        last=False,
    )
    second = Handling(
        skeleton.agent + 1,
        _alerted(draft, passed, again),
        talk(draft, again, done),
        skeleton.first_end_ms,
        waited(media, passed, again),
        queue,
    )
    return [
        agent(draft, first, media, **facts()),
        acd(draft, peer, queue, (passed, again), "answered", media, **facts()),
        agent(draft, second, media, **facts()),
    ]


def _consulted(draft: Draft, media: str, facts: Facts) -> list[Participant]:
    skeleton = draft.skeleton
    left, done = skeleton.left_ms, skeleton.done_ms
    asked, passed = left + (done - left) // 3, left + (done - left) // 2
    picked_up = asked + min(3_000, (passed - asked) // 2)
    first = Handling(
        skeleton.agent,
        _alerted(draft, skeleton.queued_ms, left),
        [("interact", left, asked), ("hold", asked, passed)],
        passed + min(5_000, skeleton.acw_ms),
        waited(media, skeleton.queued_ms, left),
        skeleton.queue,
        how="consultTransfer",
        transferred="Consult",
        last=False,
    )
    second = Handling(
        skeleton.agent + 1,
        asked,
        [("interact", picked_up, done)],
        skeleton.first_end_ms,
        None,
        skeleton.queue,
    )
    return [agent(draft, first, media, **facts()), agent(draft, second, media, **facts())]


def _alerted(draft: Draft, queued: int, left: int) -> int:
    return max(queued, left - 1_200 - draft.below(ALERT_MS))
