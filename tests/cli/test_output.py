"""What is printed on stderr: for people, for machines, in detail, or not at all; and never a traceback."""

import io
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from lastpage.cli.app import run
from lastpage.cli.output import columns
from lastpage.clock import SimClock
from lastpage_sandbox import Sandbox

INTERVAL = "2023-10-10"


def events(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_quiet(box: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """`--quiet` prints nothing beside the summary."""
    assert run(["fetch", INTERVAL, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_verbose(box: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """`--verbose` prints every request: endpoint, status, time, correlation id; no token, no id, no query."""
    assert run(["fetch", INTERVAL, "--verbose"]) == 0
    printed = capsys.readouterr().err
    assert printed.count(" 20") >= box.counters.total() - 1
    for endpoint in (
        "POST /oauth/token: 200",
        "details/jobs: 202",
        "details/jobs/{jobId}/results: 200",
    ):
        assert endpoint in printed
    assert box.settings.client_secret not in printed
    assert "Bearer" not in printed
    assert run(["fetch", INTERVAL, "-q"]) == 0
    assert capsys.readouterr().err == ""


def test_json_lines(box: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """`--log-format json` makes every line on stderr an object, errors too."""
    assert run(["fetch", "2023-10-20", "--log-format", "json", "--verbose"]) == 0
    printed = events(capsys.readouterr().err)
    requests = [each for each in printed if each["event"] == "request"]
    assert len(requests) == box.counters.total()
    assert {"endpoint", "status", "seconds", "correlation_id", "text"} <= set(requests[-1])
    assert any(each["event"] == "note" for each in printed)
    assert run(["fetch", "tomorrow", "--log-format=json"]) == 2
    (error,) = events(capsys.readouterr().err)
    assert (error["event"], error["exit_code"]) == ("error", 2)
    assert "an interval is" in str(error["text"])


@pytest.mark.parametrize(
    ("word", "exit_code"),
    [("return-400", 2), ("return-403", 4), ("return-404", 2), ("return-413", 2), ("return-415", 2)],
)
def test_an_error_is_a_sentence(
    box: Sandbox, capsys: pytest.CaptureFixture[str], word: str, exit_code: int
) -> None:
    """What the API refuses ends with its exit code and one line on stderr that has the correlation id."""
    box.faults.put("details.query", word)
    assert run(["fetch", INTERVAL, "-q"]) == exit_code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("lastpage: ")
    assert printed.err.count("\n") == 1
    assert "correlation id" in printed.err


def test_no_environment_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With nothing set, the first sentence names the variable and where its value comes from."""
    for name in ("GENESYS_CLIENT_ID", "GENESYS_CLIENT_SECRET", "GENESYS_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    done = subprocess.run(
        [sys.executable, "-m", "lastpage", "fetch", INTERVAL],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(
        "lastpage: the variables GENESYS_CLIENT_ID and GENESYS_CLIENT_SECRET are not set"
    )
    assert "Admin > Integrations > OAuth" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_doctor(
    box: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`lastpage doctor` prints a line a check, and ends as a fetch would."""
    assert run(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert all(
        check in printed
        for check in ("environment", "credentials", "role", "watermark", "allowance")
    )
    assert run(["doctor", "--json"]) == 0
    assert {each["state"] for each in json.loads(capsys.readouterr().out)} <= {"ok", "warning"}
    monkeypatch.setenv("GENESYS_CLIENT_SECRET", "wrong")
    assert run(["doctor"]) == 4
    assert "GENESYS_CLIENT_SECRET" in capsys.readouterr().out
    monkeypatch.delenv("GENESYS_CLIENT_ID")
    assert run(["doctor"]) == 2
    assert "GENESYS_CLIENT_ID is not set" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("variables", "exit_code", "words"),
    [
        ({"GENESYS_CLIENT_ID": ""}, 2, "GENESYS_CLIENT_ID is not set"),
        (
            {"GENESYS_CLIENT_ID": "", "GENESYS_CLIENT_SECRET": ""},
            2,
            "GENESYS_CLIENT_ID and GENESYS_CLIENT_SECRET are not set",
        ),
        ({"GENESYS_ENVIRONMENT": "mars-1"}, 2, "mars-1"),
        ({"GENESYS_CLIENT_SECRET": "wrong"}, 4, "GENESYS_CLIENT_SECRET"),
        ({"GENESYS_ENVIRONMENT": "eu-central-1"}, 5, "login.mypurecloud.de was not found"),
    ],
)
def test_doctor_and_fetch_agree(
    box: Sandbox,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    exit_code: int,
    words: str,
) -> None:
    """What ends a fetch, the doctor finds, with the same exit code and the same name of it."""

    def no_dns(host: str, *_: object, **__: object) -> None:
        if host != "127.0.0.1":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *_, **__)

    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", no_dns)
    monkeypatch.setattr("lastpage.connection.RealClock", SimClock)
    monkeypatch.setenv("NO_PROXY", "*")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert run(["doctor"]) == exit_code
    assert words in capsys.readouterr().out
    assert run(["fetch", INTERVAL, "-q"]) == exit_code
    assert words in capsys.readouterr().err


def test_what_is_odd_about_the_question(box: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """An end that leaves out a second, and what is not used of a body, are notes of a plan and of a fetch."""
    Path("b.json").write_text('{"order": "asc", "paging": {"pageSize": 25}}', "utf-8")
    interval = "2023-10-10T00:00:00Z/2023-10-10T23:59:59Z"
    for verb in ("plan", "fetch"):
        assert run([verb, interval, "--query", "b.json"]) == 0
        printed = capsys.readouterr().err.splitlines()
        notes = [line for line in printed if line.startswith("note: ")]
        assert notes[0].startswith("note: not used of the query body: paging, order;")
        assert notes[1].endswith("write 2023-10-11T00:00:00.000Z")
        assert len(notes) == 2
    assert run(["plan", interval, "--log-format", "json"]) == 0
    (note,) = events(capsys.readouterr().err)
    assert note["event"] == "note"


def test_the_bar_in_eighty_columns() -> None:
    """A narrow terminal shortens the bar, never the numbers."""
    console = Console(width=80, file=io.StringIO(), force_terminal=True)
    bar = Progress(*columns(), console=console)
    bar.add_task(
        "1,186/s · 12,345 requests · 112 of 130 slices", total=1_000_000, completed=123_456
    )
    with console.capture() as printed:
        console.print(bar.get_renderable())
    assert " 123456/1000000" in printed.get()
    assert "1,186/s · 12,345 requests · 112 of 130 slices" in printed.get()
    assert "…" not in printed.get()


def test_holes_and_days_that_are_here(box: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """The summary names a hole beside what was asked for, as it can be typed; as JSON it has `holes`."""
    assert run(["fetch", "2023-10-10", "-q", "--no-names"]) == 0
    assert "hole" not in capsys.readouterr().out
    assert run(["fetch", "2023-10-13", "-q", "--no-names"]) == 0
    assert "  hole           2023-10-11/2023-10-13, never fetched\n" in capsys.readouterr().out
    assert run(["fetch", "2023-10-13", "--json", "-q", "--no-names"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["holes"] == ["2023-10-11T00:00:00.000Z/2023-10-13T00:00:00.000Z"]
    assert summary["notes"] == ["1 of 1 days is final and here; --refresh reads them again"]
    assert run(["fetch", "2023-10-13", "--json", "-q", "--no-names", "--refresh"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["slices"], summary["notes"]) == (1, [])
    assert run(["fetch", "2023-10-11/2023-10-13", "-q", "--no-names"]) == 0
    assert "hole" not in capsys.readouterr().out
