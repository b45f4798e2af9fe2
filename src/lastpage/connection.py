"""An organisation behind one OAuth client, before any verb: what each verb of `Cloud` begins with.

credentials, environment ─▶ one client: a token, connections, a pace
keywords                 ─▶ a query, and how to fetch it ─▶ to the caller, or into a destination
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Self

from lastpage.api.auth import auth_of
from lastpage.api.client import Client
from lastpage.api.messages import Transport
from lastpage.api.names import Directory
from lastpage.api.organization import JobWatermark, organization
from lastpage.api.pace import Pace
from lastpage.api.transport import Urllib3Transport
from lastpage.clock import Clock, RealClock
from lastpage.errors import UsageError
from lastpage.files import Disk
from lastpage.keywords import (
    Asked,
    Landed,
    Length,
    Wanted,
    When,
    at_least_one,
    file_from,
    length_from,
    query_from,
    selection_from,
)
from lastpage.planning.planner import Planner
from lastpage.planning.small import WHOLE, Need
from lastpage.progress import Meter, tell
from lastpage.query.credentials import VARIABLES, Credentials, credentials_from_env
from lastpage.query.environment import (
    Environment,
    LoggedIn,
    default_environment,
    parse_environment,
)
from lastpage.query.query import Query
from lastpage.query.written import zone
from lastpage.sinks.destination import Destination
from lastpage.tables.selection import EVERYTHING

if TYPE_CHECKING:
    from lastpage.extraction.changes import Changes
    from lastpage.extraction.choosing import Goal
    from lastpage.extraction.run import Fetching, Options
    from lastpage.extraction.single import SingleFile
    from lastpage.extraction.summary import Summary


class Connection:
    """What the verbs share: a client, whose data it reaches, and how keywords become a query."""

    def __init__(
        self,
        credentials: Credentials | LoggedIn | str,
        environment: Environment | str | None = None,
        *,
        transport: Transport | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        disk: Disk | None = None,
        requests_per_minute: int | None = None,
        threads: int = 6,
    ) -> None:
        self.threads = at_least_one("a number of threads", threads) or 1
        rate = at_least_one("a share (requests a minute)", requests_per_minute)
        self.requests_per_minute = rate
        clock = clock or RealClock()
        credentials, where = _here(credentials, environment)
        auth, self._stand_in = auth_of(credentials, where, clock)
        self._doubt = credentials.doubt if isinstance(credentials, Credentials) else ""
        self._disk = disk or Disk()
        self._transport_given = transport is not None
        self._organization: str | None = None
        self.client = Client(
            where,
            auth,
            transport or Urllib3Transport(),
            clock,
            Pace(clock, requests_per_minute=rate),
            rng or random.SystemRandom(),
        )

    @classmethod
    def from_env(cls, variables: Mapping[str, str] | None = None, **options: Any) -> Self:
        """The organisation of the variables `GENESYS_CLIENT_ID`, `_CLIENT_SECRET`, `_ENVIRONMENT`.

        `options` are the constructor's. Raises `UsageError` naming a variable that is wrong.
        """
        found = VARIABLES.read() if variables is None else credentials_from_env(variables)
        return cls(*found, **options)

    def __reduce__(self) -> NoReturn:
        raise UsageError(
            f"a {type(self).__name__} has a token and connections, which no other process can use; "
            "make one in each process, with Cloud.from_env() or Cloud(credentials)"
        )

    def organization(self) -> str:
        """The organisation's id, or the client's where the API does not say (docs/api.md, 1.7)."""
        if self._organization is None:
            found = organization(self.client)
            self._organization = found.id if found else self._stand_in
        return self._organization

    def _options(self, keywords: Asked) -> Options:
        from lastpage.extraction.run import Options

        return Options(keywords.get("paginate", "auto"), keywords.get("page_size"), self.threads)

    def _query(
        self, interval: When, keywords: Asked, directory: Directory, meter: Meter | None = None
    ) -> Query:
        """The query; what is odd about it becomes notes, or without a meter warnings in the log."""
        query = query_from(interval, keywords, directory)
        tell((self._doubt, *query.notes), meter)
        return query

    def _reading(
        self,
        interval: When,
        keywords: Asked,
        directory: Directory | None = None,
        need: Need = WHOLE,
    ) -> AbstractContextManager[Fetching]:
        """A run over an interval, for the caller; `need` is what asks for jobs."""
        from lastpage.reading import reading

        query = self._query(interval, keywords, directory or Directory(self.client))
        client, how = self.client.apart(), keywords.get("paginate", "auto")
        planner = Planner(query, client, JobWatermark(client), Meter(), how, need)
        return reading(planner, self._options(keywords))

    def _file(self, destination: Destination, keywords: Landed) -> tuple[SingleFile | None, Wanted]:
        """The single file that a destination is, if it is one, and what to fetch for it."""
        from lastpage.extraction.single import single_file

        given, wanted = file_from(keywords)
        tz = zone(wanted.get("tz", "UTC"))
        file = single_file(destination, selection_from(wanted), tz, self._disk, **given)
        if file:
            wanted["tables"] = file.selection.tables
        return file, wanted

    def _extract(
        self,
        interval: When,
        goal: Callable[[Query], Goal],
        destination: Destination,
        keywords: Wanted,
        meter: Meter | None,
        *,
        refresh: bool = False,
        accept_removals: bool = False,
        wait: Length | None = None,
        file: SingleFile | None = None,
        changes: Changes | None = None,
    ) -> Summary:
        """What is wanted of a query into a destination; what can be refused is, before it asks."""
        from lastpage.extraction.delivery import Extraction
        from lastpage.extraction.summary import Baseline
        from lastpage.extraction.waiting import Waiting

        meter, clock = meter or Meter(), self.client.clock
        patience = length_from("wait", wait) or timedelta(0)
        waiting = Waiting(patience, clock, partial(meter.note, of_run=False))
        selection = selection_from(keywords)
        destination.check(selection or EVERYTHING, refresh=refresh, accept_removals=accept_removals)
        baseline, directory = Baseline.of(self.client), Directory(self.client)
        query = self._query(interval, keywords, directory, meter)
        extraction = Extraction(
            query,
            replace(self._options(keywords), accept_removals=accept_removals),
            destination,
            selection,
            goal(query),
            self.client,
            self._disk,
            meter,
            self.organization,
            waiting,
            baseline,
            directory if keywords.get("names", True) and destination.has_tables else None,
            file=file,
            changes=changes,
        )
        return extraction.run()


def _here(
    credentials: Credentials | LoggedIn | str, named: Environment | str | None
) -> tuple[Credentials | LoggedIn | str, Environment]:
    """Credentials as this process has them, and the environment that is named, or theirs."""
    if isinstance(credentials, Credentials):
        credentials = credentials.here()
    where = _environment_of(credentials, named)
    if isinstance(credentials, Credentials):
        credentials.check(where)
    return credentials, where


def _environment_of(
    credentials: Credentials | LoggedIn | str, named: Environment | str | None
) -> Environment:
    if named is None:
        if isinstance(credentials, Credentials) and credentials.place:
            return credentials.place.read()[1]
        if not isinstance(credentials, LoggedIn):
            return default_environment()
        named = credentials.host
    return parse_environment(named) if isinstance(named, str) else named
