"""Days of which too many conversations did not come again: everything stays, and is not forgotten.

    a sync                       reads such a day again
    ---------------------------  -----------------------------------------------------------------
    told `--accept-removals`     now: what does not exist leaves
    without it                   a day after it was read last, so that it goes on to say `short`

A fetch reads it in any case, since its hours are provisional. They are remembered in the ledger;
to lose that lets a sync read them when they settle.
"""

from __future__ import annotations

from datetime import date

from lastpage.ledger.memory import Memory

#: The name under which is remembered when each was read (unix seconds).
SPARED = "too many did not come"
#: A sync looks again after so many seconds.
AGAIN_S = 86_400.0


def remember(memory: Memory, day: date, at: float | None) -> None:
    """Too much of a day was missing at this moment (unix seconds); None: no more."""
    others = {name: since for name, since in memory.times(SPARED).items() if name != str(day)}
    memory.remember_times(SPARED, others if at is None else others | {str(day): at})


def to_read(memory: Memory, now: float, *, accepted: bool) -> frozenset[date]:
    """The days that a sync reads again at this moment (unix seconds)."""
    known = memory.times(SPARED).items()
    return frozenset(
        date.fromisoformat(name) for name, at in known if accepted or at + AGAIN_S <= now
    )
