"""The recipes of examples/nightly: each is what its platform can read, and gives commands that lastpage takes."""

from __future__ import annotations

import ast
import configparser
import re
import shlex
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from lastpage.cli.app import app

FOLDER = Path(__file__).parents[1] / "examples" / "nightly"
FILES = sorted(path for path in FOLDER.iterdir() if path.is_file())
#: What a shell or a string ends a command with.
COMMAND = re.compile(r"(?<![\w./:-])(?:/usr/local/bin/)?lastpage ((?:sync|status) [^\n;\"'&|>)]+)")


def commands(path: Path) -> list[list[str]]:
    text = path.read_text("utf-8").replace("{DESTINATION}", "conversations")
    code = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found = COMMAND.findall("\n".join(code))
    return [[word for word in shlex.split(each) if not word.isdigit()] for each in found]


def as_yaml(path: Path) -> list[Any]:
    yaml = pytest.importorskip("yaml")
    return list(yaml.safe_load_all(path.read_text("utf-8")))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_commands(path: Path) -> None:
    """Every recipe syncs and looks whether that still works; its commands parse, it has no secret, and says how it was tried."""
    for arguments in commands(path):
        app.parse_args(arguments, exit_on_error=False, print_error=False)
    verbs = {arguments[0] for arguments in commands(path)}
    assert verbs == {"sync", "status"} or path.suffix == ".timer"
    text = path.read_text("utf-8")
    head = " ".join(text[:700].split())
    assert re.search(r"(Was run: .+ \d|Checked: .+ \d|Not run; parsed)", head), head
    assert not re.search(r"SECRET\s*[:=]\s*['\"]?[\w-]{8,}", text)


def test_units() -> None:
    """The units of systemd have their sections; the timer is enabled by itself."""
    units = {}
    for name in ("lastpage.service", "lastpage.timer"):
        # A key may be there twice; the last one counts here.
        units[name] = configparser.ConfigParser(strict=False, interpolation=None)
        units[name].read(FOLDER / name, "utf-8")
    assert units["lastpage.service"]["Service"]["Type"] == "oneshot"
    assert units["lastpage.timer"]["Timer"]["Persistent"] == "true"
    assert units["lastpage.timer"]["Install"]["WantedBy"] == "timers.target"


def test_schedules() -> None:
    """A workflow and a CronJob run at the same time each night, one run at a time."""
    (workflow,) = as_yaml(FOLDER / "workflow.yml")
    # In YAML 1.1, which this parser reads, `on` is a truth value.
    schedule = workflow[True]["schedule"][0]["cron"]
    claim, job = as_yaml(FOLDER / "cronjob.yaml")
    assert job["spec"]["schedule"] == schedule == "17 2 * * *"
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    spec = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    volume = spec["volumes"][0]["persistentVolumeClaim"]["claimName"]
    assert volume == claim["metadata"]["name"]


def test_task() -> None:
    """The Windows task is well-formed, and does not start beside a run that is at it."""
    task = ET.fromstring((FOLDER / "task.xml").read_bytes())
    names = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    found = task.find("t:Settings/t:MultipleInstancesPolicy", names)
    assert found is not None
    assert found.text == "IgnoreNew"


def test_airflow_dag() -> None:
    """The DAG is Python, and no run of it begins beside another."""
    tree = ast.parse((FOLDER / "airflow_dag.py").read_text("utf-8"))
    keywords = [each for each in ast.walk(tree) if isinstance(each, ast.keyword)]
    values = {each.arg: each.value for each in keywords}
    assert ast.literal_eval(values["max_active_runs"]) == 1
    assert ast.literal_eval(values["catchup"]) is False
