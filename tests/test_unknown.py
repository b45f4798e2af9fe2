"""Fields that this version does not know, from the API to the summary."""

import logging
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lastpage.api.messages import Answer
from lastpage.coverage.account import SAMPLED_EVERY, Account
from lastpage.coverage.tally import Verdict
from lastpage.planning.slices import Slice
from lastpage.query.interval import Interval
from lastpage.walks.walk import Request
from tests.crash.steps import Crash, Stepping, Steps
from tests.inprocess import world
from tests.readback import table

DAY = "2023-10-10"
FIELD = "brandNewField"
PATHS = [
    FIELD,
    f"participants.{FIELD}",
    f"participants.sessions.{FIELD}",
    f"participants.sessions.segments.{FIELD}",
]


@pytest.mark.parametrize("route", ["pages", "cursor"])
def test_they_are_named(tmp_path: Path, route: Any) -> None:
    """On either route: by path in the summary, with one note; the new member of an enumeration passes as it is."""
    summary = world(per_day=60, tomorrow_share=1.0).cloud().fetch(DAY, tmp_path, paginate=route)
    assert summary.unknown_fields == PATHS
    assert len([note for note in summary.notes if FIELD in note and "--keep-raw" in note]) == 1
    assert summary.coverage == "complete"
    assert Counter(row["disconnect_type"] for row in table(tmp_path, "segments"))["teleported"] > 60
    assert table(tmp_path, "broken") == []


def test_nothing_is_made_up(tmp_path: Path) -> None:
    """Where all fields are known, none is named."""
    summary = world(per_day=60).cloud().fetch(DAY, tmp_path)
    assert summary.unknown_fields == []
    assert not any("does not know" in note for note in summary.notes)


@pytest.mark.invariant("Tables")
def test_a_resumed_run_names_it(tmp_path: Path) -> None:
    """Fields that this version does not know are named, also if an earlier process read them."""
    made = world(per_day=30, tomorrow_share=1.0)
    steps = Steps()
    cloud = made.cloud(transport=Stepping(made.sandbox, steps), disk=steps.disk)
    asked: dict[str, Any] = {"paginate": "cursor", "names": False, "tables": "conversations"}
    cloud.fetch(DAY, tmp_path / "whole", **asked)
    for at in range(1, len(steps.names) + 1, 5):
        crashing = Steps(at)
        cloud = made.cloud(transport=Stepping(made.sandbox, crashing), disk=crashing.disk)
        with pytest.raises(Crash):
            cloud.fetch(DAY, tmp_path / str(at), **asked)
        summary = made.cloud().fetch(DAY, tmp_path / str(at), **asked)
        assert summary.unknown_fields == PATHS, (at, crashing.names[-1])


def test_iteration(caplog: pytest.LogCaptureFixture) -> None:
    """Iterating gives whole records; tables leave the field out, so a warning tells of it."""
    cloud = world(per_day=20, tomorrow_share=1.0).cloud()
    with caplog.at_level(logging.WARNING, "lastpage"):
        assert all(FIELD in record for record in cloud.conversations(DAY))
        assert not caplog.messages
        list(cloud.tables(DAY, names=False))
    assert [FIELD in text for text in caplog.messages] == [True]


def answer(first: int, rows: int) -> Answer:
    records = [
        {"conversationId": str(number), "conversationStart": "2023-10-10T10:00:00.000Z"}
        for number in range(first, first + rows)
    ]
    return Answer(200, {}, msgspec.json.encode({"conversations": records} if rows else {}))


def test_the_sample() -> None:
    """All of a slice's first page that has rows, and one page in fifty of all others, other ones in each slice."""
    seen: list[int] = []

    def look(records: Any) -> list[str]:
        seen.extend(int(msgspec.json.decode(record)["conversationId"]) for record in records)
        return []

    start = datetime(2023, 10, 10, tzinfo=UTC)
    day = Interval(start, start.replace(day=11))
    piece = Slice(7, day, day, "pages", "")
    sums = Account(piece, start, look)
    sizes = [0, 30, *[7] * 100]
    for number, size in enumerate(sizes):
        sums.take(
            number, Request(piece, "page", ordinal=number + 1), answer(sum(sizes[:number]), size)
        )
    pages = [number for number in range(2, len(sizes)) if (number + 7) % SAMPLED_EVERY == 0]
    assert len(pages) == 2
    assert seen == [
        *range(30),
        *(30 + 7 * (number - 2) + row for number in pages for row in range(7)),
    ]


def test_a_verdict_of_before() -> None:
    """A ledger of an older version, which noticed nothing, is still read."""
    start = datetime(2023, 10, 10, tzinfo=UTC)
    verdict = Verdict("complete", "final", "", 1, start, unknown=["a.b"])
    assert Verdict.load(verdict.dump()) == verdict
    old = msgspec.json.decode(verdict.dump())
    del old["unknown"]
    assert Verdict.load(msgspec.json.encode(old).decode()).unknown == []
