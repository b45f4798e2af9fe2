"""What the sandbox's own tests share: a world to look at records of, and a bare client without a socket."""

import base64
import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from lastpage_sandbox import Sandbox, Settings, Skeleton

NOW = datetime(2023, 10, 20, 15, 30, tzinfo=UTC)
DETAILS = "/api/v2/analytics/conversations/details"
JOBS = f"{DETAILS}/jobs"
DAY = "2023-10-10T00:00:00.000Z/2023-10-11T00:00:00.000Z"
MINUTE, HOUR, DAYS = 60_000, 3_600_000, 86_400_000
Json = dict[str, Any]


def ms(*date: int) -> int:
    """A moment of October 2023 in milliseconds: day, hour, minute."""
    return round(datetime(2023, 10, *date, tzinfo=UTC).timestamp() * 1000)


def talk(number: int, start_ms: int, minutes: float | None = 5, **more: Any) -> Skeleton:
    """A conversation by hand; `minutes` None never ends."""
    end = None if minutes is None else start_ms + round(minutes * MINUTE)
    name = f"{number:08x}-0000-4000-8000-000000000000"
    return Skeleton(name, start_ms, end, more.pop("arrival_ms", start_ms), **more)


class Box:
    """An organisation, its clock, and a bare client: JSON in and out."""

    def __init__(self, *skeletons: Skeleton, **given: Any) -> None:
        per_day = 0 if skeletons else 400
        settings: Json = {
            "seed": 3,
            "per_day": per_day,
            "requests_per_minute": 1_000_000,
            "job_polls": 0,
        }
        settings = {**settings, "token_lifetime_s": 10**9, **given}
        self.at = NOW.timestamp()
        self.sandbox = Sandbox(Settings(**settings), now=lambda: self.at, sleep=self.sleep)
        self.world, self.library = self.sandbox.world, self.sandbox.library
        self.world.add(*skeletons)
        own = self.sandbox.settings
        basic = base64.b64encode(f"{own.client_id}:{own.client_secret}".encode()).decode()
        answer = self.sandbox.request(
            "POST",
            "/oauth/token",
            None,
            {"Authorization": f"Basic {basic}"},
            b"grant_type=client_credentials",
        )
        self.headers = {
            "Authorization": f"Bearer {json.loads(answer[2])['access_token']}",
            "Content-Type": "application/json",
        }

    def sleep(self, seconds: float) -> None:
        self.at += seconds

    @property
    def now_ms(self) -> int:
        return round(self.at * 1000)

    def ask(
        self, method: str, path: str, body: Any = None, *, zipped: bool = False, **query: Any
    ) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {**self.headers, **({"Accept-Encoding": "gzip"} if zipped else {})}
        status, answered, raw = self.sandbox.request(
            method, path, {k: str(v) for k, v in query.items()}, headers, data
        )
        if answered.get("content-encoding") == "gzip":
            raw = gzip.decompress(raw)
        return status, json.loads(raw) if raw else None

    def query(
        self, interval: str = DAY, size: int = 100, number: int = 1, **more: Any
    ) -> tuple[int, Any]:
        body = {"interval": interval, "paging": {"pageSize": size, "pageNumber": number}, **more}
        return self.ask("POST", f"{DETAILS}/query", body)

    def found(self, interval: str = DAY, **more: Any) -> list[int]:
        """The numbers of hand-made conversations that a query brings, in its order."""
        return [number(row) for row in self.query(interval, **more)[1].get("conversations", [])]

    def hits(self, **more: Any) -> int:
        return int(self.query(size=1, **more)[1]["totalHits"])

    def submit(self, **body: Any) -> str:
        status, answer = self.ask("POST", JOBS, {"interval": DAY, **body})
        assert status == 202, answer
        return f"{JOBS}/{answer['jobId']}"

    def done(self, **body: Any) -> str:
        """Submit, and poll until the results are there."""
        path = self.submit(**body)
        while self.state(path) != "FULFILLED":
            self.sleep(1)
        return path

    def state(self, path: str) -> str:
        return str(self.ask("GET", path)[1]["state"])

    def pages(self, path: str, size: int = 70, *, zipped: bool = False) -> Iterator[Json]:
        """The result pages of a job that is done."""
        cursor: Json = {}
        while True:
            status, page = self.ask(
                "GET", f"{path}/results", zipped=zipped, pageSize=size, **cursor
            )
            assert status == 200, page
            yield page
            if not page.get("cursor"):
                return
            cursor = {"cursor": page["cursor"]}

    def job(self, **body: Any) -> list[Json]:
        """The rows of a job, from its submission to its last page."""
        return [
            row for page in self.pages(self.done(**body)) for row in page.get("conversations", [])
        ]

    def record(
        self, skeleton: Skeleton, at_ms: int | None = None, *, attributes: bool = False
    ) -> Json:
        seen = self.world.schedule.seen(skeleton, self.now_ms if at_ms is None else at_ms)
        assert seen is not None
        return self.library.record(
            seen, self.now_ms if at_ms is None else at_ms, attributes=attributes
        )

    def day(self, day: int = 10) -> list[Skeleton]:
        return self.world.visible(ms(day), ms(day + 1), self.now_ms)


def number(record: Json) -> int:
    """Of a hand-made conversation."""
    return int(record["conversationId"][:8], 16)


def parts(record: Json, purpose: str) -> list[Json]:
    return [part for part in record["participants"] if part["purpose"] == purpose]


def sessions(record: Json) -> Iterator[tuple[Json, Json]]:
    """Participant and session, of all."""
    return ((part, session) for part in record["participants"] for session in part["sessions"])


def measured(session: Json) -> dict[str, int]:
    """The sums of a session's metrics by name."""
    sums: dict[str, int] = {}
    for metric in session.get("metrics", []):
        sums[metric["name"]] = sums.get(metric["name"], 0) + metric["value"]
    return sums


def lasting(segment: Json) -> int:
    """Milliseconds of a segment that has ended."""
    moments = (datetime.fromisoformat(segment[name]) for name in ("segmentEnd", "segmentStart"))
    end, start = moments
    return round((end - start).total_seconds() * 1000)


def some(dimension: str, value: str | None = None, operator: str = "matches") -> Json:
    """A filter of one predicate about a dimension."""
    predicate: Json = {"dimension": dimension, "operator": operator}
    return {
        "type": "and",
        "predicates": [predicate if value is None else predicate | {"value": value}],
    }
