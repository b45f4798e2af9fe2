"""What a destination holds, for programs that read it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lastpage.errors import UsageError
from lastpage.sinks.destination import Destination

if TYPE_CHECKING:
    from deltalake import DeltaTable


def read_delta(dest: str | os.PathLike[str] = "conversations") -> dict[str, DeltaTable]:
    """The Delta tables of a destination by name, each at the version that counts.

    So they belong together, whatever a run does meanwhile, or has left when it was stopped. Each is
    a `deltalake.DeltaTable`: `to_pyarrow_table()`, `to_pandas()`, `polars.scan_delta(…)` read it.

    Raises `UsageError` where there are none, and `DestinationError` where they cannot be read.

    Example::

        tables = lastpage.read_delta("conversations")
        print(tables["segments"].version())
    """
    destination = Destination.parse(os.fspath(dest))
    if destination.kind.name != "delta" or not isinstance(destination.path, Path):
        raise UsageError(
            f"{destination.text!r} has no Delta tables; give what fetch or sync was given as --to, "
            "with --format delta"
        )
    from lastpage.sinks.pins import RecordedTables  # noqa: PLC0415 - the extra may be missing

    with RecordedTables.record(destination.path, destination.path) as sink:
        return sink.tables()
