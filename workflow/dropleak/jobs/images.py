"""From image tables to what the engine takes."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import torch

from dropleak.engine.client.client import Client
from dropleak.engine.models.model import Model
from dropleak.tables import parquet
from dropleak.tables.weights import Weights


def tensors(images: pa.Table) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels in [0, 1], float64 [N, C, H, W], and labels, int64 [N]."""
    pixels = parquet.decode_pixels(images["pixels"], parquet.metadata(images)["shape"])
    return torch.from_numpy(pixels / 255), torch.tensor(images["label"].to_pylist())


def pixels_in_parts(tables: Iterable[pa.Table], shape: Sequence[int]) -> Iterator[np.ndarray]:
    """Pixels in [0, 1] of tables that need not fit into memory, float32 [M, C, H, W] at a time."""
    for table in tables:
        for part in table.to_batches(max_chunksize=1024):
            yield parquet.decode_pixels(part["pixels"], shape) / np.float32(255)


def network_of(client: Client, images: pa.Table, seed: int) -> Model:
    """A client's network for the images of a table; the other arguments as for `Client.build`."""
    metadata = parquet.metadata(images)
    return client.build(tuple(metadata["shape"]), len(metadata["classes"]), seed)


def in_common(weights: Weights) -> dict[str, torch.Tensor]:
    """Weights that all clients have, [1, *shape] by name, for `compute_update`."""
    return {name: torch.from_numpy(array)[None] for name, array in weights.items()}
