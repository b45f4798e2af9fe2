"""Where to cut an interval, and by which route to read each part: slices, each with its reason.

`plan` is a generator: it yields a `Probe` and is sent the number of conversations the API counts for it. So it asks
for exactly what it needs, does no I/O, and is tested by assertion alone.

A probe counts what started on the UTC days its interval touches and lives into the interval (docs/api.md, 3.1).
From a midnight on, that is everything that started before the probe's end; so the difference of two such counts is what
started between their ends, and threads that stay open for days do not defeat the cutting.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from lastpage.query.interval import DAY, HOUR, MINUTE, Interval, floor_day, floor_hour, floor_minute
from lastpage.query.query import DIRECTIONS, Direction, Query

#: Rows asked for at first, and at most; larger pages are known to work but cost memory (docs/api.md, 2).
JOB_PAGE_ROWS = 1_000
JOB_PAGE_ROWS_MAX = 10_000

#: The most that is known to work (docs/api.md, 2).
PAGE_ROWS_MAX = 100

Route = Literal["pages", "cursor"]
Paginate = Literal["auto", "pages", "cursor"]

#: A job of about this size takes minutes, and losing one costs little.
JOB_ROWS = 100_000
#: A job's interval; longer ones are not known to work (docs/api.md, 2).
JOB_DAYS_MAX = 31
#: An unfiltered count may not cover more (docs/api.md, 2).
PROBE_DAYS_MAX = 7
#: Hits of a `pages` slice; the API's wall is ten times as high.
PAGES_ROWS = 10_000
SMALLEST_CUT = MINUTE
#: Segments of a conversation may lie after its start's slice; a filter may see only those inside the interval asked.
LOOK_AHEAD = DAY
#: The longest lag of the lake in official texts, for when the watermark itself is refused (docs/api.md, 2).
LAG_ASSUMED = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class Slice:
    """What one walk fetches: the conversations that start in `interval`, by asking for `asked`."""

    number: int
    interval: Interval
    asked: Interval
    route: Route
    reason: str
    expected: int | None = None
    direction: Direction | None = None

    @property
    def position(self) -> tuple[datetime, int]:
        """Where it stands among the others; parts of a slice stand where the whole stood."""
        return self.interval.start, self.number

    def __str__(self) -> str:
        cut = f" {self.direction}" if self.direction else ""
        return f"slice {self.number} {self.interval}{cut} by {self.route}"


@dataclass(frozen=True, slots=True)
class Probe:
    """A question for a count: one details query of page size 1, of which only `totalHits` is read."""

    interval: Interval
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class Horizon:
    """What the server's clock and the lake allow: `until` is a minute before now, `watermark` as far as jobs can be trusted."""

    until: datetime
    watermark: datetime
    #: False where the watermark was refused and a lag had to be assumed.
    known: bool = True


@dataclass(frozen=True, slots=True)
class Piece:
    """An interval with what is known of its size, on its way to becoming a slice."""

    interval: Interval
    count: int
    direction: Direction | None = None


Cutting = Generator[Probe, int, list[Piece]]


def plan(
    query: Query, interval: Interval, horizon: Horizon, paginate: Paginate = "auto"
) -> Generator[Probe, int, list[Slice]]:
    """Cut `interval` into slices; disjoint, in order, without a gap."""
    slices: list[Slice] = []
    for part, route, reason in routes(interval, horizon, paginate):
        pieces = yield from (_jobs(part, query) if route == "cursor" else _parts(part))
        for piece in pieces:
            asked = _asked(piece.interval, query, horizon)
            slices.append(Slice(len(slices) + 1, piece.interval, asked, route, reason, piece.count, piece.direction))
    return slices


def routes(interval: Interval, horizon: Horizon, paginate: Paginate) -> Iterator[tuple[Interval, Route, str]]:
    """Which route serves which part, and why."""
    border = floor_hour(horizon.watermark)
    known = "the watermark" if horizon.known else "an assumed watermark (the API would not tell)"
    settled = interval.clip(Interval(min(interval.start, border) - DAY, border))
    recent = interval.clip(Interval(border, max(interval.end, border) + DAY))
    if paginate == "pages":
        yield interval, "pages", "page numbers were asked for"
        return
    if settled:
        yield settled, "cursor", f"before {known}: in bulk, with participant attributes"
    if recent and paginate == "cursor":
        yield recent, "cursor", f"a job was asked for, although {known} lies before: may be partial"
    elif recent:
        yield recent, "pages", f"after {known}: jobs would be silently partial"


def narrower(piece: Slice) -> list[Slice]:
    """The parts of a slice that proved too large: halves, then directions; empty where there is nothing left to cut.

    Numbers are given by the ledger; here each part keeps the number of the whole.
    """
    at = _middle(piece.interval)
    if at is not None:
        halves = piece.interval.split(at)
        reach = piece.asked.end - piece.interval.end
        asked = [Interval(half.start, min(half.end + reach, piece.asked.end)) for half in halves]
        return [
            replace(piece, interval=half, asked=whole, expected=None) for half, whole in zip(halves, asked, strict=True)
        ]
    if piece.direction is None:
        return [replace(piece, direction=direction, expected=None) for direction in DIRECTIONS]
    return []


def _asked(interval: Interval, query: Query, horizon: Horizon) -> Interval:
    if not query.sees_segments:
        return interval
    return Interval(interval.start, max(interval.end, min(interval.end + LOOK_AHEAD, horizon.until)))


def _jobs(part: Interval, query: Query) -> Cutting:
    """Whole days for jobs: cut where a week holds too much, joined where several hold little."""
    pieces: list[Piece] = []
    for week in part.pieces(PROBE_DAYS_MAX):
        pieces += yield from _days(Piece(week, (yield Probe(week))))
    longest = JOB_DAYS_MAX * DAY - (LOOK_AHEAD if query.sees_segments else timedelta(0))
    return _joined(pieces, longest)


def _days(piece: Piece) -> Cutting:
    at = _midnight_inside(piece.interval)
    if piece.count <= JOB_ROWS or at is None:
        return [piece]
    first, second = piece.interval.split(at)
    count = yield Probe(first)
    left = yield from _days(Piece(first, count))
    right = yield from _days(Piece(second, max(piece.count - count, 0)))
    return left + right


def _joined(pieces: Sequence[Piece], longest: timedelta) -> list[Piece]:
    joined: list[Piece] = []
    for piece in pieces:
        if joined:
            whole = Piece(Interval(joined[-1].interval.start, piece.interval.end), joined[-1].count + piece.count)
            if whole.count <= JOB_ROWS and whole.interval.length <= longest:
                joined[-1] = whole
                continue
        joined.append(piece)
    return joined


def _parts(part: Interval) -> Cutting:
    """Parts for page numbers, each small enough to stay far from the wall."""
    pieces: list[Piece] = []
    for week in part.pieces(PROBE_DAYS_MAX):
        count = yield from started(week)
        pieces += yield from _halves(Piece(week, count))
    return pieces


def _halves(piece: Piece) -> Cutting:
    if piece.count <= PAGES_ROWS:
        return [piece]
    at = _middle(piece.interval)
    if at is None:
        return (yield from _by_direction(piece))
    first, second = piece.interval.split(at)
    count = yield from started(first)
    left = yield from _halves(Piece(first, count))
    right = yield from _halves(Piece(second, max(piece.count - count, 0)))
    return left + right


def _by_direction(piece: Piece) -> Cutting:
    pieces = []
    for direction in DIRECTIONS:
        count = yield from started(piece.interval, direction)
        pieces.append(Piece(piece.interval, count, direction))
    return pieces


def started(interval: Interval, direction: Direction | None = None) -> Generator[Probe, int, int]:
    """How many started in the interval, by counting from midnight to both its ends."""
    midnight = floor_day(interval.start)
    count = yield Probe(Interval(midnight, interval.end), direction)
    if midnight < interval.start:
        count -= yield Probe(Interval(midnight, interval.start), direction)
    return max(count, 0)


def _middle(interval: Interval) -> datetime | None:
    """Where to halve: a midnight if one lies inside, else a whole hour or minute; None where it is too short."""
    if at := _midnight_inside(interval):
        return at
    middle = interval.start + interval.length / 2
    for at in (floor_hour(middle) if interval.length >= 2 * HOUR else middle, floor_minute(middle)):
        if interval.start < at < interval.end and at == floor_minute(at):
            return at if interval.length > SMALLEST_CUT else None
    return None


def _midnight_inside(interval: Interval) -> datetime | None:
    """The midnight nearest to the middle that is not an end."""
    middle = floor_day(interval.start + interval.length / 2)
    for at in (middle, middle + DAY):
        if interval.start < at < interval.end:
            return at
    return None


def counted_intervals(piece: Slice) -> list[Interval]:
    """What is counted before and after a job: the slice, in parts that an unfiltered count may cover.

    A count of a part of a day counts what lives there, or what starts there, or all of the day (docs/api.md, 11, row 5). So where
    the slice begins in the middle of a day, that day is also counted from midnight to the end of the first part, and to the
    slice's start: the difference is what started in between.
    """
    parts = list(piece.interval.pieces(PROBE_DAYS_MAX))
    midnight = floor_day(piece.interval.start)
    if midnight < piece.interval.start:
        parts += [Interval(midnight, parts[0].end), Interval(midnight, piece.interval.start)]
    return parts
