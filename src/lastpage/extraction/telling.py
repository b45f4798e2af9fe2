"""What a command tells at its end, of its runs and of what the destination holds by then.

conversations           those that the destination holds of what was asked for, whoever wrote
                        them
coverage, finality      the worst of the runs' slices, and of what is held and was not read; an
                        unfinished run that was done before counts for what it claims, unless
                        its hours were all read again
slices, duplicates      the last run's
oddities                those that the destination has of what was read
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import chain

from lastpage.api.client import Client
from lastpage.coverage.ranges import Range
from lastpage.coverage.tally import Verdict
from lastpage.extraction.choosing import holes
from lastpage.extraction.comparing import Differences
from lastpage.extraction.run import Fetching
from lastpage.extraction.summary import (
    Baseline,
    Summary,
    conversations_in,
    odd_paths_in,
    unknown_fields,
    worst_of,
)
from lastpage.outside import shown
from lastpage.progress import Meter
from lastpage.query.interval import Interval, minus
from lastpage.sinks.destination import Destination
from lastpage.sinks.sink import LineSink, TableSink
from lastpage.tables import oddities


def told(
    sink: TableSink | LineSink,
    runs: Sequence[Fetching],
    asked: Interval,
    read: Iterable[Interval],
    differences: Differences,
    client: Client,
    baseline: Baseline,
    meter: Meter,
    destination: Destination,
) -> Summary:
    """The summary: see the table at the top. `read` is where odd values are looked for."""
    held = list(chain(*sink.committed().values()))
    here = unread(held, asked, runs)
    verdicts = runs[-1].verdicts() if runs else []
    claimed = [run for run in runs if run is runs[-1] or not runs[-1].covers(run)]
    of_all = [verdict for run in claimed for verdict in run.verdicts()]
    all_of_it: list[Verdict | Range] = [*of_all, *here]
    is_final = all(each.finality == "final" for each in all_of_it)
    reasons = {each.why for each in of_all if each.coverage != "complete" or each.gap}
    fields = unknown_fields(of_all, meter.note)
    odd = oddities.by_kind(odd_paths_in(sink, read) if isinstance(sink, TableSink) else ())
    if odd:
        meter.note(oddities.sentence(odd))
    counts = client.counts
    return Summary(
        coverage=worst_of(all_of_it),
        finality="final" if is_final else "provisional",
        conversations=conversations_in(sink, held, asked),
        **asdict(differences),
        slices=len(verdicts),
        pages=meter.pages,
        requests=counts.requests - baseline.requests,
        retries=counts.retries - baseline.retries,
        duplicates=sum(verdict.duplicates for verdict in verdicts),
        unknown_fields=fields,
        oddities=odd.total(),
        seconds=round(client.clock.now() - baseline.at, 3),
        destination=destination.text,
        interval=str(asked),
        holes=[str(hole) for hole in holes((each.interval for each in held), asked)],
        notes=meter.notes + sorted(map(shown, reasons)),
    )


def unread(held: Iterable[Range], asked: Interval, runs: Iterable[Fetching]) -> list[Range]:
    """What is held of an interval, and none of these runs read."""
    left = minus(asked, [interval for run in runs for interval in run.read])
    return [each for each in held if any(each.interval.clip(part) for part in left)]
