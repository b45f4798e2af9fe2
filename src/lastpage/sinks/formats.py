"""The formats of a folder's files that are tables; JSON lines are in `lines.py`.

              Parquet                                       CSV
    file      part.parquet, zstd                            part.csv, UTF-8, a header line
    facts     in the footer of the file                     in a file beside it
    a part    a row group; 8 MiB of rows are one            a block of text
    missing   a column that an older version did not have is read as nulls

What a day holds, the facts, is recorded with its conversations; `recorded.py` reads them. How CSV
spells values, so that what is read back is what was written, to the last character:

    text      quoted where needed; an empty text is `""`, so that it is not a null
    null      nothing
    moment    ISO 8601 with milliseconds and Z
    boolean   true, false
    list      JSON
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Self

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from lastpage.sinks import recorded
from lastpage.sinks.beside import Beside
from lastpage.sinks.day import fitted
from lastpage.sinks.folder import Folders
from lastpage.sinks.recorded import METADATA_KEY
from lastpage.tables.build import Shredder
from lastpage.tables.schema import KEY
from lastpage.tables.values import array, scalar

#: Text of a CSV file that is parsed at once, and what is left of its last record.
BLOCK_BYTES = 8 * 1024**2
#: Bytes that rows have in memory until they are a row group: of large tables some thousands of
#: conversations; of the others all that a day has, mostly. More would only hold more.
ROW_GROUP_BYTES = 8 * 1024**2
#: Ids that hardly ever repeat within a row group: a dictionary of them costs time and space.
UNREPEATED = {KEY, "participant_id", "session_id", "peer_id", "protocol_call_id"}
#: What a CSV file may begin with, so that Excel takes it for UTF-8.
BOM = b"\xef\xbb\xbf"
#: What stands for NUL while a CSV file is parsed: no text in UTF-8 has this byte.
FOR_NUL = b"\xff"


# Parquet ----------------------------------------------------------------------------------------


class Parquet:
    """Tables as Parquet files."""

    recorded = recorded.PARQUET

    def tables(self, chosen: Shredder) -> Shredder:
        return chosen

    def create(self, path: Path, schema: pa.Schema) -> ParquetWriter:
        return ParquetWriter(path, schema)

    def read(self, path: Path, schema: pa.Schema) -> Iterator[pa.Table]:
        with pq.ParquetFile(path) as file:
            for number in range(file.num_row_groups):
                yield fitted(file.read_row_group(number), schema)

    def rows(self, path: Path) -> int:
        rows: int = pq.read_metadata(path).num_rows
        return rows


class ParquetWriter:
    """A Parquet file. Tables are held back until they are worth a row group."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        # Statistics say which row groups a time lies in; of texts they say nothing, and take the
        # longest to find.
        texts = {field.name for field in schema if field.type == pa.string()}
        lists = {field.name for field in schema if pa.types.is_list(field.type)}
        self._file: Any = pq.ParquetWriter(
            path,
            schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=sorted(texts - UNREPEATED) or False,
            write_statistics=[name for name in schema.names if name not in texts | lists] or False,
        )
        self._held: list[pa.Table] = []
        self._bytes = 0

    def write(self, table: pa.Table) -> None:
        self._held.append(table)
        self._bytes += _weight(table)
        if self._bytes >= ROW_GROUP_BYTES:
            self.end()

    def end(self) -> None:
        if self._held:
            self._file.write_table(pa.concat_tables(self._held))
        self._held, self._bytes = [], 0

    def describe(self, facts: dict[str, Any]) -> None:
        self._file.add_key_value_metadata({METADATA_KEY: msgspec.json.encode(facts)})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        if not any(problem):
            self.end()
        self._file.close()


def _weight(table: pa.Table) -> int:
    """Bytes that a table has in memory; a column that is null has as good as none."""
    return sum(column.nbytes for column in table.columns if column.null_count < len(table))


# CSV --------------------------------------------------------------------------------------------


class Csv:
    """Tables as CSV files."""

    recorded = recorded.CSV

    def tables(self, chosen: Shredder) -> Shredder:
        return chosen

    def create(self, path: Path, schema: pa.Schema) -> CsvWriter:
        return CsvWriter(path, schema)

    def read(self, path: Path, schema: pa.Schema) -> Iterator[pa.Table]:
        try:
            with path.open("rb") as file:
                header = _header(file)
                for text in _blocks(file, BLOCK_BYTES):
                    yield from _parsed(header + text, schema)
        except pa.ArrowInvalid:
            # The library quotes the line, and people are in it.
            raise ValueError("a line of it is not as it was written") from None

    def rows(self, path: Path) -> int:
        """All of the file is parsed, which proves that it can be."""
        return sum(len(table) for table in self.read(path, pa.schema([(KEY, pa.string())])))


class CsvWriter(Beside):
    """A CSV file, and the facts beside it."""

    def __init__(self, path: Path, schema: pa.Schema, *, bom: bool = False) -> None:
        self._path = path
        self._schema = _spelt_schema(schema)
        # "needed" quotes every text; numbers and booleans stay bare.
        options = pacsv.WriteOptions(quoting_style="needed")
        self._sink = pa.OSFile(str(path), "wb")
        self._sink.write(BOM if bom else b"")
        self._file: Any = pacsv.CSVWriter(self._sink, self._schema, write_options=options)

    def close(self) -> None:
        super().close()
        self._sink.close()

    def write(self, table: pa.Table) -> None:
        columns = [_spelt(column) for column in table.columns]
        # Before pyarrow 24, an empty chunk writes once more what was written last.
        if len(table):
            self._file.write_table(pa.table(columns, schema=self._schema).combine_chunks())


def _header(file: IO[bytes]) -> bytes:
    """The first record of a CSV file: the names of its columns."""
    header = file.readline()
    while header.count(b'"') % 2 and (more := file.readline()):
        header += more
    return header


def _blocks(file: IO[bytes], size: int) -> Iterator[bytes]:
    """What follows in a CSV file, in blocks of some `size` bytes that end where a record ends.

    So what is parsed are bytes of our own, one block in one thread. A file of Python's that Arrow
    reads by itself is let go of by a thread that may outlive Python, and takes the process with it.
    """
    text = b""
    while more := file.read(size):
        text += more
        end = _end(text)
        if end:
            yield text[:end]
        text = text[end:]
    if text:
        yield text


def _end(text: bytes) -> int:
    """Where the last whole record of a text ends: at the last line end that is not in quotes."""
    end = text.rfind(b"\n") + 1
    quotes = text.count(b'"', 0, end)
    while quotes % 2:
        before = text.rfind(b"\n", 0, end - 1) + 1
        quotes -= text.count(b'"', before, end)
        end = before
    return end


def _parsed(text: bytes, schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows of a CSV text; raises `ArrowInvalid` for what is not as it was written."""
    # Texts are read as bytes first, lists from their texts afterwards; moments are parsed as such.
    types = {
        field.name: pa.binary() if field.type == pa.string() else field.type
        for field in _spelt_schema(schema)
    }
    types |= {field.name: field.type for field in schema if pa.types.is_timestamp(field.type)}
    # Before pyarrow 26, a quote soon after NUL is overlooked.
    nul = b"\0" in text
    found = pacsv.read_csv(
        _native(text.replace(b"\0", FOR_NUL) if nul else text),
        read_options=pacsv.ReadOptions(use_threads=False, block_size=len(text) + 1),
        # An empty line counts: a table of one column may have a null.
        parse_options=pacsv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
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
    for batch in found.to_batches():
        columns = [
            _typed(values, field.type, nul=nul)
            for values, field in zip(batch.columns, schema, strict=True)
        ]
        yield pa.table(columns, schema=schema)


def _native(text: bytes) -> pa.BufferReader:
    """A file of Arrow's own that has a text, so that no thread of its asks Python for anything."""
    buffer = pa.allocate_buffer(len(text))
    memoryview(buffer).cast("B")[:] = text
    return pa.BufferReader(buffer)


def _typed(values: pa.Array, wanted: pa.DataType, *, nul: bool) -> pa.Array:
    """A column with the type that was written; raises `ArrowInvalid` for what is not UTF-8."""
    if not pa.types.is_binary(values.type):
        return values
    bytes_ = pc.replace_substring(values, FOR_NUL, b"\0") if nul else values
    texts = bytes_.cast(pa.string())
    return _lists(texts, wanted) if pa.types.is_list(wanted) else texts


def _spelt_schema(schema: pa.Schema) -> pa.Schema:
    """The types that a schema has in a CSV file: lists and moments are texts."""
    return pa.schema(
        [
            (field.name, pa.string())
            if pa.types.is_list(field.type) or pa.types.is_timestamp(field.type)
            else field
            for field in schema
        ]
    )


def _spelt(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as it is spelt."""
    if pa.types.is_timestamp(values.type):
        # Without its zone a moment becomes text ten times faster; all of them are UTC.
        texts = values.cast(pa.timestamp("ms")).cast(pa.string())
        return pc.binary_join_element_wise(
            pc.utf8_replace_slice(texts, 10, 11, "T"),
            scalar("Z", pa.string()),
            scalar("", pa.string()),
        )
    if pa.types.is_list(values.type):
        # Most lists are null, and those are not touched.
        lists = values.drop_null().to_pylist()
        texts = array([msgspec.json.encode(each).decode() for each in lists], pa.string())
        there = pc.is_valid(values)
        numbers = pc.subtract(pc.cumulative_sum(there.cast(pa.int64())), scalar(1, pa.int64()))
        return texts.take(pc.if_else(there, numbers, scalar(None, pa.int64())))
    return values


def _lists(texts: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Lists, of their texts; texts repeat, so each is read once."""
    coded = texts.dictionary_encode()
    lists = [msgspec.json.decode(text) for text in coded.dictionary.to_pylist()]
    return array(lists, wanted).take(coded.indices)


#: The doors of each.
PARQUET, CSV = Folders(Parquet()), Folders(Csv())
