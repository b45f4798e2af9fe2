"""A column of moments as Python's, for those who read rows; nothing here loads Arrow.

Arrow's own way asks pandas, which it imports for that.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def moments(column: Any) -> list[datetime | None]:
    """The moments of an Arrow column, in UTC; None where it has none."""
    return [
        None if number is None else EPOCH + number * MILLISECOND
        for number in column.cast("int64").to_pylist()
    ]


def milliseconds(moment: datetime | None) -> int | None:
    """A moment as such a column counts it."""
    return None if moment is None else (moment - EPOCH) // MILLISECOND
