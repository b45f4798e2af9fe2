"""An hour's conversations drawn from the seed: how many, of which media, how long, and how they
went.

Drawing is the price of counting, so each takes a few microseconds: one generator an hour, tables of
running sums instead of weighted choices.
"""

from __future__ import annotations

import math
import random
from bisect import bisect
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import accumulate

from lastpage_sandbox.moments import DAY_MS, HOUR_MS
from lastpage_sandbox.settings import Settings
from lastpage_sandbox.skeleton import AGENTS, DIVISIONS, LIFE_MS_MAX, QUEUES, Skeleton

#: Share of a day's volume that begins in each hour, UTC.
CURVE = (
    0.004, 0.003, 0.002, 0.002, 0.004, 0.010, 0.025, 0.055, 0.085, 0.100, 0.100, 0.090,
    0.075, 0.080, 0.085, 0.080, 0.065, 0.045, 0.030, 0.022, 0.016, 0.010, 0.007, 0.005,
)  # fmt: skip
WEEK = (1.25, 1.2, 1.15, 1.15, 1.1, 0.7, 0.45)


class Table:
    """Names with their shares, drawn by one bisection."""

    def __init__(self, **shares: float) -> None:
        self._names = tuple(shares)
        self._sums = [each / sum(shares.values()) for each in accumulate(shares.values())][:-1]

    def pick(self, draw: float) -> str:
        return self._names[bisect(self._sums, draw)]


MEDIA = Table(voice=0.62, chat=0.12, message=0.12, email=0.09, callback=0.05)
HOME = Table(**dict(zip(DIVISIONS, (6, 3, 1), strict=True)))
DIRECTIONS = {
    "voice": Table(inbound=80, outbound=20),
    "chat": Table(inbound=1),
    "message": Table(inbound=80, outbound=15, none=5),
    "email": Table(inbound=85, outbound=15),
    "callback": Table(inbound=1),
}
FATES = {
    ("voice", "inbound"): Table(
        answered=75, abandoned=9, transferred=5, consulted=3, unanswered=5, voicemail=2, personal=1
    ),
    ("voice", "outbound"): Table(answered=45, campaign=30, unreached=15, personal=10),
    ("chat", "inbound"): Table(answered=84, abandoned=8, transferred=4, unanswered=4),
    ("message", "inbound"): Table(answered=90, abandoned=4, transferred=6),
    ("email", "inbound"): Table(answered=94, transferred=6),
    ("callback", "inbound"): Table(answered=95, abandoned=5),
}
ANSWERED = Table(answered=1)
#: Mean milliseconds before the queue, in it, and in conversation.
LENGTHS = {
    "voice": (18_000, 25_000, 330_000),
    "chat": (1_500, 25_000, 620_000),
    "message": (45_000, 500_000, 25_000_000),
    "email": (800, 6_000_000, 16_000_000),
    "callback": (400_000, 50_000, 320_000),
}
#: Emails are left for tomorrow, callbacks are asked for a day: such a share takes up to so much
#: longer, before or after the queue.
DAYS_LATER = {
    "email": (0.2, 3 * DAY_MS),
    "message": (0.05, 2 * DAY_MS),
    "callback": (0.4, 3 * DAY_MS),
}
NOTHING = (0.0, 0)
ACW_MS_MEAN, ACW_MS_MAX = 20_000, 90_000


def draw_hour(settings: Settings, hour: int) -> tuple[Skeleton, ...]:
    """The conversations that start in an hour (counted from 1970), in order of start and id."""
    drawn = random.Random(f"{settings.seed} {hour}")
    when = datetime.fromtimestamp(hour * 3600, UTC)
    mean = settings.per_day * CURVE[when.hour] * WEEK[when.weekday()]
    count = int(mean + drawn.random() + (drawn.gauss(0.0, mean**0.5) / 3 if mean > 5 else 0.0))
    skeletons = [_draw(drawn, settings, hour) for _ in range(count)]
    return tuple(sorted(skeletons, key=lambda skeleton: (skeleton.start_ms, skeleton.id)))


def _draw(drawn: random.Random, settings: Settings, hour: int) -> Skeleton:
    lot = drawn.random
    media = MEDIA.pick(lot())
    start = hour * HOUR_MS + int(lot() * HOUR_MS)
    direction = DIRECTIONS[media].pick(lot())
    fate = FATES.get((media, direction), ANSWERED).pick(lot())
    first = settings.customer_first_share
    if media == "callback" and fate == "answered" and first and lot() < first:
        fate = "customer first"
    lead, wait, talk = _lengths(lot, media)
    acw = int(min(-math.log(1 - lot()) * ACW_MS_MEAN, ACW_MS_MAX))
    life = _life(fate, lead, wait, talk, acw)
    orphan = media == "message" and lot() < settings.orphans
    late = lot() < settings.late_share
    return Skeleton(
        _id(hour, drawn.getrandbits(96)),
        start,
        None if orphan else start + life,
        start + int(lot() * settings.late_s * 1000) if late else start,
        media,
        None if direction == "none" else direction,
        QUEUES[int(lot() * len(QUEUES))],
        int(lot() * AGENTS),
        HOME.pick(lot()),
        lead,
        wait,
        acw,
        fate,
    )


def _lengths(lot: Callable[[], float], media: str) -> tuple[int, int, int]:
    """Milliseconds before the queue, in it, and after it."""
    lead, wait, talk = LENGTHS[media]
    share, most = DAYS_LATER.get(media, NOTHING)
    longer = int(lot() * most) if lot() < share else 0
    before, after = (longer, 0) if media == "callback" else (0, longer)
    return (
        int(lead * (0.5 + lot())) + before,
        int(-math.log(1 - lot()) * wait),
        int(-math.log(1 - lot()) * talk) + 15_000 + after,
    )


def _life(fate: str, lead: int, wait: int, talk: int, acw: int) -> int:
    if fate == "abandoned":
        return min(lead + wait + 500, LIFE_MS_MAX)
    if fate == "unreached":
        return lead + 5_000
    if fate in ("voicemail", "personal"):
        return min(lead + wait + talk // 4, LIFE_MS_MAX)
    return min(lead + wait + talk + acw, LIFE_MS_MAX)


def _id(hour: int, bits: int) -> str:
    """A UUID of version 4 in shape, whose first part is the hour, so that ids can be looked up."""
    tail = f"{bits:024x}"
    return f"{hour:08x}-{tail[:4]}-4{tail[5:8]}-{'89ab'[bits & 3]}{tail[9:12]}-{tail[12:]}"
