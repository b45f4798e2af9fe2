"""The organisation's lists, read by a fetch each time, and by a sync once a day.

A list takes a request for every few hundred names, and a sync may run every five minutes. So what
was read is remembered in the ledger; to lose that costs the same requests once more. A queue that
is made during the day has its name from the next day on, as its conversations are read by job.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from lastpage.api.names import Directory
from lastpage.ledger.memory import Memory
from lastpage.query.interval import DAY

#: Names by id, by the list's name.
Lists = Mapping[str, Mapping[str, str | None]]
#: The name under which they are remembered.
NAME = "lists"


@dataclass(frozen=True, slots=True)
class Remembered:
    """The lists of a directory, and those that a ledger remembers; `now` is in unix seconds."""

    directory: Directory
    ledger: Memory
    now: float

    def lists(self) -> Lists | None:
        """Those that were read within a day."""
        known = json.loads(self.ledger.recall(NAME) or "{}")
        is_fresh = known and 0 <= self.now - known["read"] < DAY.total_seconds()
        return known["lists"] if is_fresh else None

    def read(self, kinds: Iterable[str], note: Callable[[str], None]) -> Lists:
        """Read them now, and remember them; one that cannot be read is left out, with a note."""
        lists = self.directory.lists(kinds, note)
        self.ledger.remember(NAME, json.dumps({"read": self.now, "lists": lists}))
        return lists
