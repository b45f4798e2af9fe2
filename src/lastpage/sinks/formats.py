"""Parquet: `part.parquet`, zstd. What a day holds is in the key-value metadata of its conversations file, under `lastpage`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from lastpage.tables.schema import KEY

#: The key of our metadata.
OURS = b"lastpage"


class Parquet:
    """How `Folder` writes and reads Parquet."""

    file = "part.parquet"

    def create(self, path: Path, schema: pa.Schema) -> ParquetWriter:
        return ParquetWriter(path, schema)

    def read(self, path: Path, schema: pa.Schema) -> Iterator[pa.Table]:
        """A row group at a time."""
        with pq.ParquetFile(path) as file:
            for number in range(file.num_row_groups):
                yield _of_today(file.read_row_group(number), schema)

    def rows(self, path: Path) -> int:
        count: int = pq.read_metadata(path).num_rows
        return count

    def facts(self, path: Path) -> bytes | None:
        found: bytes | None = (pq.read_metadata(path).metadata or {}).get(OURS)
        return found


class ParquetWriter:
    """One file; each table that is written is a row group."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        # Ids of conversations hardly repeat within a row group; a dictionary of them costs time and space. What is least and
        # most says which row groups a time lies in; of texts it says nothing, and takes the longest to find.
        texts = [field.name for field in schema if field.type == pa.string() and field.name != KEY]
        plain = [field.name for field in schema if not _is_text(field.type)]
        self._file: Any = pq.ParquetWriter(
            path,
            schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=texts or False,
            write_statistics=plain or False,
        )

    def write(self, table: pa.Table) -> None:
        self._file.write_table(table)

    def describe(self, facts: bytes) -> None:
        self._file.add_key_value_metadata({OURS: facts})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self._file.close()


def _is_text(kind: pa.DataType) -> bool:
    return bool(kind == pa.string() or pa.types.is_list(kind))


def _of_today(table: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = [
        table.column(field.name).cast(field.type)
        if field.name in table.column_names
        else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


# PART sinks.csv
# CSV: `part.csv`, UTF-8, a header line; what a day holds is in `_lastpage.json` beside it, since no line of CSV could say it.
#
# Texts are quoted and nulls are nothing, so an empty text (`""`) and a null stay two things. Moments are ISO 8601 with milliseconds
# and Z, booleans true and false, lists JSON. What is read back is what was written, to the last character.


#: What a day holds. Readers of folders pass over names that begin with an underscore.
FACTS = "_lastpage.json"
#: Text parsed at once. A line that is longer makes it grow.
BLOCK_BYTES = 8 * 1024**2
_WRITTEN = pacsv.WriteOptions(quoting_style="needed")
#: Empty lines count: a table of one column may have a null.
_PARSED = pacsv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)


class Csv:
    """How `Folder` writes and reads CSV."""

    file = "part.csv"

    def create(self, path: Path, schema: pa.Schema) -> CsvWriter:
        return CsvWriter(path, schema)

    def read(self, path: Path, schema: pa.Schema) -> Iterator[pa.Table]:
        """A block at a time. Where a line is longer than a block, it begins anew with larger ones, and passes over what it gave."""
        block, given = BLOCK_BYTES, 0
        while True:
            seen = 0
            try:
                for table in _blocks(path, schema, block):
                    seen += len(table)
                    if seen > given:
                        yield table.slice(max(given - (seen - len(table)), 0))
                        given = seen
            except pa.ArrowInvalid as problem:
                if "straddl" not in str(problem) or block > path.stat().st_size:
                    raise
                block *= 4
            else:
                return

    def rows(self, path: Path) -> int:
        """All of the file is parsed, which proves that it can be."""
        return sum(len(table) for table in self.read(path, pa.schema([(KEY, pa.string())])))

    def facts(self, path: Path) -> bytes | None:
        return _beside(path).read_bytes()


class CsvWriter:
    """One file, and the facts beside it."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        self._file: Any = pacsv.CSVWriter(path, _spelt_as(schema), write_options=_WRITTEN)

    def write(self, table: pa.Table) -> None:
        columns = [_spelt(column) for column in table.columns]
        self._file.write_table(pa.table(columns, schema=_spelt_as(table.schema)))

    def describe(self, facts: bytes) -> None:
        _beside(self._path).write_bytes(facts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self._file.close()


def _beside(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(Csv.file) + FACTS)


def _blocks(path: Path, schema: pa.Schema, block: int) -> Iterator[pa.Table]:
    spelt = _spelt_as(schema)
    # Moments are parsed, not compared as texts.
    types = {
        field.name: field.type if pa.types.is_timestamp(field.type) else spelt.field(field.name).type
        for field in schema
    }
    reader = pacsv.open_csv(
        path,
        read_options=pacsv.ReadOptions(block_size=block),
        parse_options=_PARSED,
        convert_options=pacsv.ConvertOptions(
            column_types=types,
            include_columns=schema.names,
            include_missing_columns=True,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["true"],
            false_values=["false"],
        ),
    )
    with reader:
        for batch in reader:
            columns = [_meant(values, field.type) for values, field in zip(batch.columns, schema, strict=True)]
            yield pa.table(columns, schema=schema)


def _spelt_as(schema: pa.Schema) -> pa.Schema:
    """The types that a schema has in the file: lists and moments are texts of ours."""
    ours = (pa.types.is_list, pa.types.is_timestamp)
    return pa.schema(
        [(each.name, pa.string() if any(is_a(each.type) for is_a in ours) else each.type) for each in schema]
    )


def _spelt(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(values.type):
        # Without its zone a moment becomes text ten times faster; all of them are UTC.
        texts = pc.utf8_replace_slice(values.cast(pa.timestamp("ms")).cast(pa.string()), 10, 11, "T")
        return pc.binary_join_element_wise(texts, "Z", "")
    return _as_json(values) if pa.types.is_list(values.type) else values


def _as_json(lists: pa.ChunkedArray) -> pa.ChunkedArray:
    """Lists as texts; most are null, and those are not touched."""
    there = pc.is_valid(lists)
    texts = pa.array([msgspec.json.encode(value).decode() for value in lists.drop_null().to_pylist()], pa.string())
    return texts.take(pc.if_else(there, pc.subtract(pc.cumulative_sum(there.cast(pa.int64())), 1), None))


def _meant(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    """A list, of its text; texts repeat, so each is read once."""
    if not pa.types.is_list(wanted):
        return values
    coded = values.dictionary_encode()
    lists = [msgspec.json.decode(text) for text in coded.dictionary.to_pylist()]
    return pa.array(lists, wanted).take(coded.indices)
