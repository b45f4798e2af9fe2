"""Tables that are made while a slice is fetched: each page once, and only what would have been written anyway."""

import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from stat import S_IMODE
from typing import Any

import pytest

from lastpage.api.messages import Answer
from lastpage.api.records import Raw
from lastpage.extraction import ahead as module
from lastpage.extraction.ahead import PAGES_MAX, Ahead
from lastpage.files import make_private_folder
from lastpage.ledger.ledger import Ledger
from lastpage.ledger.spool import Frame, Spool
from lastpage.query.interval import Interval
from lastpage.tables.build import Shredder
from lastpage.tables.parse import Tables
from tests.inprocess import NOW, World, world
from tests.readback import everything, ids, table

TEN = datetime(2023, 10, 10, tzinfo=UTC)
TODAY = NOW.replace(hour=0, minute=0, second=0)
MORNING = "2023-10-20T09:00Z/2023-10-20T15:00Z"
DAYS = "2023-10-10/2023-10-12"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many records were made into tables, each time."""
    counts: list[int] = []
    shred = Shredder.__call__

    def counted(self: Shredder, page: Sequence[Raw]) -> Tables:
        counts.append(len(page))
        return shred(self, page)

    monkeypatch.setattr(Shredder, "__call__", counted)
    return counts


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Frame]:
    """What was read back of pages."""
    frames: list[Frame] = []
    read = Spool.read

    def counted(self: Spool, attempt: int, frame: Frame) -> bytes | None:
        frames.append(frame)
        return read(self, attempt, frame)

    monkeypatch.setattr(Spool, "read", counted)
    return frames


def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is there that was made ahead."""
    monkeypatch.setattr(Ahead, "take", lambda *_: None)


@pytest.mark.parametrize("span", [DAYS, MORNING])
@pytest.mark.parametrize("to", ["out", "out.duckdb"])
def test_every_page_once(
    made: list[int], opened: list[Frame], span: str, to: str, tmp_path: Path
) -> None:
    """A record is made into tables once, while it is in hand, and its page is not read back: by job, and by page numbers."""
    summary = world().cloud().fetch(span, tmp_path / to)
    assert summary.coverage == "complete"
    assert summary.conversations == sum(made)
    assert opened == []


def tables_of(place: World, span: str, folder: Path, **options: Any) -> dict[str, Any]:
    assert place.cloud().fetch(span, folder, **options).coverage == "complete"
    return everything(folder)


@pytest.mark.parametrize(
    "words", [["slide-rows"], ["pass", "slide-rows", "pass", "slide-rows"], ["repeat-page"]]
)
def test_rows_that_slide(words: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of rows that slid across pages the last copy alone is written, although the tables of every copy were made."""
    found = []
    for number in range(2):
        box = world(per_day=400)
        box.sandbox.faults.put("details.query", *["pass"] * 3, *words)
        found.append(tables_of(box, MORNING, tmp_path / f"{number}", page_size=20))
        without(monkeypatch)
    assert found[0] == found[1]
    assert sorted(ids(tmp_path / "0")) == sorted(
        box.truth(TODAY.replace(hour=9), TODAY.replace(hour=15))
    )


def test_copies_that_are_accepted(opened: list[Frame], tmp_path: Path) -> None:
    """Where rows came twice and none is missing, the page of the earlier copies alone is opened again."""
    box = world(per_day=900)
    box.sandbox.faults.put("jobs.results", "pass", "pass", "repeat-page")
    summary = box.cloud().fetch("2023-10-10", tmp_path, page_size=100)
    assert (summary.coverage, summary.duplicates) == ("complete", 100)
    assert sorted(ids(tmp_path)) == sorted(box.truth(TEN, TEN + timedelta(days=1)))
    read = Counter(frame.offset for frame in opened)
    assert max(read.values()) == 2
    assert list(read.values()).count(2) == 1


def test_hours_that_are_not_accepted(tmp_path: Path) -> None:
    """Of a page only those rows are written that lie in accepted hours; what is there and fresher stays."""
    box = world(per_day=300)
    tables_of(box, "2023-10-20T06:00Z/2023-10-20T08:00Z", tmp_path, paginate="pages")
    box.clock.sleep(60.0)
    span = "2023-10-20T05:00Z/2023-10-20T09:00Z"
    summary = box.cloud().fetch(span, tmp_path, paginate="cursor", refresh=True)
    assert any("stays as it was" in note for note in summary.notes)
    # Only jobs bring attributes.
    attributes = {row["conversation_id"] for row in table(tmp_path, "participant_attributes")}
    by_job = box.truth(TODAY.replace(hour=5), TODAY.replace(hour=6))
    by_pages = box.truth(TODAY.replace(hour=6), TODAY.replace(hour=8))
    assert attributes & by_job
    assert not attributes & by_pages


def test_nothing_reaches_a_destination_before_its_verdict(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """While pages come, and tables of them are made, the destination has nothing."""
    seen: list[list[str]] = []
    add = Ahead.add

    def looking(self: Ahead, attempt: int, number: int, interval: Interval, answer: Answer) -> None:
        add(self, attempt, number, interval, answer)
        self.wait(attempt)
        seen.append([path.name for path in tmp_path.rglob("day=*")])

    monkeypatch.setattr(Ahead, "add", looking)
    tables_of(world(), "2023-10-10", tmp_path)
    assert seen
    assert not any(seen)


def test_what_is_left_behind(made: list[int], tmp_path: Path) -> None:
    """Tables are their owner's alone, count as what is on the disk, and go with a run that ends early; the next one makes them again."""
    box, spool = world(per_day=900), tmp_path / ".lastpage" / "spool"
    add, modes = Ahead.add, set[int]()

    def looking(self: Ahead, attempt: int, number: int, interval: Interval, answer: Answer) -> None:
        before = Spool(spool).size()
        add(self, attempt, number, interval, answer)
        self.wait(attempt)
        modes.update(S_IMODE(path.stat().st_mode) for path in spool.rglob("*"))
        assert Spool(spool).size() > before

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ahead, "add", looking)
        with box.outage("jobs.results", "pass"):
            box.cloud().fetch("2023-10-10", tmp_path, page_size=300)
    assert modes == {0o600, 0o700}
    assert [path.suffix for path in spool.iterdir()] == [".pages"]
    first = sum(made)
    assert first == 300
    made.clear()
    summary = box.cloud().fetch("2023-10-10", tmp_path, page_size=300)
    assert summary.coverage == "complete"
    assert sum(made) == summary.conversations
    assert list(spool.iterdir()) == []


def test_what_a_crash_has_left(tmp_path: Path) -> None:
    """Tables of an earlier process are removed before anything is read."""
    left = tmp_path / "spool" / "1.tables"
    make_private_folder(left)
    (left / "0 2023-10-10").write_bytes(b"half a table")
    with closing(Ledger(tmp_path)):
        assert not left.exists()


def test_a_reading_that_is_given_up(tmp_path: Path) -> None:
    """The tables of an attempt that is lost go with its pages."""
    box, spool = world(per_day=900), tmp_path / ".lastpage" / "spool"
    box.sandbox.faults.put("jobs.results", "pass", "return-404")
    left: list[list[str]] = []
    add = Ahead.add

    def looking(self: Ahead, attempt: int, number: int, interval: Interval, answer: Answer) -> None:
        left.append(sorted(path.name for path in spool.iterdir()))
        add(self, attempt, number, interval, answer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ahead, "add", looking)
        box.cloud().fetch("2023-10-10", tmp_path, page_size=300)
    assert left[0] == ["1.pages"]
    assert left[1] == ["2.pages"]


def test_as_much_as_may_lie_here(
    monkeypatch: pytest.MonkeyPatch, made: list[int], opened: list[Frame], tmp_path: Path
) -> None:
    """What would be more is made when the day is written: nothing is lost."""
    monkeypatch.setattr(module, "BYTES_MAX", 0)
    cloud = world(per_day=900).cloud()
    first = cloud.fetch("2023-10-10", tmp_path, page_size=300)
    assert first.coverage == "complete"
    assert sum(made) == first.conversations
    assert len(opened) == len(made) > 0


def test_what_was_written_counts_no_longer(tmp_path: Path) -> None:
    """Once an attempt is forgotten, there is room for the next one."""
    shredder = Shredder()
    ahead = Ahead(shredder, Spool(tmp_path))
    record = b'{"conversationId":"a","conversationStart":"2023-10-20T10:00:00.000Z"}'
    page = Answer(200, {}, b'{"conversations":[' + record + b"]}")
    ahead.add(1, 0, Interval(TODAY, NOW), page)
    ahead.wait(1)
    assert ahead._bytes.total() == sum(path.stat().st_size for path in tmp_path.rglob("0 *"))
    ahead.forget(1)
    assert ahead._bytes.total() == 0
    ahead.close()


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch, made: list[int], tmp_path: Path) -> None:
    """Tables that find no room are made when the day is written, of the pages."""

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(module, "_keep", full)
    summary = world().cloud().fetch("2023-10-10", tmp_path)
    assert summary.coverage == "complete"
    assert sum(made) == 2 * summary.conversations


def test_walks_wait(tmp_path: Path) -> None:
    """While as many pages as may be are in hand, who brings another one waits."""
    going, came = threading.Event(), []

    def slow(page: Sequence[Raw]) -> Tables:
        going.wait()
        return {}

    slow.schemas = {}  # type: ignore[attr-defined]
    ahead = Ahead(slow, Spool(tmp_path))  # type: ignore[arg-type]
    page = Answer(
        200,
        {},
        b'{"conversations":[{"conversationId":"a","conversationStart":"2023-10-20T10:00:00.000Z"}]}',
    )

    def bring() -> None:
        for number in range(PAGES_MAX + 1):
            ahead.add(1, number, Interval(TODAY, NOW), page)
            came.append(number)

    walk = threading.Thread(target=bring)
    walk.start()
    while len(came) < PAGES_MAX:
        pass
    assert ahead._room.acquire(blocking=False) is False
    going.set()
    walk.join()
    ahead.close()
    assert came == list(range(PAGES_MAX + 1))
    assert list(tmp_path.iterdir()) == []
