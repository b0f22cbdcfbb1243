"""Parameters of many networks at once: as tensors by name, as rows of numbers, and drawn."""

from collections.abc import Mapping
from math import prod

import torch
from torch import Tensor

from dropleak.engine import rng
from dropleak.engine.models.model import Model
from dropleak.engine.models.network import Network

Parameters = Mapping[str, Tensor]


def flatten(parameters: Parameters) -> Tensor:
    """[B, *shape] for each parameter as rows of numbers, [B, P]."""
    return torch.cat([part.flatten(1) for part in parameters.values()], 1)


def rows(parameters: Parameters, clients: int) -> Tensor:
    """[B, *shape] for each parameter, or [1, *shape] if all clients share it, as [B, P]."""
    return flatten(parameters).expand(clients, -1).contiguous()


def unflatten(network: Model, rows: Tensor) -> dict[str, Tensor]:
    """The reverse of `flatten`: [B, P] to [B, *shape] for each parameter."""
    shapes = network.parameter_shapes()
    parts = rows.split([prod(shape) for shape in shapes.values()], dim=1)
    return {
        name: part.reshape(-1, *shape)
        for (name, shape), part in zip(shapes.items(), parts, strict=True)
    }


def uniform_parameters(network: Network, keys: Tensor) -> dict[str, Tensor]:
    """Weights and biases uniform within the network's `bounds`, one network per key.

    For `lenet` this is the initialisation of the DLG and iDLG scripts, [-0.5, 0.5].

    Args:
        keys: int64 [B].

    Returns:
        float64 [B, *shape] for each parameter.
    """
    count = sum(map(prod, network.parameter_shapes().values()))
    unit = unflatten(network, 2 * rng.uniform(keys, count) - 1)
    return {name: unit[name] * bound for name, bound in network.bounds().items()}
