"""What is asked: an interval and filters, checked before anything is sent.

The API decides where a filter belongs (docs/api.md, 1.3): media, queue and user are facts of a
segment, direction and division of the conversation. The filter arrays are ANDed, and each element
of `segmentFilters` has to be met by *some* segment, so `--media voice --queue Q` means: has a voice
segment, and has a segment in Q.

    option                body
    --------------------  --------------------------------------------------------------------------
    --media               segmentFilters, mediaType
    --queue, --user       segmentFilters, queueId and userId
    --direction           conversationFilters, originatingDirection
    --division            conversationFilters, divisionId
    --query FILE          all five arrays, joined with these
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from lastpage.errors import UsageError
from lastpage.query.interval import Interval, Relative

Json = dict[str, Any]
#: docs/api.md, 1.9. The API's enums are open; a media type newer than this list can be asked for
#: with a body.
MEDIA = (
    "callback", "chat", "cobrowse", "email", "internalmessage", "message",
    "screenmonitoring", "screenshare", "unknown", "video", "voice",
)  # fmt: skip
FILTER_KEYS = (
    "conversationFilters",
    "segmentFilters",
    "evaluationFilters",
    "surveyFilters",
    "resolutionFilters",
)
#: What lastpage decides itself; a body with another value would break the walk or its proof.
OURS = (
    "interval", "paging", "limit", "order", "orderBy", "aggregations", "startOfDayIntervalMatching",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Query:
    """An interval and filters. Frozen, checked, and the same on every machine.

    Media are those of `MEDIA`; queues, users and divisions are ids. `body` is the body of a details
    query; only its filters count. Raises `UsageError` for what the API would reject or misread.
    """

    interval: Interval | Relative
    media: tuple[str, ...] = ()
    direction: str | None = None
    queues: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    divisions: tuple[str, ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.media:
            _check_word("--media", name, MEDIA)
        if self.direction is not None:
            _check_word("--direction", self.direction, ("inbound", "outbound"))
        ids = {"--queue": self.queues, "--user": self.users, "--division": self.divisions}
        for option, texts in ids.items():
            for text in texts:
                if not is_id(text):
                    raise UsageError(
                        f"{option} {text!r} is not an id; "
                        "give the UUID that the admin page shows in its address bar"
                    )
        _check_body(self.body, self.interval)

    def filters(self) -> Json:
        """The filter arrays of a request body."""
        arrays: dict[str, list[Json]] = {key: list(self.body.get(key) or ()) for key in FILTER_KEYS}
        segment, conversation = arrays["segmentFilters"], arrays["conversationFilters"]
        segment += _any_of("mediaType", self.media)
        segment += _any_of("queueId", self.queues)
        segment += _any_of("userId", self.users)
        conversation += _any_of("divisionId", self.divisions)
        conversation += _any_of("originatingDirection", (self.direction,) if self.direction else ())
        return {key: array for key, array in arrays.items() if array}

    @property
    def sees_segments(self) -> bool:
        """Whether a filter looks at segments; the interval may limit which (docs/api.md, 11)."""
        return any(key != "conversationFilters" for key in self.filters())

    @property
    def fingerprint(self) -> str:
        """The filters as canonical JSON: what a destination is made for."""
        return json.dumps(self.filters(), sort_keys=True, separators=(",", ":"))


def read_body(text: str | bytes, source: str) -> Json:
    """A query body from a file's text, as the vendor's query builder makes it.

    `source` is what messages call the file. Raises `UsageError`.
    """
    advice = "save the body from the query builder"
    try:
        body = json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
    except RecursionError:
        raise UsageError(f"{source} is nested too deep; {advice}") from None
    except ValueError as problem:
        raise UsageError(f"{source} is not JSON ({problem}); {advice}") from None
    if not isinstance(body, dict):
        raise UsageError(f'{source} must hold one JSON object, such as {{"segmentFilters": […]}}')
    return body


def is_id(text: str) -> bool:
    """Whether a text is an id as the API writes them; anything else is a name."""
    try:
        return str(UUID(text)) == text.lower()
    except (ValueError, TypeError, AttributeError):
        return False


def _unique_keys(pairs: Sequence[tuple[str, Any]]) -> Json:
    """A key that stands twice would silently drop the filters of the first."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _any_of(dimension: str, values: Sequence[str]) -> list[Json]:
    predicates = [{"dimension": dimension, "value": value} for value in values]
    return [{"type": "or", "predicates": predicates}] if predicates else []


def _check_word(option: str, value: str, allowed: Sequence[str]) -> None:
    if not isinstance(value, str):
        raise UsageError(f"{option} takes words, not {value!r}; the API has: {', '.join(allowed)}")
    if value not in allowed:
        near = difflib.get_close_matches(value.lower(), allowed, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(
            f"{option} {value!r} is not known; the API has: {', '.join(allowed)}{hint}"
        )


def _check_body(body: Mapping[str, Any], interval: Interval | Relative) -> None:
    for key in body:
        if key not in FILTER_KEYS and key not in OURS:
            raise UsageError(f"the query body has {key!r}, which no details query has; remove it")
    for key in OURS:
        same = key == "interval" and body.get(key) == str(interval)
        if body.get(key) is not None and not same:
            more = " and give the interval on the command line" if key == "interval" else ""
            raise UsageError(
                f"the query body sets {key!r}, which lastpage decides itself; remove it{more}"
            )
    for key in FILTER_KEYS:
        _check_filters(key, body.get(key))
    try:
        json.dumps(body)
    except (TypeError, ValueError, RecursionError) as problem:
        raise UsageError(
            f"the query body cannot be written as JSON ({problem}); give plain lists and dicts"
        ) from None


def _check_filters(key: str, array: Any) -> None:
    if array is None:
        return
    if not _are_objects(array):
        raise UsageError(f"{key} in the query body must be a list of objects")
    for item in array:
        if item.get("type") not in ("and", "or"):
            raise UsageError(f'each element of {key} in the query body needs "type": "and" or "or"')
        for part in ("predicates", "clauses"):
            if item.get(part) is not None and not _are_objects(item[part]):
                raise UsageError(f"{part} of {key} in the query body must be a list of objects")
        clauses = item.get("clauses") or ()
        if not item.get("predicates") and not any(clause.get("predicates") for clause in clauses):
            raise UsageError(f"an element of {key} in the query body has no predicates; remove it")


def _are_objects(array: Any) -> bool:
    return isinstance(array, list) and all(isinstance(item, dict) for item in array)
