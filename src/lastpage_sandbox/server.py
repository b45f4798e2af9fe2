"""The emulator on a socket: cheroot, loopback unless told otherwise, and room for many clients at
once.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from types import TracebackType
from typing import Any, Self

from cheroot.wsgi import Server as Cheroot

#: Requests that are looked after at once, stalled ones and slow readers among them; others wait in
#: line.
THREADS = 64
#: Connections that may wait to be accepted. Beyond this the operating system drops them, and the
#: client asks again after seconds or meets a reset.
BACKLOG = 1024
#: Seconds of silence after which a connection is closed. Whoever sends a request at this very moment
#: meets a reset, so it is longer than clients pause.
SILENCE_S = 600


class Roomy(Cheroot):
    """Connections are kept however many there are, and only a request takes a thread."""

    keep_alive_conn_limit = None  # type: ignore[assignment]  # its stub has no None

    def process_conn(self, conn: Any) -> None:
        """A new connection waits for its first request where the others wait for their next one;
        cheroot would have a thread wait for it.
        """
        if conn.last_used is None:
            self.put_conn(conn)
        else:
            super().process_conn(conn)


class Server:
    """Serves a WSGI application from a thread while the `with` block runs."""

    def __init__(self, app: Any, host: str, port: int) -> None:
        self._server = Roomy(
            (host, port),
            app,
            numthreads=THREADS,
            server_name="sandbox",
            request_queue_size=BACKLOG,
            timeout=SILENCE_S,
        )
        _try(host, port)
        self._server.prepare()
        self._host = host
        self._thread = threading.Thread(target=self._server.serve, name="sandbox", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.bind_addr[1])

    @property
    def url(self) -> str:
        """Where a client on this machine finds it; a literal IPv6 address has brackets in a URL."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self._host, self._host)  # noqa: S104 - read, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stop()
        self._thread.join(timeout=10)

    def join(self) -> None:
        """Serve until the process is interrupted."""
        while self._thread.is_alive():
            self._thread.join(timeout=1)


def _try(host: str, port: int) -> None:
    """The operating system's own words where it cannot be bound; cheroot would leave a socket
    behind.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    socket.create_server((host, port), family=family).close()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host of this name."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")
