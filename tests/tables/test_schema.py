"""Tables as descriptions: checking them needs no Arrow, and Arrow needs no pandas."""

import subprocess
import sys

import pytest

#: Imports a module without what the package itself offers, and prints which of these came along.
LOADED = """
import importlib, sys, types
from pathlib import Path
package = types.ModuleType("lastpage")
package.__path__ = [sys.argv[1]]
sys.modules["lastpage"] = package
importlib.import_module(sys.argv[2])
print(*sorted({"pyarrow", "pandas", "duckdb", "zstandard", "arro3"} & sys.modules.keys()))
"""


def loaded(module: str) -> set[str]:
    import lastpage

    command = [sys.executable, "-c", LOADED, *lastpage.__path__, module]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module",
    ["tables.schema", "tables.selection", "tables.unknown", "sinks.sink", "sinks.destination"],
)
def test_descriptions_need_no_arrow(module: str) -> None:
    """Columns are described, selections and destinations are checked without loading what writes them."""
    assert loaded(f"lastpage.{module}") == set()


@pytest.mark.parametrize("module", ["sinks.jsonl", "extraction.delivery"])
def test_lines_need_no_arrow(module: str) -> None:
    """JSON lines are delivered without loading Arrow."""
    assert loaded(f"lastpage.{module}") <= {"zstandard"}


def test_arrow_needs_no_pandas() -> None:
    """No module makes an Arrow value when it is imported: at the first one pyarrow loads pandas."""
    assert loaded("lastpage.tables.build") == {"pyarrow", "arro3"}
