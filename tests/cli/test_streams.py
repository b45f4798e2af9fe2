"""stdout and stderr that are left by their reader, closed or full: nothing ends the work, and the exit code is true."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.inprocess import NOW, talk
from tests.readback import ids
from tests.served import served

from lastpage.cli.app import run
from lastpage_sandbox import Sandbox, Settings

LASTPAGE = (sys.executable, "-m", "lastpage")
FULL = Path("/dev/full")
DAY = datetime(2023, 10, 10, tzinfo=UTC)
#: A stream: how a shell writes it; for one whose reader left there is a pipe.
STREAMS = {"open": "", "left": "", "closed": "{}>&-", "full": "{}>/dev/full"}
FETCH = ("fetch", "2023-10-10", "--paginate", "pages", "--verbose")
#: What a command is, and its exit code for each fate of stdout. That of stderr never counts.
CODES = {
    "fetch": ((*FETCH, "--to", "out"), {"open": 0, "left": 0, "closed": 6, "full": 6}),
    "fetch --to -": ((*FETCH, "--to", "-"), {"open": 0, "left": 6, "closed": 6, "full": 6}),
    "help": (("fetch", "--help"), {"open": 0, "left": 0, "closed": 6, "full": 6}),
    "version": (("--version",), {"open": 0, "left": 0, "closed": 6, "full": 6}),
    "plan": (("plan", "2023-10-10"), {"open": 0, "left": 0, "closed": 6, "full": 6}),
    "verify": (("verify", "held"), {"open": 3, "left": 3, "closed": 3, "full": 3}),
}
#: Words that are for nobody's eyes.
OURS = ("Traceback", "fault of lastpage", "BrokenPipe", "Exception ignored", "Errno")


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A served organisation, and `held`: a day of it, to which a few conversations were added since."""
    settings = Settings(seed=7, per_day=20, requests_per_minute=60_000, job_polls=0, orphans=0.0)
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("streams")
        with served(settings, NOW, patch, folder) as box:
            assert run(["fetch", "2023-10-10", "--quiet", "--to", "held"]) == 0
            box.world.add(*(talk(number, DAY.replace(hour=9)) for number in range(9)))
            yield box


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what of it could be read."""

    code: int
    out: str
    err: str


def ended(arguments: tuple[str, ...], out: str = "open", err: str = "open") -> Ended:
    """Run a command of its own with such streams, as a shell would."""
    redirections = f"{STREAMS[out].format(1)} {STREAMS[err].format(2)}"
    # A pipe that nobody reads, from the first byte on.
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            ["sh", "-c", f'exec "$@" {redirections}', "sh", *LASTPAGE, *arguments],
            stdout=writing if out == "left" else subprocess.PIPE,
            stderr=writing if err == "left" else subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)
    return Ended(done.returncode, done.stdout or "", done.stderr or "")


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
@pytest.mark.parametrize("err", STREAMS)
@pytest.mark.parametrize("out", STREAMS)
@pytest.mark.parametrize("command", CODES)
def test_every_stream(
    box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, out: str, err: str
) -> None:
    """Each command with each fate of stdout and of stderr: the work is done, and the exit code says what failed."""
    arguments, codes = CODES[command]
    if command == "fetch":
        monkeypatch.chdir(tmp_path)
    end = ended(arguments, out, err)
    assert end.code == codes[out]
    assert not [words for words in OURS if words in end.err]
    if err == "open":
        is_told = f"lastpage: cannot {'write' if command == 'fetch --to -' else 'print'} to stdout"
        assert (is_told in end.err) == (out in ("closed", "full") or end.code == 6)
    if out == "open":
        assert end.out
    day = box.truth_ids(DAY, DAY.replace(day=11))
    if command == "fetch":
        assert set(ids(tmp_path / "out")) == day
    if command == "fetch --to -" and out == "open":
        assert len(end.out.splitlines()) == len(day)
