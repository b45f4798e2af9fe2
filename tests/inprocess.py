"""The client on the sandbox without a socket: a transport of a dozen lines, one clock for both."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from lastpage import Cloud, Credentials, UnavailableError
from lastpage.api.messages import Answer, Call, TransportError
from lastpage.clock import SimClock
from lastpage_sandbox import IncompleteBody, Sandbox, Settings, Skeleton

#: A Friday afternoon.
NOW = datetime(2023, 10, 20, 15, 30, 20, tzinfo=UTC)
#: Two tables, of which one needs a job: quick to write, and read by the route that all tables are read by.
FEW = ("conversations", "participant_attributes")
URL = "http://127.0.0.1:1"


@dataclass
class InProcess:
    """Hands calls to the sandbox; what dies there, dies here as on a socket."""

    sandbox: Sandbox

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        try:
            status, answered, body = self.sandbox.request(
                call.method, call.path, dict(call.query), headers, call.body
            )
        except IncompleteBody as cut:
            raise TransportError("truncated", str(cut)) from None
        except ConnectionResetError as reset:
            raise TransportError("reset", str(reset)) from None
        return Answer(status, answered, body)


@dataclass
class World:
    """A sandbox and a client of it, with their clock."""

    sandbox: Sandbox
    clock: SimClock
    threads: int = 1

    def cloud(self, **options: Any) -> Cloud:
        """A fresh client, as a new process would have it."""
        settings = self.sandbox.settings
        credentials = Credentials(settings.client_id, settings.client_secret)
        options = {
            "transport": InProcess(self.sandbox),
            "clock": self.clock,
            "threads": self.threads,
            **options,
        }
        return Cloud(credentials, URL, rng=random.Random(1), **options)

    @contextmanager
    def outage(self, endpoint: str, *before: str) -> Iterator[None]:
        """After these words the endpoint refuses, for longer than a request is tried: what runs in the block ends with that."""
        self.sandbox.faults.put(endpoint, *before, *["return-503"] * 100)
        with pytest.raises(UnavailableError):
            yield
        self.sandbox.faults.clear(endpoint)

    def truth(self, start: datetime, end: datetime) -> set[str]:
        return self.sandbox.truth_ids(start, end)


def world(now: datetime = NOW, threads: int = 1, **settings: Any) -> World:
    """An organisation at a moment; quick unless the settings say otherwise."""
    clock = SimClock(now.timestamp())
    settings = {
        "seed": 7,
        "per_day": 300,
        "requests_per_minute": 1_000_000,
        "job_polls": 1,
        "orphans": 0.0,
        **settings,
    }
    return World(Sandbox(Settings(**settings), now=clock.now, sleep=clock.sleep), clock, threads)


def talk(name: int, start: datetime, minutes: float | None = 5, **more: Any) -> Skeleton:
    """A conversation by hand; `minutes` None never ends."""
    begun = round(start.timestamp() * 1000)
    end = None if minutes is None else begun + round(minutes * 60_000)
    return Skeleton(
        f"{name:08x}-0000-4000-8000-000000000000", begun, end, more.pop("arrival_ms", begun), **more
    )
