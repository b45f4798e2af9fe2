"""The keywords of the verbs, checked: which conversations, how to fetch them, what to keep of them.

    Asked               filters and how to fetch  ─▶ query_from      a Query; names are ids in it
    SelectionKeywords   tables and columns        ─▶ selection_from  a Selection
    Wanted              both: `tables` and `sync` take it
    Landed              and FileKeywords, for a single file: `fetch` takes it

A keyword that is not in these tables, or whose value makes no sense, is a `UsageError` before
anything is sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Literal, TypedDict, cast, get_args
from unicodedata import category

from lastpage.api.names import Directory
from lastpage.errors import UsageError
from lastpage.planning.slices import Paginate
from lastpage.planning.small import Need
from lastpage.query.environment import body_of
from lastpage.query.interval import LONGEST, SECOND, Interval, Relative
from lastpage.query.query import Query
from lastpage.query.written import hint, parse_interval, parse_length, parse_since, zone
from lastpage.tables.selection import EVERYTHING, Selection

#: A moment or a day, as an end of an interval: a text, a date, or a date-time with its zone, as
#: pandas and Polars have them, too.
End = str | date | datetime
#: An interval: a text, a day, a length that ends now, or both ends, as in `A..B`.
When = str | date | timedelta | tuple[End, End] | Interval | Relative
#: From when on; None where something else says it.
Since = str | date | datetime | Relative | None
#: A length of time: a text such as "26h" or "10m", a `timedelta`, or seconds.
Length = str | timedelta | float
#: What moments of Arrow are counted in; the API has milliseconds.
Unit = Literal["ms", "us"]
#: The API keeps nothing for longer.
SETTLE_DAYS_MAX = 3_650


class Asked(TypedDict, total=False):
    """Which conversations, and how to fetch them: what every verb takes beside the interval."""

    #: Media types, such as "voice"; one or several.
    media: str | Sequence[str]
    #: "inbound" or "outbound": how the conversation began.
    direction: str | None
    #: Names or ids; one or several. Names are looked up in the organisation's lists.
    queue: str | Sequence[str]
    user: str | Sequence[str]
    division: str | Sequence[str]
    #: A query body as the vendor's query builder makes it: a dict, or the official SDK's
    #: `ConversationQuery`.
    query: Any
    #: The time zone of plain dates, or its name; UTC by default.
    tz: str | tzinfo
    #: "auto" (the default), "pages" or "cursor".
    paginate: Paginate
    #: Rows a page; at most 100 by page numbers, 10,000 by cursors.
    page_size: int | None


class SelectionKeywords(TypedDict, total=False):
    """Which tables and columns are kept (docs/tables.md); by default all of them, untouched."""

    #: Names of tables; `conversations` is always there.
    tables: str | Sequence[str]
    #: Columns, as `column` or `table.column`; of the tables named here, only these.
    columns: str | Sequence[str]
    #: Columns to leave out; `attributes.NAME` is a participant attribute.
    drop: str | Sequence[str]
    #: Columns whose texts are replaced by a hash, so that they can still be joined. The key is in
    #: the variable LASTPAGE_HASH_KEY.
    hash: str | Sequence[str]
    #: Participant attributes that get a column each, in a table of participants.
    attributes: str | Sequence[str]
    #: Keep every record as it came, too.
    keep_raw: bool
    #: Also fetch the organisation's lists, and write names beside ids; True by default. It takes a
    #: few more requests.
    names: bool


class Wanted(Asked, SelectionKeywords, total=False):
    """Which conversations, how to fetch them, and what to keep of them."""


class FileKeywords(TypedDict, total=False):
    """What a single file has, such as x.csv or x.xlsx, and may be written over."""

    #: The table, `conversation_overview` by default.
    table: str | None
    #: Write over a file that has another interval, filters or columns, or is somebody else's.
    replace: bool
    #: Begin x.csv with the mark of UTF-8, which Excel looks for.
    bom: bool


class Landed(Wanted, FileKeywords, total=False):
    """Which conversations, how to fetch them, and what a destination has of them."""


#: The keywords that take a text, or several.
SEVERAL = frozenset({"media", "queue", "user", "division", "columns", "drop", "hash", "attributes"})


def query_from(interval: When, keywords: Asked, directory: Directory) -> Query:
    """The query; names of queues, users and divisions are looked up in `directory`.

    Raises `UsageError` for everything that can be wrong, before a name is looked up; for a name
    that the organisation does not have, after it.
    """
    _refuse_unknown(keywords)
    paginate = keywords.get("paginate", "auto")
    if paginate not in get_args(Paginate):
        raise UsageError(f"paginate is one of {', '.join(get_args(Paginate))}, not {paginate!r}")
    at_least_one("a page size", keywords.get("page_size"))
    query = Query(
        interval_from(interval, keywords),
        media=tuple(map(_in_lower_case, several(keywords.get("media", ())))),
        direction=_in_lower_case(keywords.get("direction")),
        body={} if keywords.get("query") is None else body_of(keywords["query"]),
        hints=tuple(filter(None, [hint(interval)] if isinstance(interval, str) else [])),
    )
    queues = _names("--queue", keywords.get("queue", ()))
    users = _names("--user", keywords.get("user", ()))
    divisions = _names("--division", keywords.get("division", ()))
    return replace(
        query,
        queues=directory.ids("--queue", "queues", queues),
        users=directory.ids("--user", "users", users),
        divisions=directory.ids("--division", "divisions", divisions),
    )


def interval_from(interval: When, keywords: Asked) -> Interval | Relative:
    """What is said of time; raises `UsageError`."""
    tz = zone(keywords.get("tz", "UTC"))
    if isinstance(interval, Interval | Relative):
        return interval
    return parse_interval(_text_of(interval), tz)


def _text_of(when: Any) -> str:
    """An interval as it is written. Raises `UsageError` for what is none."""
    match when:
        case str():
            return when
        case timedelta():
            return f"{round(when / SECOND)}s"
        case date():
            return when.isoformat()
        case (str() | date() as start, str() | date() as end):
            return f"{_text_of(start)}..{_text_of(end)}"
    raise UsageError(
        f"{when!r} is not an interval; give a text such as '2023-10-01/2023-10-08', a date, "
        "a timedelta, a pair of ends, or an Interval"
    )


def selection_from(keywords: SelectionKeywords) -> Selection | None:
    """The tables and columns; None where no keyword is given, so that a destination keeps its own.

    Raises `UsageError` for a table or column that there is not, or a contradiction.
    """
    selection = Selection(
        tables=several(keywords.get("tables", ())),
        columns=several(keywords.get("columns", ())),
        drop=several(keywords.get("drop", ())),
        hash=several(keywords.get("hash", ())),
        attributes=several(keywords.get("attributes", ())),
        keep_raw=bool(keywords.get("keep_raw")),
    )
    return None if selection == Selection() else selection


def file_from(keywords: Landed) -> tuple[FileKeywords, Wanted]:
    """What is said of a single file, and the rest."""
    names = FileKeywords.__annotations__
    file = {name: value for name, value in keywords.items() if name in names}
    others = {name: value for name, value in keywords.items() if name not in names}
    return cast("FileKeywords", file), cast("Wanted", others)


def kept_from(keywords: SelectionKeywords) -> Selection:
    """The same; everything where no keyword is given."""
    return selection_from(keywords) or EVERYTHING


def need_from(keywords: SelectionKeywords) -> Need:
    """What asks for jobs where nothing is held: what is kept. Raises as `selection_from` does."""
    return Need(kept_from(keywords).needs_jobs)


def as_given(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for and is kept, in one spelling, without what is left at its default.

    Names are not looked up. It is plain, and can be compared. Raises `UsageError` for an unknown
    keyword.
    """
    _refuse_unknown(keywords)
    found: dict[str, Any] = {}
    for name, value in keywords.items():
        if name == "query" and value is not None:
            found[name] = json.dumps(body_of(value), sort_keys=True)
        elif name in SEVERAL:
            found[name] = sorted(set(several(value)))
        elif name not in ("tables", "names"):
            found[name] = str(value) if name == "tz" else value
    return {name: value for name, value in found.items() if value and value != "auto"}


def check_given(keywords: Mapping[str, Any], planned: Mapping[str, Any]) -> None:
    """Raise `UsageError` for a keyword that a slice was not planned with (`as_given`)."""
    for name, value in as_given(keywords).items():
        if planned.get(name) != value:
            raise UsageError(
                f"the slice was not planned with this {name}, and is read as it was planned; "
                f"leave {name} out, or give it to plan"
            )


def at_least_one(what: str, count: int | None) -> int | None:
    """A number that is at least 1, or None; raises `UsageError` for everything else."""
    if count is None or (isinstance(count, int) and not isinstance(count, bool) and count >= 1):
        return count
    raise UsageError(
        f"{what} of {count!r} makes no sense; give at least 1, or leave it to lastpage"
    )


def unit_from(unit: Unit) -> Unit:
    """A unit of moments; raises `UsageError` for one that there is not."""
    if unit not in get_args(Unit):
        raise UsageError(
            f"unit is ms or us, milliseconds or microseconds, not {unit!r}: others would lose part "
            "of a moment, or have no room for one"
        )
    return unit


def since_from(since: Since, tz: str | tzinfo = "UTC") -> datetime | Relative | None:
    """From when on; dates begin at midnight in `tz`. Raises `UsageError`."""
    if since is None or isinstance(since, Relative):
        return since
    if isinstance(since, datetime) and since.tzinfo is None:
        raise UsageError(f"since {since} has no time zone; give one, such as UTC")
    if isinstance(since, date | str):
        return parse_since(str(since), zone(tz))
    raise UsageError(f"{since!r} is no time; give a text such as '2026-01-01', or a date")


def settle_from(days: Iterable[int]) -> tuple[int, ...]:
    """Days after which a day is read again, in order, each once. Raises `UsageError`."""
    found = tuple(days)
    for each in found:
        if not isinstance(each, int) or isinstance(each, bool) or not 1 <= each <= SETTLE_DAYS_MAX:
            raise UsageError(
                f"a day cannot be read again after {each!r} days; "
                f"give whole numbers from 1 to {SETTLE_DAYS_MAX:,}, such as 3,7,30"
            )
    return tuple(sorted(set(found)))


def length_from(what: str, length: Length | None) -> timedelta | None:
    """A length of time that is not negative, or None. Raises `UsageError`."""
    if length is None:
        return None
    if isinstance(length, str):
        return parse_length(length)
    seconds = length / SECOND if isinstance(length, timedelta) else length
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if is_number and 0 <= seconds <= LONGEST / SECOND:
        return seconds * SECOND
    raise UsageError(
        f"{what} of {length!r} makes no sense; give a length such as '26h', a timedelta, or seconds"
    )


def not_negative(what: str, count: int) -> int:
    """A number that is at least 0; raises `UsageError` for everything else."""
    if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
        return count
    raise UsageError(f"{what} of {count!r} makes no sense; give 0 or more")


def several(values: str | Sequence[str]) -> tuple[str, ...]:
    """A text, or several, as a tuple; raises `UsageError` for anything else."""
    if isinstance(values, str):
        return (values,)
    if not isinstance(values, Iterable):
        raise UsageError(f"give a text or a list of texts, not {values!r}")
    return tuple(values)


def _refuse_unknown(keywords: Iterable[str]) -> None:
    known = Wanted.__annotations__
    for name in keywords:
        if name not in known:
            raise UsageError(f"there is no option {name!r}; there are {', '.join(known)}")


def _in_lower_case(word: Any) -> Any:
    """A word as the API has it, however it was typed; what is no text is refused later on."""
    return word.lower() if isinstance(word, str) else word


def _names(option: str, values: str | Sequence[str]) -> tuple[str, ...]:
    """Names or ids; raises `UsageError` for a text that can be neither."""
    texts = several(values)
    for text in texts:
        is_name = isinstance(text, str) and text.strip()
        if not is_name or any(category(letter) in ("Cc", "Cs") for letter in text):
            raise UsageError(
                f"{option} {text!r} is neither a name nor an id; "
                "give one as the admin pages show it"
            )
    return texts
