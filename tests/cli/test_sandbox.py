"""`lastpage sandbox` as a user meets it: what it prints, how it is reached, how it refuses."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import urllib3
from tests.served import started

from lastpage.cli.app import run
from lastpage_sandbox.living import LIVING


@contextmanager
def running(*arguments: str) -> Iterator[tuple[dict[str, str], list[str], subprocess.Popen[str]]]:
    """The command in a process of its own, on a free port: what it exports, and what it says besides."""
    with started("sandbox", "--port", "0", *arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout
        lines = []
        while not (lines and lines[-1].startswith("# serving")):
            lines.append(process.stdout.readline())
            assert lines[-1], "it ended before it served"
        try:
            exported = [
                line.removeprefix("export ").strip().split("=", 1)
                for line in lines
                if line[0] != "#"
            ]
            yield dict(exported), [line for line in lines if line[0] == "#"], process  # type: ignore[misc]
        finally:
            process.kill()


def test_it_serves_what_was_asked_for() -> None:
    """The variables it prints lead to an organisation with the switches and the clock of the command line."""
    arguments = [
        "--seed",
        "9",
        "--now",
        "2023-10-20",
        "--rate",
        "0",
        "--set",
        "api_prefix=/gw",
        "--set",
        "job_polls=7",
    ]
    with running(*arguments) as (env, said, process):
        url = env["GENESYS_ENVIRONMENT"]
        pool = urllib3.PoolManager(retries=False)
        assert pool.request("GET", f"{url}/_sandbox/clock").json() == {
            "now": "2023-10-20T00:00:00.000Z",
            "rate": 0.0,
        }
        settings = pool.request("GET", f"{url}/_sandbox/settings").json()
        assert (settings["seed"], settings["api_prefix"], settings["job_polls"]) == (9, "/gw", 7)
        basic = urllib3.make_headers(
            basic_auth=f"{env['GENESYS_CLIENT_ID']}:{env['GENESYS_CLIENT_SECRET']}"
        )
        form = {"grant_type": "client_credentials"}
        token = pool.request_encode_body(
            "POST", f"{url}/oauth/token", form, basic, encode_multipart=False
        ).json()
        bearer = {"Authorization": f"Bearer {token['access_token']}"}
        assert (
            pool.request("GET", f"{url}/gw/api/v2/organizations/me", headers=bearer).status == 200
        )
        assert pool.request("GET", f"{url}/api/v2/organizations/me", headers=bearer).status == 404
        assert not any("warning" in line for line in said)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0


def test_living() -> None:
    """It starts at --now, goes on at --speed, says so, and has the switches of a living organisation but those set otherwise."""
    arguments = ["--living", "--speed", "1440", "--now", "2023-10-20", "--set", "moved_share=0"]
    with running(*arguments) as (env, said, _):
        assert any("it is 2023-10-20T00:0" in line and "a day takes 60 s" in line for line in said)
        control = f"{env['GENESYS_ENVIRONMENT']}/_sandbox"
        clock = urllib3.request("GET", f"{control}/clock", retries=False).json()
        assert clock["rate"] == 1440
        assert clock["now"] > "2023-10-20T00:00:00.000Z"
        settings = urllib3.request("GET", f"{control}/settings", retries=False).json()
    assert settings["moved_share"] == 0
    rest = {name: share for name, share in LIVING.items() if name != "moved_share"}
    assert {name: settings[name] for name in rest} == rest


def test_another_interface_is_warned_of() -> None:
    """Others are let in only when asked for, and then it says so; the control plane answers them, too."""
    with running("--host", "0.0.0.0") as (env, said, _):
        assert any("warning: others can reach 0.0.0.0" in line for line in said)
        answer = urllib3.request(
            "GET",
            f"{env['GENESYS_ENVIRONMENT']}/_sandbox/clock",
            headers={"Host": "box.example"},
            retries=False,
        )
        assert answer.status == 200


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--port", "99999"], "a port is a number"),
        (["--port", "-1"], "a port is a number"),
        (["--port", "many"], "--port"),
        (["--host", "nosuch.invalid"], "cannot listen on nosuch.invalid"),
        (["--now", "yesterday"], "'yesterday' is no date and time"),
        (["--now", "1850-01-01"], "from the year 2000"),
        (["--rate", "-1"], "the rate is seconds"),
        (["--rate", "fast"], "--rate"),
        (["--speed", "-1"], "-1 is no speed"),
        (["--speed", "2e6"], "from 0 (stands still) to 1000000"),
        (["--speed", "nan"], "nan is no speed"),
        (["--living", "--speed", "inf"], "inf is no speed"),
        (["--speed", "fast"], "--speed"),
        (["--living", "--speed", "0"], "--living goes on, and --speed 0 stands still"),
        (["--seed", "x"], "--seed"),
        (["--per-day", "-1"], "per_day cannot be -1"),
        (["--requests-per-minute", "0"], "requests_per_minute cannot be 0"),
        (["--watermark-lag", "-1"], "watermark_lag_s cannot be"),
        (["--faults", "wild"], "--faults"),
        (["--dialect", "old"], "--dialect"),
        (["--set", "gzip"], "a switch is set by name=value"),
        (["--set", "shoe=41"], "there is no switch 'shoe'; there are seed, per_day"),
        (["--set", "gzip=perhaps"], "gzip cannot be 'perhaps'"),
        (["--set", "ids_max=0"], "ids_max cannot be '0'"),
        (["--set", "orphans=2"], "orphans cannot be '2'"),
        (["--set", "sync_interval=week"], "it is one of day+overlap, exact-start, whole-day"),
        (["--set", "api_prefix=no slash"], "api_prefix cannot be"),
    ],
)
def test_bad_input(capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    """One sentence that names what is wrong, exit code 2, nothing served."""
    assert (
        run(
            ["sandbox", "--port", "0", *arguments]
            if "--port" not in arguments
            else ["sandbox", *arguments]
        )
        == 2
    )
    printed = capsys.readouterr()
    assert printed.err.startswith("lastpage: ")
    assert says in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_a_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    """It says which, and how to find another."""
    with running() as (env, _, _):
        port = env["GENESYS_ENVIRONMENT"].rpartition(":")[2]
        assert run(["sandbox", "--port", port]) == 2
    printed = capsys.readouterr().err
    assert f"cannot listen on 127.0.0.1:{port}" in printed
    assert "--port" in printed
