"""The shape of the repository: imports, sizes, names, links, and what the documents cite."""

import ast
import pkgutil
import re
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import lastpage
from lastpage.cli.app import app

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TEXTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "src").rglob("*.md")),
]
#: Verbs that need no organisation have no use in Python.
ONLY_TYPED = {"demo", "sandbox"}
#: Verbs that need no organisation are functions, and no methods of one.
ONLY_READS = {"report", "status"}
FILE_LINES_MAX, FUNCTION_LINES_MAX = 380, 60


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    return (
        node
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    )


def lines(function: ast.FunctionDef) -> int:
    """Lines of code: a function may say as much about itself as it likes."""
    told = function.body[0].end_lineno or 0 if ast.get_docstring(function) else function.lineno
    return (function.end_lineno or 0) - told


def test_imports_point_left() -> None:
    """The flow goes one way, and the sandbox shares no line with the client."""
    # In a process of its own: it rearranges logging.
    command = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_sizes(path: Path) -> None:
    """One file, one idea; no function that needs a map."""
    assert len(path.read_text("utf-8").splitlines()) <= FILE_LINES_MAX
    assert [each.name for each in functions(path) if lines(each) > FUNCTION_LINES_MAX] == []


def test_functions_are_short() -> None:
    """The median function has fewer than 11 lines, nine of ten have at most 40."""
    sizes = sorted(lines(each) for path in SOURCES for each in functions(path))
    assert statistics.median(sizes) < 11
    assert sizes[len(sizes) * 9 // 10] <= 40


def test_exported_names() -> None:
    """What is promised to those who import it; a change here is a change for them."""
    assert sorted(lastpage.__all__) == [
        "ApiError",
        "Asked",
        "Cloud",
        "Credentials",
        "DestinationError",
        "Environment",
        "FetchedPage",
        "Finding",
        "InUseError",
        "Interrupted",
        "Interval",
        "LastpageError",
        "RefusedError",
        "RejectedError",
        "Report",
        "ShortError",
        "Slice",
        "Status",
        "Summary",
        "UnavailableError",
        "UsageError",
        "Verification",
        "Wanted",
        "__version__",
        "doctor",
        "fetch",
        "fetch_all",
        "plan",
        "read_delta",
        "report",
        "schema",
        "status",
        "sync",
        "verify",
    ]
    assert all(hasattr(lastpage, name) for name in lastpage.__all__)
    assert dir(lastpage) == sorted(lastpage.__all__)
    assert not hasattr(lastpage, "nonsense")


def test_no_module_hides_behind_a_name() -> None:
    """A module of a verb's name would take the verb's place as soon as it is imported."""
    modules = {module.name for module in pkgutil.iter_modules(lastpage.__path__)}
    assert modules.isdisjoint(lastpage.__all__)


def test_one_verb_two_doors() -> None:
    """Who knows the command can guess the Python, and the reverse."""
    verbs = {name for name in app if not name.startswith("-")} - ONLY_TYPED
    for verb in verbs:
        assert callable(getattr(lastpage, verb))
        assert verb in ONLY_READS or callable(getattr(lastpage.Cloud, verb))


def test_no_mocks_and_no_leftovers() -> None:
    """Fakes over mocks, and nothing left to do later in a comment."""
    for path in [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))]:
        text = path.read_text("utf-8")
        assert not re.search(r"^\s*(from|import) unittest", text, re.MULTILINE), path
        assert not re.search(r"#.*\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b", text), path


def test_citations() -> None:
    """Every place that cites docs/api.md names a section that is there."""
    headings = set(
        re.findall(
            r"^#+ (\d+(?:\.\d+)?)\b", (ROOT / "docs" / "api.md").read_text("utf-8"), re.MULTILINE
        )
    )
    for path in [*SOURCES, *sorted((ROOT / "tests").rglob("*.py")), *TEXTS]:
        for cited in re.findall(
            r"docs/api\.md, ((?:\d+(?:\.\d+)?(?:, | and )?)+)", path.read_text("utf-8")
        ):
            for number in re.findall(r"\d+(?:\.\d+)?", cited):
                assert number in headings, f"{path.name} cites {number}"


def test_links() -> None:
    """Every link of the documents leads somewhere."""
    for text in TEXTS:
        for link in re.findall(r"\]\((?!https?:|#)([^)#\s]+)[^)]*\)", text.read_text("utf-8")):
            assert (text.parent / link).exists(), f"{text.name}: {link}"


def test_the_evidence_has_tests() -> None:
    """Each line of docs/coverage.md names one test that exists."""
    rows = re.findall(
        r"^\|.*`\w+` \|$", (ROOT / "docs" / "coverage.md").read_text("utf-8"), re.MULTILINE
    )
    named = [row.removesuffix("` |").rpartition("`")[2] for row in rows]
    tests = Counter(
        each.name for path in (ROOT / "tests").rglob("test_*.py") for each in functions(path)
    )
    assert len(named) > 20
    assert {name: tests[name] for name in named if tests[name] != 1} == {}


def test_the_pitfalls_have_tests() -> None:
    """Each pitfall of the catalogue names a test of its own, and each test of the catalogue is in it."""
    rows = re.findall(
        r"^\|.*\| `(\w+)` \|$", (ROOT / "docs" / "pitfalls.md").read_text("utf-8"), re.MULTILINE
    )
    tests = [
        each.name
        for each in functions(ROOT / "tests" / "test_pitfalls.py")
        if each.name.startswith("test_")
    ]
    assert sorted(rows) == sorted(tests)
    assert len(rows) == len(set(rows)) == 29


def test_the_test_command() -> None:
    """The README and CI say the same."""
    assert "make test" in (ROOT / "README.md").read_text("utf-8")
    assert "make test" in (ROOT / ".ci" / "run").read_text("utf-8")
