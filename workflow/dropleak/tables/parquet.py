"""Parquet tables: building, writing whole, reading with a check."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dropleak.errors import DamagedError, InputError
from dropleak.runtime.files import atomic

DAMAGE = (pa.ArrowException, OSError, ValueError)
"""Errors of pyarrow for files that are damaged or cannot be read."""

DELETE = "; delete it and run again"
"""Advice about damaged files that planning does not detect."""


def build(
    schema: pa.Schema, columns: Mapping[str, Sequence | np.ndarray], **metadata: object
) -> pa.Table:
    """A table of the schema; metadata values are stored as JSON."""
    encoded = {key: json.dumps(value) for key, value in metadata.items()}
    return pa.table(dict(columns), schema=schema.with_metadata(encoded))


def metadata(table: pa.Table) -> dict:
    """The metadata that `build` and `with_origin` stored."""
    encoded = table.schema.metadata or {}
    return {key.decode(): json.loads(value) for key, value in encoded.items()}


_ORIGIN = (b"settings", b"code")


def with_origin(table: pa.Table, settings: dict, code: dict | None = None) -> pa.Table:
    """Add a record of where a table comes from to its metadata.

    Args:
        table: of one job.
        settings: those that its numbers depend on, see `identity`.
        code: the revision that made it, see `provenance.revision`.
    """
    record = (json.dumps(value).encode() for value in (settings, code))
    return table.replace_schema_metadata(
        (table.schema.metadata or {}) | dict(zip(_ORIGIN, record, strict=True))
    )


def origin(path: str | Path) -> dict | None:
    """The settings that a job's table was made with; None if it has no record of them."""
    try:
        recorded = pq.read_schema(path).metadata or {}
        return json.loads(recorded[b"settings"])
    except (*DAMAGE, KeyError):
        return None


def write(table: pa.Table, path: str | Path) -> None:
    """Write a table so that the file appears whole or not at all."""
    strings = [field.name for field in table.schema if pa.types.is_string(field.type)]
    with atomic(path) as partial:
        pq.write_table(
            table,
            partial,
            compression="zstd",
            use_dictionary=strings,  # numbers hardly repeat; trying took two thirds of the time
            write_page_checksum=True,
        )


def write_csv(table: pa.Table, path: str | Path) -> None:
    """Write a table of scalars as text, so that the file appears whole or not at all."""
    with atomic(path) as partial:
        table.to_pandas().to_csv(partial, index=False)


def inspect(path: str | Path, schema: pa.Schema) -> tuple[dict, int]:
    """Metadata and number of rows of a table, without reading it.

    Raises:
        InputError: naming the file and its problem.
    """
    with opened(path, schema) as file:
        return metadata(file.schema_arrow.empty_table()), file.metadata.num_rows


def read(path: str | Path, schema: pa.Schema, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table, or some columns of it, and check that it has the schema's columns.

    Raises:
        InputError: naming the file and its problem.
    """
    with opened(path, schema) as file:
        return file.read(columns)


def parts(path: str | Path, schema: pa.Schema, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Some columns of a table, one row group at a time.

    Raises:
        InputError: naming the file and its problem.
    """
    with opened(path, schema) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=columns)


@contextmanager
def opened(path: str | Path, schema: pa.Schema) -> Iterator[pq.ParquetFile]:
    """A table's file, to read parts of it.

    Raises:
        InputError: naming the file and its problem, also while it is read.
    """
    # Not pq.read_table, whose dataset machinery takes 0.3 s to import.
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        actual = file.schema_arrow
    except DAMAGE as error:
        raise failure(path, error) from None
    with file:
        _check(actual, schema, path)
        try:
            yield file
        except DAMAGE as error:
            # Planning does not detect it, because it only reads the end of a file.
            raise failure(path, error, DELETE) from None


def failure(path: str | Path, error: Exception, hint: str = "") -> InputError:
    """The error to raise when a file cannot be read.

    Args:
        path: of the file.
        error: one of `DAMAGE`.
        hint: advice if the file is damaged, not only unreachable.
    """
    if number := getattr(error, "errno", None):
        return InputError(f"{path}: cannot be read ({os.strerror(number)}); fix that and run again")
    return DamagedError(f"{path}: is damaged ({_reason(error)}){hint}")


def _reason(error: Exception) -> str:
    """The first line of a message; Parquet's can have many."""
    return str(error).partition("\n")[0].rstrip(". ")


def _check(actual: pa.Schema, expected: pa.Schema, path: str | Path) -> None:
    if actual.equals(expected):
        return
    differing = [
        name
        for name in dict.fromkeys([*expected.names, *actual.names])
        if name not in actual.names
        or name not in expected.names
        or not actual.field(name).equals(expected.field(name))
    ]
    detail = f"columns {', '.join(differing)} differ" if differing else "columns are out of order"
    raise DamagedError(f"{path}: is not the expected table ({detail})")


def without_origin(table: pa.Table) -> pa.Table:
    """Remove what `with_origin` added."""
    encoded = table.schema.metadata or {}
    return table.replace_schema_metadata({k: v for k, v in encoded.items() if k not in _ORIGIN})


def encode_pixels(images: np.ndarray) -> list[bytes]:
    """Convert pixels in [0, 1] or uint8, [B, C, H, W], to the bytes that tables hold."""
    if images.dtype != np.uint8:
        images = np.rint(images * 255).astype(np.uint8)
    return [image.tobytes() for image in images]


def decode_pixels(column: pa.ChunkedArray | Sequence[bytes], shape: Sequence[int]) -> np.ndarray:
    """Convert a column of such bytes to uint8 [B, *shape]."""
    values = column.to_pylist() if isinstance(column, pa.ChunkedArray) else column
    return np.frombuffer(b"".join(values), np.uint8).reshape(-1, *shape)
