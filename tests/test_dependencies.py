"""What lastpage stands on: declared, pinned and described, and the three agree."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "pyproject.toml").read_text("utf-8")
DECLARED = tomllib.loads(TEXT)
PROJECT = DECLARED["project"]
RUNTIME = [Requirement(each) for each in PROJECT["dependencies"]]
OTHERS = [
    Requirement(each)
    for group in (DECLARED["build-system"]["requires"], *PROJECT["optional-dependencies"].values())
    for each in group
]
DIRECT = {each.name: each for each in (*RUNTIME, *OTHERS) if each.name != PROJECT["name"]}
#: What the package imports only where it was installed with them.
EXTRAS = ("delta", "excel", "postgres", "s3")
#: What the Makefile alone installs.
TOOLS = {"uv"}
PINS = dict(
    re.findall(r"^([^#\s=]+)==(\S+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
)
PINNED = {canonicalize_name(name): version for name, version in PINS.items()}
#: Each row of docs/dependencies.md: what for, licence, version, date, what would replace it.
ROWS = {
    name: facts
    for name, *facts in re.findall(
        r"^\| (\S+) \| ([^|]+) \| ([^|]+) \| (\S+), (\d{4}-\d\d-\d\d) \| ([^|]+) \|$",
        (ROOT / "docs" / "dependencies.md").read_text("utf-8"),
        re.MULTILINE,
    )
}


@pytest.mark.parametrize("name", DIRECT)
def test_a_pin_within_its_range(name: str) -> None:
    """The known good version of each dependency is one that is declared to work."""
    assert DIRECT[name].specifier.contains(PINNED[canonicalize_name(name)])


@pytest.mark.parametrize("requirement", DIRECT.values(), ids=lambda each: each.name)
def test_a_floor_and_no_bound_without_a_reason(requirement: Requirement) -> None:
    """Each has a floor, which `make test-lowest` runs with; any other bound is named on its line, with what breaks."""
    (line,) = (
        each for each in TEXT.splitlines() if re.search(rf'"{requirement.name}[>=<!~]', each)
    )
    floors = [each for each in requirement.specifier if each.operator == ">="]
    assert len(floors) == 1
    reason = line.partition("#")[2]
    assert all(str(each) in reason for each in requirement.specifier if each not in floors)


def test_every_dependency_is_described() -> None:
    """docs/dependencies.md has a row for each, and for nothing else, with the version that is pinned."""
    assert ROWS.keys() == DIRECT.keys() | TOOLS
    assert {name: facts[2] for name, facts in ROWS.items()} == {
        name: PINNED[canonicalize_name(name)] for name in ROWS
    }


def test_the_known_good_set_has_no_addresses() -> None:
    """A line is a name and a version, so that every index will do."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    assert [each for each in lines if not re.fullmatch(r"#.*|[\w.-]+==[\w.]+", each)] == []
    assert not any("://" in each for each in lines)


def test_every_import_is_declared() -> None:
    """The package imports nothing that comes only by way of another package."""
    imported = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Import(names=names):
                    imported |= {each.name.partition(".")[0] for each in names}
                case ast.ImportFrom(module=str(module)):
                    imported.add(module.partition(".")[0])
    own = {"lastpage", "lastpage_sandbox", "__future__"}
    owners = packages_distributions()
    needed = {
        canonicalize_name(owner)
        for name in imported - own - sys.stdlib_module_names
        for owner in owners.get(name, [name])  # an extra need not be here
    }
    extras = {
        canonicalize_name(Requirement(each).name)
        for name in EXTRAS
        for each in PROJECT["optional-dependencies"][name]
    }
    runtime = {canonicalize_name(each.name) for each in RUNTIME}
    assert needed - runtime - extras <= {"pytest"}  # its plugin
