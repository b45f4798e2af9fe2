"""Parquet: `part.parquet`, zstd. What a day holds is in the key-value metadata of its conversations file, under `lastpage`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from lastpage.tables.shred import KEY

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
