"""An organisation of Genesys Cloud to develop against: an emulator of the conversation-details API,
with faults on request.

    with Sandbox(Settings(seed=7, per_day=2000)).serve() as server:
        ...  # point a client at server.url, with the settings' client_id and client_secret

Written from docs/api.md alone; it shares no line with the client, so that a misreading cannot agree
with itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lastpage_sandbox.app import Sandbox
    from lastpage_sandbox.serve import serve_forever
    from lastpage_sandbox.settings import Settings
    from lastpage_sandbox.wire import IncompleteBody
    from lastpage_sandbox.world import Skeleton, World

__all__ = ["IncompleteBody", "Sandbox", "Settings", "Skeleton", "World", "serve_forever"]
HOMES = {
    "IncompleteBody": "wire",
    "Sandbox": "app",
    "Settings": "settings",
    "Skeleton": "skeleton",
    "World": "world",
    "serve_forever": "serve",
}


def __getattr__(name: str) -> Any:
    """Loaded when asked for: pytest imports this package for its plugin in every run, also where
    nobody needs a sandbox.
    """
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
