"""Holes, crashes and files that grow: what is told is true, and nothing is there twice."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lastpage import Summary
from lastpage.api.messages import Answer, Call
from lastpage.planning import slices
from lastpage_sandbox import Skeleton
from tests.crash.steps import Crash, Stepping, Steps
from tests.inprocess import NOW, InProcess, World, talk, world
from tests.readback import ids, lines

SIX = NOW.replace(hour=6, minute=0, second=0)
SPAN = "2023-10-20T06:00Z/2023-10-20T14:00Z"


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of page numbers are of 15 conversations."""
    monkeypatch.setattr(slices, "PAGES_ROWS", 15)


def morning() -> World:
    """From six o'clock on a conversation every nine minutes."""
    made = world(per_day=0)
    made.sandbox.world.add(*(talk(100 + n, SIX + n * timedelta(minutes=9)) for n in range(52)))
    return made


def hour_of(call: Call) -> int:
    """The hour at which a page's slice begins; -1 for other requests, also for counts."""
    body: Any = json.loads(call.body) if call.body and call.path.endswith("/query") else {}
    return int(body["interval"][11:13]) if body and body["paging"]["pageSize"] > 1 else -1


# A hole that only the last reading shows ---------------------------------------------------------


@dataclass
class Chain(InProcess):
    """A thread of each hour is seen by its own slice and the next one, from their second walks on,
    and by no count.

    The last slice sees the thread before it at once. So each round of reading again finds the hole
    before the one that was found last.
    """

    threads: Mapping[int, Skeleton]
    walks: dict[int, int] = field(default_factory=dict)

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        asked = hour_of(call)
        if asked >= 0 and b'"pageNumber": 1,' in (call.body or b"").replace(b"}", b","):
            self.walks[asked] = self.walks.get(asked, 0) + 1
        for hour, thread in self.threads.items():
            again = self.walks.get(asked, 0) > 1 or asked > max(self.threads)
            counted = call.path.endswith("/query")
            if counted and not (again and asked in (hour, hour + 1)):
                self.sandbox.world.remove(thread.id)
            else:
                self.sandbox.world.add(thread)
        return super().send(base, call, headers)


def test_a_hole_that_the_last_reading_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the last reading saw of a slice that was never read again is looked for there, too."""
    monkeypatch.setattr(slices, "PAGES_ROWS", 9)
    made, span = morning(), "2023-10-20T08:00Z/2023-10-20T13:00Z"
    threads = {hour: talk(hour, SIX.replace(hour=hour), minutes=600) for hour in range(8, 12)}
    chain = Chain(made.sandbox, threads)
    summary = made.cloud(transport=chain).fetch(span, tmp_path, paginate="pages", names=False)
    assert chain.walks == {8: 2, 9: 2, 10: 2, 11: 2, 12: 1}
    assert summary.coverage == "complete"
    assert {each.id for each in threads.values()} <= set(ids(tmp_path))


# A crash between a file that grows and the ledger ------------------------------------------------


@dataclass
class Twice(Stepping):
    """Two threads are hidden from all but the last slice, until that was read."""

    seen: list[bool] = field(default_factory=list)

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        threads = talk(1, SIX, minutes=500), talk(2, SIX + timedelta(hours=2), minutes=500)
        if hour_of(call) == 12:
            self.seen.append(True)
        if 0 <= hour_of(call) < 12 and not self.seen:
            self.sandbox.world.remove(*(each.id for each in threads))
        else:
            self.sandbox.world.add(*threads)
        return super().send(base, call, headers)


@pytest.mark.usefixtures("small_slices")
def test_a_crash_after_two_holes_of_a_day(tmp_path: Path) -> None:
    """Rows found late in two slices of a day are there once, whenever the run was killed."""
    for at in commits(tmp_path, Twice, morning, SPAN, paginate="pages")[1:]:
        made, seen = morning(), list[bool]()
        place = tmp_path / str(at) / "x.jsonl"
        with pytest.raises(Crash):
            fetch(made, place, Twice(made.sandbox, Steps(at), seen), SPAN, paginate="pages")
        summary = fetch(made, place, Twice(made.sandbox, Steps(), seen), SPAN, paginate="pages")
        assert summary.coverage == "complete"
        assert_each_once(made, place, SIX, SIX + timedelta(hours=8))


def failing() -> World:
    """Three days, of which a job brings nothing: each attempt ends in a failed job."""
    made = world(per_day=30)
    made.sandbox.faults.put("jobs.status", *["fail-job"] * 4)
    return made


def test_a_crash_after_a_short_slice(tmp_path: Path) -> None:
    """A slice that was short when the run was killed is read again, and its days are appended."""
    days = "2023-10-10/2023-10-13"
    for at in commits(tmp_path, Stepping, failing, days):
        made, place = failing(), tmp_path / str(at) / "x.jsonl"
        with pytest.raises(Crash):
            fetch(made, place, Stepping(made.sandbox, Steps(at)), days)
        made.clock.sleep(3600)
        assert fetch(made, place, Stepping(made.sandbox, Steps()), days).coverage == "complete"
        start = datetime(2023, 10, 10, tzinfo=UTC)
        assert_each_once(made, place, start, start + timedelta(days=3))


@pytest.mark.usefixtures("small_slices")
@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz", "x.jsonl.zst"])
def test_a_crash_before_a_run_is_planned_again(tmp_path: Path, name: str) -> None:
    """Planned again by a newer version, a run appends nothing that a crash left in the file."""
    days = "2023-10-19T06:00Z/2023-10-20T14:00Z"
    for at in commits(tmp_path, Stepping, morning, days):
        made, place = morning(), tmp_path / str(at) / name
        with pytest.raises(Crash):
            fetch(made, place, Stepping(made.sandbox, Steps(at)), days)
        with sqlite3.connect(place.with_name(f"{name}.lastpage") / "ledger.sqlite") as ledger:
            for table in ("page", "attempt", "owned", "sighting", "slice"):
                ledger.execute(f"delete from {table}")
        ledger.close()
        assert fetch(made, place, Stepping(made.sandbox, Steps()), days).coverage == "complete"
        assert_each_once(made, place, SIX - timedelta(days=1), SIX + timedelta(hours=8))


def fetch(made: World, place: Path, transport: Stepping, span: str, **more: Any) -> Summary:
    cloud = made.cloud(transport=transport, disk=transport.steps.disk)
    return cloud.fetch(span, place, names=False, **more)


def commits(folder: Path, transport: Any, made: Any, span: str, **more: Any) -> list[int]:
    """The steps of a run at which the file has rows that the ledger does not know yet."""
    steps, there = Steps(), made()
    fetch(there, folder / "whole" / "x.jsonl", transport(there.sandbox, steps), span, **more)
    return [at for at, name in enumerate(steps.names, 1) if name == "ledger commit"]


def assert_each_once(made: World, place: Path, start: datetime, end: datetime) -> None:
    found = [record["conversationId"] for record in lines(place)]
    assert sorted(found) == sorted(made.truth(start, end))
