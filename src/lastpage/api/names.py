"""What an organisation's ids are called: its lists, read whole, and the names that users type.

Lists (docs/api.md, 1.7) are read page by page to their end. What a list says of its own length is
not believed alone, since `total` and `pageCount` may be off, and entities slide while it is read:

    a page that                                     means
    ----------------------------------------------  ------------------------------------------------
    is short, and all that it says agrees           the end
    repeats the page before it                      the end: this server knows no page behind it
    is empty, and says that more follow             go on; two in a row are the end
    is empty otherwise                              the end
    is refused with 400 (the first one)             ask again for half as many entities

A list that shows fewer entities than it counts is read again, and the readings are joined.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from lastpage.api.client import Client
from lastpage.api.messages import Call
from lastpage.api.patience import Patience
from lastpage.api.records import UNREADABLE
from lastpage.api.responses import GRANT
from lastpage.api.shapes import body_as
from lastpage.errors import ApiError, RejectedError, UnavailableError, UsageError
from lastpage.query.query import is_id

#: Entities of a page; the most that each list takes is not documented.
PAGE_SIZE = 100
#: Pages of one list; a list with more is taken to have no end.
PAGES_MAX = 1_000
#: Readings of a list that shows fewer entities than it counts.
READINGS_MAX = 3
#: Names beside ids are only a help, not worth minutes of waiting; a name in the command is.
PATIENCE = Patience(tries=5, trouble_s=0.0)
#: Ids that are shown where a name means several.
IDS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Source:
    """Where a list is, what it is called in sentences, and the permission that it needs."""

    path: str
    words: str
    permission: str
    query: tuple[tuple[str, str], ...] = ()

    @property
    def endpoint(self) -> str:
        """Method and path."""
        return f"GET {self.path}"

    def page(self, number: int, size: int) -> Call:
        """The call for one page; pages are numbered from 1."""
        query = (("pageSize", str(size)), ("pageNumber", str(number)), *self.query)
        return Call(
            "GET",
            self.path,
            query,
            endpoint=self.endpoint,
            reads=body_as(_decode_page, "entities", "total"),
            permission=self.permission,
        )


#: Users who have left have conversations, too; only `state=any` lists them.
SOURCES = {
    "queues": Source("/api/v2/routing/queues", "queues", "routing:queue:view"),
    "users": Source("/api/v2/users", "users", "directory:user:view", (("state", "any"),)),
    "wrap_up_codes": Source(
        "/api/v2/routing/wrapupcodes", "wrap-up codes", "routing:wrapupCode:view"
    ),
    "divisions": Source("/api/v2/authorization/divisions", "divisions", ""),
}

# Reading a list ---------------------------------------------------------------------------------


class _Page(msgspec.Struct, frozen=True):
    """A page of a list; its numbers are only hints, so they may be anything."""

    entities: list[msgspec.Raw] | None = None
    total: Any = None
    pages: Any = msgspec.field(name="pageCount", default=None)
    size: Any = msgspec.field(name="pageSize", default=None)
    next: Any = msgspec.field(name="nextUri", default=None)


class _Entity(msgspec.Struct, frozen=True):
    id: str
    name: Any = None


_decode_page = msgspec.json.Decoder(_Page).decode
_decode_entity = msgspec.json.Decoder(_Entity).decode


@dataclass(slots=True)
class Listing:
    """A list as it was shown: names by id, entities without an id, and the API's own count."""

    names: dict[str, str | None] = field(default_factory=dict)
    skipped: int = 0
    total: int | None = None

    @property
    def lacking(self) -> int:
        """How many entities the API counts and does not show."""
        return max((self.total or 0) - len(self.names) - self.skipped, 0)

    def add(self, page: _Page) -> list[str]:
        """Add a page's entities; returns their ids."""
        ids = []
        for raw in page.entities or ():
            try:
                entity = _decode_entity(raw)
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
    """A whole list. Raises `ApiError` where it cannot be read."""
    found = Listing()
    for reading in range(READINGS_MAX):
        before = len(found.names)
        found.skipped = 0
        _read(client, source, found)
        if not found.lacking or (reading and len(found.names) == before):
            break
    if not found.names and found.total != 0:
        raise UnavailableError(
            f"{source.endpoint} shows no entities, and does not say that there are none; "
            "a proxy may be in the way, or the API is at fault",
            endpoint=source.endpoint,
        )
    return found


def check_readable(client: Client, source: Source) -> None:
    """Ask for one entity. Raises `ApiError` where the list may not be read."""
    _send(client, source, 1, 1)


def _read(client: Client, source: Source, found: Listing) -> None:
    """One reading, from the first page to the end."""
    page, size = _first_page(client, source)
    before: list[str] = []
    empty = False
    for number in range(1, PAGES_MAX + 1):
        if number > 1:
            page = _send(client, source, number, size)
        ids = found.add(page)
        if page.entities:
            if ids == before or _is_last(page, number, size, len(found.names) + found.skipped):
                return
        elif empty or not _goes_on(page, number):
            return
        before, empty = ids, not page.entities
    raise UnavailableError(
        f"{source.endpoint} has no end after {PAGES_MAX:,} pages; the API is at fault",
        endpoint=source.endpoint,
    )


def _first_page(client: Client, source: Source) -> tuple[_Page, int]:
    """The first page, and the page size that this list takes."""
    size = PAGE_SIZE
    while True:
        try:
            return _send(client, source, 1, size), size
        except RejectedError as problem:
            if problem.status != 400 or size == 1:
                raise
        size //= 2


def _send(client: Client, source: Source, number: int, size: int) -> _Page:
    return _decode_page(client.send(source.page(number, size)).body)


def _is_last(page: _Page, number: int, size: int, known: int) -> bool:
    """Whether a page with entities is the last one by all it says; a doubt costs one request."""
    expected = min(size, page.size) if _is_number(page.size) else size
    short = len(page.entities or ()) < expected
    whole = _is_number(page.total) and known >= page.total
    return short and whole and not _goes_on(page, number)


def _goes_on(page: _Page, number: int) -> bool:
    return bool(page.next) or (_is_number(page.pages) and page.pages > number)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# Names and ids ----------------------------------------------------------------------------------


class Directory:
    """The lists during one call of a verb; each is read once, when it is first needed."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._read: dict[str, Listing | ApiError] = {}

    def lists(
        self, kinds: Iterable[str], note: Callable[[str], None]
    ) -> dict[str, dict[str, str | None]]:
        """Of these kinds (`SOURCES`), the names by id.

        A list that cannot be read is left out, with a note; it is not an error.
        """
        lists, problems = {}, {}
        hasty = self._client.with_patience(PATIENCE)
        for kind in kinds:
            words = SOURCES[kind].words
            try:
                found = self._listing(kind, hasty)
            except ApiError as problem:
                problems[words] = problem
                continue
            if found.skipped:
                note(f"{found.skipped:,} {words} have no id and are left out")
            if found.lacking:
                counts = f"the API counts {found.total:,} and does not show them"
                note(f"{found.lacking:,} {words} have no name here: {counts}")
            lists[kind] = found.names
        for text in without_names(problems):
            note(text)
        return lists

    def ids(self, option: str, kind: str, texts: Iterable[str]) -> tuple[str, ...]:
        """The ids that are meant by ids and names, each once.

        Raises `UsageError` for a name that means nothing or several things, `ApiError` where the
        list cannot be read.
        """
        ids = (text if is_id(text) else self._id(option, kind, text) for text in texts)
        return tuple(dict.fromkeys(ids))

    def _id(self, option: str, kind: str, text: str) -> str:
        try:
            names = self._listing(kind, self._client).names
        except ApiError as problem:
            raise type(problem)(
                f"{option} {text!r} is a name, and its id cannot be looked up; "
                f"give the id, or fix this: {problem}",
                endpoint=problem.endpoint,
                status=problem.status,
                code=problem.code,
                correlation_id=problem.correlation_id,
                permission=problem.permission,
            ) from None
        words = SOURCES[kind].words
        named = {id_: name for id_, name in names.items() if name}
        for form in (_composed, _folded):
            found = sorted(id_ for id_, name in named.items() if form(name) == form(text))
            if len(found) == 1:
                return found[0]
            if found:
                shown = ", ".join(found[:IDS_SHOWN]) + (" …" if len(found) > IDS_SHOWN else "")
                raise UsageError(
                    f"{option} {text!r} is the name of {len(found)} {words}; give an id: {shown}"
                )
        raise UsageError(
            f"{option} {text!r} is not among the {len(names):,} {words} that this client sees; "
            + _nearest(text, named.values())
        )

    def _listing(self, kind: str, client: Client) -> Listing:
        if kind not in self._read:
            try:
                self._read[kind] = listing(client, SOURCES[kind])
            except ApiError as problem:
                self._read[kind] = problem
        found = self._read[kind]
        if isinstance(found, ApiError):
            raise found
        return found


def without_names(problems: Mapping[str, ApiError]) -> list[str]:
    """Sentences about lists that cannot be read, given why, by what is listed.

    Permissions that the role lacks are one sentence, and so is what went wrong in the same way.
    """
    lacking = {words: each.permission for words, each in problems.items() if each.permission}
    sentences = []
    if lacking:
        sentences.append(
            f"{', '.join(lacking)} have ids here and no names: the OAuth client's role lacks "
            f"{', '.join(dict.fromkeys(lacking.values()))}; {GRANT}, or do without: --no-names"
        )
    others: dict[object, list[str]] = {}
    for words, each in problems.items():
        if words not in lacking:
            others.setdefault((each.status, each.code), []).append(words)
    return sentences + [
        f"the names of {', '.join(alike)} could not be read: {problems[alike[0]]}"
        for alike in others.values()
    ]


def _nearest(text: str, names: Iterable[str]) -> str:
    folded = {_folded(name): name for name in names}
    near = difflib.get_close_matches(_folded(text), folded, 3)
    if not near:
        return "give its name or its id"
    return f"did you mean {' or '.join(repr(folded[each]) for each in near)}?"


def _composed(text: str) -> str:
    """The same letters, however they were typed."""
    return unicodedata.normalize("NFC", text).strip()


def _folded(text: str) -> str:
    return _composed(text).casefold()
