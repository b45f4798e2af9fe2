"""What an organisation says of itself: who it is, and how long it keeps conversations (docs/api.md, 1.7)."""

from __future__ import annotations

import threading
from datetime import datetime

import msgspec

from lastpage.api.client import Client
from lastpage.api.messages import JOBS, Call, read_availability
from lastpage.api.responses import understood

UNTOLD = frozenset({403, 404})
WHO = Call("GET", "/api/v2/organizations/me", endpoint="GET /api/v2/organizations/me", passes=UNTOLD)
RETENTION = Call(
    "GET",
    "/api/v2/analytics/dataretention/settings",
    endpoint="GET /api/v2/analytics/dataretention/settings",
    passes=UNTOLD,
)
#: The shortest retention that can be set (docs/api.md, 2): what is younger need not be asked about.
RETENTION_DAYS_MIN = 90


class Organization(msgspec.Struct, frozen=True):
    """Id and name; the name may be missing."""

    id: str
    name: str = ""


class _Retention(msgspec.Struct, frozen=True):
    days: int | None = msgspec.field(name="retentionDays", default=None)


_ORGANIZATION = msgspec.json.Decoder(Organization).decode
_RETENTION = msgspec.json.Decoder(_Retention).decode


def organization(client: Client) -> Organization | None:
    """Who is behind the token; None where the API will not tell."""
    answer = client.send(WHO)
    return understood(WHO, answer, _ORGANIZATION) if answer.status == 200 else None


def retention_days(client: Client) -> int | None:
    """Days after which conversations are deleted; None where nobody set it, or the API will not tell."""
    answer = client.send(RETENTION)
    return understood(RETENTION, answer, _RETENTION).days if answer.status == 200 else None


# PART fetch.lake
# How far the lake of the jobs reaches: the watermark, read once a minute at most and shared by all threads.


FRESH_S = 60.0
ENDPOINT = f"GET {JOBS}/availability"


class Lake:
    """`watermark()` is the API's `dataAvailabilityDate`, or None where the API would not tell (docs/api.md, 1.4, 7)."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._read_at: float | None = None
        self._watermark: datetime | None = None

    def watermark(self) -> datetime | None:
        with self._lock:
            now = self._client.clock.now()
            if self._read_at is None or now - self._read_at >= FRESH_S:
                self._watermark = self._ask()
                self._read_at = now
            return self._watermark

    def _ask(self) -> datetime | None:
        call = Call("GET", f"{JOBS}/availability", endpoint=ENDPOINT, passes=frozenset({403, 404}))
        answer = self._client.send(call)
        if answer.status != 200:
            return None
        return understood(call, answer, read_availability).watermark
