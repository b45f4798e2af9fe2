"""`--living`: an organisation in which things happen after the fact, as they do in a real one.

Conversations begin, end and are wrapped up late in every sandbox whose clock goes on. Here some also
become visible late, open again, move, or are deleted, which no default does: a test should choose
its own surprises. So what was read yesterday differs in a few places today, and a client that stays
current has something of each kind to find. The shares are guesses.
"""

from __future__ import annotations

from collections.abc import Mapping

from lastpage_sandbox.settings import Settings

#: Switches that are set, unless somebody sets them otherwise.
LIVING: Mapping[str, float] = {
    "late_share": 0.01,
    "reopened_share": 0.02,
    "deleted_share": 0.002,
    "moved_share": 0.005,
}


def table() -> str:
    """For the README."""
    default = Settings()
    rows = [f"| `{name}` | {getattr(default, name)} | {value} |" for name, value in LIVING.items()]
    return "\n".join(["| switch | by default | with `--living` |", "|---|---|---|", *rows])


def check_pace(speed: float) -> None:
    """ValueError where a living organisation would stand still."""
    if speed == 0:
        raise ValueError(
            "--living goes on, and --speed 0 stands still; give a speed above 0, or leave one of "
            "the two out"
        )
