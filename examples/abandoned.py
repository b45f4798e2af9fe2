"""How many voice conversations were abandoned in their queue, day by day: a small program on top of
lastpage.

Run it: python examples/abandoned.py 2023-10-01/2023-10-08
"""

from __future__ import annotations

import sys
from collections import Counter

from lastpage import Cloud, LastpageError, UsageError


def abandoned(conversation: dict[str, object]) -> bool:
    """Whether some queue lost the caller: an acd session emits tAbandon then (docs/api.md, 5.7)."""
    participants = conversation.get("participants")
    assert isinstance(participants, list)
    return any(
        metric["name"] == "tAbandon"
        for participant in participants
        for session in participant.get("sessions", ())
        for metric in session.get("metrics", ())
    )


def main(*arguments: str) -> int:
    """Print a line a day; the exit code is lastpage's own where something goes wrong."""
    if len(arguments) != 1:
        print("give one interval, such as 2023-10-01/2023-10-08", file=sys.stderr)
        return UsageError.exit_code
    offered: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    try:
        for conversation in Cloud.from_env().conversations(*arguments, media="voice"):
            day = conversation["conversationStart"][:10]
            offered[day] += 1
            lost[day] += abandoned(conversation)
    except LastpageError as problem:
        print(problem, file=sys.stderr)
        return problem.exit_code
    for day in sorted(offered):
        print(f"{day}  {offered[day]:>6} conversations  {lost[day]:>5} abandoned")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
