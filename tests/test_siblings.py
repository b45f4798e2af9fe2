"""A minute cut by direction: the parts prove themselves, the count of the whole proves that the parts are all."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lastpage.api.messages import Answer, Call
from lastpage.planning.slices import Slice
from lastpage_sandbox import Skeleton
from tests.inprocess import NOW, InProcess, World, talk, world
from tests.readback import ids

MINUTE = NOW.replace(hour=10, minute=0, second=0)
SPAN = "2023-10-20T10:00Z/2023-10-20T10:01Z"
FIRST = talk(0, MINUTE).id


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[Slice.__module__], "PAGES_ROWS", 50)


def dense(**settings: Any) -> World:
    """A minute of 120 conversations, a third each inbound, outbound and without a direction."""
    made = world(per_day=0, **settings)
    directions: list[str | None] = ["inbound", "outbound", None]
    made.sandbox.world.add(*(conversation(number, directions[number % 3]) for number in range(120)))
    return made


def conversation(number: int, direction: str | None) -> Skeleton:
    return talk(number, MINUTE + timedelta(milliseconds=number), direction=direction)


@dataclass
class Changing(InProcess):
    """A conversation has another direction each time, as the direction that is asked for decides."""

    direction_of: Callable[[str | None, int], str | None]
    asked: int = 0

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        body: Any = json.loads(call.body) if call.body and call.path.endswith("/query") else {}
        if body.get("paging", {}).get("pageSize") == 100:
            predicates = body["conversationFilters"][0]["predicates"]
            self.sandbox.world.add(conversation(0, self.direction_of(predicates[0].get("value"), self.asked)))
            self.asked += 1
        return super().send(base, call, headers)


def test_a_direction_that_nobody_knew(tmp_path: Path) -> None:
    """A fourth direction is in no part: the parts are read again, then the run says what the whole counts more."""
    made = dense()
    made.sandbox.world.add(*(conversation(number, "sideways") for number in range(120, 126)))
    summary = made.cloud().fetch(SPAN, tmp_path)
    assert (summary.coverage, summary.conversations) == ("unproven", 120)
    assert "without the cut by direction the API counts +6 conversations" in summary.notes


def test_parts_that_agree_are_read_once(tmp_path: Path) -> None:
    """Where parts and whole agree, the proof costs two counts, no page."""
    made = dense()
    assert made.cloud().fetch(SPAN, tmp_path).coverage == "complete"
    pages = [entry.json for entry in made.sandbox.log if entry.endpoint == "details.query"]
    assert sum(1 for body in pages if body["paging"]["pageSize"] == 100 and body["paging"]["pageNumber"] == 1) == 3


@pytest.mark.parametrize(
    ("before", "after"),
    [("outbound", "inbound"), ("inbound", "outbound")],  # in no part at first; in two
    ids=["lost", "twin"],
)
def test_a_direction_that_changes(tmp_path: Path, before: str, after: str) -> None:
    """A conversation whose direction changes between the parts' readings is there once at the end."""
    made = dense()
    changing = Changing(made.sandbox, lambda _, asked: before if asked == 0 else after)
    assert made.cloud(transport=changing).fetch(SPAN, tmp_path).coverage == "complete"
    assert sorted(ids(tmp_path)) == sorted(made.truth(MINUTE, MINUTE + timedelta(minutes=1)))


@pytest.mark.parametrize("format_", ["", "x.jsonl"])
def test_a_direction_that_never_stands(tmp_path: Path, format_: str) -> None:
    """A conversation that is in every part at every reading: bounded, short, and still written once."""
    made = dense()
    changing = Changing(made.sandbox, lambda wanted, _: wanted)
    summary = made.cloud(transport=changing).fetch(SPAN, tmp_path / format_)
    assert summary.coverage == "short"
    if not format_:
        assert sorted(ids(tmp_path)) == sorted(made.truth(MINUTE, MINUTE + timedelta(minutes=1)))
    else:
        assert (tmp_path / format_).read_text("utf-8").count(f'"conversationId":"{FIRST}"') == 1


def test_a_count_that_counts_the_day(tmp_path: Path) -> None:
    """Where a part of a day is counted as the whole of it, the difference says nothing, and nothing is claimed."""
    made = dense(sync_interval="whole-day", pagination_cap=200)
    summary = made.cloud().fetch(SPAN, tmp_path, paginate="pages")
    assert (summary.coverage, summary.conversations) == ("unproven", 120)
