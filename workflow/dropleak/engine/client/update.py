"""A federated learning client: what it shares, and what it believes to keep to itself."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from dropleak.engine import rng
from dropleak.engine.backends.passes import ClientPasses
from dropleak.engine.models.dropout import dropout_masks
from dropleak.engine.models.network import Network
from dropleak.engine.models.parameters import flatten, unflatten, uniform_parameters


@dataclass(frozen=True)
class Update:
    """What a server, and so an attacker, sees of B independent clients with n images each.

    Gradients are means over a client's images. The dropout rate is part of the network's published
    architecture, and the number of images is known from the protocol.
    """

    network: Network
    rate: float
    parameters: Mapping[str, Tensor]  # [B, *shape] each
    gradients: Mapping[str, Tensor]  # [B, *shape] each
    images: int = 1

    def __len__(self) -> int:
        return len(self.like)

    @property
    def like(self) -> Tensor:
        """A tensor with the device and dtype of everything that was shared."""
        return next(iter(self.gradients.values()))

    @property
    def dtype(self) -> torch.dtype:
        """Of everything that was shared."""
        return self.like.dtype

    def select(self, index: Tensor) -> "Update":
        """The clients at `index` (int64 [K], or bool [B])."""
        return replace(
            self,
            parameters={name: tensor[index] for name, tensor in self.parameters.items()},
            gradients={name: tensor[index] for name, tensor in self.gradients.items()},
        )


@dataclass(frozen=True)
class Private:
    """What never leaves the B clients; only metrics may look at it. Client by client."""

    images: Tensor  # [B * n, C, H, W] in [0, 1]
    labels: Tensor  # int64 [B * n]
    masks: tuple[Tensor, ...]  # [B * n, *shape] each

    def masks_by_label(self, images: int) -> tuple[Tensor, ...]:
        """The masks in ascending order of labels within each update of n images.

        That is how attackers order images, who cannot know in which order a client took them.
        """
        labels = self.labels.unflatten(0, (-1, images))
        order = labels.argsort(dim=1, stable=True)
        first = torch.arange(len(labels), device=order.device)[:, None] * images
        return tuple(mask[(first + order).flatten()] for mask in self.masks)


def rows_of(rows: Tensor, clients: Tensor, images: int) -> Tensor:
    """Those of some clients among the rows of n images per client, [B * n, ...].

    Args:
        rows: client by client.
        clients: int64 [K], or bool [B].
        images: n.
    """
    return rows.unflatten(0, (-1, images))[clients].flatten(0, 1)


def share(
    network: Network,
    images: Tensor,
    labels: Tensor,
    keys: Tensor,
    rate: float,
    images_per_client: int = 1,
) -> tuple[Update, Private]:
    """Each client draws a network, and a mask for each image, and computes its mean gradients.

    Args:
        images: [B * n, C, H, W] in [0, 1], client by client; its dtype is that of everything
            computed.
        labels: int64 [B * n].
        keys: int64 [B * n] on the CPU, from `rng.image_keys`; a client's network comes from the
            first of its keys.
        rate: dropout rate in [0, 1).
        images_per_client: n.
    """
    first = keys[::images_per_client]
    weights = uniform_parameters(network, rng.derive(first, rng.Stream.WEIGHTS))
    parameters = {name: tensor.to(images) for name, tensor in weights.items()}
    drawn = dropout_masks(network, rng.derive(keys, rng.Stream.CLIENT_MASK), rate, images.dtype)
    masks = tuple(mask.to(images) for mask in drawn)
    passes = ClientPasses(network, flatten(parameters), images_per_client)
    targets = F.one_hot(labels, network.output_shapes()[-1][0]).to(images)
    gradients = unflatten(network, passes.gradients(images, masks, targets))
    update = Update(network, rate, parameters, gradients, images_per_client)
    return update, Private(images, labels, masks)
