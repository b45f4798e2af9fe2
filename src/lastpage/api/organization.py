"""What the API says of an organisation: who it is, how long it keeps data, how far its jobs reach.

    fact             endpoint (docs/api.md)              where the API refuses (403, 404)
    ---------------  ----------------------------------  -------------------------------------------
    id and name      organizations/me (1.7)              the client's own id stands for it
    retention        dataretention/settings (1.7)        nothing is assumed to be deleted
    job watermark    details/jobs/availability (1.4, 7)  a lag is assumed; coverage is `unproven`

The watermark is read once a minute at most and shared by all threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import msgspec

from lastpage.api.client import Client
from lastpage.api.messages import JOBS, Call, read_availability
from lastpage.api.shapes import body_as

#: The shortest retention that can be set, in days (docs/api.md, 2): data that is younger is there.
RETENTION_DAYS_MIN = 90
#: Seconds for which a watermark is not read again.
WATERMARK_S = 60.0

_REFUSED = frozenset({403, 404})


class Organization(msgspec.Struct, frozen=True):
    """Id and name; the name may be missing."""

    id: str
    name: str = ""


class _Retention(msgspec.Struct, frozen=True):
    days: int | None = msgspec.field(name="retentionDays", default=None)


_decode_organization = msgspec.json.Decoder(Organization).decode
_decode_retention = msgspec.json.Decoder(_Retention).decode


def _get(path: str, decode: Callable[[bytes], object]) -> Call:
    return Call("GET", path, endpoint=f"GET {path}", passes=_REFUSED, reads=body_as(decode))


ORGANIZATION = _get("/api/v2/organizations/me", _decode_organization)
RETENTION = _get("/api/v2/analytics/dataretention/settings", _decode_retention)
AVAILABILITY = _get(f"{JOBS}/availability", read_availability)


def organization(client: Client) -> Organization | None:
    """The organisation of the token; None where the API refuses. Raises `ApiError`."""
    answer = client.send(ORGANIZATION)
    return _decode_organization(answer.body) if answer.status == 200 else None


def retention_days(client: Client) -> int | None:
    """Days after which conversations are deleted; None where it is not set, or the API refuses.

    Raises `ApiError`.
    """
    answer = client.send(RETENTION)
    return _decode_retention(answer.body).days if answer.status == 200 else None


class JobWatermark:
    """How far the jobs reach: `dataAvailabilityDate`, shared by all threads."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._read_at: float | None = None
        self._watermark: datetime | None = None

    def read(self) -> datetime | None:
        """The watermark in UTC, at most a minute old; None where the API refuses.

        Raises `ApiError`.
        """
        with self._lock:
            now = self._client.clock.now()
            if self._read_at is None or now - self._read_at >= WATERMARK_S:
                answer = self._client.send(AVAILABILITY)
                is_told = answer.status == 200
                self._watermark = read_availability(answer.body).watermark if is_told else None
                self._read_at = now
            return self._watermark
