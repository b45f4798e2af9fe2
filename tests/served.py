"""The sandbox on a socket, as a command or a document finds it: its variables set, an empty folder to work in."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from lastpage_sandbox import Sandbox, Settings


@contextmanager
def served(
    settings: Settings, now: datetime, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> Iterator[Sandbox]:
    """An organisation as these settings have it, at this moment, for as long as the block runs."""
    box = Sandbox(settings, now=now.timestamp)
    with box.serve() as server:
        monkeypatch.setenv("GENESYS_CLIENT_ID", settings.client_id)
        monkeypatch.setenv("GENESYS_CLIENT_SECRET", settings.client_secret)
        monkeypatch.setenv("GENESYS_ENVIRONMENT", server.url)
        monkeypatch.chdir(folder)
        yield box


def started(*arguments: str, **pipes: Any) -> subprocess.Popen[str]:
    """`lastpage` in a process of its own that Ctrl-C reaches; a job in a shell's background ignores it."""
    command = [sys.executable, "-m", "lastpage", *arguments]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(command, text=True, **pipes)
    finally:
        signal.signal(signal.SIGINT, before)
