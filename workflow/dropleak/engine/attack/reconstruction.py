"""The result of an attack, and how it ended."""

from dataclasses import dataclass
from enum import StrEnum

from torch import Tensor

from dropleak.engine.attack.masks import Masks
from dropleak.engine.attack.separation import Claims


class Status(StrEnum):
    """How an attack ended."""

    CONVERGED = "converged"
    """At rest: by torch's tolerances no further iteration changes it."""
    STALLED = "stalled"
    """The last step ended early on a tolerance, but another one could still move it."""
    DIVERGED = "diverged"
    """The loss overflowed, or the image exploded."""
    EXHAUSTED = "exhausted"
    """The iterations were used up while the loss was still changing."""
    STOPPED = "stopped"
    """Early stopping ended it: the loss was low enough, or had not fallen for long enough."""
    VANISHED = "vanished"
    """The shared gradient is numerically empty (see `vanishing`), however the attack ended."""
    INAPPLICABLE = "inapplicable"
    """The attacker cannot attack such a client (see `closed_form`)."""


EXPLODED = 100.0
"""Root mean square of a dummy image, in units of the pixel range, beyond which it has exploded."""


def exploded(images: Tensor) -> Tensor:
    """Whether a client's images [B, n, C, H, W] have exploded: bool [B]."""
    return images.flatten(1).square().mean(1).sqrt() > EXPLODED


@dataclass(frozen=True)
class Reconstruction:
    """The attacker's result for B clients with n images each."""

    images: Tensor  # [B, n, C, H, W], not clipped
    labels: Tensor  # int64 [B, n]
    loss: Tensor  # [B], at `images`
    match: Tensor  # [B], the distance of gradients there, which is the loss without priors
    status: tuple[Status, ...]  # B times
    iterations: Tensor  # int64 [B], iterations of the optimiser
    evaluations: Tensor  # int64 [B], evaluations of the objective
    masks: Masks | None  # bool [B, n, *shape] each: kept features, if the attacker looked for them
    claims: Claims | None  # its claims about masks that it read, in their order
    restart: Tensor  # int64 [B], index of the start that was kept

    def select(self, clients: Tensor) -> "Reconstruction":
        """The results for the clients at `clients` (int64 [K])."""
        indices = clients.tolist()
        return Reconstruction(
            self.images[clients],
            self.labels[clients],
            self.loss[clients],
            self.match[clients],
            tuple(self.status[index] for index in indices),
            self.iterations[clients],
            self.evaluations[clients],
            None if self.masks is None else tuple(mask[clients] for mask in self.masks),
            None if self.claims is None else tuple(self.claims[index] for index in indices),
            self.restart[clients],
        )
