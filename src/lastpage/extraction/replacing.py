"""Groups of a run into a sink of tables: what comes is written, what does not come is ruled on.

    read what a day holds ─▶ what did not come ─▶ ask for it by id ─▶ rule ─▶ write ─▶ remember

The rule is in coverage/replacement.py, its questions are in findings.py. While an answer depends on
a slice that is still to be read, the group waits until all slices are settled. A row whose start
moved leaves its old day when it is written in its new one (moving.py).

Memory: the ids of one day that did not come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain
from typing import TYPE_CHECKING

from lastpage.coverage.ranges import accepted, disproved
from lastpage.coverage.replacement import Finding, Ruling, is_mass
from lastpage.extraction import spared
from lastpage.extraction.changes import Changes
from lastpage.extraction.comparing import Compared, Differences, compared
from lastpage.extraction.decision import LEAVE, STAY, Decision
from lastpage.extraction.findings import ASKED_MAX, Findings
from lastpage.extraction.missing import Coming, Missing, missing, rows_of
from lastpage.extraction.moving import Leaving, Moving
from lastpage.extraction.resuming import keep_up
from lastpage.extraction.rows import Group, Rows
from lastpage.extraction.run import Fetching
from lastpage.ledger.ids import digest
from lastpage.query.interval import from_unix, iso
from lastpage.sinks.sink import Pages, TableSink, Unread

if TYPE_CHECKING:  # it loads Arrow, which lines do without
    from lastpage.tables.build import Shredder

#: Records that could not be read are named one by one up to so many.
UNREAD_NAMED_MAX = 10


@dataclass(slots=True)
class Replacing:
    """Writes the groups of one run into a sink of tables; `place` is what notes call it."""

    fetching: Fetching
    sink: TableSink
    place: str
    shredder: Shredder
    #: What is found to be otherwise is counted there.
    differences: Differences = field(default_factory=Differences)
    #: Whether a day of which the same came again stays as it is; else it is written anew, with the
    #: names and columns of today.
    spares_same: bool = False
    #: Where it is told of, if anywhere.
    changes: Changes | None = None
    _findings: Findings = field(init=False)
    _moving: Moving = field(init=False)

    def __post_init__(self) -> None:
        fetching, sink = self.fetching, self.sink
        self._findings = Findings(fetching, sink)
        self._moving = Moving(sink, fetching.ledger, fetching.client, fetching.meter, self.place)

    def write(self, group: Group) -> bool:
        """Write the days of a group; False where it has to wait until more slices are settled."""
        decisions = []
        for day in group.days:
            coming = Coming(self.fetching.run, group, day)
            decision = self._decide(coming)
            if decision is None:
                return False
            self._write(coming, decision)
            decisions.append(decision)
        for rows in group.rows:
            self._rejudge(rows, decisions)
        self._tell(decisions)
        return True

    def _write(self, coming: Coming, decision: Decision) -> None:
        day, fetching = decision.day, self.fetching
        if not decision.damaged:
            held = self.sink.held(day)
            found = self._compared(coming.group, decision)
            self.differences.add(found.counts)
            if self.spares_same and found.is_same and not decision.is_ruled:
                self.sink.renew(day, decision.ranges)
            else:
                self._replace(coming, decision, found)
            keep_up(fetching.ledger, held, self.sink.held(day))
        now = fetching.client.server_now()
        spared.remember(fetching.ledger, day, now if decision.mass else None)
        if decision.absences != fetching.ledger.absences(day):
            fetching.ledger.remember_absences(day, decision.absences)

    def _compared(self, group: Group, decision: Decision) -> Compared:
        """What is new, and what has changed; of a damaged day all counts as changed."""
        if decision.damage:
            changed = sum(each.conversations for each in decision.ranges)
            return Compared(Counter({"changed": changed}), is_same=False, rest="changed")
        held = disproved(self.sink.held(decision.day), decision.disproved)
        return compared(self.sink, self.shredder, group, decision.day, held)

    def _replace(self, coming: Coming, decision: Decision, found: Compared) -> None:
        """Write a day; rows of other days that it brings leave these by the same change."""
        day = decision.day
        leaving, starts = self._moving.arriving(coming, decision.parts)
        ruling = Ruling(
            decision.staying | decision.untouched,
            decision.disproved,
            starts,
            anew=bool(decision.damage),
        )
        self._tell_of_those(decision, leaving)
        pages: Pages = coming.group.pages(day)
        if self.changes:
            pages = self.changes.passing(pages, found)
        with self._moving.leaving(leaving):
            written = self.sink.replace(day, decision.ranges, pages, ruling)
        for part in written.unchanged:
            self.fetching.meter.note(
                f"{part} stays as it was: what is there is fresher, or complete; "
                "fetch it again when the watermark has passed"
            )
        if decision.moving == decision.staying.keys() and not written.unread:
            self._moving.expect(day, decision.ranges)
        self._note_unread(coming.group, written.unread)

    def _tell_of_those(self, decision: Decision, leaving: Leaving) -> None:
        """Count and name those that leave this day, and the days from which they move to it."""
        moved = [text for text, why in decision.leaving.items() if why == "moved"]
        moved += chain.from_iterable(leaving.values())
        removed = [text for text, why in decision.leaving.items() if why != "moved"]
        if removed:
            self._drop_pages(decision.day)
        self.differences.moved += len(moved)
        self.differences.removed += len(removed)
        if self.changes:
            self.changes.gone("moved", moved)
            self.changes.gone("removed", removed)

    def _drop_pages(self, day: date) -> None:
        """Nothing of what is removed stays in the spool, where other commands left their runs."""
        fetching = self.fetching
        now = fetching.client.server_now()
        for run in fetching.ledger.end_others(fetching.run, day, now):
            fetching.meter.note(
                f"the unfinished run of {iso(from_unix(run.began))} had pages of a day from which "
                "conversations are removed; it has ended, and its command begins anew"
            )

    def _note_unread(self, group: Group, records: Sequence[Unread]) -> None:
        """The tables could not take these records: a slice that lacks one is not proved whole.

        Its other days are what they were.
        """
        for record in records[:UNREAD_NAMED_MAX]:
            name, error = record.conversation_id or "(no id)", record.error or "it cannot be read"
            self.fetching.meter.note(f"conversation {name} is in no table but `broken`: {error}")
        for rows in group.rows:
            starts = [record.start for record in records if record.start is not None]
            count = sum(start in rows.interval for start in starts)
            rows.unread += count
            if count and rows.verdict.coverage == "complete":
                why = (
                    f"{rows.unread} conversations could not be read into tables; "
                    "they are in the table broken as they came"
                )
                self.fetching.rejudge(rows, "unproven", why)

    def _rejudge(self, rows: Rows, decisions: Sequence[Decision]) -> None:
        """Too many that did not come make a slice short; rows that stay, its days provisional."""
        verdict = rows.verdict
        short = [each.short for each in decisions if each.short and each.day in rows.days]
        staying = {
            each.day.isoformat()
            for each in decisions
            if any(
                start in rows.interval
                for text, start in each.staying.items()
                if text not in each.moving
            )
        }
        if short and (verdict.coverage != "short" or verdict.gap):
            told = [verdict.why] if verdict.coverage == "short" else []
            self.fetching.rejudge(rows, "short", "; ".join((*told, *short)))
        elif staying and not rows.unread:
            self.fetching.unsettle(rows, staying)

    def _tell(self, decisions: Sequence[Decision]) -> None:
        days = [each.day for each in decisions if each.leaving or each.stay]
        span = " to ".join(str(each) for each in sorted({*days[:1], *days[-1:]}))
        leave, stay = Counter[Finding](), Counter[Finding]()
        for decision in decisions:
            leave.update(decision.leaving.values())
            stay.update(decision.stay)
        note = self.fetching.meter.note
        for finding, count in leave.items():
            note(f"{count:,} conversations of {span} leave {self.place}: {LEAVE[finding]}")
        for finding, count in stay.items():
            note(
                f"{count:,} conversations of {span} did not come again, and stay in {self.place}: "
                f"{STAY[finding]}"
            )

    # The rule, applied to a day -------------------------------------------------------------------

    def _decide(self, coming: Coming) -> Decision | None:
        """What is to be written of a day; None while that depends on slices still to be read."""
        group, day = coming.group, coming.day
        ranges, before = group.ranges(day), self.fetching.ledger.absences(day)
        there = self.sink.held(day)
        damage = self.sink.damage(day, content=True) if there else ""
        starts = [] if damage else self._disproved(group, day)
        held = [] if damage else disproved(there, starts)
        parts = accepted(held, ranges)
        lacking = missing(self.sink, coming, held, before.keys()) if there else Missing()
        # Who came again, or is not there any more, is forgotten.
        absences = {text: before[text] for text in lacking.remembered}
        decision = Decision(
            day, ranges, parts, absences, lacking.untouched, disproved=starts, damage=damage
        )
        mass = self._is_mass(lacking)
        if mass is None:
            return None
        if mass and not self.fetching.options.accept_removals:
            decision.keep_all(lacking, self.place)
        else:
            findings, is_open = self._findings.of(
                lacking.starts, day, parts, absences, without_end=mass
            )
            if is_open:
                # Should that slice bring them, they leave with its being written.
                self._moving.remember(
                    day, [each for each in findings if findings[each] == "moving"]
                )
                return None
            now = self.fetching.client.server_now()
            for text, start in lacking.starts.items():
                finding = findings.get(text, "unanswered")
                decision.rule(text, start, finding, now, at_once=mass)
        if damage:
            decision.spare_damaged(there, lacking, self.place)
        return decision

    def _is_mass(self, lacking: Missing) -> bool | None:
        """Whether too many of a day did not come; None while slices may still bring them.

        What another slice of this run has brought is not lacking.
        """
        count, rows = len(lacking.starts), lacking.rows.total()
        if not is_mass(count, rows) or count > ASKED_MAX:
            return is_mass(count, rows)
        left = {digest(text) for text in lacking.starts}
        for planned in self.fetching.slices:
            left.difference_update(
                self.fetching.ledger.owned(self.fetching.run, planned.slice.number)
            )
        if is_mass(len(left), rows) and any(map(self.fetching.is_to_be_read, self.fetching.slices)):
            return None
        return is_mass(len(left), rows)

    def _disproved(self, group: Group, day: date) -> list[datetime]:
        """The starts of what the destination lacks although this run has written these hours.

        Another slice saw it, and asked for by id it exists: so the hours are read once more.
        """
        fetching = self.fetching
        if group.delivered is None:
            return []
        sighted = {
            text: start
            for rows in group.rows
            for own, part in rows.interval.days()
            if own == day
            for text, start in fetching.ledger.sightings(fetching.run, part)
        }
        for _, text, _ in rows_of(self.sink, day):
            sighted.pop(text, None)
        return list(sighted.values())
