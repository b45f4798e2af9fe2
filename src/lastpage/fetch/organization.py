"""What an organisation says of itself: who it is, and how long it keeps conversations (docs/api.md, 1.7)."""

from __future__ import annotations

import msgspec

from lastpage.fetch.client import Client
from lastpage.fetch.complaints import understood
from lastpage.fetch.transport import Call

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
