"""Training with dropout, and the classification accuracy of the attacked network."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dropleak.engine import rng
from dropleak.engine.client.batch import BatchFindings
from dropleak.engine.defences.defence import Defence
from dropleak.engine.models.model import Model
from dropleak.engine.models.network import Network
from dropleak.engine.models.parameters import Parameters


@dataclass(frozen=True)
class Training:
    """Settings of a training."""

    epochs: int
    batch_size: int
    optimiser: str
    """`adam`, or `sgd` with momentum 0.9."""
    learning_rate: float
    initialisation: str
    """`xavier` (Glorot and Bengio 2010, times the layers' gain), or `uniform` (as attacked)."""


@dataclass(frozen=True)
class Epoch:
    """The results of an epoch; epoch 0 is the initialisation."""

    number: int
    train_loss: float | None
    """Mean over the epoch; None before the first."""
    test_accuracy: float
    seconds: float
    parameters: Parameters
    """After it, without a batch, on the device of the training."""


def train(
    network: Model,
    train_set: tuple[Tensor, Tensor],
    test_set: tuple[Tensor, Tensor],
    rate: float,
    seed: int,
    settings: Training,
    defence: Defence | None = None,
) -> Iterator[Epoch]:
    """Train with dropout at `rate`, test without.

    The initial weights and the order of the images depend only on the seed, so rates are compared
    on the same runs. A module starts from the weights that it has, whatever the seed.

    Args:
        train_set, test_set: images [N, C, H, W] in [0, 1] and labels int64 [N], on one device.
        rate: dropout rate in [0, 1).
        seed: of this run.
        defence: of the gradient of every step.

    Yields:
        before the first epoch and after each.
    """
    images, labels = train_set
    parameters = initial_parameters(network, seed, settings.initialisation)
    parameters = {name: p.to(images, copy=True).requires_grad_() for name, p in parameters.items()}
    network = network.to(images)
    optimiser = _OPTIMISERS[settings.optimiser](list(parameters.values()), settings.learning_rate)
    order = torch.Generator().manual_seed(seed)
    drops = torch.Generator(images.device).manual_seed(seed)
    noise = rng.derive(torch.tensor([seed], device=images.device), rng.Stream.DEFENCE)
    step = 0
    started = time.perf_counter()

    def result(number: int, train_loss: float | None) -> Epoch:
        accuracy = _accuracy(network, parameters, *test_set)
        copies = {name: p.detach().clone() for name, p in parameters.items()}
        return Epoch(number, train_loss, accuracy, time.perf_counter() - started, copies)

    yield result(0, None)
    for number in range(1, settings.epochs + 1):
        started = time.perf_counter()
        total = torch.zeros((), device=images.device)
        permutation = torch.randperm(len(labels), generator=order).to(images.device)
        for batch in _batches(permutation, settings.batch_size):
            masks = [
                (torch.rand(len(batch), *shape, generator=drops, device=images.device) >= rate)
                / (1 - rate)
                for shape in network.dropout_shapes()
            ]
            loss = F.cross_entropy(network.forward(parameters, images[batch], masks), labels[batch])
            optimiser.zero_grad()
            if defence is None:
                loss.backward()
            else:
                given = images[batch], masks, labels[batch]
                findings = BatchFindings.of(network, parameters, *given, loss)
                keys, step = rng.derive(noise, step), step + 1
                for name, gradient in defence.defend(findings, keys).items():
                    parameters[name].grad = gradient[0]
            optimiser.step()
            total += loss.detach() * len(batch)
        yield result(number, float(total) / len(labels))


_OPTIMISERS = {
    "adam": lambda parameters, lr: torch.optim.Adam(parameters, lr, fused=True),
    "sgd": lambda parameters, lr: torch.optim.SGD(parameters, lr, momentum=0.9, fused=True),
}


def initial_parameters(network: Model, seed: int, initialisation: str) -> dict[str, Tensor]:
    """Initial weights and biases: a module's own, else float64 and by the method's name."""
    if not isinstance(network, Network):
        own = network.initial_parameters(torch.zeros(1, dtype=torch.int64))
        return {name: p[0] for name, p in own.items()}
    if initialisation == "uniform":
        keys = rng.image_keys(seed, torch.zeros(1, dtype=torch.int64))
        return {name: p[0] for name, p in network.initial_parameters(keys).items()}
    generator = torch.Generator().manual_seed(seed)
    gain = max(layer.gain for layer in network.layers)
    return {
        name: torch.zeros(shape, dtype=torch.float64)
        if name.endswith("bias")
        else torch.nn.init.xavier_uniform_(
            torch.empty(shape, dtype=torch.float64), gain=gain, generator=generator
        )
        for name, shape in network.parameter_shapes().items()
    }


@torch.no_grad()
def _accuracy(network: Model, parameters: Parameters, images: Tensor, labels: Tensor) -> float:
    """Share of images classified correctly, without dropout."""
    ones = [torch.ones((), device=images.device)] * len(network.dropout_shapes())
    correct = sum(
        (network.forward(parameters, images[batch], ones).argmax(1) == labels[batch]).sum().item()
        for batch in _batches(torch.arange(len(labels), device=labels.device), 1024)
    )
    return correct / len(labels)


def _batches(images: Tensor, size: int) -> list[Tensor]:
    """Indices in batches; a single one that is left over joins the last of them.

    Batch norm has no statistics of a single image where an image is a single value.
    """
    batches = list(images.split(size))
    if len(batches) > 1 and len(batches[-1]) == 1 < size:
        *batches, before, single = batches
        batches.append(torch.cat([before, single]))
    return batches
