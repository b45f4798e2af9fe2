"""Every Genesys Cloud conversation, to the last page.

    query ─▶ plan ─▶ fetch (pages | cursor) ─▶ ledger + spool ─▶ tally ─▶ tables ─▶ sinks
     Query    Slice    Request ▸ Answer           bytes on disk    verdict   Arrow     files

The functions are the command line's verbs, with credentials from the environment. `Cloud` is for
more than one call: it iterates conversations with bounded memory, and gives them as Arrow tables.

A name is imported from its module when it is first used: `import lastpage` alone loads nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from lastpage.version import __version__

if TYPE_CHECKING:
    from lastpage.checkup import Finding
    from lastpage.cloud import Cloud
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
    from lastpage.extraction.summary import Summary
    from lastpage.figures.report import Report, report
    from lastpage.keywords import Asked, Wanted
    from lastpage.planning.slices import Slice
    from lastpage.query.credentials import Credentials
    from lastpage.query.environment import Environment
    from lastpage.query.interval import Interval
    from lastpage.reading import FetchedPage
    from lastpage.sinks.readers import read_delta
    from lastpage.slicing import schema
    from lastpage.standing import Status, status
    from lastpage.verbs import doctor, fetch, fetch_all, plan, sync, verify

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
    "Report",
    "ShortError",
    "Slice",
    "Status",
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
    "read_delta",
    "report",
    "schema",
    "status",
    "sync",
    "verify",
]

#: Where each name is. Type checkers do not see this table; they read the imports above.
_MODULES = {
    "Cloud": "cloud",
    **dict.fromkeys(("doctor", "fetch", "fetch_all", "plan", "sync", "verify"), "verbs"),
    **dict.fromkeys(("Asked", "Wanted"), "keywords"),
    "Credentials": "query.credentials",
    "Environment": "query.environment",
    "FetchedPage": "reading",
    "Finding": "checkup",
    "Interval": "query.interval",
    "Slice": "planning.slices",
    "read_delta": "sinks.readers",
    **dict.fromkeys(("Report", "report"), "figures.report"),
    "schema": "slicing",
    **dict.fromkeys(("Status", "status"), "standing"),
    "Summary": "extraction.summary",
    "Verification": "coverage.verification",
}


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """The name, from its module (PEP 562); those that the table leaves out are in `errors`."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(f"{__name__}.{_MODULES.get(name, 'errors')}")
        return getattr(module, name)
