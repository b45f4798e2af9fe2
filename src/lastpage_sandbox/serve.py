"""Serve an organisation until somebody stops it, and say how to reach it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TextIO

from lastpage_sandbox.app import Sandbox
from lastpage_sandbox.control import PLANE
from lastpage_sandbox.server import is_loopback
from lastpage_sandbox.settings import Settings

PORT_MAX = 65_535
DAY_S = 86_400


def serve_forever(
    settings: Settings,
    *,
    host: str,
    port: int,
    now: str | None = None,
    rate: float = 1.0,
    out: TextIO,
) -> int:
    """Print the variables that point a client here, and serve until Ctrl-C. ValueError where an
    argument is none.
    """
    if not 0 <= port <= PORT_MAX:
        raise ValueError(f"a port is a number from 0 (takes a free one) to {PORT_MAX}; not {port}")
    sandbox = Sandbox(settings, start=moment(now), rate=rate)
    try:
        server = sandbox.serve(port, host)
    except OSError as problem:
        raise ValueError(
            f"cannot listen on {host}:{port}: {problem.strerror or problem}; give another "
            "--port (0 takes a free one) or --host"
        ) from None
    with server:
        out.write(_hello(sandbox, server.url, host))
        out.flush()
        try:
            server.join()
        except KeyboardInterrupt:
            out.write("# stopped\n")
    return 0


def moment(text: str | None) -> datetime | None:
    """`--now`: a date, or a date and time; without a zone it is UTC."""
    if text is None:
        return None
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no date and time; they look like 2023-10-20T15:30:00Z"
        ) from None
    return given if given.tzinfo else given.replace(tzinfo=UTC)


def _hello(sandbox: Sandbox, url: str, host: str) -> str:
    """Lines for a shell: what to export, the rest as comments."""
    settings = sandbox.settings
    lines = [
        f"export GENESYS_CLIENT_ID={settings.client_id}",
        f"export GENESYS_CLIENT_SECRET={settings.client_secret}",
        f"export GENESYS_ENVIRONMENT={url}",
    ]
    if settings.login_prefix or settings.api_prefix:
        lines.append(
            f"# login at {url}{settings.login_prefix}, the API at {url}{settings.api_prefix}"
        )
    if sandbox.clock.rate != 1:
        lines.append(f"# {_pace(sandbox)}")
    if not is_loopback(host):
        lines.append(
            f"# warning: others can reach {host}; only the secret above protects it, and "
            "nothing the control plane"
        )
    return "\n".join([*lines, f"# serving; {url}{PLANE} controls it, Ctrl-C ends it", ""])


def _pace(sandbox: Sandbox) -> str:
    now, rate = datetime.fromtimestamp(sandbox.now(), UTC), sandbox.clock.rate
    it_is = f"it is {now:%Y-%m-%dT%H:%M:%SZ} here, and"
    if not rate:
        return f"{it_is} stays so"
    return (
        f"{it_is} a day takes {DAY_S / rate:.6g} s; jobs, tokens and allowances keep real seconds"
    )
