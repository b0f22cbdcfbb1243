"""What the attacker minimises: the distance of its dummy gradients from the shared ones."""

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap

from dropleak.attack.masks import POLICIES
from dropleak.client import Update, loss_gradients


class GradientMatching:
    """Squared Euclidean distance between gradients (Zhu et al. 2019, equation 3), for B problems.

    Args:
        update: what was shared.
        labels: int64 [B], the attacker's.
        keys: int64 [B], the attacker's source of randomness.
        mask_policy: a name in `masks.POLICIES`.
    """

    def __init__(self, update: Update, labels: Tensor, keys: Tensor, mask_policy: str):
        self.update, self.labels, self.keys, self.mask_policy = update, labels, keys, mask_policy
        self._masks = POLICIES[mask_policy](update, keys)

    @property
    def deterministic(self) -> bool:
        """Whether a second evaluation at the same place gives the same value."""
        return self.mask_policy != "resample" or self.update.rate == 0

    def select(self, index: Tensor) -> "GradientMatching":
        """The same objective for the problems at `index` (int64 [K], or bool [B])."""
        return GradientMatching(
            self.update.select(index), self.labels[index], self.keys[index], self.mask_policy
        )

    def __call__(self, x: Tensor, evaluations: Tensor) -> tuple[Tensor, Tensor]:
        """Value and gradient.

        Args:
            x: dummy images in rows, [B, C * H * W].
            evaluations: int64 [B], how often each problem has been evaluated before.

        Returns:
            loss [B] and its gradient [B, C * H * W].
        """
        update = self.update
        gradient, loss = vmap(grad_and_value(self._distance))(
            x, update.parameters, update.gradients, self.labels, self._masks(evaluations)
        )
        return loss.detach(), gradient.detach()

    def _distance(self, x, parameters, gradients, label, masks) -> Tensor:
        image = x.reshape(self.update.network.input_shape)
        dummy = loss_gradients(self.update.network, parameters, image, label, masks)
        return sum(torch.sum((dummy[name] - gradients[name]) ** 2) for name in gradients)
