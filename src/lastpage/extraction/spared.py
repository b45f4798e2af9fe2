"""Days of which too many conversations did not come again: everything stays, and is not forgotten.

    a sync                       reads such a day again
    ---------------------------  -----------------------------------------------------------------
    told `--accept-removals`     now: what does not exist leaves
    without it                   a day after it was read last, so that it goes on to say `short`

A fetch reads it in any case, since its hours are provisional. They are remembered in the ledger;
to lose that lets a sync read them when they settle.
"""

from __future__ import annotations

import json
from datetime import date

from lastpage.ledger.memory import Memory

#: The name under which is remembered when each was read (unix seconds).
SPARED = "too many did not come"
#: A sync looks again after so many seconds.
AGAIN_S = 86_400.0


def remember(memory: Memory, day: date, at: float | None) -> None:
    """Too much of a day was missing at this moment (unix seconds); None: no more."""
    known = _known(memory)
    others = {name: since for name, since in known.items() if name != str(day)}
    now = others if at is None else others | {str(day): at}
    if now != known:
        memory.remember(SPARED, json.dumps(now))


def to_read(memory: Memory, now: float, *, accepted: bool) -> frozenset[date]:
    """The days that a sync reads again at this moment (unix seconds)."""
    known = _known(memory).items()
    return frozenset(
        date.fromisoformat(name) for name, at in known if accepted or at + AGAIN_S <= now
    )


def _known(memory: Memory) -> dict[str, float]:
    found: dict[str, float] = json.loads(memory.recall(SPARED) or "{}")
    return found
