"""The token: shared by all threads, renewed before it ends, and once when the API refuses it.

A login is a generator of calls: it yields the token request and is sent the answer. It sends
nothing itself, so the client decides how requests are paced and repeated.

    Auth               the token                        renewed
    -----------------  -------------------------------  --------------------------------------------
    ClientCredentials  by Basic credentials and a form  early, or after 4/5 of a short life
                       (docs/api.md, 1.1)
    StaticToken        obtained elsewhere               never
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Generator, Mapping
from typing import Protocol

import msgspec

from lastpage.api.messages import Answer, Call
from lastpage.api.records import UNREADABLE
from lastpage.api.responses import tokenless
from lastpage.clock import Clock
from lastpage.errors import UsageError
from lastpage.query.credentials import Credentials
from lastpage.query.environment import Environment, LoggedIn, token_of

ENDPOINT = "POST /oauth/token"
#: A token is renewed this many seconds before its end, or after this share of a short life.
EARLY_S = 300.0
LIFE_USED = 0.8


class Grant(msgspec.Struct, frozen=True):
    """What a login brings; a token that does not say how long it lives lives for a day."""

    access_token: str
    expires_in: float = 86_400.0


#: A login as it goes on: yields each call with its headers, is sent the answer.
Steps = Generator[tuple[Call, Mapping[str, str]], Answer, Grant]


class Login(Protocol):
    """Drives a login to its end: sends each call to the login host, gives back the answers."""

    def __call__(self, steps: Steps) -> Grant: ...


class Auth(Protocol):
    """Where tokens come from; safe for threads."""

    def token(self, login: Login) -> str:
        """A token that is not about to end."""

    def renew(self, old: str, login: Login) -> str | None:
        """Another token in place of one that was refused; None where there is no other."""


class ClientCredentials:
    """The grant of OAuth clients (docs/api.md, 1.1). It has no refresh token."""

    def __init__(self, credentials: Credentials, clock: Clock) -> None:
        self._credentials = credentials
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = 0.0

    def token(self, login: Login) -> str:
        """The token, fetched where it is missing or ends soon; one thread logs in, others wait."""
        with self._lock:
            if not self._token or self._clock.now() >= self._renew_at:
                self._log_in(login)
            return self._token

    def renew(self, old: str, login: Login) -> str | None:
        """A new token, unless another thread has fetched one since."""
        with self._lock:
            if self._token == old:
                self._log_in(login)
            return self._token

    def _log_in(self, login: Login) -> None:
        began = self._clock.now()
        grant = login(self._steps())
        life_s = max(grant.expires_in, 0.0)
        self._token = grant.access_token
        self._renew_at = began + max(life_s - EARLY_S, life_s * LIFE_USED)

    def _steps(self) -> Steps:
        pair = f"{self._credentials.client_id}:{self._credentials.client_secret}".encode()
        headers = {
            "Authorization": f"Basic {base64.b64encode(pair).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = b"grant_type=client_credentials"
        call = Call("POST", "/oauth/token", body=body, endpoint=ENDPOINT)
        answer = yield call, headers
        try:
            grant = msgspec.json.decode(answer.body, type=Grant)
        except UNREADABLE:
            grant = Grant("")
        if not _fits_a_header(grant.access_token):
            raise tokenless(call, answer)
        return grant


class StaticToken:
    """A token that was obtained elsewhere. Raises `UsageError` for what cannot be one."""

    def __init__(self, token: str) -> None:
        if not _fits_a_header(token):
            raise UsageError(
                "the token is not valid: "
                "it is empty, or has spaces, a line break or odd characters in it; copy it again"
            )
        self._token = token

    def token(self, login: Login) -> str:  # noqa: ARG002 - the seam's shape
        """The token."""
        return self._token

    def renew(self, old: str, login: Login) -> str | None:  # noqa: ARG002 - the seam's shape
        """None: there is no other token."""
        return None


def auth_of(
    credentials: Credentials | LoggedIn | str, environment: Environment, clock: Clock
) -> tuple[Auth, str]:
    """How to log in, and what stands for the organisation's id where the API does not tell it."""
    if isinstance(credentials, Credentials):
        return ClientCredentials(credentials, clock), f"client {credentials.public_id}"
    return StaticToken(token_of(credentials)), f"a token of {environment.name}"


def _fits_a_header(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable() and " " not in token
