"""What a copy that is kept up must hold, judged by the life of the organisation alone: no line of the product says what is due.

At the end of any run:
    of what is claimed as complete, all is there that the API showed at the moment it is claimed for
    a run says `complete` only if nothing between the copy's beginning and a minute ago is held by no claim, or by a short one
    nobody is there who never was

At a quiet point, after a run that ended well; jobs reached to some whole hour when it began. A day is *known* as of its end once they
are a day past it, and as of N days after its end once they reach that, for each N of the policy (3, 7 and 30); and in each case once
they are past the last run that went on with another one:
    who was visible from the beginning, and began more than a minute before, is there
    who is where he is since the day was known is there, in that day
    nobody is there twice
    who has ended is shown as he was when the day was known, or later; with attributes, if it is
    who is shown as open has not ended, or not a day before the moment that jobs reach, or his day is not known yet: page numbers
    may have read hours of it when others were over, and a job that reaches less far would bring older records
    who was deleted, or moved to another day, before the day was known is gone, an hour after a run that could see it

Between `as he was when the day was known` and now any state will do: a copy may be fresher than its policy demands.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from lastpage.query.interval import Interval, minus
from tests.simulation.held import Copy, Day
from tests.simulation.life import DAY_MS, HOUR_MS, Life, days, midnight_ms

SETTLE = (3, 7, 30)
#: For so long after its end a record may still get its last segments and metrics.
STILL_MS = 121_000
#: How far back from its beginning a run reads: a minute, in whole minutes, by the whole seconds of an HTTP date.
AGO_MS = 121_000
#: A first look and a second one, of who is gone.
APART_MS = HOUR_MS
#: Older days are looked at only where they changed, and at the very end: nothing is due there.
OLD = timedelta(days=max(SETTLE) + 4)


class Said(Protocol):
    """What a run said of itself."""

    coverage: str


@dataclass
class Judge:
    """Judges one copy from its first run on."""

    life: Life
    copy: Copy
    since: date
    settle: Sequence[int] = SETTLE
    #: Whether what is known has participant attributes.
    attributes: bool = True
    #: When the last run ended that went on with one that had not; what was planned then may be read by page numbers now.
    _resumed_ms: int = 0
    is_unfinished: bool = False
    #: Of runs that ended well: when they ended, and how far jobs reached.
    _quiet: list[tuple[int, int]] = field(default_factory=list)
    #: Days as of when each was known when it was judged last.
    _known: dict[date, int | None] = field(default_factory=dict)
    #: Days that changed since the last quiet point.
    _changed: set[date] = field(default_factory=set)

    def end_of_run(self, said: Said | None, began_ms: int) -> None:
        """After any run, also one that crashed (`said` is None)."""
        if said and self.is_unfinished:
            self._resumed_ms = self.life.now_ms
        self.is_unfinished = said is None
        changed = self.copy.look()
        self._changed |= changed
        torn = [day for day, held in self.copy.days.items() if held.is_torn]
        assert not (said and torn), (
            f"it ended, and the tables of {torn} have different conversations"
        )
        for day in sorted((changed & self.copy.days.keys()).difference(torn)):
            self._claims(day, self.copy.days[day])
        if said and said.coverage == "complete":
            self._no_hole(began_ms)

    def quiet(self, began_ms: int, *, everything: bool = False) -> None:
        """After a run that ended well."""
        jobs_ms = began_ms - round(self.life.box.settings.watermark_lag_s * 1000)
        jobs_ms = jobs_ms // HOUR_MS * HOUR_MS
        last = _date(began_ms - AGO_MS)
        first = self.since if everything else max(self.since, last - OLD)
        self._nobody_twice()
        for day in sorted({*days(first, last), *self._changed & self.copy.days.keys()}):
            known = self._known_ms(day, jobs_ms)
            there = self.copy.days.get(day, Day())
            self._who_is_there(day, known, there, began_ms)
            self._who_is_gone(day, there)
            if everything or day in self._changed or known != self._known.get(day, 0):
                self._as_they_are(day, known, there)
            if known is not None:
                self._who_is_open(day, there, jobs_ms)
            self._known[day] = known
        self._changed.clear()
        self._quiet.append((self.life.now_ms, jobs_ms))

    # The rules ----------------------------------------------------------------------------------

    def _claims(self, day: date, held: Day) -> None:
        life, now = self.life, self.life.there(day)
        for claim in held.claims:
            if claim.coverage != "complete":
                continue
            as_of = _ms(claim.as_of)
            start, end = _ms(claim.interval.start), _ms(claim.interval.end)
            lacking = [
                name
                for name in (life.there(day, as_of) & now) - held.records.keys()
                if life.settled_ms(name) <= as_of
                and (seen := life.seen(name, as_of))
                and start <= seen.start_ms < end
            ]
            assert not lacking, f"{claim} is claimed, and lacks {self._named(lacking)}"
        never = [name for name in held.records if life.gone_ms(name) == 0]
        assert not never, f"{never} never were"

    def _no_hole(self, began_ms: int) -> None:
        wanted = Interval(_midnight(self.since), _moment(began_ms - AGO_MS))
        claims = [claim for day in self.copy.days.values() for claim in day.claims]
        holes = minus(wanted, [claim.interval for claim in claims])
        assert not holes, f"complete, and nothing is held of {', '.join(map(str, holes))}"
        short = [claim for claim in claims if claim.coverage == "short"]
        assert not short, f"complete, and short of {short}"

    def _nobody_twice(self) -> None:
        names = [name for day in self.copy.days.values() for name in day.records]
        doubled = set[str]().union(*(day.doubled for day in self.copy.days.values()))
        if len(names) > len({*names}):
            once = set[str]()
            doubled |= {name for name in names if name in once or once.add(name)}
        assert not doubled, f"twice: {self._named(doubled)}"

    def _who_is_there(self, day: date, known: int | None, held: Day, began_ms: int) -> None:
        life = self.life
        for name in life.there(day) - held.records.keys():
            seen = life.seen(name, life.now_ms)
            assert seen
            if known is not None and life.settled_ms(name) <= known:
                raise AssertionError(f"{self._named([name])} is not there, and {day} is known")
            first = life.first(name)
            is_prompt = first.arrival_ms == first.start_ms
            is_wanted = midnight_ms(self.since) <= first.start_ms < began_ms - AGO_MS
            if is_prompt and is_wanted and seen.start_ms < began_ms - AGO_MS:
                is_elsewhere = any(name in other.records for other in self.copy.days.values())
                assert is_elsewhere, f"{self._named([name])} is not there"

    def _who_is_gone(self, day: date, held: Day) -> None:
        there = self.life.there(day)
        stray = held.records.keys() - there
        many = len(stray) * 2 > len(held.records) or (
            len(stray) > 10 and len(stray) * 100 > len(held.records)
        )
        for name in stray:
            gone, seen = self._left_ms(name), self.life.seen(name, self.life.now_ms)
            if many or (seen and seen.start_ms < midnight_ms(self.since)):
                continue  # so many that nobody believes it; or it went to a day that is not wanted
            seen_by = next((reach for known, reach in self._readings(day) if known >= gone), None)
            is_told = seen_by is not None and any(
                jobs >= seen_by and self.life.now_ms - ended > APART_MS
                for ended, jobs in self._quiet
            )
            assert not is_told, f"{self._named([name])} is gone from {day}, and is still there"

    def _as_they_are(self, day: date, known: int | None, held: Day) -> None:
        there = self.life.there(day)
        as_of = max((_ms(claim.as_of) for claim in held.claims), default=0)
        for name, raw in held.records.items():
            record = json.loads(raw)
            assert record["conversationStart"][:10] == day.isoformat(), f"{name} is not of {day}"
            end = record.get("conversationEnd")
            if end is None or name not in there:
                continue
            if max(known or 0, as_of) < _ms(datetime.fromisoformat(end)) + STILL_MS:
                continue
            shown = self.life.records(name, known or 0, attributes=self.attributes)
            if any(each == raw for each in shown):
                continue
            bare = self.life.records(name, known or 0, attributes=False)
            is_bare = any(each == raw for each in bare)
            if is_bare and known is None:
                continue
            how = "without attributes" if is_bare and self.attributes else "as it was before"
            since = f"is known as of {_moment(known)}" if known else "is not known yet"
            raise AssertionError(f"{self._named([name])} is shown {how}, and {day} {since}")

    def _who_is_open(self, day: date, held: Day, jobs_ms: int) -> None:
        unended = {name for name, raw in held.records.items() if b'"conversationEnd"' not in raw}
        if unended:
            for name in unended & self.life.there(day):
                ended = self.life.ended_ms(name)
                assert ended is None or ended > jobs_ms - DAY_MS, (
                    f"{self._named([name])} is shown as open, and ended at {_moment(ended)}"
                )

    # What they ask ------------------------------------------------------------------------------

    def _readings(self, day: date) -> list[tuple[int, int]]:
        """The moments as of which a day is read by job, and when at the latest: once jobs reach so far."""
        end = midnight_ms(day) + DAY_MS
        later = [end + each * DAY_MS for each in self.settle]
        readings = [(end, end + DAY_MS), *((each, each) for each in later)]
        return [(known, max(reach, self._resumed_ms)) for known, reach in readings]

    def _known_ms(self, day: date, jobs_ms: int) -> int | None:
        readings = self._readings(day)
        return max((known for known, reach in readings if reach <= jobs_ms), default=None)

    def _left_ms(self, name: str) -> int:
        """When someone left the day in which he is held: he was deleted, or starts in another one."""
        gone = self.life.gone_ms(name)
        return self.life.settled_ms(name) if gone is None else gone

    def _named(self, names: Iterable[str]) -> str:
        return ", ".join(f"{name} ({self.life.told(name)})" for name in sorted(names))


def _date(ms: int) -> date:
    return _moment(ms).date()


def _midnight(day: date) -> datetime:
    return _moment(midnight_ms(day))


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
