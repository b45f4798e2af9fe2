"""Text from outside is shown, never obeyed: an organisation whose every text holds control characters, through every verb, on every stream."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.inprocess import NOW
from tests.served import served

from lastpage import Cloud, LastpageError
from lastpage.cli.app import run
from lastpage.outside import shown
from lastpage_sandbox import Sandbox, Settings
from lastpage_sandbox.replies import CONTROLS

DAY = "2023-10-10"
WAYS = (["-q"], ["-v"], ["--log-format", "json", "-v"], ["--debug", "trace"])


@pytest.fixture
def box(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Sandbox]:
    """An organisation whose texts hold control characters; permissions that it lacks are the parameter."""
    lacking = getattr(request, "param", set())
    settings = Settings(
        seed=7,
        per_day=20,
        requests_per_minute=60_000,
        job_polls=0,
        orphans=0.0,
        texts="controls",
        permissions=Settings().permissions - lacking,
    )
    with served(settings, NOW, monkeypatch, tmp_path) as box:
        yield box


def check(printed: str, *, says: str = "") -> None:
    """Nothing that a terminal obeys, and no line but ours; the text itself is there."""
    odd = {char for char in printed if not char.isprintable()} - {"\n"}
    assert odd == set(), printed
    assert not any(line.startswith("FORGED") for line in printed.splitlines())
    assert says in printed


def test_what_is_shown() -> None:
    """A control is shown by its escape, everything else as it is, and what was shown once stays."""
    assert shown("a\x1b[2J\x07b\x9b\x85") == r"a\x1b[2J\x07b\x9b\x85"
    assert shown("a\r\nb\u2028c\u202ed\u2066e\ud800") == r"a\r\nb\u2028c\u202ed\u2066e\ud800"
    plain = "Straße 東京 שלום «é» \\n 😀"
    assert shown(plain) == plain
    assert shown(shown(CONTROLS)) == shown(CONTROLS)


#: What happens to a request, which verb then says so, how it ends, and a part of what it says.
TROUBLE = [
    ("details.query", ["return-400"], ["plan", DAY], 2, "malformed syntax"),
    ("details.query", ["return-403"], ["fetch", DAY], 4, "not.authorized\\x1b[7m"),
    ("jobs.submit", ["return-404"], ["fetch", DAY], 2, "was not found"),
    ("jobs.status", ["fail-job"] * 4, ["fetch", DAY], 0, "ended as FAILED: "),
    (
        "jobs.status",
        ["fail-job"] * 4,
        ["fetch", DAY, "--paginate", "cursor", "--json"],
        3,
        "4 attempts were",
    ),
    ("token", ["return-401"], ["fetch", DAY], 4, "Invalid login"),
    ("organization", ["return-400"], ["doctor"], 2, "malformed syntax"),
    ("queues", ["return-400"] * 9, ["fetch", DAY, "--queue", "x"], 2, "malformed syntax"),
    (None, [], ["fetch", DAY, "--queue", "Sales\x1b[7m"], 2, "control|neither a name"),
    (None, [], ["fetch", DAY, "--queue", "Sales [7m [0m FORGED"], 2, "did you mean 'Sales\\x1b"),
    (None, [], ["fetch", DAY, "--paginate", "\x1b[7m\u202e"], 2, "paginate"),
    (None, [], ["doctor"], 0, "Sandbox\\x1b[7m"),
]


@pytest.mark.invariant("Safe")
@pytest.mark.parametrize("way", WAYS, ids=" ".join)
@pytest.mark.parametrize(("endpoint", "words", "verb", "code", "says"), TROUBLE)
def test_every_verb(
    box: Sandbox,
    capsys: pytest.CaptureFixture[str],
    endpoint: str | None,
    words: list[str],
    verb: list[str],
    code: int,
    says: str,
    way: list[str],
) -> None:
    """Messages, codes, job errors and names reach no stream and no trace as they came, and no line is forged."""
    if endpoint:
        box.faults.put(endpoint, *words)
    assert run([*verb, *(way if verb != ["doctor"] else way[:2])]) == code
    printed = capsys.readouterr()
    spelt = json.dumps(says)[1:-1] if "json" in way and verb[0] != "doctor" else says
    check(printed.out + printed.err)
    assert any(each in printed.out + printed.err for each in spelt.split("|"))
    if Path("trace").exists():
        check(Path("trace").read_text("utf-8"))


LISTS = {"routing:queue:view", "directory:user:view"}


@pytest.mark.parametrize("box", [LISTS], indirect=True)
@pytest.mark.parametrize("way", [*WAYS, ["--json"]], ids=" ".join)
def test_notes(box: Sandbox, capsys: pytest.CaptureFixture[str], way: list[str]) -> None:
    """Notes and the summary hold what the API said, and nothing of it is obeyed; rows stay as they came."""
    assert run(["fetch", DAY, *way]) == 0
    printed = capsys.readouterr()
    check(printed.out + printed.err, says="queues, users have ids here and no names")
    names = pq.read_table("conversations/divisions/part.parquet").column("name").to_pylist()
    assert all(name.endswith(CONTROLS) for name in names)


@pytest.mark.invariant("Safe")
def test_in_python(box: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """An error and its facts, a finding and a warning in the log can be printed as they are."""
    cloud = Cloud.from_env()
    box.faults.put("details.query", "return-400")
    with pytest.raises(LastpageError) as caught:
        cloud.plan(DAY)
    told = [str(caught.value), *map(str, vars(caught.value).values())]
    told += [finding.text for finding in cloud.doctor()]
    box.faults.put("queues", *["return-400"] * 9)
    with caplog.at_level(logging.DEBUG, "lastpage"):
        list(cloud.tables(DAY, tables="metrics"))
    check("\n".join(told) + caplog.text, says="FORGED")


def test_what_a_destination_has_recorded(box: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """What stands in a destination's files is text from outside, and so are the names of files."""
    assert run(["fetch", DAY, "-q"]) == 0
    (path,) = Path("conversations").glob("conversations/day=*/part.parquet")
    facts = json.loads(pq.read_metadata(path).metadata[b"lastpage"])
    facts["ranges"][0]["finality"] += CONTROLS
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table.replace_schema_metadata({b"lastpage": json.dumps(facts).encode()}), path)
    run(["verify"])
    Path("other", f"cat\x1b[7m{CONTROLS}").mkdir(parents=True)
    assert run(["fetch", DAY, "--to", "other"]) == 6
    printed = capsys.readouterr()
    check(printed.out + printed.err, says="cat\\x1b[7m")
