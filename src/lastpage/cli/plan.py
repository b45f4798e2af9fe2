"""`lastpage plan`: what fetch would do."""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
from cyclopts import Parameter

from lastpage.cli.options import ANY, FULL, Filters, Sending
from lastpage.cli.table import show, table
from lastpage.cli.telling import PLAINLY, Telling
from lastpage.forecast import Forecast


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
        _table(forecast)
    return 0


def _table(forecast: Forecast) -> None:
    rows = table("slice", "start", "end", "route", "conversations", "requests", "why")
    for line in forecast.lines:
        rows.add_row(
            str(line.slice.number),
            line.start,
            line.end,
            line.route,
            f"{line.conversations:,}",
            str(line.requests),
            line.reason,
        )
    show(
        rows,
        f"{len(forecast.lines)} slices, about {forecast.conversations:,} conversations, "
        f"{forecast.requests:,} requests, {_minutes(forecast.minutes)} at {forecast.per_minute:,.0f} requests a minute",
    )


def _minutes(minutes: float) -> str:
    return f"{minutes:,.1f} minutes" if minutes >= 1 else "less than a minute"
