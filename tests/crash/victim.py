"""A client that is going to be killed: a process of its own, real sockets, no time lost waiting."""

from __future__ import annotations

from typing import Any

from lastpage import Cloud, Credentials
from lastpage.clock import RealClock
from tests.inprocess import FEW

INTERVAL = "2023-10-19T06:00Z/2023-10-20T15:00Z"
ASKED: dict[str, Any] = {"page_size": 30, "names": False, "tables": FEW}


class Hasty(RealClock):
    """A real clock that does not wait."""

    def sleep(self, seconds: float) -> None:
        super().sleep(min(seconds, 0.001))


def fetch(url: str, credentials: Credentials, destination: str, form: Any, go: object) -> None:
    """Wait for the word, then run the main job."""
    go.wait()  # type: ignore[attr-defined]
    Cloud(credentials, url, clock=Hasty(), threads=2).fetch(
        INTERVAL, destination, format=form, **ASKED
    )
