"""Slices for whoever reads them elsewhere: `plan` once, `schema` of a table, `read` in any process.

    plan ─▶ slices, each with all it was planned with ─▶ read, wherever: (table, batch) of one walk

A slice is a plain value and can be pickled. It has no secret in it: credentials go by themselves
(`query/credentials.py`). docs/scaling.md shows a whole program.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from lastpage.api.names import Directory
from lastpage.api.organization import JobWatermark
from lastpage.connection import Connection
from lastpage.errors import UsageError
from lastpage.keywords import (
    Asked,
    Length,
    SelectionKeywords,
    Unit,
    Wanted,
    When,
    as_given,
    at_least_one,
    check_given,
    interval_from,
    kept_from,
    length_from,
    need_from,
    several,
    unit_from,
)
from lastpage.planning.finer import Finer
from lastpage.planning.planner import Planner
from lastpage.planning.slices import Slice
from lastpage.planning.terms import Terms
from lastpage.progress import Meter
from lastpage.query.interval import Relative, from_unix
from lastpage.tables.selection import HASH_KEY, Selection

if TYPE_CHECKING:
    import pyarrow as pa

    from lastpage.extraction.run import Fetching


class Slicing(Connection):
    """What cuts an interval into slices, and reads one of them."""

    def plan(
        self,
        interval: When,
        *,
        slices: int | None = None,
        longest: Length | None = None,
        processes: int | None = None,
        meter: Meter | None = None,
        **keywords: Unpack[Wanted],
    ) -> list[Slice]:
        """The slices that `fetch` would take, in order, each with its interval, route and reason.

        They are a new destination's. Together they are the interval: disjoint, without a gap. Where
        they are read elsewhere, they can be smaller: `slices` is how many there should be at least,
        `longest` how long each may be, such as "6h", a `timedelta`, or seconds; a minute is cut no
        further. `processes` is how many read at once: each keeps to that part of the allowance.

        Sends only the token request, the organisation's, the watermark and the counts, about one
        more for each slice that was asked for. Notes are in `meter`, or are warnings in the log.
        Raises `UsageError` and `ApiError`.

        Example::

            for slice_ in cloud.plan("2023-10-01/2023-10-08", media="voice", slices=10):
                print(slice_.interval, slice_.route, slice_.expected, slice_.reason)
        """
        finer = Finer(
            at_least_one("a number of slices", slices) or 1, length_from("longest", longest)
        )
        asked = interval_from(interval, keywords)
        roughly = from_unix(self.client.server_now())  # no answer has told the API's time yet
        finer.check(asked.until(roughly) if isinstance(asked, Relative) else asked)
        given, kept = as_given(keywords), kept_from(keywords)
        shared = at_least_one("a number of processes", processes) or 1
        key_print = _key_print(kept)
        query = self._query(interval, keywords, Directory(self.client), meter)
        how, mark = keywords.get("paginate", "auto"), JobWatermark(self.client)
        planner = Planner(query, self.client, mark, meter or Meter(), how, need_from(keywords))
        resolved, horizon = planner.resolve()
        terms = Terms(
            replace(query, interval=resolved),
            horizon,
            self.organization(),
            how,
            keywords.get("page_size"),
            kept.dump(),
            given,
            key_print,
            shared,
            self.requests_per_minute,
        )
        found = planner.finer(planner.plan(resolved, horizon), finer)
        return [replace(each, terms=terms) for each in found]

    def read(
        self,
        slice_: Slice,
        tables: str | Sequence[str] | None = None,
        *,
        unit: Unit = "ms",
        **keywords: Unpack[Asked],
    ) -> Iterator[tuple[str, pa.RecordBatch]]:
        """One slice of a plan as Arrow, in any process: pairs of a table's name and a batch.

        All comes from one walk, whatever the number of `tables`: names of docs/tables.md, `raw`
        among them, or by default all that the plan has kept. Batches of a table have the schema
        that `lastpage.schema` tells, in this `unit` of moments; a slice without conversations has
        none. Ids have no names here, and no lists come along: `tables` has both.

        A slice is read with the filters and columns that it was planned with. They need not be
        given again, and others are refused: `UsageError` at the call, as for a table that there is
        not, or that needs a job where none was planned; for another LASTPAGE_HASH_KEY, and for a
        slice of another version. A slice of another organisation is a `UsageError` before the first
        row. Later raises as `conversations` does; `ShortError` is about this slice.

        Example::

            for slice_ in cloud.plan("2023-10-10", media="voice"):
                for table, batch in cloud.read(slice_, ["segments", "raw"]):
                    print(table, batch.num_rows)
        """
        from lastpage.extraction.run import Options
        from lastpage.reading import batches_as, handed, kept_of, reading
        from lastpage.tables.build import Shredder
        from lastpage.tables.parse import arrow_schema

        terms = slice_.terms
        if terms is None:
            raise UsageError(f"{slice_} is not one that plan has returned; read one of those")
        check_given(keywords, terms.given)
        named = several(tables or ())
        shredder = Shredder.from_env(kept_of(slice_, named))
        columns = shredder.selection.schemas
        if shredder.key_print not in ("", terms.key_print):
            raise UsageError(
                f"{slice_} was planned with another {HASH_KEY}, whose hashes these would not join; "
                "set the one that the plan was made with"
            )
        schemas = {name: arrow_schema(columns[name], unit_from(unit)) for name in named or columns}
        client = self.client.apart()
        planner = Planner(terms.query, client, JobWatermark(client), Meter(), terms.paginate)
        options = Options(terms.paginate, terms.page_size, self.threads)

        def found(run: Fetching) -> Iterator[tuple[str, pa.RecordBatch]]:
            if terms.organization != self.organization():
                raise UsageError(
                    f"{slice_} was planned for another organisation ({terms.organization}) than "
                    f"these credentials are for ({self.organization()}); read it with its own"
                )
            yield from batches_as(run, shredder, schemas)

        return handed(reading(planner, options, slice_), found)


def _key_print(kept: Selection) -> str:
    """What tells the key of these hashes from another one; raises `UsageError` without a key."""
    if not kept.hash:
        return ""  # and Arrow is not loaded
    from lastpage.tables.build import Shredder

    return Shredder.from_env(kept).key_print


def schema(table: str, *, unit: Unit = "ms", **keywords: Unpack[SelectionKeywords]) -> pa.Schema:
    """The Arrow schema of a table as `read` yields it, before anything is read or sent.

    The keywords are those of a plan: columns, drop, hash, attributes. So are the names of tables,
    `raw` among them. Types and order are exact; `unit` is that of moments. Raises `UsageError`.

    Example::

        print(lastpage.schema("segments", unit="us").names)
    """
    from lastpage.tables.parse import arrow_schema

    kept = kept_from(keywords).only([table])
    return arrow_schema(kept.schemas[table], unit_from(unit))
