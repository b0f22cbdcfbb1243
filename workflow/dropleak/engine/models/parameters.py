"""Parameters of many networks at once: as tensors by name, and as rows of numbers."""

from collections.abc import Mapping
from math import prod

import torch
from torch import Tensor

from dropleak.engine.models.model import Model

Parameters = Mapping[str, Tensor]


def flatten(parameters: Parameters) -> Tensor:
    """[B, *shape] for each parameter as rows of numbers, [B, P]."""
    return torch.cat([part.flatten(1) for part in parameters.values()], 1)


def rows(parameters: Parameters, clients: int) -> Tensor:
    """[B, *shape] for each parameter, or [1, *shape] if all clients share it, as [B, P]."""
    return flatten(parameters).expand(clients, -1).contiguous()


def repeated(numbers: Mapping[str, Tensor], sizes: Mapping[str, int]) -> Tensor:
    """Numbers [B] for each parameter as rows [B, P], once for each of as many entries as it has."""
    none = next(iter(numbers.values()))[:, None][:, :0]
    parts = (numbers[name][:, None].expand(-1, size) for name, size in sizes.items())
    return torch.cat([none, *parts], 1)


def beside(numbers: Tensor, tensor: Tensor) -> Tensor:
    """Numbers [B], shaped so that they broadcast with a tensor [B, ...]."""
    return numbers.reshape(-1, *[1] * (tensor.ndim - 1))


def unflatten(network: Model, rows: Tensor) -> dict[str, Tensor]:
    """The reverse of `flatten`: [B, P] to [B, *shape] for each parameter."""
    shapes = network.parameter_shapes()
    parts = rows.split([prod(shape) for shape in shapes.values()], dim=1)
    return {
        name: part.reshape(-1, *shape)
        for (name, shape), part in zip(shapes.items(), parts, strict=True)
    }
