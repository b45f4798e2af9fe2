"""The verbs in Python: what their docstrings show runs as it stands, against the sandbox."""

import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import lastpage
from lastpage import Cloud
from lastpage_sandbox import Sandbox, Settings
from tests.inprocess import NOW
from tests.served import served

#: In this order: what is fetched is there to be verified.
VERBS = (
    "doctor",
    "plan",
    "fetch",
    "verify",
    "conversations",
    "fetch_all",
    "pages",
    "tables",
    "read",
)


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """A small organisation on a socket, its variables set, an empty folder to work in."""
    settings = Settings(seed=7, per_day=40, requests_per_minute=60_000, job_polls=0, orphans=0.0)
    with served(settings, NOW, monkeypatch, tmp_path) as box:
        yield box


def example(verb: str) -> str:
    """The lines below `Example::` in a verb's docstring."""
    text = inspect.getdoc(getattr(Cloud, verb)) or ""
    found = re.search(r"^Example::\n\n((?:    .*\n?|\n)+)", text, re.MULTILINE)
    assert found, verb
    return textwrap.dedent(found[1])


def test_every_example_runs(box: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """Each verb's docstring has an example, and it prints something (`verify` has nothing to say)."""
    public = {name for name in vars(Cloud) if not name.startswith("_")}
    assert public - set(VERBS) == {"from_env", "organization"}
    for verb in VERBS:
        exec(compile(example(verb), verb, "exec"), {"cloud": Cloud.from_env()})
        assert bool(capsys.readouterr().out) is (verb != "verify"), verb


def test_the_functions_are_the_verbs(box: Sandbox) -> None:
    """`lastpage.fetch` and the others do what the methods of that name do."""
    assert [each.check for each in lastpage.doctor()][:3] == [
        "environment",
        "network",
        "credentials",
    ]
    assert lastpage.plan("2023-10-10") == Cloud.from_env().plan("2023-10-10")
    assert lastpage.fetch("2023-10-10", "out", format="csv").coverage == "complete"
    assert [proof.state for proof in lastpage.verify("out").proofs] == ["same"]
    assert len(lastpage.fetch_all("2023-10-10")) == lastpage.verify("out").proofs[0].conversations


def test_signatures() -> None:
    """A function takes what its method takes, in the same order, but for what only tests give."""
    for verb in ("doctor", "plan", "fetch", "verify", "fetch_all"):
        ours = inspect.signature(getattr(lastpage, verb)).parameters
        method = inspect.signature(getattr(Cloud, verb)).parameters
        assert list(ours) == [name for name in method if name not in ("self", "meter")]
