"""Builds to compare: each is measured in processes of its own that import it before all else."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Build:
    """A folder that lastpage is imported from, and the interpreter that imports it."""

    name: str
    python: str
    source: Path

    @classmethod
    def at(cls, folder: Path, name: str = "") -> Build:
        """A checkout, with its own interpreter if it has a .venv; or a folder of packages."""
        folder = folder.resolve()
        source = folder / "src" if (folder / "src").is_dir() else folder
        if not (source / "lastpage").is_dir():
            raise SystemExit(f"lastpage is neither in {folder} nor in its src")
        own = folder / ".venv" / "bin" / "python"
        return cls(name or str(folder), str(own) if own.exists() else sys.executable, source)

    def environment(self, *before: Path) -> dict[str, str]:
        """The variables of a process that imports this build; `before` are folders before it."""
        path = os.pathsep.join(map(str, [*before, self.source]))
        return {**os.environ, "PYTHONPATH": path}


def parser(text: str) -> ArgumentParser:
    """The options that these benchmarks share; help shows the first line of `text`."""
    options = ArgumentParser(description=text.splitlines()[0])
    options.add_argument("--against", type=Path, metavar="PATH", help="another build to measure")
    return options


def builds(against: Path | None) -> Sequence[Build]:
    """This build, and the other one if there is one."""
    return [Build.at(ROOT, "this build"), *([Build.at(against)] if against else [])]
