"""What is around the records: the few fields of each answer that steer a walk, read without building the records.

A page is read once for what its walk and its tally want (`Page`: every record's id and times) and once more for the records
themselves (`records`: sliced, not built), each at about 1 GB/s. Field names are the API's own (docs/api.md, 1.3, 1.4). Everything
is optional: what the API leaves out must not break a walk.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

#: A record as the bytes that came.
Raw = msgspec.Raw
#: What reading raises for a body that is not this API's: no JSON, of another shape, or nested without end.
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


def utc(moment: datetime) -> datetime:
    """Days are UTC's, however a moment is spelt; one that falls out of the calendar there (year 1 to 9999) is none."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{moment.isoformat()} is no moment of the calendar in UTC") from None


class _Name(msgspec.Struct, frozen=True, gc=False):
    """Who a record is, and when it started. A record without these is broken."""

    id: str = msgspec.field(name="conversationId")
    start: Moment = msgspec.field(name="conversationStart")

    def __post_init__(self) -> None:
        if self.start.tzinfo is not UTC:
            msgspec.structs.force_setattr(self, "start", utc(self.start))


class Head(_Name, frozen=True, gc=False):
    """Who a record is, when it started, whether it has ended."""

    end: Moment | None = msgspec.field(name="conversationEnd", default=None)


class _Around(msgspec.Struct, frozen=True, gc=False):
    """What steers a walk on a page of either route."""

    total_hits: int | None = msgspec.field(name="totalHits", default=None)
    cursor: str | None = None
    watermark: Moment | None = msgspec.field(name="dataAvailabilityDate", default=None)
    #: Not known to be sent; followed if it is (docs/api.md, 11, row 22).
    token: str | None = msgspec.field(name="nextPageToken", default=None)

    def __post_init__(self) -> None:
        if self.watermark:
            msgspec.structs.force_setattr(self, "watermark", utc(self.watermark))


class Page(_Around, frozen=True, gc=False):
    """A page: who its records are, in order; None stands for one that has no readable id or start."""

    heads: Sequence[Head | None] | None = msgspec.field(name="conversations", default=None)

    @property
    def known(self) -> list[Head]:
        """Without those that are nobody."""
        return [head for head in self.heads or () if head]


class _Sliced(_Around, frozen=True, gc=False):
    conversations: list[Raw] | None = None


class Job(msgspec.Struct, frozen=True, gc=False):
    """The answer to a submission."""

    id: str = msgspec.field(name="jobId")


class Status(msgspec.Struct, frozen=True, gc=False):
    """How far a job is. States are open strings; only those of docs/api.md, 1.4 end the waiting."""

    state: str = ""
    error: str | None = msgspec.field(name="errorMessage", default=None)


class Availability(msgspec.Struct, frozen=True, gc=False):
    """The lake's watermark."""

    watermark: Moment = msgspec.field(name="dataAvailabilityDate")

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "watermark", utc(self.watermark))


_page = msgspec.json.Decoder(Page).decode
_sliced = msgspec.json.Decoder(_Sliced).decode
job = msgspec.json.Decoder(Job).decode
status = msgspec.json.Decoder(Status).decode
availability = msgspec.json.Decoder(Availability).decode
_head = msgspec.json.Decoder(Head).decode
_name = msgspec.json.Decoder(_Name).decode


#: An escape in JSON text: two surrogates that are a character, or one alone (the group), which is none, or any other.
ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)


def page(body: bytes) -> Page:
    """A page; a record that cannot be read does not make it unreadable."""
    try:
        return _page(body)
    except UNREADABLE:
        around = msgspec.structs.asdict(_slice(body))
    return Page(heads=[head(raw) for raw in around.pop("conversations") or ()], **around)


def records(body: bytes) -> list[Raw]:
    """The records of a page, untouched, in the order of its heads."""
    return _slice(body).conversations or []


def record(raw: Raw) -> Any:
    """A record as Python has it; half a character stays half a character."""
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return json.loads(bytes(raw))


def _slice(body: bytes) -> _Sliced:
    """A page's records; half a character in the text of one (an escaped surrogate alone) does not matter."""
    try:
        return _sliced(body)
    except msgspec.DecodeError:
        readable = _readable(body)
        if readable == body:
            raise
    found = _sliced(readable)
    return msgspec.structs.replace(found, conversations=_as_they_came(found.conversations or (), readable, body))


def _readable(text: bytes) -> bytes:
    """JSON without halves of characters, byte by byte as long."""
    return ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], text)


def _as_they_came(records: Sequence[Raw], readable: bytes, body: bytes) -> list[Raw]:
    """The same records out of the body itself."""
    found, end = [], 0
    for raw in map(bytes, records):
        start = readable.index(raw, end)
        end = start + len(raw)
        found.append(Raw(body[start:end]))
    return found


def head(raw: Raw) -> Head | None:
    """A record with a bad end is still somebody; it counts as open. One without id or start is nobody."""
    try:
        return _head(raw)
    except UNREADABLE:
        readable = _readable(bytes(raw))
    try:
        return _head(readable)
    except UNREADABLE:
        pass
    try:
        name = _name(readable)
    except UNREADABLE:
        return None
    return Head(name.id, name.start)
