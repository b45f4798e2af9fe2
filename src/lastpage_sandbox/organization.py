"""Who is asking: the organisation, the token, the retention setting (docs/api.md, 1.7)."""

from __future__ import annotations

from lastpage_sandbox.moments import stamp
from lastpage_sandbox.record.names import name_id
from lastpage_sandbox.replies import Reply, not_found
from lastpage_sandbox.settings import Settings

#: When everything that has a date of its own was made.
FOUNDED = "2020-01-06T08:00:00.000Z"


class Organization:
    """The few facts that clients ask for before they begin."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._named = {"id": name_id(settings.seed, "organization"), "name": "Sandbox"}

    def me(self) -> Reply:
        body = {
            **self._named,
            "defaultLanguage": "en-US",
            "defaultCountryCode": "DE",
            "thirdPartyOrgName": "sandbox",
            "domain": "sandbox",
            "version": 1,
            "state": "active",
            "defaultSiteId": name_id(self._settings.seed, "site"),
            "voicemailEnabled": False,
            "productPlatform": "GenesysCloud",
            "selfUri": f"/api/v2/organizations/{self._named['id']}",
            "features": {"realtimeCIC": True, "purecloud": True, "unifiedCommunications": False},
        }
        return Reply(200, body)

    def token(self, ends_at: float) -> Reply:
        """What the token that came with the request is good for."""
        client = {
            "id": self._settings.client_id,
            "name": "Sandbox client",
            "dateCreated": FOUNDED,
            "authorizedGrantType": "CLIENT-CREDENTIALS",
            "scope": [],
            "state": "active",
            "organization": self._named,
        }
        body = {
            "organization": self._named,
            "homeOrganization": self._named,
            "authorizedScope": [],
            "dateTokenIdles": stamp(round(ends_at * 1000)),
            "OAuthClient": client,
        }
        return Reply(200, body)

    def retention(self) -> Reply:
        if self._settings.retention_days is None:
            raise not_found()
        days = self._settings.retention_days
        return Reply(200, {"retentionDays": days, "dateCreated": FOUNDED, "dateModified": FOUNDED})
