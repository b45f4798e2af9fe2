"""A client of a dozen lines for the sandbox's own tests: a token, and JSON in and out. No line of lastpage is used here."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from lastpage_sandbox import Sandbox, Settings, Skeleton

NOW = datetime(2023, 10, 20, 15, 30, tzinfo=UTC)
DETAILS = "/api/v2/analytics/conversations/details"
DAY = "2023-10-10T00:00:00.000Z/2023-10-11T00:00:00.000Z"


class Clock:
    def __init__(self) -> None:
        self.at = NOW.timestamp()

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


class Client:
    """A bare client: a token, and JSON in and out."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        settings = {
            "seed": 3,
            "per_day": 400,
            "requests_per_minute": 100_000,
            "job_polls": 1,
            **settings,
        }
        self.box = Sandbox(Settings(**settings), now=self.clock.now, sleep=self.clock.sleep)
        self.token = self.log_in()[1]["access_token"]

    def log_in(
        self,
        client: str | None = None,
        secret: str | None = None,
        body: bytes = b"grant_type=client_credentials",
    ) -> tuple[int, Any]:
        pair = (
            f"{client or self.box.settings.client_id}:{secret or self.box.settings.client_secret}"
        )
        headers = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        status, _, answer = self.box.request("POST", "/oauth/token", None, headers, body)
        return status, json.loads(answer)

    def wait(self, seconds: float) -> None:
        """Let time pass, longer than a token lives."""
        self.clock.sleep(seconds)
        self.token = self.log_in()[1]["access_token"]

    def ask(
        self, method: str, path: str, body: Any = None, **query: Any
    ) -> tuple[int, Any, dict[str, str]]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        status, answered, raw = self.box.request(
            method, path, {k: str(v) for k, v in query.items()}, headers, data
        )
        return status, json.loads(raw) if raw else None, answered

    def query(
        self, interval: str = DAY, size: int = 100, number: int = 1, **more: Any
    ) -> tuple[int, Any]:
        body = {"interval": interval, "paging": {"pageSize": size, "pageNumber": number}, **more}
        return self.ask("POST", f"{DETAILS}/query", body)[:2]

    def job(self, **body: Any) -> list[dict[str, Any]]:
        name = self.submitted(**body)
        rows, cursor = [], ""
        while True:
            page = self.ask(
                "GET",
                f"{DETAILS}/jobs/{name}/results",
                pageSize=70,
                **({"cursor": cursor} if cursor else {}),
            )[1]
            rows += page.get("conversations", [])
            cursor = page.get("cursor")
            if not cursor:
                return rows

    def submitted(self, **body: Any) -> str:
        name = self.ask("POST", f"{DETAILS}/jobs", {"interval": DAY, **body})[1]["jobId"]
        while self.ask("GET", f"{DETAILS}/jobs/{name}")[1]["state"] in ("QUEUED", "PENDING"):
            pass
        return str(name)


def at(day: int, hour: float, minutes: float, number: int, **more: Any) -> Skeleton:
    start = datetime(2023, 10, day, tzinfo=UTC) + timedelta(hours=hour)
    begun = round(start.timestamp() * 1000)
    return Skeleton(
        f"{number:08x}-0000-4000-8000-000000000000",
        begun,
        begun + round(minutes * 60_000),
        begun,
        **more,
    )


def placed(*skeletons: Skeleton, **settings: Any) -> Client:
    client = Client(per_day=0, **settings)
    client.box.world.add(*skeletons)
    return client
