"""A folder of Parquet: `DEST/<table>/day=YYYY-MM-DD/part.parquet`, one file a table and day.

What a day holds is in its conversations file: start ranges, their freshness, coverage, finality and counts, as key-value metadata.
So the destination knows what it has even without a ledger, and a reader can see it.

A day is written beside, all its tables, flushed; then a mark is written: from then on the day counts as written, and putting the
files into place is only finished, by this run or the next. Before the mark nothing has happened. A reader may for a moment see
two tables of one day at different versions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Self

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lastpage.errors import DestinationError, UsageError
from lastpage.fetch import envelope
from lastpage.fetch.envelope import Raw
from lastpage.files import Disk
from lastpage.interval import Interval
from lastpage.sinks.ranges import accepted, merged, minus
from lastpage.sinks.sink import Identity, Pages, Range
from lastpage.tables.schema import TABLES
from lastpage.tables.shred import KEY, Tables, shred

#: The key of our metadata, and the version of what it says.
MARK = b"lastpage"
VERSION = 1
FILE = "part.parquet"
COMMIT = "commit"
#: Conversations a row group: small enough for flat memory, large enough for scans.
ROW_GROUP = 2_000
START = "conversation_start"


class Parquet:
    """The default destination."""

    appends = False

    def __init__(self, folder: Path, state: Path, identity: Identity, disk: Disk | None = None) -> None:
        self.folder = folder
        self._staging = state / "staging"
        self._identity = identity
        self._disk = disk or Disk()

    def open(self) -> None:
        """Finish or undo what a crash left; refuse a folder of another organisation or other filters, or of other software."""
        try:
            self._staging.mkdir(parents=True, exist_ok=True)
            for day in sorted(self._staging.iterdir()):
                if (day / COMMIT).exists():
                    self._put_in_place(day)
                else:
                    self._disk.remove(day)
        except OSError as problem:
            raise _failed(self.folder, problem) from None
        for path in sorted((self.folder / "conversations").glob(f"day=*/{FILE}"))[:1]:
            self._check_identity(_metadata(path))
        self._check_foreign()

    def committed(self) -> dict[date, list[Range]]:
        days = {}
        for path in sorted((self.folder / "conversations").glob(f"day=*/{FILE}")):
            days[date.fromisoformat(path.parent.name.removeprefix("day="))] = _ranges(path)
        return days

    def replace(self, day: date, ranges: Sequence[Range], pages: Pages) -> None:
        """Replace exactly these start ranges of a day; the rest of the day is carried over."""
        staged = self._staging / f"day={day.isoformat()}"
        try:
            self._disk.remove(staged)
            staged.mkdir(parents=True)
            self._stage(staged, day, ranges, pages)
            self._disk.write(staged / COMMIT, b"")
            self._put_in_place(staged)
        except (OSError, pa.ArrowException) as problem:
            raise _failed(self.folder, problem) from None

    def append(self, day: date, ranges: Sequence[Range], pages: Pages) -> None:
        raise NotImplementedError("Parquet replaces")

    def close(self) -> None:
        pass

    def _stage(self, staged: Path, day: date, ranges: Sequence[Range], pages: Pages) -> None:
        old = self._path("conversations", day)
        before = _ranges(old) if old.exists() else []
        taken = accepted(before, ranges)
        after = merged(before, ranges)
        counts = [0] * len(after)
        with _Writers(staged, self._disk) as writers:
            for tables in self._carried(day, taken) if before else ():
                writers.write(tables)
                _count(counts, after, tables)
            for page in pages:
                tables = shred(_chosen(page, ranges, taken))
                writers.write(tables)
                _count(counts, after, tables)
            writers.describe(
                {
                    "version": VERSION,
                    "organization": self._identity.organization,
                    "filters": self._identity.filters,
                    "ranges": [
                        replace(each, conversations=count).record() for each, count in zip(after, counts, strict=True)
                    ],
                }
            )
        _read_back(staged / "conversations.parquet", writers.rows["conversations"])

    def _carried(self, day: date, taken: Sequence[Interval]) -> Iterator[Tables]:
        """What is there and stays, a row group at a time: first the conversations, then what belongs to those that go."""
        gone: list[pa.Array] = []
        for batch in _batches(self._path("conversations", day), "conversations"):
            stays = _outside(batch.column(START), taken)
            gone.append(batch.filter(pc.invert(stays)).column(KEY).combine_chunks())
            yield {"conversations": batch.filter(stays)}
        leaving = pa.chunked_array(gone, pa.string())
        for name in TABLES:
            if name != "conversations":
                for batch in _batches(self._path(name, day), name):
                    keep = pc.invert(pc.is_in(batch.column(KEY), value_set=leaving))
                    yield {name: batch.filter(keep)}

    def _put_in_place(self, staged: Path) -> None:
        """Move a finished day into place; `conversations`, which says what the day holds, goes last."""
        for name in reversed(TABLES):
            source = staged / f"{name}.parquet"
            if source.exists():
                self._disk.replace(source, self.folder / name / staged.name / FILE)
        self._disk.remove(staged)

    def _path(self, table: str, day: date) -> Path:
        return self.folder / table / f"day={day.isoformat()}" / FILE

    def _check_identity(self, known: dict[str, Any]) -> None:
        for key in ("organization", "filters"):
            if known.get(key) != getattr(self._identity, key):
                raise UsageError(f"{self.folder} holds data of another {key}; give another destination with --to")

    def _check_foreign(self) -> None:
        ours = {*TABLES, self._staging.parent.name}
        strange = [
            path.name for path in self.folder.iterdir() if path.name not in ours and not path.name.startswith(".")
        ]
        if strange and not (self.folder / "conversations").exists():
            raise DestinationError(
                f"{self.folder} has other things in it ({', '.join(sorted(strange)[:3])}); give an empty or a new folder"
            )


class _Writers:
    """One writer a table, for one day; row groups of about `ROW_GROUP` conversations."""

    def __init__(self, staged: Path, disk: Disk) -> None:
        self._staged = staged
        self._disk = disk
        self._open = {
            name: pq.ParquetWriter(staged / f"{name}.parquet", schema, compression="zstd", compression_level=1)
            for name, schema in TABLES.items()
        }
        self._waiting: dict[str, list[pa.Table]] = {name: [] for name in TABLES}
        self._conversations = 0
        self.rows = dict.fromkeys(TABLES, 0)

    def write(self, tables: Tables) -> None:
        for name, table in tables.items():
            if len(table):
                self._waiting[name].append(table)
                self.rows[name] += len(table)
        self._conversations += len(tables.get("conversations", ())) or ROW_GROUP // 4
        if self._conversations >= ROW_GROUP:
            self._flush()

    def describe(self, facts: dict[str, Any]) -> None:
        self._open["conversations"].add_key_value_metadata({MARK: msgspec.json.encode(facts)})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, problem: object, trace: object) -> None:
        if problem is None:
            self._flush()
        for writer in self._open.values():
            writer.close()
        if problem is None:
            for name in self._open:
                self._disk.sync(self._staged / f"{name}.parquet")
            self._disk.sync(self._staged)

    def _flush(self) -> None:
        for name, tables in self._waiting.items():
            if tables:
                self._open[name].write_table(pa.concat_tables(tables))
                tables.clear()
        self._conversations = 0


def _chosen(page: Sequence[Raw], ranges: Sequence[Range], taken: Sequence[Interval]) -> Sequence[Raw]:
    """The records whose range is to be written: all, unless something fresher is there."""
    if all(not minus(version.interval, taken) for version in ranges):
        return page
    heads = (envelope.head(raw) for raw in page)
    return [
        raw for raw, head in zip(page, heads, strict=True) if head is None or any(head.start in part for part in taken)
    ]


def _outside(starts: pa.ChunkedArray, taken: Sequence[Interval]) -> pa.ChunkedArray:
    outside = pc.is_valid(starts)
    for part in taken:
        inside = pc.and_(pc.greater_equal(starts, _scalar(part.start)), pc.less(starts, _scalar(part.end)))
        outside = pc.and_(outside, pc.invert(inside))
    return outside


def _count(counts: list[int], ranges: Sequence[Range], tables: Tables) -> None:
    starts = tables["conversations"].column(START) if "conversations" in tables else None
    for number, version in enumerate(ranges):
        if starts is not None and len(starts):
            inside = pc.invert(_outside(starts, [version.interval]))
            counts[number] += pc.sum(inside).as_py() or 0


def _scalar(moment: Any) -> pa.Scalar:
    return pa.scalar(moment, TABLES["conversations"].field(START).type)


def _batches(path: Path, name: str) -> Iterator[pa.Table]:
    """A file's row groups, with the columns of today: what an older version did not know is null."""
    if not path.exists():
        return
    with pq.ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            table = file.read_row_group(number)
            columns = [
                table.column(field.name).cast(field.type)
                if field.name in table.column_names
                else pa.nulls(len(table), field.type)
                for field in TABLES[name]
            ]
            yield pa.table(columns, schema=TABLES[name])


def _metadata(path: Path) -> dict[str, Any]:
    try:
        found = (pq.read_metadata(path).metadata or {}).get(MARK)
        facts: dict[str, Any] = msgspec.json.decode(found) if found else {}
    except (OSError, pa.ArrowException, msgspec.DecodeError):
        facts = {}
    if not facts:
        raise DestinationError(f"{path} was not written by lastpage; give another destination, or remove it")
    if facts["version"] > VERSION:
        raise UsageError(f"{path} was written by a newer lastpage; update this one, or give another destination")
    return facts


def _ranges(path: Path) -> list[Range]:
    return [Range.from_record(record) for record in _metadata(path)["ranges"]]


def _read_back(path: Path, rows: int) -> None:
    found = pq.read_metadata(path).num_rows
    if found != rows:
        raise DestinationError(
            f"{path} has {found} rows instead of the {rows} that were written; the disk may be at fault"
        )


def _failed(folder: Path, problem: Exception) -> DestinationError:
    what = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
    return DestinationError(
        f"cannot write to {folder}: {what}; mend that, then run the same command again: it goes on where it stopped"
    )
