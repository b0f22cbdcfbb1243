"""Parquet tables: building, writing whole, reading with a check, joining in bounded memory."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dropleak.errors import InputError
from dropleak.files import atomic


def build(schema: pa.Schema, columns: Mapping[str, Sequence], **metadata: object) -> pa.Table:
    """A table of the schema; metadata values are stored as JSON."""
    encoded = {key: json.dumps(value) for key, value in metadata.items()}
    return pa.table(dict(columns), schema=schema.with_metadata(encoded))


def metadata(table: pa.Table) -> dict:
    """What `build` was given as metadata."""
    return {key.decode(): json.loads(value) for key, value in table.schema.metadata.items()}


def write(table: pa.Table, path: str | Path) -> None:
    """Write a table so that the file appears whole or not at all."""
    with atomic(path) as partial:
        pq.write_table(table, partial, compression="zstd")


def write_csv(table: pa.Table, path: str | Path) -> None:
    """Write a table of scalars as text, so that the file appears whole or not at all."""
    with atomic(path) as partial:
        table.to_pandas().to_csv(partial, index=False)


def read(path: str | Path, schema: pa.Schema) -> pa.Table:
    """Read a table and check that it has the schema's columns.

    Raises:
        InputError: naming the file and what is wrong with it.
    """
    try:
        # Not pq.read_table, whose dataset machinery takes 0.3 s to import.
        with pq.ParquetFile(path) as file:
            table = file.read()
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: cannot be read as Parquet ({error}); delete it") from None
    _check(table.schema, schema, path)
    return table


def parts(path: str | Path, schema: pa.Schema, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Some columns of a table, one row group at a time: of a joined table, a job's rows each.

    Raises:
        InputError: naming the file and what is wrong with it.
    """
    try:
        with pq.ParquetFile(path) as file:
            _check(file.schema_arrow, schema, path)
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns=columns)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: cannot be read as Parquet ({error}); delete it") from None


def _check(found: pa.Schema, expected: pa.Schema, path: str | Path) -> None:
    if found.equals(expected):
        return
    differing = [
        name
        for name in dict.fromkeys([*expected.names, *found.names])
        if name not in found.names
        or name not in expected.names
        or not found.field(name).equals(expected.field(name))
    ]
    detail = f"columns {', '.join(differing)} differ" if differing else "columns are out of order"
    raise InputError(f"{path}: is not the expected table ({detail}); delete it to have it remade")


def concatenate(
    sources: Sequence[str | Path], target: str | Path, schema: pa.Schema, key: Sequence[str]
) -> None:
    """Join tables into one file, holding one of them in memory at a time.

    Raises:
        InputError: if a table does not fit, or two rows have the same values in `key`.
    """
    seen: set[tuple] = set()
    with atomic(target) as partial:
        first = read(sources[0], schema)
        with pq.ParquetWriter(partial, first.schema, compression="zstd") as writer:
            for source in sources:
                table = read(source, schema)
                if metadata(table) != metadata(first):
                    raise InputError(f"{source}: is of another data set than {sources[0]}")
                for row in zip(*(table[name].to_pylist() for name in key), strict=True):
                    if row in seen:
                        named = ", ".join(f"{k} {v}" for k, v in zip(key, row, strict=True))
                        raise InputError(f"{source}: has a second row for {named}")
                    seen.add(row)
                writer.write_table(table)


def encode_pixels(images: np.ndarray) -> list[bytes]:
    """Pixels in [0, 1] or uint8, [B, C, H, W], to the bytes that tables hold."""
    if images.dtype != np.uint8:
        images = np.rint(images * 255).astype(np.uint8)
    return [image.tobytes() for image in images]


def decode_pixels(column: pa.ChunkedArray | Sequence[bytes], shape: Sequence[int]) -> np.ndarray:
    """The reverse: a column of pixels to uint8 [B, *shape]."""
    values = column.to_pylist() if isinstance(column, pa.ChunkedArray) else column
    return np.frombuffer(b"".join(values), np.uint8).reshape(-1, *shape)
