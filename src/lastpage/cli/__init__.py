"""The command line: one file a verb; here errors become sentences and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from lastpage.cli import demo, doctor, fetch, plan, sandbox, verify
from lastpage.cli.telling import line, wants_json
from lastpage.errors import LastpageError
from lastpage.version import __version__

app = App(
    name="lastpage",
    help="Every Genesys Cloud conversation, to the last page.",
    help_epilogue=(
        "Exit codes: 0 done · 2 the request is wrong · 3 rows are missing (or unproven under --strict) · "
        "4 credentials or role · 5 the API stayed unavailable · 6 the destination failed · 7 it is in use · 130 interrupted"
    ),
    version=__version__,
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,  # we tell what was kept, and leave without waiting for threads
)
for verb in (fetch.fetch, plan.plan, verify.verify, doctor.doctor, sandbox.sandbox, demo.demo):
    app.command(verb)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a verb and leave with its exit code."""
    code = run(sys.argv[1:] if arguments is None else arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    if code:
        # Threads may still wait for an answer of the network; what they have kept is safe, so nobody waits for them.
        os._exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run a verb; the exit code. No traceback reaches anybody but developers of lastpage."""

    def tell(sentence: str, code: int) -> int:
        text = line("error", sentence, {"exit_code": code}) if wants_json(arguments) else f"lastpage: {sentence}\n"
        sys.stderr.write(text)
        return code

    try:
        return int(app(list(arguments), exit_on_error=False, print_error=False, result_action="return_value") or 0)
    except CycloptsError as problem:
        return tell(f"{problem}".strip().splitlines()[0] + " Try: lastpage --help", 2)
    except KeyboardInterrupt:
        return tell("stopped; what was fetched is kept, run the same command again and it goes on", 130)
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python would complain once more while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except LastpageError as problem:
        return tell(str(problem), problem.exit_code)
