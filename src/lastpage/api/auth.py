"""The token: fetched by client credentials, shared by all threads, renewed early, and once when the API refuses it.

The login is a generator of calls: it yields the token request and is sent the answer. It sends nothing itself, so whoever drives
it decides how requests are paced and repeated.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Generator, Mapping
from typing import Protocol

import msgspec

from lastpage.api.messages import UNREADABLE, Answer, Call
from lastpage.api.responses import complain_tokenless
from lastpage.clock import Clock
from lastpage.errors import UsageError
from lastpage.query.environment import Credentials

ENDPOINT = "POST /oauth/token"
#: A token is renewed this long before its end, or after four fifths of a short life.
EARLY_S = 300.0
LIFE_USED = 0.8


class Grant(msgspec.Struct, frozen=True):
    """What a login brings."""

    access_token: str
    expires_in: float = 86_400.0


#: A login as it goes on: yields each call with its headers, is sent the answer.
Steps = Generator[tuple[Call, Mapping[str, str]], Answer, Grant]


class Auth(Protocol):
    """Who asks. `renew(old)` replaces a token that was refused, unless another thread has done so already."""

    def token(self, login: Login) -> str: ...

    def renew(self, old: str, login: Login) -> str | None: ...


class Login(Protocol):
    """Drive a login's generator to its end: send each call to the login host, give back the answers."""

    def __call__(self, steps: Steps) -> Grant: ...


class ClientCredentials:
    """The grant of OAuth clients (docs/api.md, 1.1): Basic credentials and a form; there is no refresh token."""

    def __init__(self, credentials: Credentials, clock: Clock) -> None:
        self._credentials = credentials
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = 0.0

    def token(self, login: Login) -> str:
        """The cached token; a new one if there is none or it ends soon. One thread logs in, the others wait."""
        with self._lock:
            if not self._token or self._clock.now() >= self._renew_at:
                self._log_in(login)
            return self._token

    def renew(self, old: str, login: Login) -> str | None:
        with self._lock:
            if self._token == old:
                self._log_in(login)
            return self._token

    def _log_in(self, login: Login) -> None:
        began = self._clock.now()
        grant = login(self._steps())
        life = max(grant.expires_in, 0.0)
        self._token, self._renew_at = grant.access_token, began + max(life - EARLY_S, life * LIFE_USED)

    def _steps(self) -> Steps:
        pair = f"{self._credentials.client_id}:{self._credentials.client_secret}".encode()
        headers = {
            "Authorization": f"Basic {base64.b64encode(pair).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        call = Call("POST", "/oauth/token", body=b"grant_type=client_credentials", endpoint=ENDPOINT)
        answer = yield call, headers
        try:
            grant = msgspec.json.decode(answer.body, type=Grant)
        except UNREADABLE:
            grant = Grant("")
        if not sendable(grant.access_token):
            raise complain_tokenless(call, answer)
        return grant


def sendable(token: str) -> bool:
    """Whether a token can stand in a header."""
    return bool(token) and token.isascii() and token.isprintable() and " " not in token


class StaticToken:
    """A token somebody else obtained; it cannot be renewed."""

    def __init__(self, token: str) -> None:
        if not sendable(token):
            raise UsageError(
                "the token is none: it is empty, or has spaces, a line break or odd characters in it; copy it again"
            )
        self._token = token

    def token(self, login: Login) -> str:  # noqa: ARG002 - the seam's shape
        return self._token

    def renew(self, old: str, login: Login) -> str | None:  # noqa: ARG002 - the seam's shape
        return None
