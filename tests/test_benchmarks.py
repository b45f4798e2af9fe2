"""The benchmarks' rows: each reads everything that is there, and says how much that was."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest
from benchmarks.builds import Build
from benchmarks.growth import held
from benchmarks.measured import Measured, measured, median
from benchmarks.paced import DAY, HOUR, Row, told
from benchmarks.paced import ROWS as PACED
from benchmarks.pages import DETAILS, FEW, PAGE, PER_DAY, Extract, conversations_of, pages_of
from benchmarks.path import Clock
from benchmarks.readers import PASSES, READERS
from benchmarks.replay import FREE, moved, replaying, template
from benchmarks.speed import OURS, ROWS
from benchmarks.waiting import Place, Waited, box, real, sandboxed, simulated

ROOT = Path(__file__).parents[1]
#: What each needs that not everybody has installed.
NEEDS = {
    "official_sdk": "PureCloudPlatformClientV2",
    "requests_and_json": "requests",
    "requests_and_pandas": "requests",
    "dlt": "dlt",
}


@dataclass(frozen=True)
class Both:
    """The few and a page of the first day: two pages, so a reader has to go on."""

    size = FEW + PAGE
    job = "0-2"
    interval = "2022-12-31/2023-01-02"

    def results(self, url: str) -> str:
        return f"{url}{DETAILS}/jobs/{self.job}/results"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("pages")
    for number, page in enumerate(template(PAGE)):
        (folder / str(number)).write_bytes(moved(page, number))
    with replaying(folder, 2, FREE) as replay:
        yield replay.url


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("reader", READERS)
def test_a_reader_ends_with_all_conversations(server: str, reader: str) -> None:
    """Whoever is compared has everything in the end, where it put it; what is only parsed comes several times over."""
    pytest.importorskip(NEEDS.get(reader, "lastpage"), exc_type=ImportError)
    done = READERS[reader](server, Both())
    times = PASSES if reader in ("arro3_alone", "parse_only") else 1
    assert (done[0] if isinstance(done, tuple) else done) == Both.size * times


def test_a_process_measures_itself(server: str) -> None:
    """A row is a process that imports the build it is told to; its start is not in its seconds."""
    found = measured(Build.at(ROOT), "lastpage", server, Extract(FEW))
    assert found
    assert found.conversations == FEW
    assert found.start_processor_s > found.processor_s > 0
    assert found.peak_mib > 1


def test_what_cannot_be_measured_is_left_out(server: str) -> None:
    """A reader that fails has no figures, rather than some."""
    assert measured(Build.at(ROOT), "lastpage", server + "/nowhere", Extract(FEW)) is None


def test_a_wheel_is_a_build(tmp_path: Path) -> None:
    """A wheel is unpacked; what is none is refused by name."""
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.whl", "w") as archive:
        archive.writestr("lastpage/__init__.py", "")
    assert (Build.at(tmp_path / "a.whl").source / "lastpage" / "__init__.py").exists()
    with pytest.raises(SystemExit, match="no wheel"):
        Build.at(tmp_path / "b.whl")


def test_figures_are_medians() -> None:
    """Of each figure by itself."""
    runs = [Measured(10, seconds, 3 - seconds, 1, 1, 1) for seconds in (0.5, 1, 2)]
    assert median(runs) == Measured(10, 1, 2, 1, 1, 1)
    assert median(runs).each_us == 100_000


def test_the_pages_of_a_day() -> None:
    """Days, pages and counts fit together."""
    assert pages_of(Extract(FEW).interval) == (0, 1)
    assert pages_of(Extract(2 * PER_DAY).interval) == (1, 21)
    assert (Extract(FEW).job, Extract(3 * PAGE).job, Extract(PER_DAY).job) == ("0-1", "1-4", "1-11")
    assert conversations_of(range(2)) == FEW + PAGE
    assert conversations_of(range(1, 21)) == 2 * PER_DAY


def test_rows_are_readers() -> None:
    """Every row is a reader, and every reader has a row."""
    assert {reader for reader, *_ in ROWS} == set(READERS)
    assert set(OURS) < set(READERS)


def test_what_lies_beside(tmp_path: Path) -> None:
    """All files below are counted, and a folder that is not there yet is empty."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(bytes(10_000))
    assert 10_000 <= held(tmp_path) < 100_000
    assert held(tmp_path / "none") == 0


FEW_A_DAY = {"per_day": 20.0, "requests_per_minute": 3}


@pytest.mark.parametrize("route", ["pages", "cursor"])
@pytest.mark.parametrize("reader", ["loop", "lastpage"])
def test_who_waits_reads_everything_too(reader: str, route: str) -> None:
    """Under an allowance, by either route, both have what starts in the interval; and both had to wait."""
    found = simulated(reader, Place(DAY, route, FEW_A_DAY))
    start, end = map(datetime.fromisoformat, DAY.split("/"))
    assert found.conversations == len(box(FEW_A_DAY, Clock()).truth_ids(start, end))
    assert found.requests > 0
    assert found.seconds > 0 or reader == "loop"


def test_the_loop_has_no_pace() -> None:
    """It asks until it is refused, and then waits as long as it is told to."""
    busy = Place("2023-10-02T00:00Z/2023-10-12T00:00Z", "pages", FEW_A_DAY)
    found = simulated("loop", busy)
    assert found.refused
    assert found.seconds >= 60
    free = simulated("loop", replace(busy, settings={"per_day": 20.0}))
    assert (free.conversations, free.refused, free.seconds) == (found.conversations, 0, 0)


def test_a_sandbox_of_its_own_begins_anew() -> None:
    """What a server in another process has rendered before does not count, and its minute is whole."""
    with sandboxed(Place(DAY, "pages", FEW_A_DAY)) as (place, begin):
        assert place.url.startswith("http://")
        begin()
        assert begin() == (0, 0)
        assert real("loop", place).conversations
        requests, refused = begin()
    assert (requests, refused) == (2, 0)


def test_the_least_possible() -> None:
    """A minute for each 300 requests after the first, and the job."""
    pages, job = Row(1, "pages", DAY, 1), Row(1, "cursor", HOUR, 1, job_s=6)
    assert [pages.least_s(each) for each in (1, 30_000, 30_001, 60_001)] == [0, 0, 60, 120]
    assert [job.least_s(each) for each in (1, 300_000, 300_001)] == [6, 6, 66]


def test_a_line_of_the_paced_table() -> None:
    """The seconds of a loop, of this build and of another, with the ratio of the last two."""
    line = told(PACED[0], Waited(100, 1.5), Waited(100, 2, 20), Waited(100, 8))
    assert line.split() == [
        "100",
        "cursor",
        "1",
        "real",
        "1",
        "1.5",
        "2.0",
        "20",
        "0",
        "8.0",
        "0.25",
    ]
