"""A client, or a sink, that is going to be killed: a process of its own, real sockets, no time lost waiting."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from lastpage import Cloud, Credentials, InUseError
from lastpage.clock import RealClock
from lastpage.files import Disk
from lastpage.sinks.destination import Destination
from lastpage.sinks.sink import TableSink
from tests.contract import test_sinks as contract
from tests.inprocess import FEW

INTERVAL = "2023-10-19T06:00Z/2023-10-20T15:00Z"
ASKED: dict[str, Any] = {"page_size": 30, "names": False, "tables": FEW}


class Hasty(RealClock):
    """A real clock that does not wait."""

    def sleep(self, seconds: float) -> None:
        super().sleep(min(seconds, 0.001))


def fetch(url: str, client: tuple[str, str], destination: str, form: Any, go: object) -> None:
    """Wait for the word, then run the main job; a client is its id and its secret."""
    go.wait()  # type: ignore[attr-defined]
    Cloud(Credentials(*client), url, clock=Hasty(), threads=2).fetch(
        INTERVAL, destination, format=form, **ASKED
    )


def replace(
    destination: Destination,
    tag: str,
    as_of: datetime,
    *numbers: int,
    seam: Callable[[str], None] = lambda _name: None,
) -> None:
    """Replace the day of the contract's tests, as a run does that has the destination to itself on its machine."""
    pages = [[contract.record(number, tag) for number in numbers]]
    with destination.held() as state, destination.sink(state, Disk(seam)) as sink:
        assert isinstance(sink, TableSink)
        sink.claim(contract.US, contract.FEW)
        sink.replace(contract.DAY, [contract.hours(0, 24, as_of=as_of)], pages)


def replace_over_the_wire(
    environment: Mapping[str, str],
    url: str,
    state: str,
    tag: str,
    as_of: datetime,
    numbers: Sequence[int],
    kill_at: int,
) -> None:
    """The same, and be killed before a request to the store; exits with 7 where another run has the place."""
    os.environ.update(environment)
    requests: list[str] = []

    def seam(step: str) -> None:
        if step.startswith("store"):
            requests.append(step)
            if len(requests) == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        replace(Destination.parse(url, state=Path(state)), tag, as_of, *numbers, seam=seam)
    except InUseError:
        os._exit(InUseError.exit_code)
