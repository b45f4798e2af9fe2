"""The judge of a year goes red: at every way in which a copy can be wrong, and at every rule that remembers where it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from benchmarks.checkpoints import ROUTES, RULES, Checkpoint

from lastpage.query.interval import Interval
from tests.inprocess import talk
from tests.simulation.held import Claim, Day, Kept
from tests.simulation.judge import Judge
from tests.simulation.life import Life, days
from tests.simulation.year import BEGIN, CADENCES, Year

SINCE = date(2023, 2, 1)
HOUR_MS = 3_600_000
LAG_S = 6 * 3600.0


@dataclass
class Ended:
    coverage: str = "complete"


@dataclass
class Perfect:
    """A copy with all that the API shows now, which can be spoilt."""

    life: Life = field(default_factory=lambda: Life(3, BEGIN, 20, {"watermark_lag_s": LAG_S}))
    days: dict[date, Day] = field(default_factory=dict)
    changed: set[date] = field(default_factory=set)

    def look(self) -> set[date]:
        return {*self.days}

    def made(self) -> Perfect:
        """All of it, as of now."""
        now, box = self.life.now_ms, self.life.box
        until = datetime.fromtimestamp(now // 1000 - 60, UTC)
        self.days = {}
        for day in days(SINCE, until.date()):
            midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
            whole = Interval(midnight, min(midnight + timedelta(days=1), until))
            records = {
                name: box.library.rendered(seen, now, attributes=True)
                for name in self.life.there(day)
                if (seen := self.life.seen(name, now)) and seen.start_ms < now - 61_000
            }
            self.days[day] = Day(records, [Claim(whole, whole.end, "complete")])
        return self

    def judged(self, began_ms: int | None = None) -> Judge:
        judge = Judge(self.life, self, SINCE)
        return self.by(judge, began_ms)

    def by(self, judge: Judge, began_ms: int | None = None) -> Judge:
        began_ms = self.life.now_ms if began_ms is None else began_ms
        judge.end_of_run(Ended(), began_ms)
        judge.quiet(began_ms, everything=True)
        return judge

    def some(self, ago: int) -> tuple[Day, str]:
        """One that ended, of so many days ago."""
        day = self.days[(self.life.now - timedelta(days=ago)).date()]
        return day, next(name for name in sorted(day.records) if b"conversationEnd" in day.records[name])  # fmt: skip


def test_a_perfect_copy() -> None:
    """What holds all that the API shows is never wrong, at any time."""
    copy = Perfect()
    judge = copy.made().judged()
    for number in range(1, 15):
        copy.life.pass_until(BEGIN + timedelta(hours=17 * number))
        copy.made().by(judge)


def lost(copy: Perfect) -> None:
    day, name = copy.some(10)
    del day.records[name]


def of_yesterday(copy: Perfect) -> None:
    yesterday, name = copy.some(1)
    del yesterday.records[name]


def twice(copy: Perfect) -> None:
    day, name = copy.some(10)
    day.doubled.add(name)


def in_two_days(copy: Perfect) -> None:
    day, name = copy.some(10)
    copy.days[SINCE].records[name] = day.records[name]


def invented(copy: Perfect) -> None:
    day, name = copy.some(10)
    day.records["00000000-0000-4000-8000-000000000000"] = day.records[name]


def without_attributes(copy: Perfect) -> None:
    day, name = copy.some(10)
    seen = copy.life.seen(name, copy.life.now_ms)
    assert seen
    day.records[name] = copy.life.box.library.rendered(seen, copy.life.now_ms, attributes=False)


def still_open(copy: Perfect) -> None:
    day, name = copy.some(10)
    record = json.loads(day.records[name])
    del record["conversationEnd"]
    day.records[name] = json.dumps(record).encode()


def something_else(copy: Perfect) -> None:
    day, name = copy.some(10)
    day.records[name] = day.records[name].replace(b'"value":', b'"value":1', 1)


def a_gap(copy: Perfect) -> None:
    copy.days[(BEGIN - timedelta(days=5)).date()].claims.clear()


def short(copy: Perfect) -> None:
    day, _ = copy.some(5)
    day.claims = [replace(claim, coverage="short") for claim in day.claims]


WRONG: dict[Callable[[Perfect], None], str] = {
    lost: "is claimed, and lacks",
    twice: "twice",
    in_two_days: "twice",
    invented: "never were",
    without_attributes: "without attributes",
    still_open: "is shown as open",
    something_else: "as it was before",
    a_gap: "nothing is held of",
    short: "complete, and short of",
}


@pytest.mark.parametrize("spoil", WRONG, ids=lambda spoil: spoil.__name__)
def test_what_is_wrong(spoil: Callable[[Perfect], None]) -> None:
    copy = Perfect().made()
    copy.judged()
    spoil(copy)
    with pytest.raises(AssertionError, match=WRONG[spoil]):
        copy.judged()


@pytest.mark.parametrize("spoil", [lost, of_yesterday], ids=lambda spoil: spoil.__name__)
def test_who_is_missing_without_a_claim(spoil: Callable[[Perfect], None]) -> None:
    """Who claims nothing has to have everybody all the same."""
    copy = Perfect().made()
    for day in copy.days.values():
        day.claims = [replace(claim, coverage="unproven") for claim in day.claims]
    spoil(copy)
    with pytest.raises(AssertionError, match="is not there"):
        copy.judged()


def test_who_was_deleted() -> None:
    """He may stay for an hour after a run that could see it, and no longer."""
    copy = Perfect().made()
    judge = copy.judged()
    _, name = copy.some(1)
    copy.life._put(name, None)
    # Three days after the end of his day, jobs can tell; as of that moment.
    for hours, is_wrong in ((1, False), (60, False), (86, False), (88, True)):
        copy.life.pass_until(BEGIN + timedelta(hours=hours))
        kept = copy.some(1)[0].records[name]
        copy.made()
        copy.days[(BEGIN - timedelta(days=1)).date()].records[name] = kept
        if is_wrong:
            with pytest.raises(AssertionError, match="is gone from 2023-02-28, and is still there"):
                copy.by(judge)
        else:
            copy.by(judge)


def test_an_old_version() -> None:
    """What changed is shown as it was until the day is read again, and no longer."""
    life = Life(3, BEGIN, 20, {"watermark_lag_s": LAG_S})
    copy = Perfect(life).made()
    judge = copy.judged()
    day, name = copy.some(1)
    before = day.records[name]
    life._put(name, life._changed(name))
    for hours, is_wrong in ((1, False), (75, False), (80, True)):
        life.pass_until(BEGIN + timedelta(hours=hours))
        copy.made()
        copy.days[(BEGIN - timedelta(days=1)).date()].records[name] = before
        if is_wrong:
            with pytest.raises(AssertionError, match="as it was before"):
                copy.by(judge)
        else:
            copy.by(judge)


def test_who_comes_late() -> None:
    """Nobody has to be there who was not visible when the day was read."""
    life = Life(3, BEGIN, 20, {"watermark_lag_s": LAG_S})
    arrival = life.now_ms + 20 * HOUR_MS
    late = talk(9_999, BEGIN - timedelta(hours=3), 5, arrival_ms=arrival)
    life._past[late.id] = [(0, late)]
    life.box.world.add(late)
    copy = Perfect(life).made()
    judge = copy.judged()
    for hours, is_wrong in ((21, False), (70, False), (80, True)):
        life.pass_until(BEGIN + timedelta(hours=hours))
        copy.made()
        held = copy.days[(BEGIN - timedelta(hours=3)).date()]
        assert held.records.pop(late.id)
        held.claims = [replace(claim, coverage="unproven") for claim in held.claims]
        if is_wrong:
            with pytest.raises(AssertionError, match="is known"):
                copy.by(judge)
        else:
            copy.by(judge)


class Claiming(Kept):
    """A connector says that all is well."""

    def look(self) -> set[date]:
        changed = super().look()
        ever = Interval(BEGIN - timedelta(days=400), BEGIN + timedelta(days=400))
        self.days[BEGIN.date()].claims = [Claim(ever, ever.start, "unproven")]
        return changed


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("rule", RULES)
def test_a_checkpoint(rule: str, route: str) -> None:
    """Whoever remembers where he stopped, by whichever of the common rules, loses something within three weeks."""
    life = Life(1, BEGIN, 25, {"watermark_lag_s": LAG_S})
    calm = replace(
        CADENCES["daily"], lasts=timedelta(days=21), skipped=0, weather=0, crash=0, second=0
    )
    checkpoint = Checkpoint(life, rule, route)
    copy = Claiming(checkpoint.records)

    def command(**_: Any) -> Ended:
        checkpoint.sync()
        return Ended()

    year = Year(life, calm, command, copy)
    year.judge.attributes = route == "jobs"
    with pytest.raises(AssertionError, match=r"is not there|is shown as"):
        year.play()
