"""Every Genesys Cloud conversation, to the last page.

    query ─▶ plan ─▶ fetch (pages | cursor) ─▶ ledger + spool ─▶ tally ─▶ tables ─▶ sinks
     Query    Slice    Request ▸ Answer           bytes on disk    verdict   Arrow     cells

The functions are the command line's verbs, with credentials from the environment. `Cloud` is for more than one call: it iterates
conversations with bounded memory, and gives them as Arrow tables.
"""

from __future__ import annotations

import os
from typing import Any, Unpack

from lastpage.checkup import Finding
from lastpage.cloud import Cloud, FetchedPage
from lastpage.coverage.verification import Verification
from lastpage.errors import (
    ApiError,
    DestinationError,
    Interrupted,
    InUseError,
    LastpageError,
    RefusedError,
    RejectedError,
    ShortError,
    UnavailableError,
    UsageError,
)
from lastpage.extraction.delivery import Summary
from lastpage.keywords import Asked, Wanted, When
from lastpage.planning.slices import Slice
from lastpage.query.environment import Credentials, Environment
from lastpage.query.interval import Interval
from lastpage.sinks.destination import Format
from lastpage.version import __version__

__all__ = [
    "ApiError",
    "Asked",
    "Cloud",
    "Credentials",
    "DestinationError",
    "Environment",
    "FetchedPage",
    "Finding",
    "InUseError",
    "Interrupted",
    "Interval",
    "LastpageError",
    "RefusedError",
    "RejectedError",
    "ShortError",
    "Slice",
    "Summary",
    "UnavailableError",
    "UsageError",
    "Verification",
    "Wanted",
    "__version__",
    "doctor",
    "fetch",
    "fetch_all",
    "plan",
    "verify",
]


def fetch(
    interval: When,
    to: str | os.PathLike[str] = "conversations",
    *,
    format: Format | None = None,  # noqa: A002 - the option's name
    **wanted: Unpack[Wanted],
) -> Summary:
    """`Cloud.from_env().fetch(…)`: an interval into a destination; again after a crash, and it goes on."""
    return Cloud.from_env().fetch(interval, to, format=format, **wanted)


def fetch_all(interval: When, **asked: Unpack[Asked]) -> list[dict[str, Any]]:
    """`Cloud.from_env().fetch_all(…)`: every conversation of a small interval as a list of dicts."""
    return Cloud.from_env().fetch_all(interval, **asked)


def doctor() -> list[Finding]:
    """`Cloud.from_env().doctor()`: whether a fetch can work here, one finding a line."""
    return Cloud.from_env().doctor()


def verify(
    to: str | os.PathLike[str] = "conversations", *, content: bool = False, repair: bool = False
) -> Verification:
    """`Cloud.from_env().verify(…)`: a destination against what the API counts now."""
    return Cloud.from_env().verify(to, content=content, repair=repair)


def plan(interval: When, **asked: Unpack[Asked]) -> list[Slice]:
    """`Cloud.from_env().plan(…)`: the slices a fetch would take; sends only the watermark and the counts."""
    return Cloud.from_env().plan(interval, **asked)
