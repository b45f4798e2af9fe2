"""What iterators leave behind at the API when they end early: nothing."""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from lastpage import ApiError, Cloud
from lastpage.api.messages import Answer, Call
from lastpage.clock import RealClock
from tests.inprocess import InProcess, world

#: Whatever is read, each of them has a run of its own.
VERBS: dict[str, Callable[[Cloud], Iterator[Any]]] = {
    "conversations": lambda cloud: cloud.conversations("2023-10-10", page_size=10),
    "pages": lambda cloud: cloud.pages("2023-10-10", page_size=10),
    "tables": lambda cloud: cloud.tables("2023-10-10", page_size=10, names=False),
    "read": lambda cloud: cloud.read(*cloud.plan("2023-10-10", page_size=10)),
}


@dataclass
class Cut(InProcess):
    """The program is stopped while its request of this endpoint is under way, the so many-th of them."""

    method: str = ""
    end: str = ""
    count: int = 1
    seen: int = 0

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        answer = super().send(base, call, headers)
        if call.method == self.method and call.endpoint.endswith(self.end):
            self.seen += 1
            if self.seen == self.count:
                raise KeyboardInterrupt
        return answer


#: Where a job may be when its reader is stopped.
PLACES = {
    "first poll": ("GET", "{jobId}", 1),
    "a later poll": ("GET", "{jobId}", 3),
    "first page": ("GET", "/results", 1),
    "a later page": ("GET", "/results", 3),
}


@pytest.mark.invariant("Several processes")
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("place", PLACES)
def test_a_stopped_reader_leaves_no_job(place: str, verb: str) -> None:
    """Wherever a reader is stopped, its job is deleted at the API: nobody could go on with it."""
    method, end, count = PLACES[place]
    made = world(per_day=40, job_polls=4)
    transport = Cut(made.sandbox, method=method, end=end, count=count)
    cloud = made.cloud(transport=transport)
    with pytest.raises(KeyboardInterrupt):
        next(VERBS[verb](cloud))
    assert transport.seen == count
    assert made.sandbox.counters["jobs.submit"] == 1
    assert made.sandbox.jobs.live == []


def test_a_reader_that_the_api_fails_leaves_no_job() -> None:
    """Where its results cannot be had, the job is deleted, if that can be had."""
    made = world(per_day=40)
    made.sandbox.faults.put("jobs.results", *["return-403"] * 5)
    with pytest.raises(ApiError):
        list(made.cloud().conversations("2023-10-10"))
    assert made.sandbox.counters["jobs.submit"] == 1
    assert made.sandbox.jobs.live == []


def test_a_stopped_fetch_keeps_its_job(tmp_path: Any) -> None:
    """The same command goes on with it."""
    made = world(per_day=40, job_polls=4)
    with pytest.raises(KeyboardInterrupt):
        made.cloud(transport=Cut(made.sandbox, method="GET", end="{jobId}")).fetch(
            "2023-10-10", tmp_path
        )
    assert len(made.sandbox.jobs.live) == 1
    assert made.cloud().fetch("2023-10-10", tmp_path).coverage == "complete"
    assert made.sandbox.counters["jobs.submit"] == 1
    assert made.sandbox.jobs.live == []


@dataclass
class Slow(InProcess):
    """Of several jobs one is done at once, as soon as all are there; the others run for ever, and it takes a while to delete them."""

    jobs: int = 0
    submitted: list[str] = field(default_factory=list)
    all_there: threading.Event = field(default_factory=threading.Event)
    #: One has been told that its job is running.
    waits: threading.Event = field(default_factory=threading.Event)

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        for _ in range(400 if call.method == "DELETE" else 0):
            super().send(base, replace(call, method="GET"), headers)
        answer = super().send(base, call, headers)
        if call.method == "POST" and call.endpoint.endswith("/jobs"):
            self.submitted.append(json.loads(answer.body)["jobId"])
            if len(self.submitted) == self.jobs:
                self.all_there.set()
        if call.method == "GET" and call.endpoint.endswith("{jobId}"):
            self.all_there.wait()
            if not call.path.endswith(self.submitted[0]):
                self.waits.set()
                return Answer(200, answer.headers, b'{"state": "RUNNING"}')
        return answer


@pytest.mark.invariant("Several processes")
@pytest.mark.parametrize("how", ["closed", "forgotten"])
def test_a_closed_reader_leaves_no_job(how: str) -> None:
    """An iterator that is closed early, or forgotten, has ended its threads and deleted their jobs once it is gone."""
    made = world(per_day=2, job_polls=0)
    transport = Slow(made.sandbox, jobs=3)
    # The first month is a job's; jobs over more days are not known to work.
    cloud = made.cloud(transport=transport, threads=3, clock=RealClock())
    found = cloud.conversations("2023-07-01/2023-09-25", paginate="cursor")
    next(found)
    assert len(made.sandbox.jobs.live) == 2
    if how == "closed":
        found.close()  # type: ignore[attr-defined]
    else:
        del found
        gc.collect()
    assert made.sandbox.jobs.live == []


@pytest.mark.invariant("Several processes")
def test_a_closed_reader_stops_no_other() -> None:
    """Of two iterators of one client, each in a thread, one is closed while the other waits for its job: that one goes on to its end."""
    made = world(per_day=5, job_polls=0)
    transport = Slow(made.sandbox, jobs=1)
    cloud = made.cloud(transport=transport, clock=RealClock())
    closed = cloud.conversations("2023-10-10")
    next(closed)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(list, cloud.conversations("2023-10-11"))
        transport.waits.wait()
        closed.close()  # type: ignore[attr-defined]
        transport.submitted[0] = transport.submitted[-1]
        assert len(other.result()) == len(cloud.fetch_all("2023-10-11", paginate="pages"))
