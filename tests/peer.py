"""A server of raw bytes on a real socket, for what no proper server would send."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Script = bytes | Callable[[socket.socket], None]
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


class Peer:
    """A server of raw bytes: each connection gets the next script once its request was read; after the last it is gone."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = scripts
        self.heads: list[bytes] = []
        self.done = threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def run(self) -> None:
        for script in self.scripts:
            connection, _ = self.socket.accept()
            with connection:
                self.heads.append(_request(connection))
                if callable(script):
                    script(connection)
                else:
                    connection.sendall(script)
        # Who still comes is refused; in the queue of a socket that nobody accepts from, it would wait for its own timeout.
        if self.scripts:
            self.socket.close()


def _request(connection: socket.socket) -> bytes:
    """A request with its body. Who closes with bytes unread resets the connection, and the answer may never arrive."""
    request = connection.recv(65536)
    head, _, body = request.partition(b"\r\n\r\n")
    told = LENGTH.search(head)
    missing = int(told[1]) - len(body) if told else 0
    while missing > 0 and (more := connection.recv(missing)):
        missing -= len(more)
    return request


@contextmanager
def peer(*scripts: Script) -> Iterator[Peer]:
    server = Peer(*scripts)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.done.set()
        thread.join(timeout=10)
        server.socket.close()
