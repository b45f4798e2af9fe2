"""The emulator on a socket: cheroot, loopback unless told otherwise."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Self

from cheroot.wsgi import Server as Cheroot

THREADS = 16


class Server:
    """Serves a WSGI application from a thread while the `with` block runs."""

    def __init__(self, app: Any, host: str, port: int) -> None:
        self._server = Cheroot((host, port), app, numthreads=THREADS, server_name="sandbox")
        self._server.prepare()
        self._host = host
        self._thread = threading.Thread(target=self._server.serve, name="sandbox", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.bind_addr[1])

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()
        self._thread.join(timeout=10)

    def join(self) -> None:
        """Serve until the process is interrupted."""
        while self._thread.is_alive():
            self._thread.join(timeout=1)
