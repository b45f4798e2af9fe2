"""A copy of an organisation's conversations, whoever keeps it: by UTC day of their starts, and what it claims to have."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow.parquet as pq

from lastpage.query.interval import Interval, parse_iso


@dataclass(frozen=True)
class Claim:
    """That all is there which started in an interval, as of a moment."""

    interval: Interval
    as_of: datetime
    coverage: str


@dataclass
class Day:
    """The records of one day as they came, by id, and what is claimed of them."""

    records: dict[str, bytes] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    #: Ids that are there more than once.
    doubled: set[str] = field(default_factory=set)
    #: Whether its tables have different conversations, as while a change is under way, or where a crash came into one.
    is_torn: bool = False


class Copy(Protocol):
    """Who keeps one."""

    days: dict[date, Day]

    def look(self) -> set[date]:
        """Look at it again: the days that are not as they were at the last look."""


class Files:
    """A folder, read file by file: Parquet with the table `raw` by pyarrow alone, or JSON lines; what did not change is not read again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[date, tuple[Any, ...]] = {}
        self.days: dict[date, Day] = {}

    def look(self) -> set[date]:
        found = {
            date.fromisoformat(path.name.removeprefix("day=")): path
            for path in self._folder.glob("conversations/day=*")
        }
        changed = self.days.keys() - found.keys()
        for day in changed:
            del self.days[day], self._seen[day]
        for day, path in found.items():
            raw = self._folder / "raw" / path.name / "part.parquet"
            files = (path / "part.parquet", raw, path / "part.jsonl", path / "_lastpage.json")
            marks = tuple(map(_mark, files))
            if any(marks) and self._seen.get(day) != marks:
                self.days[day] = _tables(files[0], raw) if marks[0] else _lines(*files[2:])
                self._seen[day] = marks
                changed.add(day)
        return changed


def _mark(path: Path) -> Any:
    stat = path.stat() if path.exists() else None
    return stat and (stat.st_ino, stat.st_mtime_ns, stat.st_size)


def _tables(path: Path, raw: Path) -> Day:
    table = pq.read_table(path, columns=["conversation_id"], partitioning=None)
    ids = table["conversation_id"].to_pylist()
    facts = json.loads(pq.read_metadata(path).metadata[b"lastpage"])
    day = Day(claims=[_claim(each) for each in facts["ranges"]])
    if raw.exists():
        records = pq.read_table(raw, columns=["conversation_id", "record"], partitioning=None)
        names, texts = (records[name].to_pylist() for name in records.column_names)
        day.records = {name: text.encode() for name, text in zip(names, texts, strict=True)}
    day.is_torn = day.records.keys() != {*ids}
    day.doubled = _twice(ids)
    return day


def _lines(path: Path, beside: Path) -> Day:
    if not (path.exists() and beside.exists()):
        return Day(is_torn=True)
    facts, lines = json.loads(beside.read_bytes()), path.read_bytes().splitlines()
    ids = [json.loads(line)["conversationId"] for line in lines]
    day = Day(dict(zip(ids, lines, strict=True)), [_claim(each) for each in facts["ranges"]])
    # The two files are two steps of one change.
    day.is_torn = len(ids) != sum(each["conversations"] for each in facts["ranges"])
    day.doubled = _twice(ids)
    return day


def _twice(ids: list[str]) -> set[str]:
    return {name for name, times in Counter(ids).items() if times > 1}


def _claim(record: dict[str, Any]) -> Claim:
    interval = Interval(parse_iso(record["start"]), parse_iso(record["end"]))
    return Claim(interval, parse_iso(record["as_of"]), record["coverage"])


class Database:
    """The same in a DuckDB file: a copy is looked at, since the file may be held, or be left with a log of what it lacks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark: Any = None
        self.days: dict[date, Day] = {}

    def look(self) -> set[date]:
        mark = (_mark(self._path), _mark(self._path.with_name(f"{self._path.name}.wal")))
        if mark == self._mark or not self._path.exists():
            return set()
        before, self.days, self._mark = self.days, defaultdict(Day), mark
        with tempfile.TemporaryDirectory(dir=self._path.parent) as folder:
            for file in self._path.parent.glob(f"{self._path.name}*"):
                if file.is_file():
                    shutil.copy(file, folder)
            with duckdb.connect(Path(folder) / self._path.name) as db:
                self._read(db)
        days = before.keys() | self.days.keys()
        return {day for day in days if before.get(day) != self.days.get(day)}

    def _read(self, db: duckdb.DuckDBPyConnection) -> None:
        tables = {
            name for (name,) in db.execute("select table_name from duckdb_tables()").fetchall()
        }
        if not {"raw", "lastpage_ranges"} <= tables:
            return
        db.execute("set timezone = 'UTC'")
        ids: dict[date, list[str]] = defaultdict(list)
        for day, name in db.execute("select day, conversation_id from conversations").fetchall():
            ids[day].append(name)
        for day, name, record in db.execute(
            "select day, conversation_id, record from raw"
        ).fetchall():
            self.days[day].records[name] = record.encode()
        for day, start, stop, as_of, coverage in db.execute(
            "select day, start, stop, as_of, coverage from lastpage_ranges"
        ).fetchall():
            self.days[day].claims.append(Claim(Interval(start, stop), as_of, coverage))
        for day, held in self.days.items():
            held.is_torn = sorted(held.records) != sorted({*ids[day]})
            held.doubled = _twice(ids[day])


class Kept:
    """Records that somebody else keeps, by id, as a connector does; it claims nothing of them."""

    def __init__(self, records: dict[str, bytes]) -> None:
        self._records = records
        self.days: dict[date, Day] = {}

    def look(self) -> set[date]:
        before, self.days = self.days, defaultdict(Day)
        for name, record in self._records.items():
            self.days[_day_of(record)].records[name] = record
        days = before.keys() | self.days.keys()
        return {day for day in days if before.get(day) != self.days.get(day)}


def _day_of(record: bytes) -> date:
    return date.fromisoformat(json.loads(record)["conversationStart"][:10])
