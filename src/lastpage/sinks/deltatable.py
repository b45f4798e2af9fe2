"""One Delta table: its log is delta-rs's, its files are ours, and what is committed is on the disk.

    what delta-rs does                             so here
    ---------------------------------------------  ---------------------------------------------
    flushes nothing to the disk                    `commit` flushes the log; the files are
                                                   flushed before they are committed
    casts what comes to the types of the table:    types are compared first, and it is handed
    4.75 is 4 then                                 files that are finished
    writes the least and most of texts in the log  the log has numbers of rows, and no id or text
    leaves the table as it was before its commit   it is brought up to date

Only `DataFile.is_there`, `Table.create` and `Table.flush` know that a table is on a disk.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote

from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction

from lastpage.errors import DestinationError
from lastpage.files import Disk
from lastpage.sinks.sink import first_line, read_back

#: The partition column, and the folder of a table's log.
DAY = "day"
LOG = "_delta_log"
#: What delta-rs raises, beside `OSError` and `ValueError`.
PROBLEMS = (DeltaError,)
#: Stands before the day, or alone, in the names of the transactions that a commit carries.
APPLICATION = "lastpage"
#: What a reader of our tables has to know of the protocol, and no more.
READER_VERSION = 1


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of a table, as the log has it."""

    path: Path
    #: None in a table without days.
    day: date | None
    bytes: int
    #: When it was changed, in unix milliseconds.
    changed: int
    #: None where other software has not said it.
    rows: int | None

    @property
    def is_there(self) -> bool:
        """Whether the file is as long and as old as the log says."""
        try:
            facts = self.path.stat()
        except OSError:
            return False
        return (facts.st_size, facts.st_mtime_ns // 1_000_000) == (self.bytes, self.changed)


class Table:
    """A Delta table at one of its versions; it goes on with what is committed to it."""

    def __init__(self, path: Path, delta: DeltaTable) -> None:
        self.path = path
        self.delta = delta
        self._days: dict[date | None, list[DataFile]] | None = None

    @classmethod
    def at(
        cls, path: Path, version: int | None = None, *, remove: Path | None = None
    ) -> Self | None:
        """The table in a folder, or None; at a version, or at the newest if that is older.

        Raises `DamagedError`, which says what to `remove` if it is not the table alone, and
        `DestinationError` for what is written otherwise than by us.
        """
        if not is_table(path):
            return None
        with read_back(path, remove or path, *PROBLEMS):
            found = DeltaTable(path)
            if version is not None and version < found.version():
                found = DeltaTable(path, version=version)
        if found.protocol().min_reader_version > READER_VERSION:
            raise DestinationError(
                f"{path} was changed by other software, so that to read it takes more than was "
                "asked for (deletion vectors, or names that stand for columns); restore an older "
                "version of it, or give another destination"
            )
        return cls(path, found)

    @classmethod
    def create(cls, path: Path, schema: Any, disk: Disk, *, has_days: bool) -> Self:
        """Make it, of a schema and not of rows: a column that is null at first has its type."""
        made = [each for each in (path, *path.parents) if not each.exists()]
        disk.seam("delta create")
        by = [DAY] if has_days else None
        delta = DeltaTable.create(path, schema=schema, partition_by=by, name=path.name)
        for folder in (path, *(each.parent for each in made)):
            disk.sync(folder)
        table = cls(path, delta)
        table.flush(disk, 0)
        return table

    @property
    def version(self) -> int:
        """The number of its last commit."""
        return int(self.delta.version())

    @property
    def change(self) -> int:
        """The number of the last change of a day of which it has had its part; 0 before any."""
        return int(self.delta.transaction_version(APPLICATION) or 0)

    @property
    def days(self) -> Mapping[date | None, list[DataFile]]:
        """Its files by their days; of a table without days, by None."""
        if self._days is None:
            self._days = {}
            with read_back(self.path, self.path, *PROBLEMS):
                for file in self._listed():
                    self._days.setdefault(file.day, []).append(file)
        return self._days

    @property
    def files(self) -> list[DataFile]:
        """All of its files."""
        return list(chain.from_iterable(self.days.values()))

    def of_day(self, day: date) -> list[DataFile]:
        """Its files of a day."""
        return self.days.get(day, [])

    def refresh(self) -> None:
        """Take up what others have committed."""
        before = self.version
        self.delta.update_incremental()
        if self.version != before:
            self._days = None

    def types(self) -> dict[str, Any]:
        """Its columns, with the types that Delta has."""
        return types_of(self.delta.schema())

    def commit(
        self,
        files: Collection[tuple[Path, int]],
        schema: Any,
        disk: Disk,
        *,
        day: date | None = None,
        change: int | None = None,
    ) -> None:
        """Put files, each with its number of rows, in place of those of a day, or of all.

        Columns that are new come to the table, and those that the files lack stay in it. `change`
        numbers the change of which this is a part.
        """
        names = [APPLICATION, f"{APPLICATION}/{day}"] if change else []
        properties = CommitProperties(
            app_transactions=[Transaction(name, change or 0) for name in names]
        )
        # Where a filter is given, it is for files of that day alone.
        only: dict[str, Any] = {"partition_filters": [(DAY, "=", str(day))]} if day else {}
        disk.seam("delta commit")
        before = self.version
        self.delta.create_write_transaction(
            [_added(self.path, path, rows, day) for path, rows in files],
            "overwrite",
            self._united(Schema.from_arrow(schema)),
            [DAY] if day else [],
            commit_properties=properties,
            **only,
        )
        self.delta.update_incremental()
        self.flush(disk, before + 1)
        if self.version != before + 1 or self._days is None:
            self._days = None  # others have committed, too
        else:
            self._days[day] = [_data_file(path, rows, day) for path, rows in files]

    def restore(self, version: int, disk: Disk) -> None:
        """Go back to what it had at a version, by a commit; files that are gone are left out."""
        disk.seam("delta commit")
        before = self.version
        self.delta.restore(version, ignore_missing_files=True)
        self.delta.update_incremental()
        self._days = None
        self.flush(disk, before + 1)

    def flush(self, disk: Disk, since: int) -> None:
        """Wait until the disk has the commits from a version on."""
        log = self.path / LOG
        for version in range(since, self.version + 1):
            disk.sync(log / f"{version:020}.json")
            checkpoint = log / f"{version:020}.checkpoint.parquet"
            if checkpoint.exists():
                disk.sync(checkpoint)
                disk.sync(log / "_last_checkpoint")
        disk.sync(log)

    def _united(self, schema: Schema) -> Schema:
        """Its columns, and those of a schema that it does not have."""
        have = json.loads(self.delta.schema().to_json())
        names = {field["name"] for field in have["fields"]}
        fields = json.loads(schema.to_json())["fields"]
        have["fields"] += [field for field in fields if field["name"] not in names]
        return Schema.from_json(json.dumps(have))

    def _listed(self) -> Iterator[DataFile]:
        found = self.delta.get_add_actions(flatten=True)
        names = ("path", "partition.day", "size_bytes", "modification_time", "num_records")
        if not found.num_rows:
            return
        columns = [
            values(found, name) if name in found.column_names else [None] * found.num_rows
            for name in names
        ]
        for path, day, size, changed, rows in zip(*columns, strict=True):
            when = round(changed.timestamp() * 1000) if isinstance(changed, datetime) else changed
            yield DataFile(self.path / unquote(path), day, size, when, rows)


def values(table: Any, name: str) -> list[Any]:
    """A column of a table of arro3's, as Python's values."""
    return [each.as_py() for each in table.column(name)]


def is_table(path: Path) -> bool:
    """Whether there is a table; one that lost all of its log is none."""
    try:
        return any((path / LOG).iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as problem:
        raise DestinationError(
            f"cannot read {path}: {first_line(problem)}; run it as a user who may read it"
        ) from None


def types_of(schema: Schema) -> dict[str, Any]:
    """The columns of a schema, with the types that Delta has."""
    fields = json.loads(schema.to_json())["fields"]
    return {field["name"]: field["type"] for field in fields}


def differing(name: str, have: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterable[str]:
    """What is said of each column of a table that has another type than it should."""
    for column in have.keys() & wanted.keys():
        if have[column] != wanted[column]:
            there, ours = _spelt(have[column]), _spelt(wanted[column])
            yield f"{name}.{column} is {there} there, and not {ours}"


def _spelt(type_: Any) -> str:
    return type_ if isinstance(type_, str) else json.dumps(type_, separators=(",", ":"))


def _added(table: Path, path: Path, rows: int, day: date | None) -> AddAction:
    facts = path.stat()
    return AddAction(
        path=path.relative_to(table).as_posix(),
        size=facts.st_size,
        partition_values={DAY: str(day)} if day else {},
        modification_time=facts.st_mtime_ns // 1_000_000,
        data_change=True,
        stats=json.dumps({"numRecords": rows}),
    )


def _data_file(path: Path, rows: int, day: date | None) -> DataFile:
    facts = path.stat()
    return DataFile(path, day, facts.st_size, facts.st_mtime_ns // 1_000_000, rows)
