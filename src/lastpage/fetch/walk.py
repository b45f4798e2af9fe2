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
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from lastpage.fetch.transport import Answer, Call
from lastpage.plan import Slice

DETAILS = "/api/v2/analytics/conversations/details"
Kind = Literal["page", "count", "submit", "poll", "results", "delete", "recount", "named"]
#: The kinds whose answers hold conversations.
READS: frozenset[str] = frozenset({"page", "results", "named"})


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
