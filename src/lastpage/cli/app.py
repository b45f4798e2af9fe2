"""The command line: one file a verb; here errors become sentences and exit codes."""

from __future__ import annotations

import ctypes
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from cyclopts import App, CycloptsError, MissingArgumentError, Parameter

from lastpage.cli.commands import doctor, fetch, plan, verify
from lastpage.cli.debugging import debugging, frames, tell_end
from lastpage.cli.output import PLAINLY, Telling, line, wants_json
from lastpage.cli.sandbox import demo, sandbox
from lastpage.errors import LastpageError, UsageError
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
for verb in (fetch, plan, verify, doctor, sandbox, demo):
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


# PART cli.ending
# How a verb that did not return ends: its exit code, and one sentence.


STOPPED = "stopped; what was fetched is kept, run the same command again and it goes on"


@dataclass(frozen=True, slots=True)
class Ending:
    """The exit code, the sentence (empty: nobody is there to read it), and lines of code for those who asked for more."""

    code: int
    sentence: str
    frames: list[str] = field(default_factory=list)


def ending(problem: BaseException, telling: Telling | None) -> Ending:
    """What becomes of an exception; one that is not of our family is a fault of ours, and its text may hold anything.

    `telling` is None for a verb that cannot be told how much to tell.
    """
    match problem:
        case KeyboardInterrupt():
            return Ending(130, STOPPED)
        case BrokenPipeError():
            # Whoever read our output has seen enough. Python would complain once more while closing stdout.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return Ending(0, "")
        case LastpageError():
            return Ending(problem.exit_code, str(problem))
    fault = f"this is a fault of lastpage ({type(problem).__name__})"
    if telling is None:
        return Ending(1, f"{fault}; please report it", frames(problem))
    if telling.debug:
        return Ending(1, f"{fault}; report it with the file {telling.debug}", frames(problem))
    again = "run it again with --debug FILE, and report it with that file"
    return Ending(1, f"{fault}; {again}", frames(problem) if telling.verbose else [])


# PART cli.memory
# How the command's own process asks for memory: what it gives back is given back to the system.
#
# A library leaves such choices to its host; the command is a host. Measured with 200,000 conversations, the two together are 150 MiB
# of 410: Arrow's usual allocator keeps what it has had, and glibc keeps a heap for each of a dozen threads.


#: glibc's word for how many heaps there are at most (mallopt(3)), and how many are enough for two threads that work.
M_ARENA_MAX, ARENAS = -8, 2


def thrifty() -> None:
    """Call it first; it is for whole processes."""
    pa.set_memory_pool(pa.system_memory_pool())
    if sys.platform == "linux":
        # Another C library has no such call, and no such heaps.
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(M_ARENA_MAX, ARENAS)
