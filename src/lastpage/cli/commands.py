"""`lastpage fetch`: the main job."""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from lastpage.checkup import Finding
from lastpage.cli.options import ALL, ANY, FULL, Filters, Keeping, Sending
from lastpage.cli.output import PLAINLY, Telling, show_summary, show_table, showing, table
from lastpage.cloud import Cloud
from lastpage.coverage.verification import Verification
from lastpage.errors import RefusedError, ShortError, UsageError
from lastpage.planning.planner import Forecast
from lastpage.progress import Meter
from lastpage.sinks.destination import Format
from lastpage.trace import tell


def fetch(
    interval: str,
    *,
    filters: Filters = ANY,
    sending: Sending = FULL,
    keeping: Keeping = ALL,
    telling: Telling = PLAINLY,
    to: Annotated[str, Parameter(allow_leading_hyphen=True)] = "conversations",
    format: Format | None = None,  # noqa: A002 - the option's name
    strict: bool = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Fetch every conversation of an interval; run it again after a crash and it goes on.

    Parameters
    ----------
    interval
        2023-10-01/2023-10-08 (the end is not included), 2023-10-01, 2023-10, 24h, 7d, or date-times with a zone.
    to
        A folder, a file x.duckdb, x.jsonl, x.jsonl.gz or x.jsonl.zst, or - for JSON lines on stdout.
    format
        How a folder's files are: parquet (the default) or csv. A folder that is there keeps its format.
    strict
        Exit with 3 when completeness could not be proved, too.
    json
        Print the summary as JSON.

    """
    asked, cloud, meter = filters.asked(), sending.cloud(), Meter()
    with showing(meter, cloud.client, telling):
        summary = cloud.fetch(interval, to, format=format, meter=meter, **asked, **keeping.kept())
    show_summary(summary, sys.stderr if to == "-" else sys.stdout, as_json=json)
    missing = summary.coverage == "short" or (strict and summary.coverage == "unproven")
    return 3 if missing else 0


# PART cli.plan
# `lastpage plan`: what fetch would do.


def plan(
    interval: str,
    *,
    filters: Filters = ANY,
    sending: Sending = FULL,
    telling: Telling = PLAINLY,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Print the slices a fetch would take, by which route and why, with requests and minutes; sends only the counts.

    Parameters
    ----------
    interval
        As for fetch.
    json
        Print the plan as JSON.

    """
    cloud = sending.cloud()
    with telling.logging():
        forecast = Forecast.of(cloud.plan(interval, **filters.asked()), cloud.client.pace.per_minute)
    if json:
        sys.stdout.write(msgspec.json.encode(forecast.record()).decode() + "\n")
    else:
        _print_plan(forecast)
    return 0


def _print_plan(forecast: Forecast) -> None:
    rows = table("slice", "start", "end", "route", "conversations", "requests", "why")
    for line in forecast.lines:
        rows.add_row(
            str(line.slice),
            line.start,
            line.end,
            line.route,
            f"{line.conversations:,}",
            str(line.requests),
            line.reason,
        )
    show_table(
        rows,
        f"{len(forecast.lines)} slices, about {forecast.conversations:,} conversations, "
        f"{forecast.requests:,} requests, {_minutes(forecast.minutes)} at {forecast.per_minute:,.0f} requests a minute",
    )


def _minutes(minutes: float) -> str:
    return f"{minutes:,.1f} minutes" if minutes >= 1 else "less than a minute"


# PART cli.verify
# `lastpage verify`: prove an extract again, against what the API counts now.


PROOF_STYLE = {"same": "green", "changed": "bold yellow", "unproven": "yellow", "short": "bold red"}


def verify(
    dest: str = "conversations",
    *,
    sending: Sending = FULL,
    telling: Telling = PLAINLY,
    content: Annotated[bool, Parameter(negative="")] = False,
    repair: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Hold what a destination has against what the API counts now, day by day; exit code 3 if days changed and stay so.

    Parameters
    ----------
    dest
        What was given to fetch as --to.
    content
        Read every day a second time and compare all tables, too; not for JSON lines.
    repair
        Read the days that changed again.
    json
        Print the proofs as JSON.

    """
    cloud = sending.cloud()
    with telling.logging():
        verification = cloud.verify(dest, content=content, repair=repair)
    if json:
        sys.stdout.write(msgspec.json.encode(verification).decode() + "\n")
    else:
        _print_proofs(verification)
    return ShortError.exit_code if verification.changed else 0


def _print_proofs(verification: Verification) -> None:
    rows = table("day", "conversations", "counted", "", "finality", "why")
    for proof in verification.proofs:
        state = f"[{PROOF_STYLE[proof.state]}]{proof.state}[/]"
        numbers = (f"{proof.conversations:,}", f"{proof.counted:,}")
        rows.add_row(proof.day, *numbers, state, proof.finality, proof.why)
    changed = len({proof.day for proof in verification.changed})
    days = len({proof.day for proof in verification.proofs})
    show_table(rows, f"{days - changed:,} of {days:,} days are as the API has them" + _advice(verification))


def _advice(verification: Verification) -> str:
    if verification.repaired:
        return f"; {len(verification.repaired):,} stretches were read again"
    return "; run it with --repair to read the others again" if verification.changed else ""


# PART cli.doctor
# `lastpage doctor`: whether anything can work here, and what to do where it cannot.


FINDING_STYLE = {"ok": "green", "warning": "yellow", "failed": "bold red"}


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
            console.print(
                Text(f"{finding.state:<8}", FINDING_STYLE[finding.state]), f"{finding.check:<13}", finding.text
            )
    return RefusedError.exit_code if any(finding.state == "failed" for finding in findings) else 0


def _findings() -> list[Finding]:
    try:
        return Cloud.from_env().doctor()
    except UsageError as problem:
        return [Finding("environment", "failed", str(problem))]
