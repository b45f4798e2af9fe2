"""Starts that moved to another day: a row is written in its new day, and leaves the old one.

    a row of another day                       how it is known
    -----------------------------------------  ---------------------------------------------------
    did not come there, and starts here        it was asked for by id when its day was written, and
                                               is remembered as `moving`
    of the day before or after, comes here     it is looked for before a day is written, asked for
                                               by id, and remembered, too
    did not come there, and starts in hours    the same; the days are named to whoever chooses what
    that were read before                      is read (`awaited`)

    remember ─▶ together: the new day is written, the row leaves the old one ─▶ forget

In a database both are one transaction. In a folder each is atomic alone, in this order: between
them the row is there twice, and never not at all. What a crash leaves is remembered, and finished
before the next run reads anything.

What is looked for beside a day is the commonest case, a start that moved over a midnight, where the
old day is not read by this run, or is read later. A day that this run has written is looked into
only where slices brought the same id. A day that is damaged is left alone: it is read anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta

from lastpage.api.client import Client
from lastpage.coverage.lookup import starts_by_id
from lastpage.coverage.ranges import Range
from lastpage.errors import DamagedError
from lastpage.extraction.decision import LEAVE
from lastpage.extraction.findings import pieces
from lastpage.extraction.missing import Coming, Starts, rows_of
from lastpage.extraction.resuming import keep_up
from lastpage.ledger.ids import digest
from lastpage.ledger.ledger import Ledger
from lastpage.ledger.records import Absence
from lastpage.progress import Meter
from lastpage.query.interval import Interval, minus
from lastpage.sinks.sink import TableSink

#: The rows that leave days, by day.
Leaving = Mapping[date, Sequence[str]]
NEXT = timedelta(days=1)


@dataclass(slots=True)
class Moving:
    """Lets rows leave the days in which they do not start any more.

    `place` is what notes call the destination.
    """

    sink: TableSink
    ledger: Ledger
    client: Client
    meter: Meter
    place: str
    #: The days between which starts moved, and which have to be read for that.
    awaited: set[date] = field(default_factory=set)
    #: What days are once all that moves has left them.
    _afterwards: dict[date, Sequence[Range]] = field(default_factory=dict)

    def finish(self) -> int:
        """Let those leave that an earlier process wrote elsewhere, and did not take away; how many.

        Raises `ApiError`, since they are asked for by id once more.
        """
        count = 0
        for day, remembered in self.ledger.moving().items():
            there = self._rows(day)
            leaving = []
            for some in pieces([text for text in remembered if text in there]):
                for text, start in starts_by_id(self.client, some).items():
                    if start and start.date() != day:
                        if text in self._rows(start.date()):
                            leaving.append(text)
                        else:
                            self.awaited |= {day, start.date()}
            with self.leaving({day: leaving} if leaving else {}):
                pass
            self._forget(day, [text for text in remembered if text not in there])
            count += len(leaving)
        return count

    def expect(self, day: date, ranges: Sequence[Range]) -> None:
        """Of what stays in a day, all is moving: once it has left, the day is what was read."""
        self._afterwards[day] = ranges

    def arriving(self, coming: Coming, parts: Sequence[Interval]) -> tuple[Leaving, Starts]:
        """The rows of other days that leave since a day brings them, and are remembered by now.

        `parts` are the hours of that day that are written. With them comes when conversations start
        that came more than once, or are in the day before or after: what comes of them with another
        start is not written.
        """
        wanted = {
            text: day
            for day, ids in self.ledger.moving().items()
            if day != coming.day
            for text in ids
        }
        wanted = {text: day for text, day in wanted.items() if digest(text) in coming.ids}
        beside = self._beside(coming, wanted)
        twice = coming.twice()
        found = coming.starts({digest(text) for text in (*wanted, *beside)} | twice)
        asked = [text for text in found if text in beside or digest(text) in twice]
        answers: Starts = {}
        for some in pieces(asked):
            starts = starts_by_id(self.client, some)
            answers |= {text: start for text, start in starts.items() if start}
        leaving = defaultdict[date, list[str]](list)
        for text, day in (wanted | beside).items():
            is_written = any(start in part for start in found.get(text, ()) for part in parts)
            is_here = text in wanted or (text in answers and answers[text].date() == coming.day)
            if is_written and is_here and not self.sink.damage(day, content=True):
                leaving[day].append(text)
        for day, ids in leaving.items():
            self.remember(day, ids)
        return leaving, {
            text: start
            for text, start in answers.items()
            if start in found[text] or start.date() == beside.get(text)
        }

    @contextmanager
    def leaving(self, leaving: Leaving) -> Iterator[None]:
        """After what is written in the block, rows leave their days, together with it."""
        before = {day: self.sink.held(day) for day in leaving}
        with self.sink.together():
            yield
            for day, ids in leaving.items():
                self.sink.leave(day, ids, self._after(day, ids))
        for day, ids in leaving.items():
            keep_up(self.ledger, before[day], self.sink.held(day))
            self._forget(day, ids)
            self.meter.note(
                f"{len(ids):,} conversations of {day} leave {self.place}: {LEAVE['moved']}"
            )

    def _after(self, day: date, ids: Iterable[str]) -> Sequence[Range]:
        """What a day is when these have left, if it is more than what it says of itself."""
        return self._afterwards.get(day, ()) if {*ids}.issuperset(self.ledger.moving()[day]) else ()

    def _forget(self, day: date, ids: Collection[str]) -> None:
        known = self.ledger.absences(day)
        left = {text: absence for text, absence in known.items() if text not in ids}
        self.ledger.remember_absences(day, left)

    def remember(self, day: date, ids: Iterable[str]) -> None:
        """These rows of a day leave once they are written elsewhere."""
        known = self.ledger.absences(day)
        moving = Absence("moving", self.client.server_now())
        self.ledger.remember_absences(day, known | dict.fromkeys(ids, moving))

    def _beside(self, coming: Coming, but: Collection[str]) -> dict[str, date]:
        """What the days before and after have of what comes, by id."""
        found = {}
        for day in (coming.day - NEXT, coming.day + NEXT):
            held = [each.interval for each in self.sink.held(day)]
            if not held:
                continue
            written = coming.written(day)
            read = [planned.slice.interval for planned in written]
            is_ours = not any(minus(each, read) for each in held)
            if is_ours and not coming.shares(written):
                continue
            for text in self._rows(day):
                if text not in but and digest(text) in coming.ids:
                    found[text] = day
        return found

    def _rows(self, day: date) -> set[str]:
        try:
            return {text for _, text, _ in rows_of(self.sink, day)}
        except DamagedError:
            return set()
