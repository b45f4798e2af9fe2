"""What a sync asks the API about days that are held, and not due by what is known of them.

    asked                                      how often                   makes due
    -----------------------------------------  --------------------------  -----------------------
    whether conversations have ended that had  once a day, for each day    `open`: their day, once
    no end when a job read their day: by id,   that has some               jobs reach their end
    a hundred at a time
    how many conversations there are in a      `sweep` requests a run,     `changed`: the days of
    week that is held whole: a count           the week longest unchecked  a week with more, or
                                               first                       with fewer
    nothing; rows of a day seemed to be gone   -                           `changed`: their day,
    an hour ago, and stayed                                                since they may leave
    nothing; too many rows of a day were gone  once a day, and whenever    `changed`: that day
    (`spared.py`)                              removals are accepted
    nothing; rows stayed in their day that     -                           `changed`: both days
    start on another day that is held

By id is a question, never a row: what it answers has no participant attributes. When something was
asked last is remembered in the ledger; to lose that costs the question once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from lastpage.coverage.lookup import IDS_MAX, ends_by_id
from lastpage.coverage.ranges import Range
from lastpage.coverage.replacement import APART_S
from lastpage.extraction import spared
from lastpage.extraction.choosing import There
from lastpage.planning.planner import Planner
from lastpage.planning.slices import PROBE_DAYS_MAX, look_ahead
from lastpage.query.interval import DAY, EARLIEST, Interval, iso, minus
from lastpage.sinks.sink import by_day
from lastpage.tables.moments import moments
from lastpage.tables.schema import CONVERSATIONS, END, KEY

#: The names under which is remembered when something was asked last, by its day.
ENDS_ASKED, COUNTED = "ends asked", "counted"
#: An answer counts for so many seconds.
ASK_AGAIN_S = DAY.total_seconds()


@dataclass(frozen=True, slots=True)
class Asking:
    """One run's questions. `due` is what is read anyway: nothing is asked about that."""

    planner: Planner
    there: There
    wanted: Interval
    #: How far jobs reach.
    jobs: datetime
    due: Sequence[Interval]

    def changed(self, sweep: int, *, accept_removals: bool = False) -> frozenset[date]:
        """Days of which other numbers are counted, with at most so many requests; or that are in
        doubt.
        """
        ledger, now = self.there.ledger, self._now
        doubtful = ledger.days_with_absences(now - APART_S).union(self.there.awaited)
        doubtful |= spared.to_read(ledger, now, accepted=accept_removals)
        return (doubtful & self._settled.keys()) | self._counted_otherwise(sweep)

    def ended(self) -> dict[date, datetime]:
        """Of days with open conversations, when the last one ended that jobs reach; else the first
        one that has ended.
        """
        asked = self.there.ledger.times(ENDS_ASKED)
        days = [
            day
            for day, ranges in by_day(self._left).items()
            if self._has_open(ranges) and asked.get(str(day), 0) + ASK_AGAIN_S <= self._now
        ]
        if not days:
            return {}
        open_ids = {text: day for day in days for text in self._open_in(day)}
        ends: dict[date, list[datetime]] = {}
        for text, end in self._ends(list(open_ids)):
            ends.setdefault(open_ids[text], []).append(end)
        recent = {name: at for name, at in asked.items() if at + ASK_AGAIN_S > self._now}
        now = dict.fromkeys(map(str, days), self._now)
        self.there.ledger.remember_times(ENDS_ASKED, recent | now)
        return {
            day: max((end for end in found if end <= self.jobs), default=min(found))
            for day, found in ends.items()
        }

    @property
    def _left(self) -> list[Range]:
        """What a job has read, and is not read anyway."""
        return [
            each
            for each in self.there.held
            if each.has_attributes
            and each.interval.start >= self.wanted.start
            and minus(each.interval, self.due)
        ]

    @property
    def _settled(self) -> dict[date, list[Range]]:
        """The days that a job has read as they are held, and that are not read whole anyway."""
        left = by_day(self._left)
        return {
            day: ranges
            for day, ranges in by_day(self.there.held).items()
            if day in left and all(each.has_attributes for each in ranges)
        }

    @property
    def _now(self) -> float:
        return self.planner.client.server_now()

    # Open conversations ---------------------------------------------------------------------------

    def _has_open(self, ranges: Sequence[Range]) -> bool:
        """Whether a job may know more of conversations that were open by now."""
        as_of = [each.as_of for each in ranges if each.open != 0]
        return bool(as_of) and max(as_of) + DAY <= self.jobs

    def _open_in(self, day: date) -> Iterator[str]:
        """The ids of a day's conversations that have no end; none where ends are not kept."""
        for table in self.there.sink.read(CONVERSATIONS, day):
            if END in table.column_names:
                ids, ends = table.column(KEY).to_pylist(), moments(table.column(END))
                yield from (text for text, end in zip(ids, ends, strict=True) if end is None)

    def _ends(self, ids: Sequence[str]) -> Iterator[tuple[str, datetime]]:
        for at in range(0, len(ids), IDS_MAX):
            yield from ends_by_id(self.planner.client, ids[at : at + IDS_MAX])

    # Counts ---------------------------------------------------------------------------------------

    def _counted_otherwise(self, requests: int) -> frozenset[date]:
        """The days of weeks in which another number is counted than is held."""
        if not requests:
            return frozenset()
        counted = self.there.ledger.times(COUNTED)
        weeks = dict(self._whole_weeks())
        longest = sorted(weeks, key=lambda week: (counted.get(iso(week.start), 0), week))
        beyond = look_ahead(self.planner.query)
        changed, now = set[date](), dict[str, float]()
        for week in longest[: requests // 2 if beyond else requests]:
            seen_to = min(week.end + beyond, self.wanted.end)
            if self.planner.count_matching(week, seen_to) != weeks[week]:
                changed |= {day for day, _ in week.days()}
            now[iso(week.start)] = self._now
        starts = {iso(week.start) for week in weeks}
        before = {name: counted[name] for name in starts & counted.keys()}
        self.there.ledger.remember_times(COUNTED, before | now)
        return frozenset(changed)

    def _whole_weeks(self) -> Iterator[tuple[Interval, int]]:
        """The weeks that are held whole and settled, and how many conversations each has.

        Under a filter that looks a day further than its slice they are a day shorter, since a count
        reaches no further than a week.
        """
        length = PROBE_DAYS_MAX * DAY - look_ahead(self.planner.query)
        settled = self._settled
        start = EARLIEST + (self.wanted.start - EARLIEST) // length * length
        while start + length <= self.wanted.end:
            week = Interval(start, start + length)
            days = [settled.get(day, []) for day, _ in week.days()]
            if all(map(_is_whole, days)):
                yield week, sum(each.conversations for ranges in days for each in ranges)
            start += length


def _is_whole(ranges: Sequence[Range]) -> bool:
    """Whether all of a day is held, and complete."""
    held = sum((each.interval.length for each in ranges), start=0 * DAY)
    return held == DAY and all(each.is_complete for each in ranges)
