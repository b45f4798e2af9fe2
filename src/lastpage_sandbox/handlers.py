"""Endpoints to what answers them. Nothing here touches the wire, and nothing behind it does."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lastpage_sandbox.aggregates import AggregatesQuery
from lastpage_sandbox.clock import At
from lastpage_sandbox.jobs import Jobs
from lastpage_sandbox.library import Library
from lastpage_sandbox.lists import Lists
from lastpage_sandbox.lookup import Lookup
from lastpage_sandbox.oauth import OAuth
from lastpage_sandbox.organization import Organization
from lastpage_sandbox.query import DetailsQuery
from lastpage_sandbox.replies import Asked, Reply, plain


class Handlers:
    """Answers requests that were found good: token, allowance and permission are behind them."""

    def __init__(
        self, library: Library, oauth: OAuth, turn: AbstractContextManager[object]
    ) -> None:
        settings = library.settings
        self._settings = settings
        self._oauth = oauth
        self._turn = turn
        self.jobs = Jobs(library)
        self.details = DetailsQuery(library)
        self.lookup = Lookup(library)
        self.aggregates = AggregatesQuery(library)
        self.lists = Lists(settings)
        self.organization = Organization(settings)

    def answer(self, asked: Asked, endpoint: str, names: tuple[str, ...], at: At) -> Reply:
        """One request; one at a time, since queries may change what they look at."""
        with self._turn:
            match endpoint:
                case "token.read":
                    return self.organization.token(
                        at.now_s + self._oauth.left_s(asked, at.waited_s)
                    )
                case "token.revoke":
                    return self._revoke(asked)
                case "organization":
                    return self.organization.me()
                case "retention":
                    return self.organization.retention()
                case "aggregates.query":
                    return self.aggregates.answer(asked, at.now_ms)
                case "queues" | "users" | "wrapupcodes" | "divisions":
                    return self.lists.page(endpoint, asked)
                case _:
                    return self._details(asked, endpoint, names, at)

    def _details(self, asked: Asked, endpoint: str, names: tuple[str, ...], at: At) -> Reply:
        match endpoint:
            case "details.query":
                return self.details.answer(asked, at.now_ms)
            case "jobs.submit":
                return self.jobs.submit(asked, at)
            case "jobs.status":
                return self.jobs.status(asked, names[0], at)
            case "jobs.results":
                return self.jobs.results(asked, names[0], at)
            case "jobs.delete":
                return self.jobs.delete(asked, names[0], at)
            case "jobs.availability":
                return self._availability(at.now_ms)
            case "details.ids":
                return self.lookup.several(asked, at.now_ms)
            case "details.one":
                return self.lookup.one(names[0], at.now_ms)
            case _:
                raise AssertionError(f"{endpoint} has a route and no answer")

    def _availability(self, now_ms: int) -> Reply:
        if self._settings.availability != "ok":
            raise plain(int(self._settings.availability))
        return self.jobs.availability(now_ms)

    def _revoke(self, asked: Asked) -> Reply:
        """The token is refused from now on. That the answer is an empty 200 is a guess."""
        self._oauth.revoke(asked)
        return Reply(200)
