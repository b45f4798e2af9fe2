"""The command `lastpage`, and `python -m lastpage`."""

from __future__ import annotations

import sys

from lastpage.cli import streams
from lastpage.version import __version__


def main() -> None:
    """Run the command line; `--version` alone is answered before its machinery is imported."""
    streams.guard()
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"{__version__}\n")
        if not streams.unprinted():
            streams.leave(0)
            return
    from lastpage.cli.app import main as run  # noqa: PLC0415 - see above

    run()


if __name__ == "__main__":
    main()
