"""One table as a workbook that opens in Excel: types are kept, and nothing is cut without a word.

    value                            cell
    -------------------------------  --------------------------------------------------------------
    text, id                         text: no number, no date, no formula is made of it
    moment                           a date in the chosen zone; as text where Excel has no such date
    length of time (`…_ms`)          `[h]:mm:ss`, and the milliseconds beside it
    list                             its members, with commas
    number                           a number; text where a column has one of more than 15 digits
    null                             an empty cell

Rows are written one by one (`constant_memory`), so memory does not grow with the file. Each cell is
asked whether it was taken: the library says so by a number, and goes on. What Excel takes is in
Microsoft's "Excel specifications and limits".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from xlsxwriter import Workbook

from lastpage.errors import DestinationError

#: Rows of a sheet, the header among them, and characters of a cell.
ROWS_MAX, TEXT_MAX = 1_048_576, 32_767
#: Whole numbers are exact up to 15 digits.
EXACT = 10**15
#: Excel has no time before 1900, and believes that this was a leap year.
YEAR_MIN, YEAR_MAX = 1901, 9999
#: How the names of lengths of time end, and what they are in the other column.
MILLISECONDS, DAY_MS = "_ms", 86_400_000
DATE, LENGTH = "yyyy-mm-dd hh:mm:ss", "[h]:mm:ss"
#: Characters that a column is wide.
WIDE, NARROW = 20, 12
INSTEAD = "write x.csv or x.parquet, or a shorter interval"

#: Writes a value into a row and a column; what the library says of it, 0 for nothing.
Put = Callable[[int, int, Any], int]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the sheet: which column of the table it shows, and how."""

    title: str
    source: str
    put: Put
    width: int = NARROW


def write(
    path: Path, schema: pa.Schema, read: Callable[[], Iterable[pa.Table]], zone: tzinfo
) -> None:
    """Write the rows that `read` gives, which is called twice, into a new workbook.

    Raises `DestinationError` where Excel cannot hold them.
    """
    rounded = _rounded(read())
    with Workbook(str(path), {"constant_memory": True, "tmpdir": str(path.parent)}) as book:
        sheet = book.add_worksheet()
        columns = [each for field in schema for each in _columns(book, sheet, field, zone, rounded)]
        for place, column in enumerate(columns):
            sheet.set_column(place, place, column.width)
            sheet.write_string(0, place, column.title, book.add_format({"bold": True}))
        sheet.freeze_panes(1, 0)
        last = 0
        for table in read():
            values = {name: table.column(name).to_pylist() for name in schema.names}
            for at, row in enumerate(range(last + 1, last + 1 + len(table))):
                for place, column in enumerate(columns):
                    value = values[column.source][at]
                    if value is not None and (said := column.put(row, place, value)):
                        raise _refusal(said, column, row)
            last += len(table)
        sheet.autofilter(0, 0, last, len(columns) - 1)


def _columns(
    book: Any, sheet: Any, field: pa.Field, zone: tzinfo, rounded: set[str]
) -> Iterator[Column]:
    """What shows a column of the table: the first table at the top of this file."""
    name, type_ = field.name, field.type
    date, length = (book.add_format({"num_format": each}) for each in (DATE, LENGTH))

    def put_moment(row: int, place: int, value: datetime) -> int:
        local = value.astimezone(zone).replace(tzinfo=None)
        if YEAR_MIN <= local.year <= YEAR_MAX:
            return int(sheet.write_datetime(row, place, local, date))
        return put_text(row, place, local.isoformat(" ", "seconds"))

    def put_list(row: int, place: int, values: list[object]) -> int:
        return put_text(row, place, ", ".join("" if each is None else str(each) for each in values))

    def put_text(row: int, place: int, value: object) -> int:
        return int(sheet.write_string(row, place, str(value)))

    def put_length(row: int, place: int, value: int) -> int:
        return int(sheet.write_number(row, place, value / DAY_MS, length))

    if pa.types.is_timestamp(type_):
        yield Column(name, name, put_moment, WIDE)
    elif pa.types.is_list(type_):
        yield Column(name, name, put_list, WIDE)
    elif pa.types.is_boolean(type_):
        yield Column(name, name, sheet.write_boolean)
    elif pa.types.is_string(type_) or name in rounded:
        yield Column(name, name, put_text, WIDE)
    else:
        if name.endswith(MILLISECONDS):
            yield Column(f"{name.removesuffix(MILLISECONDS)} {LENGTH}", name, put_length)
        yield Column(name, name, sheet.write_number)


def _rounded(tables: Iterable[pa.Table]) -> set[str]:
    """The columns of whole numbers that Excel would round; more rows than a sheet are refused."""
    found, rows = set(), 1
    for table in tables:
        rows += len(table)
        if rows > ROWS_MAX:
            raise DestinationError(
                f"a sheet of Excel has {ROWS_MAX:,} rows, and these are more; {INSTEAD}"
            )
        for field in table.schema:
            if pa.types.is_integer(field.type):
                bounds = pc.min_max(table.column(field.name)).as_py().values()
                if any(bound is not None and abs(bound) >= EXACT for bound in bounds):
                    found.add(field.name)
    return found


def _refusal(said: int, column: Column, row: int) -> DestinationError:
    """Why a cell was not taken: the library cuts what is too long, and says -2."""
    if said == -2:
        return DestinationError(
            f"a text of {column.source} has more than the {TEXT_MAX:,} characters that a cell of "
            f"Excel takes; leave the column out (--drop {column.source}), or write x.csv"
        )
    return DestinationError(f"Excel has no cell for {column.source} in row {row + 1:,}; {INSTEAD}")
