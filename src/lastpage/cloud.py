"""The verbs in Python: an organisation behind one OAuth client, and what one can do with it.

    cloud = Cloud.from_env()
    for conversation in cloud.conversations("2023-10-01", media="voice"):
        ...
    summary = cloud.fetch("2023-10", to="conversations")

The command line has the same verbs; their keywords are in `keywords.py`. Every error is one of
`errors.py`: `UsageError` before anything is sent, `ApiError` where the API refuses or stays
unavailable. A verb imports what it needs when it is called: Arrow takes longer to import than the
doctor takes to run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

from lastpage.api.names import Directory
from lastpage.api.organization import JobWatermark
from lastpage.api.patience import SHORT_PATIENCE
from lastpage.api.records import decode_record
from lastpage.api.transport import Urllib3Transport
from lastpage.checkup import Finding, examine
from lastpage.connection import Connection
from lastpage.coverage.verification import Verification
from lastpage.errors import UsageError
from lastpage.keywords import (
    Asked,
    Landed,
    Length,
    Since,
    Wanted,
    When,
    kept_from,
    need_from,
    not_negative,
    query_from,
    settle_from,
    since_from,
)
from lastpage.planning.planner import Planner
from lastpage.planning.slices import Slice
from lastpage.planning.small import WHOLE, Need
from lastpage.progress import LOG, Meter
from lastpage.query.query import Query
from lastpage.sinks.destination import Destination, Format

if TYPE_CHECKING:
    import pyarrow as pa

    from lastpage.extraction.choosing import Goal
    from lastpage.extraction.run import Fetching
    from lastpage.extraction.summary import Summary
    from lastpage.reading import FetchedPage

#: Seconds of silence after which the doctor has seen enough.
DOCTOR_READ_S = 15.0
Conversation = dict[str, Any]


class Cloud(Connection):
    """One organisation, through one OAuth client; its verbs share a token, connections and a pace.

    `credentials` are an id and a secret; or a token that was obtained elsewhere, which cannot be
    renewed; or the official SDK's `ApiClient` once it has logged in. `environment` is a region
    (`eu-central-1`), a domain or a URL; `us-east-1` by default. `requests_per_minute` is a share of
    the API's allowance of 300 a client, all of it by default; `threads` is how many requests are
    under way at once. The other options are for tests: the network, time, chance, files.

    Raises `UsageError` for an environment or a number that makes no sense; nothing is sent yet.
    """

    # Before anything else -------------------------------------------------------------------------

    def doctor(self) -> list[Finding]:
        """Check whether a fetch can work here: environment, network, credentials, role, allowance …

        One `Finding` a check, its state `ok`, `warning` or `failed`, its text with what to do; the
        first that failed is the last. Sends about ten requests and reads no conversation. Errors
        are findings; none is raised.

        Example::

            for finding in cloud.doctor():
                print(finding.state, finding.check, finding.text)
        """
        transport = None if self._transport_given else Urllib3Transport(read_s=DOCTOR_READ_S)
        return list(examine(self.client.with_patience(SHORT_PATIENCE, transport), self._doubt))

    def plan(
        self, interval: When, *, meter: Meter | None = None, **keywords: Unpack[Wanted]
    ) -> list[Slice]:
        """The slices that `fetch` would take, in order, each with its interval, route and reason.

        They are a new destination's. Sends only the token request, the watermark and the counts.
        Notes are in `meter`, or are warnings in the log. Raises `UsageError` and `ApiError`.

        Example::

            for slice_ in cloud.plan("2023-10-01/2023-10-08", media="voice"):
                print(slice_.interval, slice_.route, slice_.expected, slice_.reason)
        """
        query = self._query(interval, keywords, Directory(self.client), meter)
        how, mark = keywords.get("paginate", "auto"), JobWatermark(self.client)
        planner = Planner(query, self.client, mark, meter or Meter(), how, need_from(keywords))
        return planner.plan(*planner.resolve())

    # Into a destination ---------------------------------------------------------------------------

    def fetch(
        self,
        interval: When,
        to: str | os.PathLike[str] | Destination = "conversations",
        *,
        format: Format | None = None,  # noqa: A002 - the option's name
        refresh: bool = False,
        accept_removals: bool = False,
        wait: Length | None = None,
        state: str | os.PathLike[str] | None = None,
        meter: Meter | None = None,
        **keywords: Unpack[Landed],
    ) -> Summary:
        """Fetch an interval into a destination; the same call after a crash finishes the job.

        `to` is a folder, `x.duckdb`, `postgresql://user@host/db?schema=s`, `x.jsonl` (`.gz`,
        `.zst`), `-` for stdout, or a single file, `x.csv`, `x.parquet` or `x.xlsx`; `format` is
        that of a folder, `parquet`, `csv`, `jsonl` or `delta`; `state` is, for a server, the folder
        of what is known of the runs; `refresh` also reads days that are final and here;
        `accept_removals` lets conversations leave that do not exist by id any more, also where
        these are so many of a day that they would all stay; `wait` is how long to wait for another
        run that has the destination, such as "10m", a `timedelta`, or seconds; `meter` counts what
        was done so far. A short result is returned, not raised: look at `Summary.coverage`. Times
        are in UTC, `seconds` in seconds.

        Raises `UsageError`, `ApiError`, and `DestinationError` where the destination cannot be
        written (`InUseError`: another run holds it).

        Example::

            summary = cloud.fetch("2023-10-10", to="conversations", queue="Sales")
            print(summary.coverage, summary.conversations, summary.notes)
        """
        from lastpage.extraction.choosing import Fetch

        destination = Destination.of(to, format, state)
        file, wanted = self._file(destination, keywords)

        def goal(query: Query) -> Goal:
            return Fetch(query.interval, wanted.get("paginate", "auto"), refresh)

        return self._extract(
            interval,
            goal,
            destination,
            wanted,
            meter,
            refresh=refresh,
            accept_removals=accept_removals,
            wait=wait,
            file=file,
        )

    def sync(
        self,
        to: str | os.PathLike[str] = "conversations",
        *,
        since: Since = None,
        settle: Sequence[int] = (3, 7, 30),
        sweep: int = 0,
        accept_removals: bool = False,
        changes: str | os.PathLike[str] | None = None,
        wait: Length | None = None,
        format: Format | None = None,  # noqa: A002 - the option's name
        state: str | os.PathLike[str] | None = None,
        meter: Meter | None = None,
        **keywords: Unpack[Wanted],
    ) -> Summary:
        """Keep a destination what the API would answer, up to a minute ago; for every night.

        `since` is from when on it is kept: a date, a date-time with a zone, or a length such as
        "90d"; without it, from what is held first. New hours are read by page numbers; a day once
        by job when the watermark has passed it, and again `settle` days after its end, or when
        conversations have ended that were open. `sweep` requests a run may be spent on counts of
        the weeks that were longest unchecked. `accept_removals` is as for `fetch`, and reads the
        days again of which that is known. It goes on after a crash, and after a month.
        `changes` is a file to which is appended what was found to be otherwise, a JSON object a
        line (docs/nightly.md); "-" is stdout.

        `to`, `format`, `state` and `wait` are as for `fetch`, but not a single file of lines.
        Returns and raises as `fetch` does; what is short is tried again by the next sync.

        Example::

            summary = cloud.sync("current", since="2023-10-09")
            print(summary.coverage, summary.new, summary.changed, summary.unchanged)
        """
        from lastpage.extraction.changes import Changes
        from lastpage.extraction.syncing import Sync

        goal = Sync(
            since_from(since, keywords.get("tz", "UTC")),
            settle_from(settle),
            not_negative("a number of requests (sweep)", sweep),
            accept_removals,
        )
        destination = Destination.of(to, format, state)
        destination.check_replaces("a sync")
        if keywords.get("paginate", "auto") != "auto":
            raise UsageError(
                "a sync reads each part by its own route; leave out paginate, or use fetch"
            )
        with Changes.open(os.fspath(changes)) if changes else nullcontext() as told:
            # The interval follows from what is held.
            return self._extract(
                "24h",
                lambda _: goal,
                destination,
                keywords,
                meter,
                accept_removals=accept_removals,
                wait=wait,
                changes=told,
            )

    def verify(
        self,
        to: str | os.PathLike[str] = "conversations",
        *,
        content: bool = False,
        repair: bool = False,
        state: str | os.PathLike[str] | None = None,
    ) -> Verification:
        """Compare what a destination has with what the API counts now, one or two requests a day.

        `Verification.proofs` has a `Proof` for each day, its state `same`, `near` (within the
        counts' error), `missing`, `changed`, `short`, `unproven`, `damaged` (a table or rows of
        it are missing in the destination), `kept` (older than what the organisation keeps), or
        `writing` (by another run); `Verification.holes` has what lies between the intervals that
        were fetched. With `content`, everything is read a second time and all tables are compared;
        with `repair`, and only then, something is written: days that are not as they should be are
        read again (`Verification.repaired`; what was noted is in `Verification.notes`).

        Raises as `fetch` does; `UsageError` where there is nothing to verify.

        Example::

            for proof in cloud.verify("conversations").changed:
                print(proof.day, proof.conversations, proof.counted, proof.why)
        """
        from lastpage.extraction.verifier import Verifier

        destination = Destination.of(to, state=state)
        if (content or repair) and destination.is_append_only:
            raise UsageError(
                f"{destination.text} holds JSON lines; they are not compared or replaced"
            )
        if repair:
            destination.check_replaces("--repair")
        verifier = Verifier(destination, self.client, self._disk, self.organization, self.fetch)
        return verifier.verify(content=content, repair=repair)

    # To the caller --------------------------------------------------------------------------------

    def conversations(self, interval: When, **keywords: Unpack[Asked]) -> Iterator[Conversation]:
        """Every conversation that starts in the interval, once, as the API's own record, a dict.

        Memory is one page. Raises `UsageError` and `ApiError`, and `ShortError` at the end when
        evidence says that rows are missing.

        Example::

            for conversation in cloud.conversations("2023-10-10", media="voice"):
                print(conversation["conversationId"], conversation["conversationStart"])
        """
        from lastpage.reading import raw_pages

        with self._reading(interval, keywords) as run:
            for page in raw_pages(run):
                yield from map(decode_record, page)

    def fetch_all(self, interval: When, **keywords: Unpack[Asked]) -> list[Conversation]:
        """The same as a list, which is held in memory: for hours or days, not for months.

        Raises as `conversations` does, and then returns nothing.

        Example::

            print(len(cloud.fetch_all("2023-10-10T08:00Z/2023-10-10T12:00Z")))
        """
        return list(self.conversations(interval, **keywords))

    def pages(self, interval: When, **keywords: Unpack[Asked]) -> Iterator[FetchedPage]:
        """The same conversations page by page, with what the API said of each page.

        Raises as `conversations` does.

        Example::

            for page in cloud.pages("2023-10-10", paginate="pages"):
                print(page.slice.number, page.count, page.total_hits, len(page.conversations))
        """
        from lastpage.reading import fetched_pages

        with self._reading(interval, keywords) as run:
            yield from fetched_pages(run)

    def tables(
        self, interval: When, **keywords: Unpack[Wanted]
    ) -> Iterator[tuple[str, pa.RecordBatch]]:
        """The same conversations as Arrow: pairs of a table's name and a batch (docs/tables.md).

        The organisation's lists come first, unless `names=False`; a list that cannot be read is a
        warning in the log. Then batches come page by page; those of a page stand together. Raises
        as `conversations` does.

        Example::

            for table, batch in cloud.tables("2023-10-10", tables="segments"):
                print(table, batch.num_rows)
        """
        from lastpage.reading import batches
        from lastpage.tables.build import Shredder
        from lastpage.tables.derived import names_of

        shredder = Shredder.from_env(kept_from(keywords))
        directory, need = Directory(self.client), need_from(keywords)
        with self._reading(interval, keywords, directory=directory, need=need) as run:
            if keywords.get("names", True):
                lists = directory.lists(shredder.selection.lists, LOG.warning)
                shredder = replace(shredder, names=names_of(lists))
                for name, table in shredder.names.lists.items():
                    yield from ((name, batch) for batch in table.to_batches())
            yield from batches(run, shredder)

    def read(
        self, slice_: Slice, table: str = "conversations", **keywords: Unpack[Asked]
    ) -> Iterator[pa.RecordBatch]:
        """One slice of a plan as batches of one table: for engines that read on several machines.

        The keywords are those that `plan` was given. Raises as `conversations` does; `ShortError`
        is about this slice; and `UsageError` for a table that its route does not bring.

        Example::

            for slice_ in cloud.plan("2023-10-10", media="voice"):
                for batch in cloud.read(slice_, "segments", media="voice"):
                    print(batch.num_rows)
        """
        from lastpage.reading import batches, only
        from lastpage.tables.build import Shredder

        shredder, broken = Shredder.from_env(only(table, slice_)), 0
        with self._reading(slice_.interval, keywords, [slice_]) as run:
            for name, batch in batches(run, shredder):
                broken += batch.num_rows if name == "broken" else 0
                if name == table:
                    yield batch
        if broken and table != "broken":
            LOG.warning(
                "%d conversations could not be read into tables; see the table broken", broken
            )

    def _reading(
        self,
        interval: When,
        keywords: Asked,
        slices: Sequence[Slice] | None = None,
        directory: Directory | None = None,
        need: Need = WHOLE,
    ) -> AbstractContextManager[Fetching]:
        from lastpage.reading import reading

        # Whoever reads one slice of a plan has made the plan, and was told then.
        ask = self._query if slices is None else query_from
        query = ask(interval, keywords, directory or Directory(self.client))
        return reading(query, self.client, self._options(keywords), slices, need)
