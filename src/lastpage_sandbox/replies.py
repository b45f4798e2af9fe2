"""Answers as values: a status, a body, headers. `wire.py` alone turns them into bytes.

The error words and texts are those of docs/api.md, 1.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: The keys of texts that people may come to read: of errors, jobs, organisations, lists.
TEXTS = {
    "message", "messageWithParams", "code", "contextId", "permissions", "error", "description",
    "error_description", "errorMessage", "name",
}  # fmt: skip
#: A few commands to a terminal, and a line of somebody else; harmless, and easy to find.
CONTROLS = "\x1b[7m\x1b[0m\x07\x9b0m\x85\u202e\u2066\u2028\r\nFORGED"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as values; header names are lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    json: Any = None
    #: The fault words drawn for this request; handlers honour those that concern content.
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer. `body` is JSON to be rendered, bytes as they are, or None for nothing."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def with_controls(body: Any) -> Any:
    """A body with control characters behind each of its texts."""
    if isinstance(body, list):
        return [with_controls(each) for each in body]
    if not isinstance(body, dict):
        return body
    return {
        key: value + CONTROLS if key in TEXTS and isinstance(value, str) else with_controls(value)
        for key, value in body.items()
    }


class Refusal(Exception):
    """Thrown by handlers; carries the error answer."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.more = status, code, message, more

    def reply(self, context: str) -> Reply:
        headers = (
            {"Retry-After": str(self.more["retry_after"])} if "retry_after" in self.more else {}
        )
        body = {
            "message": self.message,
            "code": self.code,
            "status": self.status,
            "contextId": context,
            "details": [],
            "errors": [],
            **self.more.get("body", {}),
        }
        return Reply(self.status, body, headers)


def bad_request(message: str, code: str = "bad.request") -> Refusal:
    return Refusal(400, code, message)


def invalid_value(value: object, kind: str, allowed: object = ()) -> Refusal:
    names = ", ".join(sorted(str(name) for name in allowed)) if allowed else ""  # type: ignore[attr-defined]
    tail = f" Allowable values are: {names}" if names else ""
    return Refusal(
        400, "invalid.value", f"Value [{value or ''}] is not valid for field type [{kind}].{tail}"
    )


def not_found() -> Refusal:
    return Refusal(404, "not.found", "The requested resource was not found.")


#: The bodies of plain error statuses, for faults and routes alike.
PLAIN: dict[int, tuple[str, str]] = {
    400: (
        "bad.request",
        "The request could not be understood by the server due to malformed syntax.",
    ),
    401: ("bad.credentials", "Invalid login credentials."),
    403: ("not.authorized", "You are not authorized to perform the requested action."),
    404: ("not.found", "The requested resource was not found."),
    408: (
        "client.timeout",
        "The client did not produce a request within the server timeout limit.",
    ),
    409: (
        "general.conflict",
        "The request conflicts with the current state of the target resource.",
    ),
    413: ("request.entity.too.large", "The request is over the size limit. Maximum bytes: 512000"),
    415: ("unsupported.media.type", "Unsupported Media Type - only application/json is supported."),
    500: (
        "internal.server.error",
        (
            "The server encountered an unexpected condition which prevented it from fulfilling "
            "the request."
        ),
    ),
    502: ("bad.gateway", "Bad Gateway"),
    503: (
        "service.unavailable",
        (
            "Service Unavailable - The server is currently unavailable (because it is overloaded "
            "or down for maintenance)."
        ),
    ),
    504: ("request.timeout", "The request timed out."),
}


def plain(status: int) -> Refusal:
    return Refusal(status, *PLAIN[status])


def throttled(seconds: int | None, allowed: int) -> Refusal:
    more = {} if seconds is None else {"retry_after": seconds}
    limit = {
        "key": "client.credentials.token.rate.per.minute",
        "namespace": "platform.api",
        "value": allowed,
    }
    text = f"Rate limit exceeded the maximum. Retry the request in [{seconds or 60}] seconds"
    return Refusal(429, "too.many.requests.retry.after", text, body={"limit": limit}, **more)
