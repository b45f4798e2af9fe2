"""PostgreSQL: a schema with a table each, written day by day, each change of a day one transaction.

Tables are those of a folder, with the same columns and `day`, so the same questions are asked of
both. What they hold is in `lastpage_ranges`, whose data they are in `lastpage_meta`. What a crash
left, the server settles itself: what was not committed never was there.

    a change of a day, in one transaction
    1. rows of every table are counted, and its columns compared with what is to be written
    2. conversations that started in a part that is written go, from every table, by their ids, but
       those that are named as staying
    3. the rows that come are appended, in place of what started in another part and is the same
       conversation; those in `broken` wait in a table of their own
    4. broken records make room by the same rule, or, without a start, where the same record came
       again
    5. the rows of the day are counted, and compared with what was written
    6. the day's ranges are recorded, with the conversations that were counted in each

Tables are made, and changed, in a transaction before, and only where something is missing: whoever
waits to change a table makes all who come later wait. So it does not wait long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from lastpage.coverage.ranges import Range
from lastpage.errors import DestinationError
from lastpage.files import Disk
from lastpage.query.interval import Interval
from lastpage.sinks.day import Change, ChangedByDay, Count, batched, fitted, ids_of
from lastpage.sinks.intact import lacking
from lastpage.sinks.server import Server
from lastpage.sinks.session import META, RANGE_COLUMNS, VERSION, Session
from lastpage.sinks.shape import (
    DAY,
    after_creation,
    check_names,
    comments,
    defined,
    differing,
    literal,
    quoted,
    types,
)
from lastpage.sinks.sink import NONE_STAYS, Identity, Pages, Written
from lastpage.sinks.zero import cleaned, cleaned_text, without_zeros
from lastpage.tables.build import Shredder
from lastpage.tables.counting import view, view_columns
from lastpage.tables.derived import Names
from lastpage.tables.figures import NEEDED
from lastpage.tables.schema import CONVERSATIONS, END
from lastpage.tables.selection import Selection

#: Conversations appended at once: an append costs by table, so these are more than files get.
BATCH = 10_000
#: Days of which a quick look counts every table: those that are mostly read again. Of older ones it
#: counts the conversations, and sees whether there is anything in the other tables.
COUNTED = 40
#: The cursors of a session have names of their own.
CURSORS = count()


class Postgres(Session, ChangedByDay):
    """A `TableSink` in one schema of a database."""

    #: Of everything, until it is claimed.
    shredding = Shredder()

    @classmethod
    @contextmanager
    def open(cls, server: Server, state: Path, disk: Disk) -> Iterator[Self]:  # noqa: ARG003
        """Hold the schema against other writers, and refuse other software's."""
        sink = cls(server, disk)
        try:
            sink._lock()
            sink._identify()
            yield sink
        finally:
            sink._leave()

    @classmethod
    @contextmanager
    def look(cls, server: Server, state: Path) -> Iterator[Self]:  # noqa: ARG003
        """Read the schema as it is at one moment; whoever writes goes on."""
        sink = cls(server, Disk())
        try:
            sink._look_at_once()
            if sink.known:
                sink.shredding = Shredder.to_read(Selection.load(sink.known.selection))
            yield sink
        finally:
            sink._leave()

    def claim(self, identity: Identity, shredder: Shredder) -> None:
        """Refuse another identity; make the schema, the tables and the columns that are missing."""
        identity.check(self.known, self.server)
        check_names(shredder.schemas)
        self.shredding = shredder
        self._define(list(self._missing()), identity)
        for name in ("create_leaving", "create_arrived_broken"):
            self._run(name)
        self._check_types(shredder.schemas)

    def changing(self) -> set[date]:
        """A change is one transaction: a reader sees all of it or nothing."""
        return set()

    def damaged(self) -> dict[date, str]:
        """The days that have not the rows that were recorded, and what is missing of each.

        To count years of rows would read all of the schema, so older days are asked for less.
        """
        recorded: dict[date, dict[str, int]] = {}
        for row in self._rows("tables") if self._meta else ():
            recorded.setdefault(row["day"], {})[row["name"]] = row["rows"]
        found: dict[date, dict[str, int]] = {day: {} for day in recorded}
        days, names = sorted(recorded), {name for rows in recorded.values() for name in rows}
        for name in self._relations().keys() & names:
            since = 0 if name == CONVERSATIONS else max(len(days) - COUNTED, 0)
            for row in self._rows("count_days", self._named(name), day=days[since]):
                found.get(row[DAY], {})[name] = row["rows"]
            older = [day.isoformat() for day in days[:since]]
            for row in self._rows("days_there", self._named(name), days=older) if older else ():
                found[row[DAY]][name] = recorded[row[DAY]].get(name, 0)
        damage = {day: lacking(recorded[day], Counter(rows)) for day, rows in found.items()}
        return {day: what for day, what in damage.items() if what}

    def damage(self, day: date, *, content: bool = False) -> str:  # noqa: ARG002
        """What is missing of a day, by what it recorded; what cannot be read says so by itself."""
        rows = self._rows("tables_of_day", day=day) if self._meta else []
        recorded = {row["name"]: row["rows"] for row in rows}
        return lacking(recorded, Counter(self._counts(day, recorded)))

    def together(self) -> Any:
        """The changes of a block are one transaction."""
        return self._transaction()

    def renew(self, day: date, ranges: Sequence[Range]) -> None:
        """Record the day's ranges anew, in one transaction."""
        change = Change(self.held(day), ranges, self.shredding, NONE_STAYS)
        with self._transaction():
            self._record(day, change, self._counts(day, self.shredding.schemas))

    def refresh(self, names: Names) -> None:
        """Write one table a list."""
        lists = {name: cleaned(table) for name, table in names.lists.items()}
        there, relations = self._columns(), self._relations()
        missing = [
            statement
            for name, table in lists.items()
            for statement in self._completing(name, types(table.schema), there)
        ]
        missing += [
            statement
            for name, table in lists.items()
            if name not in relations
            for statement in comments(name, self._named(name), table.column_names)
        ]
        self._define(missing)
        with self._transaction():
            for name, table in lists.items():
                self._run("empty", self._named(name))
                self._check_columns(name, types(table.schema), self._columns())
                self._bring(name, table)

    def read(self, table: str, day: date) -> Iterator[pa.Table]:
        """A day of a table, a part at a time, with the columns of the selection."""
        schema = self.shredding.schemas[table]
        there = self._columns().get(table, {})
        selected = ", ".join(quoted(name) for name in schema.names if name in there)
        if not selected:
            return  # an older version made the schema, and did not have this table
        cursor, named = f"lastpage_{next(CURSORS)}", self._named(table)
        of_day = {"selected": selected, "day": day.isoformat()}
        self._ask(self._text("open_cursor", named, cursor, **of_day))
        while len(part := self._answer(self._text("fetch_cursor", columns=cursor))):
            yield fitted(part, schema)
        self._run("close_cursor", columns=cursor)

    def named(self, kind: str) -> Iterator[pa.Table]:
        """One of the organisation's lists; nothing where it is not there."""
        if kind in self._columns():
            yield self._answer(self._text("read_list", self._named(kind)))

    def _missing(self) -> Iterator[str]:
        """The statements that make what is not there yet; of most runs none."""
        there, relations = self._columns(), self._relations()
        if not self._run("has_schema", schema=self.server.schema):
            yield self._text("create_schema")
        if META not in relations:
            yield from map(self._text, ("create_meta", "create_ranges", "create_tables"))
            for table in (META, "lastpage_ranges", "lastpage_tables"):
                yield from comments(table, self._named(table), [])
        for table, schema in self.shredding.schemas.items():
            named, wanted = self._named(table), defined(schema)
            yield from self._completing(table, wanted, there)
            if table not in there:
                yield from after_creation(table, named, schema)
            added = [name for name in wanted if name not in there.get(table, {})]
            if added:
                yield from comments(table, named, added)
        selected = {
            f"{table}.{column}"
            for table, schema in self.shredding.schemas.items()
            for column in schema.names
        }
        if selected >= NEEDED:
            yield from self._views(relations)

    def _views(self, relations: Collection[str]) -> Iterator[str]:
        """The statements that make views, or give those of an older version their new columns."""
        there = {
            row["view"]: row["columns"] for row in self._rows("views", schema=self.server.schema)
        }
        for name, columns in view_columns().items():
            found = there.get(name, [])
            is_ours = name not in relations or found == columns[: len(found)] != []
            if is_ours and found != columns:
                query = view(name, f"{quoted(self.server.schema)}.")
                yield self._text("create_queues")
                yield self._text("create_view", self._named(name), query)
                yield from comments(name, self._named(name), columns, kind="view")

    def _completing(
        self, table: str, wanted: Mapping[str, str], there: Mapping[str, Mapping[str, str]]
    ) -> Iterator[str]:
        """The statement that makes a table, or adds the columns that it lacks."""
        columns = {name: each for name, each in wanted.items() if name not in there.get(table, {})}
        typed = [f"{quoted(name)} {each}" for name, each in columns.items()]
        named = self._named(table)
        if table not in there:
            yield f"create table {named} ({', '.join(typed)})"
        elif typed:
            yield f"alter table {named} {', '.join(f'add column {each}' for each in typed)}"

    def _define(self, statements: Sequence[str], identity: Identity | None = None) -> None:
        """Make and change tables, in a transaction of their own that does not wait long."""
        if not statements:
            return
        with self._transaction("server define"):
            self._run("wait_shortly")
            for statement in statements:
                self._ask(statement)
            if identity and not self._meta:
                self._run("insert_meta", version=VERSION, **asdict(identity))
        self._meta = self._relations()[META]

    def _change(self, day: date, change: Change, pages: Pages) -> Written:
        schemas, ruling = self.shredding.schemas, change.ruling
        facts: dict[str, Any] = {**_parts(change)}
        facts |= {"staying": list(map(cleaned_text, ruling.staying)), "day": day}
        with self._transaction():
            self._run("forget_arrived_broken")
            rows = self._counts(day, schemas)  # from here on nobody can change a table
            self._check_types(schemas)
            for name in schemas if ruling.anew else ():
                rows[name] -= self._run("delete_day", self._named(name), day=day)
            if change.before:
                rows.subtract(self._let_leave("leaving", **facts))
            rows.subtract(
                self._let_leave("moved", came=list(map(cleaned_text, ruling.leaving)), **facts)
            )
            for tables in batched(change.tables(pages), schemas, BATCH):
                clean = without_zeros(tables, self.shredding)
                if change.has_others:
                    rows.subtract(self._let_leave("moved", came=ids_of(clean), **facts))
                for name, table in clean.items():
                    rows[name] += len(table)
                    if len(table):
                        is_broken = name == "broken"
                        target = "lastpage_arrived_broken" if is_broken else name
                        self._bring(target, _of_day(table, day), is_temporary=is_broken)
            rows["broken"] -= self._run("delete_broken", came=change.came, **facts)
            columns = ", ".join(map(quoted, (DAY, *schemas["broken"].names)))
            self._run("insert_broken", columns=columns)
            self._check_counts(day, rows)
            self._record(day, change, rows)
        return change.written()

    def _check_types(self, schemas: Mapping[str, pa.Schema]) -> None:
        """Raise `DestinationError` where a column is not what would be written into it."""
        there = self._columns()
        for name, schema in schemas.items():
            self._check_columns(name, defined(schema), there)

    def _check_columns(
        self, table: str, wanted: Mapping[str, str], there: Mapping[str, Mapping[str, str]]
    ) -> None:
        for column, found, needed in differing(table, wanted, there.get(table, {})):
            what = "is missing" if found == "missing" else f"is {found}"
            raise DestinationError(
                f"the column {column} of {self.server} {what}, and lastpage writes {needed}; "
                "make it that again, or give another schema"
            )

    def _check_counts(self, day: date, rows: Mapping[str, int]) -> None:
        for name, found in self._counts(day, self.shredding.schemas).items():
            if found != rows[name]:
                raise DestinationError(
                    f"{self.server} has {found} rows of {day} in {name} instead of the "
                    f"{rows[name]} that were written; a rule or a trigger may be at fault"
                )

    def _record(self, day: date, change: Change, rows: Mapping[str, int]) -> None:
        """Record what the day holds now, with conversations as counted in the table."""
        self._run("delete_tables", day=day)
        self._run("insert_tables", day=day, names=list(rows), rows=list(map(str, rows.values())))
        counts = [self._counted(day, each.interval) for each in change.after]
        self._run("delete_ranges", day=day)
        for range_ in change.holds(counts):
            start, stop = range_.interval.start, range_.interval.end
            facts = {name: getattr(range_, name) for name in ("as_of", *RANGE_COLUMNS)}
            open_ = facts.pop("open")
            number = None if open_ is None else str(open_)
            self._run("insert_range", day=day, start=start, stop=stop, open=number, **facts)

    def _counted(self, day: date, interval: Interval) -> Count:
        ends: dict[str, Any] = {"day": day, "start": interval.start, "stop": interval.end}
        has_ends = END in self.shredding.schemas[CONVERSATIONS].names
        is_open = self._run("open_between", **ends) if has_ends else None
        return Count(self._run("conversations_between", **ends), is_open)

    def _let_leave(self, which: str, **facts: Any) -> dict[str, int]:
        """Delete conversations that a statement names, but for `broken`: the rows of each table."""
        self._run("forget_leaving")
        if not self._run(which, **facts):
            return {}
        return {
            name: self._run("delete_leaving", self._named(name), day=facts["day"])
            for name in self.shredding.schemas
            if name != "broken"
        }

    def _counts(self, day: date, names: Collection[str]) -> Counter[str]:
        """The rows of a day in each of these tables that is there, by one statement."""
        there = self._relations()
        asked = [
            self._text("count", self._named(name)).strip().replace("$name", literal(name))
            for name in names
            if name in there
        ]
        rows = self._ask(" union all ".join(asked), {"day": day}) if asked else []
        return Counter({row["name"]: row["rows"] for row in rows})


def _of_day(table: pa.Table, day: date) -> pa.Table:
    """Rows with their day before them."""
    days = pa.repeat(pa.scalar(day, pa.date32()), len(table))
    return table.add_column(0, DAY, days)


def _parts(change: Change) -> dict[str, list[str]]:
    """The parts that are written, for a statement to read."""
    return {
        "starts": [part.start.isoformat() for part in change.parts],
        "stops": [part.end.isoformat() for part in change.parts],
    }
