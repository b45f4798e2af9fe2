"""What starting costs: processor milliseconds until a command has answered, or a module is there.

The median of several runs; builds take turns, so that whatever else the machine does meets all of
them. Compiled files are kept in a folder that lasts as long as the benchmark, and one run before
the first that counts writes them: as with a package that is installed, nothing is compiled.

As soon as an Arrow value is made, pyarrow imports pandas if that is installed. So where it is,
everything is measured twice: as it is, and with pandas and NumPy hidden.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.builds import Build, builds, parser

RUNS = 9
COMMANDS = (
    ("lastpage --version", ("-m", "lastpage", "--version")),
    ("lastpage --help", ("-m", "lastpage", "--help")),
    ("lastpage fetch --help", ("-m", "lastpage", "fetch", "--help")),
    ("import lastpage", ("-c", "import lastpage")),
    ("limit: Python alone", ("-c", "pass")),
)
HIDDEN = ("pandas", "numpy")


def hide(folder: Path) -> None:
    """Fill a folder with a pandas and a NumPy whose import fails as if they were not installed."""
    for name in HIDDEN:
        (folder / f"{name}.py").write_text("raise ModuleNotFoundError(name=__name__)\n")


def has_pandas(build: Build) -> bool:
    code = "from importlib.util import find_spec; print(find_spec('pandas') is not None)"
    return subprocess.check_output([build.python, "-c", code], cwd="/") == b"True\n"


def cost(build: Build, arguments: Sequence[str], environment: dict[str, str]) -> float:
    """Processor milliseconds of one process, user and system."""
    command = [build.python, *arguments]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, cwd="/", stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def table(title: str, measured: Sequence[Build], before: Sequence[Path], compiled: Path) -> None:
    """Print the medians of each command and build; the ratio is that of the first to the second."""
    names = "".join(f"{build.name[-24:]:>26}" for build in measured)
    print(f"  {title:<24}{names}" + ("   ratio" if len(measured) > 1 else ""))
    for name, arguments in COMMANDS:
        costs: list[list[float]] = [[] for _ in measured]
        for run in range(RUNS + 1):
            for build, of_build in zip(measured, costs, strict=True):
                spent = cost(build, arguments, environment(build, before, compiled))
                if run:
                    of_build.append(spent)
        medians = [statistics.median(of_build) for of_build in costs]
        ratio = f"{medians[0] / medians[1]:>8.2f}" if len(medians) > 1 else ""
        print(f"  {name:<24}" + "".join(f"{median:>26,.0f}" for median in medians) + ratio)


def environment(build: Build, before: Sequence[Path], compiled: Path) -> dict[str, str]:
    variables = build.environment(*before) | {"PYTHONPYCACHEPREFIX": str(compiled)}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    return variables


def main(arguments: Sequence[str] = ()) -> None:
    measured = builds(parser(__doc__).parse_args(arguments).against)
    print(f"Startup: processor milliseconds, the median of {RUNS} runs")
    with tempfile.TemporaryDirectory() as compiled, tempfile.TemporaryDirectory() as hiding:
        if all(map(has_pandas, measured)):
            table("pandas is installed", measured, [], Path(compiled))
        hide(Path(hiding))
        table("without pandas", measured, [Path(hiding)], Path(compiled))
    print()


if __name__ == "__main__":
    main(sys.argv[1:])
