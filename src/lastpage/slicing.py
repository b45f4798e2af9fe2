"""Slices for whoever reads them elsewhere: `plan` once, `read` each where it suits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Unpack

from lastpage.api.names import Directory
from lastpage.api.organization import JobWatermark
from lastpage.connection import Connection
from lastpage.keywords import Asked, Wanted, When, need_from
from lastpage.planning.planner import Planner
from lastpage.planning.slices import Slice
from lastpage.progress import LOG, Meter

if TYPE_CHECKING:
    import pyarrow as pa


class Slicing(Connection):
    """What cuts an interval into slices, and reads one of them."""

    def plan(
        self, interval: When, *, meter: Meter | None = None, **keywords: Unpack[Wanted]
    ) -> list[Slice]:
        """The slices that `fetch` would take, in order, each with its interval, route and reason.

        They are a new destination's. Sends only the token request, the watermark and the counts.
        Notes are in `meter`, or are warnings in the log. Raises `UsageError` and `ApiError`.

        Example::

            for slice_ in cloud.plan("2023-10-01/2023-10-08", media="voice"):
                print(slice_.interval, slice_.route, slice_.expected, slice_.reason)
        """
        query = self._query(interval, keywords, Directory(self.client), meter)
        how, mark = keywords.get("paginate", "auto"), JobWatermark(self.client)
        planner = Planner(query, self.client, mark, meter or Meter(), how, need_from(keywords))
        return planner.plan(*planner.resolve())

    def read(
        self, slice_: Slice, table: str = "conversations", **keywords: Unpack[Asked]
    ) -> Iterator[pa.RecordBatch]:
        """One slice of a plan as batches of one table: for engines that read on several machines.

        The keywords are those that `plan` was given. Raises as `conversations` does; `ShortError`
        is about this slice; and `UsageError` for a table that its route does not bring.

        Example::

            for slice_ in cloud.plan("2023-10-10", media="voice"):
                for batch in cloud.read(slice_, "segments", media="voice"):
                    print(batch.num_rows)
        """
        from lastpage.reading import batches, only
        from lastpage.tables.build import Shredder

        shredder, broken = Shredder.from_env(only(table, slice_)), 0
        with self._reading(slice_.interval, keywords, [slice_]) as run:
            for name, batch in batches(run, shredder):
                broken += batch.num_rows if name == "broken" else 0
                if name == table:
                    yield batch
        if broken and table != "broken":
            LOG.warning(
                "%d conversations could not be read into tables; see the table broken", broken
            )
