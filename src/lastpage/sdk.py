"""Objects of the official Python SDK, taken by their shape; the SDK itself is never imported.

Its models carry `attribute_map`, from their own names to the API's; its `ApiClient` carries `access_token` and `host`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from lastpage.errors import UsageError


@runtime_checkable
class LoggedIn(Protocol):
    """What of an `ApiClient` is needed: a token that was obtained already, and the API's host."""

    access_token: str
    host: str


def token_of(client: LoggedIn | str) -> str:
    """A token as it is, or the client's; raises `UsageError` where there can be none, or nobody has logged in yet."""
    if isinstance(client, str):
        return client
    if not isinstance(client, LoggedIn):
        raise UsageError(
            f"credentials are an id and a secret, a token, or the official SDK's ApiClient; not {type(client).__name__}"
        )
    if not client.access_token:
        raise UsageError(
            "the ApiClient has no token yet; call its get_client_credentials_token(id, secret) first, "
            "or give lastpage the credentials"
        )
    return client.access_token


def body_of(query: Any) -> Mapping[str, Any]:
    """The body of a details query, from a dict or a `ConversationQuery`; raises `UsageError` for anything else."""
    body = plain(query)
    if not isinstance(body, Mapping):
        raise UsageError(
            f"query must be a dict with the body of a details query, or the official SDK's ConversationQuery, "
            f"not {type(query).__name__}"
        )
    return body


def plain(value: Any) -> Any:
    """A model and what hangs from it as the API's own JSON values; what is not set is left out."""
    names = getattr(value, "attribute_map", None)
    if isinstance(names, Mapping):
        pairs = ((name, plain(getattr(value, attribute))) for attribute, name in names.items())
        return {name: each for name, each in pairs if each is not None}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value
