"""Connections whose answers have to be whole by a moment: status line, headers and body, however they drip.

A read timeout is about silence. A server that sends a byte now and then, or one `100 Continue` after the other, is never silent.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from functools import partial
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection


def timed(manager: urllib3.PoolManager, whole_s: float) -> urllib3.PoolManager:
    """Let every answer of this manager's connections take at most so many seconds."""
    response = staticmethod(partial(_Response, whole_s=whole_s))
    plain = type("Plain", (HTTPConnection,), {"response_class": response})
    tls = type("Tls", (HTTPSConnection,), {"response_class": response})
    manager.pool_classes_by_scheme = {
        "http": type("PlainPool", (urllib3.HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("TlsPool", (urllib3.HTTPSConnectionPool,), {"ConnectionCls": tls}),
    }
    return manager


class _Response(http.client.HTTPResponse):
    """Python's own, reading from a socket with a deadline."""

    def __init__(self, sock: socket.socket, *args: Any, whole_s: float, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_Reader(self.fp.detach(), sock, time.monotonic() + whole_s))


class _Reader(io.RawIOBase):
    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: float) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s, silence_s = self._deadline - time.monotonic(), self._sock.gettimeout()
        if left_s <= 0:
            raise TimeoutError("the answer is not whole in time")
        self._sock.settimeout(left_s if silence_s is None else min(left_s, silence_s))
        try:
            read: int | None = self._raw.readinto(buffer)
        finally:
            self._sock.settimeout(silence_s)
        return read

    def close(self) -> None:
        self._raw.close()
        super().close()
