"""The one driver of every walk, and the one home of the guards: no walk is endless, none goes in circles.

A step is: wait if the request says so, send, ask the walk what follows, keep request and answer. What follows is asked before
anything is kept, so an answer that cannot be read never counts as progress.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

from lastpage.fetch import envelope
from lastpage.fetch.complaints import complain_unreadable
from lastpage.fetch.transport import Answer, TransportError
from lastpage.fetch.walk import Again, Done, Narrow, Request, Step, Walk

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
        except (*envelope.UNREADABLE, TransportError) as problem:
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
