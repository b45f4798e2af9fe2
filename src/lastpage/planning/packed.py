"""A value on its way to another process: bytes, and before them the version that packed them.

A frozen value is pickled by the positions of its fields, and so is each that it holds: a version
with one field more would take one for another. So only the same version unpacks the bytes.

Another one gets a value that says so when it is used, and not when it is unpickled: where a task
cannot be unpickled, a pool of processes only says that it is broken, or waits for ever.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, NoReturn

from lastpage.errors import UsageError
from lastpage.version import __version__


@dataclass(frozen=True)
class OfAnotherVersion:
    """What another version has packed: whatever is asked of it is a `UsageError`."""

    version: str

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):  # what Python itself looks for
            raise AttributeError(name)
        raise UsageError(
            f"this was planned by lastpage {self.version}, and here is lastpage {__version__}; "
            "plan again, with one version everywhere"
        )


def packed(value: Any) -> tuple[Callable[[str, bytes], Any], tuple[str, bytes]]:
    """What `__reduce__` of a dataclass returns."""
    values = [getattr(value, each.name) for each in fields(value)]
    return unpacked, (__version__, pickle.dumps((type(value), values)))


def unpacked(version: str, data: bytes) -> Any:
    """The value, or one that refuses to be used."""
    if version != __version__:
        return OfAnotherVersion(version)
    kind, values = pickle.loads(data)  # noqa: S301 - whoever could change it has the pickle around it
    return kind(*values)
