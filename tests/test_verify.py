"""Proving an extract again: what has changed since is found, named by its day, and read again on request."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lastpage import UsageError, Verification
from lastpage.coverage.ranges import Range
from lastpage.coverage.verification import held_days, prove
from lastpage.query.interval import Interval
from tests.inprocess import World, talk, world
from tests.readback import ids

START = datetime(2023, 10, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
SPAN = "2023-10-10/2023-10-13"


def version(
    first: int, last: int, coverage: str = "complete", finality: str = "final", rows: int = 5
) -> Range:
    interval = Interval(START + first * HOUR, START + last * HOUR)
    return Range(interval, START, "cursor", coverage, finality, rows)


def test_held_days() -> None:
    """Ranges that touch are one piece, as good as the worst of them; a gap, or midnight, parts them."""
    held = held_days(
        {
            START.date(): [
                version(6, 12, "unproven", rows=2),
                version(0, 6),
                version(13, 24, finality="provisional"),
            ],
            (START + 24 * HOUR).date(): [version(24, 48)],
        }
    )
    assert [(each.conversations, each.coverage, each.finality) for each in held] == [
        (7, "unproven", "final"),
        (5, "complete", "provisional"),
        (5, "complete", "final"),
    ]


@pytest.mark.parametrize(
    ("coverage", "counted", "state"),
    [
        ("complete", 5000, "same"),
        ("complete", 5005, "same"),  # within the counts' error
        ("complete", 5006, "changed"),
        ("complete", 4900, "changed"),
        ("unproven", 5000, "unproven"),
        ("short", 5000, "short"),
    ],
)
def test_a_proof(coverage: str, counted: int, state: str) -> None:
    """Counts agree within their error, or the day has changed; what was short stays short until it is read again."""
    (held,) = held_days({START.date(): [version(0, 24, coverage, rows=5000)]})
    assert prove(held, counted).state == state


def fetched(made: World, place: Path) -> World:
    assert made.cloud().fetch(SPAN, place).coverage == "complete"
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
        ("2023-10-11", "changed"),
        ("2023-10-12", "same"),
    ]
    made.clock.sleep(3600)
    repaired = made.cloud().verify(tmp_path, repair=True)
    assert repaired.changed == []
    assert repaired.repaired == ["2023-10-11T00:00:00.000Z/2023-10-12T00:00:00.000Z"]
    assert sorted(ids(tmp_path)) == sorted(made.truth(START, START + 72 * HOUR))


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
    assert made.cloud().verify(tmp_path, content=True, repair=True).changed == []
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
