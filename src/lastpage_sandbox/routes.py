"""What can be asked of the emulator: methods, paths, and the permissions of which one is needed
(docs/api.md, 1.1-1.7 and 7).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lastpage_sandbox.settings import Settings

DETAILS = "/api/v2/analytics/conversations/details"
VIEW = ("analytics:conversationDetail:view", "analytics:agentConversationDetail:view")


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint; `{names}` in its path are handed to whatever answers it."""

    method: str
    path: str
    endpoint: str
    needed: tuple[str, ...] = ()
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", re.compile(re.sub(r"\{\w+\}", "([^/]+)", self.path)))


ROUTES = (
    Route("POST", "/oauth/token", "token"),
    Route("GET", "/api/v2/tokens/me", "token.read"),
    Route("DELETE", "/api/v2/tokens/me", "token.revoke"),
    Route("GET", "/api/v2/organizations/me", "organization"),
    Route(
        "GET",
        "/api/v2/analytics/dataretention/settings",
        "retention",
        ("analytics:dataRetention:view",),
    ),
    Route("POST", f"{DETAILS}/query", "details.query", VIEW),
    Route("GET", f"{DETAILS}/jobs/availability", "jobs.availability", VIEW[:1]),
    Route("POST", f"{DETAILS}/jobs", "jobs.submit", VIEW),
    Route("GET", f"{DETAILS}/jobs/{{jobId}}", "jobs.status", VIEW),
    Route("DELETE", f"{DETAILS}/jobs/{{jobId}}", "jobs.delete", VIEW),
    Route("GET", f"{DETAILS}/jobs/{{jobId}}/results", "jobs.results", VIEW),
    Route("GET", DETAILS, "details.ids", VIEW),
    Route("GET", "/api/v2/analytics/conversations/{conversationId}/details", "details.one", VIEW),
    Route(
        "POST",
        "/api/v2/analytics/conversations/aggregates/query",
        "aggregates.query",
        ("analytics:conversationAggregate:view",),
    ),
    Route("GET", "/api/v2/routing/queues", "queues", ("routing:queue:view",)),
    Route("GET", "/api/v2/users", "users", ("directory:user:view",)),
    Route("GET", "/api/v2/routing/wrapupcodes", "wrapupcodes", ("routing:wrapupCode:view",)),
    Route("GET", "/api/v2/authorization/divisions", "divisions"),
)
UNKNOWN = Route("", "", "unknown")
ENDPOINTS = frozenset(route.endpoint for route in ROUTES)


def find(method: str, path: str, settings: Settings) -> tuple[Route, tuple[str, ...]]:
    """The route of a request and the names in its path; a gateway's prefixes come off first."""
    for route in ROUTES:
        prefix = settings.login_prefix if route.endpoint == "token" else settings.api_prefix
        found = (
            route.pattern.fullmatch(path.removeprefix(prefix)) if path.startswith(prefix) else None
        )
        if found and route.method == method:
            return route, found.groups()
    return UNKNOWN, ()
