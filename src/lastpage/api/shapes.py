"""By what an answer is known to be its endpoint's. A status of 200 does not say so: a gateway, a
sign-in page, or an error in disguise may have it, too.

    asked for                read by         an answer has at least one of (docs/api.md, 1.3 to 1.7)
    -----------------------  --------------  -----------------------------------------------------
    a page, or a count       `page`          conversations, totalHits
    a page of a job's rows   `results`       conversations, cursor, dataAvailabilityDate
    one record by id         `record`        conversationId
    a page of a list         `body_as(…)`    entities, total
    anything else            `body_as(…)`    what its decoder demands

A key counts whatever its value: `null` is one way to say that there is nothing. A call says what it
is read by (`Call.reads`), and what is not readable is asked for again (`responses.RULES`), so no
caller ever sees it.

`{}` has none of these keys. Behind the last page it may be how a server says that nothing is left
(a guess: the recorded ones still say `totalHits`). So there (`Call.may_be_blank`) it is the answer
once it came `BLANKS` times, and the counts decide what it is worth.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from lastpage.api.messages import Answer, Call, Page
from lastpage.api.records import UNREADABLE

#: How often `{}` has to come before it is believed.
BLANKS = 3


def page(answer: Answer) -> Page:
    """The answer to a query: a page, or a count."""
    return _with_any_of(("conversations", "totalHits"), answer)


def results(answer: Answer) -> Page:
    """A page of a job's results."""
    return _with_any_of(("conversations", "cursor", "dataAvailabilityDate"), answer)


def record(answer: Answer) -> msgspec.Raw:
    """One conversation, as the bytes that came; its times may still be unreadable."""
    _check(("conversationId",), answer)
    return msgspec.Raw(answer.body)


def body_as(decode: Callable[[bytes], object], *keys: str) -> Callable[[Answer], object]:
    """Reads a body that its decoder knows, and that has at least one of the keys, if any."""

    def read(answer: Answer) -> object:
        if keys:
            _check(keys, answer)
        return decode(answer.body)

    return read


def flaw(call: Call, answer: Answer) -> str:
    """Why an answer with a good status is none to this call; empty where it is one."""
    try:
        if call.reads is not None:
            call.reads(answer)
    except UNREADABLE as problem:
        return str(problem) or type(problem).__name__
    return ""


def is_blank(answer: Answer) -> bool:
    """Whether an answer with a good status is an object without any key."""
    try:
        return 200 <= answer.status < 300 and msgspec.json.decode(answer.body) == {}
    except UNREADABLE:
        return False


def _with_any_of(keys: tuple[str, ...], answer: Answer) -> Page:
    if answer.page.heads is None:
        _check(keys, answer)
    return answer.page


def _check(keys: tuple[str, ...], answer: Answer) -> None:
    found = msgspec.json.decode(answer.body, type=dict[str, msgspec.Raw])
    if found.keys().isdisjoint(keys):
        raise msgspec.ValidationError(f"it has no {' or '.join(keys)}")
