"""A report of a destination: cells as a table, or as CSV, and what has to be said of them.

Half-hours are cut in UTC, and shown in a zone: zones at :45 have other half-hours than :00 and :30.
Those outside what is held are left out: what began after the last day, and emitted there, is not
here.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from typing import IO, Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from lastpage.figures.cells import counted, looked_at
from lastpage.figures.days import CHANGING, LOOK_BACK, HeldDay, days_of, span
from lastpage.figures.level import ServiceLevel
from lastpage.figures.sample import Longest, sample
from lastpage.query.interval import Interval, iso
from lastpage.query.written import zone
from lastpage.sinks.destination import Destination
from lastpage.tables.counting import divided
from lastpage.tables.figures import NAMES, RATIOS
from lastpage.tables.values import array

#: Conversations to look at one by one.
EXAMPLES_MAX = 200
VERDICTS = {
    "hole": "not here, between days that are",
    "part": "here in part",
    "short": "short: evidence says that rows are missing",
    "unproven": "unproven",
}
_TABLE = """
select half_hour, local, queues.name as queue, queue_id, media_type, {figures}
from cells join clocks using (half_hour) left join queues on queues.id = queue_id
order by half_hour, queue, queue_id, media_type
"""


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of a destination."""

    destination: str
    tz: tzinfo
    level: ServiceLevel
    #: From the first moment that is held to the last.
    held: Interval
    days: list[HeldDay]
    #: One row a half-hour, queue and medium with sums, percentages and averages. `half_hour` is its
    #: beginning in UTC, `local` the same on the clocks of the zone; `…_ms` are milliseconds,
    #: `…_s` seconds, `…_pct` percentages, null where there is nothing to divide by.
    table: pa.Table
    #: Days that another run is writing.
    changing: set[date] = field(default_factory=set)
    #: Some conversations as timelines, longest waits first, for the page.
    sample: list[dict[str, Any]] = field(default_factory=list)
    #: Whether it has names, numbers and attributes of people.
    personal: bool = False

    def html(self) -> str:
        """The page: one file that needs no network."""
        from lastpage.figures.page import page  # noqa: PLC0415 - a table needs no page

        return page(self)

    def write_csv(self, file: IO[bytes]) -> None:
        """Write the table as CSV."""
        moments = self.table["half_hour"].cast(pa.timestamp("s"))
        text = pc.strftime(moments, "%Y-%m-%dT%H:%M:%SZ")
        pa_csv.write_csv(self.table.set_column(0, "half_hour", text), file)

    @property
    def notes(self) -> list[str]:
        """What has to be said of the figures."""
        return list(_notes(self))


def report(
    dest: str | os.PathLike[str] = "conversations",
    *,
    tz: str | tzinfo = "UTC",
    sl: str | None = None,
    flow_outs: bool = False,
    short_abandons: bool = True,
    abandons: bool = True,
    examples: int = EXAMPLES_MAX,
    show_personal_data: bool = False,
    state: str | os.PathLike[str] | None = None,
) -> Report:
    """The figures of a destination with tables: a row a half-hour, queue and medium.

    `tz` is the zone of `local`. `sl`, such as "80/20", is a service level with a threshold of your
    own: 80 % within 20 seconds; without it, the organisation's targets count. `flow_outs`,
    `short_abandons` and `abandons` are the organisation's switches: what the service level is
    divided by. The page shows `examples` conversations one by one (200 at most), without personal
    data unless that is asked for. `state` is what `fetch` was given.

    Each figure is defined in docs/figures.md. Raises `UsageError` where there is nothing to report
    of, and `DestinationError` where it cannot be read.

    Example::

        found = lastpage.report("conversations", tz="Europe/Berlin", sl="80/20")
        found.table.to_pandas().groupby("queue")["offered"].sum()
    """
    where = zone(tz)
    level = ServiceLevel.parse(
        sl, flow_outs=flow_outs, short_abandons=short_abandons, abandons=abandons
    )
    destination = Destination.parse(os.fspath(dest), state=state)
    with looked_at(destination) as reader:
        held = {day: ranges for day, ranges in reader.committed().items() if ranges}
        whole, longest = span(held), Longest(min(examples, EXAMPLES_MAX))
        with counted(reader, sorted(held), level, longest) as db:
            table = _table(db, whole, where, level)
        return Report(
            destination.text,
            where,
            level,
            whole,
            days_of(held),
            table,
            reader.changing(),
            sample(reader, longest.found, personal=show_personal_data),
            show_personal_data,
        )


def _table(
    db: duckdb.DuckDBPyConnection, whole: Interval, tz: tzinfo, level: ServiceLevel
) -> pa.Table:
    """The cells of what is held, with their percentages and averages."""
    _put_clocks(db, whole, tz)
    ratios = [*RATIOS, level.ratio]
    figures = [
        *NAMES,
        *level.in_time,
        *(f"round({divided(each)}, 2) as {each.name}" for each in ratios),
    ]
    return db.sql(_TABLE.format(figures=", ".join(figures))).to_arrow_table()


def _put_clocks(db: duckdb.DuckDBPyConnection, whole: Interval, tz: tzinfo) -> None:
    """Make the table `clocks`: what clocks show at the beginning of each half-hour."""
    db.execute("set timezone = 'UTC'")
    half_hours = "select distinct epoch(half_hour)::bigint from cells where half_hour is not null"
    moments = [datetime.fromtimestamp(each, UTC) for (each,) in db.sql(half_hours).fetchall()]
    inside = [each for each in moments if each in whole]
    clocks = pa.table(
        {
            "half_hour": array(inside, pa.timestamp("ms", tz="UTC")),
            "local": array(
                [f"{each.astimezone(tz):%Y-%m-%d %H:%M}" for each in inside], pa.string()
            ),
        }
    )
    db.register("arriving", clocks)
    db.execute("create temp table clocks as from arriving")
    db.unregister("arriving")


def _notes(found: Report) -> Iterator[str]:
    yield (
        f"read: what began from {iso(found.held.start)} to {iso(found.held.end)}, and was emitted "
        "there; times are counted when they end"
    )
    wrong = Counter(each.verdict for each in found.days if each.verdict != "complete")
    for verdict, number in wrong.items():
        yield f"{_days(number)} {VERDICTS[verdict]}"
    if found.changing:
        yield f"{_days(len(found.changing))} being written by another run"
    yield (
        f"the first {LOOK_BACK} days lack some of what had begun before, mostly of messages, "
        f"emails and callbacks; the last {CHANGING} are still changing"
    )
    yield f"service_level_pct: {found.level.counted}"
    yield "never add percentages, averages or conversations up, and no handle times over media"


def _days(number: int) -> str:
    return "1 day is" if number == 1 else f"{number:,} days are"
