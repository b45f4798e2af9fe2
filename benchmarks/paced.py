"""What users feel: the time to done under the real allowance of 300 requests a minute, by each
route, beside a plain loop without a pace, and the least that any client could take.

    the least = a minute for each 300 requests after the first 300, and the job's own seconds

Only requests for pages count for the least, and answers take no time. So nobody reaches it where
everything fits into the first minute: there the plain loop shows what is possible. `waiting.py`
says what the loop does, and which time is real: what would take many minutes is simulated, by the
sandbox's own rules for the allowance, its headers and its jobs. The 200,000 by job are real pages
from a server that has rendered them before and counts requests by the same rules (`replay.py`).
"""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.builds import Build, builds, parser
from benchmarks.pages import PER_DAY, Extract
from benchmarks.replay import Rules, rendered, replaying
from benchmarks.waiting import JOB_PAGE, PAGE, PER_MINUTE, Place, Waited, sandboxed

HOUR = "2023-10-10T10:00Z/2023-10-10T11:00Z"
DAY = "2023-10-10T00:00Z/2023-10-11T00:00Z"
WEEK = "2023-10-09T00:00Z/2023-10-16T00:00Z"
MONTH = "2023-09-18T00:00Z/2023-10-16T00:00Z"
#: Seconds that a job takes, where nothing else is said.
JOB_S = 6.0
#: Conversations that the replaying server gives by job, and their days.
REPLAYED = 200_000
DAYS = "T00:00Z/".join(Extract(REPLAYED).interval.split("/")) + "T00:00Z"


@dataclass(frozen=True, slots=True)
class Row:
    """What is read. `per_day` makes the sandbox have about so many; 0: the pages are replayed."""

    about: int
    route: str
    interval: str
    per_day: float
    time: str = "real"
    job_s: float = field(default=0.0)
    #: Readings, of which the median is told.
    times: int = 1

    @property
    def settings(self) -> dict[str, Any]:
        """Of the sandbox. Where time is simulated, nobody's time is saved by compressing."""
        given = {"per_day": self.per_day, "job_seconds": self.job_s}
        return given if self.time == "real" else given | {"gzip": False}

    @property
    def place(self) -> Place:
        """Before anybody knows where the server is."""
        return Place(self.interval, self.route, self.settings)

    def least_s(self, conversations: int) -> float:
        """What no client can beat."""
        pages = math.ceil(conversations / (PAGE if self.route == "pages" else JOB_PAGE))
        return 60.0 * ((pages - 1) // PER_MINUTE) + self.job_s


ROWS = (
    Row(100, "cursor", HOUR, 850, job_s=1.0, times=3),
    Row(100, "cursor", HOUR, 850, job_s=JOB_S),
    Row(1_000, "pages", DAY, 830),
    Row(1_000, "cursor", DAY, 830, job_s=JOB_S),
    Row(12_000, "pages", DAY, 9_950, times=3),
    Row(12_000, "cursor", DAY, 9_950, job_s=JOB_S),
    Row(40_000, "pages", WEEK, 5_710),
    Row(200_000, "pages", MONTH, 7_140, time="simulated"),
    Row(REPLAYED, "cursor", DAYS, 0, job_s=JOB_S),
)
#: Goals: of the plain loop's time where all fits the allowance; of another build's time, by row;
#: the share of the allowance where it does not fit.
OF_LOOP, OF_BUILD, USED = {4: 1.05}, {0: 0.4, 1: 0.8, 4: 0.55}, {7: 0.97}


@contextmanager
def served(
    row: Row, replayed: tuple[Path, int]
) -> Iterator[tuple[Place, Callable[[], tuple[int, int]] | None]]:
    """Where the row's server is, and what makes its minute whole and says what it has counted."""
    with ExitStack() as stack:
        if row.time == "simulated":
            yield row.place, None
        elif row.per_day:
            yield stack.enter_context(sandboxed(row.place))
        else:
            server = stack.enter_context(replaying(*replayed, Rules(PER_MINUTE, row.job_s)))
            yield replace(row.place, url=server.url, client="client", secret="secret"), server.begin


def median(found: Sequence[Waited]) -> Waited:
    """The reading that took the median time."""
    return min(
        found, key=lambda one: abs(one.seconds - statistics.median(o.seconds for o in found))
    )


def measured(row: Row, chosen: Sequence[Build], replayed: tuple[Path, int]) -> list[Waited]:
    """The plain loop and each build, in turn, several times over; each begins a minute."""
    who = [("loop", chosen[0]), *(("lastpage", build) for build in chosen)]
    runs: list[list[Waited]] = [[] for _ in who]
    with served(row, replayed) as (place, begin):
        asked = json.dumps(asdict(place))
        for _ in range(row.times):
            for (reader, build), found in zip(who, runs, strict=True):
                if begin:
                    begin()
                one = Waited(**build.told("benchmarks.waiting", reader, asked))
                if begin:
                    requests, refused = begin()
                    one = replace(one, requests=requests, refused=refused)
                found.append(one)
    return [median(found) for found in runs]


def told(row: Row, loop: Waited, ours: Waited, *others: Waited) -> str:
    """A line of the table."""
    job = f"{row.job_s:g}" if row.route == "cursor" else ""
    line = (
        f"  {ours.conversations:>13,}  {row.route:<6}{job:>5}  {row.time:<9}"
        f"{row.least_s(ours.conversations):>7.0f}{loop.seconds:>9.1f}{ours.seconds:>10.1f}"
        f"{ours.requests:>10,}{ours.refused:>9}"
    )
    return line + "".join(f"{o.seconds:>12.1f}{ours.seconds / o.seconds:>8.2f}" for o in others)


def verdicts(found: Sequence[list[Waited]]) -> Iterator[str]:
    """The goals, as sentences."""
    refused = sum(ours.refused for _, ours, *_ in found)
    yield f"{refused} requests of lastpage were refused; the goal of none is {_reached(not refused)}"
    for number, most in OF_LOOP.items():
        loop, ours, *_ = found[number]
        ratio = ours.seconds / loop.seconds
        yield f"{_name(number)}: {ratio:.2f} of the plain loop; the goal of {most:g} is {_reached(ratio <= most)}"
    for number, least in USED.items():
        ours = found[number][1]
        used = ours.requests / PER_MINUTE / (ours.seconds / 60)
        yield f"{_name(number)}: {used:.0%} of the allowance; the goal of {least:.0%} is {_reached(used >= least)}"
    for number, most in OF_BUILD.items():
        for other in found[number][2:]:
            ratio = found[number][1].seconds / other.seconds
            yield f"{_name(number)}: {ratio:.2f} of that build; the goal of {most:g} is {_reached(ratio <= most)}"


def _name(number: int) -> str:
    row = ROWS[number]
    job = f", {row.job_s:g} s" if row.job_s else ""
    return f"{row.about:,} by {'job' if row.route == 'cursor' else 'page numbers'}{job}"


def _reached(reached: bool) -> str:
    return "reached" if reached else "NOT reached"


def main(arguments: Sequence[str] = ()) -> None:
    chosen = builds(parser(__doc__).parse_args(arguments).against)
    print(f"Paced: seconds to done under {PER_MINUTE} requests a minute, which the headers tell")
    others = "".join(f"{'that build':>12}{'ratio':>8}" for _ in chosen[1:])
    print(
        f"  {'conversations':>13}  {'route':<6}{'job s':>5}  {'time':<9}{'least':>7}"
        f"{'a loop':>9}{'lastpage':>10}{'requests':>10}{'refused':>9}{others}"
    )
    found = []
    with rendered(REPLAYED // PER_DAY) as replayed:
        for row in ROWS:
            found.append(measured(row, chosen, replayed))
            print(told(row, *found[-1]), flush=True)
    for line in verdicts(found):
        print(f"  {line}")
    print()


if __name__ == "__main__":
    main(sys.argv[1:])
