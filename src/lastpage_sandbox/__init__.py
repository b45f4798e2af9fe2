"""An organisation of Genesys Cloud to develop against: an emulator of the conversation-details API, with faults on request.

    with Sandbox(Settings(seed=7, per_day=2000)).serve() as server:
        ...  # point a client at server.url, with the settings' client_id and client_secret

Written from docs/api.md alone; it shares no line with the client, so that a misreading cannot agree with itself.
"""

from lastpage_sandbox.app import IncompleteBody, Sandbox
from lastpage_sandbox.serve import serve_forever
from lastpage_sandbox.settings import Settings
from lastpage_sandbox.world import Skeleton, World

__all__ = ["IncompleteBody", "Sandbox", "Settings", "Skeleton", "World", "serve_forever"]
