"""Whether anything can work here: one finding a line, each ok or with what to do; from the nearest cause to the farthest.

Each check stands on the ones before it, so the first that fails for good is the last that is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from lastpage.api.client import Client
from lastpage.api.names import SOURCES, check_readable
from lastpage.api.organization import JobWatermark, organization, retention_days
from lastpage.api.transport import proxy_for
from lastpage.errors import ApiError, RefusedError
from lastpage.planning.planner import counted
from lastpage.planning.slices import LAG_ASSUMED, Probe
from lastpage.query.interval import HOUR, MINUTE, Interval, from_unix, iso
from lastpage.query.query import Query

State = Literal["ok", "warning", "failed"]
#: The client's own clock only decides about waits; more than this and logs are hard to compare.
SKEW_S = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's: what was looked at, how it is, and what to do about it."""

    check: str
    state: State
    text: str


def examine(client: Client) -> Iterator[Finding]:
    """Look at everything that a fetch will need; after a `failed` nothing more can be looked at."""
    here = client.environment
    yield Finding("environment", "ok", f"{here}: {here.api_url}, login at {here.login_url}")
    proxy = proxy_for(here.api_url)
    yield Finding("network", "ok", f"through the proxy {_without_password(proxy)}" if proxy else "directly, no proxy")
    try:
        who = organization(client)
        yield Finding("credentials", "ok", "the login was accepted")
        yield Finding("organization", "ok", f"{who.name or 'unnamed'} ({who.id})" if who else "the API will not tell")
        now = from_unix(client.server_now())
        hits = _count_last_hour(client, now)
        yield Finding("role", "ok", f"may read conversations; {hits:,} were active in the last hour")
        yield _clock(client)
        yield _watermark(client, now)
        yield _retention(client)
        yield from _names(client)
        yield Finding("allowance", "ok", f"{client.pace.per_minute:,.0f} requests a minute")
    except ApiError as problem:
        yield Finding(_culprit(problem), "failed", str(problem))


def _culprit(problem: ApiError) -> str:
    if isinstance(problem, RefusedError):
        return "role" if problem.status == 403 and "oauth" not in problem.endpoint else "credentials"
    return "network" if problem.status is None else "API"


def _count_last_hour(client: Client, now: datetime) -> int:
    hour = Interval(now - HOUR - MINUTE, now - MINUTE)
    return counted(client, Query(hour), Probe(hour))


def _clock(client: Client) -> Finding:
    ahead_s = client.server_now() - client.clock.now()
    if abs(ahead_s) <= SKEW_S:
        return Finding("clock", "ok", f"within {max(abs(ahead_s), 1):.0f} s of the API's")
    which = "behind" if ahead_s > 0 else "ahead of"
    return Finding(
        "clock",
        "warning",
        f"this machine is {abs(ahead_s):,.0f} s {which} the API; lastpage goes by the API's clock, your logs do not: "
        "set the machine's time",
    )


def _watermark(client: Client, now: datetime) -> Finding:
    mark = JobWatermark(client).read()
    if mark is None:
        return Finding(
            "watermark",
            "warning",
            "the API will not tell how far its jobs reach; coverage will be unproven: grant the role "
            "analytics:conversationDetail:view",
        )
    lag = now - mark
    text = f"jobs reach to {iso(mark)}, {lag / HOUR:,.1f} hours ago"
    if lag > LAG_ASSUMED:
        return Finding("watermark", "warning", f"{text}; that is unusually far behind, and the vendor's to mend")
    return Finding("watermark", "ok", text)


def _retention(client: Client) -> Finding:
    days = retention_days(client)
    if days is None:
        return Finding("retention", "ok", "unknown; older conversations may have been deleted")
    oldest = from_unix(client.server_now()) - timedelta(days=days)
    return Finding("retention", "ok", f"{days:,} days: conversations since {oldest.date()} are kept")


def _names(client: Client) -> Iterator[Finding]:
    """What has no names is fetched all the same, so this is never worse than a warning."""
    had = []
    for kind, source in SOURCES.items():
        try:
            check_readable(client, source)
        except ApiError as problem:
            yield Finding(kind, "warning", f"{source.words} will have ids and no names: {problem}")
        else:
            had.append(source.words)
    if had:
        yield Finding("names", "ok", f"may read {', '.join(had)}")


def _without_password(url: str) -> str:
    scheme, _, rest = url.rpartition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
