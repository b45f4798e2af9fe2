"""The trace: what is in it, where it may lie, and what happens when lastpage itself is at fault."""

import inspect
import json
import logging
import re
import stat
from pathlib import Path
from typing import Any, NoReturn, get_args

import pytest
from docs.errors_page import listed

from lastpage.api.messages import Fault
from lastpage.checkup import State as Found
from lastpage.cli.app import run
from lastpage.cli.debugging import Writer, debugging
from lastpage.coverage.tally import Finality
from lastpage.coverage.verification import State as Proved
from lastpage.coverage.weighing import Coverage
from lastpage.planning.slices import Route
from lastpage.trace import CODES, EVENTS, FAULTS, WORDS, log_event, safe
from lastpage.walks.walk import End
from lastpage_sandbox import Sandbox

QUEUE = "ca0a12ca-0000-4000-8000-00000000cafe"


def events(path: str | Path = "trace") -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


def named(event: str) -> list[dict[str, Any]]:
    return [each for each in events() if each["event"] == event]


def test_a_trace(box: Sandbox) -> None:
    """Versions, options by name, every request, the plan, each slice's end and verdict, and how it ended."""
    assert run(["fetch", "2023-10-19/2023-10-21", "--queue", QUEUE, "-q", "--debug", "trace"]) == 0
    first, last = events()[0], events()[-1]
    assert (first["event"], first["verb"], first["region"]) == ("start", "fetch", "another")
    assert first["options"] == ["interval", "queue", "quiet", "debug"]
    assert {"urllib3", "msgspec", "pyarrow"} <= {each.split("==")[0] for each in first["packages"]}
    assert {"GENESYS_CLIENT_ID", "GENESYS_CLIENT_SECRET", "GENESYS_ENVIRONMENT"} <= set(
        first["variables"]
    )
    requests = named("request")
    assert len(requests) == box.counters.total()
    assert all(
        {"endpoint", "status", "seconds", "tries", "bytes", "correlation_id"} <= set(each)
        for each in requests
    )
    assert {"rate_count", "rate_allowed", "rate_reset"} <= set(requests[-1])
    assert {each["route"] for each in named("plan")} == {"pages", "cursor"}
    assert [each["end"] for each in named("walk")] == ["Done"] * len(named("plan"))
    assert {each["coverage"] for each in named("verdict")} == {"complete"}
    assert [each["at"].split(":")[0] for each in named("note")] == ["planner.py"]
    assert (last["event"], last["exit_code"]) == ("end", 0)


def test_other_verbs(box: Sandbox) -> None:
    """`plan`, `verify` and `doctor` leave one, too; what they found is in it."""
    assert run(["plan", "2023-10-10", "--debug", "trace"]) == 0
    assert len(named("plan")) == 1
    assert run(["fetch", "2023-10-10", "-q"]) == 0
    assert run(["verify", "--debug", "trace"]) == 0
    assert [(each["state"], each["finality"]) for each in named("proof")] == [("same", "final")]
    assert run(["doctor", "--debug", "trace"]) == 0
    assert {each["check"]: each["state"] for each in named("finding")}["role"] == "ok"


def test_an_error(box: Sandbox) -> None:
    """An error of the API is there with endpoint, status, code and correlation id, and the lines of code it came through."""
    box.faults.put("details.query", "return-403")
    assert run(["fetch", "2023-10-10", "-q", "--debug", "trace"]) == 4
    end = events()[-1]
    assert (end["error"], end["status"], end["exit_code"]) == ("RefusedError", 403, 4)
    assert end["endpoint"] == "POST /api/v2/analytics/conversations/details/query"
    assert re.fullmatch(r"[0-9a-f-]{36}", end["correlation_id"])
    assert end["frames"][-1].startswith("client.py:")
    assert end["correlation_id"] == named("request")[-1]["correlation_id"]


def test_it_is_for_its_owner_alone_and_replaces_the_last_one(box: Sandbox) -> None:
    """Only its owner may read it, whatever it was before; an older trace is replaced."""
    Path("trace").write_text('{"event":"start","at_s":0}\n' * 3)
    Path("trace").chmod(0o644)
    assert run(["plan", "2023-10-10", "--debug", "trace"]) == 0
    assert stat.S_IMODE(Path("trace").stat().st_mode) == 0o600
    assert len(named("start")) == 1


@pytest.mark.invariant("Safe")
@pytest.mark.parametrize(
    "place", ["missing/trace", "folder", "notes.txt", "/dev/null", "/proc/trace"]
)
def test_a_place_that_is_none(box: Sandbox, place: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A trace never overwrites another file: one sentence, exit code 2, nothing sent."""
    Path("folder").mkdir()
    Path("notes.txt").write_text("dear diary")
    assert run(["fetch", "2023-10-10", "-q", "--debug", place]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "--debug" in told
    assert not box.counters
    assert Path("notes.txt").read_text() == "dear diary"
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["folder", "notes.txt"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--to", "x.jsonl", "--debug", "a/../x.jsonl"],
        ["--debug", "conversations"],
        ["--to", "x", "--debug", "x"],
    ],
)
def test_the_destination_is_none(
    box: Sandbox, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """One file cannot be both; nothing is sent, and nothing is there."""
    assert run(["fetch", "2023-10-10", "-q", *arguments]) == 2
    assert "--debug and --to name the same file" in capsys.readouterr().err
    assert not box.counters
    assert not list(Path.cwd().iterdir())


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="only Linux has a disk that is always full"
)
def test_a_disk_that_fills_up(box: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """A trace that cannot be written any further is told of, and the run goes on."""
    with Path("/dev/full").open("wb", buffering=0) as full:
        handler, logger = Writer(full), logging.getLogger("lastpage")
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        try:
            log_event("end", exit_code=0)
            log_event("end", exit_code=0)
        finally:
            logger.removeHandler(handler)
            logger.setLevel(logging.NOTSET)
    assert capsys.readouterr().err.count("the trace ends here") == 1


def broken(*_: object, **__: object) -> NoReturn:
    raise KeyError("Canary Person") from ValueError("Canary Person")


@pytest.mark.invariant("Messages and pages")
@pytest.mark.parametrize(
    ("options", "frames"),
    [
        ([], False),
        (["--verbose"], True),
        (["--debug", "trace"], True),
        (["--log-format", "json"], False),
    ],
)
def test_a_fault_of_ours(
    box: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    frames: bool,
) -> None:
    """An unforeseen exception is one sentence and exit code 1, without any value of a variable."""
    monkeypatch.setattr("lastpage.Cloud.fetch", broken)
    assert run(["fetch", "2023-10-10", "-q", *options]) == 1
    told = capsys.readouterr().err
    assert "this is a fault of lastpage (KeyError)" in told
    assert ("test_debugging.py:" in told) is frames
    assert "--debug FILE" in told or "the file trace" in told
    assert "Canary" not in told
    assert "Traceback" not in told
    if "--debug" in options:
        assert "Canary" not in Path("trace").read_text()
        end = events()[-1]
        assert (end["error"], end["causes"]) == ("KeyError", ["ValueError"])
        assert re.fullmatch(r"test_debugging\.py:\d+ broken", end["frames"][-1])


def test_a_verb_without_a_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`sandbox` has no `--debug` to be run again with, so its lines of code come at once."""
    monkeypatch.setattr("lastpage_sandbox.serve_forever", broken)
    assert run(["sandbox"]) == 1
    told = capsys.readouterr().err
    assert "please report it" in told
    assert "--debug" not in told
    assert "test_debugging.py:" in told
    assert "Canary" not in told


@pytest.mark.invariant("Safe")
@pytest.mark.parametrize(
    ("event", "name", "value"),
    [
        ("request", "endpoint", f"GET /api/v2/analytics/conversations/{QUEUE}"),
        ("request", "endpoint", "GET https://host/api"),
        ("request", "correlation_id", "Canary Person"),
        ("request", "correlation_id", "49-155-5000-1111"),
        ("request", "correlation_id", 4915550001111),
        ("request", "rate_count", "12"),
        ("request", "rate_count", 4915550001111.0),
        ("request", "bytes", 10**400),
        ("request", "body", "{}"),
        ("request", "seconds", float("nan")),
        ("plan", "interval", "2023-10-10"),
        ("plan", "slice", [1, "Canary Person"]),
        ("walk", "end", "Canary"),
        ("verdict", "why", "complete"),
        ("verdict", "coverage", "Canary Person"),
        ("proof", "finality", "canary"),
        ("note", "at", "a note with words: 3 of them"),
        ("end", "code", "canary.code"),
        ("end", "frames", ["settle.py:12 go, Canary Person"]),
        ("start", "packages", {"urllib3": "2.2"}),
        ("start", "packages", ["urllib3==Canary Person"]),
        ("start", "options", ["to", "to Canary Person"]),
        ("nothing", "status", 200),
    ],
)
def test_what_does_not_fit_is_left_out(event: str, name: str, value: object) -> None:
    """A trace has only facts that are listed, each in its form; anything else is left out."""
    assert safe(event, {name: value, "status": 200}) == (
        {"status": 200} if "status" in EVENTS.get(event, ()) else {}
    )


@pytest.mark.parametrize(
    ("value", "region"),
    [
        ("", "us-east-1"),
        ("EU-Central-1", "eu-central-1"),
        ("https://api.mypurecloud.com.au", "ap-southeast-2"),
        ("https://canary.example", "another"),
    ],
)
def test_the_region(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str, region: str
) -> None:
    """A region of the vendor's has its name in the trace; a host of another's does not."""
    monkeypatch.setenv("GENESYS_ENVIRONMENT", value)
    with debugging(tmp_path / "trace", "plan", inspect.signature(lambda: None).bind()):
        pass
    assert events(tmp_path / "trace")[0]["region"] == region


def test_a_record_of_another_writer(tmp_path: Path) -> None:
    """A record that did not come through `tell` is held to the same list."""
    logger = logging.getLogger("lastpage.request")
    with debugging(tmp_path / "trace", "plan", inspect.signature(lambda: None).bind()):
        logger.debug("Canary Person", extra={"facts": {"endpoint": "Canary Person", "status": 200}})
        logger.debug("Canary Person")
    assert [each["event"] for each in events(tmp_path / "trace")] == ["start", "request"]
    assert events(tmp_path / "trace")[1]["status"] == 200
    assert "Canary" not in (tmp_path / "trace").read_text()


def test_the_words_that_are_known() -> None:
    """The words of a trace are those of docs/api.md, of the transport, and of the types of its facts; and one for a body."""
    assert set(CODES) == {row.error.code for row in listed()} | {"invalid_client"}
    assert get_args(Fault) == FAULTS
    ours = (Route, Coverage, Finality, Proved, Found)
    ends = {each.__name__ for each in get_args(End)}
    assert set(WORDS) == {*CODES, *FAULTS, *ends, "unreadable"}.union(*map(get_args, ours))
