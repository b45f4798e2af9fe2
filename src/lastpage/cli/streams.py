"""stdout and stderr as they may be: open, left by their reader, closed, or full.

    stream   what became of it    the command           its exit code
    -------  -------------------  --------------------  ------------------------------------------
    stderr   whatever             tells no more         what it deserves
    stdout   the reader left      prints no more        what it deserves: who left has seen enough
    stdout   closed, or full      prints no more        what it deserves, or 6 where that is 0

Nothing of it ends the work. With `--to -` stdout is the destination, and its loss is an error like
that of any other destination: the sink writes to `sys.stdout.buffer`, which raises.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO


class Printed(io.TextIOWrapper):
    """A stream that remembers why it was lost, and takes what is printed all the same."""

    problem: OSError | None = None

    def write(self, text: str) -> int:
        """Write, unless the stream was lost; its loss is no error."""
        if self.problem is None:
            try:
                return super().write(text)
            except OSError as problem:
                self.problem = problem
        return len(text)

    def flush(self) -> None:
        """Flush, unless the stream was lost."""
        if self.problem is None:
            try:
                super().flush()
            except OSError as problem:
                self.problem = problem


def guard() -> None:
    """From now on this process's stdout and stderr are `Printed`.

    A stream that is closed keeps its number, in this order: otherwise the next file that is opened,
    perhaps a ledger, has it, and gets what a library prints.
    """
    if sys.stdin is None:
        sys.stdin = os.fdopen(_nothing(), encoding="utf-8")
    sys.stdout = _printed(sys.stdout)
    sys.stderr = _printed(sys.stderr)


def _nothing() -> int:
    """A new number that reads as empty, and fails where something is written to it."""
    return os.open(os.devnull, os.O_RDONLY)


def _printed(stream: TextIO | None) -> TextIO:
    if stream is None:
        return Printed(os.fdopen(_nothing(), "wb"), encoding="utf-8", line_buffering=True)
    if not isinstance(stream, io.TextIOWrapper):
        return stream  # a host's own; it knows what becomes of it
    return Printed(
        stream.buffer,
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def lost(stream: TextIO) -> OSError | None:
    """Why a stream does not take what is printed, once all of it was handed over."""
    stream.flush()
    problem: OSError | None = getattr(stream, "problem", None)
    return problem


def unprinted() -> str:
    """A sentence, where what was printed should be on stdout and is not; empty otherwise."""
    problem = lost(sys.stdout)
    if problem is None or isinstance(problem, BrokenPipeError):
        return ""
    return (
        f"cannot print to stdout: {problem.strerror}; the work is done, "
        "and only what it prints is missing: give stdout a place that can be written"
    )


def leave(code: int) -> None:
    """End the process with this exit code.

    Threads may still wait for the network: what they have fetched is safe, so nobody waits for
    them. Nor does Python try once more to write what a lost stream did not take.
    """
    problems = [lost(sys.stdout), lost(sys.stderr)]
    if code or any(problems):
        os._exit(code)
