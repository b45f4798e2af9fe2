"""A page in a headless Chromium, driven by its own protocol over two pipes: no driver, no socket.

`WHY_NOT` says why that cannot be, and every test of it is skipped with that.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

PROGRAM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
WHY_NOT = "" if PROGRAM else "no Chromium is installed"
OPTIONS = (
    "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-dev-shm-usage", "--disable-extensions", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-default-browser-check",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip

#: Chromium reads its pipe as number 3, and writes to number 4.
AS_IT_WANTS = """
import os, sys
from fcntl import F_DUPFD, fcntl
reading, writing = (fcntl(int(each), F_DUPFD, 100) for each in sys.argv[1:3])
os.dup2(reading, 3)
os.dup2(writing, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Page:
    """One page, and all that it said, threw, or asked for."""

    def __init__(self, reading: IO[bytes], writing: IO[bytes]) -> None:
        self._from, self._to = reading, writing
        self._numbers, self._session, self._rest = 0, "", b""
        #: Errors, warnings and refusals of the page's policy.
        self.complaints: list[str] = []
        #: The addresses of all requests.
        self.requests: list[str] = []
        self._events: list[str] = []
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        attached = self._send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in "Page", "Runtime", "Log", "Network":
            self._send(f"{domain}.enable")

    def open(self, path: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Load a file, in a window of this width."""
        self._send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._send("Emulation.setEmulatedMedia", media="", features=[scheme])
        self._events.clear()
        self._send("Page.navigate", url=path.absolute().as_uri())
        while "Page.loadEventFired" not in self._events:
            self._hear()

    def run(self, script: str) -> Any:
        """The value of an expression in the page; of a promise, what it comes to."""
        found = self._send(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, key: str) -> None:
        """A key, down and up."""
        for kind in "keyDown", "keyUp":
            self._send("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def picture(self, path: Path) -> None:
        """The whole page as a PNG."""
        found = self._send("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def printed(self, path: Path) -> None:
        """The page as it is printed, a PDF."""
        path.write_bytes(base64.b64decode(self._send("Page.printToPDF")["data"]))

    def _send(self, method: str, **params: Any) -> Any:
        self._numbers += 1
        number = self._numbers
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        text = memoryview(json.dumps(message).encode() + b"\0")
        while text:
            text = text[self._to.write(text) :]
        while (answer := self._hear()).get("id") != number:
            pass
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def _hear(self) -> Any:
        """The next message; what is an event is kept."""
        while b"\0" not in self._rest:
            part = self._from.read(1 << 16)
            assert part, "Chromium has left"
            self._rest += part
        text, _, self._rest = self._rest.partition(b"\0")
        message = json.loads(text)
        params = message.get("params", {})
        match message.get("method", ""):
            case "Runtime.exceptionThrown":
                self.complaints.append(str(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning"):
                self.complaints.append(str(params["args"]))
            case "Log.entryAdded":
                self.complaints.append(params["entry"]["text"])
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
        self._events.append(message.get("method", ""))
        return message


@contextmanager
def chromium() -> Iterator[Page]:
    """A browser of its own, with one page; it is gone afterwards."""
    assert PROGRAM, WHY_NOT
    ours_in, theirs_out = os.pipe()
    theirs_in, ours_out = os.pipe()
    with tempfile.TemporaryDirectory(prefix="lastpage-chromium-", ignore_cleanup_errors=True) as profile:  # fmt: skip
        command = [PROGRAM, *OPTIONS, f"--user-data-dir={profile}"]
        shell = [sys.executable, "-c", AS_IT_WANTS, str(theirs_in), str(theirs_out), *command]
        process = subprocess.Popen(
            shell, pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        with os.fdopen(ours_in, "rb", 0) as reading, os.fdopen(ours_out, "wb", 0) as writing:
            try:
                yield Page(reading, writing)
            finally:
                process.terminate()
                process.wait()
