"""What a run may tell about itself for a bug report.

People send a trace without reading it, so nothing secret or personal can be allowed to get in.
Hence an allowlist: an event has no other facts than those in `EVENTS`, and a fact is a number, a
word of `WORDS`, or a text that matches its pattern in `TEXTS`. `safe` drops the rest, and every
writer calls it. There is no fact for a token, a body, a query, a URL, the id of a record, or a
sentence.

An event is a log record of the logger `lastpage.<event>`, at the level DEBUG. Its facts are the
record's attribute `facts`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import PurePath
from types import FrameType
from typing import Any

EVENTS: Mapping[str, tuple[str, ...]] = {
    # What ran, and where.
    "start": (
        "lastpage", "python", "packages", "system", "machine",
        "verb", "options", "variables", "region",
    ),
    # One request: what was asked, what came back, and how much the organisation had left to ask.
    "request": (
        "endpoint", "status", "seconds", "tries", "bytes", "correlation_id",
        "rate_count", "rate_allowed", "rate_reset",
    ),
    # A slice: what was planned, how each reading of it ended, and what its numbers prove.
    "plan": ("slice", "interval", "route", "expected"),
    "walk": ("slice", "route", "end"),
    "verdict": (
        "slice", "coverage", "finality", "conversations", "expected",
        "fetched", "duplicates", "foreign", "open", "broken", "gap",
    ),
    # What `verify` found of an interval, and what `doctor` found.
    "proof": ("interval", "conversations", "counted", "state", "finality"),
    "hole": ("interval", "counted"),
    "finding": ("check", "state"),
    # A note or an error may quote an id or the API: the line of code stands for its text.
    "note": ("at",),
    "end": (
        "exit_code", "error", "causes", "frames",
        "endpoint", "status", "code", "correlation_id",
    ),
}  # fmt: skip

#: What can go wrong below HTTP (`api/transport.py`), and the API's codes (docs/api.md, 1.1, 1.8).
FAULTS = ("connect", "timeout", "reset", "truncated", "tls", "proxy", "oversize")
CODES = (
    "authentication.request.timeout", "authentication.required", "bad.credentials", "bad.request",
    "client.timeout", "credentials.expired", "general.bad.request", "general.conflict",
    "internal.server.error", "invalid.date", "invalid.value", "invalid_client", "ip.not.authorized",
    "missing.any.permissions", "missing.division.permission", "missing.permissions", "not found",
    "not.authorized", "not.found", "request.entity.too.large", "request.timeout",
    "response.entity.too.large", "service.unavailable", "too.many.requests",
    "too.many.requests.retry.after", "unauthorized", "unsupported.media.type",
)  # fmt: skip
WORDS = frozenset((
    *FAULTS, *CODES, "unreadable", "pages", "cursor", "Done", "Narrow", "Again", "Idle", "Smaller",
    "Stuck", "complete", "unproven", "short", "final", "provisional", "same", "near", "kept",
    "missing", "changed", "writing", "damaged", "damaged", "ok", "warning", "failed",
))  # fmt: skip

_NAME = r"[A-Za-z_][A-Za-z0-9_.-]{0,60}"
_VERSION = r"[0-9][0-9A-Za-z.+-]{0,40}"
_MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
_LINE_OF_CODE = r"[\w.<>-]{1,80}:\d{1,9} [\w<>]{1,80}"
TEXTS: Mapping[str, str] = {
    "interval": f"{_MOMENT}/{_MOMENT}",
    # No digit but that of `v2`, so no id.
    "endpoint": r"(GET|POST|DELETE) (/(v2|[a-z]+|\{[a-zA-Z]+\}))+",
    # A header of the answer: hexadecimal, and too long for a telephone number.
    "correlation_id": r"(-?[0-9a-f]){24,64}",
    "packages": f"{_NAME}=={_VERSION}",
    **dict.fromkeys(("lastpage", "python"), _VERSION),
    **dict.fromkeys(("system", "machine", "verb", "options", "variables", "region"), _NAME),
    **dict.fromkeys(("check", "error", "causes"), _NAME),
    **dict.fromkeys(("at", "frames"), _LINE_OF_CODE),
}


def safe(event: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that the event may have, with values that they may have; the rest is dropped."""
    known = EVENTS.get(event, ())
    return {name: value for name, value in facts.items() if name in known and _fits(name, value)}


def _fits(name: str, value: Any) -> bool:
    if isinstance(value, list):
        return all(_fits(name, each) for each in value)
    if name in TEXTS:
        return isinstance(value, str) and re.fullmatch(TEXTS[name], value) is not None
    if isinstance(value, str):
        return value in WORDS
    # Smaller than an international telephone number; this leaves out infinity and NaN, too.
    return isinstance(value, int | float) and abs(value) < 1e9


def code_line(frame: FrameType | None, line: int | None = None) -> str:
    """A line of code: its file, its number, its function. Nothing that its variables hold."""
    if frame is None:
        return ""
    code = frame.f_code
    return f"{PurePath(code.co_filename).name}:{line or frame.f_lineno} {code.co_name}"


def log_event(event: str, **facts: Any) -> None:
    """Log an event with its safe facts, if anything listens at the level DEBUG."""
    logger = logging.getLogger(f"lastpage.{event}")
    if logger.isEnabledFor(logging.DEBUG):
        facts = safe(event, facts)
        text = ", ".join(f"{name} {value}" for name, value in facts.items())
        logger.debug("%s", text, extra={"facts": facts})
