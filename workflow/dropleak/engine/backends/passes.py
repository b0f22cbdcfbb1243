"""Derivatives of many small networks at once, each with its own weights, written out by hand.

The gradient of a gradient-matching loss with respect to the image is a mixed second derivative:
with g the gradient of the client's loss L with respect to the parameters, and
v = d(matching loss)/dg,

    d(matching loss)/dx = d/dx (g . v) = R_v{dL/dx},

the derivative of dL/dx in the direction v of the parameters. Pearlmutter ("Fast exact
multiplication by the Hessian", Neural Computation 6, 1994) computes it in four passes, each a few
matrix products per layer: forward, backward, R-forward, R-backward. Automatic differentiation
arrives at the same operations by way of many more.

The same passes give the derivatives with respect to masks and to the targets of the cross-entropy,
for attackers that optimise those as well.

What a layer does in each pass is in `layers.py`. Tensors come and go as [B, n, ...], for n images
of each client; between the layers they are [B * n, ...]. A network's parameters are a row of P
numbers in the order of `Network.parameter_shapes`, or slices of it.
"""

from collections.abc import Sequence
from math import prod
from typing import TypeGuard

import torch
from torch import Tensor

from dropleak.engine.models.layer import Memory
from dropleak.engine.models.layers import Dropout
from dropleak.engine.models.model import Model
from dropleak.engine.models.network import Network


def has_passes(network: Model) -> TypeGuard[Network]:
    """Whether it consists of layers that have them."""
    return isinstance(network, Network)


class ClientPasses:
    """The four passes through the networks of B clients with n images each: `Derivatives`.

    Args:
        network: the architecture they share.
        parameters: [B, P].
        images: n.
    """

    def __init__(self, network: Network, parameters: Tensor, images: int = 1):
        shapes = list(zip(network.layers, network.input_shapes(), strict=True))
        self.images = images
        self.sizes = [
            sum(prod(parameter) for parameter in layer.parameter_shapes(shape).values())
            for layer, shape in shapes
        ]
        self.layers = [(layer, Memory(shape)) for layer, shape in shapes]
        for (layer, memory), part in zip(self.layers, self._split(parameters), strict=True):
            memory.parameters = part
            layer.prepare(memory)

    def _split(self, rows: Tensor) -> Sequence[Tensor]:
        """Each layer's columns of rows [B, P], repeated for every image of a client."""
        if self.images > 1:
            rows = rows.repeat_interleave(self.images, 0)
        return rows.split(self.sizes, 1)

    def _dropouts(self) -> list[tuple[Dropout, Memory]]:
        return [(layer, memory) for layer, memory in self.layers if isinstance(layer, Dropout)]

    def _by_client(self, x: Tensor) -> Tensor:
        """[B * n, ...] to [B, n, ...]."""
        return x.unflatten(0, (-1, self.images))

    def _forward(self, images: Tensor, masks: Sequence[Tensor]) -> Tensor:
        """Probabilities of the classes, [B * n, classes]."""
        for (_, memory), mask in zip(self._dropouts(), masks, strict=True):
            memory.mask = mask.flatten(0, 1)
        x = images.flatten(0, 1)
        for layer, memory in self.layers:
            self._last_input = x
            x = layer.forward(memory, x)
        return x.softmax(1)

    def predict(self, images: Tensor, masks: Sequence[Tensor]) -> Tensor:
        """Probabilities of the classes, [B, n, classes]."""
        return self._by_client(self._forward(images, masks))

    def gradients(self, images: Tensor, masks: Sequence[Tensor], targets: Tensor) -> Tensor:
        """See `Derivatives`; so for the others."""
        self.probabilities = self._forward(images, masks)
        dy = (self.probabilities - targets.flatten(0, 1)) / self.images
        gradients: list[Tensor] = []
        for place, (layer, memory) in reversed(list(enumerate(self.layers))):
            gradients = layer.backward(memory, dy) + gradients
            if place:
                dy = layer.input_gradient(memory)
        rows = torch.cat([gradient.flatten(1) for gradient in gradients], 1)
        return rows if self.images == 1 else self._by_client(rows).sum(1)

    def features(self) -> Tensor:
        return self._by_client(self._last_input)

    def image_gradient(self, direction: Tensor, features: Tensor | None = None) -> Tensor:
        rx: Tensor | None = None  # the image does not depend on the parameters
        for (layer, memory), part in zip(self.layers, self._split(direction), strict=True):
            memory.direction = part
            rx = layer.r_forward(memory, rx)
        assert rx is not None  # as there are layers
        p = self.probabilities
        self.r_logits = (rx - (p * rx).sum(1, keepdim=True)) / self.images
        rdy = p * self.r_logits
        for layer, memory in reversed(self.layers):
            rdy = layer.r_backward(memory, rdy)
            if features is not None:  # the classifier is the last layer
                rdy, features = rdy + features.flatten(0, 1), None
        return self._by_client(rdy)

    def mask_gradients(self) -> list[Tensor]:
        return [self._by_client(layer.mask_gradient(memory)) for layer, memory in self._dropouts()]

    def target_gradient(self) -> Tensor:
        # The cross-entropy's derivative with respect to a target is minus the log-probability.
        return self._by_client(-self.r_logits)
