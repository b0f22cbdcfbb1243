"""Reading image tables, with a check of every row."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dropleak.errors import InputError
from dropleak.tables import parquet
from dropleak.tables.schemas import IMAGES


def read(path: str | Path, rows: Sequence[int] | None = None) -> pa.Table:
    """An image table, or some rows of it in the order given.

    Raises:
        InputError: naming the file and its problem.
    """
    table = parquet.read(path, IMAGES)
    problem = next(_problems(table, rows), None)
    if problem:
        raise InputError(f"{path}: {problem}{parquet.DELETE}")
    return table if rows is None else table.take(rows)


def _problems(table: pa.Table, rows: Sequence[int] | None) -> Iterator[str]:
    metadata = parquet.metadata(table)
    missing = {"dataset", "shape", "classes", "training_std"} - metadata.keys()
    if missing:
        yield f"does not say its {' and '.join(sorted(missing))}"
        return
    index, label = table["index"].to_numpy(), table["label"].to_numpy()
    length = pc.binary_length(table["pixels"]).to_numpy()
    expected = {
        "index": index == np.arange(len(table)),
        "label": (label >= 0) & (label < len(metadata["classes"])),
        "number of pixels": length == math.prod(metadata["shape"]),
    }
    for name, right in expected.items():
        if not right.all():
            yield f"row {np.argmin(right)} has a wrong {name}"
    if rows is not None and max(rows) >= len(table):
        yield f"has {len(table)} rows and should have more"
