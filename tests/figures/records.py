"""Small records, made by hand: sessions of a queue and a medium, with the metrics they emitted.

A moment is a time of 10 October 2023, or a day of October and a time: `09:31`, `11 00:04:05`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa

from lastpage.coverage.ranges import Range
from lastpage.figures.cells import counted
from lastpage.figures.level import ServiceLevel
from lastpage.query.interval import Interval
from lastpage.tables.build import Shredder
from lastpage.tables.derived import names_of

DAY = date(2023, 10, 10)
START = datetime(2023, 10, 10, tzinfo=UTC)
#: A part of a day, as a destination records it.
HELD = Range(
    Interval(START, START + timedelta(days=1)),
    START + timedelta(days=3),
    route="cursor",
    coverage="complete",
    finality="final",
    conversations=0,
)
Json = dict[str, Any]
Metric = tuple[str, str, int]


def moment(text: str) -> str:
    """As the API writes it."""
    day, _, time = text.rpartition(" ")
    clock = time if time.count(":") == 2 else f"{time}:00"
    return f"2023-10-{day or '10'}T{clock}.000Z"


def session(
    purpose: str,
    media: str,
    queue: str | Sequence[tuple[str, str, str]],
    *metrics: Metric,
    user: str = "",
) -> Json:
    """A participant with one session; `queue` is one, or several with where each segment is."""
    parts = [("09:00", "12 09:00", queue)] if isinstance(queue, str) else queue
    segments = [
        {
            "segmentStart": moment(start),
            "segmentEnd": moment(end),
            "segmentType": "interact",
            **({"queueId": name} if name else {}),
        }
        for start, end, name in parts
    ]
    emitted = [
        {"emitDate": moment(at), "name": name, "value": value} for at, name, value in metrics
    ]
    one = {"mediaType": media, "segments": segments, "metrics": emitted}
    return {"purpose": purpose, "sessions": [one], **({"userId": user} if user else {})}


def acd(queue: str, *metrics: Metric, media: str = "voice") -> Json:
    return session("acd", media, queue, *metrics)


def agent(queue: str, *metrics: Metric, media: str = "voice") -> Json:
    return session("agent", media, queue, *metrics, user="somebody")


def together(*parties: Json) -> Json:
    """Several sessions of one participant."""
    return {**parties[0], "sessions": [each for party in parties for each in party["sessions"]]}


def record(number: int, *parties: Json, start: str = "09:00") -> msgspec.Raw:
    body = {
        "conversationId": f"{number:08x}-0000-4000-8000-000000000000",
        "conversationStart": moment(start),
        "participants": list(parties),
    }
    return msgspec.Raw(json.dumps(body).encode())


@dataclass
class Held:
    """What a destination holds of one day, in memory."""

    records: Sequence[msgspec.Raw]

    def read(self, table: str, day: date) -> Iterator[pa.Table]:
        yield Shredder()(self.records)[table]

    def named(self, kind: str) -> Iterator[pa.Table]:
        yield names_of({kind: {"A": "Sales", "B": "Support"}}).lists[kind]


Cells = dict[tuple[str, str, str], dict[str, Any]]


def cells(*records: msgspec.Raw, level: ServiceLevel | None = None, figures: str = "*") -> Cells:
    """The cells by half-hour (as `10 09:30`), queue and medium."""
    with counted(Held(records), [DAY], level or ServiceLevel()) as db:  # type: ignore[arg-type]
        db.execute("set timezone = 'UTC'")
        rows = db.sql(f"select *, {figures} from cells").to_arrow_table().to_pylist()
    return {
        (f"{row['half_hour']:%d %H:%M}", row["queue_id"], row["media_type"]): row for row in rows
    }


def told(row: dict[str, Any]) -> dict[str, Any]:
    """What a cell has that is not nothing."""
    return {
        name: value
        for name, value in row.items()
        if value and name not in ("half_hour", "queue_id", "media_type")
    }
