"""Proving an extract again: what has changed since is found, named by its day, and read again on request."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lastpage import UsageError, Verification
from lastpage.api.messages import Answer, Call
from lastpage.coverage.verification import Hole
from lastpage.query.interval import Interval
from lastpage_sandbox.settings import PERMISSIONS
from tests.inprocess import InProcess, World, talk, world
from tests.readback import ids, table

START = datetime(2023, 10, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
SPAN = "2023-10-10/2023-10-13"


def fetched(made: World, place: Path, **asked: Any) -> World:
    assert made.cloud().fetch(SPAN, place, **asked).coverage == "complete"
    return made


def states(verification: Verification) -> list[tuple[str, str]]:
    return [(proof.day, proof.state) for proof in verification.proofs]


def test_nothing_has_changed(tmp_path: Path) -> None:
    """An extract that is as it was is proved for one request a day, and nothing is read."""
    made = fetched(world(), tmp_path)
    before = dict(made.sandbox.counters)
    verification = made.cloud().verify(tmp_path)
    assert states(verification) == [(f"2023-10-{day}", "same") for day in (10, 11, 12)]
    assert verification.changed == []
    asked = made.sandbox.counters["details.query"] - before["details.query"]
    assert asked == 3
    assert made.sandbox.counters["jobs.submit"] == before["jobs.submit"]


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize("more", [True, False])
def test_a_day_that_changed(tmp_path: Path, more: bool) -> None:
    """Days that changed later are found by `verify`, and its repair reads only those again."""
    made = fetched(world(per_day=60), tmp_path)
    noon = datetime(2023, 10, 11, 12, tzinfo=UTC)
    if more:
        made.sandbox.world.add(*(talk(number, noon) for number in range(6)))
    else:
        made.sandbox.world.remove(*sorted(made.truth(noon, noon + 6 * HOUR))[:6])
    verification = made.cloud().verify(tmp_path)
    assert states(verification) == [
        ("2023-10-10", "same"),
        ("2023-10-11", "missing" if more else "changed"),
        ("2023-10-12", "same"),
    ]
    made.clock.sleep(3600)
    repaired = made.cloud().verify(tmp_path, repair=True)
    if not more:  # what is gone leaves once that was found twice
        assert repaired.changed != []
        made.clock.sleep(3600)
        repaired = made.cloud().verify(tmp_path, repair=True)
    assert repaired.changed == []
    assert repaired.repaired == ["2023-10-11T00:00:00.000Z/2023-10-12T00:00:00.000Z"]
    assert sorted(ids(tmp_path)) == sorted(made.truth(START, START + 72 * HOUR))


@pytest.mark.invariant("Truthful")
def test_two_that_were_deleted(tmp_path: Path) -> None:
    """Two of a day are within the counts' error: near, not the same, and a second reading finds them gone."""
    made = fetched(world(per_day=60), tmp_path)
    noon = datetime(2023, 10, 11, 12, tzinfo=UTC)
    made.sandbox.world.remove(*sorted(made.truth(noon, noon + 6 * HOUR))[:2])
    verification = made.cloud().verify(tmp_path)
    assert states(verification)[1] == ("2023-10-11", "near")
    assert "2 fewer are counted" in verification.proofs[1].why
    assert verification.changed == []
    made.clock.sleep(3600)
    closer = made.cloud().verify(tmp_path, content=True)
    assert [state for _, state in states(closer)] == ["same", "changed", "same"]


@pytest.mark.invariant("Truthful")
def test_holes(tmp_path: Path) -> None:
    """A day in two ranges is one day; what lies between is named and counted; it has not changed, and is not fetched."""
    made = world(per_day=60)
    for interval in ("2023-10-10T00:00Z/2023-10-10T10:00Z", "2023-10-10T12:00Z/2023-10-11"):
        made.cloud().fetch(interval, tmp_path)
    made.cloud().fetch("2023-10-14", tmp_path)
    verification = made.cloud().verify(tmp_path, repair=True)
    assert states(verification) == [("2023-10-10", "same"), ("2023-10-14", "same")]
    assert verification.proofs[0].interval == "2023-10-10T00:00:00.000Z/2023-10-11T00:00:00.000Z"
    ten, noon = START + 10 * HOUR, START + 12 * HOUR
    days = Interval(START + 24 * HOUR, START + 96 * HOUR)
    assert verification.holes == [
        Hole(str(Interval(ten, noon)), len(made.truth(ten, noon))),
        Hole(str(days), len(made.truth(days.start, days.end))),
    ]
    assert all(hole.counted for hole in verification.holes)
    assert (verification.changed, verification.repaired) == ([], [])
    assert made.truth(ten, noon).isdisjoint(ids(tmp_path))


def test_a_day_in_two_ranges_that_changed(tmp_path: Path) -> None:
    """It is one line, and the repair reads both ranges and nothing else."""
    made = world(per_day=200)
    parts = ("2023-10-10T00:00Z/2023-10-10T10:00Z", "2023-10-10T12:00Z/2023-10-11")
    for interval in parts:
        made.cloud().fetch(interval, tmp_path)
    made.sandbox.world.add(
        *(talk(number, START + (9 + 4 * (number % 2)) * HOUR) for number in range(8))
    )
    made.clock.sleep(3600)
    (proof,) = made.cloud().verify(tmp_path).proofs
    assert (proof.state, proof.why) == ("missing", "8 more are counted than are there")
    repaired = made.cloud().verify(tmp_path, repair=True)
    assert states(repaired) == [("2023-10-10", "same")]
    assert len(repaired.repaired) == 2
    ten, noon = START + 10 * HOUR, START + 12 * HOUR
    assert {*ids(tmp_path)} == made.truth(START, ten) | made.truth(noon, START + 24 * HOUR)


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize("options", [{}, {"content": True}, {"content": True, "repair": True}])
def test_what_the_organisation_no_longer_keeps(tmp_path: Path, options: dict[str, bool]) -> None:
    """Days older than the retention are gone from the API for good: not counted, not read, not changed, not lost here."""
    quiet = dict.fromkeys(("evaluated_share", "surveyed_share", "resolved_share"), 0.0)
    made = fetched(world(per_day=30, retention_days=90, **quiet), tmp_path)
    before = ids(tmp_path)
    made.clock.sleep(60 * 86_400)
    assert made.cloud().fetch("2023-12-10/2023-12-12", tmp_path).coverage == "complete"
    made.clock.sleep(35 * 86_400)
    assert made.truth(START, START + 72 * HOUR) == set()
    verification = made.cloud().verify(tmp_path, **options)
    assert states(verification) == [
        ("2023-10-10", "kept"),
        ("2023-10-11", "kept"),
        ("2023-10-12", "kept"),
        ("2023-12-10", "same"),
        ("2023-12-11", "same"),
    ]
    assert [proof.counted for proof in verification.proofs[:3]] == [None] * 3
    assert (verification.changed, verification.repaired) == ([], [])
    gone, left = verification.holes
    assert gone == Hole("2023-10-13T00:00:00.000Z/2023-10-26T00:00:00.000Z", None)
    assert left.interval == "2023-10-26T00:00:00.000Z/2023-12-10T00:00:00.000Z"
    assert left.counted == len(
        made.truth(*(datetime.fromisoformat(each) for each in left.interval.split("/")))
    )
    assert {*before} <= {*ids(tmp_path)}


def test_a_retention_that_may_not_be_read(tmp_path: Path) -> None:
    """Without the permission old days that are gone have changed, as far as is known, and the permission is named."""
    role = PERMISSIONS - {"analytics:dataRetention:view"}
    made = fetched(world(per_day=30, retention_days=90, permissions=role), tmp_path)
    made.clock.sleep(95 * 86_400)
    verification = made.cloud().verify(tmp_path)
    assert {state for _, state in states(verification)} == {"changed"}
    assert all("analytics:dataRetention:view" in proof.why for proof in verification.proofs)


def test_the_retention_is_asked_only_where_it_matters(tmp_path: Path) -> None:
    """The shortest retention has 90 days; younger extracts cost no request."""
    made = fetched(world(retention_days=90), tmp_path)
    made.cloud().verify(tmp_path)
    assert not made.sandbox.counters["retention"]


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize("counts", ["day+overlap", "exact-start", "whole-day"])
def test_a_part_of_a_day(tmp_path: Path, counts: str) -> None:
    """Whatever the API counts in a part of a day: of what is there, nothing is called missing or gone."""
    made = world(per_day=300, sync_interval=counts)
    for interval in ("2023-10-10T00:00Z/2023-10-10T10:00Z", "2023-10-10T13:00Z/2023-10-11T12:00Z"):
        made.cloud().fetch(interval, tmp_path)
    verification = made.cloud().verify(tmp_path)
    state = "unproven" if counts == "whole-day" else "same"
    assert states(verification) == [("2023-10-10", state), ("2023-10-11", state)]
    assert verification.changed == []
    assert not any("arrived" in proof.why for proof in verification.proofs)


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize("scope", ["conversation", "interval"])
@pytest.mark.parametrize("span", [SPAN, "2023-10-10T05:00Z/2023-10-12T21:00Z"])
def test_a_filter_that_looks_at_segments(tmp_path: Path, scope: str, span: str) -> None:
    """Calls that meet the filter after midnight are counted with their day, or their count proves nothing."""
    made = world(per_day=0, segment_scope=scope)
    late = [
        talk(
            number,
            START + (20 + 24 * (number % 3)) * HOUR,
            300,
            media="callback",
            lead_ms=17_000_000,
        )
        for number in range(30)
    ]
    # A callback two days later is found beside the days that follow it, at best.
    late += [
        talk(number, START + 10 * HOUR, 4_000, media="callback", lead_ms=200_000_000)
        for number in range(100, 110)
    ]
    made.sandbox.world.add(*late)
    made.cloud().fetch(span, tmp_path, media="voice")
    verification = made.cloud().verify(tmp_path)
    assert verification.changed == []
    assert {state for _, state in states(verification)} <= {"same", "unproven"}
    made.sandbox.world.remove(*(each.id for each in late[::2]))
    found = {state for _, state in states(made.cloud().verify(tmp_path))}
    assert "changed" in found or "unproven" in found


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize("scope", ["conversation", "interval"])
def test_what_met_the_filter_after_midnight(tmp_path: Path, scope: str) -> None:
    """Calls that are missing, and whose voice began on the day after, are found missing of their own day."""
    made = fetched(world(per_day=0, segment_scope=scope), tmp_path, media="voice")
    made.sandbox.world.add(
        *(
            talk(number, START + 20 * HOUR, 300, media="callback", lead_ms=17_000_000)
            for number in range(5)
        )
    )
    verification = made.cloud().verify(tmp_path)
    assert [state for _, state in states(verification)] == ["missing", "same", "same"]


class Spoiling(InProcess):
    """12 records of a job's results have no start."""

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        answer = super().send(base, call, headers)
        if not call.endpoint.endswith("/results"):
            return answer
        page = json.loads(answer.body)
        for record in page["conversations"][:12]:
            del record["conversationStart"]
        return Answer(200, {"content-type": "application/json"}, json.dumps(page).encode())


@pytest.mark.invariant("Truthful")
def test_records_that_no_table_could_take(tmp_path: Path) -> None:
    """They are in `broken`: not missing, and not read again for ever."""
    made = world(per_day=60)
    spoiling = Spoiling(made.sandbox)
    assert made.cloud(transport=spoiling).fetch("2023-10-10", tmp_path).coverage == "unproven"
    assert len(table(tmp_path, "broken")) == 12
    verification = made.cloud().verify(tmp_path, repair=True)
    (proof,) = verification.proofs
    assert (proof.state, verification.repaired) == ("unproven", [])
    assert "counts agree, with 12 in the table broken" in proof.why


def test_content(tmp_path: Path) -> None:
    """What a count cannot see, a second reading does: one conversation exchanged for another."""
    made = fetched(world(per_day=60), tmp_path)
    noon = datetime(2023, 10, 11, 12, tzinfo=UTC)
    made.sandbox.world.remove(min(made.truth(noon, noon + 6 * HOUR)))
    made.sandbox.world.add(talk(1, noon))
    made.clock.sleep(3600)
    assert made.cloud().verify(tmp_path).changed == []
    verification = made.cloud().verify(tmp_path, content=True)
    assert [proof.day for proof in verification.changed] == ["2023-10-11"]
    assert "second reading differs in conversations" in verification.changed[0].why
    made.cloud().verify(tmp_path, content=True, repair=True)
    made.clock.sleep(3600)
    assert made.cloud().verify(tmp_path, content=True, repair=True).repaired != []
    assert made.cloud().verify(tmp_path, content=True).changed == []
    assert sorted(ids(tmp_path)) == sorted(made.truth(START, START + 72 * HOUR))


@pytest.mark.invariant("Tables")
def test_content_with_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes of another key are reported, and not taken for days that changed."""
    made = world(per_day=20)
    monkeypatch.setenv("LASTPAGE_HASH_KEY", "a key that is long enough")
    made.cloud().fetch(SPAN, tmp_path, hash="ani")
    assert made.cloud().verify(tmp_path, content=True).changed == []
    monkeypatch.setenv("LASTPAGE_HASH_KEY", "another one, and as long")
    with pytest.raises(UsageError, match="another LASTPAGE_HASH_KEY"):
        made.cloud().verify(tmp_path, content=True)


def test_its_own_filters(tmp_path: Path) -> None:
    """A filtered extract is held against a filtered count."""
    made = world()
    made.cloud().fetch(SPAN, tmp_path, direction="inbound")
    assert {state for _, state in states(made.cloud().verify(tmp_path))} == {"same"}


def test_lines(tmp_path: Path) -> None:
    """Lines can be counted; they cannot be replaced, and that is said before anything is asked."""
    made = fetched(world(), tmp_path / "x.jsonl")
    assert {state for _, state in states(made.cloud().verify(tmp_path / "x.jsonl"))} == {"same"}
    with pytest.raises(UsageError, match="JSON lines"):
        made.cloud().verify(tmp_path / "x.jsonl", repair=True)


def test_nothing_there(tmp_path: Path) -> None:
    """A destination that was never fetched into is a mistake, and nothing is made of it."""
    with pytest.raises(UsageError, match="nothing was fetched"):
        world().cloud().verify(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
