"""What a command imports: only what it uses. Arrow alone takes longer than all the rest of a help text."""

import os
import subprocess
import sys
import textwrap
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pytest
from tests import postgres
from tests.inprocess import world

from lastpage_sandbox import Sandbox

#: Packages that take long to import, and that some verb needs.
HEAVY = frozenset(
    {
        *("pyarrow", "arro3", "duckdb", "zstandard"),  # tables and destinations
        *("adbc_driver_postgresql", "adbc_driver_manager"),  # … on a server
        *("pandas", "pyarrow.dataset"),  # what Arrow asks where it is given lists or groups
        *("urllib3", "truststore", "msgspec", "isal"),  # the network
        *("lastpage_sandbox", "werkzeug", "cheroot"),  # the sandbox
        *("cyclopts", "rich", "importlib.metadata"),  # the command line
    }
)
POOL = "ARROW_DEFAULT_MEMORY_POOL"
#: The allocator that Arrow would take by itself.
USUAL = pa.supported_memory_backends()[0]
HELP = frozenset({"cyclopts", "rich"})
#: What it takes to read what a destination has recorded.
NEEDED = {".duckdb": {"duckdb", "importlib.metadata"}, ".jsonl": {"zstandard"}}


def imported(code: str) -> set[str]:
    """The heavy packages that a new process has imported after these lines."""
    report = f"sys.stderr.write(' '.join({set(HEAVY)!r} & set(sys.modules)))"
    lines = f"import sys\ntry:\n{textwrap.indent(code, '    ')}\nfinally:\n    {report}"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def command(*arguments: str) -> str:
    argv = ["lastpage", *arguments]
    return f"sys.argv = {argv!r}\nfrom lastpage.__main__ import main\nmain()"


@pytest.mark.parametrize(
    ("code", "needed"),
    [
        ("import lastpage", frozenset()),
        ("from lastpage import LastpageError, Interval, Slice, __version__", frozenset()),
        (command("--version"), frozenset()),
        (command("--help"), HELP),
        (command("fetch", "--help"), HELP | {"msgspec", "isal"}),
        (command("sandbox", "--help"), HELP),
    ],
    ids=["import", "from", "version", "help", "fetch --help", "sandbox --help"],
)
def test_imports(code: str, needed: frozenset[str]) -> None:
    """Nothing heavy is imported but what draws a help text."""
    assert imported(code) <= needed


@pytest.mark.parametrize("arguments", [("doctor",), ("plan", "2023-10-10")])
def test_verbs_without_tables(box: Sandbox, arguments: tuple[str, ...]) -> None:
    """A verb that makes no tables imports neither Arrow nor DuckDB, and none of the sandbox."""
    found = imported(command(*arguments))
    tables = {"pyarrow", "arro3", "pandas", "duckdb", "adbc_driver_postgresql"}
    assert found.isdisjoint({*tables, "lastpage_sandbox"})


@pytest.mark.parametrize("name", ["x", "x.csv.d", "x.duckdb", "x.jsonl"])
def test_status(name: str, tmp_path: Path) -> None:
    """What a destination has recorded is read without Arrow, and without the network."""
    place = tmp_path / name
    form = "csv" if "csv" in name else None
    world(per_day=5).cloud().fetch("2023-10-10", place, format=form, names=False)
    found = imported(command("status", str(place)))
    assert found <= HELP | {"msgspec", "isal"} | NEEDED.get(place.suffix, set())


@pytest.mark.skipif(bool(postgres.WHY_NOT), reason=postgres.WHY_NOT)
def test_status_of_a_server(tmp_path: Path) -> None:
    """The driver is Arrow's, and imports what it can be asked for; nothing else does, nor the network."""
    place, state = postgres.url(tmp_path), tmp_path / "state"
    world(per_day=5).cloud().fetch("2023-10-10", place, names=False, state=state)
    found = imported(command("status", place, "--state", str(state)))
    driver = imported("import adbc_driver_postgresql.dbapi")
    assert found - driver <= HELP | {"msgspec", "isal", "importlib.metadata", "arro3"}


#: Everything that is done with a destination: written, held against what is there, written anew.
LIFE = """
import sys
from importlib.metadata import version
from pathlib import Path
from tests.inprocess import world
cloud, place, form = world(per_day=40).cloud(), Path(sys.argv[1]), sys.argv[2] or None
chosen = {} if form == "jsonl" else {"attributes": ("skill", "language")}
cloud.fetch("2023-10-10/2023-10-12", place, format=form, **chosen)
cloud.verify(place, content=True)
cloud.fetch("2023-10-10/2023-10-13", place, format=form, refresh=True, **chosen)
cloud.sync(place, since="2023-10-09", **chosen)
print(*{"pyarrow", "pandas", "pyarrow.dataset"} & sys.modules.keys())
"""


@pytest.mark.parametrize(
    ("name", "form"),
    [("x", ""), ("x", "csv"), ("x", "jsonl"), ("x.duckdb", "")],
)
def test_no_pandas_by_accident(name: str, form: str, tmp_path: Path) -> None:
    """Nothing that tables go through imports pandas, which Arrow does at the first list it is given."""
    if name.endswith(".duckdb") and version("duckdb") < "2":
        pytest.skip("this version of DuckDB imports pandas itself, where it is installed")
    command = [sys.executable, "-c", LIFE, str(tmp_path / name), form]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["pyarrow"]), done.stderr


def test_the_version_both_ways(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`lastpage --version` prints the version of the package, however it is started."""
    from importlib.metadata import version

    from lastpage.cli.app import run

    assert run(["--version"]) == 0
    subprocess.run([sys.executable, "-m", "lastpage", "--version"], cwd=tmp_path, check=True)
    assert capfd.readouterr().out.split() == [version("lastpage")] * 2


@pytest.mark.parametrize(
    ("chosen", "pool"), [({}, "system"), ({POOL: USUAL}, USUAL)], ids=["default", "chosen"]
)
def test_the_allocator(chosen: dict[str, str], pool: str) -> None:
    """A command's Arrow gives memory back to the system, unless the user chose another allocator."""
    lines = (
        "from lastpage.cli.app import return_memory\nreturn_memory()\n"
        "import pyarrow\nprint(pyarrow.default_memory_pool().backend_name)"
    )
    others = {name: value for name, value in os.environ.items() if name != POOL}
    done = subprocess.run(
        [sys.executable, "-c", lines],
        env={**others, **chosen},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [pool]
