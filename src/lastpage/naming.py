"""What ids are called, and which id a name means: the organisation's lists, each read once, when it is first needed."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Iterable

from lastpage.errors import ApiError, UsageError
from lastpage.fetch.client import Client
from lastpage.fetch.lists import SOURCES, Listing, listing
from lastpage.query import is_id
from lastpage.tables.names import Names, table

#: Ids that are shown where a name means several.
IDS_SHOWN = 10


class Directory:
    """The lists as they are during one call of a verb."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._read: dict[str, Listing | ApiError] = {}

    def names(self, kinds: Iterable[str], note: Callable[[str], None]) -> Names:
        """The lists that can be had; what cannot is told, and is no failure."""
        tables = {}
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
            tables[kind] = table(found.names)
        return Names(tables)

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
