"""The organisation's lists, page by page to their end (docs/api.md, 1.7): what its ids are called now.

What a listing says of its own length is not believed alone: `total` and `pageCount` may be off, and entities slide while the list
is read. So a page ends it that is empty, or short while everything that it says agrees; and a list that shows fewer than it counts
is read again, the readings joined.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from lastpage.api.client import Client
from lastpage.api.messages import UNREADABLE, Call
from lastpage.api.responses import understood
from lastpage.errors import ApiError, RejectedError, UnavailableError, UsageError
from lastpage.query.query import is_id

#: Entities of a page. How many each list takes at most is not documented: one that refuses is asked for half as many.
PAGE_SIZE = 100
#: Pages of one list; more have no end.
PAGES_MAX = 1_000
#: Readings of a list that shows fewer entities than it counts.
READINGS_MAX = 3
#: Names are a help, no reason to wait for minutes.
TRIES = 5


@dataclass(frozen=True, slots=True)
class Source:
    """Where a list is, what it is called in sentences, and the permission that it wants."""

    path: str
    words: str
    permission: str
    query: tuple[tuple[str, str], ...] = ()

    @property
    def endpoint(self) -> str:
        return f"GET {self.path}"

    def page(self, number: int, size: int) -> Call:
        query = (("pageSize", str(size)), ("pageNumber", str(number)), *self.query)
        return Call("GET", self.path, query, endpoint=self.endpoint, tries=TRIES, permission=self.permission)


#: Users who have left have conversations, too; only `state=any` lists them.
SOURCES = {
    "queues": Source("/api/v2/routing/queues", "queues", "routing:queue:view"),
    "users": Source("/api/v2/users", "users", "directory:user:view", (("state", "any"),)),
    "wrap_up_codes": Source("/api/v2/routing/wrapupcodes", "wrap-up codes", "routing:wrapupCode:view"),
    "divisions": Source("/api/v2/authorization/divisions", "divisions", ""),
}


class _Page(msgspec.Struct, frozen=True):
    """A listing; its numbers are only hints, so they may be anything."""

    entities: list[msgspec.Raw] | None = None
    total: Any = None
    pages: Any = msgspec.field(name="pageCount", default=None)
    size: Any = msgspec.field(name="pageSize", default=None)
    next: Any = msgspec.field(name="nextUri", default=None)


class _Entity(msgspec.Struct, frozen=True):
    id: str
    name: Any = None


_page = msgspec.json.Decoder(_Page).decode
_entity = msgspec.json.Decoder(_Entity).decode


@dataclass(slots=True)
class Listing:
    """A list as it was shown: names by id; how many entities had no id; how many the API counts, if it says."""

    names: dict[str, str | None] = field(default_factory=dict)
    skipped: int = 0
    total: int | None = None

    @property
    def lacking(self) -> int:
        """How many the API counts and does not show."""
        return max((self.total or 0) - len(self.names) - self.skipped, 0)

    def take(self, page: _Page) -> list[str]:
        """Add a page's entities; their ids."""
        ids = []
        for raw in page.entities or ():
            try:
                entity = _entity(raw)
            except UNREADABLE:
                entity = _Entity("")
            if entity.id:
                self.names[entity.id] = entity.name if isinstance(entity.name, str) else None
                ids.append(entity.id)
            else:
                self.skipped += 1
        if _is_number(page.total):
            self.total = page.total
        return ids


def listing(client: Client, source: Source) -> Listing:
    """A whole list; raises `ApiError` where it cannot be had."""
    found = Listing()
    for reading in range(READINGS_MAX):
        before = len(found.names)
        found.skipped = 0
        _read(client, source, found)
        if not found.lacking or (reading and len(found.names) == before):
            break
    if not found.names and found.total != 0:
        raise UnavailableError(
            f"{source.endpoint} shows nothing, and does not say that there is nothing; "
            "a proxy may be in the way, or the API is at fault",
            endpoint=source.endpoint,
        )
    return found


def peek(client: Client, source: Source) -> None:
    """Whether a list may be read; raises `ApiError` where not."""
    _send(client, source, 1, 1)


def _read(client: Client, source: Source, found: Listing) -> None:
    """One reading, from the first page to the end."""
    page, size = _first(client, source)
    before: list[str] = []
    empty = False
    for number in range(1, PAGES_MAX + 1):
        if number > 1:
            page = _send(client, source, number, size)
        ids = found.take(page)
        if page.entities:
            # A server that knows no page behind the last shows the last one again.
            if ids == before or _is_last(page, number, size, len(found.names) + found.skipped):
                return
        elif empty or not _goes_on(page, number):
            return
        before, empty = ids, not page.entities
    raise UnavailableError(
        f"{source.endpoint} has no end after {PAGES_MAX:,} pages; the API is at fault",
        endpoint=source.endpoint,
    )


def _first(client: Client, source: Source) -> tuple[_Page, int]:
    """The first page, and the page size that this list takes."""
    size = PAGE_SIZE
    while True:
        try:
            return _send(client, source, 1, size), size
        except RejectedError as refusal:
            if refusal.status != 400 or size == 1:
                raise
        size //= 2


def _send(client: Client, source: Source, number: int, size: int) -> _Page:
    call = source.page(number, size)
    return understood(call, client.send(call), _page)


def _is_last(page: _Page, number: int, size: int, known: int) -> bool:
    """Whether a page that has entities is the last one by everything it says; a doubt costs one request."""
    shown: Sequence[msgspec.Raw] = page.entities or ()
    is_short = len(shown) < (min(size, page.size) if _is_number(page.size) else size)
    return is_short and _is_number(page.total) and known >= page.total and not _goes_on(page, number)


def _goes_on(page: _Page, number: int) -> bool:
    return bool(page.next) or (_is_number(page.pages) and page.pages > number)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# PART naming
# What ids are called, and which id a name means: the organisation's lists, each read once, when it is first needed.


#: Ids that are shown where a name means several.
IDS_SHOWN = 10


class Directory:
    """The lists as they are during one call of a verb."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._read: dict[str, Listing | ApiError] = {}

    def lists(self, kinds: Iterable[str], note: Callable[[str], None]) -> dict[str, dict[str, str | None]]:
        """Names by id, of every list that can be read; a list that cannot is a note, not a failure."""
        lists = {}
        for kind in kinds:
            words = SOURCES[kind].words
            try:
                found = self._listing(kind)
            except ApiError as problem:
                note(f"names of {words} are not there: {problem}")
                continue
            if found.skipped:
                note(f"{found.skipped:,} {words} have no id and are left out")
            if found.lacking:
                note(
                    f"{found.lacking:,} {words} have no name here: the API counts {found.total:,} and does not show them"
                )
            lists[kind] = found.names
        return lists

    def ids(self, option: str, kind: str, texts: Iterable[str]) -> tuple[str, ...]:
        """The ids that are meant, each once. Raises `UsageError` for a name that means nothing or several things."""
        return tuple(dict.fromkeys(text if is_id(text) else self._id(option, kind, text) for text in texts))

    def _id(self, option: str, kind: str, text: str) -> str:
        try:
            names = self._listing(kind).names
        except ApiError as problem:
            raise _unasked(option, text, problem) from None
        for alike in (_composed, _folded):
            found = sorted(each for each, name in names.items() if name is not None and alike(name) == alike(text))
            if len(found) == 1:
                return found[0]
            if found:
                shown = ", ".join(found[:IDS_SHOWN]) + (" …" if len(found) > IDS_SHOWN else "")
                raise UsageError(
                    f"{option} {text!r} is the name of {len(found)} {SOURCES[kind].words}; give an id: {shown}"
                )
        raise UsageError(
            f"{option} {text!r} is none of the {len(names):,} {SOURCES[kind].words} that this client sees; "
            + _nearly(text, [name for name in names.values() if name])
        )

    def _listing(self, kind: str) -> Listing:
        found = self._read.get(kind)
        if found is None:
            try:
                found = listing(self._client, SOURCES[kind])
            except ApiError as problem:
                found = problem
            self._read[kind] = found
        if isinstance(found, ApiError):
            raise found
        return found


def _unasked(option: str, text: str, problem: ApiError) -> ApiError:
    return type(problem)(
        f"{option} {text!r} is a name, and which id it means cannot be looked up; give the id, or mend this: {problem}",
        endpoint=problem.endpoint,
        status=problem.status,
        code=problem.code,
        correlation_id=problem.correlation_id,
    )


def _nearly(text: str, names: list[str]) -> str:
    folded = {_folded(name): name for name in names}
    near = difflib.get_close_matches(_folded(text), folded, 3)
    return f"did you mean {' or '.join(repr(folded[each]) for each in near)}?" if near else "give its name or its id"


def _composed(text: str) -> str:
    """The same letters however they were typed."""
    return unicodedata.normalize("NFC", text).strip()


def _folded(text: str) -> str:
    return _composed(text).casefold()
