"""The benchmarks' rows: each reads everything that is there, and says how much that was."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from benchmarks.builds import Build
from benchmarks.growth import held
from benchmarks.measured import Measured, measured, median
from benchmarks.pages import DETAILS, FEW, PAGE, PER_DAY, Extract, conversations_of, pages_of
from benchmarks.readers import PASSES, READERS
from benchmarks.replay import FREE, moved, replaying, template
from benchmarks.speed import OURS, ROWS

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
