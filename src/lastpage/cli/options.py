"""The options that verbs share, as they are typed and as Python's keywords."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter, Token

from lastpage.cloud import Cloud
from lastpage.errors import UsageError
from lastpage.keywords import Asked, Kept
from lastpage.query.query import read_body

#: Groups of a help text, by the place they have in it; what is told about comes last (`telling.py`).
FILTERS = Group("Which conversations", sort_key=1)
WHAT = Group("What to keep", sort_key=2)
HOW = Group("How to fetch", sort_key=3)
#: No body of a details query is larger; a file that is, is something else.
BODY_BYTES_MAX = 1 << 20


def _whole(_type: type, tokens: Sequence[Token]) -> int:
    """A whole number; cyclopts alone would round 1.5 to 2."""
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is no whole number.") from None


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which conversations, and by which route."""

    media: Annotated[list[str], Parameter(group=FILTERS, negative="")] = field(default_factory=list)
    "Media type, such as voice; repeatable."
    direction: Annotated[str | None, Parameter(group=FILTERS)] = None
    "inbound or outbound, as the conversation began."
    queue: Annotated[list[str], Parameter(group=FILTERS, negative="")] = field(default_factory=list)
    "Queue, by name or id; repeatable."
    user: Annotated[list[str], Parameter(group=FILTERS, negative="")] = field(default_factory=list)
    "User, by name or id; repeatable."
    division: Annotated[list[str], Parameter(group=FILTERS, negative="")] = field(default_factory=list)
    "Division, by name or id; repeatable."
    query: Annotated[Path | None, Parameter(group=FILTERS)] = None
    "File with a query body, as the vendor's query builder makes it."
    tz: Annotated[str, Parameter(group=FILTERS)] = "UTC"
    "The zone whose days plain dates mean, such as Europe/Berlin."
    paginate: Annotated[Literal["auto", "pages", "cursor"], Parameter(group=HOW)] = "auto"
    "Page numbers, job cursors, or the right one for each part."
    page_size: Annotated[int | None, Parameter(group=HOW, converter=_whole)] = None
    "Rows a page at most; each route has its own limit."

    def asked(self) -> Asked:
        """As the Python verbs take them."""
        asked = Asked(
            media=self.media,
            direction=self.direction,
            queue=self.queue,
            user=self.user,
            division=self.division,
            tz=self.tz,
            paginate=self.paginate,
            page_size=self.page_size,
        )
        if self.query is not None:
            asked["query"] = read_body(_text(self.query), str(self.query))
        return asked


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """How much of the API to use."""

    requests_per_minute: Annotated[int | None, Parameter(group=HOW, converter=_whole)] = None
    "A share of the allowance, if others need the rest; the API's own limit is 300 a client."

    def cloud(self) -> Cloud:
        return Cloud.from_env(requests_per_minute=self.requests_per_minute)


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """Which tables and columns a destination has; the first fetch decides, later ones take it up."""

    tables: Annotated[list[str], Parameter(group=WHAT, negative="")] = field(default_factory=list)
    "A table to keep, such as segments; repeatable. conversations is always there."
    columns: Annotated[list[str], Parameter(group=WHAT, negative="")] = field(default_factory=list)
    "A column to keep, as column or table.column; of a table that is named, only these. Repeatable."
    drop: Annotated[list[str], Parameter(group=WHAT, negative="")] = field(default_factory=list)
    "A column to leave out, or attributes.NAME; repeatable."
    hash: Annotated[list[str], Parameter(group=WHAT, negative="")] = field(default_factory=list)
    "A column of text, or attributes.NAME, to hash with the key in LASTPAGE_HASH_KEY, so that it still joins; repeatable."
    attributes: Annotated[list[str], Parameter(group=WHAT, negative="")] = field(default_factory=list)
    "A participant attribute that gets a column of its own in participants_with_attributes; repeatable."
    keep_raw: Annotated[bool, Parameter(group=WHAT, negative="")] = False
    "Keep every record as it came, too, in the table raw."
    names: Annotated[bool, Parameter(group=WHAT)] = True
    "Names beside ids, and tables of queues, users, wrap-up codes and divisions, as far as the role may read them."

    def kept(self) -> Kept:
        """As the Python verbs take them; lists may be written with commas."""
        return Kept(
            tables=_apart(self.tables),
            columns=_apart(self.columns),
            drop=_apart(self.drop),
            hash=_apart(self.hash),
            attributes=_apart(self.attributes),
            keep_raw=self.keep_raw,
            names=self.names,
        )


def _apart(values: Iterable[str]) -> list[str]:
    return [name for text in values for name in text.split(",") if name]


def _text(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(BODY_BYTES_MAX + 1)
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        raise UsageError(f"cannot read the query body {str(path)!r}: {why}; give --query a file that can") from None
    if len(text) > BODY_BYTES_MAX:
        raise UsageError(f"{str(path)!r} is larger than any query body; save the body from the query builder")
    return text


#: What a verb takes when nothing is typed.
ANY, FULL, ALL = Filters(), Sending(), Keeping()
