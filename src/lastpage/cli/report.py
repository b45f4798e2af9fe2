"""`lastpage report`: the figures of a destination, as a page or as CSV.

It needs no organisation, and sends nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Annotated

from cyclopts import Parameter

from lastpage.cli.commands import Flag
from lastpage.cli.options import State
from lastpage.cli.output import DEFAULT_OUTPUT, OutputOptions
from lastpage.errors import DestinationError
from lastpage.files import Disk


def report(
    dest: str = "conversations",
    *,
    output: OutputOptions = DEFAULT_OUTPUT,
    to: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    csv: Flag = False,
    tz: str = "UTC",
    sl: str | None = None,
    flow_outs: Flag = False,
    short_abandons: bool = True,
    abandons: bool = True,
    show_personal_data: Flag = False,
    state: State = None,
) -> int:
    """Count, and write; what has to be said of the figures goes to stderr.

    Parameters
    ----------
    dest
        What was given to fetch or sync as --to; a destination with tables.
    to
        The file, or - for stdout; report.html without it, and stdout for CSV.
    csv
        Write a row a half-hour, queue and medium as CSV, and no page.
    tz
        The time zone of the clocks that are shown, such as Europe/Berlin.
    sl
        A service level with a threshold of your own, such as 80/20: 80 % within 20 seconds. Without
        this, the organisation's targets count, as they were then.
    flow_outs
        The organisation counts flow-outs in its service level.
    short_abandons
        It counts short abandons in it.
    abandons
        It counts abandons in it.
    show_personal_data
        Have names, numbers and attributes of people in the page's conversations.

    """
    from lastpage.figures.report import EXAMPLES_MAX
    from lastpage.figures.report import report as count

    place = to or ("-" if csv else "report.html")
    found = count(
        dest,
        tz=tz,
        sl=sl,
        flow_outs=flow_outs,
        short_abandons=short_abandons,
        abandons=abandons,
        examples=0 if csv else EXAMPLES_MAX,
        show_personal_data=show_personal_data,
        state=state,
    )
    _write(found.write_csv if csv else lambda file: file.write(found.html().encode()), place)
    if place != "-":
        output.write("written", f"written to {place}")
    for note in found.notes:
        output.write("note", f"note: {note}")
    return 0


def _write(write: Callable[[IO[bytes]], object], place: str) -> None:
    """Write to a file, which appears whole or not at all, or to stdout."""
    if place == "-":
        write(sys.stdout.buffer)
        return
    target, disk = Path(place), Disk()
    beside = target.with_name(f"{target.name}.new")
    try:
        with beside.open("wb") as file:
            write(file)
        disk.sync(beside)
        disk.replace((beside, target))
    except OSError as problem:
        raise DestinationError(
            f"cannot write to {place}: {problem.strerror}; give --to a file that can be written"
        ) from None
