"""An OAuth client's id and secret: where they stand, and how they get into another process.

    they stand in                     they are               in another process
    --------------------------------  ---------------------  ---------------------------------------
    variables, whatever their names   Credentials.from_env   the variables of these names there
    a file of lines NAME=VALUE        Credentials.from_file  the file of this path there
    the program                       Credentials(…)         refused: the secret would travel in
                                                             clear, and stay in whatever is logged

A pickle of them has names and no secret. What stands behind the names is read when it is first
needed, by who needs it. So a variable that a machine lacks is an error there that can be caught and
told, and not one of whoever unpacks a task.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from lastpage.errors import UsageError
from lastpage.query.environment import (
    ENVIRONMENT,
    ID,
    REGIONS,
    SECRET,
    Environment,
    default_environment,
    parse_environment,
)

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an id and a secret stand: the names of two variables, of the process or of a file."""

    client_id: str = ID
    client_secret: str = SECRET
    path: str = ""

    def read(self) -> tuple[Credentials, Environment]:
        """What stands there now, here; raises `UsageError` naming what is missing or wrong."""
        variables = _lines_of(Path(self.path)) if self.path else os.environ
        found, where = _found(variables, self)
        return replace(found, place=self), where


#: The variables of the process, by their usual names.
VARIABLES = Place()


@dataclass(frozen=True, slots=True)
class Credentials:
    """An OAuth client's id and secret. The secret is not part of any representation.

    Those of `from_env` and `from_file` can be pickled: names go into the pickle, never the secret,
    and are looked up again by `here`. Others raise `UsageError`.
    """

    client_id: str
    client_secret: str = field(repr=False)
    #: A sentence about what looks wrong and need not be; empty mostly.
    doubt: str = field(default="", compare=False)
    #: Where they were read; None where the program had them. After a pickle, it is all that tells
    #: those of one client from those of another.
    place: Place | None = None

    @classmethod
    def from_env(cls, client_id: str = ID, client_secret: str = SECRET) -> Credentials:
        """Those of two variables, given by their names. Raises `UsageError` naming what is wrong.

        Example::

            sales = Cloud(Credentials.from_env("SALES_CLIENT_ID", "SALES_CLIENT_SECRET"))
        """
        return Place(client_id, client_secret).read()[0]

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Credentials:
        """Those of a file of lines `GENESYS_CLIENT_ID=…`, such as a mounted secret.

        A line may begin with `export` or `#`. Raises `UsageError` naming what is wrong.
        """
        return Place(path=os.fspath(path)).read()[0]

    @property
    def public_id(self) -> str:
        """What may be shown and kept: the id, or a hash where it may be the secret by mistake."""
        if self.doubt:
            return hashlib.sha256(self.client_id.encode()).hexdigest()[:32]
        return self.client_id

    def check(self, where: Environment) -> None:
        """Raise `UsageError` for an id that none of the vendor's regions would know."""
        if self.doubt and where.name in REGIONS:
            raise UsageError(self.doubt)

    def here(self) -> Credentials:
        """Themselves; after a pickle, what stands in their place in this process.

        Raises `UsageError` naming what is missing, and where it was looked for.
        """
        if self.place is None or self.client_secret:
            return self
        try:
            return self.place.read()[0]
        except UsageError as problem:
            raise UsageError(
                f"{problem} (looked for in process {os.getpid()} on {socket.gethostname()}: "
                "a task brings only the names along, and each machine has to have what they name)"
            ) from None

    def __reduce__(self) -> tuple[type[Self], tuple[str, str, str, Place]]:
        if self.place is None:
            raise UsageError(
                "these credentials hold a secret in clear, which must not go into a pickle; use "
                "Credentials.from_env() or Credentials.from_file(path), which go by name, and have "
                "the variables or the file on every machine"
            )
        return type(self), ("", "", "", self.place)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


def credentials_from_env(variables: Mapping[str, str]) -> tuple[Credentials, Environment]:
    """Credentials and environment from the three variables.

    Raises `UsageError`, which names every variable that is missing, or the one that is wrong, and
    shows no secret. An id that is no UUID is wrong in the vendor's regions; elsewhere, at a URL, it
    is doubted and taken.
    """
    credentials, where = _found(variables, VARIABLES)
    credentials.check(where)
    return credentials, where


def _found(variables: Mapping[str, str], place: Place) -> tuple[Credentials, Environment]:
    id_name, secret_name = place.client_id, place.client_secret
    if missing := [name for name in (id_name, secret_name) if not variables.get(name)]:
        are = "variable {} is" if len(missing) == 1 else "variables {} are"
        raise UsageError(
            f"the {are.format(' and '.join(missing))} not set; create an OAuth client with the "
            "grant Client Credentials (Admin > Integrations > OAuth) and export "
            + " ".join(f"{name}=…" for name in missing)
        )
    client_id, secret = _copied(variables, id_name), _copied(variables, secret_name)
    named = variables.get(ENVIRONMENT, "").strip()
    where = parse_environment(named) if named else default_environment()
    doubt = ""
    if not _UUID.fullmatch(client_id):
        swapped = f"; {secret_name} does: are the two swapped?" if _UUID.fullmatch(secret) else ""
        doubt = (
            f"{id_name} is not a client id: one looks like 11111111-2222-3333-4444-555555555555 "
            f"(Admin > Integrations > OAuth, column Client ID){swapped}"
        )
    return Credentials(client_id, secret, doubt), where


def _lines_of(path: Path) -> dict[str, str]:
    """The variables of a file; no value of it is ever shown."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not text"
        raise UsageError(
            f"the file {path} with credentials cannot be read: {reason}; "
            f"it has the lines {ID}=… and {SECRET}=…"
        ) from None
    variables = {}
    for number, line in enumerate(map(str.strip, lines), 1):
        name, is_one, value = line.removeprefix("export ").partition("=")
        if is_one:
            variables[name.strip()] = value
        elif line and not line.startswith("#"):
            raise UsageError(f"line {number} of {path} is not NAME=VALUE; write {SECRET}=…")
    return variables


def _copied(variables: Mapping[str, str], name: str) -> str:
    """The value of a variable that is set, if it has come whole from where it was copied."""
    value = variables[name]
    quoted = any(char in value for char in " \t\r\n\"'")
    if value != value.strip() or quoted or not value.isprintable():
        raise UsageError(
            f"the variable {name} has spaces, quotes or a line break in it; copy it again"
        )
    if not value.isascii():
        raise UsageError(
            f"the variable {name} has characters that no client id or secret has; copy it again"
        )
    return value
