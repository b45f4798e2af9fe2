"""Slices of the same hours, cut by direction, held together against a count of the uncut whole.

Each sibling proves its own part. Only the whole shows a direction that nobody knew, or a conversation whose direction changed
between two readings, so that no sibling has it, or two of them.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from lastpage.coverage.tally import REREADS_MAX, Coverage, Verdict, tolerance
from lastpage.ledger.ids import packed
from lastpage.ledger.ledger import Ledger, Planned, Run
from lastpage.query.interval import Interval


@dataclass(slots=True)
class Reading:
    """What a family owned at the last reading, as one digest, and how often it was read."""

    ids: bytes = b""
    times: int = 0


@dataclass(slots=True)
class Siblings:
    """The families of one run; `count` says how many conversations start in an interval, by the API."""

    ledger: Ledger
    run: Run
    count: Callable[[Interval], int]
    note: Callable[[str], None]
    _readings: dict[Interval, Reading] = field(default_factory=dict)

    def stand(self, settled: Iterable[Planned]) -> bool:
        """Whether every family among settled slices stands; what does not is reopened, or judged by what stays amiss."""
        standing = [self._stands(interval, family) for interval, family in families(settled).items()]
        return all(standing)

    def _stands(self, interval: Interval, family: Sequence[Planned]) -> bool:
        if any(_verdict(planned).coverage == "short" for planned in family):
            return True
        owned = [self.ledger.owned(self.run, planned.slice.number) for planned in family]
        ids = set[bytes]().union(*owned)
        twins = sum(map(len, owned)) - len(ids)
        gap = self.count(interval) - len(ids)
        if not gap and not twins:
            return True
        earlier = self._readings.get(interval, Reading())
        reading = Reading(hashlib.blake2b(packed(ids)).digest(), earlier.times + 1)
        self._readings[interval] = reading
        if reading.ids == earlier.ids and not twins:
            if abs(gap) > tolerance(len(ids)):
                self._judge(family, "unproven", f"without the cut by direction the API counts {gap:+,} conversations")
            return True
        if reading.times > REREADS_MAX:
            self._judge(family, "short", f"cut by direction, each of {reading.times} readings brought other rows")
            return True
        self.note(f"{interval}: the parts by direction and a count of the whole disagree; reading them again")
        self.ledger.reopen(self.run, family[0].slice.number)
        return False

    def _judge(self, family: Sequence[Planned], coverage: Coverage, why: str) -> None:
        for planned in family:
            verdict = replace(_verdict(planned), coverage=coverage, finality="provisional", why=why)
            self.ledger.rejudge(self.run, planned.slice.number, verdict.dump())


def _verdict(planned: Planned) -> Verdict:
    assert planned.verdict is not None
    return Verdict.load(planned.verdict)


def families(slices: Iterable[Planned]) -> dict[Interval, list[Planned]]:
    """Slices that were cut by direction, by their hours."""
    found: dict[Interval, list[Planned]] = defaultdict(list)
    for planned in slices:
        if planned.slice.direction is not None:
            found[planned.slice.interval].append(planned)
    return found
