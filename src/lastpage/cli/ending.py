"""How a verb that did not return ends: its exit code, and one sentence."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field

from lastpage.cli.debugging import frames
from lastpage.cli.telling import Telling
from lastpage.errors import LastpageError

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
