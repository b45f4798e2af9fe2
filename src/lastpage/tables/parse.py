"""Raw records to tables: parsed by arrow-rs with an explicit schema, taken apart by Arrow's list kernels.

No Python object is made of a record. Parsing releases the GIL (the arro3 reader itself would hold it; consuming it through pyarrow
does not). One bad value fails a whole batch, so a batch that fails is halved until the bad records stand alone; they are kept raw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

import arro3.core
import arro3.io
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from lastpage.api.messages import Moment, Raw, read_head, utc
from lastpage.tables.schema import BROKEN, CONVERSATION, KEY, TABLES, TYPES, Level

Tables = dict[str, pa.Table]
_SCHEMA = arro3.core.Schema.from_arrow(pa.schema(list(CONVERSATION.parsed)))
#: Records that the parser has in hand at a time: so few stay in the processor's cache, which is a third faster than a page whole.
PARSED_AT_ONCE = 256
#: Up to here a double has every integer.
EXACT = 2**53
#: How the API spells a start.
USUAL = r"^[1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
_ONE = pa.scalar(1, pa.int32())


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that does not fit, and why."""

    conversation_id: str
    start: datetime | None
    error: str
    record: bytes


def shred(page: Sequence[Raw]) -> Tables:
    """Every table of a page's records; what cannot be read is in `broken`, and nothing is lost."""
    parts: dict[str, list[pa.Table]] = {name: [] for name in TABLES}
    broken: list[Broken] = []
    for tables in _parts(page, broken):
        for name, table in tables.items():
            parts[name].append(table)
    parts["broken"].append(_broken(broken))
    return {name: pa.concat_tables(each) if each else TABLES[name].empty_table() for name, each in parts.items()}


def _parts(page: Sequence[Raw], broken: list[Broken]) -> Iterator[Tables]:
    if not page:
        return
    try:
        yield take_apart(parse(page))
    except (ValueError, TypeError, OSError) as problem:
        # arro3 raises plain exceptions; pyarrow's own derive from ValueError and the like.
        if len(page) == 1:
            broken.append(_one_broken(page[0], problem))
            return
        middle = len(page) // 2
        yield from _parts(page[:middle], broken)
        yield from _parts(page[middle:], broken)


def parse(page: Sequence[Raw]) -> pa.StructArray:
    """Records as one struct array, with numbers not yet checked."""
    try:
        reader = arro3.io.read_json(BytesIO(b"\n".join(page)), _SCHEMA, batch_size=PARSED_AT_ONCE)
        conversations: pa.StructArray = (
            pa.RecordBatchReader.from_stream(reader).read_all().to_struct_array().combine_chunks()
        )
    except Exception as problem:  # noqa: BLE001 - arro3 has no exception classes of its own
        raise ValueError(str(problem)) from None
    if len(conversations) != len(page):
        raise ValueError(f"{len(page)} records were read as {len(conversations)}")
    return conversations


def take_apart(conversations: pa.StructArray) -> Tables:
    """A struct array of conversations as flat tables."""
    ids = pc.struct_field(conversations, "conversationId")
    if ids.null_count:
        raise ValueError("a record has no conversationId")
    return dict(_level(CONVERSATION, conversations, {KEY: ids}))


def _level(level: Level, structs: pa.StructArray, keys: dict[str, pa.Array]) -> Iterator[tuple[str, pa.Table]]:
    # One call for all fields; asked for one by one, each would cost as much.
    values = dict(zip(level.parsed.names, structs.flatten(), strict=True))
    columns = dict(keys)
    for name, kind in level.fields.items():
        columns.setdefault(level.columns[name], _checked(values[name], TYPES[kind]))
    yield level.table, pa.table(columns, schema=TABLES[level.table])
    for child in level.children:
        below = values[child.name]
        if child.kind == "map":
            yield child.table, _attributes(child, below, keys)
        elif child.kind == "one":
            there = pc.is_valid(below)
            yield from _level(child, below.filter(there), {name: key.filter(there) for name, key in keys.items()})
        else:
            parents = pc.list_parent_indices(below)
            inherited = {name: key.take(parents) for name, key in keys.items()}
            inherited[child.ordinal] = _ordinals(below, parents)
            yield from _level(child, pc.list_flatten(below), inherited)


def _attributes(level: Level, maps: pa.MapArray, keys: dict[str, pa.Array]) -> pa.Table:
    pairs = maps.cast(pa.list_(pa.struct([("key", pa.string()), ("value", pa.string())])))
    parents = pc.list_parent_indices(pairs)
    names, values = pc.list_flatten(pairs).flatten()
    columns = {name: key.take(parents) for name, key in keys.items()} | {"name": names, "value": values}
    return pa.table(columns, schema=TABLES[level.table])


def _ordinals(lists: pa.ListArray, parents: pa.Array) -> pa.Array:
    """The place of each element in its own list, from 0: how far it lies behind where the list begins."""
    begins = pc.subtract(lists.offsets, lists.offsets[0]).take(parents)
    return pc.subtract(numbers(len(parents)), begins.cast(pa.int32()))


def numbers(count: int) -> pa.Array:
    """0, 1, 2 … so many of them."""
    return pc.subtract(pc.cumulative_sum(pa.repeat(_ONE, count)), _ONE)


def _checked(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    """As the table wants it; an integer that is none raises, and one that a double may have rounded."""
    if values.type == wanted:
        return values
    if values.type == pa.string():
        return _starts(values)
    bounds = pc.min_max(values.flatten() if pa.types.is_list(values.type) else values).as_py()
    if any(bound is not None and abs(bound) >= EXACT for bound in bounds.values()):
        raise ValueError("a number is too large for an integer")
    return values.cast(wanted, safe=True)


def _starts(texts: pa.Array) -> pa.Array:
    """Starts as the tally reads them: the two must agree whose a record is. The API's own spelling is read fast."""
    wanted = TYPES["start"]
    if pc.all(pc.match_substring_regex(texts, USUAL), skip_nulls=False).as_py():
        return texts.cast(wanted)
    moments = [utc(msgspec.convert(text, Moment)) for text in texts.to_pylist()]
    return pa.array([moment.replace(microsecond=moment.microsecond // 1000 * 1000) for moment in moments], wanted)


def _one_broken(raw: Raw, problem: Exception) -> Broken:
    head = read_head(raw)
    return Broken(head.id if head else "", head.start if head else None, str(problem)[:500], bytes(raw))


def _broken(records: Sequence[Broken]) -> pa.Table:
    columns = [
        [each.conversation_id for each in records],
        [each.start for each in records],
        [each.error for each in records],
        [each.record.decode("utf-8", "backslashreplace") for each in records],
    ]
    return pa.table(
        [pa.array(values, field.type) for values, field in zip(columns, BROKEN, strict=True)], schema=BROKEN
    )
