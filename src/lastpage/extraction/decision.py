"""What is decided of a day before it is written: what comes, leaves and stays, and the sentences.

The rule is in coverage/replacement.py, its questions are asked in replacing.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from lastpage.coverage.ranges import Range
from lastpage.coverage.replacement import Finding, hindrance, ruled
from lastpage.extraction.missing import Missing, Starts
from lastpage.ledger.records import Absence
from lastpage.query.interval import Interval
from lastpage.tables.schema import CONVERSATIONS

#: Why rows leave, and why they stay, as people are told.
LEAVE: Mapping[Finding, str] = {
    "gone": "asked for by id twice, an hour or more apart, they do not exist",
    "unmatched": "twice, an hour or more apart, the filters did not match them",
    "moved": "they start at another time by now, and are there",
}
_AGAIN = "if a run in an hour or later finds the same, they leave"
STAY: Mapping[Finding, str] = {
    "gone": f"asked for by id, they do not exist; {_AGAIN}",
    "unmatched": f"the filters do not match them any more; {_AGAIN}",
    "awaited": "they start on another day by now, and are not there; the next sync reads it",
    "stranded": "they start at another time by now, and are not there",
    "there": "asked for by id, they exist",
    "unanswered": "they were not asked for by id, or the API did not answer",
}


@dataclass(slots=True)
class Decision:
    """What is written of a day, and why."""

    day: date
    ranges: Sequence[Range]
    #: The hours that are written.
    parts: Sequence[Interval]
    #: What is remembered of the day from now on.
    absences: dict[str, Absence]
    untouched: Starts = field(default_factory=dict)
    staying: Starts = field(default_factory=dict)
    #: Of those that stay, those that leave when they are written elsewhere.
    moving: set[str] = field(default_factory=set)
    disproved: Sequence[datetime] = ()
    #: Those that leave, and why; why others stay.
    leaving: dict[str, Finding] = field(default_factory=dict)
    stay: Counter[Finding] = field(default_factory=Counter)
    #: A sentence, where too many did not come.
    mass: str = ""
    #: What is missing of the day in the destination.
    damage: str = ""
    #: A sentence, where it stays so.
    damaged: str = ""

    #: Of the rows that leave, what was remembered.
    _left: dict[str, Absence] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """Why the hours of the day are short, whatever was read of them."""
        return "; ".join(filter(None, (self.mass, self.damaged)))

    @property
    def is_ruled(self) -> bool:
        """Whether rows stay or leave that did not come, or the day is written anew."""
        return bool(self.staying or self.leaving or self.disproved or self.damage)

    def keep_all(self, missing: Missing, place: str) -> None:
        """Too many did not come: all of them stay, and none is asked for."""
        self.mass = (
            f"{len(missing.starts):,} of the {missing.rows.total():,} conversations that "
            f"{place} has of {self.day} did not come again; "
            "so many are hardly gone one by one, so they all stay: check that the role of this "
            "OAuth client still reaches all divisions, and how long the organisation keeps "
            "conversations (retention); if they are gone for good, fetch that day, or sync, with "
            "--accept-removals"
        )
        self.staying = missing.starts
        self.ranges = [
            replace(each, coverage="short", finality="provisional") for each in self.ranges
        ]

    def spare_damaged(self, held: Sequence[Range], missing: Missing, place: str) -> None:
        """A damaged day that cannot be written anew stays as it is, and so does what is remembered.

        `held` is what it has recorded.
        """
        recorded = sum(each.conversations for each in held)
        is_cut = missing.is_cut or missing.rows[CONVERSATIONS] < recorded
        why = hindrance(held, self.ranges, len(self.staying), is_cut=is_cut)
        if why:
            self.damaged = (
                f"{self.day} is damaged in {place} ({self.damage}); nothing of it was changed, "
                f"since {why}"
            )
            self.leaving.clear()
            self.moving.clear()
            self.absences |= self._left

    def rule(
        self, text: str, start: datetime, finding: Finding, now: float, *, at_once: bool = False
    ) -> None:
        """Whether a row that did not come leaves."""
        before = self.absences.pop(text, None)
        leaves, absence = ruled(finding, before, now, at_once=at_once)
        if absence:
            self.absences[text] = absence
        if leaves:
            self.leaving[text] = finding
            if before:
                self._left[text] = before
            return
        self.staying[text] = start
        if finding == "moving":
            self.moving.add(text)
        else:
            self.stay[finding] += 1
