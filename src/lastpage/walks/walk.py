"""A walk: how a route goes from its first request to its last page. Two pure questions, no state, no I/O.

    first(slice)           the first request
    after(request, answer) the next request, or how the walk ends:
                           Done    its true end
                           Narrow  the slice is too large, take smaller ones
                           Again   this attempt is lost, begin another

All state is in the request, so the ledger can store it, and a crash costs nothing: the next request is computed again from
the last one and its answer. An asynchronous job (count, submit, poll, read, delete, count) is only a longer walk.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from lastpage.api.messages import UNREADABLE, Answer, Call, TransportError
from lastpage.api.responses import complain_unreadable
from lastpage.planning.slices import Slice

Kind = Literal["page", "count", "submit", "poll", "results", "delete", "recount"]
#: The kinds whose answers hold conversations.
READS: frozenset[str] = frozenset({"page", "results"})


@dataclass(frozen=True, slots=True)
class Request:
    """One step of a walk. It carries its slice and its ordinals; which fields matter depends on the kind."""

    slice: Slice
    kind: Kind
    #: The page number of `page`; for the other kinds, how many of this kind came before.
    ordinal: int = 0
    page_size: int = 0
    job: str = ""
    cursor: str = ""
    token: str = ""
    #: `page`: the first start of the page before, and whether all pages so far were in order.
    top: str = ""
    ordered: bool = True
    #: `poll`: seconds waited for the job so far.
    waited_s: float = 0.0
    #: Seconds to wait before this request is sent.
    wait_s: float = 0.0

    def record(self) -> dict[str, Any]:
        """As plain values, without the slice, for the ledger."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name != "slice" and getattr(self, field.name) != field.default
        }

    @classmethod
    def from_record(cls, piece: Slice, record: Mapping[str, Any]) -> Request:
        return cls(slice=piece, **record)


@dataclass(frozen=True, slots=True)
class Done:
    """The walk is at its true end; `how` says by what sign."""

    how: Literal["absent", "beyond", "read"]


@dataclass(frozen=True, slots=True)
class Narrow:
    """The API will not give this slice as one; smaller slices may do."""

    reason: str


@dataclass(frozen=True, slots=True)
class Again:
    """This attempt is lost (a failed job, a vanished cursor, a loop); another may do."""

    reason: str


Step = Request | Done | Narrow | Again


class Walk(Protocol):
    """The two questions, and how a request of this walk looks on the wire."""

    def first(self, piece: Slice) -> Request: ...

    def after(self, request: Request, answer: Answer) -> Step: ...

    def call(self, request: Request) -> Call: ...


# PART fetch.drive
# The one driver of every walk, and the one home of the guards: no walk is endless, none goes in circles.
#
# A step is: wait if the request says so, send, ask the walk what follows, keep request and answer. What follows is asked before
# anything is kept, so an answer that cannot be read never counts as progress.


#: Requests in one walk. The largest job of ours has some hundred pages; two hours of polling are 250 requests.
STEPS_MAX = 20_000
#: How often an answer that cannot be read is asked for again; the fault may be a gateway's.
UNREADABLE_MAX = 3


def drive(
    walk: Walk,
    step: Step,
    *,
    send: Callable[[Request], Answer],
    keep: Callable[[Request, Answer], None],
    sleep: Callable[[float], None],
    behind: Iterable[Request] = (),
) -> Done | Narrow | Again:
    """Go from `step` to the end of the walk; `behind` are the requests an earlier process has already made."""
    seen = {_key(request) for request in behind}
    for _ in range(STEPS_MAX):
        if not isinstance(step, Request):
            return step
        if _key(step) in seen and step.kind != "poll":
            return Again(f"the API led back to a page already read ({step.kind} {step.ordinal})")
        seen.add(_key(step))
        sleep(step.wait_s)
        step = _taken(walk, step, send, keep)
    return Again(f"no end after {STEPS_MAX:,} requests")


def _taken(
    walk: Walk, request: Request, send: Callable[[Request], Answer], keep: Callable[[Request, Answer], None]
) -> Step:
    """Ask, keep the answer, say what follows. While the next answer is waited for, this one is nobody's any more."""
    answer, following = _ask(walk, request, send)
    if not _repeats(request, following):
        keep(request, answer)
    return following


def _ask(walk: Walk, request: Request, send: Callable[[Request], Answer]) -> tuple[Answer, Step]:
    for tries in itertools.count(1):
        answer = send(request)
        try:
            return answer, walk.after(request, answer)
        except (*UNREADABLE, TransportError) as problem:
            if tries == UNREADABLE_MAX:
                raise complain_unreadable(walk.call(request), answer, problem, tries) from None
    raise AssertionError


def _key(request: Request) -> tuple[str, str, str, str, int]:
    """What makes two requests the same on the wire. A cursor or token is all there is to a position."""
    place = 0 if request.cursor or request.token else request.ordinal
    return request.kind, request.job, request.cursor, request.token, place


def _repeats(request: Request, following: Step) -> bool:
    """A poll that is followed by a poll proved nothing; only the last one is kept."""
    return request.kind == "poll" and isinstance(following, Request) and following.kind == "poll"
