"""The reference: one image at a time with `torch.optim.LBFGS`, as the iDLG script does it.

Our own implementation of Zhao et al. 2020 and the published script: a module, a closure that
differentiates twice, steps of 20 iterations.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dropleak.engine.attack.reconstruct import ITERATIONS_PER_STEP
from dropleak.engine.client.update import Update


@dataclass
class Result:
    """The result of an attack."""

    image: Tensor  # [C, H, W]
    iterations: int
    evaluations: int


def lenet(channels: int, features: int, classes: int) -> nn.Module:
    """The script's network, without dropout, which has no effect at rate 0."""
    layers = []
    for inputs, stride in ((channels, 2), (12, 2), (12, 1)):
        layers += [nn.Conv2d(inputs, 12, 5, stride=stride, padding=2), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, classes))


def attack(update: Update, label: Tensor, start: Tensor, iterations: int) -> Result:
    """Attack one client that used no dropout.

    Args:
        update: that it shared.
        label: int64 [1].
        start: the dummy image to start from, [1, C, H, W].
        iterations: budget, a multiple of 20.
    """
    assert len(update) == 1
    assert update.rate == 0
    classes, features = update.parameters["classifier.weight"].shape[1:]
    network = lenet(start.shape[1], features, classes).to(start)
    with torch.no_grad():
        for parameter, value in zip(network.parameters(), update.parameters.values(), strict=True):
            parameter.copy_(value[0])
    shared = [gradient[0] for gradient in update.gradients.values()]
    dummy = start.clone().requires_grad_()
    criterion = nn.CrossEntropyLoss()
    optimiser = torch.optim.LBFGS([dummy], lr=1)

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = criterion(network(dummy), label)
        gradients = torch.autograd.grad(loss, network.parameters(), create_graph=True)
        distance = sum(
            ((gradient - target) ** 2).sum()
            for gradient, target in zip(gradients, shared, strict=True)
        )
        distance.backward()
        return distance

    for _ in range(iterations // ITERATIONS_PER_STEP):
        optimiser.step(closure)
    state = optimiser.state[dummy]
    return Result(dummy.detach()[0], state["n_iter"], state["func_evals"])
