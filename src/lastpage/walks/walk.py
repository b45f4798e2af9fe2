"""A walk: how a route goes from its first request to its last page. Pure questions, no I/O.

    first(slice)           the first request
    after(request, answer) the next request, or how the walk ends:
                           Done    its true end
                           Narrow  the slice is too large, take smaller ones
                           Again   this attempt is lost, begin another
                           Idle    it brings nothing new any more (the driver says so)
    fewer_rows(request, …) what follows a page that was refused for its size (sizes.py):
                           Smaller begin another attempt, with fewer rows a page
                           Stuck   one row does not come, nor what is behind it

All state is in the request, so the ledger can store it, and a crash costs nothing: the next request
is computed again from the last one and its answer. An asynchronous job (count, submit, poll, read,
delete, count) is only a longer walk.

The two routes differ in more than their requests. Each walk answers for its route:

    attribute          PagesWalk                      CursorWalk
    -----------------  -----------------------------  --------------------------------------------
    page_size_usual    100                            1,000; then it follows the size of the bodies
    page_size_max      100                            10,000
    is_job             no                             yes: it counts among the jobs in flight
    needs_watermark    no                             yes, before the job is submitted
    resumable_s        300: rows slide                without a limit: a job's rows do not change
    has_attributes     no                             yes: participant attributes
    as_of              when it was asked              the watermark
    settled_until      the watermark of the plan      the watermark of this attempt
    doubt              never                          no watermark, or one before what was asked for
    signs              absent, last, beyond           read
    counts             totalHits; one after the walk  before and after the job
    continuation       a page number or a token       a cursor
    cleanup            nothing                        the job is deleted

`drive` goes along any walk. A step is: wait if the request says so, send, ask the walk what
follows, keep request and answer. An answer that is not the endpoint's never comes here: the client
asks again (`api.shapes`). And `drive` is the one home of the guards, so that no walk is endless:

    what happens                                    the walk
    ----------------------------------------------  ----------------------------------------------
    the API leads back to a request already made    Again
    10 pages with rows, and twice as many as were   Idle: page numbers are ignored, or each cursor
    expected, since the last new id                 is another. Fewer may be rows that slid
    1,000 pages without rows since the last new id  Idle
    20,000 requests                                 Again
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol

from lastpage.api.messages import Answer, Call, Page
from lastpage.errors import ApiError
from lastpage.planning.slices import Slice
from lastpage.query.interval import Interval

#: Requests in one walk. The largest job of ours has some hundred pages; two hours of polling are
#: 250 requests.
STEPS_MAX = 20_000
#: Pages since the last new id that end a walk: with rows, so many and so many times the pages that
#: were expected; without rows.
STALE_MIN, STALE_TIMES, EMPTY_MAX = 10, 2, 1_000

Kind = Literal["page", "count", "submit", "poll", "results", "delete", "recount"]
#: The kinds whose answers hold conversations.
READS: frozenset[str] = frozenset({"page", "results"})
#: By what a walk knows that it has reached its end.
Sign = Literal["absent", "last", "beyond", "read"]


@dataclass(frozen=True, slots=True)
class Request:
    """One step of a walk. Which fields matter depends on the kind."""

    slice: Slice
    kind: Kind
    #: The page number of `page`; for the other kinds, how many of this kind came before.
    ordinal: int = 0
    page_size: int = 0
    job: str = ""
    cursor: str = ""
    token: str = ""
    #: Bouts of refusals that made pages smaller, and pages that came since the last change.
    bouts: int = 0
    calm: int = 0
    #: `page`: the first start of the page before, and whether all pages so far were in order.
    top: str = ""
    ordered: bool = True
    #: `recount` after pages: by what the last page was known.
    sign: Sign = "read"
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
    def from_record(cls, slice_: Slice, record: Mapping[str, Any]) -> Request:
        """The reverse of `record`."""
        return cls(slice=slice_, **record)


@dataclass(frozen=True, slots=True)
class Done:
    """The walk is at its true end; `sign` says how that is known."""

    sign: Sign


@dataclass(frozen=True, slots=True)
class Narrow:
    """The API does not give this slice as a whole; smaller slices may work."""

    reason: str


@dataclass(frozen=True, slots=True)
class Again:
    """This attempt is lost (a failed job, a vanished cursor, a loop); another one may work."""

    reason: str


@dataclass(frozen=True, slots=True)
class Idle:
    """The walk goes on and brings nothing new; another one would bring as little."""

    reason: str


@dataclass(frozen=True, slots=True)
class Smaller:
    """The API gives fewer rows a page; page numbers cannot go on with so few, a new attempt can."""

    rows: int
    reason: str


@dataclass(frozen=True, slots=True)
class Stuck:
    """A row does not come, although it is asked for alone; nothing behind it can be read."""

    reason: str


End = Done | Narrow | Again | Idle | Smaller | Stuck
Step = Request | End

#: What a count counts; how much of it is certain, the table in coverage/weighing.py says.
Of = Literal["hits", "moved", "living", "starts", "held"]


@dataclass(frozen=True, slots=True)
class Count:
    """A count of the API, and how many came of the conversations that it counts."""

    of: Of
    counted: int
    came: int

    @property
    def missing(self) -> int:
        """How many more are counted than came; below zero, how many fewer."""
        return self.counted - self.came


class Counted(Protocol):
    """The numbers of a slice's account that counts are held against (`coverage.account`)."""

    @property
    def slice(self) -> Slice:
        """What the account is of."""

    @property
    def hits(self) -> Sequence[int]:
        """`totalHits` of each page, in the order of the pages."""

    @property
    def unique(self) -> int:
        """Different ids, owned or not."""

    @property
    def duplicates(self) -> int:
        """Rows that repeat an id."""

    @property
    def owns(self) -> int:
        """Different ids that start in the slice."""

    @property
    def countable(self) -> int:
        """Different ids that started on the slice's days, owned or not."""

    @property
    def counts(self) -> Mapping[str, Sequence[int | None]]:
        """What was counted before and after the walk, in the order asked (None: refused)."""


class Walk(Protocol):
    """One route: its steps, how its requests look on the wire, and what is true of its rows."""

    #: Rows a page unless another number is asked for, and the most that the API gives.
    page_size_usual: ClassVar[int]
    page_size_max: ClassVar[int]
    #: Whether it is a job. The API limits how many may be in flight (docs/api.md, 2).
    is_job: ClassVar[bool]
    #: Whether the watermark has to be read before the first request.
    needs_watermark: ClassVar[bool]
    #: How many seconds after its first request an unfinished attempt is still worth resuming.
    resumable_s: ClassVar[float]
    #: Whether its rows have participant attributes.
    has_attributes: ClassVar[bool]
    #: The signs that it can end with, and what each of them proves.
    signs: ClassVar[Mapping[Sign, str]]

    @property
    def page_size(self) -> int:
        """Rows a page, as they were asked for."""

    def first(self, slice_: Slice) -> Request:
        """The first request."""

    def after(self, request: Request, answer: Answer) -> Step:
        """What follows."""

    def fewer_rows(self, request: Request, why: str) -> Step:
        """What follows a page that was refused, as one that is too large may be (sizes.py)."""

    def call(self, request: Request) -> Call:
        """The request as the API takes it."""

    @staticmethod
    def as_of(asked_at: datetime, watermark: datetime | None) -> datetime:
        """How fresh the rows are.

        `watermark` is the earliest one that is known of this attempt: read before it began, or
        sent with its results.
        """

    @staticmethod
    def settled_until(watermark: datetime | None, planned: datetime | None) -> datetime | None:
        """Up to when rows can be final: what was known of the watermark before they were read.

        `watermark` is this attempt's, `planned` the one that was known when the run was planned.
        """

    @staticmethod
    def doubt(slice_: Slice, watermark: datetime | None) -> str:
        """Why this route cannot have read all of the slice, whatever the counts say; or nothing."""

    @staticmethod
    def counts(sign: Sign, account: Counted) -> list[Count]:
        """What the API counted, after an end with this sign; nothing where it told no count."""

    @staticmethod
    def continuation(request: Request, page: Page) -> int | str | None:
        """What the page after this one is asked for with; None after the last page."""

    @staticmethod
    def cleanup(made: Sequence[Request]) -> Request | None:
        """The request that removes what an abandoned attempt leaves at the API, if anything.

        `made` are the attempt's requests so far.
        """


def drive(
    walk: Walk,
    step: Step,
    *,
    send: Callable[[Request], Answer],
    keep: Callable[[Request, Answer], None],
    sleep: Callable[[float], None],
    made: Iterable[Request] = (),
    since_new: Callable[[], tuple[int, int]] = lambda: (0, 0),
    broken_off: Callable[[Request], None] = lambda _step: None,
) -> End:
    """Go from `step` to the end of the walk; `made` are the requests of an earlier process.

    `since_new` says how many pages were kept since the last new id: with rows, and without. Raises
    what `send` raises, unless fewer rows a page may help; `broken_off` is told first at which step.
    """
    seen = {_identity(request) for request in made}
    try:
        for _ in range(STEPS_MAX):
            if not isinstance(step, Request):
                return step
            if _identity(step) in seen and step.kind != "poll":
                reason = f"the API led back to a page already read ({step.kind} {step.ordinal})"
                return Again(reason)
            seen.add(_identity(step))
            sleep(step.wait_s)
            try:
                answer = send(step)
            except ApiError as problem:
                if not problem.too_large:
                    raise
                seen.discard(_identity(step))  # it is asked for again, with fewer rows
                step = walk.fewer_rows(step, str(problem))
                continue
            request, step = step, walk.after(step, answer)
            polls_on = isinstance(step, Request) and request.kind == step.kind == "poll"
            if not polls_on:  # a poll that another one follows proved nothing
                keep(request, answer)
            del answer  # its memory is free before the next page comes
            if isinstance(step, Request) and step.kind in READS:
                step = _idle(step, *since_new()) or step
    except BaseException:
        if isinstance(step, Request):
            broken_off(step)
        raise
    return Again(f"no end after {STEPS_MAX:,} requests")


def _idle(request: Request, stale: int, empty: int) -> Idle | None:
    """The end of a walk that would go on with this request, if it brings nothing new."""
    expected = (request.slice.expected or 0) / max(request.page_size, 1)
    if stale >= max(STALE_MIN, STALE_TIMES * expected):
        return Idle(f"{stale:,} pages in a row brought only conversations that had come before")
    if empty >= EMPTY_MAX:
        return Idle(f"{empty:,} pages in a row were empty, and each said that another follows")
    return None


def next_count(request: Request, intervals: Sequence[Interval]) -> Request | None:
    """The count after this one; None after the last."""
    if request.ordinal + 1 == len(intervals):
        return None
    return replace(request, ordinal=request.ordinal + 1)


def _identity(request: Request) -> tuple[str, str, str, str, int]:
    """What makes two requests the same; a cursor or a token says all of a place.

    A page number says it together with the page size.
    """
    place = request.ordinal
    if request.cursor or request.token:
        place = 0
    elif request.kind == "page":
        place = (request.ordinal - 1) * request.page_size
    return request.kind, request.job, request.cursor, request.token, place
