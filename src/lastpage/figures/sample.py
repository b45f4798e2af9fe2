"""A sample of conversations, to look at one by one: those that waited longest, as timelines.

    of each      is told
    ------------ ---------------------------------------------------------------------------------
    session      whose it is (caller, menu, queue, agent), its medium, its segments and metrics
    segment      its kind, from when to when in seconds since the conversation's start, its queue
    personal     names, numbers and addresses of people, and attributes: only if asked for

The sample is stated: so many, as many of each medium, longest waits first. A wait is all time in
queues, whatever ended it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from lastpage.sinks.sink import TableReader
from lastpage.tables.figures import ENDS
from lastpage.tables.schema import KEY, START
from lastpage.tables.selection import Selection
from lastpage.tables.values import array

TABLES = ("conversations", "participants", "sessions", "segments", "metrics")
ATTRIBUTES = "participant_attributes"
#: Who a participant is, by its purpose; any other goes by its purpose.
WHO = {"customer": "customer", "external": "customer", "ivr": "menu", "acd": "queue"}
#: What of a participant or session tells who somebody is.
PERSONAL = (
    "participant_name", "user_id", "ani", "dnis", "remote", "session_dnis", "address_from",
    "address_to", "address_other", "callback_numbers", "callback_user_name",
)  # fmt: skip
OUTCOMES = {"tAnswered": "answered", "tAbandon": "abandoned", "tFlowOut": "flowed out"}
Rows = dict[str, list[dict[str, Any]]]
Place = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Waited:
    """A conversation that waited, and where it is."""

    wait_ms: int
    day: date
    conversation_id: str
    #: Of the session that waited longest.
    media: str | None


class Longest:
    """The longest waits of all days, as many of each medium; called with each day's tables there.

    All together would be emails alone, which wait for hours.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: dict[str | None, list[Waited]] = defaultdict(list)

    def __call__(self, db: duckdb.DuckDBPyConnection, day: date) -> None:
        if not self._most:
            return
        asked = _WAITS.format(", ".join(f"'{name}'" for name in ENDS), self._most)
        for media, name, wait in db.sql(asked).fetchall():
            self._found[media].append(Waited(int(wait), day, name, media))
        for media, found in self._found.items():
            self._found[media] = sorted(found, key=_order)[: self._most]

    @property
    def found(self) -> list[Waited]:
        """Longest waits first."""
        each = self._most // max(1, len(self._found))
        return sorted((one for found in self._found.values() for one in found[:each]), key=_order)


_WAITS = """
select media_type, conversation_id, waited from (
  select arg_max(media_type, value) as media_type, conversation_id, sum(value)::bigint as waited
  from metrics join sessions using (day, conversation_id, participant_no, session_no)
  where name in ({}) and value > 0 group by conversation_id
) qualify row_number() over (partition by media_type order by waited desc, conversation_id) <= {}
"""


def sample(
    reader: TableReader, longest: Sequence[Waited], *, personal: bool
) -> list[dict[str, Any]]:
    """The conversations as timelines, longest waits first."""
    by_day: dict[date, list[Waited]] = defaultdict(list)
    for each in longest:
        by_day[each.day].append(each)
    made: dict[str, dict[str, Any]] = {}
    for day, waited in by_day.items():
        rows = _rows(reader, day, [each.conversation_id for each in waited], personal=personal)
        for each in waited:
            made[each.conversation_id] = _timeline(each, rows, personal=personal)
    return [made[each.conversation_id] for each in longest]


def _order(each: Waited) -> tuple[int, str]:
    return -each.wait_ms, each.conversation_id


def _rows(
    reader: TableReader, day: date, ids: Sequence[str], *, personal: bool
) -> Mapping[str, Rows]:
    """The rows of these conversations, by conversation and table."""
    assert reader.known, "it holds something"
    there = Selection.load(reader.known.selection).schemas
    wanted = [*TABLES, *([ATTRIBUTES] if personal else [])]
    found: dict[str, Rows] = {each: defaultdict(list) for each in ids}
    known = array(ids, pa.string())
    for name in wanted:
        for part in reader.read(name, day) if name in there else ():
            chosen = part.filter(pc.is_in(part[KEY], value_set=known))
            for row in chosen.to_pylist():
                found[row[KEY]][name].append(row)
    return found


def _timeline(waited: Waited, rows: Mapping[str, Rows], *, personal: bool) -> dict[str, Any]:
    """One conversation."""
    own = rows[waited.conversation_id]
    start = own["conversations"][0][START]
    people = {row["participant_no"]: row for row in own["participants"]}
    segments, metrics = _grouped(own["segments"]), _grouped(own["metrics"])
    lanes = [
        _lane(row, people.get(row["participant_no"], {}), segments, metrics, start, personal)
        for row in sorted(own["sessions"], key=_place)
    ]
    names = [row["name"] for row in own["metrics"]]
    return {
        "id": waited.conversation_id,
        "start": start,
        "wait": round(waited.wait_ms / 1000),
        "media": waited.media,
        "outcome": ", ".join(told for name, told in OUTCOMES.items() if name in names),
        "queue": next((each[3] for lane in lanes for each in lane["segments"] if each[3]), None),
        "lanes": lanes,
        "attributes": [(row["name"], row["value"]) for row in own[ATTRIBUTES]] if personal else [],
    }


def _lane(
    row: Mapping[str, Any],
    person: Mapping[str, Any],
    segments: Mapping[Place, list[dict[str, Any]]],
    metrics: Mapping[Place, list[dict[str, Any]]],
    start: datetime,
    personal: bool,
) -> dict[str, Any]:
    """One session."""
    place, purpose = _place(row), person.get("purpose") or "session"
    facts = {**person, **row}
    return {
        "who": WHO.get(purpose, purpose),
        "media": row.get("media_type"),
        "personal": [(name, str(facts[name])) for name in PERSONAL if personal and facts.get(name)],
        "segments": [
            (
                each.get("segment_type"),
                _seconds(each.get("segment_start"), start),
                _seconds(each.get("segment_end"), start),
                each.get("queue_id"),
            )
            for each in segments[place]
        ],
        "metrics": [
            (each["name"], each["value"], _seconds(each.get("emit_date"), start))
            for each in metrics[place]
        ],
    }


def _grouped(rows: Sequence[dict[str, Any]]) -> Mapping[Place, list[dict[str, Any]]]:
    found: dict[Place, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[_place(row)].append(row)
    return found


def _place(row: Mapping[str, Any]) -> Place:
    return row["participant_no"], row["session_no"]


def _seconds(moment: datetime | None, start: datetime) -> float | None:
    return None if moment is None else round((moment - start).total_seconds(), 1)
