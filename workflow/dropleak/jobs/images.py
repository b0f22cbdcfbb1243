"""Image tables as tensors."""

import pyarrow as pa
import torch

from dropleak.tables import parquet


def tensors(images: pa.Table) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels in [0, 1], float64 [N, C, H, W], and labels, int64 [N]."""
    pixels = parquet.decode_pixels(images["pixels"], parquet.metadata(images)["shape"])
    return torch.from_numpy(pixels / 255), torch.tensor(images["label"].to_pylist())
