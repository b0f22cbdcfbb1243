"""Clients and gradient matching problems on digits, in float64."""

import os
import shutil
from collections.abc import Mapping, Sequence

import pytest
import torch
from torch import Tensor
from torch.func import grad
from torch.nn import functional as F

from dropleak.engine import rng
from dropleak.engine.attack.reconstruct import start_row
from dropleak.engine.client.update import compute_update
from dropleak.engine.models.network import Network
from dropleak.engine.models.zoo import lenet
from dropleak.tables import parquet

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
COMPILER = pytest.mark.skipif(
    not shutil.which(os.environ.get("CC", "cc").split()[0]), reason="there is no C compiler"
)


def clients(digits, indices, rate, seed=0, device="cpu", network=None, images=1):
    """Updates and private parts of clients with some digits, and their attackers' keys."""
    rows = digits["test"].take(indices)
    pixels = torch.from_numpy(parquet.decode_pixels(rows["pixels"], (1, 32, 32)) / 255)
    labels = torch.tensor(rows["label"].to_pylist())
    pixels, labels, keys = (
        values.unflatten(0, (-1, images))
        for values in (pixels, labels, rng.image_keys(seed, torch.tensor(indices)))
    )
    network = network or lenet((1, 32, 32), 10)
    update, private = compute_update(network, pixels.to(device), labels.to(device), keys, rate)
    return update, private, rng.attacker_keys(keys)


def loss_gradients(
    network: Network,
    parameters: Mapping[str, Tensor],
    image: Tensor,
    label: Tensor,
    masks: Sequence[Tensor],
) -> dict[str, Tensor]:
    """Gradients of one image's cross-entropy with respect to the parameters, by autograd.

    Args:
        parameters: tensors shaped as `network.parameter_shapes` says, without a batch.
        image: [C, H, W].
        label: int64 scalar.
        masks: one per dropout layer, without a batch.
    """

    def loss(parameters: Mapping[str, Tensor]) -> Tensor:
        return F.cross_entropy(network.forward(parameters, image, masks), label)

    return grad(loss)(dict(parameters))


def by_autograd(objective, x, masks):
    """The distance of gradients and its gradient, by differentiating twice.

    `masks` are [B, n, *shape], for attackers that do not optimise them.
    """
    update, attacker = objective.update, objective.attacker
    scale = 1 / (1 - update.rate)
    x = x.clone().requires_grad_()
    images, own_masks, logits = objective.variables.split(x)
    if objective.masks is None:
        masks = [scale * mask for mask in own_masks]
    distances = []
    for client in range(len(update)):
        own = {name: p[client % len(p)].requires_grad_() for name, p in update.parameters.items()}
        found = update.network.forward(own, images[client], [mask[client] for mask in masks])
        targets = (
            logits[client].softmax(1)
            if objective.labels is None
            else F.one_hot(objective.labels[client], update.network.classes).to(found)
        )
        mean = -(targets * found.log_softmax(1)).sum(1).mean()
        found = torch.autograd.grad(mean, list(own.values()), create_graph=True)
        dummy = torch.cat([gradient.flatten() for gradient in found])
        shared = torch.cat([gradient[client].flatten() for gradient in update.gradients.values()])
        if attacker.normalise:
            norms = [g[client].norm().expand(g[client].numel()) for g in update.gradients.values()]
            dummy, shared = dummy / torch.cat(norms), shared / torch.cat(norms)
        distances.append(
            1 - F.cosine_similarity(dummy, shared, dim=0)
            if attacker.distance == "cosine"
            else (dummy - shared).square().sum()
        )
    value = torch.stack(distances)
    (gradient,) = torch.autograd.grad(value.sum(), x)
    return value.detach(), gradient


def assert_close_to_autograd(objective, keys, tolerance):
    """The value and gradient of two clients' objective at their starts are those of `by_autograd`.

    Args:
        tolerance: relative to the value, and to the largest entry of a client's gradient.
    """
    x, counts = start_row(objective, keys), torch.tensor([0, 3])
    value, gradient = objective(x, counts)
    masks = objective.masks and [mask.squeeze(2) for mask in objective.masks(counts, 1)]
    expected = by_autograd(objective, x, masks)
    torch.testing.assert_close(value, expected[0], rtol=tolerance, atol=0)
    scale = expected[1].abs().amax(1, keepdim=True)
    torch.testing.assert_close(gradient / scale, expected[1] / scale, rtol=0, atol=tolerance)
