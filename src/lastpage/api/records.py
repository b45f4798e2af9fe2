"""A record as the bytes that came: who it is, when it was, and what of it is text.

    what is wrong with a record                what it is read as
    -----------------------------------------  -----------------------------------------------------
    no readable id, or no readable start       None: it is broken, and kept as it came
    an unreadable end                          a conversation that is still open
    half a character, or bytes that are none   itself, with these replaced while it is looked at

A time is read by one rule, in the tally and in every table (`moment`): a date and a time with a
zone, as RFC 3339 spells them. Digits behind the millisecond are cut, never rounded: a conversation
of 23:59:59.9999999 belongs to the day that is ending. What is spelt otherwise is no time, since it
may mean several: without a zone, a bare number, a 60th second, a date alone.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

#: Python reads no integer of more digits.
DIGITS_MAX = 4_300
#: A record as the bytes that came.
Raw = msgspec.Raw
#: What reading raises for a body that is not this API's: not JSON, of another shape, or nested too
#: deep.
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def moment(value: Raw | bytes) -> datetime | None:
    """The time that a JSON value spells, in UTC, cut to milliseconds; None where it is no time."""
    if len(value) > _MICROSECONDS:
        value = _DIGITS.sub(rb"\1", bytes(value))
    try:
        found = _decode_time.decode(value)
        if found.tzinfo is not UTC:
            found = found.astimezone(UTC)
    except (msgspec.MsgspecError, ValueError, OverflowError):
        return None  # the last one: in UTC it lies outside the calendar
    beyond = found.microsecond % 1000
    return found.replace(microsecond=found.microsecond - beyond) if beyond else found


class Head(msgspec.Struct, frozen=True, gc=False):
    """Which conversation a record is, when it started, and when it ended (None: still open)."""

    id: str
    start: datetime
    end: datetime | None = None


class Record(msgspec.Struct, frozen=True, gc=False):
    """Of a record what its head is made of, as it came."""

    id: Any = msgspec.field(name="conversationId", default=None)
    start: Raw = msgspec.field(name="conversationStart", default=Raw())
    end: Raw = msgspec.field(name="conversationEnd", default=Raw())

    @property
    def head(self) -> Head | None:
        """None for a record without a readable id or start."""
        start = moment(self.start)
        if start is None or not isinstance(self.id, str):
            return None
        return Head(self.id, start, moment(self.end))


_decode_record = msgspec.json.Decoder(Record).decode
_decode_time: msgspec.json.Decoder[datetime] = msgspec.json.Decoder(
    Annotated[datetime, msgspec.Meta(tz=True)]
)

#: A time with microseconds is so long, as JSON with its quotes; msgspec rounds what is longer.
_MICROSECONDS = len('"2023-10-10T10:00:00.000000Z"')
#: The digits of a fraction: those that count (the group), and those behind them.
_DIGITS = re.compile(rb"(\.\d{3})\d+")
#: An escape in JSON text: two surrogates that make a character, one alone (the group), or another.
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)
#: The same in a text, where bytes that are none are surrogates from U+DC80 on: each of these, each
#: half of a character, and U+F8FF.
_TO_MARK = re.compile(
    r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u([dD][89a-fA-F]..|[fF]8[fF][fF])|.)|([\udc80-\udcff\uf8ff])",
    re.DOTALL,
)
_MARKED = re.compile(rb"\\(?:uf8ff(....)|.)", re.DOTALL)


def read_head(raw: Raw) -> Head | None:
    """A record's head; None for a broken record (see the table at the top)."""
    try:
        return _decode_record(raw).head
    except UNREADABLE:
        pass
    try:
        return _decode_record(readable(bytes(raw))).head
    except UNREADABLE:
        return None


def on_one_line(raw: Raw | bytes) -> bytes:
    """A record's bytes without raw line breaks: in JSON these stand only between two values."""
    text = bytes(raw)
    # Mostly there is none; to look for one is a tenth of the work of taking them out.
    return text.translate(None, b"\r\n") if b"\n" in text or b"\r" in text else text


def decode_record(raw: Raw) -> Any:
    """A record as Python has it.

    Half a character stays half a character, and so does a byte that is none (0xDC00 and its value);
    an integer of more digits than Python reads is a float.
    """
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return json.loads(bytes(raw).decode("utf-8", "surrogateescape"), parse_int=_integer)


def _integer(digits: str) -> float:
    return int(digits) if len(digits) < DIGITS_MAX else float(digits)


def readable(text: bytes) -> bytes:
    """JSON in which U+FFFD stands for halves of characters, and for bytes that are none."""
    try:
        text.decode()
    except UnicodeDecodeError:
        text = text.decode("utf-8", "replace").encode()
    return without_halves(text) if rb"\u" in text else text


def without_halves(text: bytes) -> bytes:
    """JSON without escaped halves of characters; every byte stays where it was."""
    return _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], text)


#: U+F8FF, as JSON spells it: it is in Unicode's area for private use, so no text has it by itself.
MARK = rb"\uf8ff"


def marked(text: bytes) -> bytes:
    """JSON that any decoder takes, of which `unmarked` makes what it was.

    `MARK` and four digits stand for each half of a character, each byte that is none (0xDC00 and
    its value), and each U+F8FF.
    """

    def mark(found: re.Match[str]) -> str:
        digits = found[1] or (f"{ord(found[2]):04x}" if found[2] else "")
        return f"{MARK.decode()}{digits.lower()}" if digits else found[0]

    return _TO_MARK.sub(mark, text.decode("utf-8", "surrogateescape")).encode()


def unmarked(text: bytes, half: bytes | None = None) -> bytes:
    """What was marked, as it was; or with `half` in the place of halves."""

    def unmark(found: re.Match[bytes]) -> bytes:
        if not found[1]:
            return found[0]
        return half if half and found[1].startswith(b"d") else rb"\u" + found[1]

    return _MARKED.sub(unmark, text)
