"""`lastpage doctor`: whether anything can work here, and what to do where it cannot."""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from lastpage.cli.telling import PLAINLY, Telling
from lastpage.cloud import Cloud
from lastpage.doctor import Finding
from lastpage.errors import RefusedError, UsageError
from lastpage.trace import tell

STYLE = {"ok": "green", "warning": "yellow", "failed": "bold red"}


def doctor(telling: Telling = PLAINLY, *, json: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Look at environment, network, credentials, role, clock, watermark, retention, names and allowance; each is ok, or what to do.

    Parameters
    ----------
    json
        Print the findings as JSON.

    """
    with telling.logging():
        findings = _findings()
    for finding in findings:
        tell("finding", check=finding.check, state=finding.state)
    if json:
        sys.stdout.write(msgspec.json.encode(findings).decode() + "\n")
    else:
        console = Console(highlight=False, soft_wrap=True)
        for finding in findings:
            console.print(Text(f"{finding.state:<8}", STYLE[finding.state]), f"{finding.check:<13}", finding.text)
    return RefusedError.exit_code if any(finding.state == "failed" for finding in findings) else 0


def _findings() -> list[Finding]:
    try:
        return Cloud.from_env().doctor()
    except UsageError as problem:
        return [Finding("environment", "failed", str(problem))]
