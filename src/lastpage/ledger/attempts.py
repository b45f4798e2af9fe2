"""Attempts to walk slices, and their answers: a row for each, its bytes in the spool."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from lastpage.api.messages import Answer
from lastpage.errors import DestinationError
from lastpage.ledger.memory import Memory
from lastpage.ledger.records import Attempt, Entry, Planned, Run
from lastpage.ledger.spool import Spool
from lastpage.planning.slices import Slice
from lastpage.query.interval import iso
from lastpage.walks.walk import Request


class Attempts(Memory):
    """The attempts of a ledger in a folder, and the spool beside it."""

    folder: Path

    def __init__(self, path: Path, seam: Callable[[str], None]) -> None:
        super().__init__(path, seam)
        self.folder = path.parent
        self.spool = Spool(self.folder / "spool", seam)

    def open_attempt(self, run: Run, slice_: Slice) -> Attempt | None:
        """The attempt that an earlier process began and did not end, if there is one."""
        row = self._one("open_attempt", run.id, slice_.number)
        return Attempt.from_row(row) if row else None

    def begin_attempt(
        self, run: Run, slice_: Slice, now: float, watermark: datetime | None
    ) -> Attempt:
        """Begin to walk a slice at `now` (unix seconds by the API's clock)."""
        mark = iso(watermark) if watermark else None
        with self._transaction("attempt"):
            id_ = self._do("add_attempt", run.id, slice_.number, now, mark).lastrowid or 0
        return Attempt(id_, now, watermark)

    def attempt(self, id_: int) -> Attempt:
        """An attempt by its id, which has to exist."""
        row = self._one("get_attempt", id_)
        assert row is not None
        return Attempt.from_row(row)

    def end_attempt(self, attempt: Attempt, state: str, reason: str = "") -> None:
        """Mark an attempt as "ended" or "lost"; the answers of a lost one go."""
        with self._transaction("attempt end"):
            self._do("end_attempt", state, reason, attempt.id)
        if state == "lost":
            self.spool.drop(attempt.id)

    def add(self, attempt: Attempt, ordinal: int, request: Request, answer: Answer) -> None:
        """Store an answer: its bytes first, then the row that vouches for them."""
        frame = self.spool.append(attempt.id, answer.raw)
        record = json.dumps(request.record())
        encoding = answer.headers.get("content-encoding", "")
        row = (record, answer.status, encoding, frame.offset, frame.length)
        with self._transaction("page"):
            self._do("add_page", attempt.id, ordinal, *row)

    def entries(self, attempt: Attempt, slice_: Slice) -> list[Entry]:
        """The answered requests of an attempt, in order."""
        return [Entry.from_row(row, slice_) for row in self._all("pages", attempt.id)]

    def answer(self, attempt: Attempt, entry: Entry) -> Answer:
        """A stored answer; raises `DestinationError` where its bytes are damaged."""
        raw = self.spool.read(attempt.id, entry.frame)
        if raw is None:
            raise DestinationError(
                f"the spool in {self.folder} does not hold what the ledger says; "
                "run the same command again: the damaged part is fetched anew"
            )
        return Answer(entry.status, {"content-encoding": entry.encoding}, raw)

    def is_intact(self, planned: Planned) -> bool:
        """Whether the spool still has every answer of a settled slice."""
        assert planned.attempt is not None
        attempt = self.attempt(planned.attempt)
        entries = self.entries(attempt, planned.slice)
        return all(self.spool.read(attempt.id, each.frame) is not None for each in entries)

    def recover(self, attempt: Attempt, slice_: Slice) -> list[Entry]:
        """Make rows and bytes agree after a crash; returns what is left of the attempt."""
        rows = self.entries(attempt, slice_)
        good = 0
        while good < len(rows) and self.spool.read(attempt.id, rows[good].frame) is not None:
            good += 1
        if good < len(rows):
            with self._transaction("recover"):
                self._do("drop_pages", attempt.id, good)
        self.spool.truncate(attempt.id, rows[good - 1].frame.end if good else 0)
        return rows[:good]
