"""Serve an organisation until somebody stops it, and say how to reach it."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from lastpage_sandbox.app import Sandbox
from lastpage_sandbox.settings import Settings


def serve_forever(settings: Settings, *, host: str, port: int, now: str | None, out: TextIO) -> int:
    """Print the variables that point a client here, and serve until Ctrl-C."""
    sandbox = Sandbox(settings, now=clock(now))
    try:
        server = sandbox.serve(port, host)
    except OSError as problem:
        out.write(f"# cannot listen on {host}:{port}: {problem.strerror}; give another --port (0 takes a free one)\n")
        return 2
    with server:
        out.write(f"export GENESYS_CLIENT_ID={settings.client_id}\n")
        out.write(f"export GENESYS_CLIENT_SECRET={settings.client_secret}\n")
        out.write(f"export GENESYS_ENVIRONMENT={server.url}\n")
        if not _loopback(host):
            out.write(f"# warning: {host} can be reached by others; nothing here protects it but the secret above\n")
        out.write("# serving; Ctrl-C ends it\n")
        out.flush()
        try:
            server.join()
        except KeyboardInterrupt:
            out.write("# stopped\n")
    return 0


def clock(start: str | None) -> Callable[[], float]:
    """The real time, or a clock that starts at a given moment and runs on."""
    if start is None:
        return time.time
    moment = datetime.fromisoformat(start)
    ahead = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - time.time()
    return lambda: time.time() + ahead


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
