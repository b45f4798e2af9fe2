"""What a run tells of itself for a bug report: events of fixed names, facts of fixed names, values of fixed shapes.

Whatever has another name or another shape is left out, by the one function that every writer of a trace calls. So nothing secret or
personal can get in by mistake: no stage hands over a header, a body, a query, a URL or a sentence, and what did not fit would be
dropped. The events are records of the loggers `lastpage.<event>`, at the level DEBUG; their facts are the record's `facts`.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Mapping
from pathlib import PurePath
from types import FrameType
from typing import Any

Shape = Callable[[Any], bool]

#: What can go wrong below HTTP (`fetch/transport.py`), and the API's words for the rest (docs/api.md, 1.1, 1.8).
FAULTS = ("connect", "timeout", "reset", "truncated", "tls", "proxy", "oversize")
CODES = (
    "authentication.request.timeout", "authentication.required", "bad.credentials", "bad.request", "client.timeout",
    "credentials.expired", "general.bad.request", "general.conflict", "internal.server.error", "invalid.date", "invalid.value",
    "invalid_client", "ip.not.authorized", "missing.any.permissions", "missing.division.permission", "missing.permissions",
    "not found", "not.authorized", "not.found", "request.entity.too.large", "request.timeout", "response.entity.too.large",
    "service.unavailable", "too.many.requests", "too.many.requests.retry.after", "unauthorized", "unsupported.media.type",
)  # fmt: skip


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _text(pattern: str) -> Shape:
    whole = re.compile(pattern)
    return lambda value: isinstance(value, str) and whole.fullmatch(value) is not None


def _one_of(*words: str) -> Shape:
    return lambda value: isinstance(value, str) and value in words


def _either(*shapes: Shape) -> Shape:
    return lambda value: any(shape(value) for shape in shapes)


def _list_of(shape: Shape) -> Shape:
    return lambda value: isinstance(value, list) and all(shape(each) for each in value)


def _map_of(key: Shape, shape: Shape) -> Shape:
    return lambda value: isinstance(value, dict) and all(key(name) and shape(each) for name, each in value.items())


#: Method and path with ids left out: no digit can be in it but the version's.
_ENDPOINT = _text(r"[A-Z]+ (/(api|v2|[a-z]+|\{[a-zA-Z]+\}))+")
_STATUS = _either(_number, _one_of(*FAULTS))
#: At least 24 digits, so that no telephone number is one.
_CORRELATION = _text(r"(?=(-?[0-9a-f]){24})[0-9a-f-]{24,80}")
_MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
_INTERVAL = _text(f"{_MOMENT}/{_MOMENT}")
_VERSION = _text(r"[0-9][0-9A-Za-z.+-]{0,40}")
_NAME = _text(r"[A-Za-z_][A-Za-z0-9_.-]{0,60}")
#: A line of code: its file without folders, its number, its function.
_PLACE = _text(r"[\w.<>-]{1,80}:\d+ [\w<>]{1,80}")
_ROUTE = _one_of("pages", "cursor")
_DIRECTION = _one_of("inbound", "outbound", "none")
_COVERAGE = _one_of("complete", "unproven", "short")
_FINALITY = _one_of("final", "provisional")

EVENTS: Mapping[str, Mapping[str, Shape]] = {
    "start": {
        "lastpage": _VERSION,
        "python": _VERSION,
        "system": _NAME,
        "machine": _NAME,
        "packages": _map_of(_NAME, _VERSION),
        "verb": _NAME,
        "options": _list_of(_NAME),
        "variables": _list_of(_NAME),
        "region": _NAME,
    },
    "request": {
        "endpoint": _ENDPOINT,
        "status": _STATUS,
        "seconds": _number,
        "tries": _number,
        "bytes": _number,
        "correlation_id": _CORRELATION,
        "rate_count": _number,
        "rate_allowed": _number,
        "rate_reset": _number,
    },
    "plan": {
        "slice": _number,
        "interval": _INTERVAL,
        "route": _ROUTE,
        "direction": _DIRECTION,
        "expected": _number,
    },
    "walk": {"slice": _number, "route": _ROUTE, "end": _one_of("Done", "Narrow", "Again")},
    "verdict": {
        "slice": _number,
        "coverage": _COVERAGE,
        "finality": _FINALITY,
        **dict.fromkeys(
            ("conversations", "fetched", "duplicates", "foreign", "open", "broken", "gap", "expected"), _number
        ),
    },
    "proof": {
        "interval": _INTERVAL,
        "conversations": _number,
        "counted": _number,
        "state": _one_of("same", "changed", "unproven", "short"),
        "finality": _FINALITY,
    },
    "finding": {"check": _NAME, "state": _one_of("ok", "warning", "failed")},
    "note": {"at": _PLACE},
    "end": {
        "exit_code": _number,
        "error": _NAME,
        "causes": _list_of(_NAME),
        "endpoint": _ENDPOINT,
        "status": _STATUS,
        "code": _one_of(*CODES, *FAULTS),
        "correlation_id": _CORRELATION,
        "frames": _list_of(_PLACE),
    },
}


def safe(event: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Of these values, the facts that may be told: those that the event has, in the shape that it has them."""
    shapes = EVENTS.get(event, {})
    return {name: value for name, value in values.items() if name in shapes and shapes[name](value)}


def place(frame: FrameType | None, line: int | None = None) -> str:
    """A line of code by its name; never what is in its variables."""
    code = frame.f_code if frame else tell.__code__
    number = line or (frame.f_lineno if frame else 0)
    return f"{PurePath(code.co_filename).name}:{number} {code.co_name}"


def tell(event: str, **values: Any) -> None:
    """Tell an event, to whoever listens."""
    logger = logging.getLogger(f"lastpage.{event}")
    if logger.isEnabledFor(logging.DEBUG):
        facts = safe(event, values)
        text = ", ".join(f"{name} {value}" for name, value in facts.items())
        logger.debug("%s", text, extra={"facts": facts})
