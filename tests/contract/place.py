"""A destination of one kind, over runs and hours: what is fetched into it, and how to look at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.contract.kinds import Kind
from tests.inprocess import World, talk

from lastpage import Summary
from lastpage.coverage.ranges import Range
from lastpage.files import Disk
from lastpage_sandbox import Skeleton

DAY = datetime(2023, 10, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
#: The conversations of a day.
TALKS = [talk(number, DAY + number * HOUR / 2) for number in range(40)]
BOTH_DAYS = "2023-10-10/2023-10-12"
#: What is kept: one table of several rows a conversation, and one that needs a job, as all tables do.
TABLES = ("sessions", "participant_attributes")


@dataclass
class Place:
    """A destination of one kind, what is fetched into it, and how to look at it."""

    made: World
    kind: Kind
    folder: Path

    @property
    def path(self) -> Any:
        return self.kind.at(self.folder)

    @property
    def state(self) -> Path:
        state = self.kind.destination(self.folder).state
        assert state
        return state

    def fetch(self, span: str = "2023-10-10", **more: Any) -> Summary:
        options = {key: more.pop(key) for key in ("transport", "disk") if key in more}
        asked = {"format": self.kind.format, "names": False, **more}
        if self.kind.replaces:
            if self.kind.has_tables:
                asked.setdefault("tables", TABLES)
            # What is final and here is read again, to see what becomes of it.
            asked.setdefault("refresh", True)
        return self.made.cloud(**options).fetch(span, self.path, **asked)

    def sync(self, **more: Any) -> Summary:
        options = {key: more.pop(key) for key in ("transport", "disk") if key in more}
        asked = {"format": self.kind.format, "names": False, **more}
        if self.kind.has_tables:
            asked.setdefault("tables", TABLES)
        return self.made.cloud(**options).sync(self.path, **asked)

    def ids(self, name: str = "conversations") -> set[str]:
        rows = [row["conversation_id"] for row in self.kind.read(self.folder, name)]
        assert name == "sessions" or len(rows) == len(set(rows))
        return set(rows)

    def has(self, *talks: Skeleton) -> bool:
        """Whether it has exactly these, in every table."""
        wanted = {each.id for each in talks}
        return self.ids() == self.ids("sessions") == wanted

    def ranges(self) -> list[Range]:
        with self.kind.destination(self.folder).sink(self.state, Disk()) as sink:
            return [each for day in sink.committed().values() for each in day]

    def facts(self) -> list[tuple[str, str, int]]:
        return [(each.coverage, each.finality, each.conversations) for each in self.ranges()]
