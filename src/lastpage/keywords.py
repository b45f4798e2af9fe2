"""The keywords of the verbs, as checked values: what is asked of the API, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import Any, TypedDict, get_args
from unicodedata import category

from lastpage.api.names import Directory
from lastpage.errors import UsageError
from lastpage.extraction.run import Options
from lastpage.planning.slices import Paginate
from lastpage.query.environment import body_of
from lastpage.query.interval import Interval, Relative, parse_interval, zone
from lastpage.query.query import Query
from lastpage.tables.selection import Selection

When = str | Interval | Relative


class Asked(TypedDict, total=False):
    """What every verb takes beside the interval: filters, and how to fetch."""

    #: Media types, such as "voice"; one or several.
    media: str | Sequence[str]
    #: "inbound" or "outbound", as the conversation began.
    direction: str | None
    #: Names or ids; one or several. Names are looked up in the organisation's lists.
    queue: str | Sequence[str]
    user: str | Sequence[str]
    division: str | Sequence[str]
    #: A query body as the vendor's query builder makes it: a dict, or the official SDK's `ConversationQuery`.
    query: Any
    #: The zone whose days plain dates mean, or its name.
    tz: str | tzinfo
    paginate: Paginate
    page_size: int | None


class Kept(TypedDict, total=False):
    """Which tables and columns are kept (docs/tables.md); nothing given means all of them, untouched."""

    #: Names of tables; `conversations` is always there.
    tables: str | Sequence[str]
    #: Columns, as `column` or `table.column`: of the tables named, only these.
    columns: str | Sequence[str]
    #: Columns to leave out; `attributes.NAME` is a participant attribute.
    drop: str | Sequence[str]
    #: Columns whose texts are replaced by a hash, keyed with LASTPAGE_HASH_KEY, so that joins go on working.
    hash: str | Sequence[str]
    #: Participant attributes that get a column each, in a table of participants.
    attributes: str | Sequence[str]
    #: Keep every record as it came, too.
    keep_raw: bool
    #: Also have the organisation's lists, and names beside ids (default True; needs a few requests more).
    names: bool


class Wanted(Asked, Kept, total=False):
    """Both."""


def ask(interval: When, asked: Asked, directory: Directory) -> tuple[Query, Options]:
    """What is asked, as a checked query and options; keywords that are not ours are refused by name.

    Names become ids here. Everything that can be wrong without asking the API is found before it is asked.
    """
    _refuse_unknown(asked, Wanted.__annotations__)
    tz, paginate = zone(asked.get("tz", "UTC")), asked.get("paginate", "auto")
    when = parse_interval(interval, tz) if isinstance(interval, str) else interval
    if not isinstance(when, Interval | Relative):
        raise UsageError(f"{when!r} is not an interval; give a text such as '2023-10-01/2023-10-08', or an Interval")
    if paginate not in get_args(Paginate):
        raise UsageError(f"paginate is one of {', '.join(get_args(Paginate))}, not {paginate!r}")
    query = Query(
        when,
        media=_several(asked.get("media", ())),
        direction=asked.get("direction"),
        body={} if asked.get("query") is None else body_of(asked["query"]),
    )
    options = Options(paginate, counted("a page size", asked.get("page_size")))
    queues, users, divisions = (
        _named(option, values)
        for option, values in (
            ("--queue", asked.get("queue", ())),
            ("--user", asked.get("user", ())),
            ("--division", asked.get("division", ())),
        )
    )
    return replace(
        query,
        queues=directory.ids("--queue", "queues", queues),
        users=directory.ids("--user", "users", users),
        divisions=directory.ids("--division", "divisions", divisions),
    ), options


def choose(kept: Kept) -> Selection | None:
    """What is kept, as a checked selection; None where nothing was said, so that a destination's own is taken up."""
    selection = Selection(
        tables=_several(kept.get("tables", ())),
        columns=_several(kept.get("columns", ())),
        drop=_several(kept.get("drop", ())),
        hash=_several(kept.get("hash", ())),
        attributes=_several(kept.get("attributes", ())),
        keep_raw=bool(kept.get("keep_raw")),
    )
    return None if selection == Selection() else selection


def _refuse_unknown(given: Iterable[str], known: Iterable[str]) -> None:
    for name in given:
        if name not in known:
            raise UsageError(f"there is no option {name!r}; there are {', '.join(known)}")


def _named(option: str, values: str | Sequence[str]) -> tuple[str, ...]:
    """Names or ids; raises `UsageError` for what can be neither."""
    texts = _several(values)
    for text in texts:
        if not isinstance(text, str) or not text.strip() or any(category(letter) in ("Cc", "Cs") for letter in text):
            raise UsageError(f"{option} {text!r} is neither a name nor an id; give one as the admin pages show it")
    return texts


def counted(what: str, count: int | None) -> int | None:
    """A number that is at least 1, or nothing."""
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        raise UsageError(f"{what} of {count!r} makes no sense; give at least 1, or leave it to lastpage")
    return count


def _several(values: str | Sequence[str]) -> tuple[str, ...]:
    if isinstance(values, str):
        return (values,)
    if not isinstance(values, Iterable):
        raise UsageError(f"give a text or a list of texts, not {values!r}")
    return tuple(values)
