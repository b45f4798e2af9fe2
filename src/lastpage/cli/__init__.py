"""The command line: one file a verb; here errors become sentences and exit codes."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from cyclopts import App, CycloptsError, MissingArgumentError, Parameter

from lastpage.cli import demo, doctor, fetch, plan, sandbox, verify
from lastpage.cli.debugging import debugging, tell_end
from lastpage.cli.ending import Ending, ending
from lastpage.cli.memory import thrifty
from lastpage.cli.telling import PLAINLY, Telling, line, wants_json
from lastpage.errors import UsageError
from lastpage.version import __version__

app = App(
    name="lastpage",
    help="Every Genesys Cloud conversation, to the last page.",
    help_epilogue=(
        "Exit codes: 0 done · 1 a fault of lastpage · 2 the request is wrong · 3 rows are missing (or unproven under --strict) · "
        "4 credentials or role · 5 the API stayed unavailable · 6 the destination failed · 7 it is in use · 130 interrupted"
    ),
    default_parameter=Parameter(show_default=lambda value: None if value in ([], False) else value),
    version=__version__,
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,  # we tell what was kept, and leave without waiting for threads
)
for verb in (fetch.fetch, plan.plan, verify.verify, doctor.doctor, sandbox.sandbox, demo.demo):
    app.command(verb)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a verb and leave with its exit code."""
    thrifty()
    code = run(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError as problem:
        # What was short enough to wait in the buffer meets the closed pipe only here.
        code = code or ending(problem, None).code
    sys.stderr.flush()
    if code:
        # Threads may still wait for an answer of the network; what they have kept is safe, so nobody waits for them.
        os._exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run a verb; the exit code. Whatever happens is told as a sentence."""
    try:
        verb, bound, *_ = app.parse_args(list(arguments), exit_on_error=False, print_error=False)
    except CycloptsError as problem:
        return _said(Ending(2, _unreadable(problem)), wants_json(arguments))
    telling: Telling = bound.arguments.get("telling", PLAINLY)
    try:
        with debugging(telling.debug, verb.__name__, bound):
            return _run(verb, bound, telling)
    except UsageError as problem:
        return _said(ending(problem, telling), telling.as_json)


def _unreadable(problem: CycloptsError) -> str:
    """What is wrong with the command line, and whose help to read."""
    named = " ".join(["lastpage", *(problem.command_chain or ())])
    text = f"{problem}".strip().splitlines()[0]
    if isinstance(problem, MissingArgumentError) and problem.argument and problem.argument.name == "--interval":
        text = f"{named} needs an interval, such as 24h, 2023-10 or 2023-10-01/2023-10-08."
    return f"{text} Try: {named} --help"


def _run(verb: Callable[..., Any], bound: inspect.BoundArguments, telling: Telling) -> int:
    try:
        code = int(verb(*bound.args, **bound.kwargs) or 0)
    except (Exception, KeyboardInterrupt) as problem:  # noqa: BLE001 - nobody is to see a traceback who did not ask
        end = ending(problem, telling if "telling" in bound.signature.parameters else None)
        tell_end(end.code, problem)
        return _said(end, telling.as_json)
    tell_end(code)
    return code


def _said(end: Ending, as_json: bool) -> int:
    if end.sentence:
        facts = {"exit_code": end.code, **({"frames": end.frames} if end.frames else {})}
        text = f"lastpage: {end.sentence}\n" + "".join(f"  at {frame}\n" for frame in end.frames)
        sys.stderr.write(line("error", end.sentence, facts) if as_json else text)
    return end.code
