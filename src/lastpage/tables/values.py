"""Arrow's values, of Python's.

`pa.array` of a list, `pa.scalar`, and a plain value given to a kernel import pandas wherever it is
installed: a fifth of a second and 40 MiB, to find out that a list is none of its own. What hands
its buffers over is not asked. So arro3 makes the arrays, which is quicker, too. `pa.Table.group_by`
imports pandas and all of Arrow's datasets, and `empty_table` and chunks of nothing put together
import it as well; so kernels do the former, and `empty` is for the latter.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import accumulate
from typing import Any

import arro3.core
import pyarrow as pa

from lastpage.tables.moments import milliseconds


def array(values: Iterable[Any], type_: pa.DataType) -> pa.Array:
    """An array of Python's values; a moment is given in whole milliseconds.

    Raises `ValueError`, `TypeError` or `OverflowError` for what is not of the type.
    """
    values = list(values)
    if pa.types.is_timestamp(type_):
        return array(map(milliseconds, values), pa.int64()).cast(type_)
    if pa.types.is_list(type_):
        flat = [each for some in values for each in some or ()]
        ends = array(accumulate((len(some or ()) for some in values), initial=0), pa.int32())
        missing = array([some is None for some in values], pa.bool_())
        return pa.ListArray.from_arrays(ends, array(flat, type_.value_type), mask=missing)
    return pa.array(arro3.core.Array(values, type_))


def scalar(value: Any, type_: pa.DataType) -> pa.Scalar:
    """One value, as kernels take it."""
    return array([value], type_)[0]


def one_piece(values: pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    return values.combine_chunks() if values.num_chunks else pa.nulls(0, values.type)


def empty(schema: pa.Schema) -> pa.Table:
    """A table without rows."""
    return pa.table([pa.nulls(0, field.type) for field in schema], schema=schema)


def numbers(count: int) -> pa.Array:
    """0, 1, 2 … so many of them, as int32: a part of what is there already."""
    return _numbers(_enough(count)).slice(0, count)


def nulls(count: int, type_: pa.DataType) -> pa.Array:
    """So many nulls. All columns that are null have the same ones, so they take no memory."""
    return _nulls(_enough(count), type_).slice(0, count)


def _enough(count: int) -> int:
    """The next power of two: so few lengths are ever made."""
    return 1 << max(count - 1, 0).bit_length()


@cache
def _numbers(count: int) -> pa.Array:
    return array(range(count), pa.int32())


@cache
def _nulls(count: int, type_: pa.DataType) -> pa.Array:
    return pa.nulls(count, type_)
