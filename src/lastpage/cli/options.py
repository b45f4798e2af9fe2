"""The options that verbs share, and the Python keywords that they stand for.

A verb takes each class as one parameter, and cyclopts shows its fields as options. A verb's default
is the object in which every field has its default.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from cyclopts import Group, Parameter, Token

from lastpage.errors import UsageError

if TYPE_CHECKING:
    from lastpage.cloud import Cloud
    from lastpage.keywords import Asked, FileKeywords, SelectionKeywords

#: Groups of a help text, in their order; what is printed comes last (`output.py`).
WHICH = Group("Which conversations", sort_key=1)
KEEP = Group("What to keep", sort_key=2)
FETCH = Group("How to fetch", sort_key=3)
FILE = Group("Into a single file (x.csv, x.parquet, x.xlsx)", sort_key=4)
#: The body of a details query is smaller; a larger file is something else.
BODY_BYTES_MAX = 1 << 20


def whole_number(_type: type, tokens: Sequence[Token]) -> int:
    """A whole number; cyclopts alone would round 1.5 to 2."""
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a whole number.") from None


def _days(_type: type, tokens: Sequence[Token]) -> tuple[int, ...]:
    """Numbers of days with commas; `none` is none."""
    text = tokens[0].value
    try:
        return () if text == "none" else tuple(map(int, text.split(",")))
    except ValueError:
        raise ValueError(f"{text!r} are no numbers of days; write 3,7,30, or none.") from None


def in_any_case(choice: Any, tokens: Sequence[Token]) -> str:
    """A converter for a choice of words, however they are typed."""
    text, words = tokens[0].value, _words(choice)
    if text.lower() in words:
        return text.lower()
    raise ValueError(f"there is no {text!r}; there are {', '.join(words)}.")


def _words(choice: Any) -> list[str]:
    """The words of a `Literal`, also where it may be left out."""
    if isinstance(choice, str):
        return [choice]
    return [word for each in get_args(choice) for word in _words(each)]


IntervalWords = Annotated[
    list[str],
    Parameter(
        negative="",
        help="2023-10-01, 2023-10, 24h, 7d, yesterday, 2023-10-01/2023-10-08 (the end is not "
        "included), 2023-10-01..2023-10-07 or 2023-10-01 2023-10-07 (it is), or date-times with "
        "a zone.",
    ),
]
Settle = Annotated[
    tuple[int, ...],
    Parameter(
        converter=_days,
        n_tokens=1,
        negative="",
        show_default=lambda value: ",".join(map(str, value)),
    ),
]
Wait = Annotated[
    str | None,
    Parameter(
        help="How long to wait for another run that has the destination, such as 10m; without "
        "this, not at all."
    ),
]
State = Annotated[
    str | None,
    Parameter(
        help="Of a server or an object store: the folder of what is known of the runs; without "
        "this, one of this user's. Others have it in them, or beside them."
    ),
]
Words = Annotated[list[str], Parameter(negative="")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class FilterOptions:
    """Which conversations, and by which route."""

    media: Annotated[Words, Parameter(group=WHICH)] = field(default_factory=list)
    "Media type, such as voice or voice,chat; repeatable."
    direction: Annotated[str | None, Parameter(group=WHICH)] = None
    "inbound or outbound, as the conversation began."
    queue: Annotated[Words, Parameter(group=WHICH)] = field(default_factory=list)
    "Queue, by name or id; repeatable."
    user: Annotated[Words, Parameter(group=WHICH)] = field(default_factory=list)
    "User, by name or id; repeatable."
    division: Annotated[Words, Parameter(group=WHICH)] = field(default_factory=list)
    "Division, by name or id; repeatable."
    query: Annotated[Path | None, Parameter(group=WHICH)] = None
    "File with a query body, as the vendor's query builder makes it."
    tz: Annotated[str, Parameter(group=WHICH)] = "UTC"
    "The time zone of plain dates, such as Europe/Berlin."
    paginate: Annotated[
        Literal["auto", "pages", "cursor"], Parameter(group=FETCH, converter=in_any_case)
    ] = "auto"
    "Page numbers, job cursors, or the right one for each part."
    page_size: Annotated[int | None, Parameter(group=FETCH, converter=whole_number)] = None
    "Rows a page at most; each route has its own limit."

    def keywords(self) -> Asked:
        """As the Python verbs take them; raises `UsageError` for a body that cannot be read."""
        keywords: Asked = {
            "media": _split(self.media),
            "direction": self.direction,
            "queue": self.queue,
            "user": self.user,
            "division": self.division,
            "tz": self.tz,
            "paginate": self.paginate,
            "page_size": self.page_size,
        }
        if self.query is not None:
            from lastpage.query.query import read_body

            keywords["query"] = read_body(_read_text(self.query), str(self.query))
        return keywords


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class RateOptions:
    """How much of the API's allowance to use."""

    requests_per_minute: Annotated[int | None, Parameter(group=FETCH, converter=whole_number)] = (
        None
    )
    "A share of the allowance, if others need the rest; the API's own limit is 300 a client."

    def cloud(self) -> Cloud:
        """The organisation that the environment's variables name."""
        from lastpage.cloud import Cloud

        return Cloud.from_env(requests_per_minute=self.requests_per_minute)


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionOptions:
    """Which tables and columns a destination has; the first fetch decides, later ones follow."""

    tables: Annotated[Words, Parameter(group=KEEP)] = field(default_factory=list)
    "A table to keep, such as segments; repeatable. conversations is always there."
    columns: Annotated[Words, Parameter(group=KEEP)] = field(default_factory=list)
    "A column to keep, as column or table.column; of a table that is named, only these. Repeatable."
    drop: Annotated[Words, Parameter(group=KEEP)] = field(default_factory=list)
    "A column to leave out, or attributes.NAME; repeatable."
    hash: Annotated[Words, Parameter(group=KEEP)] = field(default_factory=list)
    "A column or attributes.NAME to hash with LASTPAGE_HASH_KEY; it still joins. Repeatable."
    attributes: Annotated[Words, Parameter(group=KEEP)] = field(default_factory=list)
    "A participant attribute that gets a column in participants_with_attributes; repeatable."
    keep_raw: Annotated[bool, Parameter(group=KEEP, negative="")] = False
    "Keep every record as it came, too, in the table raw."
    names: Annotated[bool, Parameter(group=KEEP)] = True
    "Names beside ids, and tables of queues, users, wrap-up codes, divisions, if the role may."

    def keywords(self) -> SelectionKeywords:
        """As the Python verbs take them; one option may hold several names with commas."""
        return {
            "tables": _split(self.tables),
            "columns": _split(self.columns),
            "drop": _split(self.drop),
            "hash": _split(self.hash),
            "attributes": _split(self.attributes),
            "keep_raw": self.keep_raw,
            "names": self.names,
        }


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """What a destination that is a single file has, and may write over."""

    table: Annotated[str | None, Parameter(group=FILE)] = None
    "The table; conversation_overview by default."
    replace: Annotated[bool, Parameter(group=FILE, negative="")] = False
    "Write over a file of another interval, filter or organization, or another's file."
    bom: Annotated[bool, Parameter(group=FILE, negative="")] = False
    "Mark x.csv as UTF-8, so that Excel reads names as they are."

    def keywords(self) -> FileKeywords:
        """As `fetch` takes them."""
        return {"table": self.table, "replace": self.replace, "bom": self.bom}


NO_FILTERS, FULL_RATE, NO_SELECTION = FilterOptions(), RateOptions(), SelectionOptions()
NO_FILE = FileOptions()


def _split(values: Iterable[str]) -> list[str]:
    return [name.strip() for text in values for name in text.split(",")]


def _read_text(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(BODY_BYTES_MAX + 1)
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        raise UsageError(
            f"cannot read the query body {str(path)!r}: {why}; give --query a file that can be read"
        ) from None
    if len(text) > BODY_BYTES_MAX:
        raise UsageError(
            f"{str(path)!r} is larger than any query body; save the body from the query builder"
        )
    return text
