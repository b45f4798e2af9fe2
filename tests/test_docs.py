"""What the documents show runs as it stands, against the sandbox."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from docs.commands_page import options, verbs
from docs.generate import PAGES, rewritten

import lastpage
from lastpage import Cloud
from lastpage_sandbox import Sandbox, Settings
from tests.served import served

ROOT = Path(__file__).parents[1]
NOW = datetime(2023, 10, 20, 15, 30, tzinfo=UTC)
DOCUMENTS = ["README.md", "docs/from-the-tutorial-script.md", "docs/tables.md"]


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """A small organisation on a socket, as the documents presume one."""
    settings = Settings(seed=7, per_day=12, requests_per_minute=60_000, job_polls=0)
    with served(settings, NOW, monkeypatch, tmp_path) as box:
        yield box


@pytest.mark.parametrize("name", DOCUMENTS)
def test_python_runs(box: Sandbox, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every block of Python, one after the other, as a reader would paste them."""
    blocks = re.findall(
        r"^```python\n(.*?)^```", (ROOT / name).read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, name, "exec"), names)
    assert blocks
    assert box.counters["jobs.results"]


def test_the_example(box: Sandbox) -> None:
    """The example prints a line a day, and its errors are lastpage's sentences."""
    command = [sys.executable, str(ROOT / "examples" / "abandoned.py")]
    done = subprocess.run(
        [*command, "2023-10-10/2023-10-12"], capture_output=True, text=True, check=True
    )
    assert [line[:10] for line in done.stdout.splitlines()] == ["2023-10-10", "2023-10-11"]
    for arguments in ["tomorrow"], [], ["2023-10-10", "2023-10-11"]:
        wrong = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
        assert wrong.returncode == 2
        assert "2023-10-01/2023-10-08" in wrong.stderr
        assert wrong.stderr.count("\n") == 1


@pytest.mark.parametrize("allowed", [60_000, pytest.param(300, marks=pytest.mark.long)])
def test_the_example_of_several_processes(
    allowed: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Four processes read a plan whole, also under the API's own allowance, with nothing refused, into files of the schema that was told; the page shows the program as it is."""
    path = ROOT / "examples" / "processes.py"
    assert path.read_text("utf-8") in (ROOT / "docs" / "scaling.md").read_text("utf-8")
    command = [sys.executable, str(path)]
    when = "2023-10-20T08:00Z/2023-10-20T15:00Z"
    settings = Settings(seed=7, per_day=12, requests_per_minute=allowed, orphans=0.0)
    with served(settings, NOW, monkeypatch, tmp_path) as box:
        done = subprocess.run([*command, when, "out"], capture_output=True, text=True, check=True)
        ends = (datetime(2023, 10, 20, hour, tzinfo=UTC) for hour in (8, 15))
        truth = box.truth_ids(*ends)
    assert done.stdout == f"{len(truth)} conversations\n"
    assert not [entry for entry in box.log if entry.status == 429]
    for table in ("conversations", "segments", "metrics"):
        files = sorted(Path("out", table).iterdir())
        assert len(files) == 8
        read = [pq.ParquetFile(each).read() for each in files]
        assert all(each.schema.equals(lastpage.schema(table, unit="us")) for each in read)
        assert {text for each in read for text in each["conversation_id"].to_pylist()} <= truth
    wrong = subprocess.run([*command, "tomorrow", "x"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)


def test_the_example_is_typed() -> None:
    """What users write on top of the package is checked by the types it ships; recipes for other programs need those programs."""
    examples = sorted(map(str, (ROOT / "examples").glob("*.py")))
    command = [sys.executable, "-m", "mypy", "--strict", *examples]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_sql_runs(box: Sandbox) -> None:
    """Every statement of the guide finds rows in a DuckDB file, or in a folder of lines, that was fetched just now."""
    Cloud.from_env().fetch("2023-10-19/2023-10-20T12:00Z", "x.duckdb")
    Cloud.from_env().fetch("2023-10-19", "DEST", format="jsonl")
    guide = (ROOT / "docs" / "guide.md").read_text("utf-8")
    statements = (
        "".join(re.findall(r"^```sql\n(.*?)^```", guide, re.MULTILINE | re.DOTALL))
        .strip("; \n")
        .split(";\n")
    )
    assert len(statements) == 5
    with duckdb.connect("x.duckdb", read_only=True) as db:
        for statement in statements:
            assert len(db.sql(statement).to_arrow_table()), statement


@pytest.mark.invariant("Messages and pages")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_generated_parts_are_fresh(page: Path) -> None:
    """The pages that are written from code and tests say what `make docs` would write now."""
    text = page.read_text("utf-8")
    assert rewritten(text) == text, f"{page.name} is stale; run: make docs"
    assert text.count("<!-- end -->") == len(re.findall(r"<!-- \w+: ", text))


@pytest.mark.invariant("Messages and pages")
def test_every_command_is_documented() -> None:
    """Every verb and every option is documented, as `--help` has it."""
    text = (ROOT / "docs" / "commands.md").read_text("utf-8")
    told = "".join((ROOT / name).read_text("utf-8") for name in ("README.md", "docs/guide.md"))
    for verb in verbs():
        assert f"## lastpage {verb}\n" in text
        assert re.search(rf"\b{verb}\b", told)
        assert [
            name for name, told, _ in options(verb) if not told.endswith(".") or "\n" in told
        ] == []
