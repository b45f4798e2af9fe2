"""As the volume grows: time, memory and disk of a fetch by job into Parquet, up to a million.

What is kept beside the destination while it is read (answers that are not written yet, the ledger)
is looked at ten times a second, from outside. Every page is another one, under dates and ids of its
own; the pages are made beforehand, in files (`replay.py`).
"""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.builds import Build, builds, parser
from benchmarks.measured import Measured, measured
from benchmarks.pages import PAGE, PER_DAY, Extract
from benchmarks.readers import FOLDER
from benchmarks.replay import rendered, replaying

SIZES = (10_000, 100_000, 1_000_000)
#: What the largest is held against, how far it may be off, and MiB of memory.
BASE, TOLERANCE, PEAK_MIB = 100_000, 1.10, 400.0
LOOK_S = 0.1


class Beside:
    """The most that was in a folder beside a destination, in bytes on the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._over = threading.Event()
        self.most = 0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at it while the block runs."""
        watcher = threading.Thread(target=self._watch)
        watcher.start()
        try:
            yield
        finally:
            self._over.set()
            watcher.join()

    def _watch(self) -> None:
        while not self._over.wait(LOOK_S):
            self.most = max(self.most, held(self._folder))


def held(folder: Path) -> int:
    """Bytes on the disk of all files below."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_blocks * 512
        except FileNotFoundError:
            continue  # it has gone since it was listed
    return total


def grown(build: Build, url: str, size: int) -> tuple[Measured, int]:
    """One extract, and the most that was kept beside it."""
    with tempfile.TemporaryDirectory() as folder:
        beside = Beside(Path(folder) / "out" / ".lastpage")
        with beside.watched():
            found = measured(build, "lastpage", url, Extract(size), **{FOLDER: folder})
        assert found, "the fetch failed"
        return found, beside.most


def table(measured_builds: Sequence[Build], url: str, sent: list[int]) -> dict[int, Measured]:
    """Print each size and build; what this build did."""
    ours = {}
    print(
        f"  {'':<24}{'conversations':>14}{'seconds':>9}{'µs each':>9}{'processor µs':>14}"
        f"{'peak MiB':>10}{'sent MiB':>10}{'beside MiB':>12}"
    )
    for size in SIZES:
        for build in measured_builds:
            one, beside = grown(build, url, size)
            if build is measured_builds[0]:
                ours[size] = one
            print(
                f"  {build.name[-24:]:<24}{size:>14,}{one.seconds:>9.1f}{one.each_us:>9.0f}"
                f"{one.processor_us:>14.0f}{one.peak_mib:>10.0f}"
                f"{sum(sent[: size // PAGE]) / 2**20:>10,.0f}{beside / 2**20:>12,.0f}"
            )
    return ours


def verdicts(found: dict[int, Measured]) -> None:
    """The largest against the base, a conversation each; and the most memory of all."""
    base, largest = found[BASE], found[max(found)]
    for what, ratio in (
        ("wall time", largest.each_us / base.each_us),
        ("processor time", largest.processor_us / base.processor_us),
        ("peak memory", largest.peak_mib / base.peak_mib),
    ):
        reached = "reached" if ratio <= TOLERANCE else "NOT reached"
        print(f"  {what}: {ratio:.2f} of that at {BASE:,}; the goal of {TOLERANCE:g} is {reached}")
    reached = "reached" if max(one.peak_mib for one in found.values()) < PEAK_MIB else "NOT reached"
    print(f"  the goal of a peak under {PEAK_MIB:g} MiB is {reached}\n")


def main(arguments: Sequence[str] = ()) -> None:
    chosen = builds(parser(__doc__).parse_args(arguments).against)
    print("Growth: rendered job pages over loopback, all tables as Parquet")
    with rendered(max(SIZES) // PER_DAY) as (folder, pages), replaying(folder, pages) as server:
        sent = [(folder / str(number)).stat().st_size for number in range(1, pages)]
        verdicts(table(chosen, server.url, sent))


if __name__ == "__main__":
    main(sys.argv[1:])
