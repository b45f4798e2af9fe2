"""`lastpage report`: the figures of a destination. It needs no organisation, and sends nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from lastpage.cli.commands import Flag
from lastpage.cli.options import State
from lastpage.cli.output import DEFAULT_OUTPUT, OutputOptions
from lastpage.errors import DestinationError, UsageError

if TYPE_CHECKING:
    from lastpage.figures.report import Report


def report(
    dest: str = "conversations",
    *,
    output: OutputOptions = DEFAULT_OUTPUT,
    csv: Flag = False,
    to: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    tz: str = "UTC",
    sl: str | None = None,
    flow_outs: Flag = False,
    short_abandons: bool = True,
    abandons: bool = True,
    state: State = None,
) -> int:
    """Count, and write; what has to be said of the figures goes to stderr.

    Parameters
    ----------
    dest
        What was given to fetch or sync as --to; a destination with tables.
    csv
        Write a row a half-hour, queue and medium as CSV.
    to
        The file; without it, or with -, stdout.
    tz
        The time zone of the column local, such as Europe/Berlin.
    sl
        A service level with a threshold of your own, such as 80/20: 80 % within 20 seconds. Without
        this, the organisation's targets count, as they were then.
    flow_outs
        The organisation counts flow-outs in its service level.
    short_abandons
        It counts short abandons in it.
    abandons
        It counts abandons in it.

    """
    from lastpage.figures.report import report as count

    if not csv:
        raise UsageError("say how to write the figures; add --csv")
    found = count(
        dest,
        tz=tz,
        sl=sl,
        flow_outs=flow_outs,
        short_abandons=short_abandons,
        abandons=abandons,
        state=state,
    )
    _write(found, to)
    for note in found.notes:
        output.write("note", f"note: {note}")
    return 0


def _write(found: Report, to: str | None) -> None:
    """Write the table to a file, which appears whole or not at all, or to stdout."""
    if to in (None, "-"):
        found.write_csv(sys.stdout.buffer)
        return
    beside = Path(f"{to}.new")
    try:
        with beside.open("wb") as file:
            found.write_csv(file)
        beside.replace(to)
    except OSError as problem:
        raise DestinationError(
            f"cannot write to {to}: {problem.strerror}; give --to a file that can be written"
        ) from None
