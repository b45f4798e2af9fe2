"""The command line: what is typed, what is printed, how it ends. Against the sandbox on a socket, as a user would."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.inprocess import NOW
from tests.readback import ids
from tests.served import started

from lastpage.cli.app import run
from lastpage.planning.slices import Slice
from lastpage_sandbox import Sandbox, Settings

VARIABLES = ("GENESYS_CLIENT_ID", "GENESYS_CLIENT_SECRET", "GENESYS_ENVIRONMENT")
INTERVAL = "2023-10-10/2023-10-12"


@pytest.fixture
def box(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Sandbox]:
    """A served organisation, its variables set, an empty folder to work in; switches may be given as its parameter."""
    more = getattr(request, "param", {})
    settings = Settings(
        seed=7, per_day=60, requests_per_minute=6_000, job_polls=0, orphans=0.0, **more
    )
    released = threading.Event()
    box = Sandbox(settings, now=NOW.timestamp, sleep=released.wait)
    with box.serve() as server:
        for name, value in zip(
            VARIABLES, (settings.client_id, settings.client_secret, server.url), strict=True
        ):
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        yield box
        released.set()


def test_fetch(box: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`lastpage fetch` writes to ./conversations and says what it did, on stdout."""
    assert run(["fetch", INTERVAL, "--quiet"]) == 0
    printed = capsys.readouterr()
    assert "complete" in printed.out
    assert f"{len(ids(tmp_path / 'conversations')):,}" in printed.out
    assert printed.err == ""


def test_what_is_printed_is_no_markup(box: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """Names are printed as they are: neither brackets nor colons in them are taken for markup."""
    assert run(["fetch", INTERVAL, "-q", "--to", "out[red]:smile:"]) == 0
    assert "out[red]:smile:" in capsys.readouterr().out


def test_csv(box: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--format csv` makes a folder of CSV, which stays one; another format there is refused, with the fix."""
    assert run(["fetch", INTERVAL, "-q", "--format", "csv"]) == 0
    assert len(list((tmp_path / "conversations" / "conversations").glob("*/part.csv"))) == 2
    assert run(["fetch", INTERVAL, "-q"]) == 0
    assert run(["verify", "conversations"]) == 0
    capsys.readouterr()
    assert run(["fetch", INTERVAL, "-q", "--format", "parquet"]) == 2
    assert "give another folder" in capsys.readouterr().err
    assert run(["fetch", INTERVAL, "-q", "--to", "x.jsonl", "--format", "csv"]) == 2
    assert "is not a folder" in capsys.readouterr().err


def test_json(box: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` prints the summary as one object with the documented keys."""
    assert run(["fetch", INTERVAL, "--json", "-q"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert set(summary) >= {
        *(
            "coverage",
            "finality",
            "conversations",
            "slices",
            "pages",
            "requests",
            "retries",
            "duplicates",
        ),
        *("unknown_fields", "oddities", "seconds", "destination"),
    }
    assert summary["coverage"] == "complete"


@pytest.mark.parametrize("box", [{"tomorrow_share": 1.0}], indirect=True)
def test_unknown_fields(box: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` names the fields that this version does not know; without it, a note does."""
    assert run(["fetch", INTERVAL, "--json", "-q"]) == 0
    assert (
        "participants.sessions.brandNewField"
        in json.loads(capsys.readouterr().out)["unknown_fields"]
    )
    assert run(["fetch", INTERVAL, "-q", "--refresh"]) == 0
    assert "brandNewField and 3 more fields" in capsys.readouterr().out


@pytest.mark.parametrize("box", [{"odd_share": 0.5}], indirect=True)
def test_odd_values(box: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` counts the values that did not fit; without it, a note does, and names where they were."""
    assert run(["fetch", INTERVAL, "--json", "-q"]) == 0
    count = json.loads(capsys.readouterr().out)["oddities"]
    assert run(["fetch", INTERVAL, "-q"]) == 0
    told = capsys.readouterr().out
    assert f"{count:,} values did not fit their columns: participants.sessions.metrics" in told
    assert "complete" in told


def test_names(box: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """Queues by name, names beside ids; `--no-names` reads no list that the query does not need."""
    assert run(["fetch", INTERVAL, "--queue", "sales", "-q"]) == 0
    assert Path("conversations/users/part.parquet").exists()
    box.counters.clear()
    assert run(["fetch", INTERVAL, "--queue", "Sales", "--no-names", "-q"]) == 0
    assert (box.counters["queues"], box.counters["users"]) == (1, 0)
    capsys.readouterr()
    assert run(["plan", INTERVAL, "--queue", "Sails"]) == 2
    assert "did you mean 'Sales'?" in capsys.readouterr().err


LISTS = {"routing:queue:view", "directory:user:view", "routing:wrapupCode:view"}


@pytest.mark.parametrize("box", [{"permissions": Settings().permissions - LISTS}], indirect=True)
def test_each_note_once(box: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """Lists that the role may not read are one note, printed once: when it is made, or quietly with the summary."""
    for options, stream in ([], "err"), (["-q"], "out"):
        assert run(["fetch", INTERVAL, "--refresh", *options]) == 0
        printed = capsys.readouterr()
        assert (printed.out + printed.err).count("note: ") == 1
        (line,) = (each for each in getattr(printed, stream).splitlines() if "note: " in each)
        assert "queues, users, wrap-up codes have ids here and no names" in line
        assert {permission: line.count(permission) for permission in LISTS} == dict.fromkeys(
            LISTS, 1
        )
    assert run(["fetch", INTERVAL, "--json", "-q", "--refresh"]) == 0
    assert len(json.loads(capsys.readouterr().out)["notes"]) == 1


@pytest.mark.parametrize("box", [{"permissions": Settings().permissions - LISTS}], indirect=True)
@pytest.mark.parametrize("as_json", [True, False])
def test_a_resumed_run_does_not_repeat_notes(
    box: Sandbox, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    """What was told before a run stopped is not told again when it goes on; the summary as JSON has it all the same."""
    box.faults.put("jobs.submit", "return-403")
    assert run(["fetch", INTERVAL]) == 4
    assert "queues, users, wrap-up codes have ids here" in capsys.readouterr().err
    box.faults.put("jobs.submit", "return-403")
    assert run(["fetch", INTERVAL]) == 4
    printed = capsys.readouterr().err
    assert "going on with the unfinished run" in printed
    assert "queues" not in printed
    assert run(["fetch", INTERVAL, *(["--json"] if as_json else [])]) == 0
    printed = capsys.readouterr()
    assert printed.err.startswith("note: going on with the unfinished run")
    assert printed.err.count("\n") == 1
    assert "complete" in printed.out
    if as_json:
        notes = json.loads(printed.out)["notes"]
        assert ["going on" in note or "queues" in note for note in notes] == [True, True]
    else:
        assert "note: " not in printed.out
    # It is done: what comes now is another run.
    assert run(["fetch", INTERVAL, "--refresh"]) == 0
    assert "queues, users, wrap-up codes have ids here" in capsys.readouterr().err


def test_stdout(box: Sandbox, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """`--to -` streams JSON lines to stdout, and everything else to stderr."""
    assert run(["fetch", INTERVAL, "--to", "-", "-q", "--media", "voice"]) == 0
    printed = capfdbinary.readouterr()
    records = [json.loads(line) for line in printed.out.splitlines()]
    assert records
    assert b"complete" in printed.err


def test_a_closed_pipe(box: Sandbox) -> None:
    """A reader that has seen enough has what it wanted, and nobody sees a traceback."""
    command = (
        f"{sys.executable} -m lastpage fetch {INTERVAL} --paginate pages --to - -q | head -n 1"
    )
    done = subprocess.run(command, shell=True, capture_output=True, timeout=60, check=False)
    assert json.loads(done.stdout)
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr


def test_a_closed_pipe_of_a_short_text(box: Sandbox) -> None:
    """A text that is short enough to wait in the buffer meets a closed pipe: no error, no message."""
    command = f"set -o pipefail; {sys.executable} -m lastpage doctor --json | sleep 0"
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_no_interval(capsys: pytest.CaptureFixture[str]) -> None:
    """Without an interval, the message shows what one looks like, and names the help of that verb."""
    assert run(["fetch"]) == 2
    printed = capsys.readouterr().err
    assert "fetch needs an interval, such as 24h" in printed
    assert printed.endswith("Try: lastpage fetch --help\n")


def test_help_names_no_empty_default(capsys: pytest.CaptureFixture[str]) -> None:
    """The help shows defaults that hold something: no empty list, no flag that is not set."""
    run(["fetch", "--help"])
    printed = " ".join(capsys.readouterr().out.replace("│", "").split())
    assert "[default: conversations]" in printed
    assert not any(empty in printed for empty in ("[default: []]", "False]", "[default: ]"))


def test_plan(box: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """`lastpage plan` prints slices, routes, reasons, requests and minutes; it asks who the organisation is, and reads no conversation."""
    assert run(["plan", "2023-10-18/2023-10-20T15:00Z", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert [piece["route"] for piece in planned["slices"]] == ["cursor", "pages"]
    assert all(piece["reason"] and piece["requests"] for piece in planned["slices"])
    assert planned["minutes"] > 0
    assert set(box.counters) == {"token", "organization", "jobs.availability", "details.query"}
    assert run(["plan", "2023-10-18/2023-10-20T15:00Z"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "before the watermark" in printed
    assert "requests, less than a minute at" in printed


def test_plan_on_a_narrow_terminal(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing of a plan is cut off, however narrow the terminal is."""
    monkeypatch.setenv("COLUMNS", "40")
    assert run(["plan", "2023-10-18/2023-10-19"]) == 0
    printed = capsys.readouterr().out
    assert "2023-10-18T00:00:00.000Z  2023-10-19T00:00:00.000Z  cursor" in printed
    assert "…" not in printed


@pytest.mark.parametrize(
    ("arguments", "fix"),
    [
        (["fetch"], "INTERVAL"),
        (["fetch", "tomorrow"], "an interval is"),
        (["fetch", "2023-10-01T08:00/2023-10-02"], "time zone"),
        (["fetch", INTERVAL, "--media", "voise"], "did you mean voice"),
        (["fetch", INTERVAL, "--direction", "up"], "inbound, outbound"),
        (["fetch", INTERVAL, "--queue", ""], "--queue '' is neither"),
        (["plan", INTERVAL, "--queue", "Sales", "--user", " "], "--user ' ' is neither"),
        (["fetch", INTERVAL, "--division", "Ho\nme"], "neither a name nor an id"),
        (["fetch", INTERVAL, "--queue", "Sales", "--media", "voise"], "did you mean voice"),
        (["fetch", INTERVAL, "--queue", "Sales", "--to", "x.txt"], "looks like a file"),
        (["fetch", INTERVAL, "--paginate", "both"], "paginate"),
        (["fetch", INTERVAL, "--page-size", "0"], "page size"),
        (["fetch", INTERVAL, "--page-size", "many"], "page-size"),
        (["fetch", INTERVAL, "--requests-per-minute", "0"], "at least 1"),
        (["fetch", INTERVAL, "--to", "ftp://host"], "not a destination"),
        (["fetch", INTERVAL, "--to", "x.txt"], "looks like a file"),
        (["fetch", INTERVAL, "--to", ""], "not a destination"),
        (["fetch", INTERVAL, "--query", "missing.json"], "missing.json"),
        (["fetch", INTERVAL, "--tz", "Mars/Olympus"], "not a time zone"),
        (["fetch", INTERVAL, "--nonsense"], "nonsense"),
        (["fetch", INTERVAL, "extra"], "extra"),
        (["fetch", INTERVAL, "voice"], "voice"),
        (["doctor", "true"], "true"),
        (["retrieve", INTERVAL], "retrieve"),
        (["plan", "0h"], "empty"),
        (["sandbox", "--per-day", "-5"], "per_day"),
        (["sandbox", "--faults", "wild"], "faults"),
    ],
)
def test_bad_input(
    box: Sandbox, capsys: pytest.CaptureFixture[str], arguments: list[str], fix: str
) -> None:
    """Bad input: one sentence that says what to do, exit code 2, nothing sent, nothing made."""
    assert run(arguments) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("lastpage: ")
    assert fix.lower() in printed.lower()
    assert "Traceback" not in printed
    assert not box.counters
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("name", VARIABLES)
def test_bad_variables(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A malformed variable is named, exit code 2, before anything is sent."""
    monkeypatch.setenv(name, "not right")
    assert run(["fetch", INTERVAL]) == 2
    assert name in capsys.readouterr().err
    assert not box.counters


def test_a_wrong_secret(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong secret is an error that names its variable, exit code 4."""
    monkeypatch.setenv("GENESYS_CLIENT_SECRET", "wrong")
    assert run(["fetch", INTERVAL, "-q"]) == 4
    assert "GENESYS_CLIENT_SECRET" in capsys.readouterr().err


def test_in_use(box: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A destination that another run holds: exit code 7."""
    from lastpage.sinks.destination import Destination

    with Destination.parse(str(tmp_path / "x")).held():
        assert run(["fetch", INTERVAL, "--to", str(tmp_path / "x"), "-q"]) == 7
    assert "another run" in capsys.readouterr().err


def test_another_query(box: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """A destination holds one set of filters; another is refused, exit code 2, and nothing changes."""
    assert run(["fetch", INTERVAL, "-q"]) == 0
    before = ids(Path("conversations"))
    assert run(["fetch", INTERVAL, "--media", "voice", "-q"]) == 2
    assert "other filters" in capsys.readouterr().err
    assert ids(Path("conversations")) == before


def test_strict(box: Sandbox) -> None:
    """Unproven is a warning, and exit code 3 under --strict."""
    arguments = ["fetch", "2023-10-19/2023-10-20T15:00Z", "--paginate", "cursor", "-q"]
    assert run(arguments) == 0
    assert run([*arguments, "--strict"]) == 3


@pytest.mark.invariant("Crash-safe")
def test_interrupted(box: Sandbox, tmp_path: Path) -> None:
    """Ctrl-C leaves at once with 130 and says how to go on; running it again finishes the job."""
    stalled, stall = threading.Event(), box._sleep
    box._sleep = lambda seconds: stalled.set() or stall(seconds)  # type: ignore[func-returns-value]
    box.faults.put("jobs.results", "stall-30s")
    process = started("fetch", INTERVAL, "--to", "out", stderr=subprocess.PIPE)
    assert stalled.wait(30)
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "run the same command again" in printed
    assert "Traceback" not in printed
    assert run(["fetch", INTERVAL, "--to", "out", "-q"]) == 0
    start = NOW.replace(day=10, hour=0, minute=0, second=0)
    assert set(ids(tmp_path / "out")) == box.truth_ids(start, start.replace(day=12))


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    """Every verb has a help text, and there is a version."""
    for arguments in (
        ["--help"],
        ["fetch", "--help"],
        ["plan", "--help"],
        ["sandbox", "--help"],
        ["demo", "--help"],
        ["--version"],
        ["-V"],
    ):
        assert run(arguments) == 0
        assert capsys.readouterr().out.strip()


def test_slices_print() -> None:
    """A slice says what it is."""
    from lastpage.query.written import parse_interval

    interval = parse_interval("2023-10-10")
    text = str(Slice(3, interval, interval, "pages", "because", 5))  # type: ignore[arg-type]
    assert text == "slice 3 2023-10-10T00:00:00.000Z/2023-10-11T00:00:00.000Z by pages"


def test_wait(box: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """Both verbs have it; what is not in use is not waited for."""
    assert run(["fetch", "2023-10-10", "--quiet", "--no-names", "--wait", "10m"]) == 0
    assert run(["sync", "--quiet", "--no-names", "--wait", "10m"]) == 0
    capsys.readouterr()
    assert run(["sync", "--wait", "a while"]) == 2
    assert "'a while' is no length of time; write 90s, 10m, 26h or 2d" in capsys.readouterr().err
