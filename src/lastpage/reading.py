"""Conversations for the caller instead of a destination: page by page, raw or as Arrow batches.

The run has a ledger of its own in a temporary folder, which is gone afterwards. A slice is handed
over once it has been read to its end and judged, so memory is one page, and nothing comes twice.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lastpage.api.client import Client
from lastpage.api.organization import JobWatermark
from lastpage.api.records import Raw, decode_record
from lastpage.errors import ShortError, UsageError
from lastpage.extraction.choosing import Choice
from lastpage.extraction.rows import undelivered
from lastpage.extraction.run import Fetching, Options
from lastpage.extraction.summary import unknown_fields
from lastpage.ledger.ledger import Ledger
from lastpage.planning.planner import Planner
from lastpage.planning.slices import Slice
from lastpage.planning.small import WHOLE, Need
from lastpage.progress import LOG, Meter
from lastpage.query.query import Query
from lastpage.tables import oddities
from lastpage.tables.selection import Selection
from lastpage.walks import ROUTES

if TYPE_CHECKING:
    import pyarrow as pa

    from lastpage.tables.build import Shredder

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """One page of the API as it came, and the conversations of it that belong to its slice."""

    slice: Slice
    #: Each conversation once: its last copy in the slice.
    conversations: list[dict[str, Any]]
    #: Rows in the page as received, those of other slices included.
    count: int
    #: The API's approximate number of hits; only the `pages` route has one.
    total_hits: int | None
    #: What asked for the next page: a page number, a cursor, or None after the last one.
    continuation: int | str | None


@contextmanager
def reading(
    query: Query,
    client: Client,
    options: Options,
    slices: Sequence[Slice] | None = None,
    need: Need = WHOLE,
) -> Iterator[Fetching]:
    """A run over the interval of a query, or over `slices` of it; `need` is what asks for jobs."""
    # A thread may still write into the folder when the caller has seen enough and it is removed.
    temporary = tempfile.TemporaryDirectory(prefix="lastpage-", ignore_cleanup_errors=True)
    with temporary as folder, closing(Ledger(Path(folder))) as ledger:
        mark = JobWatermark(client)
        planner = Planner(query, client, mark, Meter(), options.paginate, need)
        choice = Choice.whole(planner)
        yield Fetching.begin(str(query.interval), planner, ledger, options, choice, slices=slices)


def handed(
    reading: AbstractContextManager[Fetching], found: Callable[[Fetching], Iterator[T]]
) -> Iterator[T]:
    """What is found in a run, which ends with the iterator, also where that is closed early."""
    with reading as run:
        yield from found(run)


def records(run: Fetching) -> Iterator[dict[str, Any]]:
    """Each conversation as a dict; raises as `raw_pages` does."""
    for page in raw_pages(run):
        yield from map(decode_record, page)


def raw_pages(run: Fetching) -> Iterator[Collection[Raw]]:
    """The raw records of each page; raises `ShortError` at the end where rows are missing."""
    for group in run.groups():
        for page in group.pages():
            if records := undelivered(group, page):
                yield records
        run.commit(group)
    _raise_if_short(run)


def fetched_pages(run: Fetching) -> Iterator[FetchedPage]:
    """The same pages, with what the API said of each; raises `ShortError` as `raw_pages` does."""
    for group in run.groups():
        for rows in group.rows:
            for request, page, records in rows.views():
                yield FetchedPage(
                    rows.planned.slice,
                    [decode_record(raw) for raw in undelivered(group, records)],
                    len(page.heads or ()),
                    page.total_hits,
                    ROUTES[request.slice.route].continuation(request, page),
                )
        run.commit(group)
    _raise_if_short(run)


def batches(run: Fetching, shredder: Shredder) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The same conversations as (table, batch); what one page gives stands together.

    Values that did not fit, and fields that this version does not know, are warnings in the log, at
    the end.
    """
    odd: Counter[str] = Counter()
    for page in raw_pages(run):
        for name, table in shredder(list(page)).items():
            if name == "oddities":
                odd += oddities.by_kind(table["path"].to_pylist())
            for batch in table.to_batches():
                yield name, batch
    if odd:
        LOG.warning("%s", oddities.sentence(odd))
    unknown_fields(run.verdicts(), LOG.warning)


def only(table: str, slice_: Slice) -> Selection:
    """One table of a slice; raises `UsageError` where it needs a job, and none was planned."""
    selection = Selection(tables=(table,))
    if selection.needs_jobs and slice_.is_quick:
        raise UsageError(
            f"{slice_} was planned for tables that need no job, and {table} needs one; "
            f"give plan tables={table!r}, or none"
        )
    return selection


def _raise_if_short(run: Fetching) -> None:
    short = [verdict for verdict in run.verdicts() if verdict.coverage == "short"]
    if short:
        raise ShortError(
            f"{len(short)} slices are short: {short[0].why}; "
            "run it again, or fetch into files to keep what there is"
        )
