"""The verbs that need an organisation: options to keywords, one call of `Cloud`, and what to print.

    fetch    an interval into a destination    ─▶ a summary
    sync     a destination, kept current       ─▶ a summary
    plan     the slices a fetch would take     ─▶ a table
    verify   a destination against the API     ─▶ a table
    doctor   whether a fetch can work here     ─▶ a line a check

Each returns its exit code. What the help says of a verb is in `app.VERBS`; of its options, here.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from lastpage.cli.options import (
    FULL_RATE,
    NO_FILE,
    NO_FILTERS,
    NO_SELECTION,
    FileOptions,
    FilterOptions,
    IntervalWords,
    RateOptions,
    SelectionOptions,
    Settle,
    State,
    Wait,
    in_any_case,
    whole_number,
)
from lastpage.cli.output import (
    DEFAULT_OUTPUT,
    Cell,
    OutputOptions,
    print_json,
    print_line,
    print_notes,
    print_summary,
    print_table,
    showing_progress,
    showing_requests,
    styled,
    typed,
)
from lastpage.errors import InUseError, ShortError, UsageError
from lastpage.sinks.destination import Destination, Format

if TYPE_CHECKING:
    from lastpage.checkup import Finding
    from lastpage.coverage.verification import Verification
    from lastpage.extraction.summary import Summary
    from lastpage.planning.planner import Forecast

#: An option that is on or not given; there is no `--no-…`.
Flag = Annotated[bool, Parameter(negative="")]


def fetch(
    interval: IntervalWords,
    *,
    filters: FilterOptions = NO_FILTERS,
    rate: RateOptions = FULL_RATE,
    selection: SelectionOptions = NO_SELECTION,
    file: FileOptions = NO_FILE,
    output: OutputOptions = DEFAULT_OUTPUT,
    to: Annotated[str, Parameter(allow_leading_hyphen=True)] = "conversations",
    format: Annotated[Format | None, Parameter(converter=in_any_case)] = None,  # noqa: A002 - the option's name
    refresh: Flag = False,
    accept_removals: Flag = False,
    wait: Wait = None,
    state: State = None,
    strict: bool = False,
    json: Flag = False,
) -> int:
    """Fetch; the summary goes to stderr where the conversations go to stdout.

    Parameters
    ----------
    to
        A folder, x.duckdb, postgresql://user@host/db?schema=s, s3://bucket/prefix, x.jsonl
        (or .gz, .zst), - for JSON lines on stdout, or a single file of one table: x.csv, x.parquet
        or x.xlsx.
    format
        The format of a folder: parquet (the default), csv, delta (tables of Delta Lake), or jsonl,
        which is the API's own records. A folder that is there keeps its own.
    refresh
        Read days that are final and here again, too.
    accept_removals
        Let conversations leave that do not exist any more, also where these are too many of a day.
    strict
        Exit with 3 when completeness could not be proved, too.
    json
        Print the summary as JSON.

    """
    from lastpage.progress import Meter

    keywords, cloud, meter = filters.keywords(), rate.cloud(), Meter()
    with showing_progress(meter, cloud.client, output):
        summary = cloud.fetch(
            " ".join(interval),
            to,
            format=format,
            refresh=refresh,
            accept_removals=accept_removals,
            wait=wait,
            state=state,
            meter=meter,
            **file.keywords(),
            **keywords,
            **selection.keywords(),
        )
    print_summary(summary, meter, sys.stderr if to == "-" else sys.stdout, as_json=json)
    return _exit_code(summary, strict=strict)


def sync(
    *,
    filters: FilterOptions = NO_FILTERS,
    rate: RateOptions = FULL_RATE,
    selection: SelectionOptions = NO_SELECTION,
    output: OutputOptions = DEFAULT_OUTPUT,
    to: str = "conversations",
    format: Annotated[Format | None, Parameter(converter=in_any_case)] = None,  # noqa: A002 - the option's name
    since: str | None = None,
    settle: Settle = (3, 7, 30),
    sweep: Annotated[int, Parameter(converter=whole_number)] = 0,
    accept_removals: Flag = False,
    wait: Wait = None,
    state: State = None,
    changes: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    strict: bool = False,
    json: Flag = False,
) -> int:
    """Keep a destination current; one line for cron.

    Parameters
    ----------
    to
        A folder, x.duckdb, postgresql://user@host/db?schema=s, or s3://bucket/prefix.
    format
        The format of a folder: parquet (the default), csv, delta (tables of Delta Lake), or jsonl,
        which is the API's own records. A folder that is there keeps its own.
    since
        From when on: 2026-01-01, 2026-01, a date-time with a zone, or 90d. Needed the first time;
        later on, it is from what is held first.
    settle
        Days after a day's end at which it is read again, such as 3,7,30; none for never.
    sweep
        Requests that may be spent on counts of the weeks longest unchecked; weeks that differ are
        read again.
    accept_removals
        Let conversations leave that do not exist any more, also where these are too many of a day.
    changes
        A file to which new, changed and closed records are appended, and what was removed, as JSON
        lines; - for stdout, and then the summary goes to stderr.
    strict
        Exit with 3 when completeness could not be proved, too.
    json
        Print the summary as JSON.

    """
    from lastpage.progress import Meter

    keywords, cloud, meter = filters.keywords(), rate.cloud(), Meter()
    with showing_progress(meter, cloud.client, output):
        summary = cloud.sync(
            to,
            since=since,
            settle=settle,
            sweep=sweep,
            accept_removals=accept_removals,
            wait=wait,
            state=state,
            changes=changes,
            format=format,
            meter=meter,
            **keywords,
            **selection.keywords(),
        )
    print_summary(summary, meter, sys.stderr if changes == "-" else sys.stdout, as_json=json)
    return _exit_code(summary, strict=strict)


def plan(
    interval: IntervalWords,
    *,
    filters: FilterOptions = NO_FILTERS,
    selection: SelectionOptions = NO_SELECTION,
    rate: RateOptions = FULL_RATE,
    output: OutputOptions = DEFAULT_OUTPUT,
    json: Flag = False,
) -> int:
    """Plan, and print a line for each slice.

    Parameters
    ----------
    json
        Print the plan as JSON.

    """
    from lastpage.planning.planner import Forecast
    from lastpage.progress import Meter

    cloud, meter = rate.cloud(), Meter()
    with showing_requests(output):
        slices = cloud.plan(
            " ".join(interval), meter=meter, **filters.keywords(), **selection.keywords()
        )
    print_notes(meter, output)
    forecast = Forecast.of(slices, cloud.client.pace.per_minute)
    if json:
        print_json(forecast.record())
    else:
        _print_plan(forecast)
    return 0


def _exit_code(summary: Summary, *, strict: bool) -> int:
    missing = summary.coverage == "short" or (strict and summary.coverage == "unproven")
    return ShortError.exit_code if missing else 0


def _print_plan(forecast: Forecast) -> None:
    print_table(
        ("slice", "start", "end", "route", "conversations", "requests", "why"),
        (
            (
                str(line.slice),
                line.start,
                line.end,
                line.route,
                f"{line.conversations:,}",
                str(line.requests),
                line.reason,
            )
            for line in forecast.lines
        ),
    )
    minutes = f"{forecast.minutes:,.1f} minutes" if forecast.minutes >= 1 else "less than a minute"
    print_line(
        f"{len(forecast.lines)} slices, about {forecast.conversations:,} conversations, "
        f"{forecast.requests:,} requests, "
        f"{minutes} at {forecast.per_minute:,.0f} requests a minute"
    )


def verify(
    dest: str = "conversations",
    *,
    rate: RateOptions = FULL_RATE,
    output: OutputOptions = DEFAULT_OUTPUT,
    content: Flag = False,
    repair: Flag = False,
    state: State = None,
    json: Flag = False,
) -> int:
    """Verify, and print a line for each day and hole.

    The exit code is 3 where days differ and were not repaired, 7 where all that is known to be
    wrong is that another run is writing some.

    Parameters
    ----------
    dest
        What was given to fetch as --to.
    content
        Read every day a second time and compare all tables, too; not for x.jsonl.
    repair
        Read the days that are missing rows, changed or short again.
    json
        Print proofs and holes as JSON.

    """
    cloud = rate.cloud()
    with showing_requests(output):
        verification = cloud.verify(dest, content=content, repair=repair, state=state)
    for note in verification.notes:
        output.write("note", f"note: {note}")
    if json:
        print_json(verification)
    else:
        appends = Destination.parse(dest, state=state).is_append_only
        _print_proofs(verification, closer=not (content or appends))
    if verification.changed:
        return ShortError.exit_code
    return InUseError.exit_code if verification.writing else 0


def _print_proofs(verification: Verification, *, closer: bool) -> None:
    """A line for each day and each hole, in order, and what they come to.

    `closer` is whether `--content` can say more.
    """
    lines: list[tuple[str, Sequence[Cell]]] = [
        (
            proof.interval,
            (
                proof.day,
                f"{proof.conversations:,}",
                "-" if proof.counted is None else f"{proof.counted:,}",
                styled(proof.state),
                proof.finality,
                proof.why,
            ),
        )
        for proof in verification.proofs
    ]
    for hole in verification.holes:
        counted = "-" if hole.counted is None else f"{hole.counted:,}"
        why = "never fetched" if hole.counted is not None else "never fetched, and no longer kept"
        cells = (typed(hole.interval), "0", counted, styled("hole"), "", why)
        lines.append((hole.interval, cells))
    print_table(
        ("day", "conversations", "counted", "", "finality", "why"),
        (cells for _, cells in sorted(lines)),
    )
    print_line(_conclusion(verification, closer=closer))


def _conclusion(verification: Verification, *, closer: bool) -> str:
    count = Counter(proof.state for proof in verification.proofs)
    days = len(verification.proofs) - count["kept"] - count["writing"]
    gone = sum(hole.counted is None for hole in verification.holes)
    remarks = (
        (len(verification.changed), "not as it has them", "--repair reads them again"),
        (count["near"], "near, within the counts' error", closer and "--content looks closer"),
        (count["unproven"], "not proved", ""),
        (count["writing"], "being written by another run", "verify again when it is done"),
        (count["kept"], "older than the organisation keeps, and not counted", ""),
        (len(verification.holes) - gone, "holes", "fetch their intervals to fill them"),
        (gone, "holes that can no longer be filled", ""),
        (len(verification.repaired), "intervals read again", ""),
    )
    parts = [f"{count['same']:,} of {days:,} days are as the API has them"] if days else []
    for number, what, advice in remarks:
        if number:
            parts.append(f"{what}: {number:,}" + (f" ({advice})" if advice else ""))
    return "; ".join(parts)


def doctor(output: OutputOptions = DEFAULT_OUTPUT, *, json: Flag = False) -> int:
    """Look at everything a fetch needs; the exit code is what a fetch would end with.

    Parameters
    ----------
    json
        Print the findings as JSON.

    """
    from lastpage.trace import log_event

    with showing_requests(output):
        findings = _findings()
    for finding in findings:
        log_event("finding", check=finding.check, state=finding.state)
    if json:
        print_json(findings)
    else:
        for finding in findings:
            print_line(styled(finding.state, 8), f" {finding.check:<13} {finding.text}")
    return max(each.exit_code for each in findings)


def _findings() -> list[Finding]:
    """What the doctor finds; a variable that is missing or wrong is a finding, too."""
    from lastpage.checkup import Finding
    from lastpage.cloud import Cloud

    try:
        return Cloud.from_env().doctor()
    except UsageError as problem:
        return [Finding("environment", "failed", str(problem), problem.exit_code)]
