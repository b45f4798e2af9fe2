"""A single file of one table, such as x.xlsx: made of tables that are fetched beside it.

    fetch into x.csv.lastpage/tables, as into any folder ─▶ not short? ─▶ x.csv, whole, in one step

So a fetch into a file goes on after a crash, and is as complete as any. What it finds:

    there is                                    then
    ------------------------------------------  --------------------------------------------------
    no file, and nothing was begun for one      it begins
    the file, as the same command wrote it      days that are not final are read again
    what the same command began                 it goes on
    anything else: other hours, filters or      it is refused, before anything is fetched; with
    tables, another organisation, a file that   `replace`, what was fetched before goes, and the
    was changed or that lastpage did not write  file is written over at the end

A length such as 7d means other hours each time. A reading that is short leaves the file as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lastpage.errors import UsageError
from lastpage.extraction.summary import Summary
from lastpage.files import Disk
from lastpage.query.interval import Relative
from lastpage.query.query import Query
from lastpage.sinks.destination import LOCK, Destination
from lastpage.sinks.sink import Identity, TableReader
from lastpage.tables.schema import CONVERSATIONS, OVERVIEW
from lastpage.tables.selection import ALL, PIVOT, Selection

if TYPE_CHECKING:  # a refusal needs no Arrow
    import pyarrow as pa

#: What is recorded of the file, within its state.
RECORD = "file.json"
#: The size of a file, and the time of its last change in nanoseconds.
Stamp = tuple[int, int]
OTHERWISE = "give --replace to write over it, or another name"


@dataclass(frozen=True, slots=True)
class Made:
    """What a file has, or is to have."""

    interval: str
    identity: Identity
    #: None until it is written.
    stamp: Stamp | None = None


@dataclass(frozen=True, slots=True)
class SingleFile:
    """The file that a fetch ends with: one table of what is fetched."""

    destination: Destination
    path: Path
    table: str
    selection: Selection
    #: The zone of dates, where a format has none of its own.
    zone: tzinfo
    disk: Disk
    replace: bool = False
    bom: bool = False

    def claim(self, state: Path, query: Query, organization: Callable[[], str]) -> None:
        """Make the file ours, or raise `UsageError`: see the table at the top.

        `state` is the destination's, which is held.
        """
        made, there, whole = _made(state), _stamp(self.path), _stamp(self._beside(state))
        if there and not (made or self.replace):
            raise UsageError(
                f"{self.destination.text} is there, and lastpage did not write it; {OTHERWISE}"
            )
        wanted = Made(
            str(query.interval),
            Identity(organization(), query.fingerprint, self.selection.dump()),
        )
        if made and replace(made, stamp=None) == wanted:
            was_begun = not made.stamp and (self.replace or not there)
            is_over = isinstance(query.interval, Relative)
            if was_begun or (made.stamp in (there, whole) and made.stamp and not is_over):
                return
        is_begun = self.destination.is_there and not (made and made.stamp)
        if made and (there or is_begun) and not self.replace:
            self._refuse(made, wanted)
        for each in state.iterdir():
            if each.name != LOCK:
                self.disk.remove(each)
        self._record(state, wanted)

    def write(self, state: Path, tables: TableReader, summary: Summary) -> Summary:
        """Write the file, of all that was fetched; raises `DestinationError`."""
        if summary.coverage == "short":
            is_left = "is left as it was" if self.path.exists() else "is not written"
            note = f"{self.destination.text} {is_left}, since rows are missing; try again"
            return replace(summary, notes=[*summary.notes, note])
        beside = self._beside(state)
        self._render(beside, tables)
        self.disk.sync(beside)
        # Its stamp stays when it is renamed.
        if made := _made(state):
            self._record(state, replace(made, stamp=_stamp(beside)))
        self.disk.replace((beside, self.path))
        return summary

    def _beside(self, state: Path) -> Path:
        """The file until it has its name."""
        return state / f"new{self.path.suffix}"

    def _refuse(self, made: Made, wanted: Made) -> None:
        text = self.destination.text
        wanted.identity.check(made.identity, text, OTHERWISE)
        if made.interval != wanted.interval:
            holds = "holds" if made.stamp else "was begun for"
            raise UsageError(f"{text} {holds} {made.interval}, and has one interval; {OTHERWISE}")
        if made.stamp == _stamp(self.path):
            raise UsageError(f"{text} holds {made.interval} of an earlier time; {OTHERWISE}")
        raise UsageError(f"{text} is not as lastpage wrote it; {OTHERWISE}")

    def _render(self, path: Path, tables: TableReader) -> None:
        from lastpage.tables.parse import arrow_schema  # noqa: PLC0415 - loads Arrow

        schema = arrow_schema(self.selection.schemas[self.table])

        def read() -> Iterator[pa.Table]:
            for day in sorted(tables.committed()):
                yield from tables.read(self.table, day)

        if path.suffix == ".xlsx":
            from lastpage.sinks import excel  # noqa: PLC0415 - an extra

            excel.write(path, schema, read, self.zone)
            return
        from lastpage.sinks.formats import CsvWriter, ParquetWriter  # noqa: PLC0415 - loads Arrow

        is_csv = path.suffix == ".csv"
        writer = CsvWriter(path, schema, bom=self.bom) if is_csv else ParquetWriter(path, schema)
        with writer:
            for rows in read():
                writer.write(rows)

    def _record(self, state: Path, made: Made) -> None:
        self.disk.write(state / RECORD, msgspec.json.encode(made))


def single_file(
    destination: Destination,
    chosen: Selection | None,
    zone: tzinfo,
    disk: Disk,
    *,
    table: str | None = None,
    replace: bool = False,
    bom: bool = False,
) -> SingleFile | None:
    """The single file that a destination is; None where it is none.

    Raises `UsageError` for options that do not fit.
    """
    text, path = destination.text, destination.single
    if path is None:
        for name, is_given in {"table": table, "replace": replace, "bom": bom}.items():
            if is_given:
                raise UsageError(
                    f"--{name} is for a single file, such as x.csv or x.xlsx, and {text} is none"
                )
        return None
    if bom and path.suffix != ".csv":
        raise UsageError(f"--bom is for a file of CSV, and {text} is none")
    name = table or OVERVIEW
    selection = _selection_of(name, chosen or Selection(), text)
    return SingleFile(destination, path, name, selection, zone, disk, replace=replace, bom=bom)


def _selection_of(table: str, chosen: Selection, text: str) -> Selection:
    """What is kept, where one table is wanted."""
    if chosen.tables or chosen.keep_raw:
        option = "--tables" if chosen.tables else "--keep-raw"
        raise UsageError(f"{text} has one table; give --table instead of {option}")
    if table not in ALL and table != PIVOT:
        raise UsageError(f"--table {table!r} is not a table of lastpage; docs/tables.md lists them")
    if (table == PIVOT) != bool(chosen.attributes):
        raise UsageError(f"--table {PIVOT} and --attributes go together")
    # The table that attributes add comes with them, and is never named.
    return replace(chosen, tables=(table if table in ALL else CONVERSATIONS,))


def _made(state: Path) -> Made | None:
    """What is recorded of the file; None where nothing is, or what cannot be read."""
    try:
        return msgspec.json.decode((state / RECORD).read_bytes(), type=Made)
    except (OSError, msgspec.DecodeError):
        return None


def _stamp(path: Path) -> Stamp | None:
    """None where there is no file."""
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    return facts.st_size, facts.st_mtime_ns
