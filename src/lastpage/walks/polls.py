"""When a job is asked whether it is done.

    what is known                          polls                        reason
    -------------------------------------  ---------------------------  ----------------------------
    nothing yet of jobs of that size       after WAITS_S: in all 0.5,   a job is known to be done
                                           1, 2, 4, 6, 8, 11, 15 … s    soon, measured by what it
                                                                        took; a large one costs few
                                                                        polls
    for so long, no job of that size was   the first after that, then   before it is in vain; after
    done, among the last three of the run  as from the beginning        it, it may be any moment

Of a job it is only known between which two polls it was done. The earlier one counts: until then
it was not. If the first poll finds a job done, nothing is known any more, and the next one is asked
as if it were the first. So jobs that become quicker are found out, too.

Jobs are of the same size if one expects at most twice as many rows as the other. The first waits
cost three requests in three seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from lastpage.walks.walk import Request

#: Seconds before each poll, the last one for ever.
WAITS_S = (0.5, 0.5, 1.0, 2.0, 2.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 30.0)
#: Jobs of a size that count, and how many of all sizes are looked through for them.
JOBS_ALIKE, JOBS_REMEMBERED = 3, 100


def wait_s(polls: int, quiet_s: float) -> float:
    """Seconds before the next poll, after so many; no job like it was done before `quiet_s`."""
    if quiet_s > WAITS_S[0]:
        if not polls:
            return quiet_s
        polls -= 1
    return WAITS_S[min(polls, len(WAITS_S) - 1)]


def quiet_s(rows: int, jobs: Sequence[tuple[int, float]]) -> float:
    """For how many seconds a job of so many rows need not be asked about.

    `jobs` are those of the run that were done, the last one last: the rows expected of each, and
    the seconds after which it was not done yet.
    """
    alike = [not_done_s for other, not_done_s in jobs if _alike(rows, other)]
    return min(alike[-JOBS_ALIKE:], default=0.0)


def _alike(rows: int, other: int) -> bool:
    return max(rows, other, 1) <= 2 * max(min(rows, other), 1)


@dataclass(frozen=True, slots=True)
class Jobs:
    """How long the jobs of a run took; may be used from any thread."""

    _done: list[tuple[int, float]] = field(default_factory=list)

    def quiet_s(self, rows: int | None) -> float:
        """For how many seconds a job of about so many rows need not be asked about."""
        return quiet_s(rows or 0, self._done[-JOBS_REMEMBERED:])

    def add(self, made: Sequence[Request]) -> None:
        """Take in the requests of a walk, if they tell how long a job took."""
        for poll, following in pairwise(made):
            if (poll.kind, following.kind) == ("poll", "results"):
                self._done.append((poll.slice.expected or 0, poll.waited_s - poll.wait_s))
