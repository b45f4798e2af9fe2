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
from lastpage.sinks.bucket import Bucket
from lastpage.sinks.server import Server
from tests import elsewhere, objects, postgres
from tests.contract.kinds import SINKS, Kind

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


#: The kinds of destinations of which the short lane asks what runs make of them, each of which keeps a day in another way. CSV, Delta and
#: object stores have the folder's rules with other files, compressed lines those of lines: of them it asks what their sinks say.
IN_SHORT = {SINKS[name] for name in ("parquet", "lines", "duckdb", "postgres", "jsonl")}
OF_SINKS = ("tests/contract/test_sinks.py", "tests/contract/test_look.py")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What runs make of the other kinds waits for the long lane."""
    for item in items:
        file = item.nodeid.partition("::")[0]
        if file in OF_SINKS or not ("/contract/" in file or file.endswith("test_sync.py")):
            continue
        values = item.callspec.params.values() if hasattr(item, "callspec") else ()
        named = (SINKS.get(each) if isinstance(each, str) else each for each in values)
        if any(isinstance(each, Kind) and each not in IN_SHORT for each in named):
            item.add_marker("long")


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
def what_stands_for_folders(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A schema, or a prefix, stands for a folder (tests/elsewhere.py): its state is in that, and it goes with the test."""
    usual = {kind: kind.state for kind in (Server, Bucket)}

    def of_server(server: Server) -> Path:
        folder = postgres.FOLDERS.get(server.schema)
        return postgres.state(folder) if folder else usual[Server].__get__(server)

    def of_bucket(bucket: Bucket) -> Path:
        folder = objects.FOLDERS.get(bucket.prefix)
        return objects.state(folder) if folder else usual[Bucket].__get__(bucket)

    monkeypatch.setattr(Server, "state", property(of_server))
    monkeypatch.setattr(Bucket, "state", property(of_bucket))
    yield
    for folder in postgres.FOLDERS.values():
        postgres.remove(folder)
    objects.STORES.clear()
    for kind in elsewhere.KINDS.values():
        kind.FOLDERS.clear()
