"""Rows that did not come again are asked for by their ids; what each answer means here.

    the API says that it                          and                              finding
    --------------------------------------------  -------------------------------  ----------
    does not exist                                                                 gone
    starts in the hours that are written                                           there
    starts elsewhere                              the destination has it there     moved
                                                  a slice of this run has it, and  moving
                                                  is about to be written
                                                  a slice that is still to be      moving;
                                                  read has these hours             wait for it
                                                  none of these: it holds these    awaited
                                                  hours
                                                  … and it was awaited before, or  stranded
                                                  it does not hold them
    exists, there, awaited or stranded            the filters do not match it      unmatched

A finding's consequence is in coverage/replacement.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from lastpage.coverage.lookup import IDS_MAX, matched_by_id, starts_by_id
from lastpage.coverage.ranges import accepted
from lastpage.coverage.replacement import Finding
from lastpage.extraction.missing import Starts, rows_of
from lastpage.extraction.rows import Rows
from lastpage.extraction.run import Fetching
from lastpage.ledger.ids import digest
from lastpage.ledger.records import Planned
from lastpage.planning.slices import LOOK_AHEAD
from lastpage.query.interval import DAY, Interval, floor_day, from_unix
from lastpage.sinks.sink import TableSink

#: Ids asked for in one run; what is beyond stays, and a later run asks for it.
ASKED_MAX = 1_000


@dataclass(slots=True)
class Findings:
    """Asks for rows that one run did not bring again."""

    fetching: Fetching
    sink: TableSink
    _asked: int = 0

    def of(
        self,
        lacking: Starts,
        day: date,
        parts: Sequence[Interval],
        remembered: Collection[str],
        *,
        without_end: bool = False,
    ) -> tuple[dict[str, Finding], bool]:
        """What the API says of rows that did not come; and whether slices are to be waited for.

        Those that are remembered are asked for first, since they may leave.
        """
        ids = sorted(lacking, key=lambda text: text not in remembered)
        if not without_end:
            ids = ids[: max(ASKED_MAX - self._asked, 0)]
            self._asked += len(ids)
        findings: dict[str, Finding] = {}
        standing: Starts = {}
        is_open = False
        elsewhere: dict[date, Starts] = defaultdict(dict)
        for some in pieces(ids):
            for text, start in starts_by_id(self.fetching.client, some).items():
                if start is None:
                    findings[text] = "gone"
                elif any(start in part for part in parts):
                    findings[text], standing[text] = "there", start
                else:
                    elsewhere[start.date()][text] = start
        for there, moved in elsewhere.items():
            # A day has a conversation once: one of this day is here under its old start.
            held = {text for _, text, _ in rows_of(self.sink, there)} if there != day else set()
            for text, start in moved.items():
                owner = self.fetching.owner(start)
                if text in held:
                    findings[text] = "moved"
                elif owner and self.fetching.is_to_be_read(owner):
                    findings[text], is_open = "moving", True
                else:
                    findings[text] = self._elsewhere(text, start, owner)
                if findings[text] == "stranded":
                    standing[text] = start
                    is_held = any(start in each.interval for each in self.sink.held(there))
                    if there != day and is_held and text not in remembered:
                        findings[text] = "awaited"
        return (findings if is_open else findings | self._filtered(standing)), is_open

    def _elsewhere(self, text: str, start: datetime, owner: Planned | None) -> Finding:
        """Whether the slice that has read these hours brings a conversation, and is written."""
        fetching, day = self.fetching, start.date()
        if owner is None or owner.state == "committed" or self.sink.damage(day):
            return "stranded"
        if digest(text) not in fetching.ledger.owned(fetching.run, owner.slice.number):
            return "stranded"
        rows = Rows.of_slice(fetching.ledger, owner)
        ranges = [rows.range_of(part) for own, part in rows.interval.days() if own == day]
        is_written = any(start in part for part in accepted(self.sink.held(day), ranges))
        return "moving" if is_written else "stranded"

    def _filtered(self, standing: Starts) -> dict[str, Finding]:
        """What the filters say of conversations that exist; nothing of those that they match."""
        client, query = self.fetching.client, self.fetching.query
        if not query.filters():
            return {}
        now, findings = from_unix(client.server_now()), dict[str, Finding]()
        by_day: dict[datetime, list[str]] = defaultdict(list)
        for text, start in standing.items():
            findings[text] = "unanswered"
            if start < now:
                by_day[floor_day(start)].append(text)
        for midnight, ids in by_day.items():
            end = midnight + DAY + (LOOK_AHEAD if query.sees_segments else timedelta(0))
            for some in pieces(ids):
                matched = matched_by_id(client, query, Interval(midnight, min(end, now)), some)
                for text, is_matched in matched.items():
                    if is_matched:
                        del findings[text]
                    else:
                        findings[text] = "unmatched"
        return findings


def pieces(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Ids, as many at a time as one call takes."""
    return (ids[at : at + IDS_MAX] for at in range(0, len(ids), IDS_MAX))
