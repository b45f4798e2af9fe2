"""Builds to compare: each is measured in processes of its own that import it before all else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Build:
    """A folder that lastpage is imported from, and the interpreter that imports it."""

    name: str
    python: str
    source: Path

    @classmethod
    def at(cls, place: Path, name: str = "") -> Build:
        """A checkout, with its own interpreter if it has a .venv; a folder of packages; a wheel."""
        place = place.resolve()
        folder = Path(unpacked(place).name).resolve() if place.suffix == ".whl" else place
        source = folder / "src" if (folder / "src").is_dir() else folder
        if not (source / "lastpage").is_dir():
            raise SystemExit(f"lastpage is neither in {place} nor in its src")
        own = folder / ".venv" / "bin" / "python"
        return cls(name or str(place), str(own) if own.exists() else sys.executable, source)

    def environment(self, *before: Path) -> dict[str, str]:
        """The variables of a process that imports this build; `before` are folders before it."""
        path = os.pathsep.join(map(str, [*before, self.source]))
        return {**os.environ, "PYTHONPATH": path}

    def told(self, module: str, *arguments: object, **variables: str) -> Any:
        """What a module says, run as a process of this build: the JSON in its last line."""
        command = [self.python, "-m", module, *map(str, arguments)]
        environment = self.environment() | variables
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True
        )
        return json.loads(done.stdout.splitlines()[-1])


@cache
def unpacked(wheel: Path) -> TemporaryDirectory[str]:
    """A folder with what is in a wheel of lastpage, which needs no compiling; it goes when this
    process ends.
    """
    if not wheel.is_file():
        raise SystemExit(f"there is no wheel {wheel}")
    folder = TemporaryDirectory(prefix="lastpage-wheel-")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder.name)
    return folder


def parser(text: str) -> ArgumentParser:
    """The options that these benchmarks share; help shows the first line of `text`."""
    options = ArgumentParser(description=text.splitlines()[0])
    options.add_argument(
        "--against", type=Path, metavar="PATH", help="another build to measure: a checkout, a wheel"
    )
    return options


def builds(against: Path | None) -> Sequence[Build]:
    """This build, and the other one if there is one."""
    return [Build.at(ROOT, "this build"), *([Build.at(against)] if against else [])]
