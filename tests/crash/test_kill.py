"""kill -9 at every request of one extract; the same command again brings the same result."""

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from lastpage_sandbox import Sandbox, Settings
from tests.crash.victim import fetch
from tests.inprocess import NOW
from tests.readback import everything

SPAWN = multiprocessing.get_context("forkserver")
SPAWN.set_forkserver_preload(["tests.crash.victim"])


@pytest.fixture(scope="module")
def box() -> Sandbox:
    return Sandbox(
        Settings(seed=5, per_day=45, requests_per_minute=1_000_000, job_polls=0), now=NOW.timestamp
    )


@pytest.fixture(scope="module")
def url(box: Sandbox) -> Iterator[str]:
    with box.serve() as server:
        yield server.url


def run(box: Sandbox, url: str, folder: Path, form: str, kill_at: int | None = None) -> int:
    """One process of the client; its exit code (-9: killed)."""
    go = SPAWN.Event()
    client = (box.settings.client_id, box.settings.client_secret)
    process = SPAWN.Process(target=fetch, args=(url, client, str(folder), form, go))
    process.start()
    if kill_at is not None:
        box.kill(process.pid or 0, kill_at)
    go.set()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize("form", ["parquet", pytest.param("delta", marks=pytest.mark.long)])
def test_killed_at_every_request(box: Sandbox, url: str, form: str, tmp_path: Path) -> None:
    """Killed at any request, run again: the same result; no page of a live job is read twice."""
    assert run(box, url, tmp_path / "whole", form) == 0
    whole = everything(tmp_path / "whole")
    assert len(whole["conversations"]) > 50
    number = 0
    while True:
        number += 1
        folder = tmp_path / str(number)
        before = len(box.log)
        if run(box, url, folder, form, number) == 0:
            break
        assert run(box, url, folder, form) == 0
        assert everything(folder) == whole
        assert_no_page_twice(box, before)
    assert number > 15


def assert_no_page_twice(box: Sandbox, since: int) -> None:
    """Result pages are asked for once; the one in flight when the process died may be asked for twice."""
    asked = Counter(
        (entry.path, entry.query.get("cursor", ""))
        for entry in box.log[since:]
        if entry.endpoint == "jobs.results"
    )
    assert (
        sum(count - 1 for count in asked.values()) <= 2
    )  # two threads, each with a request in flight
    assert Counter(entry.endpoint for entry in box.log[since:])["jobs.submit"] <= 3
