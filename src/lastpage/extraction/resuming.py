"""What an earlier process left of a run, and what of it is settled again. The ledger is believed of
what was asked and came, never of what a destination has.

    a slice that was   is settled again if
    -----------------  ---------------------------------------------------------------------------
    settled            the disk has damaged its pages
    committed          the destination has not all that was written to it (coverage/lost.py)
    committed          rows of its days seemed to be gone long enough ago that they may leave by now
    either, and short  always: the API may have recovered
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lastpage.coverage.lost import lost
from lastpage.coverage.ranges import Range
from lastpage.coverage.replacement import APART_S
from lastpage.extraction.otherwise import is_short
from lastpage.extraction.rows import Rows
from lastpage.ledger.ledger import Ledger
from lastpage.ledger.records import Planned, Run
from lastpage.query.interval import Interval

#: The digests of what a destination that grows has, if it has anything of an interval.
HeldIds = Callable[[Interval], frozenset[bytes] | None]


@dataclass(frozen=True, slots=True)
class Left:
    """The slices of a run as an earlier process left them."""

    ledger: Ledger
    run: Run

    def reopen_damaged(self, held_ids: HeldIds) -> None:
        """Settle again what was settled and cannot be read any more.

        A destination that grows may have it already, where a crash came before that was known.
        """
        for planned in self._slices("settled"):
            if not self.ledger.is_intact(planned):
                self.ledger.reopen(self.run, planned.slice.number)
                there = held_ids(planned.slice.interval)
                if there is not None:
                    self.ledger.redeliver(self.run, planned.part, there)

    def lost(self, held: Sequence[Range]) -> list[Planned]:
        """The slices that were written and that a destination, which holds this, lacks."""
        return [
            planned
            for planned in self._slices("committed")
            if lost(held, written(self.ledger, planned))
        ]

    def reopen_lost(self, lost: Iterable[Planned], held_ids: HeldIds) -> None:
        """Settle these again; what was delivered of them is what the destination still has."""
        for planned in lost:
            self.ledger.reopen(self.run, planned.slice.number)
            there = held_ids(planned.slice.interval)
            delivered = self.ledger.delivered(self.run, planned.part)
            still = there & delivered if there is not None and delivered else None
            self.ledger.redeliver(self.run, planned.part, still)

    def reopen_doubtful(self, now: float) -> None:
        """Settle again what was short, or may lose rows by now (unix seconds)."""
        for planned in self._slices("settled", "committed"):
            is_written = planned.state == "committed"
            if is_short(planned) or (is_written and self._may_let_leave(planned, now - APART_S)):
                self.ledger.reopen(self.run, planned.slice.number)

    def _slices(self, *states: str) -> list[Planned]:
        return [each for each in self.ledger.slices(self.run) if each.state in states]

    def _may_let_leave(self, planned: Planned, since: float) -> bool:
        absences = (self.ledger.absences(day) for day, _ in planned.slice.interval.days())
        return any(each.since <= since for known in absences for each in known.values())


def written(ledger: Ledger, planned: Planned) -> list[Range]:
    """What a destination held of a slice's hours when they had been written.

    A ledger of an older version does not know it, but what the slice brought.
    """
    if planned.held is not None:
        return [Range.from_record(record) for record in json.loads(planned.held)]
    rows = Rows.of_slice(ledger, planned)
    return [rows.range_of(part) for _, part in rows.interval.days()]


def keep_up(ledger: Ledger, before: Sequence[Range], after: Sequence[Range]) -> None:
    """Rows left a day on purpose: what runs have written of it is not lost, if it was not before.

    `before` and `after` are what the day held, and holds now.
    """
    for run, planned in ledger.written(before[0].day) if before else ():
        known = written(ledger, planned)
        of_day = [each for each in known if each.day == before[0].day]
        if not lost(before, of_day):
            others = [each for each in known if each not in of_day]
            ledger.hold(run, planned, holding([*others, *after], planned))


def holding(held: Iterable[Range], planned: Planned) -> str:
    """What a destination holds of a slice's hours, as the ledger keeps it."""
    touching = (each for each in held if each.interval.clip(planned.slice.interval))
    return json.dumps([each.record() for each in touching])
