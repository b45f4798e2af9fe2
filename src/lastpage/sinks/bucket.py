"""A place in an object store, as a URL names it: `s3://bucket/prefix`.

    scheme   the store                               credentials and the rest come from
    -------  --------------------------------------  ------------------------------------------
    s3       Amazon S3, or what speaks its protocol  AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, …
    gs       Google Cloud Storage                    GOOGLE_APPLICATION_CREDENTIALS, …
    az       Azure Blob Storage                      AZURE_STORAGE_ACCOUNT_NAME, …

Nothing of them is ever in the URL: one with a user, a password or parameters is refused, and not
quoted. Of the prefix only plain letters are taken, since it becomes part of every name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from lastpage.errors import UsageError
from lastpage.sinks.server import state_folder

SCHEMES = ("s3", "gs", "az")
#: What begins as one of these URLs, also where a `Path` was made of it, which loses a slash.
BEGINS = re.compile(rf"(?:{'|'.join(SCHEMES)}):/", re.IGNORECASE)
#: What S3, and more narrowly the others, take as the name of a bucket.
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
#: A part of the prefix: without anything that a glob, a URL or a path takes for something else.
PART = re.compile(r"(?!\.\.?$)[A-Za-z0-9._=+@~-]+")
#: A name has 1,024 bytes at most, and the longest of ours needs some 80 of them.
PREFIX_MAX = 900
#: Where another server than the provider's is named, the most special one first.
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
#: Says that a connection may be plain.
ALLOW_HTTP = "AWS_ALLOW_HTTP"
LOOPBACK = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1")
EXAMPLE = "write it as s3://bucket/prefix"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A place in an object store: a bucket (a container, in Azure), and a prefix in it."""

    scheme: str
    name: str
    #: Without a slash at its ends; empty for all of the bucket.
    prefix: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URL; raises `UsageError`, which quotes nothing that may be a secret."""
        if not re.match(r"[a-z0-9]+://", text, re.IGNORECASE):
            raise _unreadable("it has one slash after the colon; give it as a text, not as a Path")
        scheme, _, rest = text.partition("://")
        bucket, _, prefix = rest.partition("/")
        if "@" in bucket or ":" in bucket or "?" in rest or "#" in rest:
            raise _unreadable(
                "it has a user, a password, a port or parameters in it, and credentials and "
                "endpoints come from the environment (docs/object-stores.md)"
            )
        if not NAME.fullmatch(bucket):
            raise _unreadable("its bucket has not the name of one")
        prefix = prefix.removesuffix("/")
        if len(prefix) > PREFIX_MAX:
            raise _unreadable(f"its prefix has more than {PREFIX_MAX} letters")
        if prefix and not all(PART.fullmatch(part) for part in prefix.split("/")):
            raise _unreadable(
                "its prefix has something else in it than letters, digits, and ._-=+@~ between "
                "single slashes"
            )
        found = cls(scheme.lower(), bucket, prefix)
        found.check_endpoint()
        return found

    def __str__(self) -> str:
        return f"{self.scheme}://{self.name}/{self.prefix}".removesuffix("/")

    def __truediv__(self, file: str, /) -> Self:
        """What has a name, from here."""
        return type(self)(self.scheme, self.name, self.key(file))

    @property
    def parent(self) -> Self:
        """What has this in it."""
        return type(self)(self.scheme, self.name, self.prefix.rpartition("/")[0])

    def key(self, file: str) -> str:
        """The whole name, in the bucket, of what has a name from here."""
        return f"{self.prefix}/{file}".strip("/")

    @property
    def url(self) -> str:
        """As it is shown."""
        return str(self)

    @property
    def state(self) -> Path:
        """The folder of its state on this machine, unless another one is given."""
        return state_folder((self.scheme, *self._endpoint[:1], self.name, self.prefix))

    @property
    def server(self) -> str:
        """Who is asked, as a sentence names it: without what may be secret in its address."""
        return self._endpoint[0] if self._endpoint else f"the store of {self.scheme}://{self.name}"

    @property
    def allows_http(self) -> bool:
        """Whether a connection may be plain: to this machine, or where it is allowed."""
        host = self._endpoint[0] if self._endpoint else ""
        allowed = os.environ.get(ALLOW_HTTP, "").lower() in ("true", "1", "yes")
        return allowed or bool(LOOPBACK.fullmatch(host))

    def check_endpoint(self) -> None:
        """Raise `UsageError` for an endpoint that secrets must not go to, or that is none."""
        if not self._endpoint:
            return
        host, scheme, name = self._endpoint
        if scheme not in ("http", "https") or not host:
            raise UsageError(f"{name} is not a URL; write it as https://host or http://host:port")
        if scheme == "http" and not self.allows_http:
            raise UsageError(
                f"{name} begins with http://, so what is fetched would cross the network in the "
                f"open; give https://, or set {ALLOW_HTTP}=true"
            )

    @property
    def _endpoint(self) -> tuple[str, str, str] | tuple[()]:
        """The host, the scheme and the variable of a server that is named; of S3 alone."""
        return _endpoint_of(os.environ) if self.scheme == "s3" else ()


def _endpoint_of(environment: Mapping[str, str]) -> tuple[str, str, str] | tuple[()]:
    for name in ENDPOINTS:
        if text := environment.get(name):
            try:
                parts = urlsplit(text)
                return parts.hostname or "", parts.scheme.lower(), name
            except ValueError:
                return "", "", name
    return ()


def _unreadable(why: str) -> UsageError:
    return UsageError(f"the URL of the object store cannot be read: {why}; {EXAMPLE}")
