"""Raw records to tables: parsed by arrow-rs with a schema, taken apart by Arrow's kernels.

No Python object is made of a record. Parsing releases the GIL, because pyarrow consumes the stream;
the arro3 reader itself would hold it. It is given bytes: of a file of Python's it would read 8 KiB
at a time, and wait for the GIL each time. A parser refuses a batch whole, so a page is tried in
order:

    1. as it came                                  nearly always enough, and fast
    2. with the records that do not fit mended     `oddities`; integers are read as such now
    3. record by record, thoroughly mended         what the parser refuses even so is `broken`

What has no id or no start belongs to no day, so it is `broken` from the second step on. Two types
are read as another one, and checked:

    what         read as        because
    an integer   double, in 1   a parser asked for an integer reads 4.25 as 4 without a word
    a time       text           a parser asked for a time takes bare numbers, times without a zone
                                and a 60th second; tally and tables have one rule (`moment`)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import arro3.core
import arro3.io
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from lastpage.api.records import Head, Raw, moment, read_head
from lastpage.tables.oddities import EXACT, Oddity, mended
from lastpage.tables.schema import CONVERSATION, KEY, TABLES, Level, Type
from lastpage.tables.values import array, empty, nulls, numbers

Tables = dict[str, pa.Table]

ARROW: dict[Type, pa.DataType] = {
    "str": pa.string(),
    "time": pa.timestamp("ms", tz="UTC"),
    "bool": pa.bool_(),
    "ordinal": pa.int32(),
    "int": pa.int64(),
    "num": pa.float64(),
    "strs": pa.list_(pa.string()),
    "ints": pa.list_(pa.int64()),
}
#: As what the parser reads them: records of which nothing is known, and those that surely fit.
UNSEEN: dict[Type, pa.DataType] = ARROW | {
    "time": pa.string(),
    "int": pa.float64(),
    "ints": pa.list_(pa.float64()),
}
FITTING: dict[Type, pa.DataType] = ARROW | {"time": pa.string()}
#: What a page raises that does not fit: arro3 has no exceptions of its own, pyarrow's derive from
#: these.
REFUSED = (ValueError, TypeError, OSError)
#: What every record has to have.
HEAD = ("conversationId", "conversationStart")
HEADLESS = f"it has no {' or no '.join(HEAD)} that can be read"
#: Records that the parser has in hand at a time: so few stay in the processor's cache, which is a
#: third faster than a page whole.
PARSED_AT_ONCE = 256
#: A time as the API spells it is so long.
TIME_CHARS = len("2023-10-10T10:00:00.000Z")
#: The first moment of the calendar, in milliseconds since 1970.
YEAR_ONE_MS = -62_135_596_800_000


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that does not fit, and why."""

    conversation_id: str
    start: datetime | None
    error: str
    record: bytes


def arrow_schema(columns: Mapping[str, Type], unit: str = "ms") -> pa.Schema:
    """A table's columns as an Arrow schema; moments are counted in `unit`."""
    types = ARROW | {"time": pa.timestamp(unit, tz="UTC")}
    return pa.schema([(name, types[type_]) for name, type_ in columns.items()])


@cache
def schemas() -> dict[str, pa.Schema]:
    """The Arrow schemas of the tables that a record gives, by name; made once."""
    return {name: arrow_schema(columns) for name, columns in TABLES.items()}


@cache
def record_type(*, fitting: bool = False) -> pa.StructType:
    """The Arrow type that the parser reads a record into."""
    return _object_type(CONVERSATION, FITTING if fitting else UNSEEN)


def shred(page: Sequence[Raw], wanted: Collection[str] = TABLES) -> Tables:
    """Every table of a page's records; nothing is lost.

    What is odd is told of in `oddities`, as far as it concerns the tables that are `wanted`; what
    cannot be read is in `broken`.
    """
    oddities: list[Oddity] = []
    broken: list[Broken] = []
    parts = _parts(page, oddities, broken) if page else []
    told = [each for each in oddities if not each.tables.isdisjoint(wanted)]
    parts.append({"oddities": _oddities_table(told), "broken": _broken_table(broken)})
    tables = {}
    for name, schema in schemas().items():
        found = [part[name] for part in parts if name in part]
        tables[name] = pa.concat_tables(found) if found else empty(schema)
    return tables


def parse(page: Sequence[Raw | bytes], *, fitting: bool = False) -> pa.StructArray:
    """Records as one struct array of `record_type`, with times not yet read.

    Unless they are known to be fitting, integers are not yet checked. Raises `ValueError` where one
    of them does not fit the type.
    """
    try:
        reader = arro3.io.read_json(
            b"\n".join(page), _parser_schema(fitting), batch_size=PARSED_AT_ONCE
        )
        batches = pa.RecordBatchReader.from_stream(reader)
        conversations: pa.StructArray = batches.read_all().to_struct_array().combine_chunks()
    except Exception as problem:  # noqa: BLE001 - arro3 has no exception classes of its own
        raise ValueError(str(problem)) from None
    if len(conversations) != len(page):
        raise ValueError(f"{len(page)} records were read as {len(conversations)}")
    return conversations


def take_apart(conversations: pa.StructArray) -> Tables:
    """A struct array of conversations as flat tables; raises `ValueError` for a wrong value."""
    ids, starts = (pc.struct_field(conversations, each) for each in HEAD)
    if ids.null_count or starts.null_count:
        raise ValueError(f"a record has no {' or no '.join(HEAD)}")
    return dict(_level_tables(CONVERSATION, conversations, {KEY: ids}))


@cache
def _parser_schema(fitting: bool) -> arro3.core.Schema:
    return arro3.core.Schema.from_arrow(pa.schema(list(record_type(fitting=fitting))))


def _object_type(level: Level, types: Mapping[Type, pa.DataType]) -> pa.StructType:
    """The Arrow type of an object of a level: its fields, then its children."""
    fields = [(name, types[type_]) for name, type_ in level.fields.items()]
    for child in level.children:
        if child.kind == "map":
            arriving = pa.map_(pa.string(), pa.string())
        else:
            arriving = _object_type(child, types)
            arriving = arriving if child.kind == "one" else pa.list_(arriving)
        fields.append((child.name, arriving))
    return pa.struct(fields)


def _parts(page: Sequence[Raw], oddities: list[Oddity], broken: list[Broken]) -> list[Tables]:
    """The tables of a page, by the steps at the top; what is odd or broken is set aside."""
    try:
        return [take_apart(parse(page))]
    except REFUSED:
        heads = [(raw, read_head(raw)) for raw in page]
    broken += [Broken("", None, HEADLESS, bytes(raw)) for raw, head in heads if not head]
    records = [(raw, head) for raw, head in heads if head]
    try:
        found = [mended(raw, head) for raw, head in records]
        tables = take_apart(parse([record for record, _ in found], fitting=True))
    except REFUSED:
        return list(_one_by_one(records, oddities, broken))
    oddities += [each for _, odd in found for each in odd]
    return [tables]


def _one_by_one(
    records: Iterable[tuple[Raw, Head]], oddities: list[Oddity], broken: list[Broken]
) -> Iterator[Tables]:
    """The tables of each record."""
    for raw, head in records:
        record, odd = mended(raw, head, thorough=True)
        try:
            tables = take_apart(parse([record], fitting=True))
        except REFUSED as problem:
            broken.append(Broken(head.id, head.start, str(problem)[:500], bytes(raw)))
        else:
            oddities += odd
            yield tables


def _oddities_table(oddities: Sequence[Oddity]) -> pa.Table:
    rows = [(each.conversation_id, each.start, each.path, each.value) for each in oddities]
    return _table("oddities", rows)


def _broken_table(records: Sequence[Broken]) -> pa.Table:
    rows = [
        (
            each.conversation_id,
            each.start,
            each.error,
            each.record.decode("utf-8", "backslashreplace"),
        )
        for each in records
    ]
    return _table("broken", rows)


def _table(name: str, rows: Sequence[tuple[object, ...]]) -> pa.Table:
    """A table of few rows."""
    schema = schemas()[name]
    columns = zip(*rows, strict=True) if rows else ((),) * len(schema)
    arrays = [array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)


def _level_tables(
    level: Level, structs: pa.StructArray, keys: dict[str, pa.Array]
) -> Iterator[tuple[str, pa.Table]]:
    """The table of a level and those below it. `keys` has the keys of each object, as columns."""
    # One call for all members; asked for one by one, each would cost as much.
    members = structs.flatten()
    own, children = members[: len(level.fields)], members[len(level.fields) :]
    columns = dict(keys)
    for (name, type_), values in zip(level.fields.items(), own, strict=True):
        columns.setdefault(level.columns[name], _checked(values, ARROW[type_]))
    yield level.table, pa.table(columns, schema=schemas()[level.table])
    for child, below in zip(level.children, children, strict=True):
        if child.kind == "map":
            yield child.table, _pairs(child, below, keys)
        elif child.kind == "one":
            there = pc.is_valid(below)
            inherited = {name: key.filter(there) for name, key in keys.items()}
            yield from _level_tables(child, below.filter(there), inherited)
        else:
            parents = pc.list_parent_indices(below)
            inherited = {name: key.take(parents) for name, key in keys.items()}
            # An element's place in its own list: how far it lies behind where the list begins.
            begins = pc.subtract(below.offsets, below.offsets[0]).take(parents)
            inherited[child.ordinal] = pc.subtract(numbers(len(parents)), begins.cast(pa.int32()))
            yield from _level_tables(child, pc.list_flatten(below), inherited)


def _pairs(level: Level, maps: pa.MapArray, keys: dict[str, pa.Array]) -> pa.Table:
    """The table of a level of free names and values."""
    pair = pa.struct([("key", pa.string()), ("value", pa.string())])
    pairs = maps.cast(pa.list_(pair))
    parents = pc.list_parent_indices(pairs)
    names, values = pc.list_flatten(pairs).flatten()
    columns = {name: key.take(parents) for name, key in keys.items()}
    return pa.table(columns | {"name": names, "value": values}, schema=schemas()[level.table])


def _checked(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Values as their table has them; raises `ValueError` where one would be changed by that."""
    if values.null_count == len(values):
        return nulls(len(values), wanted)
    if values.type == wanted:
        if wanted == pa.float64() and pc.all(pc.is_finite(values)).as_py() is False:
            raise ValueError("a number is too large, or none")
        return values
    if values.type == pa.string():
        return _times(values, wanted)
    flat = values.flatten() if pa.types.is_list(values.type) else values
    bounds = pc.min_max(flat).as_py().values()
    if any(bound is not None and abs(bound) >= EXACT for bound in bounds):
        raise ValueError("a number is too large for an integer")
    return values.cast(wanted, safe=True)


def _times(texts: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Times as `moment` reads them; raises `ValueError` for what is none."""
    shortest, longest = pc.min_max(pc.binary_length(texts)).as_py().values()
    if shortest == longest == TIME_CHARS and pc.all(pc.ends_with(texts, "Z")).as_py():
        # At this length, and with this end, Arrow's rule is the same but for the year 0.
        times = texts.cast(wanted)
        if pc.min(times.cast(pa.int64())).as_py() >= YEAR_ONE_MS:
            return times
    spelt = (None if text is None else msgspec.json.encode(text) for text in texts.to_pylist())
    times = array([text and moment(text) for text in spelt], wanted)
    if times.null_count > texts.null_count:
        raise ValueError("a time is not spelt as RFC 3339 has it")
    return times
