"""`lastpage fetch`: the main job."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from lastpage.cli.options import ALL, ANY, FULL, Filters, Keeping, Sending
from lastpage.cli.progress import showing
from lastpage.cli.summary import show
from lastpage.cli.telling import PLAINLY, Telling
from lastpage.destination import Format
from lastpage.meter import Meter


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
    show(summary, sys.stderr if to == "-" else sys.stdout, as_json=json)
    missing = summary.coverage == "short" or (strict and summary.coverage == "unproven")
    return 3 if missing else 0
