"""Conversations for the caller instead of a destination: page by page, raw or as Arrow batches.

The run has a ledger of its own in a temporary folder, which is gone afterwards. A slice is handed
over once it has been read to its end and judged, so memory is one page, and nothing comes twice.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lastpage.api.pace import Share
from lastpage.api.records import Raw, decode_record
from lastpage.errors import ShortError, UsageError
from lastpage.extraction.choosing import Choice
from lastpage.extraction.rows import undelivered
from lastpage.extraction.run import Fetching, Options
from lastpage.extraction.summary import unknown_fields
from lastpage.ledger.ledger import Ledger
from lastpage.planning.planner import Planner
from lastpage.planning.slices import Slice
from lastpage.progress import LOG
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
def reading(planner: Planner, options: Options, slice_: Slice | None = None) -> Iterator[Fetching]:
    """A run over the interval of a query, or over one slice of a plan.

    It ends with the block. Whatever ends it, it leaves no job at the API.
    """
    # A thread may still write into the folder when the caller has seen enough and it is removed.
    temporary = tempfile.TemporaryDirectory(prefix="lastpage-", ignore_cleanup_errors=True)
    with temporary as folder, closing(Ledger(Path(folder), lasts=False)) as ledger:
        command = str(planner.query.interval)
        if slice_ is None or slice_.terms is None:
            yield Fetching.begin(command, planner, ledger, options, Choice.whole(planner))
            return
        terms = slice_.terms
        choice = Choice(slice_.interval, terms.horizon, [slice_.interval])
        with planner.client.pace.shared(Share(terms.processes, terms.requests_per_minute)):
            yield Fetching.begin(command, planner, ledger, options, choice, slices=[slice_])


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


def batches_as(
    run: Fetching, shredder: Shredder, schemas: Mapping[str, pa.Schema]
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Those of the tables of `schemas`, of just these types; broken records are told of anyway."""
    broken = 0
    for name, batch in batches(run, shredder):
        broken += batch.num_rows if name == "broken" else 0
        if name in schemas:
            yield name, batch.cast(schemas[name])
    if broken and "broken" not in schemas:
        LOG.warning("%d conversations could not be read into tables; see the table broken", broken)


def kept_of(slice_: Slice, tables: Sequence[str]) -> Selection:
    """What is kept of a slice, of these tables or of all that were planned.

    Raises `UsageError` where a table needs a job, and none was planned.
    """
    kept = Selection.load(slice_.terms.kept if slice_.terms else "{}")
    kept = kept.only(tables) if tables else kept
    if kept.needs_jobs and slice_.is_quick:
        raise UsageError(
            f"{slice_} was planned for tables that need no job, and {', '.join(tables)} needs one; "
            "give plan the same tables, or none"
        )
    return kept


def _raise_if_short(run: Fetching) -> None:
    short = [verdict for verdict in run.verdicts() if verdict.coverage == "short"]
    if short:
        raise ShortError(
            f"{len(short)} slices are short: {short[0].why}; "
            "run it again, or fetch into files to keep what there is"
        )
