"""`lastpage status`: how a destination stands, for people, for programs, and for monitoring.

It needs no organisation, and loads no more than it takes to read what was recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from lastpage.cli.commands import Flag
from lastpage.cli.options import Settle, State
from lastpage.cli.output import DEFAULT_OUTPUT, OutputOptions, print_json, print_line, styled
from lastpage.errors import ShortError
from lastpage.planning.due import told
from lastpage.query.interval import Interval, floor_minute, in_words, iso

if TYPE_CHECKING:
    from lastpage.ledger.glance import LastRun
    from lastpage.standing import Status


def status(
    dest: str = "conversations",
    *,
    output: OutputOptions = DEFAULT_OUTPUT,  # noqa: ARG001 - app.py reads it
    max_age: str | None = None,
    settle: Settle = (3, 7, 30),
    state: State = None,
    json: Flag = False,
) -> int:
    """Look, and print how it stands; the exit code is 3 if it is stale or has holes.

    Parameters
    ----------
    dest
        What was given to fetch or sync as --to.
    max_age
        How old what is held may be, such as 26h, 90m or 2d; what is older is stale. Without this,
        nothing is.
    settle
        What sync is given as --settle.
    json
        Print it as JSON.

    """
    from lastpage.standing import status as look

    found = look(dest, max_age=max_age, settle=settle, state=state)
    if json:
        print_json(found.record())
    else:
        _print(found, max_age)
    return 0 if found.is_whole else ShortError.exit_code


def _print(found: Status, max_age: str | None) -> None:
    for word, text in _verdicts(found, max_age):
        print_line(styled(word), f" — {text}")
    for name, value in _facts(found):
        print_line(f"  {name:<14} {value}")
    for note in found.notes:
        print_line(f"  note: {note}")


def _verdicts(found: Status, max_age: str | None) -> Iterator[tuple[str, str]]:
    """What monitoring asks, first; what is wrong, if anything is."""
    upto = f"everything is held up to {_moment(found.frontier)}, {in_words(found.age)} ago"
    if found.is_stale:
        yield "stale", f"{upto}; --max-age is {max_age}"
    if found.holes:
        holes = _several(len(found.holes), "hole")
        yield "holes", f"{holes} between what is held; sync fills what is still kept"
    if found.is_whole:
        yield "whole", upto
    if found.coverage == "short":
        yield "short", "evidence says that rows are missing; sync reads them again"


def _facts(found: Status) -> Iterator[tuple[str, str]]:
    yield "held", f"{_interval(found.held)}, {_several(found.days, 'day')}"
    verb = "was" if found.open == 1 else "were"
    open_then = f"; {found.open:,} {verb} open when read" if found.open else ""
    yield "conversations", f"{found.conversations:,}{open_then}"
    for hole in found.holes:
        yield "hole", f"{_interval(hole)}, never fetched"
    if found.provisional_from:
        yield "provisional", f"from {_moment(found.provisional_from)} on; some of it will change"
    yield "settled", f"up to {_moment(found.settled_to)}" if found.settled_to else "nothing yet"
    if found.last_run:
        yield "last run", _run(found.last_run)
    if found.due:
        yield "due now", told(found.due)
    if found.due_next and found.due_next.at:
        when = _moment(floor_minute(found.due_next.at))
        yield "due next", f"{told([found.due_next])}, when data reach {when}"


def _run(run: LastRun) -> str:
    began = f"began {_moment(floor_minute(run.began))}"
    if run.ended is None:
        return f"{began}, and has not ended: it goes on, or was stopped"
    return f"{began}, took {in_words(run.ended - run.began)}, {run.coverage or 'verdict unknown'}"


def _interval(interval: Interval) -> str:
    return f"{_moment(interval.start)}/{_moment(interval.end)}"


def _moment(moment: datetime) -> str:
    """As short as it can be typed."""
    return iso(moment).removesuffix("T00:00:00.000Z").replace(":00.000Z", "Z")


def _several(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
