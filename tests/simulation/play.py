"""A scene played to its end, in simulated time: faults, crashes, pauses, runs again; and an oracle that knows the world.

What has to hold at the end of any run that ends:
    each id at most once, and only such as exist, or did before they were deleted
    complete: every conversation that the API showed when the run began, but for a gap that was counted and printed
    short: only where something deadly happened, or too much of a day was deleted
    no 429 but those that were put in
And once the world has settled and the weather is calm, the same command, given again while an hour passes, leaves exactly the truth;
but for days of which too much was deleted: they keep it, and say short.
"""

from __future__ import annotations

import random
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lastpage import LastpageError, Summary, UnavailableError
from lastpage.api.messages import Answer, Call
from lastpage.coverage.tally import Verdict
from lastpage.planning.slices import Slice
from lastpage.query.interval import Interval, iso, parse_iso
from tests.crash.steps import Crash, Stepping, Steps
from tests.inprocess import World, world
from tests.readback import ids, lines, table
from tests.simulation.scene import DEADLY, MIDNIGHT, WHILES, Scene

RUNS_MAX = 40
PAUSES_S = (0.0, 20.0, 400.0, 3 * 3600.0)
SETTLED_S = 9 * 86_400.0
#: The slices of the newest run in a ledger.
LAST_RUN = "run = (select max(id) from run)"
EVER = Interval(MIDNIGHT - timedelta(days=60), MIDNIGHT + timedelta(days=60))
PLAN = sys.modules[Slice.__module__]


@dataclass
class ForAWhile(Stepping):
    """What goes wrong for a while begins after the plan: with the first page or job."""

    words: tuple[str, ...]

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        is_page = call.path.endswith("/query") and b'"pageSize": 1,' not in (call.body or b"")
        if self.words and (is_page or call.path.endswith("/jobs")):
            self.sandbox.faults.put("details.query", *self.words)
            self.words = ()
        return super().send(base, call, headers)


@dataclass
class Play:
    """One scene under way."""

    scene: Scene
    folder: Path

    def __post_init__(self) -> None:
        self.rng = random.Random(f"play {self.scene.seed}")
        self.world: World = world(self.scene.now, **self.scene.settings)
        self.place = self.folder / self.scene.place
        self.crashes = self.scene.crashes
        self.began: datetime | None = None
        self.deleted: set[str] = set()
        #: Whether the command reads what is final and here, too.
        self.refresh = False

    def run(self) -> None:
        """To the end of the weather, and then once more when all is calm."""
        folder = self.place.name == "out"
        with planned_in_small(self.scene):
            for number, interval in enumerate(
                self.scene.intervals if folder else self.scene.intervals[:1]
            ):
                self.began = None
                self.refresh = folder and number in self.scene.refreshed
                if number:
                    self._delete()
                self._judge(self._until_it_ends(interval))
                # An index that is out through plan, pages and counts of a run is seen by no client.
                self.world.clock.sleep(60.0)
            if folder:
                self._delete()
                self._settle()

    def _until_it_ends(self, interval: str) -> Summary:
        for _ in range(RUNS_MAX):
            self._weather()
            try:
                return self._fetch(interval)
            except Crash:
                self._tear()
            except UnavailableError:
                pass
            self.world.clock.sleep(self.rng.choice(PAUSES_S))
        raise AssertionError(f"no end after {RUNS_MAX} runs")

    def _fetch(self, interval: str, *, calm: bool = False) -> Summary:
        steps = Steps()
        if self.crashes and not calm:
            self.crashes -= 1
            steps.at = self.rng.randrange(1, 250)
        if self.began is None:
            self.began = datetime.fromtimestamp(self.world.clock.now(), self.scene.now.tzinfo)
        whiles = () if calm or self.rng.random() < 0.5 else self.scene.whiles
        transport = ForAWhile(self.world.sandbox, steps, whiles)
        cloud = self.world.cloud(transport=transport, disk=steps.disk)
        asked = {"names": False, "refresh": self.refresh, **self.scene.asked}
        if self.place.name == "out":
            asked["tables"] = self.scene.tables or ()
        return cloud.fetch(interval, self.place, **asked)

    def _delete(self) -> None:
        """Some of those that the destination has are deleted."""
        there = sorted(set(self._found()) - self.deleted)
        gone = self.rng.sample(there, min(self.scene.deletions, len(there)))
        self.world.sandbox.world.remove(*gone)
        self.deleted.update(gone)

    def _weather(self) -> None:
        for endpoint, word in self.scene.words:
            if self.rng.random() < 0.6:
                # A token that ends as soon as it was issued is not worth another login; here it does not happen.
                after = ["pass"] if word == "expire-token" else []
                # A server that announces no wait refuses many times in a row; a job is submitted three times.
                most = 2 if endpoint == "jobs.submit" else 11
                times = self.rng.randint(1, most) if word.endswith("-after:0") else 1
                self.world.sandbox.faults.put(
                    endpoint, *["pass"] * self.rng.randrange(4), *[word] * times, *after
                )

    def _tear(self) -> None:
        """A power cut: what was written last, and not flushed, is there in part."""
        for segment in (
            self.place.parent / f"{self.place.name}.lastpage",
            self.place / ".lastpage",
        ):
            for path in sorted((segment / "spool").glob("*.pages")):
                if self.rng.random() < 0.5:
                    with path.open("ab") as torn:
                        torn.write(self.rng.randbytes(self.rng.randrange(1, 60)))

    # The oracle -----------------------------------------------------------------------------------------------

    def _judge(self, summary: Summary) -> None:
        found = self._found()
        span = interval_of(summary)
        doubled = [text for text, times in Counter(found).items() if times > 1]
        assert not doubled, f"{len(doubled)} came twice"
        there = self._visible(span, self.world.clock.now())
        inside = len((there | self._deleted_in(span)) & set(found))
        # What stays, as it was or because nothing says that it is gone, may be more than this run saw; then a note says so.
        stays = (
            any("stays as it was" in note or "and stay in" in note for note in summary.notes)
            and summary.conversations < inside
        )
        assert summary.conversations == inside or summary.coverage == "short" or stays, (
            f"{summary.conversations} are claimed, {inside} are there"
        )
        strangers = set(found) - self._visible(EVER, self.world.clock.now()) - self.deleted
        assert not strangers, f"{len(strangers)} do not exist"
        assert self.began is not None
        missing = self._visible(span, self.began.timestamp()) - set(found)
        if summary.coverage == "complete":
            self._at_least_half_of_each_slice(set(found))
            # Of what is final and here, an earlier run has told what was counted.
            counted = sum(verdict.gap for verdict in self._verdicts(of_all=True))
            assert len(missing) <= counted, (
                f"complete, but {len(missing)} are missing and {counted} were counted"
            )
        if summary.coverage == "short":
            struck = {word for _, word in self.world.sandbox.faults.receipts}
            lacking = self.scene.settings.get("job_share", 1.0) < 1
            caused = lacking or struck & {*DEADLY, *WHILES} or _was_mass(summary)
            assert caused, f"short without a cause: {summary.notes}"
        self._no_429_of_ours()

    def _at_least_half_of_each_slice(self, found: set[str]) -> None:
        """A counted gap is no excuse for none of two: of what started in a slice, more than half is there.

        What was counted may live there and start before. So what starts there decides, and was there from the run's beginning on.
        """
        assert self.began is not None
        for interval in self._complete_slices():
            then, now = self.began.timestamp(), self.world.clock.now()
            there = self._visible(interval, then) & self._visible(interval, now)
            assert len(there - found) * 2 <= len(there), (
                f"complete, and not half of {interval} came"
            )

    def _settle(self) -> None:
        self.world.clock.sleep(SETTLED_S)
        for queue in self.world.sandbox.faults._queues.values():
            queue.clear()
        self.crashes = 0
        # What was deleted of days that are final is found by whoever reads them again.
        self.refresh = True
        for interval in self.scene.intervals:
            # What was relative means another range by now.
            if not interval.endswith("h"):
                # The first may add rows to a day that is too small for the second to ask what is gone.
                for _ in range(2 if self.deleted else 0):
                    self._fetch(interval, calm=True)
                    self.world.clock.sleep(3600)
                self._compare(self._fetch(interval, calm=True))

    def _compare(self, summary: Summary) -> None:
        """Exactly the truth, and its newest version."""
        span = interval_of(summary)
        truth = self.world.sandbox.truth(span.start, span.end)
        rows = table(self.place)
        found = {
            row["conversation_id"]: row["conversation_end"]
            for row in rows
            if row["conversation_start"] in span
        }
        missing, strange = truth.keys() - found.keys(), found.keys() - truth.keys()
        # A job that lacks two of four is within the counts' error, which is told.
        lacking = self.scene.settings.get("job_share", 1.0) < 1
        told = sum(verdict.gap for verdict in self._verdicts()) if lacking else 0
        assert len(missing) <= told, f"settled: {len(missing)} missing"
        resumed = any("unfinished run" in note for note in summary.notes)
        # To what a job has read as complete, page numbers only add.
        alone = [interval_of_note(note) for note in summary.notes if "stays as it was" in note]
        strange -= {
            row["conversation_id"]
            for row in rows
            if any(row["conversation_start"] in interval for interval in alone)
        }
        self._judge_those_that_stay(rows, strange, resumed=resumed)
        ends = {text: record.get("conversationEnd") for text, record in truth.items()}
        old = [
            text for text, end in found.items() if text in ends and (end and iso(end)) != ends[text]
        ]
        assert not old, f"settled: {len(old)} are of an old version"

    def _judge_those_that_stay(
        self, rows: list[dict[str, Any]], strange: set[str], *, resumed: bool
    ) -> None:
        """What does not exist may stay where too much of its day was deleted, or where a run that
        goes on read only its short slices.
        """
        assert strange <= self.deleted, f"settled: {len(strange - self.deleted)} too many"
        days = Counter(row["conversation_start"].date() for row in rows)
        gone = Counter(
            row["conversation_start"].date() for row in rows if row["conversation_id"] in strange
        )
        for day, count in gone.items():
            many = count * 2 > days[day] or (count > 10 and count * 100 > days[day])
            assert many or resumed, f"settled: {count} of {days[day]} are still there on {day}"

    def _visible(self, span: Interval, at: float) -> set[str]:
        start, end = (int(moment.timestamp() * 1000) for moment in (span.start, span.end))
        return {each.id for each in self.world.sandbox.world.visible(start, end, int(at * 1000))}

    def _deleted_in(self, span: Interval) -> set[str]:
        """What was deleted and is still in the folder: it counts, as long as it stays."""
        if not self.deleted:
            return set()
        rows = (row for row in table(self.place) if row["conversation_start"] in span)
        return self.deleted & {row["conversation_id"] for row in rows}

    def _found(self) -> list[str]:
        if self.place.name == "out":
            return ids(self.place)
        return (
            [record["conversationId"] for record in lines(self.place)]
            if self.place.exists()
            else []
        )

    def _verdicts(self, *, of_all: bool = False) -> list[Verdict]:
        """Those of the last run, or of all."""
        which = "true" if of_all else LAST_RUN
        rows = self._asked(f"select verdict from slice where {which} and verdict is not null")
        return [Verdict.load(text) for (text,) in rows]

    def _complete_slices(self) -> list[Interval]:
        """What the slices of the last run own that are complete."""
        rows = self._asked(
            f"select start, stop, verdict from slice where {LAST_RUN} and state = 'committed'"
        )
        return [
            Interval(parse_iso(start), parse_iso(stop))
            for start, stop, verdict in rows
            if Verdict.load(verdict).coverage == "complete"
        ]

    def _asked(self, statement: str) -> list[Any]:
        """What the ledger answers."""
        state = (
            self.place / ".lastpage"
            if self.place.name == "out"
            else self.folder / f"{self.place.name}.lastpage"
        )
        with closing(sqlite3.connect(state / "ledger.sqlite")) as db:
            return db.execute(statement).fetchall()

    def _no_429_of_ours(self) -> None:
        box = self.world.sandbox
        put = sum(word.startswith("return-429") for _, word in box.faults.receipts)
        assert sum(entry.status == 429 for entry in box.log) <= put, "the allowance was overrun"


@contextmanager
def planned_in_small(scene: Scene) -> Iterator[None]:
    """Small worlds meet large walls: the planner cuts at fewer rows while the block runs."""
    before = PLAN.PAGES_ROWS, PLAN.JOB_ROWS
    PLAN.PAGES_ROWS, PLAN.JOB_ROWS = scene.pages_rows, scene.job_rows
    try:
        yield
    finally:
        PLAN.PAGES_ROWS, PLAN.JOB_ROWS = before


def _was_mass(summary: Summary) -> bool:
    return any("retention" in note for note in summary.notes)


def interval_of(summary: Summary) -> Interval:
    return _interval(summary.interval)


def interval_of_note(note: str) -> Interval:
    """What a note begins with."""
    return _interval(note.split(maxsplit=1)[0])


def _interval(text: str) -> Interval:
    start, end = text.split("/")
    return Interval(parse_iso(start), parse_iso(end))


def play(seed: int, folder: Path) -> None:
    """Play one seed; whatever goes wrong says which, and how to see it again."""
    scene = Scene.draw(seed)
    try:
        Play(scene, folder).run()
    except (AssertionError, LastpageError, Exception) as problem:
        raise AssertionError(
            f"seed {seed}: {type(problem).__name__}: {problem}\nagain: make sim SEED={seed}\n{scene}"
        ) from problem
