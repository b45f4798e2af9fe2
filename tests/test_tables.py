"""Arrow straight from the API, and what becomes of a record that no table can take."""

import json
import logging
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from lastpage import UsageError
from lastpage.api.messages import Answer, Call
from lastpage.tables.build import Shredder
from lastpage.tables.selection import ALL
from tests.crash.steps import Crash, Stepping, Steps
from tests.inprocess import World, talk, world
from tests.readback import by_keys, everything, lines, ranges

SPAN = "2023-10-10/2023-10-12"
DAY = datetime(2023, 10, 10, tzinfo=UTC)


def joined(batches: list[pa.RecordBatch]) -> list[dict[str, Any]]:
    return by_keys([row for batch in batches for row in batch.to_pylist()])


@pytest.mark.invariant("Tables")
def test_tables_are_those_of_a_destination(tmp_path: Path) -> None:
    """Arrow batches in Python are, row by row, the tables that a fetch writes."""
    made = world(per_day=40)
    batches: dict[str, list[pa.RecordBatch]] = {name: [] for name in ALL}
    for name, batch in made.cloud().tables(SPAN):
        assert batch.schema == Shredder().schemas.get(name, batch.schema)
        batches.setdefault(name, []).append(batch)
    made.cloud().fetch(SPAN, tmp_path)
    wanted = everything(tmp_path)
    counts = {name: sum(batch.num_rows for batch in each) for name, each in batches.items()}
    assert {name: counts[name] for name in ALL} == {name: len(wanted[name]) for name in ALL}
    assert counts["queues"]
    for name in (
        "conversations",
        "segments",
        "metrics",
        "participant_attributes",
        "conversation_overview",
    ):
        assert joined(batches[name]) == by_keys(wanted[name])


@pytest.mark.invariant("Tables")
def test_slices_read_apart() -> None:
    """Slices of one plan, each read by itself, in any order, are together what all of it is."""
    made = world(per_day=40)
    slices = made.cloud().plan("2023-10-18/2023-10-20T15:00Z")
    assert {piece.route for piece in slices} == {"cursor", "pages"}
    rows = [
        row
        for piece in reversed(slices)
        for _, batch in made.cloud().read(piece, "conversations")
        for row in batch.to_pylist()
    ]
    truth = made.truth(datetime(2023, 10, 18, tzinfo=UTC), datetime(2023, 10, 20, 15, tzinfo=UTC))
    assert sorted(row["conversation_id"] for row in rows) == sorted(truth)


def test_a_table_that_is_none() -> None:
    """A table that there is not is refused before anything is sent."""
    made = world()
    with pytest.raises(UsageError, match="did you mean segments"):
        made.cloud().tables(SPAN, tables="segmnts")
    assert made.sandbox.log == []


@pytest.mark.invariant("Tables")
@pytest.mark.parametrize("route", ["pages", "cursor"])
def test_starts_are_cut(tmp_path: Path, route: Any) -> None:
    """A start in the last ten millionth of a day belongs to that day, for the tally and the tables, and no duration is negative."""
    made = world(per_day=0, fraction_digits=7)
    ends = [DAY + timedelta(days=days, milliseconds=-1) for days in (0, 1, 2)]
    made.sandbox.world.add(*(talk(number, end, 0) for number, end in enumerate(ends)))
    summary = made.cloud().fetch("2023-10-10", tmp_path, paginate=route)
    assert (summary.coverage, summary.conversations) == ("complete", 1)
    (row,) = everything(tmp_path)["conversation_overview"]
    assert (row["conversation_start"], row["duration_ms"]) == (ends[1], 0)


class Spoiling:
    """A transport behind which one record of a job's results has another external tag."""

    def __init__(self, made: World, tag: Any) -> None:
        self._send = made.cloud().client._transport.send
        self._tag = tag
        self.spoilt = ""

    def send(self, base: str, call: Call, headers: Any) -> Answer:
        answer = self._send(base, call, headers)
        if not call.endpoint.endswith("/results"):
            return answer
        page = json.loads(answer.body)
        self.spoilt = page["conversations"][3]["conversationId"]
        page["conversations"][3]["externalTag"] = self._tag
        return Answer(
            answer.status, {"content-type": "application/json"}, json.dumps(page).encode()
        )


@pytest.mark.invariant("Tables")
@pytest.mark.parametrize("route", ["pages", "cursor"])
def test_odd_values(tmp_path: Path, route: Any) -> None:
    """Values that do not fit cost no conversation a table, and no run its coverage; they are counted, named and kept."""
    made = world(per_day=40, odd_share=0.2)
    summary = made.cloud().fetch("2023-10-10", tmp_path, paginate=route)
    stored = everything(tmp_path)
    ids = {row["conversation_id"] for row in stored["conversations"]}
    assert ids == made.truth(DAY, DAY.replace(day=11))
    assert (summary.coverage, stored["broken"]) == ("complete", [])
    assert [version.coverage for version in ranges(tmp_path)] == ["complete"]
    assert summary.oddities == len(stored["oddities"]) > 10
    assert json.loads(summary.json())["oddities"] == summary.oddities
    kinds = {re.sub(r"\[\d+\]", "", row["path"]): row["value"] for row in stored["oddities"]}
    times = {
        "participants.sessions.metrics.value": "12.5",
        "participants.sessions.segments.segmentEnd": '""',
    }
    attributes = {
        "participants.attributes.score": "5",
        "participants.attributes.vip": "true",
        "participants.attributes.address": '{"city":"Bonn"}',
    }
    assert kinds == (times if route == "pages" else times | attributes)
    (note,) = [note for note in summary.notes if "did not fit their columns" in note]
    assert all(kind in note for kind in kinds)
    found = {row["value"] for row in stored["participant_attributes"]}
    assert (found >= set(attributes.values())) == (route == "cursor")
    odd = {row["conversation_id"] for row in stored["oddities"]}
    assert len(odd) < len(ids)
    assert {row["conversation_id"] for row in stored["metrics"] if row["value"] is None} <= odd


def test_odd_values_of_the_interval(tmp_path: Path) -> None:
    """A run counts those of its own interval, whatever else the day has, and none where there are none."""
    made = world(per_day=40, odd_share=0.5)
    whole = made.cloud().fetch("2023-10-10", tmp_path)
    part = made.cloud().fetch("2023-10-10T10:00Z/2023-10-10T16:00Z", tmp_path)
    starts = [row["conversation_start"].hour for row in everything(tmp_path)["oddities"]]
    assert whole.oddities == len(starts)
    assert 0 < part.oddities == sum(10 <= hour < 16 for hour in starts) < len(starts)
    usual = world(per_day=40).cloud().fetch("2023-10-10", tmp_path / "usual")
    assert usual.oddities == 0
    assert not any("did not fit" in note for note in usual.notes)


@pytest.mark.invariant("Tables")
def test_a_resumed_run_counts_odd_values(tmp_path: Path) -> None:
    """A run that was stopped, at any step, and resumed counts the odd values of the whole interval, each once."""
    made = world(per_day=15, odd_share=0.5)
    asked: dict[str, Any] = {"names": False, "tables": ["metrics", "participant_attributes"]}
    span = "2023-10-10/2023-10-13"
    steps = Steps()
    whole = made.cloud(transport=Stepping(made.sandbox, steps), disk=steps.disk).fetch(
        span, tmp_path / "whole", **asked
    )
    assert whole.oddities
    for at in range(1, len(steps.names) + 1, 7):
        crashing = Steps(at)
        cloud = made.cloud(transport=Stepping(made.sandbox, crashing), disk=crashing.disk)
        with pytest.raises(Crash):
            cloud.fetch(span, tmp_path / str(at), **asked)
        summary = made.cloud().fetch(span, tmp_path / str(at), **asked)
        assert summary.oddities == whole.oddities, (at, crashing.names[-1])


def test_odd_values_of_an_iteration(caplog: pytest.LogCaptureFixture) -> None:
    """Tables in Python have the odd values, too, and one warning tells of them; whole records are as they came."""
    made = world(per_day=30, odd_share=0.3)
    with caplog.at_level(logging.WARNING, "lastpage"):
        found = [batch for name, batch in made.cloud().tables("2023-10-10") if name == "oddities"]
    rows = sum(batch.num_rows for batch in found)
    assert [f"{rows:,} values did not fit" in text for text in caplog.messages] == [True]
    (piece,) = made.cloud().plan("2023-10-10")
    odd = [row for _, batch in made.cloud().read(piece, "oddities") for row in batch.to_pylist()]
    assert len(odd) == rows
    caplog.clear()
    assert any("12.5" in json.dumps(each) for each in made.cloud().conversations("2023-10-10"))
    assert not caplog.messages


def test_odd_values_in_lines(tmp_path: Path) -> None:
    """JSON lines have no columns, so nothing is odd in them: each record is as it came."""
    made = world(per_day=30, odd_share=0.3)
    summary = made.cloud().fetch("2023-10-10", tmp_path / "out.jsonl")
    assert summary.oddities == 0
    assert any("12.5" in json.dumps(each) for each in lines(tmp_path / "out.jsonl"))


@pytest.mark.invariant("Tables")
def test_a_record_that_no_table_can_take(tmp_path: Path, refused: str) -> None:
    """A record that no table can take is kept and named, and the run is `unproven`."""
    made = world(per_day=40)
    transport = Spoiling(made, refused)
    summary = made.cloud(transport=transport).fetch("2023-10-10", tmp_path)
    assert summary.coverage == "unproven"
    assert any(transport.spoilt in note for note in summary.notes)
    assert any("1 conversations could not be read into tables" in note for note in summary.notes)
    stored = everything(tmp_path)
    assert [row["conversation_id"] for row in stored["broken"]] == [transport.spoilt]
    assert json.loads(stored["broken"][0]["record"])["conversationId"] == transport.spoilt
    ids = {row["conversation_id"] for row in stored["conversations"]}
    assert ids | {transport.spoilt} == made.truth(DAY, DAY.replace(day=11))
    assert [version.coverage for version in ranges(tmp_path)] == ["unproven"]
    made.cloud().fetch("2023-10-10", tmp_path)
    assert [version.coverage for version in ranges(tmp_path)] == ["complete"]
    assert everything(tmp_path)["broken"] == []


@pytest.mark.invariant("Tables")
def test_the_days_beside_a_record_that_no_table_can_take(tmp_path: Path, refused: str) -> None:
    """The other days of the same job are complete and final."""
    made = world(per_day=40, job_row_order="start")
    cloud = made.cloud(transport=Spoiling(made, refused))
    summary = cloud.fetch("2023-10-10/2023-10-13", tmp_path)
    assert (summary.coverage, summary.finality) == ("unproven", "provisional")
    assert [(version.coverage, version.finality) for version in ranges(tmp_path)] == [
        ("unproven", "provisional"),
        ("complete", "final"),
        ("complete", "final"),
    ]


@pytest.mark.invariant("Tables")
def test_a_slice_read_without_a_record(caplog: pytest.LogCaptureFixture, refused: str) -> None:
    """Reading one table of a slice warns of the conversations that it lacks."""
    made = world(per_day=40)
    cloud = made.cloud(transport=Spoiling(made, refused))
    (piece,) = cloud.plan("2023-10-10")
    assert (
        sum(batch.num_rows for _, batch in cloud.read(piece, "conversations"))
        == len(made.truth(DAY, DAY.replace(day=11))) - 1
    )
    assert "1 conversations could not be read into tables" in caplog.text
    assert sum(batch.num_rows for _, batch in cloud.read(piece, "broken")) == 1


@pytest.mark.invariant("Tables")
def test_iterating_over_a_lone_surrogate() -> None:
    """A record with text that is not Unicode does not end an iteration; it comes as it is."""
    made = world(per_day=40)
    found = made.cloud(transport=Spoiling(made, "\ud800")).fetch_all("2023-10-10")
    assert {each["conversationId"] for each in found} == made.truth(DAY, DAY.replace(day=11))
    assert [each["externalTag"] for each in found if each.get("externalTag") == "\ud800"] == [
        "\ud800"
    ]
    pages = made.cloud(transport=Spoiling(made, "\ud800")).pages("2023-10-10")
    assert sum(len(page.conversations) for page in pages) == len(found)
