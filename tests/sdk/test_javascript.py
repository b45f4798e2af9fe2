"""The official JavaScript SDK takes the sandbox for the real thing, too. `make sdk` installs it where Node is there."""

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lastpage_sandbox import Sandbox, Settings

FOLDER = Path(os.environ.get("LASTPAGE_NODE", Path(__file__).parents[2] / ".node"))
NOW = datetime(2023, 10, 20, 15, 30, tzinfo=UTC)
DAY = "2023-10-16T00:00:00.000Z/2023-10-17T00:00:00.000Z"

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed"),
    pytest.mark.skipif(
        not (FOLDER / "node_modules" / "purecloud-platform-client-v2").exists(),
        reason="the official JavaScript SDK is not installed; run: make sdk",
    ),
]


def test_a_query_and_a_job() -> None:
    """It logs in, pages a query to its end and a job by its cursors, and both bring exactly the truth."""
    settings = Settings(seed=11, per_day=250, requests_per_minute=60_000, job_polls=1)
    box = Sandbox(settings, now=NOW.timestamp)
    with box.serve() as server:
        command = [
            "node",
            str(Path(__file__).with_name("walk.mjs")),
            str(FOLDER.resolve()),
            server.url,
        ]
        command += [settings.client_id, settings.client_secret, DAY]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    start = datetime(2023, 10, 16, tzinfo=UTC)
    truth = box.truth(start, start.replace(day=17))
    assert sorted(each["conversationId"] for each in found["byPages"]) == sorted(truth)
    by_job = {each["conversationId"]: each for each in found["byJob"]}
    assert by_job.keys() == truth.keys()
    assert any(party.get("attributes") for each in found["byJob"] for party in each["participants"])
