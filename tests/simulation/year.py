"""A year of a living organisation, kept up by one command from cron: daily, hourly or every 15 minutes.

    time passes, things happen ─▶ weather ─▶ the command ─▶ it ends, fails or crashes ─▶ the judge
         ▲                                                                                  │
         └────────────────────── to the next time that cron is due ◀────────────────────────┘

Some times are skipped, for hours or for days. While the command runs, another process may give the same one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from lastpage import InUseError, LastpageError, Summary, UnavailableError
from lastpage.api.messages import Answer, Call
from lastpage.files import Disk
from tests.crash.steps import Crash, Stepping, Steps
from tests.inprocess import InProcess
from tests.simulation.held import Copy, Database, Files
from tests.simulation.judge import Judge, Said
from tests.simulation.life import Life

BEGIN = datetime(2023, 3, 1, 2, 0, tzinfo=UTC)
#: What a correct client survives, by endpoint.
WORDS = {
    "token": ("return-503", "reset"),
    "organization": ("return-500", "html-200"),
    "details.query": ("return-429-after:3", "return-504", "reset", "cut-after-1k", "truncate-json", "error-200"),
    "jobs.availability": ("return-503", "blank-200"),
    "jobs.submit": ("return-503", "cut-after-1k"),
    "jobs.status": ("return-500", "fail-job", "lose-job"),
    "jobs.results": ("empty-page", "short-page", "reset", "bad-gzip", "expire-token"),
    "jobs.delete": ("return-500", "lose-job"),
    "details.ids": ("return-503", "reset", "truncate-json"),
    "details.one": ("return-500", "reset"),
}  # fmt: skip


@dataclass(frozen=True)
class Cadence:
    """How often, and for how long."""

    every: timedelta
    lasts: timedelta
    #: Conversations a day.
    per_day: float
    #: How late cron is at most, and how far back the first run goes.
    late: timedelta
    before: timedelta = timedelta(days=2)
    #: The shares of times that are skipped, at which it storms, and at which the process crashes.
    skipped: float = 0.03
    weather: float = 0.15
    crash: float = 0.05
    second: float = 0.05


CADENCES = {
    "daily": Cadence(timedelta(days=1), timedelta(days=365), 25, timedelta(minutes=40)),
    "hourly": Cadence(timedelta(hours=1), timedelta(days=30), 60, timedelta(minutes=5)),
    "quarter-hourly": Cadence(timedelta(minutes=15), timedelta(days=3), 150, timedelta(minutes=2)),
}  # fmt: skip


#: What organisations and their APIs are like.
LAGS_S = (600.0, 4 * 3600.0, 7 * 3600.0, 20 * 3600.0)
#: Destinations: what they are called, how they are asked for, and who looks at them.
TABLES = {"keep_raw": True, "tables": ["oddities"]}
KINDS: dict[str, tuple[str, dict[str, Any], Callable[[Path], Copy]]] = {
    "parquet": ("out", TABLES, Files),
    "duckdb": ("out.duckdb", TABLES, Database),
    "lines": ("out", {"format": "jsonl"}, Files),
}


class Command(Protocol):
    """Keeps a copy up: `transport` and `disk` are the seams at which it may crash."""

    def __call__(self, *, transport: Any, disk: Disk) -> Said: ...


@dataclass
class Meeting(Stepping):
    """The way to the sandbox, on which another process meets this one at some request."""

    meet: Callable[[], None]
    at: int

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        self.at -= 1
        if self.at == 0:
            self.meet()
        return super().send(base, call, headers)


@dataclass
class Year:
    """One life, one copy, one command."""

    life: Life
    cadence: Cadence
    command: Command
    copy: Copy

    def __post_init__(self) -> None:
        self.rng = random.Random(f"year {self.life.seed}")
        self.judge = Judge(self.life, self.copy, (self.life.now - self.cadence.before).date())
        self.ends = {"ended": 0, "quiet": 0, "crashed": 0, "failed": 0, "met": 0}

    def play(self) -> None:
        for moment in self._times():
            self.life.pass_until(moment)
            self._run(rough=True)
        self.life.pass_until(self._now() + timedelta(days=1))
        self._run(rough=False)
        self.life.pass_until(self._now() + timedelta(hours=2))
        self._run(rough=False, everything=True)

    def _times(self) -> Iterator[datetime]:
        moment, end = self.life.now, self.life.now + self.cadence.lasts
        while moment < end:
            yield max(moment + self.cadence.late * self.rng.random() ** 2, self._now())
            times = self.rng.choice((1, 2, 5, 9)) if self.rng.random() < self.cadence.skipped else 0
            moment += self.cadence.every * (1 + times)

    def _run(self, *, rough: bool, everything: bool = False) -> None:
        chance, cadence = self.rng.random, self.cadence
        began_ms, steps = self.life.now_ms, Steps()
        if rough and chance() < cadence.weather:
            self._weather()
        if rough and chance() < cadence.crash:
            steps.at = self.rng.randrange(1, 400)
        at = self.rng.randrange(1, 12) if rough and chance() < cadence.second else 0
        transport = Meeting(self.life.box, steps, self._meet, at)
        before, was_unfinished = self._ids(), self.judge.is_unfinished
        said: Said | None = None
        try:
            said = self.command(transport=transport, disk=steps.disk)
            self.ends["ended"] += 1
        except Crash:
            self.ends["crashed"] += 1
        except UnavailableError:
            self.ends["failed"] += 1
        self.life.box.faults.clear()
        self.judge.end_of_run(said, began_ms)
        if isinstance(said, Summary) and not was_unfinished:
            self._check_counts(said, before, self._ids())
        if said and said.coverage == "complete":
            self.ends["quiet"] += 1
            self.judge.quiet(began_ms, everything=everything)
        assert rough or said, "in calm weather it does not end"

    def _weather(self) -> None:
        for endpoint in self.rng.sample(sorted(WORDS), self.rng.choice((1, 2, 4))):
            word = self.rng.choice(WORDS[endpoint])
            # A token that ends as soon as it was issued is not worth another login.
            after = ["pass"] if word == "expire-token" else []
            times = 40 if self.rng.random() < 0.05 and "return-50" in word else 1
            before = ["pass"] * self.rng.randrange(6)
            self.life.box.faults.put(endpoint, *before, *[word] * times, *after)

    def _meet(self) -> None:
        """Another process gives the same command, and is told that this one is at it."""
        try:
            self.command(transport=InProcess(self.life.box), disk=Disk())
        except InUseError:
            self.ends["met"] += 1
        else:
            raise AssertionError("two processes wrote to one destination")

    def _ids(self) -> set[str]:
        return {name for day in self.copy.days.values() for name in day.records}

    def _check_counts(self, said: Summary, before: set[str], after: set[str]) -> None:
        """Who was not there before is new, and who is not there any more is removed."""
        came, left = len(after - before), len(before - after)
        # Who moved is new in his new day, too.
        told = (said.new - said.moved, said.removed)
        assert told == (came, left), f"{told} are told to be new and removed; {(came, left)} are"

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.life.world.clock.now(), UTC)


def syncing(life: Life, place: Path, **asked: Any) -> Command:
    """`lastpage sync`, as a new process each time."""

    def command(*, transport: Any, disk: Disk) -> Said:
        cloud = life.world.cloud(transport=transport, disk=disk)
        return cloud.sync(place, names=False, **asked)

    return command


def play(seed: int, folder: Path, cadence: Cadence) -> Year:
    """Play one seed to its end; whatever goes wrong says which, and when."""
    rng = random.Random(f"organisation {seed}")
    settings = {
        "watermark_lag_s": rng.choice(LAGS_S),
        "sync_interval": rng.choice(("day+overlap", "day+overlap", "exact-start")),
        "job_row_order": rng.choice(("shuffled", "start")),
        "empty_answer": rng.choice(("absent", "empty-list")),
        "cursor_end": rng.choice(("absent", "null")),
        "gzip": False,
    }
    kind = rng.choice(tuple(KINDS))
    life = Life(seed, BEGIN, cadence.per_day, settings)
    name, asked, copy = KINDS[kind]
    since = (BEGIN - cadence.before).date().isoformat()
    command = syncing(life, folder / name, since=since, **asked)
    year = Year(life, cadence, command, copy(folder / name))
    try:
        year.play()
    except (AssertionError, LastpageError, Exception) as problem:
        raise AssertionError(
            f"seed {seed} at {datetime.fromtimestamp(life.world.clock.now(), UTC)}, into {kind}, {settings}: "
            f"{type(problem).__name__}: {problem}"
        ) from problem
    return year
