"""What is sent and what comes back: a `Call`, its `Answer`, and the `Page` that an answer holds.

    Call ─▶ Transport.send ─▶ Answer(status, headers, raw)
                                 .body   decompressed, within bounds
                                 .page   read once: who the records are, and what steers the walk

A transport sends once and tries nothing twice; everything above it runs without a socket. The body
stays as it was received (still gzipped where the server did that), because that is what the spool
keeps.

The records of a page are not built here. A page is read once for what its walk and its account want
(`read_page`: every record's id and times) and once more for the records themselves
(`split_records`: as the bytes that came), each at about 1 GB/s. Field names are the API's own
(docs/api.md, 1.3, 1.4). Everything is optional: what the API leaves out must not break a walk. What
a record is read as is in `records`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Literal, Protocol, cast

import msgspec
from isal import isal_zlib

from lastpage.api.records import UNREADABLE, Head, Raw, Record, moment, read_head, without_halves

#: The API's paths of conversation details (docs/api.md, 1.3, 1.4, 1.5).
DETAILS = "/api/v2/analytics/conversations/details"
QUERY, JOBS = f"{DETAILS}/query", f"{DETAILS}/jobs"
MIB = 1024 * 1024
#: A larger body is a page with too many rows, or not the API's (a bomb, a stream without end).
BODY_BYTES_MAX = 256 * MIB
#: Parts of a compressed body; servers send one.
MEMBERS_MAX = 100

#: What went wrong below HTTP; `responses.RULES` decides by this word.
Fault = Literal["connect", "timeout", "reset", "truncated", "tls", "proxy", "oversize"]
# Calls and answers ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request, as plain values.

    `path` is absolute on the API's host; the client adds its headers later.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    #: Method and path without ids, for errors and counts: `GET /…/details/jobs/{jobId}`.
    endpoint: str = ""
    #: Statuses that the caller wants as an answer: a 404 in the middle of a cursor.
    passes: frozenset[int] = frozenset()
    #: How often its answer may get lost, as a submission's may, which leaves a job; None: as any's.
    lost_max: int | None = None
    #: Reads its answer, or raises one of `UNREADABLE`; None where the answer is not read. See
    #: `shapes` for both.
    reads: Callable[[Answer], object] | None = None
    may_be_blank: bool = False
    #: How many conversations a page has at most; 0 for all that is no page.
    rows: int = 0
    #: What the role lacks where a 403 does not say it; empty where it is not known.
    permission: str = "analytics:conversationDetail:view"


@dataclass(frozen=True)
class Answer:
    """One HTTP response: `headers` have lower-case names, `raw` is the body as received."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = b""
    #: Bytes that the decompressed body may have.
    bytes_max: int = BODY_BYTES_MAX

    @cached_property
    def body(self) -> bytes:
        """The body, decompressed.

        Raises `TransportError`: "oversize" above `bytes_max`, "truncated" where it is damaged.
        """
        return decompress(self.raw, self.headers.get("content-encoding", ""), self.bytes_max)

    @cached_property
    def page(self) -> Page:
        """The body as a page; raises one of `UNREADABLE` for a body that is not one."""
        return read_page(self.body)


class TransportError(Exception):
    """No whole answer came. `fault` says how; the message is for people and holds no secret."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault: Fault = fault


class Transport(Protocol):
    """The seam to the network."""

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        """Send one call to `base` (scheme, host, port) with these headers; once.

        Returns the answer, whatever its status; raises `TransportError` where no whole one came.
        """


def decompress(raw: bytes, encoding: str, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """Undo gzip, of one part or several; a body without that encoding is returned as it is.

    A kilobyte can hold a gigabyte, so the size is checked while inflating.
    """
    if encoding.strip().lower() not in {"gzip", "x-gzip"}:
        return raw
    body = b""
    for _ in range(MEMBERS_MAX):
        member, raw = _inflate(raw, bytes_max - len(body) + 1)
        body += member
        if len(body) > bytes_max:
            size = f"{bytes_max / MIB:,.0f} MiB"
            raise TransportError("oversize", f"the body inflates to more than {size}")
        if not raw:
            return body
    raise TransportError("oversize", f"the compressed body has more than {MEMBERS_MAX} parts")


def _inflate(raw: bytes, bytes_max: int) -> tuple[bytes, bytes]:
    """The first member of a gzip body, or so much of it, and what comes after it."""
    inflater = isal_zlib.decompressobj(wbits=31)
    try:
        member = inflater.decompress(raw, bytes_max)
    except isal_zlib.error as problem:  # type: ignore[misc] # its stub takes it for a value
        message = f"the compressed body is damaged ({problem})"
        raise TransportError("truncated", message) from None
    if not inflater.eof and len(member) < bytes_max:
        raise TransportError("truncated", "the compressed body ends in the middle")
    return member, inflater.unused_data


# What the API answers ---------------------------------------------------------------------------


def row_count(spelt: float | str) -> int:
    """A number of rows: 3000, and also 3000.0 or "3000", which is how a gateway may spell it.

    Raises `ValueError` for anything else. That other spellings than the first occur is a guess.
    """
    number = float(spelt)
    if not (number.is_integer() and 0 <= number <= 2**53):
        raise ValueError(f"{str(spelt)[:80]!r} is not a number of rows")
    return int(number)


class _Envelope(msgspec.Struct, frozen=True, gc=False):
    """What steers a walk on a page of either route."""

    hits: int | float | str | None = msgspec.field(name="totalHits", default=None)
    cursor: str | None = None
    available: Raw = msgspec.field(name="dataAvailabilityDate", default=Raw())
    #: The API is not known to send it; it is followed if it does (docs/api.md, 11, row 22).
    token: str | None = msgspec.field(name="nextPageToken", default=None)

    def __post_init__(self) -> None:
        if self.hits is not None:
            row_count(self.hits)

    @property
    def watermark(self) -> datetime | None:
        """The watermark of the results; None where the page does not tell a time."""
        return moment(self.available)

    @property
    def total_hits(self) -> int | None:
        """How many conversations the API counts, about; None where it does not say."""
        return None if self.hits is None else row_count(self.hits)


class Page(_Envelope, frozen=True, gc=False):
    """A page: which conversations its records are, in order; None stands for a broken record."""

    heads: Sequence[Head | None] | None = None

    @property
    def known(self) -> list[Head]:
        """The records that have a readable id and start."""
        return [head for head in self.heads or () if head]


class _Heads(_Envelope, frozen=True, gc=False):
    conversations: list[Record] | None = None


class _Records(_Envelope, frozen=True, gc=False):
    conversations: list[Raw] | None = None


class Job(msgspec.Struct, frozen=True, gc=False):
    """The answer to a submission (docs/api.md, 1.4); its id can stand in a path."""

    id: str = msgspec.field(name="jobId")

    def __post_init__(self) -> None:
        safe_id(self.id)


class Status(msgspec.Struct, frozen=True, gc=False):
    """How far a job is. States are open strings; those of docs/api.md, 1.4 end the waiting."""

    state: str = ""
    error: str | None = msgspec.field(name="errorMessage", default=None)


class Availability(msgspec.Struct, frozen=True, gc=False):
    """The watermark of the jobs: `dataAvailabilityDate` (docs/api.md, 1.4)."""

    available: Raw = msgspec.field(name="dataAvailabilityDate")

    def __post_init__(self) -> None:
        if moment(self.available) is None:
            raise ValueError("dataAvailabilityDate is not a time")

    @property
    def watermark(self) -> datetime:
        """The watermark, which is a time."""
        return cast("datetime", moment(self.available))


# Each raises one of `UNREADABLE` for a body of another shape.
read_job = msgspec.json.Decoder(Job).decode
read_status = msgspec.json.Decoder(Status).decode
read_availability = msgspec.json.Decoder(Availability).decode
_decode_heads = msgspec.json.Decoder(_Heads).decode
_decode_records = msgspec.json.Decoder(_Records).decode

_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


def read_page(body: bytes) -> Page:
    """A page; one broken record does not make it unreadable. Raises one of `UNREADABLE`."""
    page: _Heads | _Records
    try:
        page = _decode_heads(body)
        heads = [each.head for each in page.conversations or ()]
    except UNREADABLE:
        page = _split(body)
        heads = [read_head(raw) for raw in page.conversations or ()]
    fields = msgspec.structs.asdict(page)
    return Page(heads=None if fields.pop("conversations") is None else heads, **fields)


def split_records(body: bytes) -> list[Raw]:
    """The records of a page, as they came, in the order of its heads."""
    return _split(body).conversations or []


def is_safe_id(text: str) -> bool:
    """Whether an id can stand as one segment of a path; the API's own are UUIDs."""
    return _ID.fullmatch(text) is not None


def safe_id(text: str) -> str:
    """The id of a job; raises `msgspec.ValidationError`, as for an answer that cannot be read."""
    if not is_safe_id(text):
        raise msgspec.ValidationError(f"the API sent a job id that is not one: {text[:80]!r}")
    return text


def _split(body: bytes) -> _Records:
    """A page's records, cut out of the body, with escaped halves of characters in them or not."""
    try:
        return _decode_records(body)
    except msgspec.DecodeError:
        readable = without_halves(body)
        if readable == body:
            raise
    page = _decode_records(readable)
    if page.conversations is None:
        return page
    records, end = [], 0
    for raw in map(bytes, page.conversations):
        start = readable.index(raw, end)
        end = start + len(raw)
        records.append(Raw(body[start:end]))
    return msgspec.structs.replace(page, conversations=records)
