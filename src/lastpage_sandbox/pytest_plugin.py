"""`genesys_sandbox` for other people's tests: an organisation of their own for each test, on a free
port of this machine.

    @pytest.mark.genesys_sandbox(per_day=500, profile="rough", now="2023-10-20T15:30:00Z")
    def test_my_extractor(genesys_sandbox, monkeypatch):
        for name, value in genesys_sandbox.env.items():
            monkeypatch.setenv(name, value)

Nothing of the sandbox is imported before a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lastpage_sandbox.app import Sandbox

MARK = "genesys_sandbox"


@dataclass(frozen=True, slots=True)
class GenesysSandbox:
    """Where it listens, who may log in, and the organisation itself: its faults, its truth, its
    clock.
    """

    url: str
    client_id: str
    client_secret: str
    sandbox: Sandbox

    @property
    def env(self) -> dict[str, str]:
        """The variables that lastpage reads."""
        return {
            "GENESYS_CLIENT_ID": self.client_id,
            "GENESYS_CLIENT_SECRET": self.client_secret,
            "GENESYS_ENVIRONMENT": self.url,
        }


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line(
        "markers",
        f"{MARK}(now=None, rate=1.0, **switches): what the sandbox of this test is like; the "
        "switches are those of Settings.",
    )


@pytest.fixture
def genesys_sandbox(request: pytest.FixtureRequest) -> Iterator[GenesysSandbox]:
    """An emulated Genesys Cloud organisation, gone after the test."""
    from lastpage_sandbox.app import Sandbox  # noqa: PLC0415 - who does not use the fixture does not pay for it
    from lastpage_sandbox.serve import moment  # noqa: PLC0415 - the same
    from lastpage_sandbox.settings import Settings  # noqa: PLC0415 - the same

    asked = _asked(request)
    start, rate = moment(asked.pop("now", None)), asked.pop("rate", 1.0)
    sandbox = Sandbox(Settings(**asked), start=start, rate=rate)
    with sandbox.serve() as server:
        yield GenesysSandbox(
            server.url, sandbox.settings.client_id, sandbox.settings.client_secret, sandbox
        )


def _asked(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the marks say, the nearest last."""
    marks = reversed(list(request.node.iter_markers(MARK)))
    return {name: value for mark in marks for name, value in mark.kwargs.items()}
