"""What is remembered beside plans and pages: for the next process, and for the next run.

    what                                                          kept
    ------------------------------------------------------------  ------------------------------
    the notes of an unfinished run that were shown                until that run ends
    rows of the destination that seem to be gone, and since when  until they are there, or leave
    small facts by a name, such as when something was asked last  until they are replaced

All of it can be lost: a note is shown twice then, a row leaves an hour later, and something is
asked once more.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from datetime import date

from lastpage.errors import DestinationError
from lastpage.ledger.database import Transactions
from lastpage.ledger.records import Absence, Run

#: The name of a fact: from when on the organisation still has everything.
KEPT_SINCE = "kept_since"


class Memory(Transactions):
    """The part of the ledger that runs leave to those after them."""

    def tell(self, run: Run, note: str) -> None:
        """A note of the run was shown; raises nothing, since a note is not worth a run."""
        with suppress(DestinationError), self._transaction("tell"):
            self._do("tell", run.id, note)

    def told(self, run: Run) -> frozenset[str]:
        """The notes of the run that were shown."""
        return frozenset(row["note"] for row in self._all("told", run.id))

    def absences(self, day: date) -> dict[str, Absence]:
        """The rows of a day of the destination that seemed to be gone, by id; all runs share it."""
        rows = self._all("absences", day.isoformat())
        return {row["id"]: Absence(row["finding"], row["since"]) for row in rows}

    def remember_absences(self, day: date, absences: Mapping[str, Absence]) -> None:
        """Put these in the place of what was remembered of a day."""
        with self._transaction("absences"):
            self._do("forget_absences", day.isoformat())
            for text, absence in absences.items():
                self._do("add_absence", day.isoformat(), text, absence.finding, absence.since)

    def days_with_absences(self, since: float) -> frozenset[date]:
        """The days of which rows seemed to be gone then, or before (unix seconds)."""
        rows = self._all("days_with_absences", since)
        return frozenset(date.fromisoformat(row["day"]) for row in rows)

    def moving(self) -> dict[date, list[str]]:
        """The rows of the destination, by their day, whose start moved and that have not left."""
        found = defaultdict[date, list[str]](list)
        for row in self._all("moving"):
            found[date.fromisoformat(row["day"])].append(row["id"])
        return dict(found)

    def recall(self, name: str) -> str | None:
        """A fact that was remembered under this name."""
        row = self._one("recall", name)
        return row["value"] if row else None

    def remember(self, name: str, value: str) -> None:
        """Put a fact in the place of what was remembered under this name."""
        with self._transaction("remember"):
            self._do("remember", name, value)

    def times(self, name: str) -> dict[str, float]:
        """When several things were, in unix seconds, that were remembered under this name."""
        found: dict[str, float] = json.loads(self.recall(name) or "{}")
        return found

    def remember_times(self, name: str, times: Mapping[str, float]) -> None:
        """Put these in the place of what was remembered under this name."""
        if times != self.times(name):
            self.remember(name, json.dumps(times))
