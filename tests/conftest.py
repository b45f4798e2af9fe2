"""How every test runs: examples are drawn the same way each time, nothing is timed, and no test waits for a clock or a disk."""

import os
import shutil
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from cheroot.server import HTTPServer
from hypothesis import HealthCheck, settings

from lastpage.clock import RealClock
from lastpage.sinks.server import Server
from tests import postgres

# A busy machine is not a fault: an example may take as long as it takes.
settings.register_profile(
    "tests", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tests")

#: A folder in memory, where the platform has one. Half of a run's wall time would go into flushing small files to a disk, and
#: no test can cut the power: what a crash leaves is the same in memory.
MEMORY = Path("/dev/shm")
ROOM = 2 << 30

if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(autouse=True, scope="session")
def nobody_waits() -> Iterator[None]:
    """A client with the machine's clock asks for a job's progress at once, and tries again at once; a server stops at once.

    What such a clock did not wait has passed all the same, so that five minutes of trouble come to an end.
    """
    sleep = RealClock.sleep

    def pass_at_once(clock: RealClock, seconds: float) -> None:
        sleep(clock, min(seconds, 0.001))
        clock._zero += max(seconds, 0.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RealClock, "sleep", pass_at_once)
        patch.setattr(HTTPServer, "expiration_interval", 0.02)
        yield


@pytest.fixture(autouse=True)
def _with_extra(request: pytest.FixtureRequest) -> None:
    """What is asked of Delta tables is skipped where the extra `delta` is not installed."""
    values = request.node.callspec.params.values() if hasattr(request.node, "callspec") else ()
    asked = {str(getattr(each, name, each)) for each in values for name in ("format", "name")}
    if "delta" in asked and find_spec("deltalake") is None:
        pytest.skip("deltalake is not installed (the extra `delta`)")


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> str:
    """A text; the parser refuses each record that has it, as it would for a reason that nobody foresaw."""
    from lastpage.tables import parse

    read, mark = parse.parse, "refused by the parser"

    def refusing(page: Sequence[bytes], **how: Any) -> Any:
        if any(mark.encode() in bytes(raw) for raw in page):
            raise ValueError("for some reason")
        return read(page, **how)

    monkeypatch.setattr(parse, "parse", refusing)
    return mark


@pytest.fixture(autouse=True)
def schemas_of_a_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A schema stands for a folder (tests/postgres.py): its state is in that, and it goes with the test."""
    usual = Server.state

    def state(server: Server) -> Path:
        folder = postgres.FOLDERS.get(server.schema)
        return postgres.state(folder) if folder else usual.__get__(server)

    monkeypatch.setattr(Server, "state", property(state))
    yield
    for folder in postgres.FOLDERS.values():
        postgres.remove(folder)
    postgres.FOLDERS.clear()
