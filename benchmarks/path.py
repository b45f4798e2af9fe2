"""The path of one fetch of one page: modules entered, changes of module, frames down to the spool.

The day is settled, so it is read by a job, and its conversations fit one page. The same fetch runs
once before it is measured, so that imports and caches do not count. The organisation's lists are
left out, only sleeping moves the clock, and one thread fetches: the figures do not vary.

A change is a call where the calling frame and the called one belong to two modules of lastpage;
resuming a generator is a call too. Only public names are used, so this measures any build.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.builds import Build, builds, parser

NOW = datetime(2023, 10, 20, 15, 30, 20, tzinfo=UTC)
DAY = "2023-10-10"
PER_DAY = 100
#: The function that keeps an answer on disk, by its qualified name.
KEEPS = "Spool.append"
#: Changes of module that `--detail` lists.
LISTED = 25


class Clock:
    """A clock that only sleeping moves, for the client and the sandbox alike."""

    def __init__(self) -> None:
        self._now = NOW.timestamp()

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += max(seconds, 0.0)

    def stop(self) -> None:
        pass


class Profile:
    """What is called at each call of a function, in all threads; it counts those of lastpage."""

    def __init__(self) -> None:
        self.modules: set[str] = set()
        self.changes: Counter[tuple[str, str]] = Counter()
        self.deepest: list[str] = []
        self._started: dict[threading.Thread, list[str]] = {}
        self._lock = threading.Lock()

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        if event != "call":
            return
        if frame.f_code is threading.Thread.start.__code__:
            # The frames of a thread continue those of the thread that started it.
            self._started[frame.f_locals["self"]] = self._stack(frame)
        module = _module(frame)
        if module is None:
            return
        caller = _module(frame.f_back)
        with self._lock:
            self.modules.add(module)
            if caller not in (None, module):
                self.changes[caller, module] += 1
            if frame.f_code.co_qualname == KEEPS:
                self.deepest = max(self.deepest, self._stack(frame), key=len)

    def _stack(self, frame: FrameType | None) -> list[str]:
        """The functions of lastpage from the outermost to this one."""
        inner = []
        while frame is not None:
            module = _module(frame)
            if module is not None:
                inner.append(f"{module}: {frame.f_code.co_qualname}")
            frame = frame.f_back
        return self._started.get(threading.current_thread(), []) + inner[::-1]


def _module(frame: FrameType | None) -> str | None:
    """The module of a frame, if it is one of lastpage."""
    name = frame.f_globals.get("__name__", "") if frame else ""
    return name if name.partition(".")[0] == "lastpage" else None


def measure() -> dict[str, Any]:
    """Fetch twice from a sandbox on loopback; what the second fetch did."""
    import lastpage
    from lastpage_sandbox import Sandbox, Settings

    world = {"seed": 7, "per_day": PER_DAY, "job_polls": 1, "orphans": 0.0}
    settings = Settings(requests_per_minute=1_000_000, **world)
    credentials = lastpage.Credentials(settings.client_id, settings.client_secret)
    clock, profile = Clock(), Profile()

    with Sandbox(settings, now=clock.now, sleep=clock.sleep).serve(port=0) as server:
        for run in ("warm", "measured"):
            cloud = lastpage.Cloud(credentials, server.url, clock=clock, threads=1)
            with tempfile.TemporaryDirectory() as folder:
                if run == "measured":
                    threading.setprofile(profile)
                    sys.setprofile(profile)
                summary = cloud.fetch(DAY, Path(folder) / "out", names=False)
                sys.setprofile(None)
                threading.setprofile(None)
    assert (summary.coverage, summary.pages) == ("complete", 1), summary
    assert profile.deepest, f"{KEEPS} was not called"
    return {
        "source": str(Path(lastpage.__file__).parents[1]),
        "conversations": summary.conversations,
        "modules": sorted(profile.modules),
        "changes": [[*pair, times] for pair, times in profile.changes.most_common()],
        "frames": profile.deepest,
    }


def measured(build: Build) -> dict[str, Any]:
    """The same in a process of this build."""
    found: dict[str, Any] = build.told("benchmarks.path", "--measure")
    assert found["source"] == str(build.source), "another build was imported"
    return found


def detail(found: dict[str, Any]) -> None:
    print("\n  Down to the spool:")
    for place in found["frames"]:
        print(f"    {place}")
    print("\n  The most frequent changes of module:")
    for caller, callee, times in found["changes"][:LISTED]:
        print(f"    {times:>5} {caller} to {callee}")
    print("\n  Modules entered:")
    for module in found["modules"]:
        print(f"    {module}")


def main(arguments: Sequence[str] = ()) -> None:
    options = parser(__doc__)
    options.add_argument("--detail", action="store_true", help="list modules, changes and frames")
    options.add_argument("--measure", action="store_true", help="measure in this process, as JSON")
    given = options.parse_args(arguments)
    if given.measure:
        print(json.dumps(measure()))
        return
    print("Path: one fetch of one settled day, read by one job in one page")
    print(f"  {'':<40} {'conversations':>13} {'modules':>8} {'changes':>8} {'frames':>7}")
    for build in builds(given.against):
        found = measured(build)
        changes = sum(times for *_, times in found["changes"])
        figures = f"{len(found['modules']):>8} {changes:>8,} {len(found['frames']):>7}"
        print(f"  {build.name[-40:]:<40} {found['conversations']:>13,} {figures}")
        if given.detail:
            detail(found)
    print()


if __name__ == "__main__":
    main(sys.argv[1:])
