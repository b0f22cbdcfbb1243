"""Derivatives of any network by automatic differentiation, for many clients at once.

As in `passes.py` the gradient of a gradient-matching loss is a derivative in a direction v:
d/dx (g . v), with g the gradient of a client's loss with respect to its parameters. Here it is the
transpose of the derivative of g, applied to v, by `torch.func`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, cast

import torch
from torch import Tensor
from torch.func import grad, vjp, vmap

from dropleak.engine.backends.autograd.layers import Recorder
from dropleak.engine.models.model import Model

Linearised = tuple[Tensor, Callable[[Tensor], tuple[Tensor, list[Tensor], Tensor]]]
"""Gradients at a point, and the transpose of their derivative with respect to images, masks and
targets."""

_TOGETHER = 8
"""Clients that are differentiated at a time. Second derivatives need 60 MB for a client of mlp, and
137 MB for one of convnet."""


class ClientAutograd:
    """Automatic differentiation of the losses of B clients: `Derivatives`.

    Args:
        network: the architecture they share.
        parameters: [B, *shape] each, or [1, *shape] if all clients share them, which are not
            copied for each.
    """

    @torch.inference_mode(False)
    def __init__(self, network: Model, parameters: Mapping[str, Tensor]):
        self.network = network.to(next(iter(parameters.values())))
        shared = all(len(p) == 1 for p in parameters.values())
        self._dims = None if shared else 0
        self._parameters = {name: ordinary(p[0] if shared else p) for name, p in parameters.items()}

    def predict(self, images: Tensor, masks: Sequence[Tensor]) -> Tensor:
        """Probabilities of the classes, [B, n, classes]."""
        forward = vmap(self.network.forward, in_dims=(self._dims, 0, 0))
        return forward(self._parameters, images, list(masks)).softmax(2)

    @torch.inference_mode(False)
    def gradients(self, images: Tensor, masks: Sequence[Tensor], targets: Tensor) -> Tensor:
        """See `Derivatives`; so for the others."""
        self._point = ordinary(images), [ordinary(mask) for mask in masks], ordinary(targets)
        size = sum(prod(shape) for shape in self.network.parameter_shapes().values())
        rows = images.new_empty(len(images), size)
        for some in self._parts():
            rows[some] = self._gradients(some, *self._at(some))
        return rows

    @torch.inference_mode(False)
    def features(self) -> Tensor:
        return torch.cat([self._features(some, *self._at(some)) for some in self._parts()])

    @torch.inference_mode(False)
    def image_gradient(self, direction: Tensor, features: Tensor | None = None) -> Tensor:
        # Whoever wants gradients alone, as clients do, needs no memory for this.
        found = []
        for some in self._parts():
            point = self._at(some)
            _, transpose = cast(Linearised, vjp(partial(self._gradients, some), *point))
            image, masks, targets = transpose(ordinary(direction[some]))
            if features is not None:
                _, back = cast(Linearised, vjp(partial(self._features, some), *point))
                image = image + back(ordinary(features[some]))[0]
            found.append((image, targets, *masks))
        image, self._targets, *self._masks = map(torch.cat, zip(*found, strict=True))
        return image

    def mask_gradients(self) -> list[Tensor]:
        return self._masks

    def target_gradient(self) -> Tensor:
        return self._targets

    def _parts(self) -> Iterator[slice]:
        """A few clients each."""
        for first in range(0, len(self._point[0]), _TOGETHER):
            yield slice(first, first + _TOGETHER)

    def _at(self, clients: slice) -> tuple[Tensor, list[Tensor], Tensor]:
        """The images, masks and targets of some clients."""
        images, masks, targets = self._point
        return images[clients], [mask[clients] for mask in masks], targets[clients]

    def _parameters_of(self, clients: slice) -> dict[str, Tensor]:
        if self._dims is None:
            return self._parameters
        return {name: p[clients] for name, p in self._parameters.items()}

    def _gradients(
        self, clients: slice, images: Tensor, masks: list[Tensor], targets: Tensor
    ) -> Tensor:
        """Of some clients, which have these images, masks and targets."""
        every = vmap(grad(self._loss), in_dims=(self._dims, 0, 0, 0))
        found = every(self._parameters_of(clients), images, masks, targets)
        return torch.cat([gradient.flatten(1) for gradient in found.values()], 1)

    def _features(
        self, clients: slice, images: Tensor, masks: list[Tensor], targets: Tensor
    ) -> Tensor:
        """As `_gradients`."""
        assert self.network.classifier is not None  # or no features were known
        name = self.network.classifier.weight

        def of_client(parameters: Mapping[str, Tensor], *inputs: Any) -> Tensor:
            with Recorder({name: parameters[name]}) as recorder:
                self.network.forward(parameters, *inputs)
            return recorder.inputs[-1]

        every = vmap(of_client, in_dims=(self._dims, 0, 0))
        return every(self._parameters_of(clients), images, masks)

    def _loss(
        self,
        parameters: Mapping[str, Tensor],
        images: Tensor,
        masks: Sequence[Tensor],
        targets: Tensor,
    ) -> Tensor:
        """Mean cross-entropy of one client's images."""
        logits = self.network.forward(parameters, images, masks)
        return mean_loss(logits, targets)


def mean_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of n images, from [n, classes] each."""
    return -(targets * logits.log_softmax(1)).sum(1).mean()


def ordinary(tensor: Tensor) -> Tensor:
    """One that can be differentiated, unlike those made in inference mode."""
    return tensor.clone() if tensor.is_inference() else tensor
