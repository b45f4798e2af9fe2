"""How many rows a page has: fewer after refusals, and more again with care.

    what happens                                  the next request
    --------------------------------------------  --------------------------------------------------
    a page is refused twice, as one that is too   half as many rows from the same place on, after a
    large may be (`patience.py`)         wait: other trouble looks alike, and passes
    … and page numbers cannot say that place      the first page of a new attempt, of so few rows
    … and it has one row                          none: nothing behind that row can be read
    four pages came since the last change         twice as many rows, up to what was asked for
    … and that was too much                       half as many; the next time after eight pages, …

A place is how many rows lie before it. A page number says it only together with a page size, and
only if it is a multiple of that; a token says it only with the page size that it was given for. A
cursor says it with any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lastpage.walks.walk import Request, Smaller, Stuck

#: Pages that have to come before a page is made larger for the first time.
PAGES_BEFORE_MORE = 4
#: Seconds to wait before a smaller page, at most.
WAIT_S_MAX = 60.0


def fewer_rows(request: Request, most: int, why: str) -> Request | Smaller | Stuck:
    """What follows a page that was refused for its size; `most` rows a page were asked for."""
    if request.page_size <= 1:
        return Stuck(why)
    rows = request.page_size // 2
    same_place = with_rows(request, rows)
    if same_place is None:
        return Smaller(rows, why)
    # Refusals one after the other are one bout, however small the page has to become.
    bouts = max(request.bouts + (request.calm > 0), 1)
    # The smaller the page, the longer the wait: an outage should not end at one row a page.
    wait_s = min(most / rows, WAIT_S_MAX)
    return replace(same_place, bouts=bouts, calm=0, wait_s=wait_s)


def next_page(request: Request, most: int) -> Request:
    """The page behind one that came, with as many rows as refusals have taught, up to `most`."""
    following = replace(request, ordinal=request.ordinal + 1, wait_s=0.0)
    if not request.bouts:
        return following
    following = replace(following, calm=request.calm + 1)
    is_calm = following.calm >= PAGES_BEFORE_MORE << (request.bouts - 1)
    # Only exactly twice as many: from there, half as many can say any place again.
    larger = 2 * request.page_size if is_calm else most + 1
    grown = with_rows(following, larger) if larger <= most else None
    return replace(grown, calm=1) if grown else following


def with_rows(request: Request, rows: int) -> Request | None:
    """The same place with so many rows a page; None where its page number cannot say it."""
    if request.kind != "page":
        return replace(request, page_size=rows)
    before = (request.ordinal - 1) * request.page_size
    if request.token or before % rows:
        return None
    return replace(request, ordinal=before // rows + 1, page_size=rows)


def begin_with(request: Request, rows: int) -> Request:
    """A first request, or one by cursor, with so many rows a page."""
    return replace(request, page_size=rows, bouts=1)


def rows_taught(made: Sequence[Request]) -> int:
    """The rows a page that refusals have taught so far; 0 where there was none."""
    return next((each.page_size for each in reversed(made) if each.bouts), 0)


def was_asked_for(first: Request, rows: int) -> bool:
    """Whether an attempt that began with this request was asked for with so many rows a page."""
    return first.page_size == rows or (first.bouts > 0 and first.page_size < rows)
