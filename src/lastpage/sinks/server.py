"""A schema of a database on a server, as a URL names it: `postgresql://user@host/db?schema=s`.

A password never leaves this file but to the server: it is in no text that is shown, recorded or
logged, and in no name of a folder. libpq finds one by itself in PGPASSWORD and in ~/.pgpass, and
everything else that the URL leaves out in its own variables (PGHOST, PGPORT, PGUSER, PGDATABASE).

    of the URL                      becomes
    ------------------------------  --------------------------------------------------------------
    user, host, port, database      what libpq is given; host, port and database with the schema
                                    say which state is meant: one for all users of them
    schema                          the schema that holds all tables; `lastpage` without it
    password, also as a parameter   what libpq is given, and nothing else
    other parameters (sslmode, …)   what libpq is given
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from lastpage.errors import UsageError

SCHEMES = ("postgresql", "postgres")
#: What begins as one of these URLs, also where a `Path` was made of it, which loses a slash.
BEGINS = re.compile(rf"(?:{'|'.join(SCHEMES)}):/", re.IGNORECASE)
SCHEMA = "lastpage"
#: PostgreSQL cuts longer names without a word.
NAME_BYTES_MAX = 63
#: What no parameter of the URL may say aloud.
SECRETS = ("password", "sslpassword")
#: What libpq is asked unless the URL says it: who is connected, and when to give up.
DEFAULTS = {"application_name": "lastpage", "connect_timeout": "10"}
#: Times and texts are exchanged in one encoding, whatever PGCLIENTENCODING says.
ALWAYS = {"client_encoding": "UTF8"}
HOST = re.compile(r"(?:[^\s:@/\[\]]*|\[[0-9A-Fa-f:.%]+\])(?::\d+)?")
EXAMPLE = "write it as postgresql://user@host/db?schema=s"


@dataclass(frozen=True, slots=True)
class Server:
    """A schema on a server."""

    #: As it is shown: without a password.
    url: str
    schema: str
    #: What tells this schema from every other one: host, port, database, schema.
    place: tuple[str, str, str, str]
    #: What libpq is given.
    connection: str = field(repr=False)
    #: What may be in no message.
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URL; raises `UsageError`, which quotes nothing that may be part of a password."""
        try:
            parts = urlsplit(text)
            params = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
        except ValueError:
            params, parts = {}, urlsplit(text.partition("?")[0])
            if "?" in text.rstrip("?"):
                raise _unreadable("its parameters are no pairs of name=value") from None
        login, _, hosts = parts.netloc.rpartition("@")
        _check_shape(text, hosts, parts.path, params, parts.fragment)
        user, _, password = (unquote(each) for each in login.partition(":"))
        schema = params.pop("schema", SCHEMA)
        _check_schema(schema)
        hidden = {name: params.pop(name) for name in SECRETS if name in params}
        if password:
            hidden["password"] = password
        database = unquote(parts.path.removeprefix("/"))
        shown = f"{SCHEMES[0]}://{quote(user, safe='')}{'@' if user else ''}{hosts}/"
        shown += quote(database, safe="")
        host, port = _host_and_port(hosts)
        place = (
            params.get("host") or host or os.environ.get("PGHOST", ""),
            params.get("port") or port or os.environ.get("PGPORT", "5432"),
            params.get("dbname") or database or os.environ.get("PGDATABASE", "") or user,
            schema,
        )
        if not place[2]:
            raise _unreadable("it names no database")
        url = f"{shown}?{urlencode({**params, 'schema': schema}, safe='/')}"
        given = urlencode({**DEFAULTS, **params, **hidden, **ALWAYS}, quote_via=quote)
        return cls(url, schema, place, f"{shown}?{given}", tuple(filter(None, hidden.values())))

    def __str__(self) -> str:
        return self.url

    def hide(self, message: str) -> str:
        """A message without what is secret."""
        for secret in self.secrets:
            message = message.replace(secret, "***")
        return message

    @property
    def state(self) -> Path:
        """The folder of its state on this machine, unless another one is given."""
        host, _, database, schema = self.place
        return state_folder(self.place, f"{host}-{database}-{schema}")


def state_folder(place: Sequence[str], shown: str = "") -> Path:
    """The folder, on this machine, of the state of a destination that is elsewhere."""
    home = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA")
    root = Path(home) if home else Path.home() / ".local" / "state"
    words = re.sub(r"[^A-Za-z0-9.]+", "-", shown or "-".join(place)).strip("-.")
    mark = hashlib.blake2b(json.dumps(place).encode(), digest_size=6).hexdigest()
    return root / "lastpage" / f"{words[:80]}-{mark}"


def check_name(name: str, what: str) -> None:
    """Raise `UsageError` for a name that PostgreSQL would refuse, or cut without a word."""
    size = len(name.encode())
    if size > NAME_BYTES_MAX:
        raise UsageError(
            f"{what} {name} has {size} bytes, and PostgreSQL takes names of {NAME_BYTES_MAX} at "
            "most; choose a shorter one, or give a folder"
        )
    if not name:
        raise UsageError(f"{what} has no name; PostgreSQL needs one")


def _check_schema(schema: str) -> None:
    check_name(schema, "the schema")
    if schema.startswith("pg_") or schema == "information_schema":
        raise UsageError(f"the schema {schema} is PostgreSQL's own; give another one")


def _check_shape(text: str, hosts: str, path: str, params: dict[str, str], fragment: str) -> None:
    """Raise `UsageError` where a part of the URL is not what it seems: mostly a bare password."""
    if not text.isprintable():
        raise _unreadable("it has control characters in it")
    if not re.match(r"[a-z]+://", text, re.IGNORECASE):
        raise _unreadable("it has one slash after the colon; give it as a text, not as a Path")
    if fragment or "@" in path or any("@" in name for name in params) or path.count("/") > 1:
        raise _unreadable("something stands where it does not belong")
    if not all(HOST.fullmatch(host) for host in hosts.split(",")):
        raise _unreadable("its host or its port is none")


def _host_and_port(hosts: str) -> tuple[str, str]:
    host, colon, port = hosts.rpartition(":")
    return (unquote(host), port) if colon and port.isdecimal() else (unquote(hosts), "")


def _unreadable(why: str) -> UsageError:
    return UsageError(
        f"the URL of the server cannot be read: {why}; {EXAMPLE}, with what is special in a "
        "password as percents (%40 for @, %2F for /), or leave the password to PGPASSWORD or "
        "~/.pgpass"
    )
