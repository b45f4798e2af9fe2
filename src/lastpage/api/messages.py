"""What is around the records: the few fields of each answer that steer a walk, read without building the records.

A page is read once for what its walk and its tally want (`Page`: every record's id and times) and once more for the records
themselves (`records`: sliced, not built), each at about 1 GB/s. Field names are the API's own (docs/api.md, 1.3, 1.4). Everything
is optional: what the API leaves out must not break a walk.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Any, Literal, Protocol

import msgspec
from isal import isal_zlib

_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")

#: The API's path of conversation details (docs/api.md, 1.3, 1.4).
DETAILS = "/api/v2/analytics/conversations/details"
JOBS = f"{DETAILS}/jobs"

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
read_job = msgspec.json.Decoder(Job).decode
read_status = msgspec.json.Decoder(Status).decode
read_availability = msgspec.json.Decoder(Availability).decode
_head = msgspec.json.Decoder(Head).decode
_name = msgspec.json.Decoder(_Name).decode


#: An escape in JSON text: two surrogates that are a character, or one alone (the group), which is none, or any other.
ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)


def read_page(body: bytes) -> Page:
    """A page; a record that cannot be read does not make it unreadable."""
    try:
        return _page(body)
    except UNREADABLE:
        around = msgspec.structs.asdict(_slice(body))
    return Page(heads=[read_head(raw) for raw in around.pop("conversations") or ()], **around)


def split_records(body: bytes) -> list[Raw]:
    """The records of a page, untouched, in the order of its heads."""
    return _slice(body).conversations or []


def decode_record(raw: Raw) -> Any:
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


def read_head(raw: Raw) -> Head | None:
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


# PART fetch.transport
# The seam to the network: one call in, one answer out. Everything above it runs without a socket.
#
# A transport sends once and tries nothing twice. It returns whatever status came, with the body as received
# (still gzipped where the server did that), and raises `TransportError` where no whole answer came.


#: What went wrong below HTTP; `fetch/retry.py` decides by this word.
Fault = Literal["connect", "timeout", "reset", "truncated", "tls", "proxy", "oversize"]
#: How often a request is sent in all, unless it has a cap of its own.
TRIES_MAX = 8
#: No body of this API is larger; one that is, is not this API (a bomb, a proxy, a stream without end).
MIB = 1024 * 1024
BODY_BYTES_MAX = 256 * MIB
#: Parts of a compressed body; servers send one.
MEMBERS_MAX = 100


class TransportError(Exception):
    """No whole answer came. `fault` says how; the message is for people and holds no secret."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault: Fault = fault


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request, as plain values. `path` is absolute on the API's host; headers of the client are added later."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    #: Method and path with ids left out, for errors and counts: `GET /…/details/jobs/{jobId}`.
    endpoint: str = ""
    #: Statuses the caller wants to see as an answer instead of an error, e.g. a 404 in the middle of a cursor.
    passes: frozenset[int] = frozenset()
    #: How often it may be sent in all. A job submission has a smaller cap than the rest.
    tries: int = TRIES_MAX
    #: What the role lacks where a 403 does not say it; empty where nobody knows.
    permission: str = "analytics:conversationDetail:view"


@dataclass(frozen=True)
class Answer:
    """One HTTP response: `headers` have lower-case names, `raw` is the body as received."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = b""
    #: What the body may have at most, decoded.
    bytes_max: int = BODY_BYTES_MAX

    @cached_property
    def body(self) -> bytes:
        """The body, decoded; at most `bytes_max` bytes, else `TransportError('oversize')`."""
        return decode(self.raw, self.headers.get("content-encoding", ""), self.bytes_max)

    @cached_property
    def page(self) -> Page:
        """The body as a page, read once for its walk and its tally; a body that is none raises one of `UNREADABLE`."""
        return read_page(self.body)


class Transport(Protocol):
    """Send one call to `base` (scheme, host, port) with these headers; once."""

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer: ...


def decode(raw: bytes, encoding: str, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """Undo gzip, of one part or several, within bounds: a kilobyte can hold a gigabyte, so the size is checked while inflating."""
    if encoding.strip().lower() not in {"gzip", "x-gzip"}:
        return raw
    body = b""
    for _ in range(MEMBERS_MAX):
        member, raw = _inflated(raw, bytes_max - len(body) + 1)
        body += member
        if len(body) > bytes_max:
            raise TransportError("oversize", f"the body inflates to more than {bytes_max / MIB:,.0f} MiB")
        if not raw:
            return body
    raise TransportError("oversize", f"the compressed body has more than {MEMBERS_MAX} parts")


def _inflated(raw: bytes, bytes_max: int) -> tuple[bytes, bytes]:
    """The first member of a gzip body, or so much of it, and what comes after it."""
    inflater = isal_zlib.decompressobj(wbits=31)
    try:
        member = inflater.decompress(raw, bytes_max)
    except isal_zlib.error as problem:  # type: ignore[misc] # its stub takes it for a value
        raise TransportError("truncated", f"the compressed body is damaged ({problem})") from None
    if not inflater.eof and len(member) < bytes_max:
        raise TransportError("truncated", "the compressed body ends in the middle")
    return member, inflater.unused_data


def is_safe(text: str) -> bool:
    """Whether an id can stand as one segment of a path. The API's are UUIDs; what could leave the segment is none."""
    return _ID.fullmatch(text) is not None


def safe_id(text: str) -> str:
    """The id of a job, or an answer that cannot be read."""
    if not is_safe(text):
        raise msgspec.ValidationError(f"the API sent a job id that is none: {text[:80]!r}")
    return text
