"""Tokens: client credentials, Basic and a form (docs/api.md, 1.1), and who may do what with them
(7, 8).
"""

from __future__ import annotations

import base64
import binascii
import random
from urllib.parse import parse_qs

from lastpage_sandbox.replies import Asked, Refusal, Reply
from lastpage_sandbox.settings import Settings

TEMPLATE = "Unable to perform the requested action. You must have at least one of the following permissions assigned: {permissions}"
#: What a token is refused with once it has ended (1.8, 8).
EXPIRED = {
    "bad.credentials": ("bad.credentials", "Invalid login credentials."),
    "credentials.expired": (
        "credentials.expired",
        "The supplied credentials are expired and cannot be used.",
    ),
}


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
            200,
            {
                "access_token": token,
                "token_type": "bearer",
                "expires_in": self._settings.token_lifetime_s,
            },
        )

    def check(self, asked: Asked, now: float, *, expire: bool) -> None:
        """Refuse a request without a good token; `expire` ends the token it came with."""
        token = _token(asked)
        if not token:
            raise Refusal(
                401,
                "authentication.required",
                "No authentication bearer token specified in authorization header.",
            )
        if token not in self._ends:
            raise Refusal(401, *EXPIRED["bad.credentials"])
        if expire:
            self._ends[token] = now
        if self._ends[token] <= now:
            raise Refusal(401, *EXPIRED[self._settings.expired_code])

    def left_s(self, asked: Asked, now: float) -> float:
        """How long the token that was checked still lives, in seconds."""
        return self._ends[_token(asked)] - now

    def revoke(self, asked: Asked) -> None:
        """End the token of this request for good."""
        del self._ends[_token(asked)]

    def allow(self, *any_of: str) -> None:
        """Refuse where the role has none of these permissions, or has them nowhere."""
        if not any_of:
            return
        if self._settings.permissions.isdisjoint(any_of):
            names = ", ".join(any_of)
            raise Refusal(
                403,
                "missing.any.permissions",
                "Unable to perform the requested action. You must have at least one of the "
                "following permissions "
                f"assigned: [{names}]",
                body={
                    "messageWithParams": TEMPLATE,
                    "messageParams": {"permissions": f"[{names}]"},
                },
            )
        if self._settings.divisions == frozenset() and self._settings.no_division == "403":
            raise Refusal(
                403,
                "missing.division.permission",
                "You are not authorized to perform the requested action.",
            )


def _token(asked: Asked) -> str:
    kind, _, token = asked.headers.get("authorization", "").partition(" ")
    return token if kind.lower() == "bearer" else ""


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
