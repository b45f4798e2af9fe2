"""The verbs in Python: what their docstrings show runs as it stands, against the sandbox."""

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import lastpage
from lastpage import Cloud, UsageError
from lastpage.connection import Connection
from lastpage.progress import Meter
from lastpage_sandbox import Sandbox, Settings
from tests.inprocess import NOW, URL, InProcess, world
from tests.served import served

ID = "11111111-2222-3333-4444-555555555555"
#: In this order: what is fetched is there to be verified.
VERBS = (
    "doctor",
    "plan",
    "fetch",
    "sync",
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
    kinds = set(Cloud.__mro__) - set(Connection.__mro__)
    public = {name for kind in kinds for name in vars(kind) if not name.startswith("_")}
    assert public == set(VERBS)
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
    for verb in ("doctor", "plan", "fetch", "sync", "verify", "fetch_all"):
        ours = inspect.signature(getattr(lastpage, verb)).parameters
        method = inspect.signature(getattr(Cloud, verb)).parameters
        assert list(ours) == [name for name in method if name not in ("self", "meter")]


LATE = "2023-10-10T00:00Z/2023-10-10T23:59:59Z"
READING: dict[str, Callable[[Cloud], object]] = {
    "plan": lambda cloud: cloud.plan(LATE),
    "conversations": lambda cloud: list(cloud.conversations(LATE)),
    "tables": lambda cloud: list(cloud.tables(LATE, tables="metrics")),
}


@pytest.mark.parametrize("verb", READING)
def test_what_is_odd_about_the_question(verb: str, caplog: pytest.LogCaptureFixture) -> None:
    """Where there is no summary, what is odd about the question is a warning in the log, once."""
    READING[verb](world(per_day=20).cloud())
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("lastpage", "WARNING")
    assert record.message.endswith("write 2023-10-11T00:00:00.000Z")


NONSENSE: dict[str, Callable[[Cloud], object]] = {
    "conversations": lambda cloud: cloud.conversations(LATE, media="smoke"),  # type: ignore[arg-type]
    "pages": lambda cloud: cloud.pages(LATE, page_size=0),
    "tables": lambda cloud: cloud.tables(LATE, tables="nonsense"),
}


@pytest.mark.parametrize("verb", NONSENSE)
def test_nonsense_is_refused_at_the_call(verb: str) -> None:
    """Not at the first row, which may be asked for elsewhere, and much later."""
    with pytest.raises(UsageError):
        NONSENSE[verb](world(per_day=20).cloud())


def test_what_is_odd_is_in_the_summary(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A fetch has it in its notes, and a meter that was given to a plan has it, too."""
    cloud, meter = world(per_day=20).cloud(), Meter()
    (note,) = cloud.fetch(LATE, tmp_path).notes
    slices = cloud.plan(LATE, meter=meter)
    assert meter.notes == [note]
    # Whoever reads a slice of a plan has been told.
    for slice_ in slices:
        list(cloud.read(slice_))
    assert caplog.records == []


def test_a_doubtful_client_id(tmp_path: Path) -> None:
    """It is a note; and since it may be the secret, it is not written to the disk in place of an organisation."""
    made = world(per_day=20)
    made.sandbox.faults.put("organization", *["return-403"] * 2)
    for name, value in ("client_id", "typed-into-the-wrong-variable"), ("client_secret", ID):
        object.__setattr__(made.sandbox.settings, name, value)
    variables = {
        "GENESYS_CLIENT_ID": "typed-into-the-wrong-variable",
        "GENESYS_CLIENT_SECRET": ID,
        "GENESYS_ENVIRONMENT": URL,
    }
    cloud = Cloud.from_env(variables, transport=InProcess(made.sandbox), clock=made.clock)
    (note,) = cloud.fetch("2023-10-10", tmp_path).notes
    assert note.endswith("are the two swapped?")
    assert cloud.organization().startswith("client ")
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"typed-into" not in path.read_bytes()
