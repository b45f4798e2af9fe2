"""Tokens: client credentials, Basic and a form (docs/api.md, 1.1), and who may do what with them (7, 8)."""

from __future__ import annotations

import base64
import binascii
import random
from urllib.parse import parse_qs

from lastpage_sandbox.replies import Asked, Refusal, Reply
from lastpage_sandbox.settings import Settings


class OAuth:
    """Issues tokens and checks them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._drawn = random.Random(f"tokens {settings.seed}")
        self._ends: dict[str, float] = {}

    def issue(self, asked: Asked, now: float) -> Reply:
        """The token endpoint; its errors have a body of their own, and a bad client is a 400."""
        form = parse_qs(asked.body.decode("latin-1"))
        grant = (form.get("grant_type") or [asked.query.get("grant_type", "")])[0]
        if grant != "client_credentials":
            return _error("unsupported_grant_type", "only client_credentials is supported here")
        client, secret = _basic(asked.headers.get("authorization", ""))
        if client != self._settings.client_id:
            return _error("invalid_client", "client not found")
        if secret != self._settings.client_secret:
            return _error("invalid_client", "authentication failed")
        token = f"{self._drawn.getrandbits(340):085x}"
        self._ends[token] = now + self._settings.token_lifetime_s
        return Reply(
            200, {"access_token": token, "token_type": "bearer", "expires_in": self._settings.token_lifetime_s}
        )

    def check(self, asked: Asked, now: float, *, expire: bool) -> None:
        """Refuse a request without a good token; `expire` ends the token it came with."""
        kind, _, token = asked.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Refusal(
                401, "authentication.required", "No authentication bearer token specified in authorization header."
            )
        if expire:
            self._ends[token] = now
        if token not in self._ends:
            raise Refusal(401, "bad.credentials", "Invalid login credentials.")
        if self._ends[token] <= now:
            raise Refusal(401, "credentials.expired", "The supplied credentials are expired and cannot be used.")

    def allow(self, *any_of: str) -> None:
        """Refuse where the role has none of these permissions."""
        if self._settings.permissions.isdisjoint(any_of):
            names = ", ".join(any_of)
            raise Refusal(
                403,
                "missing.any.permissions",
                "Unable to perform the requested action. You must have at least one of the following permissions "
                f"assigned: [{names}]",
                body={"messageParams": {"permissions": f"[{names}]"}},
            )


def _basic(header: str) -> tuple[str, str]:
    kind, _, encoded = header.partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        client, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client, secret


def _error(code: str, text: str) -> Reply:
    return Reply(400, {"error": code, "description": text, "error_description": text})
