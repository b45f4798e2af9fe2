"""Where to cut an interval, and by which route to read each part: slices, each with its reason.

    part of the interval                     route     cut into
    ---------------------------------------  --------  ------------------------------------------
    before the job watermark                 cursor    whole days, joined to about JOB_ROWS rows,
    (a day before it, if a filter looks                at most JOB_DAYS_MAX days
    at segments: see below)
    … if it is small, and needs no job       pages     the same: see small.py
    after it                                 pages     halves, while above PAGES_ROWS rows
    all of it, where `paginate` says so      as said   as above

`plan` is a generator: it yields a `Probe` and is sent the number of conversations that the API
counts for it. So it asks for exactly what it needs, does no I/O, and is tested by assertion alone.

A probe counts what started on the UTC days its interval touches and lives into the interval
(docs/api.md, 3.1). From a midnight on, that is everything that started before the probe's end. So
the difference of two such counts is what started between their ends, and threads that stay open
for days do not defeat the cutting.

A filter on segments may see only segments inside the interval that is asked for (docs/api.md, 11,
row 21), and a conversation may meet the filter after its slice's end. So a filtered request asks
one day further than its slice. Jobs see nothing past the watermark: a filtered job ends one day
before it, and page numbers read on from there.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from lastpage.errors import UsageError
from lastpage.planning.packed import packed
from lastpage.planning.small import REASON, WHOLE, Need, is_small
from lastpage.query.interval import (
    DAY,
    EARLIEST,
    HOUR,
    MINUTE,
    Interval,
    floor_day,
    floor_hour,
    floor_minute,
)
from lastpage.query.query import Query

if TYPE_CHECKING:
    from lastpage.planning.terms import Terms

Route = Literal["pages", "cursor"]
Paginate = Literal["auto", "pages", "cursor"]

#: Conversations of a job: about so many take minutes, and losing one job costs little.
JOB_ROWS = 100_000
#: Days of a job; longer ones are not known to work (docs/api.md, 2).
JOB_DAYS_MAX = 31
#: Rows of a page of job results at first, and at most; larger ones work but cost memory
#: (docs/api.md, 2).
JOB_PAGE_ROWS, JOB_PAGE_ROWS_MAX = 1_000, 10_000
#: Conversations of a slice that is read by page numbers; the wall is ten times as high.
PAGES_ROWS = 10_000
#: Rows of a page of the details query: more is not known to work (docs/api.md, 2).
PAGE_ROWS_MAX = 100
#: The API refuses `pageNumber x pageSize` beyond this (docs/api.md, 2).
WALL_ROWS = 100_000
#: Where time is cut no further: a minute may hold anything below the wall.
SMALLEST_CUT = MINUTE
#: Days that an unfiltered count may cover (docs/api.md, 2).
PROBE_DAYS_MAX = 7
#: How far past its slice a request with a filter on segments looks.
LOOK_AHEAD = DAY
#: The longest lag of jobs in official texts, for where the watermark is refused (docs/api.md, 2).
LAG_ASSUMED = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class Slice:
    """What one walk fetches: conversations that start in `interval`, by asking for `asked`."""

    number: int
    interval: Interval
    asked: Interval
    route: Route
    reason: str
    expected: int | None = None
    #: What it was planned with, if it is handed out to be read elsewhere.
    terms: Terms | None = field(default=None, compare=False, repr=False)

    @property
    def is_quick(self) -> bool:
        """Whether page numbers read it though a job could: see small.py."""
        return self.reason == REASON

    @property
    def position(self) -> tuple[datetime, int]:
        """Where it stands among the others; parts of a slice stand where the whole stood."""
        return self.interval.start, self.number

    def __str__(self) -> str:
        return f"slice {self.number} {self.interval} by {self.route}"

    def __reduce__(self) -> tuple[Any, ...]:
        return packed(self)


@dataclass(frozen=True, slots=True)
class Probe:
    """A question for a count: a details query for one row, of which only `totalHits` is read."""

    interval: Interval


@dataclass(frozen=True, slots=True)
class Horizon:
    """How far each route reaches: page numbers to `until`, jobs to `watermark`."""

    #: A minute before now, by the server's clock.
    until: datetime
    watermark: datetime
    #: False where the watermark was refused and a lag had to be assumed.
    known: bool = True


@dataclass(frozen=True, slots=True)
class Part:
    """An interval and how many conversations start in it, on its way to becoming a slice."""

    interval: Interval
    count: int


#: Asks for counts, and ends with the parts.
Cutting = Generator[Probe, int, list[Part]]


def plan(
    query: Query,
    interval: Interval,
    horizon: Horizon,
    paginate: Paginate = "auto",
    need: Need = WHOLE,
) -> Generator[Probe, int, list[Slice]]:
    """Cut `interval` into slices: disjoint, in order, without a gap.

    `need` is what asks for jobs. Raises `UsageError` for a minute that holds more than page numbers
    can reach.
    """
    slices: list[Slice] = []
    may_be_quick = paginate == "auto" and not need.is_there
    for stretch, usual, why in routes(query, interval, horizon, paginate):
        cutting = _job_parts(stretch, query) if usual == "cursor" else _page_parts(stretch)
        parts = yield from cutting
        is_quick = may_be_quick and usual == "cursor" and is_small(stretch, _count(parts))
        route: Route = "pages" if is_quick else usual
        reason = REASON if is_quick else why
        for part in parts:
            asked = _asked_interval(part.interval, query, horizon)
            slices.append(Slice(len(slices) + 1, part.interval, asked, route, reason, part.count))
    return slices


def jobs_reach(query: Query, horizon: Horizon, paginate: Paginate) -> datetime:
    """Up to when jobs read what they can have whole: see the tables at the top."""
    if paginate == "pages":
        return EARLIEST
    border = floor_hour(horizon.watermark)
    return border - LOOK_AHEAD if query.sees_segments and paginate == "auto" else border


def routes(
    query: Query, interval: Interval, horizon: Horizon, paginate: Paginate
) -> Iterator[tuple[Interval, Route, str]]:
    """Which route serves which part, and why."""
    if paginate == "pages":
        yield interval, "pages", "page numbers were asked for"
        return
    border = jobs_reach(query, horizon, paginate)
    known = "the watermark" if horizon.known else "an assumed watermark (the API did not say)"
    if query.sees_segments and paginate == "auto":
        known = f"a day before {known}, since a filter looks at segments"
    settled = interval.clip(Interval(min(interval.start, border) - DAY, border))
    recent = interval.clip(Interval(border, max(interval.end, border) + DAY))
    if settled:
        yield settled, "cursor", f"before {known}: in bulk, with participant attributes"
    if recent and paginate == "cursor":
        yield recent, "cursor", f"a job was asked for, although {known} lies before: may be partial"
    elif recent:
        yield recent, "pages", f"after {known}: jobs would be silently partial"


def by_pages(slice_: Slice, query: Query, horizon: Horizon) -> Generator[Probe, int, list[Slice]]:
    """A job's slice as slices of page numbers; the ledger gives them numbers.

    Raises `UsageError` for a minute that holds more than page numbers can reach.
    """
    parts = yield from _page_parts(slice_.interval)
    return [
        replace(
            slice_,
            interval=part.interval,
            asked=_asked_interval(part.interval, query, horizon),
            route="pages",
            reason="the job lacks what page numbers may have",
            expected=part.count,
        )
        for part in parts
    ]


def by_job(slice_: Slice) -> Slice:
    """What page numbers were to read at once, as a job's slice."""
    return replace(slice_, route="cursor", reason="page numbers do not agree with what was counted")


def halves_of(slice_: Slice, query: Query) -> list[Slice]:
    """The halves of a slice that proved too large; empty where time is cut no further.

    The ledger gives numbers; here each half keeps the number of the whole.
    """
    at = middle_of(slice_.interval)
    return [part_of(slice_, half, query) for half in slice_.interval.split(at)] if at else []


def part_of(whole: Slice, part: Interval, query: Query, expected: int | None = None) -> Slice:
    """A part of a slice: it looks past its own end as any slice does, and no further than that."""
    end = min(part.end + look_ahead(query), whole.asked.end)
    return replace(whole, interval=part, asked=Interval(part.start, end), expected=expected)


def counted_intervals(slice_: Slice) -> list[Interval]:
    """What is counted before and after a job: the slice, in parts that a count may cover.

    A count of a part of a day counts what lives there, or what starts there, or all of the day
    (docs/api.md, 11, row 5). So where the slice begins in the middle of a day, that day is also
    counted from midnight to the end of the first part, and to the slice's start: the difference is
    what started in between.
    """
    parts = list(slice_.interval.pieces(PROBE_DAYS_MAX))
    first = from_midnight(parts[0])
    return parts + first if len(first) > 1 else parts


def from_midnight(interval: Interval) -> list[Interval]:
    """What is counted for the starts of a week at most: from midnight to its end, and to its start.

    The second is left out where it starts at midnight.
    """
    midnight = floor_day(interval.start)
    ends = [interval.end, interval.start] if midnight < interval.start else [interval.end]
    return [Interval(midnight, end) for end in ends]


def look_ahead(query: Query) -> timedelta:
    """How far past its slice a request looks: see the last paragraph at the top."""
    return LOOK_AHEAD if query.sees_segments else timedelta(0)


def count_started(interval: Interval) -> Generator[Probe, int, int]:
    """How many started in an interval of a week at most."""
    to_end, *to_start = from_midnight(interval)
    count = yield Probe(to_end)
    for part in to_start:
        count -= yield Probe(part)
    return max(count, 0)


def count_matching(interval: Interval, seen_to: datetime) -> Generator[Probe, int, int]:
    """How many started on whole days and meet a filter by a later moment.

    They and what started after them are counted, less what started after them. All of it takes a
    week at most.
    """
    count = yield Probe(Interval(interval.start, max(seen_to, interval.end)))
    if interval.end < seen_to:
        count -= yield Probe(Interval(interval.end, seen_to))
    return max(count, 0)


def _count(parts: Iterable[Part]) -> int:
    return sum(part.count for part in parts)


def _asked_interval(interval: Interval, query: Query, horizon: Horizon) -> Interval:
    """What has to be asked for to see all of a slice: see the last paragraph at the top."""
    end = min(interval.end + look_ahead(query), horizon.until)
    return Interval(interval.start, max(interval.end, end))


def _job_parts(stretch: Interval, query: Query) -> Cutting:
    """Whole days for jobs: cut where a week holds too much, joined where several hold little."""
    parts: list[Part] = []
    for week in stretch.pieces(PROBE_DAYS_MAX):
        count = yield from count_started(week)
        parts += yield from _cut_at_midnights(Part(week, count))
    return _joined(parts, JOB_DAYS_MAX * DAY - look_ahead(query))


def _cut_at_midnights(part: Part) -> Cutting:
    """Halves at midnights, until each is small enough for a job or a single day."""
    at = _midnight_inside(part.interval)
    if part.count <= JOB_ROWS or at is None:
        return [part]
    first, second = part.interval.split(at)
    count = yield from count_started(first)
    left = yield from _cut_at_midnights(Part(first, count))
    right = yield from _cut_at_midnights(Part(second, max(part.count - count, 0)))
    return left + right


def _joined(parts: Sequence[Part], length_max: timedelta) -> list[Part]:
    """Neighbours joined while a job may hold them."""
    joined: list[Part] = []
    for part in parts:
        if joined:  # with the one before, if a job may hold both
            interval = Interval(joined[-1].interval.start, part.interval.end)
            both = Part(interval, joined[-1].count + part.count)
            if both.count <= JOB_ROWS and both.interval.length <= length_max:
                joined[-1] = both
                continue
        joined.append(part)
    return joined


def _page_parts(stretch: Interval) -> Cutting:
    """Parts for page numbers, each small enough to stay far from the wall."""
    parts: list[Part] = []
    for week in stretch.pieces(PROBE_DAYS_MAX):
        count = yield from count_started(week)
        parts += yield from _cut_in_halves(Part(week, count))
    return parts


def _cut_in_halves(part: Part) -> Cutting:
    """Halves, until each is small enough; raises `UsageError` for a minute above the wall."""
    if part.count <= PAGES_ROWS:
        return [part]
    at = middle_of(part.interval)
    if at is None and part.count < WALL_ROWS:
        return [part]
    if at is None:
        raise UsageError(
            f"{part.count:,} conversations start in {part.interval}, and page numbers reach only "
            f"{WALL_ROWS:,} of a query: give a filter such as --media, or read it by job once the "
            "watermark has passed it"
        )
    first, second = part.interval.split(at)
    count = yield from count_started(first)
    left = yield from _cut_in_halves(Part(first, count))
    right = yield from _cut_in_halves(Part(second, max(part.count - count, 0)))
    return left + right


def middle_of(interval: Interval) -> datetime | None:
    """Where to halve: a midnight, else a whole hour or minute; None where it is too short."""
    if at := _midnight_inside(interval):
        return at
    if interval.length <= SMALLEST_CUT:
        return None
    middle = interval.start + interval.length / 2
    for at in (floor_hour(middle) if interval.length >= 2 * HOUR else middle, floor_minute(middle)):
        if interval.start < at < interval.end and at == floor_minute(at):
            return at
    return None


def _midnight_inside(interval: Interval) -> datetime | None:
    """The midnight nearest to the middle that is not an end."""
    middle = floor_day(interval.start + interval.length / 2)
    for at in (middle, middle + DAY):
        if interval.start < at < interval.end:
            return at
    return None
