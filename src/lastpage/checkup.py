"""Whether a fetch can work here: one finding a check, from the nearest cause to the farthest.

    environment ▸ network ▸ credentials ▸ organization ▸ role      the first that fails is the last
    clock ▸ watermark ▸ retention ▸ names ▸ allowance              warnings at most

Each check stands on those before it. An answer that means trouble belongs to the check that its
error names: no answer to the network, 403 to the role, another refusal to the credentials.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from lastpage.api.client import Client
from lastpage.api.names import SOURCES, check_readable, without_names
from lastpage.api.organization import JobWatermark, organization, retention_days
from lastpage.api.transport import proxy_for
from lastpage.errors import ApiError, RefusedError
from lastpage.outside import shown
from lastpage.planning.planner import send_probe
from lastpage.planning.slices import LAG_ASSUMED, Probe
from lastpage.query.interval import HOUR, MINUTE, Interval, from_unix, iso
from lastpage.query.query import Query

State = Literal["ok", "warning", "failed"]
#: Seconds that a clock may be off. The client's clock only decides about waits; with more than this
#: its logs are hard to compare.
SKEW_S = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's: what was checked, how it is, and what to do about it."""

    check: str
    state: State
    text: str
    #: What a fetch would end with here; 0 where it would not end for this.
    exit_code: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", shown(self.text))


def examine(client: Client, doubt: str = "") -> Iterator[Finding]:
    """Check everything that a fetch needs; nothing comes after a `failed`. Raises nothing.

    `doubt` is what is odd about the credentials and need not be wrong.
    """
    environment = client.environment
    yield Finding(
        "environment",
        "ok",
        f"{environment}: {environment.api_url}, login at {environment.login_url}",
    )
    proxy = proxy_for(environment.api_url)
    way = f"through the proxy {_without_password(proxy)}" if proxy else "directly, no proxy"
    yield Finding("network", "ok", way)
    if doubt:
        yield Finding("credentials", "warning", doubt)
    try:
        found = organization(client)
        yield Finding("credentials", "ok", "the login was accepted")
        name = f"{found.name or 'unnamed'} ({found.id})" if found else "the API does not tell it"
        yield Finding("organization", "ok", name)
        now = from_unix(client.server_now())
        hour = Interval(now - HOUR - MINUTE, now - MINUTE)
        active = send_probe(client, Query(hour), Probe(hour))
        yield Finding(
            "role", "ok", f"may read conversations; {active:,} were active in the last hour"
        )
        yield _clock(client)
        yield _watermark(client, now)
        yield _retention(client, now)
        yield from _names(client)
        yield Finding("allowance", "ok", f"{client.pace.per_minute:,.0f} requests a minute")
    except ApiError as problem:
        yield Finding(_check_of(problem), "failed", str(problem), problem.exit_code)


def _check_of(problem: ApiError) -> str:
    """The check that an error belongs to."""
    if isinstance(problem, RefusedError):
        is_login = "oauth" in problem.endpoint
        return "role" if problem.status == 403 and not is_login else "credentials"
    return "network" if problem.status is None else "API"


def _clock(client: Client) -> Finding:
    ahead_s = client.server_now() - client.clock.now()
    off_s = abs(ahead_s)
    if off_s <= SKEW_S:
        return Finding("clock", "ok", f"within {max(off_s, 1):.0f} s of the API's")
    which = "behind" if ahead_s > 0 else "ahead of"
    return Finding(
        "clock",
        "warning",
        f"this machine is {off_s:,.0f} s {which} the API; lastpage uses the API's clock, "
        "but your logs do not: set the machine's time",
    )


def _watermark(client: Client, now: datetime) -> Finding:
    mark = JobWatermark(client).read()
    if mark is None:
        return Finding(
            "watermark",
            "warning",
            "the API does not tell how far its jobs reach; coverage will be unproven: "
            "grant the role analytics:conversationDetail:view",
        )
    lag = now - mark
    text = f"jobs reach to {iso(mark)}, {lag / HOUR:,.1f} hours ago"
    if lag > LAG_ASSUMED:
        return Finding(
            "watermark",
            "warning",
            f"{text}; that is unusually far behind; only the vendor can fix it",
        )
    return Finding("watermark", "ok", text)


def _retention(client: Client, now: datetime) -> Finding:
    days = retention_days(client)
    if days is None:
        return Finding("retention", "ok", "unknown; older conversations may have been deleted")
    oldest = now - timedelta(days=days)
    return Finding(
        "retention", "ok", f"{days:,} days: conversations since {oldest.date()} are kept"
    )


def _names(client: Client) -> Iterator[Finding]:
    """A list that cannot be read is a warning: conversations are fetched all the same."""
    readable, problems = [], {}
    for source in SOURCES.values():
        try:
            check_readable(client, source)
        except ApiError as problem:
            problems[source.words] = problem
        else:
            readable.append(source.words)
    for text in without_names(problems):
        yield Finding("names", "warning", text)
    if readable:
        yield Finding("names", "ok", f"may read {', '.join(readable)}")


def _without_password(url: str) -> str:
    scheme, _, rest = url.rpartition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
