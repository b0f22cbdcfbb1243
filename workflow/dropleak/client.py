"""A federated learning client: what it shares, and what it believes to keep to itself."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from dropleak import rng
from dropleak.models import Network, dropout_masks, flatten, unflatten, uniform_parameters
from dropleak.passes import ClientPasses


@dataclass(frozen=True)
class Update:
    """What a server, and so an attacker, sees of B independent clients with one image each.

    The dropout rate is part of the network's published architecture.
    """

    network: Network
    rate: float
    parameters: Mapping[str, Tensor]  # [B, *shape] each
    gradients: Mapping[str, Tensor]  # [B, *shape] each

    def __len__(self) -> int:
        return len(next(iter(self.gradients.values())))

    @property
    def dtype(self) -> torch.dtype:
        """Of everything that was shared."""
        return next(iter(self.gradients.values())).dtype

    def select(self, index: Tensor) -> "Update":
        """The clients at `index` (int64 [K], or bool [B])."""
        return Update(
            self.network,
            self.rate,
            {name: tensor[index] for name, tensor in self.parameters.items()},
            {name: tensor[index] for name, tensor in self.gradients.items()},
        )


@dataclass(frozen=True)
class Private:
    """What never leaves the B clients; only metrics may look at it."""

    images: Tensor  # [B, C, H, W] in [0, 1]
    labels: Tensor  # int64 [B]
    masks: tuple[Tensor, ...]  # [B, *shape] each


def share(
    network: Network, images: Tensor, labels: Tensor, keys: Tensor, rate: float
) -> tuple[Update, Private]:
    """Each image's client draws a network and a mask and computes its gradients.

    Args:
        images: [B, C, H, W] in [0, 1]; its dtype is that of everything computed.
        labels: int64 [B].
        keys: int64 [B] on the CPU, from `rng.image_keys`.
        rate: dropout rate in [0, 1).
    """
    weights = uniform_parameters(network, rng.derive(keys, rng.Stream.WEIGHTS))
    parameters = {name: tensor.to(images) for name, tensor in weights.items()}
    drawn = dropout_masks(network, rng.derive(keys, rng.Stream.CLIENT_MASK), rate, images.dtype)
    masks = tuple(mask.to(images) for mask in drawn)
    gradients = ClientPasses(network, flatten(parameters), labels).gradients(images, masks)
    update = Update(network, rate, parameters, unflatten(network, gradients))
    return update, Private(images, labels, masks)
