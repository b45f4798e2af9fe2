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


@pytest.mark.parametrize("module", ["schema", "selection", "unknown"])
def test_descriptions_need_no_arrow(module: str) -> None:
    """Columns are described and selections are checked without loading Arrow."""
    assert loaded(f"lastpage.tables.{module}") == set()


def test_arrow_needs_no_pandas() -> None:
    """No module makes an Arrow value when it is imported: at the first one pyarrow loads pandas."""
    assert loaded("lastpage.tables.build") == {"pyarrow", "arro3"}
