"""`lastpage sandbox`: the emulator, for everybody who has no organisation to develop against."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.console import Console

from lastpage.cli.output import PLAINLY, Telling, show_summary, showing
from lastpage.cloud import Cloud
from lastpage.errors import UsageError
from lastpage.progress import Meter
from lastpage.query.environment import Credentials


def sandbox(
    *,
    port: int = 8025,
    host: str = "127.0.0.1",
    seed: int = 1,
    per_day: float = 2000,
    now: str | None = None,
    rate: float = 1.0,
    faults: Literal["calm", "rough", "hostile"] = "calm",
    allowance: Annotated[int, Parameter(name="--requests-per-minute")] = 300,
    watermark_lag: Annotated[float, Parameter(name="--watermark-lag")] = 6,
    dialect: Literal["none", "next-page-token"] = "none",
    switches: Annotated[tuple[str, ...], Parameter(name="--set", negative="")] = (),
) -> int:
    """Serve an emulated organisation on this machine; prints the variables that point lastpage (and the SDKs) to it.

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
    rate
        Seconds that pass in the sandbox while one passes outside; 0 stands still.
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
    from lastpage_sandbox import Settings, serve_forever  # noqa: PLC0415 - only this verb and demo need the sandbox
    from lastpage_sandbox.switches import read  # noqa: PLC0415 - the same

    try:
        named = {
            "seed": seed,
            "per_day": per_day,
            "requests_per_minute": allowance,
            "watermark_lag_s": watermark_lag * 3600,
            "profile": faults,
            "dialect": dialect,
        }
        settings = Settings(**{**named, **read(switches)})
        return int(serve_forever(settings, host=host, port=port, now=now, rate=rate, out=sys.stdout) or 0)
    except ValueError as problem:
        raise UsageError(str(problem)) from None


# PART cli.demo
# `lastpage demo`: the main job from end to end against the embedded sandbox; no account, nothing to set up.


def demo(*, telling: Telling = PLAINLY, to: Path = Path("demo/conversations")) -> int:
    """Fetch two days from an emulated organisation that misbehaves, by both routes, and say what to try next.

    Parameters
    ----------
    to
        The folder to write to.

    """
    from lastpage_sandbox import Sandbox, Settings  # noqa: PLC0415 - only this verb and sandbox need the sandbox

    out = Console(highlight=False, soft_wrap=True)
    settings = Settings(seed=7, per_day=3000, requests_per_minute=6000, profile="rough", job_polls=1)
    box = Sandbox(settings, now=time.time)
    with box.serve(port=0) as server:
        out.print(
            f"An emulated organisation is listening on {server.url}; one answer in a few goes wrong on purpose.\n"
        )
        cloud = Cloud(Credentials(box.settings.client_id, box.settings.client_secret), server.url)
        meter = Meter()
        with showing(meter, cloud.client, telling):
            summary = cloud.fetch("48h", to, meter=meter)
    show_summary(summary, sys.stdout, as_json=False)
    faults = len(box.faults.receipts)
    out.print(f"\nThe sandbox answered wrongly {faults} times; nothing of it is in the files under {to}.")
    out.print(_next_steps(to))
    return 3 if summary.coverage == "short" else 0


def _next_steps(to: Path) -> str:
    here = "" if shutil.which("lastpage") else f"{Path(os.path.relpath(sys.executable)).parent}/"
    table = f"pq.read_table('{to}/conversation_overview')"
    measures = "[('conversation_id', 'count'), ('wait_ms', 'mean'), ('handle_ms', 'mean')]"
    look = f"import pyarrow.parquet as pq; print({table}.group_by('first_queue').aggregate({measures}))"
    return f"""
Try next:
  ls {to}
  {here}python -c "{look}"
  {here}lastpage sandbox              an organisation to develop against, on this machine
  {here}lastpage plan 7d              what a fetch would do, by which route and why
  {here}lastpage fetch 24h            your own organisation; set GENESYS_CLIENT_ID, GENESYS_CLIENT_SECRET, GENESYS_ENVIRONMENT"""
