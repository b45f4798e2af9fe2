"""Evidence: what convicts a slice, and what does not."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.inprocess import NOW, World, talk, world

from lastpage.coverage.evidence import Evidence
from lastpage.ledger.ids import digest
from lastpage.ledger.ledger import Ledger
from lastpage.ledger.records import Run
from lastpage.planning.slices import Horizon, Slice
from lastpage.query.interval import Interval, iso

MIDNIGHT = NOW.replace(hour=0, minute=0, second=0)
HOUR = timedelta(hours=1)
HOURS = [Interval(MIDNIGHT + n * HOUR, MIDNIGHT + (n + 1) * HOUR) for n in range(3)]
TALKS = [talk(number, MIDNIGHT + 10 * timedelta(minutes=number)) for number in range(18)]


def owner(moment: datetime) -> int:
    return next(number for number, hour in enumerate(HOURS, 1) if moment in hour)


@contextmanager
def settled(
    made: World, folder: Path, lacking: set[int], seen: dict[int, datetime]
) -> Iterator[tuple[Evidence, Run]]:
    """A run of three hours, each settled with its conversations but those that are lacking; some were seen by others."""
    starts = {number: MIDNIGHT + 10 * timedelta(minutes=number) for number in range(18)}
    with closing(Ledger(folder)) as ledger:
        slices = [Slice(number, hour, hour, "pages", "") for number, hour in enumerate(HOURS, 1)]
        run = ledger.begin(
            "asked", Interval(HOURS[0].start, HOURS[-1].end), Horizon(NOW, NOW), slices, 0.0
        )
        for piece in slices:
            ours = [
                TALKS[n].id
                for n, start in starts.items()
                if start in piece.interval and n not in lacking
            ]
            sightings = {
                TALKS[n].id: iso(start) for n, start in seen.items() if owner(start) != piece.number
            }
            ids = map(digest, ours)
            ledger.settle(
                run,
                piece.number,
                ledger.begin_attempt(run, piece, 0.0, None).id,
                "{}",
                ids,
                sightings,
            )
        yield Evidence(ledger, run, made.cloud().client, [].append), run


def counted(evidence: Evidence) -> dict[int, int]:
    return {number: len(ids) for number, ids in evidence.missing().items()}


def _seen(*numbers: int) -> dict[int, datetime]:
    return {number: MIDNIGHT + 10 * timedelta(minutes=number) for number in numbers}


def test_what_is_there_and_lacking(tmp_path: Path) -> None:
    """A conversation that others saw, that its owner lacks and that stands when asked for by id is missing from its owner."""
    made = world(per_day=0)
    made.sandbox.world.add(*TALKS)
    with settled(made, tmp_path, {7, 8}, _seen(1, 7, 8, 14)) as (evidence, _):
        assert counted(evidence) == {2: 2}


def test_what_is_gone(tmp_path: Path) -> None:
    """One that was deleted since it was seen is not missing, and is not asked for again."""
    made = world(per_day=0)
    made.sandbox.world.add(*(each for each in TALKS if each is not TALKS[7]))
    with settled(made, tmp_path, {7}, _seen(7)) as (evidence, run):
        assert evidence.missing() == {}
        assert list(evidence.ledger.sightings(run, HOURS[1])) == []


@pytest.mark.parametrize(("lacking", "missing"), [({7}, {}), ({7, 5}, {1: 1})])
def test_what_starts_elsewhere_by_now(
    tmp_path: Path, lacking: set[int], missing: dict[int, int]
) -> None:
    """A start that moved to another slice is that slice's to have: it has it, or it lacks it."""
    made = world(per_day=0)
    made.sandbox.world.add(*TALKS)
    moved = {5: HOURS[1].start}  # seen in the second hour; it starts in the first by now
    with settled(made, tmp_path, lacking, moved) as (evidence, _):
        assert counted(evidence) == missing


def test_where_the_api_would_not_tell(tmp_path: Path) -> None:
    """Without an answer by id the sighting stands."""
    made = world(per_day=0)
    made.sandbox.faults.put("details.ids", "return-403")
    made.sandbox.faults.put("details.one", "return-403")
    with settled(made, tmp_path, {7}, _seen(7)) as (evidence, _):
        assert counted(evidence) == {2: 1}


def test_more_than_will_be_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The asking is bounded; beyond the bound a sighting stands unasked."""
    monkeypatch.setattr("lastpage.coverage.evidence.ASKED_MAX", 2)
    monkeypatch.setattr("lastpage.coverage.evidence.IDS_MAX", 2)
    made = world(per_day=0)
    with settled(made, tmp_path, {7, 8, 9}, _seen(7, 8, 9)) as (evidence, _):
        assert counted(evidence) == {2: 1}
        assert made.sandbox.counters["details.ids"] == 1


@pytest.mark.invariant("Truthful")
def test_sightings_come_in_order_and_in_pieces(tmp_path: Path) -> None:
    """What other slices saw is read for one slice's hours at a time, each row once."""
    sightings = {
        f"id {number:05}": iso(HOURS[1].start + timedelta(seconds=number // 7))
        for number in range(2500)
    }
    with closing(Ledger(tmp_path)) as ledger:
        piece = Slice(1, HOURS[0], HOURS[0], "pages", "")
        run = ledger.begin("asked", HOURS[0], Horizon(NOW, NOW), [piece], 0.0)
        ledger.settle(run, 1, 1, "{}", (), sightings)
        assert [text for text, _ in ledger.sightings(run, HOURS[1])] == sorted(sightings)
        assert list(ledger.sightings(run, HOURS[0])) == []
        assert list(ledger.sightings(run, HOURS[2])) == []
