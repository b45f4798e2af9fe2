"""The verbs that need no organisation: `sandbox` serves an emulated one, `demo` fetches from one.

These are the only lines that import both the client and the sandbox.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from lastpage.cli.options import in_any_case
from lastpage.cli.output import DEFAULT_OUTPUT, OutputOptions, print_summary, showing_progress
from lastpage.errors import ShortError, UsageError


def sandbox(
    *,
    port: int = 8025,
    host: str = "127.0.0.1",
    seed: int = 1,
    per_day: float = 2000,
    now: str | None = None,
    living: Annotated[bool, Parameter(negative="")] = False,
    rate: Annotated[float, Parameter(name=("--speed", "--rate"))] = 1.0,
    faults: Annotated[
        Literal["calm", "rough", "hostile"], Parameter(converter=in_any_case)
    ] = "calm",
    allowance: Annotated[int, Parameter(name="--requests-per-minute")] = 300,
    watermark_lag: Annotated[float, Parameter(name="--watermark-lag")] = 6,
    dialect: Annotated[
        Literal["none", "next-page-token"], Parameter(converter=in_any_case)
    ] = "none",
    switches: Annotated[tuple[str, ...], Parameter(name="--set", negative="")] = (),
) -> int:
    """Serve until it is stopped; Ctrl-C ends it with 0.

    Parameters
    ----------
    port
        Where to listen; 0 takes a free one.
    host
        Loopback unless another interface is asked for.
    seed
        Which organisation: the same seed has the same conversations.
    per_day
        Conversations a day.
    now
        The time the sandbox's clock starts at; the real time if not given.
    living
        A few conversations change after the fact: come late, open again, move, are deleted.
    rate
        Seconds here in one second outside: at 1440 a day takes a minute; 0 stands still.
    faults
        How often answers go wrong.
    allowance
        Requests a minute before 429.
    watermark_lag
        Hours that jobs are behind.
    dialect
        Whether the details query speaks of a nextPageToken, as some guides do.
    switches
        Any other switch of the sandbox, as name=value; repeatable. The sandbox's README lists them.

    """
    from lastpage_sandbox import Settings, serve_forever
    from lastpage_sandbox.living import LIVING, check_pace
    from lastpage_sandbox.switches import read

    try:
        named = {
            "seed": seed,
            "per_day": per_day,
            "requests_per_minute": allowance,
            "watermark_lag_s": watermark_lag * 3600,
            "profile": faults,
            "dialect": dialect,
        }
        if living:
            check_pace(rate)
            named |= LIVING
        settings = Settings(**{**named, **read(switches)})
        return int(
            serve_forever(settings, host=host, port=port, now=now, rate=rate, out=sys.stdout) or 0
        )
    except ValueError as problem:
        raise UsageError(str(problem)) from None


def demo(*, output: OutputOptions = DEFAULT_OUTPUT, to: Path = Path("demo/conversations")) -> int:
    """Serve, fetch, sync a day later, and print what happened and what to try next.

    Parameters
    ----------
    to
        The folder to write to.

    """
    from lastpage.cloud import Cloud
    from lastpage.progress import Meter
    from lastpage.query.credentials import Credentials
    from lastpage_sandbox import Sandbox, Settings

    settings = Settings(
        seed=7, per_day=3000, requests_per_minute=6000, profile="rough", job_polls=1
    )
    box = Sandbox(settings, now=time.time)
    with box.serve(port=0) as server:
        _print(
            f"An emulated organisation is listening on {server.url}; "
            "one answer in a few goes wrong on purpose.\n\n"
        )
        cloud = Cloud(Credentials(settings.client_id, settings.client_secret), server.url)
        fetched = Meter()
        with showing_progress(fetched, cloud.client, output):
            first = cloud.fetch("48h", to, meter=fetched)
        print_summary(first, fetched, sys.stdout)
        wrong = len(box.faults.receipts)
        _print(
            f"\nThe sandbox answered wrongly {wrong} times; nothing of it is in the files under "
            f"{to}.\n\nNow a day passes there, and lastpage sync brings {to} up to date.\n\n"
        )
        box.clock.advance(24 * 3600)
        synced = Meter()
        with showing_progress(synced, cloud.client, output):
            second = cloud.sync(to, meter=synced)
        print_summary(second, synced, sys.stdout)
    _print(f"{_next_steps(to)}\n")
    is_short = "short" in (first.coverage, second.coverage)
    return ShortError.exit_code if is_short else 0


def _print(text: str) -> None:
    """At once, also where stdout is no terminal: what comes next takes seconds."""
    sys.stdout.write(text)
    sys.stdout.flush()


def _next_steps(to: Path) -> str:
    here = "" if shutil.which("lastpage") else f"{Path(os.path.relpath(sys.executable)).parent}/"
    table = f"pq.read_table('{to}/conversation_overview')"
    measures = "[('conversation_id', 'count'), ('wait_ms', 'mean'), ('handle_ms', 'mean')]"
    groups = f"{table}.group_by('first_queue').aggregate({measures})"
    variables = "GENESYS_CLIENT_ID, GENESYS_CLIENT_SECRET, GENESYS_ENVIRONMENT"
    return f"""
Try next:
  ls {to}
  {here}python -c "import pyarrow.parquet as pq; print({groups})"
  {here}lastpage sandbox              an organisation to develop against, on this machine
  {here}lastpage plan 7d              what a fetch would do, by which route and why
  {here}lastpage fetch 24h            your own organisation; set {variables}
  {here}lastpage sync --since 7d      the same, every night: what is new, late or changed"""
