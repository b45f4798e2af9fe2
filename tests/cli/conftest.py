"""What the tests of verbs start from."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.inprocess import NOW
from tests.served import served

from lastpage_sandbox import Sandbox, Settings


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """A served organisation, its variables set, an empty folder to work in."""
    settings = Settings(seed=7, per_day=20, requests_per_minute=6_000, job_polls=0, orphans=0.0)
    with served(settings, NOW, monkeypatch, tmp_path) as box:
        yield box
