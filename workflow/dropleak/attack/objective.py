"""What the attacker minimises: the distance of its dummy gradients from the shared ones."""

from torch import Tensor

from dropleak.attack.masks import POLICIES
from dropleak.attack.passes import ClientPasses
from dropleak.client import Update


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
        self._passes = ClientPasses(update.network, update.parameters, labels)

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
        images = x.reshape(-1, *self.update.network.input_shape)
        dummy = self._passes.gradients(images, self._masks(evaluations))
        difference = {name: dummy[name] - shared for name, shared in self.update.gradients.items()}
        loss = sum(part.square().flatten(1).sum(1) for part in difference.values())
        direction = {name: 2 * part for name, part in difference.items()}
        return loss, self._passes.image_gradient(direction).flatten(1)
