"""Derivatives of the losses of many clients at once, as attacks need them."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from torch import Tensor

from dropleak.engine.backends.autograd.derivatives import ClientAutograd
from dropleak.engine.backends.passes import ClientPasses, has_passes
from dropleak.engine.models.model import Model
from dropleak.engine.models.parameters import rows


class Derivatives(Protocol):
    """Of B clients with n images each."""

    def predict(self, images: Tensor, masks: Sequence[Tensor]) -> Tensor:
        """Probabilities of the classes, [B, n, classes]; arguments as for `gradients`."""

    def gradients(self, images: Tensor, masks: Sequence[Tensor], targets: Tensor) -> Tensor:
        """Gradients of the clients' mean cross-entropy with respect to their parameters.

        Args:
            images: [B, n, C, H, W].
            masks: [B, n, *shape] for each dropout layer.
            targets: probabilities of the classes, [B, n, classes].

        Returns:
            [B, P]
        """

    def features(self) -> Tensor:
        """Inputs of the classifier, [B, n, d], at the point of the last call of `gradients`."""

    def image_gradient(self, direction: Tensor, features: Tensor | None = None) -> Tensor:
        """Derivative of the clients' image gradients in a direction of the parameters.

        At the point for which `gradients` was called last.

        Args:
            direction: [B, P].
            features: slopes of a function of the features, [B, n, d], whose gradient is added.

        Returns:
            [B, n, C, H, W]
        """

    def mask_gradients(self) -> Sequence[Tensor]:
        """The same of the clients' mask gradients, after `image_gradient`: [B, n, *shape] each."""

    def target_gradient(self) -> Tensor:
        """The same of the gradients of the targets, after `image_gradient`: [B, n, classes]."""


def derivatives(
    network: Model, parameters: Mapping[str, Tensor], clients: int, images: int
) -> Derivatives:
    """Written out by hand where a network's layers have them, automatic otherwise.

    Args:
        network: the architecture.
        parameters: [B, *shape] each, or [1, *shape] if all clients share them.
        clients: B.
        images: n.
    """
    if has_passes(network):
        return ClientPasses(network, rows(parameters, clients), images)
    return ClientAutograd(network, parameters)
