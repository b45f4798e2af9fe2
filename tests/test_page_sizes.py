"""Pages that are too large for the API: fewer rows are asked for, on both routes, and no row is lost for it."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lastpage import RefusedError, UnavailableError
from lastpage.api.messages import Answer, Call, Fault, TransportError
from tests.inprocess import FEW, NOW, InProcess, World, talk, world
from tests.readback import ids

DAY = datetime(2023, 10, 10, tzinfo=UTC)
ROUTES = ["pages", "cursor"]
PAGES = {"pages": "details.query", "cursor": "jobs.results"}


def truth(made: World) -> list[str]:
    return sorted(made.truth(DAY, DAY + timedelta(days=1)))


def talks(count: int, **more: Any) -> list[Any]:
    """So many conversations of one day, a minute apart."""
    return [talk(number, DAY + timedelta(minutes=number), **more) for number in range(count)]


@dataclass
class Wire(InProcess):
    """Remembers each page that was asked for: its size, its number or cursor, and the status (0: no answer).

    Pages of more rows than `most` do not arrive, in one of two ways.
    """

    most: int | None = None
    fault: Fault = "timeout"
    pages: list[tuple[int, int | str, int]] = field(default_factory=list)

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        answer = super().send(base, call, headers)
        if not call.rows:
            return answer
        query = dict(call.query)
        place = (
            json.loads(call.body)["paging"]["pageNumber"] if call.body else query.get("cursor", "")
        )
        is_large = (
            self.most is not None
            and answer.status == 200
            and len(answer.page.heads or ()) > self.most
        )
        self.pages.append((call.rows, place, 0 if is_large else answer.status))
        if is_large and self.fault == "timeout":
            self.sandbox._sleep(120.0)
            raise TransportError("timeout", "it did not answer in time")
        return Answer(answer.status, answer.headers, answer.raw, 10_000) if is_large else answer

    @property
    def came(self) -> list[tuple[int, int | str]]:
        return [(size, place) for size, place, status in self.pages if status == 200]

    @property
    def refused(self) -> list[tuple[int, int | str]]:
        return [(size, place) for size, place, status in self.pages if status != 200]

    @property
    def asked(self) -> list[tuple[int, int | str]]:
        return [(size, place) for size, place, _ in self.pages]


@pytest.mark.invariant("Complete")
@pytest.mark.parametrize("how", ["504", "413", "400", "timeout", "oversize"])
@pytest.mark.parametrize("route", ROUTES)
def test_pages_that_are_too_large(tmp_path: Path, route: Any, how: Any) -> None:
    """Whatever too large a page is answered with, two refusals are enough for a smaller one, and all rows come."""
    if how in ("timeout", "oversize"):
        made = world(per_day=180)
        wire = Wire(made.sandbox, 7, how)
    else:
        made = world(per_day=180, page_rows_max=7, page_too_large=how)
        wire = Wire(made.sandbox)
    summary = made.cloud(transport=wire).fetch("2023-10-10", tmp_path, paginate=route)
    assert summary.coverage == "complete"
    assert sorted(ids(tmp_path)) == truth(made)
    assert not [note for note in summary.notes if "smaller slices" in note]
    assert set(Counter(wire.refused).values()) == {2}
    assert len(wire.refused) <= 30
    assert len(wire.came) <= len(truth(made)) / 3


@pytest.mark.parametrize("route", ROUTES)
def test_it_does_not_take_long(tmp_path: Path, route: Any) -> None:
    """The first refusals cost seconds, not the five minutes after which a request is given up."""
    made = world(per_day=180, page_rows_max=60)
    made.cloud().fetch("2023-10-10", tmp_path, paginate=route)
    assert made.clock.now() - NOW.timestamp() < 120


def test_where_smaller_pages_go_on(tmp_path: Path) -> None:
    """Page numbers follow from the rows before them; where there is no such number, the slice is read from its start."""
    made = world(per_day=0)
    made.sandbox.world.add(*talks(330))
    for place in ("even", "odd"):
        made.sandbox.faults.put("details.query", *["pass"] * 4, *["return-504"] * 2)
        wire = Wire(made.sandbox)
        summary = made.cloud(transport=wire).fetch(
            "2023-10-10",
            tmp_path / place,
            paginate="pages",
            page_size=100 if place == "even" else 45,
        )
        assert summary.coverage == "complete"
        assert sorted(ids(tmp_path / place)) == truth(made)
        if place == "even":
            hundreds, fifties = [1, 2, 3, 4, 4], [7, 8]
            assert wire.asked == [
                *[(100, each) for each in hundreds],
                *[(50, each) for each in fifties],
            ]
        else:
            assert wire.asked[:7] == [(45, 1), (45, 2), (45, 3), (45, 4), (45, 4), (22, 1), (22, 2)]
            assert any("with 22 rows a page" in note for note in summary.notes)


@pytest.mark.parametrize("route", ROUTES)
def test_pages_grow_again(tmp_path: Path, route: Any) -> None:
    """Trouble that passes is forgotten after some pages; a limit that stays costs few more refusals."""
    options: dict[str, Any] = {"paginate": route, "page_size": 40, "tables": FEW}
    made = world(per_day=0)
    made.sandbox.world.add(*talks(900))
    wire = Wire(made.sandbox)
    made.sandbox.faults.put(PAGES[route], "pass", "pass", *["return-504"] * 2)
    assert (
        made.cloud(transport=wire).fetch("2023-10-10", tmp_path / "a", **options).coverage
        == "complete"
    )
    sizes = [size for size, _ in wire.came]
    assert sizes[sizes.index(20) :][:5] == [*[20] * 4, 40]
    assert sizes[-1] == 40
    made = world(per_day=0, page_rows_max=20)
    made.sandbox.world.add(*talks(900))
    wire = Wire(made.sandbox)
    assert (
        made.cloud(transport=wire).fetch("2023-10-10", tmp_path / "b", **options).coverage
        == "complete"
    )
    # At first, and then after 4, 8, 16 pages more.
    assert [size for size, _ in wire.refused] == [40] * 2 * 4
    assert sorted(ids(tmp_path / "a")) == sorted(ids(tmp_path / "b")) == truth(made)


@pytest.mark.parametrize("route", ROUTES)
def test_the_size_is_remembered(tmp_path: Path, route: Any) -> None:
    """A slice that is read again is read with pages of the size that came."""
    made = world(per_day=0, page_rows_max=10)
    made.sandbox.world.add(*talks(60))
    wire = Wire(made.sandbox)
    words = ["pass"] * 7 if route == "pages" else ["pass"] * 6
    made.sandbox.faults.put(PAGES[route], *words, "repeat-page" if route == "pages" else "lose-job")
    summary = made.cloud(transport=wire).fetch("2023-10-10", tmp_path, paginate=route, page_size=40)
    assert summary.coverage == "complete"
    firsts = [(size, status) for size, place, status in wire.pages if place in (1, "")]
    assert firsts == [(40, 504), (40, 504), (20, 504), (20, 504), (10, 200), (10, 200)]


LARGE = 20


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize("how", ["504", "413", "400"])
@pytest.mark.parametrize("route", ROUTES)
def test_a_conversation_that_is_too_large(tmp_path: Path, route: Any, how: Any) -> None:
    """One that does not come even alone makes its slice short at a row that is named; what came before it is there."""
    made = world(per_day=0, job_row_order="start", page_bytes_max=8_000, page_too_large=how)
    small = talks(30, media="message", fate="abandoned", minutes=0.2)
    small[LARGE] = talk(LARGE, DAY + timedelta(minutes=LARGE), fate="consulted")
    made.sandbox.world.add(*small)
    wire = Wire(made.sandbox)
    summary = made.cloud(transport=wire).fetch("2023-10-10", tmp_path, paginate=route)
    assert summary.coverage == "short"
    row = LARGE + 1 if route == "cursor" else len(small) - LARGE
    (note,) = [note for note in summary.notes if "is short" in note]
    assert f"row {row} does not come even alone: " in note
    assert "proxy" not in note
    assert len(ids(tmp_path)) == row - 1
    assert made.sandbox.jobs.live == []
    alone = [place for size, place in wire.refused if size == 1]
    assert len(alone) == 2 if how != "504" else len(alone) >= 8


def test_an_outage_is_not_a_large_conversation(tmp_path: Path) -> None:
    """Where nothing is answered, no row is at fault: the run ends as in any outage, and goes on after it."""
    made = world(per_day=60)
    made.sandbox.faults.put("jobs.results", *["return-504"] * 60)
    made.sandbox.faults.put("jobs.availability", "pass", *["return-504"] * 60)
    with pytest.raises(UnavailableError):
        made.cloud().fetch("2023-10-10", tmp_path)
    made.sandbox.faults.clear()
    assert made.cloud().fetch("2023-10-10", tmp_path).coverage == "complete"
    assert sorted(ids(tmp_path)) == truth(made)


@dataclass
class Down(Wire):
    """Until a moment, each page is answered with 504."""

    until: float = 0.0

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        if call.rows and self.sandbox.now() < self.until:
            self.sandbox.faults.put("jobs.results", "return-504")
        return super().send(base, call, headers)


def test_a_short_outage_does_not_end_at_one_row(tmp_path: Path) -> None:
    """Smaller pages are asked for after growing waits, so that an outage of half a minute ends at some dozen rows a page."""
    made = world(per_day=600)
    wire = Down(made.sandbox, until=made.clock.now() + 30)
    made.cloud(transport=wire).fetch("2023-10-10", tmp_path, tables=FEW)
    assert 30 <= min(size for size, _ in wire.asked) < 500


# Resuming ---------------------------------------------------------------------------------------


def interrupted(made: World, place: Path, route: Any, words: int, size: int | None = None) -> None:
    """A run that ends after so many good answers of its route, and can be taken up."""
    made.sandbox.faults.put(PAGES[route], *["pass"] * words, "return-403")
    with pytest.raises(RefusedError):
        made.cloud().fetch("2023-10-10", place, paginate=route, page_size=size)


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize("size", [None, 30, 25, 15, 50])
@pytest.mark.parametrize("route", ROUTES)
def test_another_page_size_on_resuming(tmp_path: Path, route: Any, size: int | None) -> None:
    """A page size that the command names is asked for at once, also by a run that an earlier process began with another."""
    made = world(per_day=0)
    made.sandbox.world.add(*talks(120))
    interrupted(made, tmp_path, route, 3, 30)
    wire = Wire(made.sandbox)
    cloud = made.cloud(transport=wire)
    assert (
        cloud.fetch("2023-10-10", tmp_path, paginate=route, page_size=size).coverage == "complete"
    )
    assert sorted(ids(tmp_path)) == truth(made)
    if route == "pages":
        assert {each for each, _ in wire.asked} == {size or 30}
        assert (wire.asked[0][1] == 1) == (size not in (None, 30))
    else:
        assert made.sandbox.counters["jobs.submit"] == 1
        assert wire.asked[0][1] != ""
        assert {each for each, _ in wire.asked} == {size or 1_000}


def test_the_advice_works(tmp_path: Path) -> None:
    """A job that an earlier process gave up at its first page goes on with the page size that is asked for now."""
    made = world(per_day=0)
    made.sandbox.world.add(*talks(120))
    interrupted(made, tmp_path, "cursor", 0)
    wire = Wire(made.sandbox)
    cloud = made.cloud(transport=wire)
    again = cloud.fetch("2023-10-10", tmp_path, paginate="cursor", page_size=25)
    assert again.coverage == "complete"
    assert {size for size, _ in wire.asked} == {25}
    assert made.sandbox.counters["jobs.submit"] == 1


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize("size", [None, 40])
def test_small_pages_survive_a_crash(tmp_path: Path, size: int | None) -> None:
    """A run that goes on asks for pages of the size that came, not of the size that was refused."""
    made = world(per_day=0, page_rows_max=10)
    made.sandbox.world.add(*talks(60))
    interrupted(made, tmp_path, "pages", 1 + (8 if size is None else 4) + 2, size)
    wire = Wire(made.sandbox)
    made.cloud(transport=wire).fetch("2023-10-10", tmp_path, paginate="pages", page_size=size)
    assert wire.asked[0][1] == 3
    assert wire.asked[0][0] in (6, 10)
    assert sorted(ids(tmp_path)) == truth(made)


def test_small_pages_outlive_a_pause(tmp_path: Path) -> None:
    """Page numbers that were left too long are read from the start, with the size that came."""
    made = world(per_day=0, page_rows_max=10)
    made.sandbox.world.add(*talks(60))
    interrupted(made, tmp_path, "pages", 1 + 4 + 2, 40)
    made.clock.sleep(3_600)
    wire = Wire(made.sandbox)
    made.cloud(transport=wire).fetch("2023-10-10", tmp_path, paginate="pages", page_size=40)
    assert wire.asked[:2] == [(10, 1), (10, 2)]
    assert sorted(ids(tmp_path)) == truth(made)
