"""The verbs of a destination: `fetch` an interval into it, `sync` it every night, `verify` it.

Each checks all that can be refused before anything is sent. How a destination stands is read from
what it has recorded, without an organisation: `standing.py`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Unpack

from lastpage.connection import Connection
from lastpage.coverage.verification import Verification
from lastpage.errors import UsageError
from lastpage.keywords import (
    Landed,
    Length,
    Since,
    Wanted,
    When,
    not_negative,
    settle_from,
    since_from,
)
from lastpage.progress import Meter
from lastpage.query.query import Query
from lastpage.sinks.destination import Destination, Format

if TYPE_CHECKING:
    from lastpage.extraction.choosing import Goal
    from lastpage.extraction.summary import Summary


class Landing(Connection):
    """What brings conversations into a destination, and keeps them true there."""

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
