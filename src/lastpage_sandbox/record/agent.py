"""The handling: a participant of purpose `agent`, one an agent who was alerted (docs/api.md, 5.1,
5.2, 5.7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lastpage_sandbox.record.draft import Draft, Line
from lastpage_sandbox.record.shape import Participant

#: What the parts of handling add up to: each time one ends, and once when all have ended.
TIMES = {
    "interact": "tTalk",
    "hold": "tHeld",
    "parked": "tPark",
    "dialing": "tDialing",
    "contacting": "tContacting",
}
#: Parking is the one part that is not work.
HANDLED = ("interact", "hold", "dialing", "contacting")
#: Calls this long have somebody on hold.
LONG_MS = 300_000
#: An agent who does not answer is sent into after-call work; real data counts it four seconds
#: shorter than its segment.
PENALTY_MS, MISCOUNT_MS = 61_000, 4_000
#: How long late after-call work takes, and how much a rewriting adds.
LATE_WORK_MS, CORRECTION_MS = 30_000, 1_500


@dataclass(frozen=True, slots=True)
class Handling:
    """One agent's part: alerted, then parts of handling without a gap, then the work after it."""

    agent: int
    alerted_ms: int
    #: Kind, start and end of each part.
    parts: Sequence[tuple[str, int, int]]
    end_ms: int
    #: How long the queue took, None for those who came to it by another way.
    waited_ms: int | None
    queue: str
    how: str = "peer"
    #: `Blind` or `Consult`, where the agent passed it on.
    transferred: str = ""
    #: Whether this agent had it last, and so the work that comes late.
    last: bool = True

    @property
    def answered_ms(self) -> int:
        return self.parts[0][1]

    @property
    def done_ms(self) -> int:
        return self.parts[-1][2]


def handle(draft: Draft, line: Line, handling: Handling) -> None:
    """Lay one agent's part out on a session's line."""
    queue = draft.name("queue", handling.queue)
    answered, done, end = handling.answered_ms, handling.done_ms, handling.end_ms
    if handling.alerted_ms < answered:
        line.segment("alert", handling.alerted_ms, answered, queue_id=queue)
        line.metric(answered, "tAlert", answered - handling.alerted_ms)
    if handling.waited_ms is not None:
        line.metric(answered, "tAnswered", handling.waited_ms)
    for kind, start, stop in handling.parts:
        line.segment(kind, start, stop, handling.how if stop == done else None, queue_id=queue)
        line.metric(stop, TIMES[kind], stop - start)
    handled = _completed(line, handling)
    if handling.transferred:
        if handling.transferred == "Consult":
            line.metric(handling.parts[-1][1], "nConsult")
        line.metric(done, "nTransferred")
        line.metric(done, f"n{handling.transferred}Transferred")
    _after_work(draft, line, handling, handled, queue if end > done else None)


def agent(
    draft: Draft, handling: Handling, media: str, line: Line | None = None, **facts: Any
) -> Participant:
    """The participant; `line` is what is known of the session already."""
    line = line or Line(draft)
    handle(draft, line, handling)
    facts.setdefault("requested_routings", ["Standard"])
    facts.setdefault("used_routing", "Standard")
    sessions = line.session(media, draft.id(), **facts)
    return Participant(
        participant_id=draft.id(),
        purpose="agent",
        team_id=draft.name("team", handling.agent % 5),
        user_id=draft.user(handling.agent),
        sessions=sessions,
    )


def silent(
    draft: Draft, number: int, alert: tuple[int, int], media: str, **facts: Any
) -> Participant:
    """An agent who was alerted and did not answer, with the inconsistency that real data has
    (5.1).
    """
    line = Line(draft)
    queue, code = draft.queue_id, wrap_up(draft, number)
    alerted, gave_up = alert
    error = "error.ininedgecontrol.session.inactive" if media == "voice" else None
    line.segment("alert", alerted, gave_up, "client", queue_id=queue)
    line.segment(
        "wrapup", gave_up, gave_up + PENALTY_MS, "client", code, queue_id=queue, error_code=error
    )
    for name, value in (
        ("nError", 1),
        ("tAlert", gave_up - alerted),
        ("tNotResponding", gave_up - alerted),
    ):
        line.metric(gave_up, name, value)
    for name in ("tAcw", "tHandle"):
        line.metric(gave_up + PENALTY_MS - MISCOUNT_MS, name, PENALTY_MS - MISCOUNT_MS)
    sessions = line.session(
        media, draft.id(), requested_routings=["Standard"], used_routing="Standard", **facts
    )
    return Participant(
        participant_id=draft.id(), purpose="agent", user_id=draft.user(number), sessions=sessions
    )


def talk(draft: Draft, answered: int, done: int) -> list[tuple[str, int, int]]:
    """A conversation by voice or chat: long ones, and some others, have somebody on hold in the
    middle.
    """
    if done - answered < LONG_MS and draft.below(100) >= 15:
        return [("interact", answered, done)]
    hold = answered + (done - answered) * (30 + draft.below(30)) // 100
    back = hold + (done - hold) // 4
    return [("interact", answered, hold), ("hold", hold, back), ("interact", back, done)]


def wrap_up(draft: Draft, agent: int) -> str:
    """A code of the organisation's, or the constant for those who let the time run out."""
    return "ININ-WRAP-UP-TIMEOUT" if agent % 5 == 0 else draft.name("wrap-up", agent % 7)


def _completed(line: Line, handling: Handling) -> int:
    """The totals, once all is done; returns what counts as handling."""
    sums: dict[str, int] = {}
    for kind, start, stop in handling.parts:
        sums[kind] = sums.get(kind, 0) + stop - start
    for kind in ("interact", "hold", "parked"):
        if kind in sums:
            line.metric(handling.done_ms, f"{TIMES[kind]}Complete", sums[kind])
    return sum(sums.get(kind, 0) for kind in HANDLED)


def _after_work(
    draft: Draft, line: Line, handling: Handling, handled: int, queue: str | None
) -> None:
    """Wrap-up with its metrics, and whatever was added to it later (3.4)."""
    done, end, later = handling.done_ms, handling.end_ms, draft.later
    code = wrap_up(draft, handling.agent)
    rewritten = (
        handling.last and later.rewritten_ms is not None and later.rewritten_ms <= draft.until_ms
    )
    correction = CORRECTION_MS if rewritten else 0
    if queue is not None:
        line.segment("wrapup", done, end, handling.how, code, queue_id=queue)
        line.metric(end, "tAcw", end - done + correction)
    line.metric(end, "tHandle", handled + end - done + correction)
    if rewritten:
        line.segment("wrapup", end, end + correction, handling.how, code)
    if handling.last and later.wrapped_ms is not None and later.wrapped_ms <= draft.until_ms:
        late = later.wrapped_ms
        line.segment(
            "wrapup",
            late - LATE_WORK_MS,
            late,
            "client",
            draft.name("wrap-up", 6),
            wrap_up_note="added later",
        )
        line.metric(late, "tAcw", LATE_WORK_MS)
