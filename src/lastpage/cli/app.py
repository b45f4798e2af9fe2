"""The command `lastpage`: which verbs there are, and how each ends: an exit code, and one sentence.

    arguments ─▶ app.parse_args ─▶ verb(options) ─▶ its exit code
                      └ CycloptsError    └ exception ─▶ Ending: exit code, sentence on stderr

Whatever happens, a user sees no traceback: an error of `lastpage.errors` is its own sentence, and
every other one is a fault of lastpage, told by its class, because its text may hold anything. A
stream that is lost is no exception (`streams.py`).
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from inspect import BoundArguments
from typing import Any

from cyclopts import App, CycloptsError, MissingArgumentError, Parameter

from lastpage.cli.output import DEFAULT_OUTPUT, OutputOptions, json_line, wants_json
from lastpage.cli.streams import leave, unprinted
from lastpage.errors import DestinationError, LastpageError, UsageError
from lastpage.outside import shown
from lastpage.version import __version__

#: Each verb: where it is, and what the help says of it. Its module is imported when it is used.
VERBS = {
    "commands:fetch": """
        Fetch every conversation of an interval; run it again after a crash and it goes on.""",
    "commands:sync": """
        Keep a destination what the API would answer, up to a minute ago: reads what is new, what
        was provisional, and what may have changed; one line for every night.""",
    "commands:plan": """
        Print the slices a fetch would take, by which route and why, with requests and minutes;
        sends only the counts.""",
    "commands:verify": """
        Compare what a destination has with what the API counts now, day by day; exit code 3 if
        days are missing rows, have changed or are short, and stay so; 7 if only nothing can be
        said of days that another run is writing. Writes nothing without --repair.""",
    "status:status": """
        Say how a destination stands: what is held, holes, the last run, what is due and when; exit
        code 3 if it is stale or has holes. Reads only what the destination has recorded, sends
        nothing.""",
    "report:report": """
        Make a page of what a destination holds: which days are complete, and the figures of its
        queues by half-hour and medium (offered, answered, abandoned, service level, handle times);
        or the figures as CSV. Sends nothing.""",
    "commands:doctor": """
        Check environment, network, credentials, role, clock, watermark, retention, names and
        allowance; each is ok, or what to do.""",
    "sandbox:sandbox": """
        Serve an emulated organisation on this machine; prints the variables that point lastpage
        (and the SDKs) to it.""",
    "sandbox:demo": """
        Fetch two days from an emulated organisation that misbehaves, by both routes; sync once more
        when a day has passed there, and say what to try next.""",
}
STOPPED = "stopped; what was fetched is kept, run the same command again and it goes on"
#: glibc's word for how many heaps there are at most (mallopt(3)); two are enough for two threads
#: that work.
M_ARENA_MAX, ARENAS = -8, 2

app = App(
    name="lastpage",
    help="Every Genesys Cloud conversation, to the last page.",
    help_epilogue=(
        "Exit codes: 0 done · 1 a fault of lastpage · 2 the request is wrong · "
        "3 rows are missing (or unproven under --strict), or it is stale · 4 credentials or role · "
        "5 the API stayed unavailable · 6 the destination failed · 7 it is in use · 130 interrupted"
    ),
    help_format="plaintext",  # markdown would take as long as all the rest of a help text
    default_parameter=Parameter(
        show_default=lambda value: None if value in ([], (), False) else value
    ),
    version=__version__,
    version_flags=["--version", "-V"],
    suppress_keyboard_interrupt=False,  # we say what was kept, and do not wait for threads
)
for _path, _help in VERBS.items():
    app.command(f"lastpage.cli.{_path}", help=" ".join(_help.split()))


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ends: its exit code, and a sentence, empty where there is nothing to say."""

    code: int
    sentence: str = ""
    #: Lines of code that an unforeseen error came through.
    frames: list[str] = field(default_factory=list)
    problem: BaseException | None = None


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a verb, and leave with its exit code."""
    return_memory()
    leave(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run a verb; its exit code. A problem is one sentence on stderr."""
    try:
        verb, bound, *_ = app.parse_args(list(arguments), exit_on_error=False, print_error=False)
    except CycloptsError as problem:
        return _report(Ending(2, _what_is_wrong(problem)), as_json=wants_json(arguments))
    output = bound.arguments.get("output", DEFAULT_OUTPUT)
    call = _call if output.debug is None else _call_with_trace
    return _report(call(verb, bound, output), as_json=output.as_json)


def _what_is_wrong(problem: CycloptsError) -> str:
    """What is wrong with the arguments, and whose help to read."""
    command = " ".join(["lastpage", *(problem.command_chain or ())])
    text = str(problem).strip().splitlines()[0]
    missing = problem.argument if isinstance(problem, MissingArgumentError) else None
    if missing and missing.name == "--interval":
        text = f"{command} needs an interval, such as 24h, 2023-10 or 2023-10-01/2023-10-08."
    return f"{text} Try: {command} --help"


def _call(verb: Any, bound: BoundArguments, output: OutputOptions) -> Ending:
    try:
        return _done(int(verb(*bound.args, **bound.kwargs) or 0))
    except (Exception, KeyboardInterrupt) as problem:  # noqa: BLE001 - see the top
        return ending(problem, output if "output" in bound.signature.parameters else None)


def _done(code: int) -> Ending:
    """How a verb ends that has done its work; what it printed may not have arrived."""
    sentence = unprinted()
    return Ending(code or (DestinationError.exit_code if sentence else 0), sentence)


def _call_with_trace(verb: Any, bound: BoundArguments, output: OutputOptions) -> Ending:
    from lastpage.cli.debugging import debugging, log_end

    try:
        with debugging(output.debug, verb.__name__, bound):
            end = _call(verb, bound, output)
            log_end(end.code, end.problem)
            return end
    except UsageError as problem:
        return ending(problem, output)


def ending(problem: BaseException, output: OutputOptions | None) -> Ending:
    """How an exception ends a command; `output` is None for a verb that has no such options."""
    match problem:
        case KeyboardInterrupt():
            return Ending(130, STOPPED, problem=problem)
        case LastpageError():
            return Ending(problem.exit_code, str(problem), problem=problem)
    return _fault(problem, output)


def _fault(problem: BaseException, output: OutputOptions | None) -> Ending:
    from lastpage.cli.debugging import frames

    lines = frames(problem)
    if output is None:
        advice = "please report it"
    elif output.debug:
        advice = f"report it with the file {output.debug}"
    else:
        advice = "run it again with --debug FILE, and report it with that file"
        lines = lines if output.verbose else []
    sentence = f"this is a fault of lastpage ({type(problem).__name__}); {advice}"
    return Ending(1, sentence, lines, problem)


def _report(end: Ending, *, as_json: bool) -> int:
    sentence = shown(end.sentence)
    if sentence and as_json:
        facts = {"exit_code": end.code, **({"frames": end.frames} if end.frames else {})}
        sys.stderr.write(json_line("error", sentence, **facts))
    elif sentence:
        sys.stderr.write(f"lastpage: {sentence}\n")
        sys.stderr.writelines(f"  at {frame}\n" for frame in end.frames)
    return end.code


def return_memory() -> None:
    """Let the process give memory back to the system; a library leaves such choices to its host.

    Measured with 200,000 conversations, the two together are 150 MiB of 410: Arrow's usual
    allocator keeps what it has had, and glibc keeps a heap for each of a dozen threads.
    """
    # Arrow reads it when it is imported, which only some verbs do.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if sys.platform == "linux":
        # Another C library has no such call, and no such heaps.
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(M_ARENA_MAX, ARENAS)
