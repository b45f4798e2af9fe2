"""Which organisation it is, and what the official SDK's objects say of it.

    an environment is written as                          it means
    ----------------------------------------------------  ------------------------------------------
    a region: eu-central-1                                its domain (docs/api.md, 6)
    a domain: mypurecloud.de, or a host of it             https://login.… and https://api.… of it
    a URL of the vendor: https://apps.mypurecloud.de/…    the same; the path means nothing
    another URL: http://127.0.0.1:8025, https://gateway…  that host for the API and for the login
    a URL with api. in front                              login. in front for the login

Plain http is for this machine only, since the secret would be sent in clear. Objects of the
official Python SDK are known by their shape, and the SDK is never imported: its models have
`attribute_map`, from their own names to the API's; its `ApiClient` has `access_token` and `host`.
"""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

from lastpage.errors import UsageError

#: AWS region to domain (docs/api.md, 6); the hosts are `login.` and `api.` of it.
REGIONS = {
    "us-east-1": "mypurecloud.com",
    "eu-west-1": "mypurecloud.ie",
    "ap-southeast-2": "mypurecloud.com.au",
    "ap-northeast-1": "mypurecloud.jp",
    "eu-central-1": "mypurecloud.de",
    "us-west-2": "usw2.pure.cloud",
    "ca-central-1": "cac1.pure.cloud",
    "ap-northeast-2": "apne2.pure.cloud",
    "eu-west-2": "euw2.pure.cloud",
    "ap-south-1": "aps1.pure.cloud",
    "us-east-2": "use2.us-gov-pure.cloud",
    "sa-east-1": "sae1.pure.cloud",
    "me-central-1": "mec1.pure.cloud",
    "ap-northeast-3": "apne3.pure.cloud",
    "eu-central-2": "euc2.pure.cloud",
    "mx-central-1": "mxc1.pure.cloud",
    "ap-southeast-1": "apse1.pure.cloud",
    "eusc-de-east-1": "edee1.eusc-pure.cloud",
}
DEFAULT = "us-east-1"
ID, SECRET, ENVIRONMENT = "GENESYS_CLIENT_ID", "GENESYS_CLIENT_SECRET", "GENESYS_ENVIRONMENT"
#: No region has a longer name. Longer texts without a dot may be a secret, and are not shown.
NAME_MAX = 20
_SUBDOMAINS = ("api.", "login.", "apps.")


@dataclass(frozen=True, slots=True)
class Environment:
    """Where to log in and where to ask; both URLs without a slash at the end."""

    name: str
    login_url: str
    api_url: str
    #: Whether it is the default, because no environment was named.
    assumed: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        reason = f" (assumed, because {ENVIRONMENT} is not set)" if self.assumed else ""
        return self.name + reason


# Environments -----------------------------------------------------------------------------------


def parse_environment(text: str) -> Environment:
    """Read a region, a domain or a URL (the table at the top); raises `UsageError`."""
    text = text.strip()
    if not text.isprintable() or " " in text:
        raise UsageError(
            f"{ENVIRONMENT} has spaces, control characters or a line break in it; write it again"
        )
    if "@" in text:
        raise UsageError(
            f"{ENVIRONMENT} has a name or password in it; they belong in {ID} and {SECRET}"
        )
    if "://" in text:
        return _from_url(text)
    name = text.lower()
    if name in REGIONS:
        return _of_region(name)
    domain = _without_subdomain(name)
    for region, known in REGIONS.items():
        if domain == known:
            return _of_region(region)
    shown = f" {text!r}" if "." in text or len(text) < NAME_MAX else ""
    near = difflib.get_close_matches(domain, [*REGIONS, *REGIONS.values()], 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise UsageError(
        f"{ENVIRONMENT}{shown} is not an environment: a region ({', '.join(REGIONS)}), "
        f"a domain such as mypurecloud.de, or a URL{hint}"
    )


def default_environment() -> Environment:
    """The environment where none is named."""
    return replace(parse_environment(DEFAULT), assumed=True)


def is_loopback(host: str) -> bool:
    """Whether this host is the machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _of_region(region: str) -> Environment:
    domain = REGIONS[region]
    return Environment(region, f"https://login.{domain}", f"https://api.{domain}")


def _without_subdomain(host: str) -> str:
    return next((host.removeprefix(sub) for sub in _SUBDOMAINS if host.startswith(sub)), host)


def _from_url(text: str) -> Environment:
    scheme, host, port, path = _split(text)
    if scheme == "http" and not is_loopback(host):
        raise UsageError(
            f"{ENVIRONMENT} {text!r} would send the secret in clear; "
            "use https (http is for this machine only)"
        )
    domain = _without_subdomain(host)
    if domain in REGIONS.values() and port in (None, 443):
        return parse_environment(domain)
    netloc = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    api = f"{scheme}://{netloc}{path}"
    login = api.replace("://api.", "://login.", 1) if host.startswith("api.") else api
    return Environment(netloc, login, api)


def _split(text: str) -> tuple[str, str, int | None, str]:
    """Scheme, host, port and path prefix of a URL that has no more than these."""
    try:
        url = urlsplit(text)
        scheme, host, port = url.scheme.lower(), url.hostname or "", url.port
    except ValueError:
        scheme, host, port = "", "", None
    if scheme not in ("http", "https") or not host:
        raise UsageError(
            f"{ENVIRONMENT} {text!r} is not the URL of an API; "
            "write it as https://api.mypurecloud.de"
        )
    if url.query or url.fragment:
        # What was pasted along may be a token, so it is not shown.
        raise UsageError(
            f"{ENVIRONMENT} {scheme}://{host}… has more than scheme, host, port and path; "
            "remove the rest"
        )
    return scheme, host, port, url.path.rstrip("/")


# The official SDK's objects ---------------------------------------------------------------------


@runtime_checkable
class LoggedIn(Protocol):
    """What is needed of an `ApiClient`: a token that it has already, and the API's host."""

    access_token: str
    host: str


def token_of(client: LoggedIn | str) -> str:
    """A token as it is, or the client's; raises `UsageError` where there is none."""
    if isinstance(client, str):
        return client
    if not isinstance(client, LoggedIn):
        raise UsageError(
            "credentials are an id and a secret, a token, or the official SDK's ApiClient; "
            f"not {type(client).__name__}"
        )
    if not client.access_token:
        raise UsageError(
            "the ApiClient has no token yet; call its get_client_credentials_token(id, secret) "
            "first, or give lastpage the credentials"
        )
    return client.access_token


def body_of(query: Any) -> Mapping[str, Any]:
    """The body of a details query, from a dict or a `ConversationQuery`; raises `UsageError`."""
    body = plain(query)
    if not isinstance(body, Mapping):
        raise UsageError(
            "query must be a dict with the body of a details query, or the official SDK's "
            f"ConversationQuery, not {type(query).__name__}"
        )
    return body


def plain(value: Any) -> Any:
    """An SDK's model, and all that it holds, as the API's JSON values; None is left out."""
    names = getattr(value, "attribute_map", None)
    if isinstance(names, Mapping):
        pairs = ((name, plain(getattr(value, attribute))) for attribute, name in names.items())
        return {name: each for name, each in pairs if each is not None}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value
