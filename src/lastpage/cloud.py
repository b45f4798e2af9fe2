"""The Python door: an organisation behind one OAuth client, and the verbs one can do with it.

    cloud = Cloud.from_env()
    for conversation in cloud.conversations("2023-10-01", media="voice"):
        ...
    summary = cloud.fetch("2023-10", to="conversations")

The same verbs, with the same names, are the command line's.
"""

from __future__ import annotations

import logging
import os
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, Unpack

import pyarrow as pa

from lastpage.api.auth import Auth, ClientCredentials, StaticToken
from lastpage.api.client import Client
from lastpage.api.messages import Page, Raw, Transport, decode_record
from lastpage.api.names import Directory
from lastpage.api.organization import Lake, organization
from lastpage.api.pace import Pace
from lastpage.api.transport import Urllib3Transport
from lastpage.checkup import Finding, examine
from lastpage.clock import Clock, RealClock
from lastpage.coverage.verification import AMISS, Proof, Verification, mended
from lastpage.errors import ShortError, UsageError
from lastpage.extraction.delivery import Began, Extracting, Summary, asked_text, shredder_for
from lastpage.extraction.rows import fresh
from lastpage.extraction.run import Fetching, Options
from lastpage.extraction.verifier import Extract, differing, opened, proofs, same_key, spans
from lastpage.files import Disk
from lastpage.keywords import Asked, Wanted, When, ask, choose, counted
from lastpage.ledger.ledger import Ledger
from lastpage.planning.planner import Planning
from lastpage.planning.slices import Slice
from lastpage.progress import Meter
from lastpage.query.environment import (
    Credentials,
    Environment,
    LoggedIn,
    assumed,
    credentials_from_env,
    environment,
    token_of,
)
from lastpage.query.query import Query
from lastpage.sinks.destination import Destination, Format
from lastpage.tables.derived import names_of
from lastpage.tables.selection import EVERYTHING, Selection
from lastpage.walks.walk import Request

#: Seconds of silence after which the doctor has seen enough.
HASTY_READ_S = 15.0
Conversation = dict[str, Any]
_LOG = logging.getLogger("lastpage")


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """One page of the API as it came, and the conversations of it that belong to its slice and are its last copies."""

    slice: Slice
    conversations: list[Conversation]
    #: Rows in the page as received, those of other slices included.
    count: int
    #: The API's approximate number of hits; only the `pages` route has one.
    total_hits: int | None
    #: What asked for the next page: a page number, a cursor, or None after the last one.
    continuation: int | str | None


class Cloud:
    """One organisation, through one OAuth client; its methods share a token, a connection pool and a pace.

    `credentials` are an id and a secret, or a token that somebody else obtained (it cannot be renewed), or the official SDK's
    `ApiClient` once it has logged in. `place` is a region name, a domain or a URL; `us-east-1` if nothing says otherwise.
    """

    def __init__(
        self,
        credentials: Credentials | LoggedIn | str,
        place: Environment | str | None = None,
        *,
        transport: Transport | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        disk: Disk | None = None,
        requests_per_minute: int | None = None,
        threads: int = 6,
    ) -> None:
        self.threads = counted("a number of threads", threads) or 1
        self._disk = disk or Disk()
        self._given = transport is not None
        clock = clock or RealClock()
        auth, where, self._who = _identified(credentials, place, clock)
        pace = Pace(clock, requests_per_minute=counted("a share (requests a minute)", requests_per_minute))
        self.client = Client(where, auth, transport or Urllib3Transport(), clock, pace, rng or random.SystemRandom())
        self._organization: str | None = None

    @classmethod
    def from_env(cls, variables: Mapping[str, str] | None = None, **options: Any) -> Self:
        """Credentials from `GENESYS_CLIENT_ID`, `GENESYS_CLIENT_SECRET` and `GENESYS_ENVIRONMENT` (default `us-east-1`)."""
        credentials, where = credentials_from_env(os.environ if variables is None else variables)
        return cls(credentials, where, **options)

    # The verbs ------------------------------------------------------------------------------------------------

    def conversations(self, interval: When, **asked: Unpack[Asked]) -> Iterator[Conversation]:
        """Every conversation that starts in the interval, each once, as the API's own record; memory is one page.

        A slice is handed over once it has been read to its end and judged. Raises `ShortError` at the end when evidence
        says that rows are missing.
        """
        with self._fetching(interval, asked) as fetching:
            for page in _raws(fetching):
                yield from map(decode_record, page)

    def fetch_all(self, interval: When, **asked: Unpack[Asked]) -> list[Conversation]:
        """The same as a list, for small things: it holds everything in memory."""
        return list(self.conversations(interval, **asked))

    def pages(self, interval: When, **asked: Unpack[Asked]) -> Iterator[FetchedPage]:
        """The same conversations page by page, with what the API said of each page."""
        with self._fetching(interval, asked) as fetching:
            for group in fetching.groups():
                for rows in group.rows:
                    for request, page, chosen in rows.views():
                        yield FetchedPage(
                            rows.planned.slice,
                            [decode_record(raw) for raw in fresh(group, chosen)],
                            len(page.heads or ()),
                            page.total_hits,
                            _continuation(request, page),
                        )
                fetching.commit(group)
            _raise_if_short(fetching)

    def plan(self, interval: When, **asked: Unpack[Asked]) -> list[Slice]:
        """What `fetch` would do; sends nothing but the token request, the watermark and the count probes."""
        query, options = ask(interval, asked, Directory(self.client))
        planning = Planning(query, self.client, Lake(self.client), Meter(), options.paginate)
        return planning.plan(*planning.resolve())

    def tables(self, interval: When, **wanted: Unpack[Wanted]) -> Iterator[tuple[str, pa.RecordBatch]]:
        """The same conversations as Arrow: (table, batch), as the tables of a destination would have them (docs/tables.md).

        The organisation's lists come first, unless `names=False`: what of them cannot be had is a warning in the log. Then batches
        come page by page; those of a page belong together. Raises `ShortError` as `conversations` does.
        """
        shredder = shredder_for(choose(wanted) or EVERYTHING)
        directory = Directory(self.client)
        with self._fetching(interval, wanted, directory=directory) as fetching:
            if wanted.get("names", True):
                shredder = replace(shredder, names=names_of(directory.lists(shredder.selection.lists, _LOG.warning)))
                for name, table in shredder.names.lists.items():
                    yield from ((name, batch) for batch in table.to_batches())
            for page in _raws(fetching):
                for name, table in shredder(page).items():
                    yield from ((name, batch) for batch in table.to_batches())
            fetching.unknown_fields(_LOG.warning)

    def read(self, piece: Slice, table: str = "conversations", **asked: Unpack[Asked]) -> Iterator[pa.RecordBatch]:
        """One slice of a plan, as batches of one table: for engines that read slices on several machines.

        The filters are those that `plan` was given. Raises `ShortError` at the end where the slice is short.
        """
        shredder = shredder_for(Selection(tables=(table,)))
        with self._fetching(piece.interval, asked, [piece]) as fetching:
            lacking = 0
            for page in _raws(fetching):
                tables = shredder(page)
                lacking += len(tables["broken"])
                yield from tables[table].to_batches()
            if lacking and table != "broken":
                _LOG.warning("%d conversations could not be read into tables; they are in the table broken", lacking)
            fetching.unknown_fields(_LOG.warning)

    def fetch(
        self,
        interval: When,
        to: str | os.PathLike[str] = "conversations",
        *,
        format: Format | None = None,  # noqa: A002 - the option's name
        meter: Meter | None = None,
        **wanted: Unpack[Wanted],
    ) -> Summary:
        """Fetch the interval into a destination; the same call after a crash finishes the job.

        Raises `UsageError`, `ApiError`, `DestinationError` (see `lastpage.errors`); a short result is returned, not raised.
        """
        place, selection = Destination.parse(os.fspath(to), format), choose(wanted)
        place.takes(selection or EVERYTHING)
        began, directory = Began.now(self.client), Directory(self.client)
        query, options = ask(interval, wanted, directory)
        extracting = self._extracting(query, options, place, selection, meter or Meter())
        if wanted.get("names", True):
            extracting = replace(extracting, directory=directory)
        return extracting.run(self.organization, began)

    def verify(
        self, to: str | os.PathLike[str] = "conversations", *, content: bool = False, repair: bool = False
    ) -> Verification:
        """Hold a destination against what the API counts now; with `repair`, days that changed are read again.

        `content` reads everything a second time and compares all tables. Raises as `fetch` does.
        """
        place = Destination.parse(os.fspath(to))
        if (content or repair) and place.grows:
            raise UsageError(f"{place.text} holds JSON lines, which can be counted but not compared or replaced")
        extract = opened(place, self.organization, self._disk)
        found = self._proofs(extract, place if content else None)
        changed = [each.interval for each, proof in zip(extract.held, found, strict=True) if proof.state in AMISS]
        if not (repair and changed):
            return Verification(found, [])
        again = spans(changed)
        for span in again:
            self.fetch(span, to, query=extract.filters)
        extract = opened(place, self.organization, self._disk)
        return Verification(self._proofs(extract, None), [str(span) for span in again])

    def _proofs(self, extract: Extract, place: Destination | None) -> list[Proof]:
        if place:
            same_key(place, extract)
        found = proofs(extract, self.client)
        if place is None:
            return found
        with tempfile.TemporaryDirectory(prefix="lastpage-") as folder:
            fresh = Destination.parse(folder)
            for span in spans(each.interval for each in extract.held):
                query, options = ask(span, {"query": extract.filters}, Directory(self.client))
                extracting = self._extracting(query, options, fresh, extract.selection, Meter())
                extracting.run(self.organization, Began.now(self.client))
            return mended(found, differing(place, fresh, extract, self._disk))

    def _extracting(
        self, query: Query, options: Options, place: Destination, selection: Selection | None, meter: Meter
    ) -> Extracting:
        options = replace(options, threads=self.threads)
        return Extracting(query, options, place, selection, self.client, self._disk, meter)

    def doctor(self) -> list[Finding]:
        """Whether a fetch can work here: environment, network, credentials, role, clock, lake, retention, names, allowance."""
        return list(examine(self.client.hasty(None if self._given else Urllib3Transport(read_s=HASTY_READ_S))))

    def organization(self) -> str:
        """The organisation's id; the client's own id where the API will not tell (docs/api.md, 1.7)."""
        if self._organization is None:
            told = organization(self.client)
            self._organization = told.id if told else self._who
        return self._organization

    @contextmanager
    def _fetching(
        self,
        interval: When,
        asked: Asked,
        slices: Sequence[Slice] | None = None,
        directory: Directory | None = None,
    ) -> Iterator[Fetching]:
        """A run with a ledger of its own that is gone afterwards: for those who want rows, not files."""
        query, options = ask(interval, asked, directory or Directory(self.client))
        options = replace(options, threads=self.threads)
        # A thread that is still reading when the caller has seen enough may write once more into a folder that goes.
        place = tempfile.TemporaryDirectory(prefix="lastpage-", ignore_cleanup_errors=True)
        with place as folder, closing(Ledger(Path(folder))) as ledger:
            yield Fetching.begin(asked_text(query, options), query, self.client, ledger, options, Meter(), slices)


def _identified(
    credentials: Credentials | LoggedIn | str, place: Environment | str | None, clock: Clock
) -> tuple[Auth, Environment, str]:
    """How to log in, where, and what stands for the organisation if the API will not say its id."""
    if place is None:
        place = credentials.host if isinstance(credentials, LoggedIn) else assumed()
    where = environment(place) if isinstance(place, str) else place
    if isinstance(credentials, Credentials):
        return ClientCredentials(credentials, clock), where, f"client {credentials.client_id}"
    token = token_of(credentials)
    return StaticToken(token), where, f"a token of {where.name}"


def _raws(fetching: Fetching) -> Iterator[Sequence[Raw]]:
    """Every conversation of a run, raw, a page at a time; raises `ShortError` at the end where rows are missing."""
    for group in fetching.groups():
        for page in group.pages():
            yield fresh(group, page)
        fetching.commit(group)
    _raise_if_short(fetching)


def _continuation(request: Request, page: Page) -> int | str | None:
    if request.kind == "page":
        return page.token or (request.ordinal + 1 if page.heads else None)
    return page.cursor


def _raise_if_short(fetching: Fetching) -> None:
    short = [verdict for verdict in fetching.verdicts() if verdict.coverage == "short"]
    if short:
        raise ShortError(
            f"{len(short)} slices are short: {short[0].why}; run it again, or fetch into files to keep what there is"
        )
