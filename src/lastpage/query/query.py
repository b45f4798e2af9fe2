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

A query body comes from the vendor's query builder, which always writes more than filters:

    key of a body                              what becomes of it
    -----------------------------------------  -----------------------------------------------------
    the five filter arrays                     they are asked for
    interval, paging, order, orderBy           not used, and a note says so: all pages of the
                                               interval that was given are read, in whatever order
    limit, aggregations,                       refused: the answer would be other rows, or something
    startOfDayIntervalMatching                 else than rows
    another                                    refused: no details query has it
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from lastpage.errors import UsageError
from lastpage.query.interval import EARLIEST, MS, SECOND, Interval, Relative, iso

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
#: Where each option's filter belongs: the array, and the dimension of its predicates.
OPTIONS = {
    "--media": ("segmentFilters", "mediaType"),
    "--queue": ("segmentFilters", "queueId"),
    "--user": ("segmentFilters", "userId"),
    "--division": ("conversationFilters", "divisionId"),
    "--direction": ("conversationFilters", "originatingDirection"),
}
#: Values of a filter that a sentence shows.
VALUES_SHOWN = 5
#: What lastpage decides itself, and a body may hold all the same; each with its shape.
UNUSED: dict[str, type] = {"interval": str, "paging": dict, "order": str, "orderBy": str}
REFUSED = ("limit", "aggregations", "startOfDayIntervalMatching")
#: What the official SDK puts, without a word, in the place of a value that it does not know.
SDK_UNKNOWN = "outdated_sdk_version"
#: An end just before a quarter of an hour was meant to be the quarter: zones differ by quarters.
QUARTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Query:
    """An interval and filters. Frozen, checked, and the same on every machine.

    Media are those of `MEDIA`; queues, users and divisions are ids. `body` is the body of a details
    query; only its filters count. Raises `UsageError` for what the API would reject or misread;
    what is only odd is in `notes`.
    """

    interval: Interval | Relative
    media: tuple[str, ...] = ()
    direction: str | None = None
    queues: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    divisions: tuple[str, ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict)
    #: What may be misread in how it was written.
    hints: tuple[str, ...] = ()

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
        _check_body(self.body)

    def filters(self) -> Json:
        """The filter arrays of a request body."""
        arrays: dict[str, list[Json]] = {key: list(self.body.get(key) or ()) for key in FILTER_KEYS}
        directions = (self.direction,) if self.direction else ()
        asked = (self.media, self.queues, self.users, self.divisions, directions)
        for (array, dimension), values in zip(OPTIONS.values(), asked, strict=True):
            arrays[array] += _any_of(dimension, values)
        return {key: array for key, array in arrays.items() if array}

    @property
    def notes(self) -> list[str]:
        """Sentences about what was asked and is not taken as it was written, or hardly meant so."""
        unused = [key for key in UNUSED if self.body.get(key) is not None]
        if self.body.get("interval") == str(self.interval):
            unused.remove("interval")
        found = list(self.hints)
        if unused:
            found.append(
                f"not used of the query body: {', '.join(unused)}; "
                "lastpage reads every page of the interval that it is given"
            )
        if isinstance(self.interval, Interval) and (meant := _meant_end(self.interval.end)):
            found.append(
                f"the end {iso(self.interval.end)} is not included: what starts between it and "
                f"{iso(meant)} is left out; if that is not meant, write {iso(meant)}"
            )
        return found

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


def other_filters(known: str, asked: str) -> str:
    """What a destination has that was made for other filters; both are fingerprints."""
    there, here = _in_words(known), _in_words(asked)
    return "other filters" + (f" ({there}, not {here})" if there != here else "")


def _in_words(fingerprint: str) -> str:
    """A fingerprint as the options that make it; what only a body can say is `--query`."""
    try:
        arrays: dict[str, list[Json]] = json.loads(fingerprint)
        words = [_option_of(array, each) for array in arrays for each in arrays[array]]
    except (ValueError, TypeError, AttributeError):
        words = ["--query FILE"]  # what a destination has recorded may be anything
    return " ".join(dict.fromkeys(words)) or "none"


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


def _option_of(array: str, element: Json) -> str:
    """The option that makes an element of a filter array."""
    values = [predicate.get("value") for predicate in element.get("predicates") or ()]
    for option, (place, dimension) in OPTIONS.items():
        if array == place and [element] == _any_of(dimension, values):
            shown = " ".join(f"{option} {value}" for value in values[:VALUES_SHOWN])
            return shown + (" …" if len(values) > VALUES_SHOWN else "")
    return "--query FILE"


def _any_of(dimension: str, values: Sequence[Any]) -> list[Json]:
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


def _meant_end(end: datetime) -> datetime | None:
    """The end that was meant by one that lies a second or a millisecond before it."""
    for little in (SECOND, MS):
        if (end + little - EARLIEST) % QUARTER == timedelta(0):
            return end + little
    return None


def _check_body(body: Mapping[str, Any]) -> None:
    try:
        json.dumps(body)
    except (TypeError, ValueError, RecursionError) as problem:
        raise UsageError(
            f"the query body cannot be written as JSON ({problem}); give plain lists and dicts"
        ) from None
    for path in _paths_of(SDK_UNKNOWN, body):
        raise UsageError(
            f"the official SDK does not know the value of {path}, and has put {SDK_UNKNOWN!r} "
            "in its place; update the SDK, or give the query body as a dict"
        )
    for key, value in body.items():
        if key in FILTER_KEYS:
            _check_filters(key, value)
        elif key in REFUSED and value is not None:
            raise UsageError(
                f"the query body sets {key!r}, which lastpage decides itself; remove it"
            )
        elif key in UNUSED and not isinstance(value, UNUSED[key]) and value is not None:
            raise UsageError(f"{key!r} in the query body is not what a query has; remove it")
        elif key not in (*UNUSED, *REFUSED):
            raise UsageError(f"the query body has {key!r}, which no details query has; remove it")


def _paths_of(text: str, body: Any) -> Iterator[str]:
    """Where a text stands in a body, such as `segmentFilters[0].predicates[1].dimension`."""
    waiting = [("", body)]
    while waiting:
        path, value = waiting.pop()
        if value == text:
            yield path
        elif isinstance(value, Mapping):
            waiting += [(f"{path}.{key}".strip("."), each) for key, each in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{path}[{number}]", each) for number, each in enumerate(value)]


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
