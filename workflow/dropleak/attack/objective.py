"""What the attacker minimises: the distance of its dummy gradients from the shared ones."""

from functools import cached_property

import torch
from torch import Tensor

from dropleak.attack.masks import POLICIES
from dropleak.client import Update
from dropleak.models import flatten
from dropleak.passes import ClientPasses


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
        self._weights, self._shared = flatten(update.parameters), flatten(update.gradients)

    @cached_property
    def _passes(self) -> ClientPasses:
        return ClientPasses(self.update.network, self._weights, self.labels)

    @property
    def deterministic(self) -> bool:
        """Whether a second evaluation at the same place gives the same value."""
        return self.mask_policy != "resample" or self.update.rate == 0

    def select(self, index: Tensor) -> "GradientMatching":
        """The same objective for the problems at `index` (int64 [K], or bool [B])."""
        return type(self)(
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
        images = x.reshape(-1, *self.update.network.input_shape)
        masks = [mask.squeeze(1) for mask in self._masks(evaluations, 1)]
        difference = self._passes.gradients(images, masks) - self._shared
        gradient = 2 * self._passes.image_gradient(difference)
        return torch.linalg.vecdot(difference, difference), gradient.flatten(1)
