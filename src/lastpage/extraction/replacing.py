"""Groups of a run into a sink of tables: what comes is written, what does not come is ruled on.

    read what a day holds ─▶ what did not come ─▶ ask for it by id ─▶ rule ─▶ write ─▶ remember

The rule is in coverage/replacement.py; here its questions are asked. The owner of a moment has a
row when the destination has it there, or when a slice of this run has it and is about to be
written. While that slice is still to be read, the group waits until all slices are settled.

Memory: the ids of one day that did not come.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from lastpage.coverage.lookup import IDS_MAX, matched_by_id, starts_by_id
from lastpage.coverage.ranges import accepted, disproved
from lastpage.coverage.replacement import Finding, Ruling, is_mass
from lastpage.extraction.changes import Changes
from lastpage.extraction.comparing import Compared, Differences, compared
from lastpage.extraction.decision import LEAVE, STAY, Decision
from lastpage.extraction.missing import Missing, Starts, missing, rows_of
from lastpage.extraction.rows import Group, Rows
from lastpage.extraction.run import Fetching
from lastpage.ledger.ids import digest
from lastpage.planning.slices import LOOK_AHEAD
from lastpage.query.interval import DAY, Interval, floor_day, from_unix
from lastpage.sinks.sink import TableSink, Unread
from lastpage.tables.build import Shredder

#: Ids asked for in one run; what is beyond stays, and a later run asks for it.
ASKED_MAX = 1_000
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
    _asked: int = 0

    def write(self, group: Group) -> bool:
        """Write the days of a group; False where it has to wait until more slices are settled."""
        decisions = []
        for day in group.days:
            decision = self._decide(group, day)
            if decision is None:
                return False
            self._write(group, decision)
            decisions.append(decision)
        for rows in group.rows:
            self._rejudge(rows, decisions)
        self._tell(decisions)
        return True

    def _write(self, group: Group, decision: Decision) -> None:
        day, fetching = decision.day, self.fetching
        if not decision.damaged:
            found = self._compared(group, decision)
            self.differences.add(found.counts)
            if self.spares_same and found.is_same and not decision.is_ruled:
                self.sink.renew(day, decision.ranges)
            else:
                self._replace(group, decision, found)
        if decision.absences != fetching.ledger.absences(day):
            fetching.ledger.remember_absences(day, decision.absences)

    def _compared(self, group: Group, decision: Decision) -> Compared:
        """What is new, and what has changed; of a damaged day all counts as changed."""
        if decision.damage:
            changed = sum(each.conversations for each in decision.ranges)
            return Compared(Counter({"changed": changed}), is_same=False, rest="changed")
        held = disproved(self.sink.held(decision.day), decision.disproved)
        return compared(self.sink, self.shredder, group, decision.day, held)

    def _replace(self, group: Group, decision: Decision, found: Compared) -> None:
        staying = decision.staying | decision.untouched
        ruling = Ruling(staying, decision.disproved, anew=bool(decision.damage))
        pages = group.pages(decision.day)
        if self.changes:
            pages = self.changes.passing(pages, found)
        written = self.sink.replace(decision.day, decision.ranges, pages, ruling)
        for part in written.unchanged:
            self.fetching.meter.note(
                f"{part} stays as it was: what is there is fresher, or complete; "
                "fetch it again when the watermark has passed"
            )
        self._note_unread(group, written.unread)

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
            if any(start in rows.interval for start in each.staying.values())
        }
        if short and (verdict.coverage != "short" or verdict.gap):
            told = [verdict.why] if verdict.coverage == "short" else []
            self.fetching.rejudge(rows, "short", "; ".join((*told, *short)))
        elif staying and not rows.unread:
            self.fetching.unsettle(rows, staying)

    def _tell(self, decisions: Sequence[Decision]) -> None:
        days = [each.day for each in decisions if each.leave or each.stay]
        span = " to ".join(str(each) for each in sorted({*days[:1], *days[-1:]}))
        leave, stay = Counter[Finding](), Counter[Finding]()
        for decision in decisions:
            leave.update(decision.leave)
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

    def _decide(self, group: Group, day: date) -> Decision | None:
        """What is to be written of a day; None while that depends on slices still to be read."""
        ranges, before = group.ranges(day), self.fetching.ledger.absences(day)
        there = self.sink.held(day)
        damage = self.sink.damage(day, content=True) if there else ""
        starts = [] if damage else self._disproved(group, day)
        held = [] if damage else disproved(there, starts)
        parts = accepted(held, ranges)
        lacking = Missing()
        if there:
            lacking = missing(self.sink, self.fetching.run, group, day, held, before.keys())
        # Who came again, or is not there any more, is forgotten.
        absences = {text: before[text] for text in lacking.remembered}
        decision = Decision(
            day, ranges, absences, untouched=lacking.untouched, disproved=starts, damage=damage
        )
        if is_mass(len(lacking.starts), lacking.rows.total()):
            decision.keep_all(lacking, self.place)
        else:
            findings = self._findings(lacking.starts, day, parts, absences)
            if findings is None:
                return None
            now = self.fetching.client.server_now()
            for text, start in lacking.starts.items():
                decision.rule(text, start, findings.get(text, "unanswered"), now)
        if damage:
            decision.spare_damaged(there, lacking, self.place)
        return decision

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

    # Its questions --------------------------------------------------------------------------------

    def _findings(
        self, lacking: Starts, day: date, parts: Sequence[Interval], remembered: Collection[str]
    ) -> dict[str, Finding] | None:
        """What the API says of rows that did not come; None while a slice is still to be read.

        Those that are remembered are asked for first, since they may leave.
        """
        ids = sorted(lacking, key=lambda text: text not in remembered)
        ids = ids[: max(ASKED_MAX - self._asked, 0)]
        self._asked += len(ids)
        findings: dict[str, Finding] = {}
        standing: Starts = {}
        elsewhere: dict[date, Starts] = defaultdict(dict)
        for some in _pieces(ids):
            for text, start in starts_by_id(self.fetching.client, some).items():
                if start is None:
                    findings[text] = "gone"
                elif any(start in part for part in parts):
                    findings[text], standing[text] = "there", start
                else:
                    elsewhere[start.date()][text] = start
        for there, moved in elsewhere.items():
            # A row of this day is here under its old start.
            held = {text for _, text, _ in rows_of(self.sink, there)} if there != day else set()
            for text, start in moved.items():
                has = text in held or self._comes(text, start)
                if has is None:
                    return None
                findings[text] = "moved" if has else "stranded"
                if not has:
                    standing[text] = start
        return findings | self._filtered(standing)

    def _comes(self, text: str, start: datetime) -> bool | None:
        """Whether a slice of this run brings a conversation; None while it is still to be read."""
        fetching, day = self.fetching, start.date()
        owner = fetching.owner(start)
        if owner and fetching.is_to_be_read(owner):
            return None
        if owner is None or owner.state == "committed":
            return False
        rows = Rows.of_slice(fetching.ledger, owner)
        if digest(text) not in fetching.ledger.owned(fetching.run, owner.slice.number):
            return False
        ranges = [rows.range_of(part) for own, part in rows.interval.days() if own == day]
        return any(start in part for part in accepted(self.sink.held(day), ranges))

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
            for some in _pieces(ids):
                matched = matched_by_id(client, query, Interval(midnight, min(end, now)), some)
                for text, is_matched in matched.items():
                    if is_matched:
                        del findings[text]
                    else:
                        findings[text] = "unmatched"
        return findings


def _pieces(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[at : at + IDS_MAX] for at in range(0, len(ids), IDS_MAX))
