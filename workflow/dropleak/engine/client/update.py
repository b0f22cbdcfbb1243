"""What a federated learning client computes: the update it shares, and what it keeps private."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from dropleak.engine import rng
from dropleak.engine.client.findings import ClientFindings
from dropleak.engine.defences.defence import Defence
from dropleak.engine.models.dropout import dropout_masks
from dropleak.engine.models.model import Model


@dataclass(frozen=True)
class Update:
    """What a server, and so an attacker, sees of B independent clients with n images each.

    Gradients are means over a client's images, or what its defence makes of them. The dropout rate
    is part of the network's published architecture; the protocol tells how many images an update
    takes, and how clients defend themselves.
    """

    network: Model
    rate: float
    parameters: Mapping[str, Tensor]  # [B, *shape] each, or [1, *shape] if all clients share them
    gradients: Mapping[str, Tensor]  # [B, *shape] each
    images_per_update: int = 1  # n
    defence: Defence | None = None

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

    def select(self, clients: Tensor) -> "Update":
        """The updates of the clients at `clients` (int64 [K], or bool [B])."""
        return replace(
            self,
            parameters={
                name: tensor if len(tensor) == 1 else tensor[clients]
                for name, tensor in self.parameters.items()
            },
            gradients={name: tensor[clients] for name, tensor in self.gradients.items()},
        )


@dataclass(frozen=True)
class Private:
    """What never leaves the B clients with n images each. Only scoring may look at it."""

    images: Tensor  # [B, n, C, H, W] in [0, 1]
    labels: Tensor  # int64 [B, n]
    masks: tuple[Tensor, ...]  # [B, n, *shape] each

    def oracle_masks(self) -> tuple[Tensor, ...]:
        """The masks, for an attacker that is given them: sorted by label within each update.

        Attackers cannot know in which order a client took its images, so they sort them by label.
        """
        order = self.labels.argsort(dim=1, stable=True)
        clients = torch.arange(len(order), device=order.device)[:, None]
        return tuple(mask[clients, order] for mask in self.masks)


def compute_update(
    network: Model,
    images: Tensor,
    labels: Tensor,
    keys: Tensor,
    rate: float,
    like: Tensor | None = None,
    weights: Mapping[str, Tensor] | None = None,
    defence: Defence | None = None,
) -> tuple[Update, Private]:
    """Each client draws a mask for each image, computes its mean gradients, and defends them.

    Args:
        images: [B, n, C, H, W] in [0, 1].
        labels: int64 [B, n].
        keys: int64 [B, n] on the CPU, from `rng.image_keys`; weights that a client draws come from
            the first of its keys.
        rate: dropout rate in [0, 1).
        like: a tensor with the device and dtype to compute with; by default those of the images.
        weights: of all clients, [1, *shape] by name; by default the network's initial ones.
        defence: what it does to the gradients before it shares them.
    """
    like = images if like is None else like
    n = images.shape[1]
    if weights is None:
        weights = network.initial_parameters(rng.derive(keys[:, 0], rng.Stream.WEIGHTS))
    parameters = {name: weights[name].to(like) for name in network.parameter_shapes()}
    drawn = dropout_masks(network, rng.derive(keys, rng.Stream.CLIENT_MASK), rate, like.dtype)
    masks = tuple(mask.to(like) for mask in drawn)
    targets = F.one_hot(labels, network.classes).to(like)
    findings = ClientFindings(network, parameters, images.to(like), masks, targets)
    if defence is None:
        gradients = findings.gradients()
    else:
        gradients = defence.defend(findings, rng.derive(keys[:, 0], rng.Stream.DEFENCE))
    update = Update(network, rate, parameters, gradients, n, defence)
    return update, Private(images, labels, masks)
