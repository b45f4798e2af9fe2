"""`lastpage demo`: the main job from end to end against the embedded sandbox; no account, nothing to set up."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

from rich.console import Console

from lastpage.cli.progress import showing
from lastpage.cli.summary import show
from lastpage.cli.telling import PLAINLY, Telling
from lastpage.cloud import Cloud
from lastpage.meter import Meter
from lastpage.regions import Credentials


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
    show(summary, sys.stdout, as_json=False)
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
