"""A server of raw bytes on a real socket, for what no proper server would send."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Script = bytes | Callable[[socket.socket], None]


class Peer:
    """A server of raw bytes: each connection gets the next script, after the head of its request was read."""

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
                self.heads.append(connection.recv(65536))
                if callable(script):
                    script(connection)
                else:
                    connection.sendall(script)


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
